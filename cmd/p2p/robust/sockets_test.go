//go:build unix

package robust

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	tracker "p2p/tracker/serve"
)

// handed are sockets that a service manager keeps open, on one port number: one
// for streams and, as the unit has it, one for datagrams for every core.
type handed struct {
	files []*os.File
	addr  string
}

func newHanded(t *testing.T) handed {
	t.Helper()
	sockets, err := tracker.Bind(2, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sockets.Close()
	h := handed{addr: sockets.HTTP[0].Addr().String()}
	add := func(f *os.File, err error) {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		h.files = append(h.files, f)
	}
	for _, l := range sockets.HTTP {
		add(l.(*net.TCPListener).File())
	}
	for _, c := range sockets.UDP {
		add(c.File())
	}
	return h
}

// manager is where a service says how it is (sd_notify).
func manager(t *testing.T) (told func() string, path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2p") // the path of a socket has a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}, path
}

// start starts a tracker with the sockets, as systemd would: LISTEN_PID is that
// of the program, which a shell learns by becoming it.
func (h handed) start(t *testing.T, env ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" tracker --listen 198.51.100.1:1`, binary)
	cmd.Env = append(os.Environ(), fmt.Sprint("LISTEN_FDS=", len(h.files)), "LISTEN_FDNAMES=http:udp", "XDG_STATE_HOME="+t.TempDir(), "XDG_RUNTIME_DIR=", "P2P_LANG=en")
	cmd.Env = append(cmd.Env, env...)
	cmd.ExtraFiles = h.files
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the tracker ends with %v\n%s", err, errs.String())
		}
	}
	t.Cleanup(stop)
	return stop
}

// announce asks over HTTP, and takes as long as it takes.
func (h handed) announce() error {
	client := http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + h.addr + "/announce?info_hash=" + strings.Repeat("a", 20) +
		"&peer_id=-XX0000-abcdefghijkl&port=6881&compact=1&left=1")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && !bytes.Contains(body, []byte("8:interval")) {
		err = fmt.Errorf("the answer is %q", body)
	}
	return err
}

// connect asks for a connection id over UDP, once.
func (h handed) connect() error {
	conn, err := net.Dial("udp", h.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	// BEP 15: the magic constant, action 0, and a transaction id.
	if _, err := conn.Write([]byte{0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4}); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	if err == nil && (n != 16 || !bytes.Equal(answer[:8], []byte{0, 0, 0, 0, 1, 2, 3, 4})) {
		err = fmt.Errorf("the answer is %x", answer[:n])
	}
	return err
}

// TestARestartWithSocketsOfTheServiceManagerLosesNothing asks a tracker that is
// running, none, and the next one: what comes while there is none waits.
func TestARestartWithSocketsOfTheServiceManagerLosesNothing(t *testing.T) {
	t.Parallel()
	h := newHanded(t)
	told, path := manager(t)
	stop := h.start(t, "NOTIFY_SOCKET="+path)
	if got := told(); got != "READY=1" {
		t.Errorf("the service manager is told %q first", got)
	}
	for _, ask := range []func() error{h.announce, h.connect} {
		if err := ask(); err != nil {
			t.Fatalf("the first tracker: %v", err)
		}
	}
	stop()
	if got := told(); got != "STOPPING=1" {
		t.Errorf("the service manager is told %q at the end", got)
	}
	const each = 5
	answers := make(chan error, 2*each)
	for range each {
		go func() { answers <- h.announce() }()
		go func() { answers <- h.connect() }()
	}
	h.start(t)
	for range 2 * each {
		if err := <-answers; err != nil {
			t.Errorf("asked while no tracker was there: %v", err)
		}
	}
}
