package swarm_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

func TestAFreeSlotIsGivenAtOnce(t *testing.T) {
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, Slots: 2}, 4, 0, 1)
	first := d.mustJoin(peer(2, false), wire.HaveNone, wire.Interested)
	if len(sent(d.effects, wire.Unchoke)) != 1 {
		t.Fatal("the first who is interested waits")
	}
	d.pass(3 * time.Second)
	second := d.mustJoin(peer(3, false), wire.HaveNone, wire.Interested)
	third := d.mustJoin(peer(4, false), wire.HaveNone, wire.Interested)
	if n := len(sent(d.effects, wire.Unchoke)); n != 0 {
		t.Fatal("a third is unchoked with two slots")
	}
	d.step(func(now time.Time) { d.Leave(now, second) })
	if got := sent(d.effects, wire.Unchoke); len(got) != 1 || got[0] != third {
		t.Fatalf("unchoked after one has left: %v", got)
	}
	fourth := d.mustJoin(peer(5, false), wire.HaveNone, wire.Interested)
	d.hear(first, wire.Message{ID: wire.NotInterested})
	if got := sent(d.effects, wire.Unchoke); len(got) != 1 || got[0] != fourth {
		t.Fatalf("unchoked after one has lost interest: %v", got)
	}
	if got := sent(d.effects, wire.Choke); len(got) != 1 || got[0] != first {
		t.Fatalf("choked for that: %v", got)
	}
}

// BEP 3: "avoids fibrillation by only changing who's choked once every ten
// seconds": whoever wants its slot keeps it in between, whatever others do.
func TestNobodyIsChokedInBetween(t *testing.T) {
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, Slots: 3}, 4, 0, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	var keys []piece.PeerKey
	interested := map[piece.PeerKey]bool{}
	for n := range byte(9) {
		keys = append(keys, d.mustJoin(peer(10+n, false), wire.HaveNone))
	}
	for range 2000 {
		d.now = d.now.Add(time.Duration(rng.IntN(200)) * time.Millisecond)
		if rng.IntN(3) == 0 {
			d.step(d.Tick)
			continue // this may be the tenth second
		}
		key := keys[rng.IntN(len(keys))]
		m := wire.Message{ID: wire.Interested}
		if rng.IntN(2) == 0 {
			m.ID = wire.NotInterested
		}
		interested[key] = m.ID == wire.Interested
		d.hear(key, m)
		for _, choked := range sent(d.effects, wire.Choke) {
			if interested[choked] {
				t.Fatalf("peer %d is choked because peer %d sends %v", choked, key, m.ID)
			}
		}
	}
}

// What a peer has given counts for some rounds: one that pauses for ten seconds
// does not lose its slot to one that gives a little all the time.
func TestAPartnerThatPausesKeepsItsSlot(t *testing.T) {
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, Slots: 2}, 200, 0)
	// Two slots: one for who gives most, one by chance.
	var keys []piece.PeerKey
	for n := range byte(6) {
		key := d.mustJoin(peer(10+n, false))
		d.hear(key, wire.Message{ID: wire.Bitfield, Payload: append(bytes.Repeat([]byte{0xff}, 24), 0xfe)})
		d.hear(key, wire.Message{ID: wire.Unchoke})
		d.hear(key, wire.Message{ID: wire.Interested})
		keys = append(keys, key)
	}
	good, steady := keys[2], keys[4]
	d.give(good, 100)
	d.hear(good, wire.Message{ID: wire.Choke}) // its own slots go round
	for _, b := range d.asked[good] {
		d.hear(good, wire.Message{ID: wire.Reject, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length})
	}
	for round := range 4 {
		d.give(steady, 2)
		d.pass(10 * time.Second)
		d.Members(func(m swarm.Member) {
			if m.Key == good && m.Conn.AmChoking() {
				t.Errorf("in round %d the peer that gave most is choked", round)
			}
		})
	}
}

