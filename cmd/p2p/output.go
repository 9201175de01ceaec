package main

import (
	"encoding/json"
	"io"

	"p2p/cmd/p2p/text"
	"p2p/peer"
)

// schema is the version of the JSON lines. It changes only when a key goes away
// or changes its meaning; new keys may come at any time.
const schema = 1

// writeJSON writes v as one line, in which nothing moves the cursor of a terminal, or turns the direction of what follows.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(text.JSONWriter(w))
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// emit writes v as one line of JSON on stdout, with -j.
func (a *app) emit(v any) error {
	if !a.globals.json {
		return nil
	}
	return writeJSON(a.out, v)
}

// The messages of a transfer. Sizes are bytes, times seconds; keys follow
// restic's message_type and never carry text in a human language.

type startMessage struct {
	MessageType string  `json:"message_type"` // start
	Schema      int     `json:"schema"`
	Version     string  `json:"version"`
	Command     string  `json:"command"`
	InfoHash    string  `json:"info_hash,omitempty"`
	InfoHashV2  *string `json:"info_hash_v2"`
	Name        string  `json:"name"`
	TotalBytes  int64   `json:"total_bytes"`
	PieceLength int64   `json:"piece_length,omitempty"`
	PieceCount  int     `json:"piece_count,omitempty"`
	Files       int     `json:"files,omitempty"`

	Listen   string     `json:"listen,omitempty"`   // the address for peers
	Torrent  string     `json:"torrent,omitempty"`  // seed: path of the torrent that was made
	Announce [][]string `json:"announce,omitempty"` // seed: its trackers, in tiers
}

type trackerMessage struct {
	MessageType string   `json:"message_type"` // start
	Schema      int      `json:"schema"`
	Version     string   `json:"version"`
	Command     string   `json:"command"` // tracker
	Listen      string   `json:"listen"`
	Announce    []string `json:"announce"`
	Stats       string   `json:"stats"`             // page for people
	Metrics     string   `json:"metrics,omitempty"` // page for Prometheus
	People      string   `json:"people,omitempty"`  // its directory, with the key
}

type statusMessage struct {
	MessageType      string         `json:"message_type"` // status
	InfoHash         string         `json:"info_hash,omitempty"`
	State            string         `json:"state"`
	PercentDone      float64        `json:"percent_done"` // 0 to 1
	BytesDone        int64          `json:"bytes_done"`
	TotalBytes       int64          `json:"total_bytes"`
	DownRate         int64          `json:"down_rate"`
	UpRate           int64          `json:"up_rate"`
	Peers            *peersObject   `json:"peers,omitempty"`
	PiecesDone       int            `json:"pieces_done"`
	HashFails        int            `json:"hash_fails"`
	Ratio            float64        `json:"ratio"`
	SecondsElapsed   int64          `json:"seconds_elapsed"`
	SecondsRemaining *int64         `json:"seconds_remaining"`    // null: not known
	DownLimit        *int64         `json:"down_limit,omitempty"` // while peers are served; 0 = none
	UpLimit          *int64         `json:"up_limit,omitempty"`
	FilesDone        *int           `json:"files_done,omitempty"`  // while the state is finishing: those that have their names
	FilesTotal       *int           `json:"files_total,omitempty"` // likewise: all that are wanted
	Library          *libraryObject `json:"library,omitempty"`     // of many torrents
}

// limits adds those of a node.
func (m *statusMessage) limits(n *peer.Node) {
	down, up := n.Limits()
	m.DownLimit, m.UpLimit = &down, &up
}

// libraryObject is how many torrents stand.
type libraryObject struct {
	Torrents   int      `json:"torrents"` // torrent files
	Shared     int      `json:"shared"`
	Active     int      `json:"active"` // shared, and somebody is connected
	Awake      int      `json:"awake"`  // shared, and in memory
	Checking   int      `json:"checking"`
	Failed     int      `json:"failed"`
	Uploaded   int64    `json:"uploaded"`
	Goroutines int      `json:"goroutines"` // of this process
	Down       []string `json:"trackers_down"`
}

type peersObject struct {
	Connected int `json:"connected"`
	Seeds     int `json:"seeds"`
	Sending   int `json:"sending"`
	Receiving int `json:"receiving"`
}

type eventMessage struct {
	MessageType string         `json:"message_type"` // event
	Kind        string         `json:"kind"`
	Detail      map[string]any `json:"detail"`
}

func event(kind string, detail map[string]any) eventMessage {
	return eventMessage{"event", kind, detail}
}

type summaryMessage struct {
	MessageType    string `json:"message_type"` // summary
	InfoHash       string `json:"info_hash,omitempty"`
	Complete       bool   `json:"complete"`
	BytesDone      int64  `json:"bytes_done"`
	TotalBytes     int64  `json:"total_bytes"`
	Downloaded     int64  `json:"downloaded"`
	Uploaded       int64  `json:"uploaded"`
	Wasted         int64  `json:"wasted"`
	SecondsElapsed int64  `json:"seconds_elapsed"`
	MeanRate       int64  `json:"mean_rate"`
	Path           string `json:"path"`
	ExitCode       int    `json:"exit_code"`
}
