package people

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

func TestOnlyADistanceThatPeopleNoticeIsTold(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		was, is time.Duration
		told    bool
	}{
		{0, 300 * time.Microsecond, true}, // it was not known
		{300 * time.Microsecond, 900 * time.Microsecond, false},
		{900 * time.Microsecond, 300 * time.Microsecond, false},
		{40 * ms, 49 * ms, false},
		{40 * ms, 51 * ms, true},
		{40 * ms, 29 * ms, true},
		{40 * ms, 0, false}, // it is not known
	} {
		f := newFaces()
		at := contactPoint{room.ID{1}, identity.Key{2}}
		f.meets(at, glimpse{account: identity.Key{3}, rtt: c.was}, "")
		if told := f.measured(at, c.is); told != c.told {
			t.Errorf("from %v to %v: told %v", c.was, c.is, told)
		}
		shown := c.was
		if c.told {
			shown = c.is
		}
		if got := f.of(identity.Key{3}).rtt; got != shown {
			t.Errorf("from %v to %v: %v is shown", c.was, c.is, got)
		}
	}
}

func TestWhatAConnectionSaysAgainIsNoNewsForItsRoundTrip(t *testing.T) {
	const ms = time.Millisecond
	f := newFaces()
	at, bob := contactPoint{room.ID{1}, identity.Key{2}}, identity.Key{3}
	says := func(rtt time.Duration, addr string) bool {
		return f.meets(at, glimpse{account: bob, rtt: rtt, addr: netip.MustParseAddr(addr)}, "")
	}
	if !says(0, "127.0.0.1") || !says(20*ms, "127.0.0.1") {
		t.Error("that he is there, and how far away, is not told")
	}
	if says(30*ms, "127.0.0.1") {
		t.Error("the round trip alone is told")
	}
	if !f.measured(at, 30*ms) { // programs still show the first
		t.Error("and kept from being told in time")
	}
	if !says(30*ms, "1.2.3.4") {
		t.Error("another path is not told")
	}
	// Who is connected twice is as far away as the nearer connection says.
	f.meets(contactPoint{room.ID{4}, identity.Key{2}}, glimpse{account: bob, rtt: 80 * ms}, "")
	if f.measured(contactPoint{room.ID{4}, identity.Key{2}}, 160*ms) {
		t.Error("the farther one is told")
	}
}

// A network of IPv6 gives every machine an address that is good in the whole world.
func TestWhoIsOnTheSameNetworkIsReachedByLAN(t *testing.T) {
	ours := []netip.Prefix{netip.MustParsePrefix("2001:db8:1::5/64"), netip.MustParsePrefix("198.51.100.7/24")}
	for addr, want := range map[string]p2pv1.Path{
		"2001:db8:1::9": p2pv1.Path_PATH_LOCAL, "2001:db8:2::9": p2pv1.Path_PATH_DIRECT, "198.51.100.7": p2pv1.Path_PATH_LOCAL,
		"::ffff:198.51.100.200": p2pv1.Path_PATH_LOCAL, "203.0.113.1": p2pv1.Path_PATH_DIRECT, "192.168.9.1": p2pv1.Path_PATH_LOCAL, "fe80::1%eth0": p2pv1.Path_PATH_LOCAL,
	} {
		if got := pathOf(netip.MustParseAddr(addr), ours); got != want {
			t.Errorf("%s is %v", addr, got)
		}
	}
}

func TestADeviceThatIsMetElsewhereIsFoundOnceInHoweverManyRooms(t *testing.T) {
	f := newFaces()
	listen := netip.MustParseAddrPort("192.0.2.1:7000")
	bob, phone, silent := identity.Key{1}, identity.Key{2}, identity.Key{3}
	meets := func(id byte, device identity.Key, at netip.AddrPort) {
		f.meets(contactPoint{room.ID{id}, device}, glimpse{account: bob, listen: at}, "")
	}
	meets(1, phone, netip.AddrPort{}) // it has not said yet where it listens
	meets(2, phone, listen)
	meets(3, phone, listen)
	meets(3, silent, netip.AddrPort{})
	for id, want := range map[byte]int{1: 0, 2: 0, 3: 0, 4: 1} {
		if got := f.elsewhere(room.ID{id}); len(got) != want || want > 0 && got[0] != (encounter{bob, listen}) {
			t.Errorf("for room %d there is %v", id, got)
		}
	}
	f.parts(contactPoint{room.ID{3}, phone}, time.Now())
	if got := f.elsewhere(room.ID{3}); len(got) != 1 {
		t.Errorf("when it has left a room it is not called there: %v", got)
	}
	for id := range byte(3) {
		f.parts(contactPoint{room.ID{id}, phone}, time.Now())
	}
	f.parts(contactPoint{room.ID{3}, silent}, time.Now())
	if len(f.met) > 0 || len(f.elsewhere(room.ID{4})) > 0 {
		t.Errorf("of those who are gone there is %v", f.met)
	}
}

