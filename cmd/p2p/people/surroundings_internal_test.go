package people

import (
	"net/netip"
	"testing"
	"time"
)

func TestSleepIsToldFromAClockThatWasSet(t *testing.T) {
	const sees, blind = true, false
	for _, c := range []struct {
		what               string
		clock              bool          // whether one sees sleep
		passed, asleep, by time.Duration // while the process could run; while the machine slept; by which the clock was set
		wantSlept, wantSet time.Duration
	}{
		{"a beat", sees, time.Second, 0, 0, 0, 0},
		{"a beat that was late", sees, 4 * time.Second, 0, 0, 0, 0},
		{"a process that was stopped", sees, 91 * time.Second, 0, 0, 90 * time.Second, 0},
		{"a machine that slept", sees, time.Second, 8 * time.Hour, 0, 8 * time.Hour, 0},
		{"a clock set ahead", sees, time.Second, 0, time.Hour, 0, time.Hour},
		{"a clock set back", sees, time.Second, 0, -time.Hour, 0, -time.Hour},
		{"a clock that was put right", sees, time.Second, 0, time.Second, 0, 0},
		{"a clock set back in sleep", sees, time.Second, 8 * time.Hour, -2 * time.Hour, 8 * time.Hour, -2 * time.Hour},
		{"a machine that slept, and nobody knows", blind, time.Second, 8 * time.Hour, 0, 8 * time.Hour, 0},
		{"a clock set back, where sleep is not seen", blind, time.Second, 0, -time.Hour, 0, -time.Hour},
	} {
		before := moment{wall: time.Unix(1e9, 0), ran: time.Minute}
		after := moment{wall: before.wall.Add(c.passed + c.asleep + c.by), ran: before.ran + c.passed}
		if c.clock {
			before.boot = time.Hour
			after.boot = before.boot + c.passed + c.asleep
		}
		var s surroundings
		s.pass(before)
		if slept, set := s.pass(after); slept != c.wantSlept || set != c.wantSet {
			t.Errorf("%s: slept %v and set by %v, want %v and %v", c.what, slept, set, c.wantSlept, c.wantSet)
		}
	}
}

func TestOnlyANewAddressIsAnotherNetwork(t *testing.T) {
	set := func(all ...string) map[netip.Addr]bool {
		m := map[netip.Addr]bool{}
		for _, a := range all {
			m[netip.MustParseAddr(a)] = true
		}
		return m
	}
	var s surroundings
	for _, c := range []struct {
		addrs map[netip.Addr]bool
		want  bool
	}{
		{set("127.0.0.1", "192.0.2.1"), false}, // the first look
		{set("127.0.0.1", "192.0.2.1"), false},
		{set("127.0.0.1"), false}, // the cable is out
		{set("127.0.0.1", "192.0.2.1"), true},
		{set("127.0.0.1", "198.51.100.7"), true},
		{set("127.0.0.1", "198.51.100.7", "2001:db8::1"), true},
		{set("127.0.0.1", "2001:db8::1"), false},
		{set("127.0.0.1", "2001:db8::1", "fe80::1"), false}, // a container was started
	} {
		if got := s.moved(c.addrs); got != c.want {
			t.Errorf("with %v: %v", c.addrs, got)
		}
	}
}

func TestWhoMovesAllTheTimeCallsNoStorm(t *testing.T) {
	var s surroundings
	did := 0
	step := func(slept, moved bool) bool {
		s.last.ran += time.Second
		return s.moves(slept, moved)
	}
	if !step(false, true) || step(false, false) || !step(false, true) {
		t.Error("the first moves are not taken in")
	}
	for range 300 {
		if step(false, true) {
			did++
		}
	}
	if did != 11 {
		t.Errorf("in five minutes of moving it is done %d times", did)
	}
	step(false, true)
	for did = 0; did < 60 && !step(false, false); did++ {
	}
	if did == 60 {
		t.Error("the last move is never taken in")
	}
	for range 100 {
		if !step(true, false) {
			t.Fatal("who wakes up waits")
		}
	}
	step(false, true)
	for did = 0; did < 60 && !step(false, false); did++ {
	}
	if did == 60 {
		t.Error("who has slept often does not move any more")
	}
}
