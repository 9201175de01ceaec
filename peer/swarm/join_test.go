package swarm_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"p2p/peer/identity"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

// Two peers dial each other at the same moment. In whatever order the two
// connections come to stand at either side, both must keep the same one.
func TestTwoWhoDialEachOtherKeepOneConnection(t *testing.T) {
	for order := range 4 {
		a, b := newDesk(t, 1, 4), newDesk(t, 2, 4)
		a.dialTo(home(2))
		b.dialTo(home(1))
		type wired struct {
			a, b piece.PeerKey
			live bool
		}
		var ab, ba wired // who dialled whom
		steps := map[string]func(){
			"a sees ab": func() { ab.a, _ = a.join(peer(2, true)) },
			"a sees ba": func() { ba.a, _ = a.join(peer(2, false)) },
			"b sees ab": func() { ab.b, _ = b.join(peer(1, false)) },
			"b sees ba": func() { ba.b, _ = b.join(peer(1, true)) },
		}
		for _, s := range [][]string{
			{"a sees ab", "a sees ba", "b sees ab", "b sees ba"},
			{"a sees ba", "a sees ab", "b sees ab", "b sees ba"},
			{"a sees ab", "a sees ba", "b sees ba", "b sees ab"},
			{"a sees ba", "a sees ab", "b sees ba", "b sees ab"},
		}[order] {
			steps[s]()
		}
		has := func(d *desk, key piece.PeerKey) (yes bool) {
			d.Members(func(m swarm.Member) { yes = yes || m.Key == key })
			return yes
		}
		ab.live = has(a, ab.a) && has(b, ab.b)
		ba.live = has(a, ba.a) && has(b, ba.b)
		if !ab.live || ba.live || a.connected() != 1 || b.connected() != 1 {
			t.Errorf("order %d: ab %v, ba %v; a has %d, b has %d", order, ab.live, ba.live, a.connected(), b.connected())
		}
		for _, d := range []*desk{a, b} {
			if d.Dialing() != 0 {
				t.Errorf("order %d: %d dials are still counted", order, d.Dialing())
			}
			if n := count(d.pass(2*time.Minute), swarm.Dial); n != 0 {
				t.Errorf("order %d: the peer was dialled %d times while it was connected", order, n)
			}
		}
	}
}

// Peer ids are no secret: a stranger who claims that of another must not end the
// connection of its owner.
func TestAStrangerCannotTakeThePlaceOfAPeer(t *testing.T) {
	d := newDesk(t, 9, 4)
	d.dialTo(home(2))
	key := d.mustJoin(peer(2, true))
	d.pass(2 * time.Minute)
	stranger := peer(3, false)
	stranger.ID = [20]byte{2}
	if _, err := d.join(stranger); !errors.Is(err, swarm.ErrDuplicate) {
		t.Fatalf("the stranger is told %v", err)
	}
	if closed(d.effects, key) != nil || d.connected() != 1 {
		t.Fatal("the owner of the id was cut off")
	}
}

// Every dial ends in exactly one Join or DialFailed, whatever they say.
func TestDialsAreCountedExactly(t *testing.T) {
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, MaxPeers: 40}, 4, 0, 1, 2, 3)
	for n := byte(10); n < 22; n++ {
		d.AddAddr(home(n), false)
	}
	if n := count(d.pass(swarm.TickEvery), swarm.Dial); n != 12 || d.Dialing() != 12 {
		t.Fatalf("%d dials, %d counted", n, d.Dialing())
	}
	d.step(func(now time.Time) { d.DialFailed(now, home(10)) })
	self := peer(11, true)
	self.ID = [20]byte{1}
	d.join(self) // ErrSelf
	d.mustJoin(peer(12, true))
	twice := peer(13, true)
	twice.ID = [20]byte{12}
	d.join(twice) // ErrDuplicate
	vandal := d.mustJoin(peer(14, true))
	d.hear(vandal, wire.Message{ID: wire.Have, Index: 99})
	for n := byte(15); n < 20; n++ {
		d.step(func(now time.Time) { d.DialFailed(now, home(n)) })
	}
	if d.Dialing() != 2 {
		t.Fatalf("%d dials are counted, want 2", d.Dialing())
	}
	d.step(d.Shutdown) // while two are under way
	if _, err := d.join(peer(20, true)); !errors.Is(err, swarm.ErrEnded) {
		t.Fatalf("after the end a peer is told %v", err)
	}
	d.step(func(now time.Time) { d.DialFailed(now, home(21)) })
	if d.Dialing() != 0 {
		t.Fatalf("%d dials are still counted", d.Dialing())
	}
}

