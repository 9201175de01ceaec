package swarm

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

var start = time.Unix(1e9, 0)

func testBook() *book { return newBook(rand.New(rand.NewPCG(1, 1))) }

func addrOf(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 6881)
}

func TestAnAddressIsDialledAgainAfterLongerAndLongerPauses(t *testing.T) {
	b, now := testBook(), start
	b.add(addrOf(1), true)
	want := 4 * time.Second
	for range 20 {
		got, ok := b.pick(now)
		if !ok || got != addrOf(1) {
			t.Fatalf("picked %v, %v", got, ok)
		}
		b.failed(now, got)
		if _, ok := b.pick(now.Add(want - 1)); ok {
			t.Fatalf("dialled again before %v", want)
		}
		now = now.Add(want)
		want = min(2*want, 15*time.Minute)
	}
}

func TestAnAddressThatNeverAnswersIsForgotten(t *testing.T) {
	b, now := testBook(), start
	b.add(addrOf(1), false)
	b.add(addrOf(2), true)
	for range 100 {
		if a, ok := b.pick(now); ok {
			b.failed(now, a)
		}
		now = now.Add(15 * time.Minute)
	}
	if b.entries[addrOf(1)] != nil || b.entries[addrOf(2)] == nil {
		t.Fatal("forgotten is not who failed, but who the user named")
	}
}

func TestAnAddressThatSomebodyVouchesForGetsAnotherChance(t *testing.T) {
	b := testBook()
	b.add(addrOf(1), false)
	for range forgetAfter {
		b.failed(start, addrOf(1))
	}
	b.add(addrOf(1), false)
	b.failed(start, addrOf(1))
	if b.entries[addrOf(1)] == nil {
		t.Fatal("forgotten right after it was mentioned")
	}
}

func TestAUsefulPeerThatLeftIsDialledAgainSoon(t *testing.T) {
	b := testBook()
	b.add(addrOf(1), false)
	for range 5 {
		b.failed(start, addrOf(1))
	}
	b.left(start, addrOf(1))
	if _, ok := b.pick(start.Add(retryFirst)); !ok {
		t.Fatal("not dialled again after four seconds")
	}
}

func TestWhoFailedLeastIsDialledFirst(t *testing.T) {
	b := testBook()
	for n := range 10 {
		b.add(addrOf(n), false)
		for range 9 - n {
			b.failed(start.Add(-time.Hour), addrOf(n))
		}
	}
	for n := 9; n >= 1; n-- {
		if a, _ := b.pick(start); a != addrOf(n) {
			t.Fatalf("picked %v, want %v", a, addrOf(n))
		}
	}
}

func TestEqualsAreDialledInRandomOrder(t *testing.T) {
	first := map[netip.AddrPort]int{}
	for seed := range uint64(1000) {
		b := newBook(rand.New(rand.NewPCG(seed, 1)))
		for n := range 5 {
			b.add(addrOf(n), false)
		}
		a, _ := b.pick(start)
		first[a]++
	}
	for n := range 5 {
		if first[addrOf(n)] < 140 || first[addrOf(n)] > 260 {
			t.Errorf("%v is the first in %d of 1000 books, want about 200", addrOf(n), first[addrOf(n)])
		}
	}
}

func TestWhatCannotBeDialledIsNotNoted(t *testing.T) {
	b := testBook()
	for _, a := range []string{"0.0.0.0:6881", "[::]:6881", "224.0.0.1:6881", "[ff02::1]:6881", "10.0.0.1:0"} {
		b.add(netip.MustParseAddrPort(a), true)
	}
	b.add(netip.AddrPort{}, true)
	if len(b.entries) != 0 {
		t.Fatalf("noted are %v", b.order)
	}
}

func TestOneAddressInTwoFormsIsOneAddress(t *testing.T) {
	b := testBook()
	b.add(netip.MustParseAddrPort("10.0.0.1:6881"), false)
	b.add(netip.MustParseAddrPort("[::ffff:10.0.0.1]:6881"), false)
	if len(b.entries) != 1 {
		t.Fatalf("noted are %v", b.order)
	}
}

func TestWeDoNotDialOurselvesTwice(t *testing.T) {
	b := testBook()
	b.add(addrOf(1), true)
	a, _ := b.pick(start)
	b.isSelf(a)
	b.add(addrOf(1), true) // a tracker will mention it again and again
	if _, ok := b.pick(start.Add(time.Hour)); ok {
		t.Fatal("dialled again")
	}
}

func TestTheBookIsBounded(t *testing.T) {
	b := testBook()
	for n := range 10 * bookMax {
		b.add(addrOf(n), false)
	}
	if len(b.entries) != bookMax || len(b.order) != bookMax {
		t.Fatalf("%d addresses", len(b.entries))
	}
	for n := range bookMax / 2 { // those that failed make room
		b.failed(start, addrOf(n))
	}
	for n := range bookMax / 4 {
		b.add(addrOf(1_000_000+n), false)
	}
	found := 0
	for n := range bookMax / 4 {
		if b.entries[addrOf(1_000_000+n)] != nil {
			found++
		}
	}
	if len(b.entries) != bookMax || found < bookMax/8 {
		t.Fatalf("%d addresses, %d of %d new ones", len(b.entries), found, bookMax/4)
	}
}

