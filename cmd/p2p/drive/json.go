package drive

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Message is a line of what p2p writes with -j. It has the keys that tests look
// at; see `p2p help json`.
type Message struct {
	MessageType string   `json:"message_type"`
	Command     string   `json:"command"`
	Kind        string   `json:"kind"`
	State       string   `json:"state"`
	InfoHash    string   `json:"info_hash"`
	Listen      string   `json:"listen"`
	Announce    []string `json:"announce"`
	Complete    bool     `json:"complete"`
	BytesDone   int64    `json:"bytes_done"`
	TotalBytes  int64    `json:"total_bytes"`
	PieceLength int64    `json:"piece_length"`
	Downloaded  int64    `json:"downloaded"`
	Uploaded    int64    `json:"uploaded"`
	Wasted      int64    `json:"wasted"`
	Path        string   `json:"path"`
	ExitCode    int      `json:"exit_code"`
	Peers       struct {
		Connected int `json:"connected"`
	} `json:"peers"`
	Library struct {
		Torrents   int `json:"torrents"`
		Shared     int `json:"shared"`
		Active     int `json:"active"`
		Awake      int `json:"awake"`
		Failed     int `json:"failed"`
		Goroutines int `json:"goroutines"`
	} `json:"library"`
	Detail struct {
		Path  string `json:"path"`
		Error string `json:"error"`
	} `json:"detail"`
}

// Messages returns the JSON lines that p2p has written so far. A line that is
// not JSON fails the test: nothing else may be on stdout.
func (p *Process) Messages() []Message {
	p.t.Helper()
	out := p.Out()
	out = out[:strings.LastIndexByte(out, '\n')+1] // one that is killed may leave half a line
	var all []Message
	for line := range strings.Lines(out) {
		var m Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			p.t.Fatalf("%s -j wrote %q: %v", p.name, line, err)
		}
		all = append(all, m)
	}
	return all
}

// Summary returns the last of the Messages, which has to be a summary.
func (p *Process) Summary() Message {
	p.t.Helper()
	all := p.Messages()
	if len(all) == 0 || all[len(all)-1].MessageType != "summary" {
		p.t.Fatalf("%s -j did not end with a summary", p.name)
	}
	return all[len(all)-1]
}

// Started waits for the first Message of p2p, which says where it listens.
func (p *Process) Started(limit time.Duration) Message {
	p.t.Helper()
	Eventually(p.t, limit, p.name+" does not start", func() bool { return len(p.Messages()) > 0 })
	return p.Messages()[0]
}

// Last returns the newest Message of a type, or false when there is none.
func Last(t testing.TB, p *Process, messageType string) (last Message, ok bool) {
	t.Helper()
	for _, m := range p.Messages() {
		if m.MessageType == messageType {
			last, ok = m, true
		}
	}
	return last, ok
}