func TestNobodyIsTakenInOrDialledAfterTheEnd(t *testing.T) {
	d := newDesk(t, 1, 4)
	key := d.mustJoin(peer(2, false))
	d.AddAddr(home(3), true)
	d.step(d.Shutdown)
	if !errors.Is(closed(d.effects, key), swarm.ErrEnded) {
		t.Fatal("the peer is still connected")
	}
	if all := d.pass(time.Minute); len(all) != 0 {
		t.Fatalf("%d effects after the end", len(all))
	}
	if _, err := d.join(peer(4, false)); !errors.Is(err, swarm.ErrEnded) {
		t.Fatalf("a peer is told %v", err)
	}
}

func TestWeDoNotTalkToOurselves(t *testing.T) {
	d := newDesk(t, 1, 4)
	d.dialTo(home(1))
	if _, err := d.join(peer(1, false)); !errors.Is(err, swarm.ErrSelf) {
		t.Fatalf("who calls is told %v", err)
	}
	if _, err := d.join(peer(1, true)); !errors.Is(err, swarm.ErrSelf) {
		t.Fatalf("who is called is told %v", err)
	}
	d.AddAddr(home(1), false)
	if n := count(d.pass(time.Hour), swarm.Dial); n != 0 {
		t.Fatalf("dialled %d times again", n)
	}
}

// Where a peer that called us listens is learnt from its extension handshake, and
// is not dialled while it is connected; afterwards it is.
func TestAPeerThatCalledIsDialledAfterItHasLeft(t *testing.T) {
	d := newDesk(t, 1, 4)
	key := d.mustJoin(peer(2, false))
	d.hear(key, wire.Message{ID: wire.Extended, Payload: []byte("d1:pi6881ee")})
	d.AddAddr(home(2), false)
	if n := count(d.pass(2*time.Minute), swarm.Dial); n != 0 {
		t.Fatal("dialled while it is connected")
	}
	d.step(func(now time.Time) { d.Leave(now, key) })
	if n := count(d.pass(10*time.Second), swarm.Dial); n != 1 {
		t.Fatalf("dialled %d times within ten seconds", n)
	}
}

// A peer that names one port after the other must not fill the book.
func TestOnlyTheFirstPortOfAPeerCounts(t *testing.T) {
	d := newDesk(t, 1, 4)
	key := d.mustJoin(peer(2, false))
	for port := range 500 {
		d.hear(key, wire.Message{ID: wire.Extended, Payload: fmt.Appendf(nil, "d1:pi%dee", port+1)})
	}
	other := peer(2, false) // somebody behind the same address
	other.ID = [20]byte{3}
	key = d.mustJoin(other)
	for port := range 500 { // the first is that of the other one, and taken
		d.hear(key, wire.Message{ID: wire.Extended, Payload: fmt.Appendf(nil, "d1:pi%dee", port+1)})
	}
	if d.Known() != 1 {
		t.Fatalf("%d addresses are noted", d.Known())
	}
}

// A peer that takes our connection and drops it at once, because it is full, is
// called less and less often.
func TestAPeerThatHangsUpIsNotCalledAllTheTime(t *testing.T) {
	d := newDesk(t, 1, 4)
	d.AddAddr(home(2), true)
	calls := 0
	for range 2 * 3600 {
		if count(d.pass(swarm.TickEvery), swarm.Dial) > 0 {
			calls++
			key := d.mustJoin(peer(2, true))
			d.step(func(now time.Time) { d.Leave(now, key) })
		}
	}
	if calls > 14 {
		t.Fatalf("called %d times in an hour", calls)
	}
}

// Who broke a rule and comes back at once is not let in, but later it is.
func TestAVandalIsKeptOutForAWhile(t *testing.T) {
	d := newDesk(t, 1, 4)
	in := 0
	for range 2 * 3600 {
		d.pass(swarm.TickEvery)
		if key, err := d.join(peer(2, false)); err == nil {
			in++
			d.hear(key, wire.Message{ID: wire.Have, Index: 1 << 31})
			if closed(d.effects, key) == nil {
				t.Fatal("it was not thrown out")
			}
		} else if !errors.Is(err, swarm.ErrAgain) {
			t.Fatal(err)
		}
	}
	if in < 5 || in > 14 {
		t.Fatalf("it got in %d times in an hour", in)
	}
}