// A device that says the same again is no news; one that comes from another place is, and one that goes to and fro between two rooms'
// addresses is remembered at both.
func TestWhereSomebodyWasMetIsRememberedTheLastFirst(t *testing.T) {
	f := newFaces()
	bob := identity.Key{1}
	place := func(last byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 7000)
	}
	meets := func(device byte, at netip.AddrPort) (news bool) {
		f.keep()
		f.meets(contactPoint{room.ID{1}, identity.Key{device}}, glimpse{account: bob, listen: at}, "")
		return f.news
	}
	if meets(1, netip.AddrPort{}) || !meets(1, place(1)) || meets(1, place(1)) {
		t.Error("a place is remembered when it is said, once")
	}
	for last := range byte(6) {
		meets(2+last, place(2+last))
	}
	f.parts(contactPoint{room.ID{1}, identity.Key{5}}, time.Now())
	meets(5, place(5))
	if want := []netip.AddrPort{place(5), place(7), place(6), place(4)}; !slices.Equal(f.haunts(bob), want) {
		t.Errorf("remembered are %v, not %v", f.haunts(bob), want)
	}
	b, _, err := f.keep()
	again := newFaces()
	if err != nil || again.recall(b) != nil || !slices.Equal(again.haunts(bob), f.haunts(bob)) {
		t.Errorf("what is kept as %s is %v when it is read", b, again.haunts(bob))
	}
}

// One device in thousands of rooms: what is asked for each room, and for each time that it is met.
func BenchmarkADeviceInThousandsOfRooms(b *testing.B) {
	f := newFaces()
	g := glimpse{account: identity.Key{1}, listen: netip.MustParseAddrPort("192.0.2.1:7000")}
	for i := range 4000 {
		at := contactPoint{room.ID{1, byte(i), byte(i >> 8)}, identity.Key{2}}
		f.near[at] = g
		if f.met[at.device] == nil {
			f.met[at.device] = map[room.ID]bool{}
		}
		f.met[at.device][at.room] = true
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(f.elsewhere(room.ID{2})) != 1 || f.meeting(contactPoint{room.ID{2}, identity.Key{2}}) {
			b.Fatal("it is not found")
		}
	}
}

func TestWhoIsThereAndNotReachedForLongIsSaidToBeApart(t *testing.T) {
	f, bob, now := newFaces(), identity.Key{3}, time.Now()
	at := contactPoint{room.ID{1}, identity.Key{2}}
	there := directory.Seen{Person: bob, Devices: []directory.Device{{Certificate: identity.Certificate{Device: at.device}}}}
	expect := func(when string, told, apart bool) {
		t.Helper()
		if news := f.separate(now); (len(news) == 1) != told || f.of(bob).apart != apart {
			t.Errorf("%s: %d are told of, apart: %v", when, len(news), f.of(bob).apart)
		}
	}
	passes := func(d time.Duration) { now = now.Add(d) }
	expect("nobody is there", false, false)
	f.told(there)
	expect("he comes", false, false)
	passes(apartAfter - time.Second)
	expect("a moment later", false, false)
	passes(time.Second)
	expect("he is not reached for a minute", true, true)
	passes(time.Hour)
	expect("and for an hour", false, true)
	f.meets(at, glimpse{account: bob, addr: netip.MustParseAddr("1.2.3.4")}, "")
	if f.of(bob).apart {
		t.Error("who is connected is apart")
	}
	expect("he is met", true, false)
	f.parts(at, now)
	expect("and lost", false, false)
	passes(apartAfter)
	expect("for a minute", true, true)
	f.told(directory.Seen{Person: bob})
	expect("he goes", true, false)
	f.told(there)
	expect("he comes again", false, false)
	passes(apartAfter)
	expect("and is not reached", true, true)
	f.blind()
	expect("the directory is gone", true, false)
}
