// Package exttest has a peer for the tests of extensions: it remembers what was
// sent to it.
package exttest

import (
	"iter"
	"net/netip"
	"slices"

	"p2p/peer/ext"
	"p2p/peer/wire"
	"p2p/piece"
)

// Peer is a peer that a test plays by hand. It implements ext.Peer; the fields
// are what its methods return.
type Peer struct {
	Number  piece.PeerKey
	From    netip.AddrPort
	Home    netip.AddrPort
	WeDid   bool // we dialled it
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
