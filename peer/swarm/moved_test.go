package swarm

import (
	"math/rand/v2"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
)

// Who has moved is reported at the new address while the old connection still seems to stand. It must not be left alone for
// long then, since it is the only one that leads to him when that connection is found to be dead.
func TestAnotherAddressOfAPeerIsTriedWhenTheConnectionEnds(t *testing.T) {
	l := NewLobby(LobbyOptions{Room: true, Rand: rand.New(rand.NewPCG(1, 1))})
	l.book.add(addrOf(1), false)
	l.book.add(addrOf(2), false)
	for range 2 {
		l.book.pick(start)
	}
	g := &guest{party: party{device: identity.Key{1}, home: addrOf(1), dialled: true, since: start}}
	if _, err := l.book.duel(start, [20]byte{}, Candidate{Addr: addrOf(2), Device: g.device, Dialled: true}, &g.party); err == nil {
		t.Fatal("the second connection won")
	}
	if a, ok := l.book.pick(start.Add(time.Minute)); ok {
		t.Fatalf("%v is dialled while the peer is connected", a)
	}
	l.shelve(start.Add(time.Minute), g, errSilent)
	if a, _ := l.book.pick(start.Add(time.Minute)); a != addrOf(2) {
		t.Errorf("%v is dialled, want the other address", a)
	}
}

// Who has no place any more is called again at first as if he had gone himself, since he may get one again; and then less and less often,
// since he may not.
func TestWhoHadAPlaceAndIsSentAwayIsNotCalledAsIfHeHadNeverHadOne(t *testing.T) {
	l := NewLobby(LobbyOptions{Room: true, Rand: rand.New(rand.NewPCG(1, 1))})
	l.book.add(addrOf(1), false)
	now := start
	calls := func(stayed time.Duration) (pause time.Duration) {
		if _, ok := l.book.pick(now); !ok {
			t.Fatal("he is not called")
		}
		g := &guest{party: party{device: identity.Key{1}, home: addrOf(1), dialled: true, since: now}}
		now = now.Add(stayed)
		l.shelve(now, g, ext.Unwelcome("no place"))
		pause = l.book.entries[addrOf(1)].next.Sub(now)
		now = now.Add(pause)
		return pause
	}
	for range 5 {
		calls(time.Second)
	}
	if pause := calls(time.Second); pause < time.Minute {
		t.Errorf("who is sent away each time is called again after %v", pause)
	}
	if pause := calls(time.Hour); pause != retryFirst {
		t.Fatalf("who had a place for an hour is called again after %v, want %v", pause, retryFirst)
	}
	calls(time.Second)
	if pause := calls(time.Second); pause <= retryFirst {
		t.Errorf("who has none any more is called again after %v each time", pause)
	}
}
