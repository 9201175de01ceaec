package punch_test

import (
	"errors"
	"testing"
	"time"

	"p2p/peer/punch"
	"p2p/torrentfile/infohash"
)

func TestEachSwarmHasAPortOfItsOwnThatBothEndsKnow(t *testing.T) {
	seen := map[uint16]bool{}
	for i := range 256 {
		for _, listen := range []uint16{6881, 49152} {
			port := punch.Port(infohash.T{byte(i)}, listen)
			if port < punch.First || int(port) > punch.First+punch.Count || port != punch.Port(infohash.T{byte(i)}, listen) {
				t.Fatalf("swarm %d of who listens at %d has port %d", i, listen, port)
			}
			seen[port] = true
		}
	}
	if len(seen) < 480 {
		t.Errorf("512 swarms share %d ports", len(seen))
	}
	if other := punch.Port(infohash.T{1}, 1) == punch.Port(infohash.T{1}, 2); other {
		t.Error("two devices behind one router call from the same port")
	}
}

func TestNobodyCallsFromWhereHeListens(t *testing.T) {
	for listen := punch.First; listen < punch.First+punch.Count; listen++ {
		for i := range 4 {
			if punch.Port(infohash.T{byte(i)}, uint16(listen)) == uint16(listen) {
				t.Fatalf("who listens at %d calls the others of swarm %d from there", listen, i)
			}
		}
	}
}

func TestWhoWereRefusedCallAtTheSameMoment(t *testing.T) {
	began := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for late := time.Duration(0); late < time.Second; late += 90 * time.Millisecond {
		for refused := 1; refused < 9; refused++ {
			a, b := punch.Again(began.Add(900*time.Millisecond), refused, 0), punch.Again(began.Add(900*time.Millisecond+late), refused+1, 0)
			for a.Before(b) { // who was refused less often is the first to call again, and is refused again
				a = punch.Again(a, refused, 0)
			}
			if !a.Equal(b) {
				t.Errorf("refused %d times one calls at %v, and the other one never does then, but at %v", refused, a, b)
			}
		}
	}
}

func TestWhoIsRefusedCallsLessAndLessOften(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	calls := 0
	for end := now.Add(punch.Window); now.Before(end); calls++ {
		next := punch.Again(now, calls+1, 1)
		if pause := next.Sub(now); pause <= 0 || pause > 16*time.Second+100*time.Millisecond {
			t.Fatalf("call %d comes %v after the one before", calls+1, pause)
		}
		now = next
	}
	if calls < 5 || calls > 8 {
		t.Errorf("there were %d calls within %v", calls, punch.Window)
	}
}

func TestOneEndHasCalledAndTheOtherOneHasNot(t *testing.T) {
	a, b := punch.NewHello([16]byte{1}), punch.NewHello([16]byte{15: 9})
	first, err := a.Calls(b)
	second, err2 := b.Calls(a)
	if err != nil || err2 != nil || first == second {
		t.Errorf("they are %v and %v, %v, %v", first, second, err, err2)
	}
	if _, err := a.Calls(a); !errors.Is(err, punch.ErrSelf) {
		t.Errorf("who calls himself is told %v", err)
	}
	for _, other := range []byte{0, 19, 22} {
		foreign := b
		foreign[0] = other
		if _, err := a.Calls(foreign); !errors.Is(err, punch.ErrOther) {
			t.Errorf("to who begins with %d it says %v", other, err)
		}
	}
}
