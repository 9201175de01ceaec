//go:build interop && linux

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// transmission is transmission-daemon, told what to do over its RPC.
type transmission struct{}

func (transmission) String() string     { return "transmission" }
func (transmission) programs() []string { return []string{"transmission-daemon"} }

func (c transmission) seed(t *testing.T, j job) *drive.Process {
	d := c.start(t, "transmission seed", j)
	d.await(t, patience, "has not found the files", func(s torrentState) bool { return s.Left == 0 && s.Status == statusSeed })
	return d.process
}

func (c transmission) get(t *testing.T, j job) func(time.Duration) {
	d := c.start(t, "transmission get", j)
	return func(limit time.Duration) {
		d.await(t, limit, "has not got everything", func(s torrentState) bool { return s.Left == 0 && s.Status == statusSeed })
		d.process.Signal(os.Interrupt) // it writes the rest and tells the tracker
		d.process.Wait(patience)
	}
}

// daemon is a transmission-daemon with one torrent.
type daemon struct {
	process *drive.Process
	url     string
	session string // the id that it wants to be called with
}

func (transmission) start(t *testing.T, name string, j job) *daemon {
	t.Helper()
	home, rpc := t.TempDir(), newAddr()
	bind, port := "bind-address-ipv4", peerPort
	if j.at.Is6() {
		// It asks trackers over IPv6 only where it may use any address of IPv4, so the port is its own.
		bind, port = "bind-address-ipv6", peerPort+100+int(last8(j.at))
	}
	settings, err := json.Marshal(map[string]any{
		bind: j.at.String(), "peer-port": port,
		"rpc-bind-address": rpc.String(), "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": false,
		"dht-enabled": false, "lpd-enabled": false, "port-forwarding-enabled": false,
		// Transmission 3.00 tries µTP first, and when that is refused opens a TCP
		// connection that it closes at once; the next try is many minutes off.
		"utp-enabled":            false,
		"speed-limit-up-enabled": j.limit > 0, "speed-limit-up": j.limit / 1000,
		"download-dir": j.dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "settings.json"), settings, 0o600); err != nil {
		t.Fatal(err)
	}
	d := &daemon{url: fmt.Sprintf("http://%v:9091/transmission/rpc", rpc)}
	d.process = drive.Start(t, drive.Command{Name: name, Path: "transmission-daemon", Args: []string{
		"--foreground", "--config-dir", home, "--log-debug"}})
	drive.Eventually(t, patience, name+" does not answer", func() bool {
		return d.call("torrent-add", map[string]any{"filename": j.torrent}, nil) == nil
	})
	return d
}

// torrentState is how a torrent stands, according to Transmission.
type torrentState struct {
	Left   int64  `json:"leftUntilDone"`
	Status int    `json:"status"`
	Error  string `json:"errorString"`
}

const statusSeed = 6

func (d *daemon) await(t *testing.T, limit time.Duration, what string, done func(torrentState) bool) {
	t.Helper()
	var s torrentState
	drive.Eventually(t, limit, "transmission "+what, func() bool {
		var answer struct {
			Torrents []torrentState `json:"torrents"`
		}
		err := d.call("torrent-get", map[string]any{"fields": []string{"leftUntilDone", "status", "errorString"}}, &answer)
		if err != nil || len(answer.Torrents) != 1 {
			return false
		}
		s = answer.Torrents[0]
		return done(s)
	})
}

// call calls a method of Transmission's RPC.
func (d *daemon) call(method string, arguments map[string]any, into any) error {
	b, err := json.Marshal(map[string]any{"method": method, "arguments": arguments})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, d.url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("X-Transmission-Session-Id", d.session)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusConflict { // it tells its id
		again := resp.Header.Get("X-Transmission-Session-Id") != d.session
		d.session = resp.Header.Get("X-Transmission-Session-Id")
		if again {
			return d.call(method, arguments, into)
		}
	}
	var answer struct {
		Result    string          `json:"result"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", resp.Status, err)
	}
	if answer.Result != "success" {
		return fmt.Errorf("transmission says %q", answer.Result)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Arguments, into)
}
