package swarm_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

// desk is one Core and a test that plays everything around it by hand.
type desk struct {
	*swarm.Core
	t       *testing.T
	layout  piece.Layout
	now     time.Time
	effects []swarm.Effect // of the last step
	asked   map[piece.PeerKey][]piece.Block
}

// newDesk makes a Core with the pieces of have, of a torrent of pieces of two
// blocks. Its peer id begins with id.
func newDesk(t *testing.T, id byte, pieces int, have ...int) *desk {
	t.Helper()
	return newDeskOf(t, swarm.Config{PeerID: [20]byte{id}}, pieces, have...)
}

func newDeskOf(t *testing.T, cfg swarm.Config, pieces int, have ...int) *desk {
	t.Helper()
	l, err := piece.NewLayout(int64(pieces)*2*piece.BlockSize, 2*piece.BlockSize)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Layout = l
	cfg.Have, cfg.Wanted = piece.NewBitfield(pieces), piece.NewBitfield(pieces)
	cfg.Wanted.SetAll()
	for _, n := range have {
		cfg.Have.Set(l.MustIndex(n))
	}
	cfg.Rand = rand.New(rand.NewPCG(uint64(cfg.PeerID[0]), 1))
	return &desk{Core: swarm.NewCore(cfg), t: t, layout: l, now: epoch, asked: make(map[piece.PeerKey][]piece.Block)}
}

// step does something and settles, as one round of the Loop.
func (d *desk) step(do func(now time.Time)) {
	d.t.Helper()
	do(d.now)
	d.Settle(d.now)
	d.effects = append([]swarm.Effect(nil), d.Effects()...)
	if err := d.Check(true); err != nil {
		d.t.Fatal(err)
	}
	for _, e := range d.effects {
		if e.Kind == swarm.Do && e.Event.Kind == session.Ask {
			d.asked[e.Peer] = append(d.asked[e.Peer], e.Event.Block)
		}
	}
}

// give lets a peer send blocks that it was asked for.
func (d *desk) give(key piece.PeerKey, blocks int) {
	d.t.Helper()
	for range blocks {
		b := d.asked[key][0]
		d.asked[key] = d.asked[key][1:]
		d.step(func(now time.Time) {
			d.Arrived(now, key, b, true)
			d.Fill(now, key)
		})
	}
}

// pass lets time pass, and returns all effects.
func (d *desk) pass(dur time.Duration) []swarm.Effect {
	d.t.Helper()
	var all []swarm.Effect
	for end := d.now.Add(dur); d.now.Before(end); {
		d.now = d.now.Add(swarm.TickEvery)
		d.step(d.Tick)
		all = append(all, d.effects...)
	}
	return all
}

// peer returns a candidate at 10.0.0.id.
func peer(id byte, dialled bool) swarm.Candidate {
	port := uint16(40000)
	if dialled {
		port = 6881
	}
	return swarm.Candidate{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, id}), port), ID: [20]byte{id}, Dialled: dialled, Fast: true, Ext: true}
}

func home(id byte) netip.AddrPort { return peer(id, true).Addr }

// dialTo lets the Core dial somebody.
func (d *desk) dialTo(addr netip.AddrPort) {
	d.t.Helper()
	d.AddAddr(addr, false)
	if all := d.pass(swarm.TickEvery); count(all, swarm.Dial) != 1 {
		d.t.Fatalf("%v is not dialled", addr)
	}
}

func (d *desk) join(c swarm.Candidate) (key piece.PeerKey, err error) {
	d.t.Helper()
	d.step(func(now time.Time) { key, err = d.Join(now, c) })
	return key, err
}

func (d *desk) mustJoin(c swarm.Candidate, messages ...wire.ID) piece.PeerKey {
	d.t.Helper()
	key, err := d.join(c)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, id := range messages {
		d.hear(key, wire.Message{ID: id})
	}
	return key
}

func (d *desk) hear(key piece.PeerKey, m wire.Message) {
	d.t.Helper()
	d.step(func(now time.Time) { d.Handle(now, key, m) })
}

func count(effects []swarm.Effect, kind swarm.EffectKind) int {
	n := 0
	for _, e := range effects {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// sent returns to whom a message was sent.
func sent(effects []swarm.Effect, id wire.ID) []piece.PeerKey {
	var keys []piece.PeerKey
	for _, e := range effects {
		if e.Kind == swarm.Do && e.Event.Kind == session.Send && e.Event.Msg.ID == id {
			keys = append(keys, e.Peer)
		}
	}
	return keys
}

// asks returns the blocks that a peer is asked for.
func asks(effects []swarm.Effect, key piece.PeerKey) []piece.Block {
	var blocks []piece.Block
	for _, e := range effects {
		if e.Kind == swarm.Do && e.Event.Kind == session.Ask && e.Peer == key {
			blocks = append(blocks, e.Event.Block)
		}
	}
	return blocks
}

// closed returns why the connection of a peer was ended.
func closed(effects []swarm.Effect, key piece.PeerKey) error {
	for _, e := range effects {
		if e.Kind == swarm.Close && e.Peer == key {
			return e.Err
		}
	}
	return nil
}

func (d *desk) connected() int {
	n := 0
	d.Members(func(swarm.Member) { n++ })
	return n
}
