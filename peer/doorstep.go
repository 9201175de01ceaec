package peer

import (
	"net"
	"slices"
	"sync"
)

// maxGreeting is how many connections may be in their handshakes at once, each
// way.
const maxGreeting = 64

// doorstep holds the connections of those who called and have not said yet which
// torrent they mean. There is room for maxGreeting of them; when one more comes,
// the one that has been silent longest has to go. So nobody can shut the others
// out by opening connections and saying nothing: who says what he wants needs a
// place for one round trip only.
type doorstep struct {
	mu    sync.Mutex
	conns []net.Conn // longest first
}

// enter takes a connection in.
func (d *doorstep) enter(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.conns) >= maxGreeting {
		d.conns[0].Close()
		d.conns = slices.Delete(d.conns, 0, 1)
	}
	d.conns = append(d.conns, c)
}

// leave lets a connection go, which has been closed or belongs to somebody else
// from now on.
func (d *doorstep) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := slices.Index(d.conns, c); at >= 0 {
		d.conns = slices.Delete(d.conns, at, at+1)
	}
}