func TestAPieceIsAnnouncedToAllAndTheEndToTheLoopOnce(t *testing.T) {
	d := newDesk(t, 1, 1)
	giver := d.mustJoin(peer(2, false), wire.HaveAll, wire.Unchoke)
	taker := d.mustJoin(peer(3, false), wire.HaveNone)
	i := d.layout.MustIndex(0)
	for n := range 2 {
		d.step(func(now time.Time) { d.Arrived(now, giver, d.layout.Block(i, n), true) })
	}
	if count(d.effects, swarm.Store) != 1 {
		t.Fatal("the piece is not stored")
	}
	d.step(func(now time.Time) { d.Verified(now, i, true, nil) })
	if got := sent(d.effects, wire.Have); len(got) != 2 || got[0] != giver || got[1] != taker {
		t.Fatalf("have is sent to %v", got)
	}
	if got := sent(d.effects, wire.NotInterested); len(got) != 1 || got[0] != giver {
		t.Fatalf("not interested is sent to %v", got)
	}
	if n := count(d.effects, swarm.Complete); n != 1 {
		t.Fatalf("complete is told %d times", n)
	}
	all := d.pass(time.Minute)
	if n := count(all, swarm.Complete); n != 0 {
		t.Fatalf("complete is told %d times more", n)
	}
	if !errors.Is(closed(all, giver), swarm.ErrUseless) {
		t.Fatal("the other seed is kept")
	}
	if closed(all, taker) != nil {
		t.Fatal("the one who has nothing is cut off")
	}
}

// A liar that leaves before its blocks are verified is still found out.
func TestALiarThatHasLeftIsBanned(t *testing.T) {
	d := newDesk(t, 1, 1)
	i := d.layout.MustIndex(0)
	liar := d.mustJoin(peer(2, false), wire.HaveAll, wire.Unchoke)
	for n := range 2 {
		d.step(func(now time.Time) { d.Arrived(now, liar, d.layout.Block(i, n), true) })
	}
	d.step(func(now time.Time) { d.Leave(now, liar) })
	d.step(func(now time.Time) { d.Verified(now, i, false, [][20]byte{{1}, {1}}) })
	if _, err := d.join(peer(2, false)); !errors.Is(err, swarm.ErrBanned) {
		t.Fatalf("it is told %v when it comes back", err)
	}
}

// The second block of a bad piece came from somebody else: the liar is known once
// the piece is right, and the other is not touched.
func TestOfTwoSendersTheLiarIsBanned(t *testing.T) {
	d := newDesk(t, 1, 1)
	i := d.layout.MustIndex(0)
	liar := d.mustJoin(peer(2, false), wire.HaveAll)
	honest := d.mustJoin(peer(3, false), wire.HaveAll)
	d.step(func(now time.Time) { d.Arrived(now, liar, d.layout.Block(i, 0), true) })
	d.hear(liar, wire.Message{ID: wire.Unchoke})
	d.step(func(now time.Time) { d.Arrived(now, liar, d.layout.Block(i, 0), true) })
	d.hear(honest, wire.Message{ID: wire.Unchoke})
	d.step(func(now time.Time) { d.Arrived(now, honest, d.layout.Block(i, 1), true) })
	d.step(func(now time.Time) { d.Verified(now, i, false, [][20]byte{{6}, {1}}) })
	if closed(d.effects, liar) != nil || closed(d.effects, honest) != nil {
		t.Fatal("somebody is banned before anything is known")
	}
	again := asks(d.effects, honest)
	if len(again) == 0 {
		again = asks(d.effects, liar)
	}
	if len(again) != 2 {
		t.Fatalf("asked again, of one peer alone: %v", again)
	}
	for n := range 2 {
		d.step(func(now time.Time) { d.Arrived(now, honest, d.layout.Block(i, n), true) })
	}
	if !d.effects[len(d.effects)-1].Sums {
		t.Fatal("the sums of the blocks are not asked for")
	}
	d.step(func(now time.Time) { d.Verified(now, i, true, [][20]byte{{0}, {1}}) })
	if !errors.Is(closed(d.effects, liar), swarm.ErrBanned) || closed(d.effects, honest) != nil || d.Banned != 1 {
		t.Fatalf("liar: %v, honest: %v", closed(d.effects, liar), closed(d.effects, honest))
	}
}

// limited is a budget of so many spans.
type limited int

func (l *limited) Reserve(int) bool {
	*l--
	return *l >= 0
}

func TestAPeerIsAskedAgainWhenMemoryComesFree(t *testing.T) {
	m := new(limited)
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, Budget: m}, 4)
	key := d.mustJoin(peer(2, false), wire.HaveAll, wire.Unchoke)
	if n := len(asks(d.effects, key)); n != 0 {
		t.Fatalf("%d blocks are asked for without memory", n)
	}
	if n := len(d.pass(30 * time.Second)); n != 0 {
		t.Fatalf("%d effects while there is no memory", n)
	}
	*m = 4
	d.step(func(time.Time) { d.Freed() })
	if n := len(asks(d.effects, key)); n != 8 {
		t.Fatalf("%d blocks are asked for, want all 8", n)
	}
}