func TestAnAddressThatIsInUseIsNotEvicted(t *testing.T) {
	b := testBook()
	for n := range bookMax {
		b.add(addrOf(n), false)
		b.failed(start, addrOf(n))
	}
	busy := map[netip.AddrPort]bool{}
	for range bookMax / 2 {
		a, _ := b.pick(start.Add(time.Hour))
		busy[a] = true
	}
	for n := range 4 * bookMax {
		b.add(addrOf(1_000_000+n), false)
	}
	for a := range busy {
		if b.entries[a] == nil {
			t.Fatalf("%v was evicted while it was dialled", a)
		}
	}
}

// Whatever happens, an address is not dialled while it is being dialled or
// connected already.
func TestNoAddressIsDialledTwiceAtOnce(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			b, now := newBook(rng), start
			busy := map[netip.AddrPort]bool{}
			for range 500 {
				a := addrOf(rng.IntN(12))
				switch rng.IntN(8) {
				case 0:
					b.add(a, rng.IntN(2) == 0)
				case 1, 2, 3:
					got, ok := b.pick(now)
					if ok && busy[got] {
						t.Fatalf("%v is dialled twice", got)
					}
					busy[got] = ok
				case 4:
					if b.hold(a) {
						if busy[a] {
							t.Fatalf("%v is held twice", a)
						}
						busy[a] = true
					}
				case 5:
					b.failed(now, a)
					busy[a] = false
				case 6:
					if rng.IntN(2) == 0 {
						b.left(now, a)
					} else {
						b.rest(now, a, time.Minute)
					}
					busy[a] = false
				case 7:
					now = now.Add(time.Duration(rng.IntN(60)) * time.Second)
				}
			}
		})
	}
}

// On a loopback address many peers of one machine live, so there one peer is
// banned; elsewhere its address is.
func TestABanIsForAnAddressButForAPeerOnLoopback(t *testing.T) {
	liar, other := [20]byte{1}, [20]byte{2}
	remote, local := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")
	b := testBook()
	b.add(netip.AddrPortFrom(remote, 1), true)
	b.add(netip.AddrPortFrom(remote, 2), true)
	b.add(netip.AddrPortFrom(local, 1), true)
	b.ban(culpritOf(remote, liar))
	b.ban(culpritOf(local, liar))
	for _, c := range []struct {
		addr   netip.Addr
		id     [20]byte
		banned bool
	}{
		{remote, liar, true}, {remote, other, true}, {netip.MustParseAddr("::ffff:10.0.0.1"), other, true},
		{netip.MustParseAddr("10.0.0.2"), liar, false},
		{local, liar, true}, {local, other, false}, {netip.MustParseAddr("127.0.0.2"), liar, false},
		{netip.MustParseAddr("::1"), liar, false},
	} {
		if got := b.banned.has(culpritOf(c.addr, c.id)); got != c.banned {
			t.Errorf("peer %d at %v: banned is %v", c.id[0], c.addr, got)
		}
	}
	if len(b.entries) != 1 {
		t.Errorf("noted are %v, want the loopback address alone", b.order)
	}
	b.add(netip.AddrPortFrom(remote, 3), true)
	if len(b.entries) != 1 {
		t.Error("the address of a liar is noted again")
	}
}

func TestAGrudgeGrowsAndIsForgotten(t *testing.T) {
	b, now := testBook(), start
	c := culpritOf(netip.MustParseAddr("10.0.0.1"), [20]byte{})
	for _, want := range []time.Duration{4, 8, 16, 32} {
		b.resent(now, c)
		if got := b.resents(c).Sub(now); got != want*time.Second {
			t.Fatalf("shut out for %v, want %d s", got, want)
		}
		now = now.Add(time.Minute)
	}
	now = now.Add(time.Hour)
	b.resent(now, c)
	if got := b.resents(c).Sub(now); got != retryFirst {
		t.Fatalf("after an hour it is shut out for %v", got)
	}
}

func TestGrudgesAreBounded(t *testing.T) {
	b := testBook()
	for n := range 5 * grudgesMax {
		b.resent(start, culpritOf(addrOf(n).Addr(), [20]byte{}))
	}
	if len(b.grudges) != grudgesMax {
		t.Fatalf("%d grudges", len(b.grudges))
	}
	b.resent(start.Add(time.Hour), culpritOf(addrOf(1<<20).Addr(), [20]byte{}))
	if len(b.grudges) != 1 {
		t.Fatalf("%d grudges after an hour, want the new one alone", len(b.grudges))
	}
}
