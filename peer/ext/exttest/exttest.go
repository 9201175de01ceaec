// Package exttest has a peer for the tests of extensions, which remembers what was
// sent to it, and a Loop, which does what they post.
package exttest

import (
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/wire"
	"p2p/piece"
)

// Peer is a peer that a test plays by hand. It implements ext.Peer; the fields
// are what its methods return.
type Peer struct {
	Number  piece.PeerKey
	From    netip.AddrPort
	Home    netip.AddrPort
	Who     identity.Key // zero = the connection is plain
	WeDid   bool         // we dialled it
	Says    wire.ExtHandshake
	HasAll  bool
	Deaf    bool     // Send fails
	Sent    []string // messages that nobody has taken yet
	Classes []ext.Class
	Closed  error // why the extension closed it
}

// Key implements ext.Peer.
func (p *Peer) Key() piece.PeerKey { return p.Number }

// Addr implements ext.Peer.
func (p *Peer) Addr() netip.AddrPort { return p.From }

// Device implements ext.Peer.
func (p *Peer) Device() identity.Key { return p.Who }

// Listen implements ext.Peer.
func (p *Peer) Listen() netip.AddrPort { return p.Home }

// Dialled implements ext.Peer.
func (p *Peer) Dialled() bool { return p.WeDid }

// Hello implements ext.Peer.
func (p *Peer) Hello() wire.ExtHandshake { return p.Says }

// Seed implements ext.Peer.
func (p *Peer) Seed() bool { return p.HasAll }

// Send implements ext.Peer.
func (p *Peer) Send(class ext.Class, payload []byte) bool {
	if p.Deaf || p.Closed != nil || len(payload) > ext.MaxPayload {
		return false
	}
	p.Sent, p.Classes = append(p.Sent, string(payload)), append(p.Classes, class)
	return true
}

// Close implements ext.Peer.
func (p *Peer) Close(why error) {
	if p.Closed == nil {
		p.Closed = why
	}
}

// Take returns what was sent since the last call.
func (p *Peer) Take() []string {
	sent := p.Sent
	p.Sent, p.Classes = nil, nil
	return sent
}

// Peers returns the Peers of an ext.Torrent that has those in list.
func Peers(list *[]*Peer) func() iter.Seq[ext.Peer] {
	return func() iter.Seq[ext.Peer] {
		return func(yield func(ext.Peer) bool) {
			for _, p := range slices.Clone(*list) {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// Loop stands for the goroutine that owns a torrent: its Do is that of an ext.Torrent, and
// what was posted waits until the test calls Run. The zero value is ready to
// use. Do may be called from any goroutine.
type Loop struct {
	mu     sync.Mutex
	posted []func(now time.Time)
	closed bool
}

// Do is the Do of an ext.Torrent.
func (l *Loop) Do(f func(now time.Time)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.posted) >= ext.MaxPosted {
		return false
	}
	l.posted = append(l.posted, f)
	return true
}

// Run calls what was posted, also what is posted meanwhile, and returns how much that
// was.
func (l *Loop) Run(now time.Time) (done int) {
	for {
		l.mu.Lock()
		todo := l.posted
		l.posted = nil
		l.mu.Unlock()
		if len(todo) == 0 {
			return done
		}
		for _, f := range todo {
			f(now)
		}
		done += len(todo)
	}
}

// Close drops what was posted, and refuses what comes.
func (l *Loop) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posted, l.closed = nil, true
}