// Two who have everything part, and do not call each other over and over.
func TestSeedsPartAndStayApart(t *testing.T) {
	a := newDesk(t, 1, 4, 0, 1, 2, 3)
	a.AddAddr(home(2), true)
	calls := 0
	for range 2 * 3600 {
		if all := a.pass(swarm.TickEvery); count(all, swarm.Dial) > 0 {
			calls++
			key := a.mustJoin(peer(2, true), wire.HaveAll)
			all = a.pass(6 * time.Second)
			if !errors.Is(closed(all, key), swarm.ErrUseless) {
				t.Fatal("two seeds stay connected")
			}
		}
	}
	if calls > 5 {
		t.Fatalf("called %d times in an hour", calls)
	}
	// The other side sees it the same way when the first is faster.
	b := newDesk(t, 2, 4, 0, 1, 2, 3)
	b.dialTo(home(1))
	key := b.mustJoin(peer(1, true), wire.HaveAll)
	b.step(func(now time.Time) { b.Leave(now, key) })
	if n := count(b.pass(10*time.Minute), swarm.Dial); n != 0 {
		t.Fatalf("called %d times in ten minutes", n)
	}
}

// fullHouse is a Core with as many peers as it may have, who send nothing.
func fullHouse(t *testing.T, messages ...wire.ID) (*desk, []piece.PeerKey) {
	d := newDeskOf(t, swarm.Config{PeerID: [20]byte{1}, MaxPeers: 4}, 4, 0)
	var keys []piece.PeerKey
	for n := range byte(4) {
		keys = append(keys, d.mustJoin(peer(10+n, false), messages...))
	}
	return d, keys
}

func (d *desk) passAlive(dur time.Duration, keys []piece.PeerKey) []swarm.Effect {
	d.t.Helper()
	var all []swarm.Effect
	for range dur / time.Minute {
		for _, key := range keys {
			d.hear(key, wire.Message{ID: wire.KeepAlive})
		}
		all = append(all, d.pass(time.Minute)...)
	}
	return all
}

func TestAFullHouseRefusesAndThenReplacesTheUseless(t *testing.T) {
	d, keys := fullHouse(t, wire.HaveNone)
	if _, err := d.join(peer(20, false)); !errors.Is(err, swarm.ErrFull) {
		t.Fatalf("a fifth is told %v", err)
	}
	d.passAlive(2*time.Minute, keys)
	if _, err := d.join(peer(20, false)); err != nil {
		t.Fatalf("after two idle minutes a fifth is told %v", err)
	}
	if count(d.effects, swarm.Close) != 1 || d.connected() != 4 {
		t.Fatalf("%d were closed for it, %d are connected", count(d.effects, swarm.Close), d.connected())
	}
}

// Peers that never unchoke us must not hold all places for ever.
func TestPeersThatNeverUnchokeAreReplaced(t *testing.T) {
	d, keys := fullHouse(t, wire.HaveAll)
	d.passAlive(2*time.Minute, keys)
	if _, err := d.join(peer(20, false)); !errors.Is(err, swarm.ErrFull) {
		t.Fatalf("after two minutes of waiting a fifth is told %v", err)
	}
	all := d.passAlive(10*time.Minute, keys)
	if n := count(all, swarm.Close); n == 0 || n == 4 {
		t.Fatalf("%d of 4 were closed in twelve minutes, want one at a time", n)
	}
	if _, err := d.join(peer(20, false)); err != nil {
		t.Fatalf("a fifth is told %v", err)
	}
}

