package link

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"p2p/piece"
)

// What the other end reads shows in Taken, while the write that it makes room for waits; and what lies there does not.
func TestTakenTellsWhatLeavesWhileAWriteWaits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	const size = 64 << 20 // more than sockets hold
	r := newRig(t, size, size)
	if since := r.Waits(); !since.IsZero() {
		t.Errorf("a write waits since %v, before there is one", since)
	}
	for k := range size / piece.BlockSize {
		r.Serve(r.layout.Block(r.layout.MustIndex(0), k))
	}
	go func() {
		for b := range r.inbox {
			b.Recycle()
		}
	}()
	t.Cleanup(func() { r.Close(io.EOF) })
	full := func() bool { since := r.Waits(); return !since.IsZero() && time.Since(since) > 300*time.Millisecond }
	soon(t, "no write waits, although nobody reads", full)
	lies, since := r.Taken(), r.Waits()
	if lies <= 0 || lies >= size {
		t.Errorf("%d bytes were taken by one that does not read", lies)
	}
	if _, err := io.CopyN(io.Discard, r.peer, lies); err != nil {
		t.Fatal(err)
	}
	soon(t, "what was read does not show", func() bool { return r.Taken() > lies })
	t.Logf("%d, then %d bytes; the same write: %v", lies, r.Taken(), since.Equal(r.Waits()))
	if over := (&Link{cfg: Config{Conn: tls.Server(r.cfg.Conn, nil)}}); over.Taken() <= lies {
		t.Errorf("inside TLS, %d bytes were taken", over.Taken())
	}
}

// Who cannot tell says so.
func TestAPipeDoesNotTellWhatIsTaken(t *testing.T) {
	conn, _ := net.Pipe()
	if n := (&Link{cfg: Config{Conn: conn}}).Taken(); n != -1 {
		t.Errorf("%d bytes", n)
	}
}

func soon(t *testing.T, why string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(why)
		}
	}
}
