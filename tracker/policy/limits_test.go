package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2p/tracker"
	"p2p/tracker/policy"
)

// admitted counts how many of n announces are.
func admitted(t *testing.T, p tracker.Policy, from string, n int) (count int) {
	t.Helper()
	for range n {
		if err := p.MayAnnounce(t.Context(), request(from)); err == nil {
			count++
		} else {
			expectCause(t, from, err, tracker.CauseRate)
		}
	}
	return count
}

func TestAnAddressHasItsBurstAndThenItsRate(t *testing.T) {
	c := newClock()
	l := policy.NewLimits(policy.LimitsOptions{Rate: 2, Burst: 30, Now: c.now})
	if n := admitted(t, l, "192.0.2.1:1", 100); n != 30 {
		t.Errorf("%d at once; want 30", n)
	}
	if n := admitted(t, l, "192.0.2.2:1", 100); n != 30 {
		t.Errorf("%d at once from the address beside it; want 30", n)
	}
	c.advance(5 * time.Second)
	if n := admitted(t, l, "192.0.2.1:9", 100); n != 10 {
		t.Errorf("%d after 5 s, from another port; want 10", n)
	}
	c.advance(time.Hour)
	if n := admitted(t, l, "192.0.2.1:1", 100); n != 30 {
		t.Errorf("%d after an hour; want 30", n)
	}
	if err := l.MayScrape(t.Context(), tracker.ScrapeRequest{From: netip.MustParseAddr("192.0.2.1")}); err == nil {
		t.Error("a scrape beyond the burst is answered")
	}
}

func TestAHostWithAllAddressesOfItsNetworkIsOneAddress(t *testing.T) {
	l := policy.NewLimits(policy.LimitsOptions{Rate: 1, Burst: 10, Now: newClock().now})
	count := 0
	for i := range 100 {
		count += admitted(t, l, fmt.Sprintf("[2001:db8:0:1::%x]:1", i), 1)
	}
	if count != 10 {
		t.Errorf("%d from one /64; want 10", count)
	}
	if n := admitted(t, l, "[2001:db8:0:2::1]:1", 20); n != 10 {
		t.Errorf("%d from the next /64; want 10", n)
	}
	if n := admitted(t, l, "[::ffff:192.0.2.7]:1", 6) + admitted(t, l, "192.0.2.7:1", 6); n != 10 {
		t.Errorf("%d from an address in both its forms; want 10", n)
	}
}

func TestThisMachineIsNotLimited(t *testing.T) {
	l := policy.NewLimits(policy.LimitsOptions{Rate: 1, Burst: 1, Now: newClock().now})
	if n := admitted(t, l, "127.0.0.1:1", 50) + admitted(t, l, "[::1]:1", 50); n != 100 {
		t.Errorf("%d of 100 over the loopback interface", n)
	}
}

// A table that is far too small: those who ask most stay limited, and memory
// does not grow.
func TestAFloodOfAddressesDoesNotFreeTheWorst(t *testing.T) {
	c := newClock()
	l := policy.NewLimits(policy.LimitsOptions{Rate: 1, Burst: 20, Addresses: 64, Now: c.now})
	admitted(t, l, "192.0.2.1:1", 100)
	for i := range 10_000 {
		admitted(t, l, fmt.Sprintf("10.0.%d.%d:1", i/250, i%250), 1)
	}
	if n := admitted(t, l, "192.0.2.1:1", 100); n != 0 {
		t.Errorf("10,000 others gave the worst %d more", n)
	}
	rng, ctx := rand.New(rand.NewPCG(1, 1)), t.Context()
	r := request("192.0.2.1:1")
	expectNoAllocation(t, "a limit", func() {
		r.Peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, 0, byte(rng.Uint32()), byte(rng.Uint32())}), 1)
		_ = l.MayAnnounce(ctx, r)
	})
}

func TestTheLimitHoldsForRequestsAtTheSameTime(t *testing.T) {
	l := policy.NewLimits(policy.LimitsOptions{Rate: 1, Burst: 500, Now: newClock().now})
	var count atomic.Int32
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 1000 {
				if l.MayAnnounce(t.Context(), request("192.0.2.1:1")) == nil {
					count.Add(1)
				}
			}
		})
	}
	asking.Wait()
	// Who loses a race three times is admitted uncounted; 8 askers cannot all do that often.
	if n := count.Load(); n < 500 || n > 1000 {
		t.Errorf("%d of 8000 admitted; want about 500", n)
	}
}

// The defaults let those through that people complained about elsewhere: a
// seedbox that starts with 10,000 torrents and then keeps them for a day, and a provider's
// address with 5000 announces in half an hour.
func TestTheDefaultsAreGenerous(t *testing.T) {
	c := newClock()
	l := policy.NewLimits(policy.LimitsOptions{Now: c.now})
	if n := admitted(t, l, "192.0.2.1:1", 10_000); n != 10_000 {
		t.Errorf("%d of a seedbox's 10,000 at once", n)
	}
	c.advance(30 * time.Minute)
	for minute := range 60 {
		if n := admitted(t, l, "192.0.2.1:1", 334); n != 334 {
			t.Errorf("%d of the seedbox's 334 in minute %d", n, minute)
		}
		c.advance(time.Minute)
	}
	refused := 0
	for range 60 {
		refused += 1000 - admitted(t, l, "192.0.2.99:1", 1000)
		c.advance(time.Second)
	}
	if refused < 45_000 {
		t.Errorf("of a flood of 1000 a second only %d of 60,000 are refused", refused)
	}
}

func BenchmarkLimits(b *testing.B) {
	l := policy.NewLimits(policy.LimitsOptions{})
	rng := rand.New(rand.NewPCG(1, 2))
	r, ctx := request("192.0.2.1:1"), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		v := rng.Uint32() % 100_000
		r.Peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(v >> 16), byte(v >> 8), byte(v)}), 1)
		_ = l.MayAnnounce(ctx, r)
	}
}