// A laptop that wakes up on another network calls again while its old connection still
// stands: a download must not wait for minutes until that is found to be dead.
func TestADeviceThatCallsAgainAfterASilenceReplacesItsConnection(t *testing.T) {
	d := newDesk(t, 9, 4, 0, 1)
	call := peer(2, false)
	call.Device = identity.Key{2}
	first := d.mustJoin(call)
	d.pass(5 * time.Second)
	if _, err := d.join(call); !errors.Is(err, swarm.ErrDuplicate) {
		t.Fatalf("a second connection beside one that is alive: %v", err)
	}
	d.hear(first, wire.Message{ID: wire.KeepAlive})
	d.pass(9 * time.Second)
	if _, err := d.join(call); !errors.Is(err, swarm.ErrDuplicate) {
		t.Fatalf("9 s after a word: %v", err)
	}
	d.pass(2 * time.Second)
	second := d.mustJoin(call)
	if !errors.Is(closed(d.effects, first), swarm.ErrDuplicate) || d.connected() != 1 || second == first {
		t.Errorf("the silent one was closed for %v; %d are connected", closed(d.effects, first), d.connected())
	}
	plain := peer(3, false)
	d.mustJoin(plain)
	d.pass(20 * time.Second)
	if _, err := d.join(plain); !errors.Is(err, swarm.ErrDuplicate) {
		t.Errorf("a plain peer, which proves nothing: %v", err)
	}
}

// A device that has moved says that it has no other connection. That is believed at once if it must know of the one
// that stands here; else it may speak of a moment before that one stood there, and each side would end the one that the other
// keeps.
func TestADeviceThatHasNoOtherConnectionIsBelievedIfItKnowsOfTheFirst(t *testing.T) {
	for _, c := range []struct {
		what         string
		began, spoke time.Duration // since the first joined; spoke zero = never
		change       func(*swarm.Candidate)
		want         error
	}{
		{"it has spoken before", 2 * time.Second, time.Second, func(*swarm.Candidate) {}, nil},
		{"it was called", 2 * time.Second, time.Second, func(c *swarm.Candidate) { c.Addr, c.Dialled = home(2), true }, nil},
		{"it has not spoken", 2 * time.Second, 0, func(*swarm.Candidate) {}, swarm.ErrDuplicate},
		{"it has spoken while it called", time.Second, 2 * time.Second, func(*swarm.Candidate) {}, swarm.ErrDuplicate},
		{"it does not say so", 2 * time.Second, time.Second, func(c *swarm.Candidate) { c.Sole = false }, swarm.ErrDuplicate},
		{"another process has its key", 2 * time.Second, time.Second, func(c *swarm.Candidate) { c.ID[0]++ }, swarm.ErrDuplicate},
		{"another device says so", 2 * time.Second, time.Second, func(c *swarm.Candidate) { c.Device[0]++ }, nil},
	} {
		d := newDesk(t, 9, 4, 0, 1)
		call := peer(2, false)
		call.Device = identity.Key{2}
		first, at := d.mustJoin(call), d.now
		if c.spoke > 0 {
			d.pass(c.spoke)
			d.hear(first, wire.Message{ID: wire.HaveNone})
		}
		d.now = at.Add(3 * time.Second)
		call.Sole = true
		if c.change(&call); call.Dialled {
			d.dialTo(call.Addr)
		}
		call.Began = at.Add(c.began)
		_, err := d.join(call)
		if !errors.Is(err, c.want) || (closed(d.effects, first) != nil) != (c.want == nil && call.Device == identity.Key{2}) {
			t.Errorf("%s: %v, and the first is closed for %v", c.what, err, closed(d.effects, first))
		}
	}
}

// Who has moved is called where it is now.
func TestWhereADeviceWasIsForgottenWhenItCallsFromElsewhere(t *testing.T) {
	d := newDesk(t, 9, 4, 0, 1)
	d.dialTo(home(2))
	was := peer(2, true)
	was.Device = identity.Key{2}
	first := d.mustJoin(was, wire.HaveNone)
	d.pass(time.Second)
	is := peer(3, false)
	is.ID, is.Device, is.Sole, is.Began = was.ID, was.Device, true, d.now
	second := d.mustJoin(is)
	if closed(d.effects, first) == nil {
		t.Fatal("the first connection stands")
	}
	d.hear(second, wire.Message{ID: wire.Extended, Payload: []byte("d1:pi6881ee")})
	d.step(func(now time.Time) { d.Leave(now, second) })
	for _, e := range d.pass(time.Minute) {
		if e.Kind == swarm.Dial && e.Addr != home(3) {
			t.Errorf("%v is called", e.Addr)
		} else if e.Kind == swarm.Dial {
			return
		}
	}
	t.Error("nobody is called")
}