// When memory comes back bit by bit, it is not always the first who gets it.
func TestMemoryIsShared(t *testing.T) {
	m := new(limited)
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, Budget: m}, 64)
	var keys []piece.PeerKey
	for n := range byte(4) {
		keys = append(keys, d.mustJoin(peer(10+n, false), wire.HaveAll, wire.Unchoke))
	}
	served := map[piece.PeerKey]bool{}
	for range 4 {
		*m = 1
		d.step(func(time.Time) { d.Freed() })
		for _, e := range d.effects {
			if e.Kind == swarm.Do && e.Event.Kind == session.Ask {
				served[e.Peer] = true
			}
		}
	}
	if len(served) != len(keys) {
		t.Fatalf("only %v got any", served)
	}
}

// A peer that stops in the middle of a block holds its place, and nobody else can
// put the block there. Once it snubs us and another has brought the block in
// vain, it has to go.
func TestAPeerThatStopsInTheMiddleOfABlockIsReplaced(t *testing.T) {
	d := newDesk(t, 1, 1)
	stopped := d.mustJoin(peer(2, false), wire.HaveAll, wire.Unchoke)
	blocks := asks(d.effects, stopped)
	if len(blocks) != 2 {
		t.Fatalf("asked for %v", blocks)
	}
	d.step(func(now time.Time) { d.Arrived(now, stopped, blocks[0], true) })
	other := d.mustJoin(peer(3, false), wire.HaveAll, wire.Unchoke)
	d.step(func(now time.Time) { d.Arrived(now, other, blocks[1], false) })
	if closed(d.effects, stopped) != nil {
		t.Fatal("cut off at once: it may just be slow")
	}
	if got := asks(d.pass(15*time.Second), other); len(got) == 0 || got[0] != blocks[1] {
		t.Fatalf("the other is asked for %v", got)
	}
	d.step(func(now time.Time) { d.Arrived(now, other, blocks[1], false) })
	if !errors.Is(closed(d.effects, stopped), swarm.ErrStalled) {
		t.Fatal("still connected")
	}
}

// A block may be taken back while it is coming in, and then be asked for again of
// the same peer. Its arrival answers both: the second answer must not be expected
// any more, because the place is about to be somebody else's.
func TestTheSecondAnswerIsNotExpected(t *testing.T) {
	d := newDesk(t, 1, 1)
	slow := peer(2, false)
	slow.Fast = false
	key, err := d.join(slow)
	if err != nil {
		t.Fatal(err)
	}
	d.hear(key, wire.Message{ID: wire.Bitfield, Payload: []byte{0x80}})
	d.hear(key, wire.Message{ID: wire.Unchoke})
	blocks := asks(d.effects, key)
	d.now = d.now.Add(2 * time.Second)
	d.hear(key, wire.Message{ID: wire.Choke}) // takes both back
	d.hear(key, wire.Message{ID: wire.Unchoke})
	if len(asks(d.effects, key)) != 2 {
		t.Fatal("not asked for again")
	}
	d.step(func(now time.Time) { d.Arrived(now, key, blocks[0], true) })
	for _, e := range d.effects {
		if e.Kind == swarm.Do && e.Event.Kind == session.Forget && e.Event.Block == blocks[0] {
			return
		}
	}
	t.Fatal("the second answer would still be put to its place")
}

// Extension messages are passed on, in order, and only from who may send them.
func TestExtensionMessagesArePassedOn(t *testing.T) {
	d := newDesk(t, 1, 4)
	key := d.mustJoin(peer(2, false))
	d.hear(key, wire.Message{ID: wire.Extended, Payload: []byte("d1:md7:p2_chati3eee")})
	d.hear(key, wire.Message{ID: wire.Extended, ExtID: 3, Payload: []byte("hello")})
	if e := d.effects; len(e) != 1 || e[0].Kind != swarm.Extension || e[0].Peer != key || e[0].ExtID != 3 || !bytes.Equal(e[0].Payload, []byte("hello")) {
		t.Fatalf("effects: %+v", e)
	}
	plain := peer(3, false)
	plain.Ext = false
	key, err := d.join(plain)
	if err != nil {
		t.Fatal(err)
	}
	d.hear(key, wire.Message{ID: wire.Extended, ExtID: 3})
	if closed(d.effects, key) == nil || count(d.effects, swarm.Extension) != 0 {
		t.Fatalf("effects: %+v", d.effects)
	}
}
