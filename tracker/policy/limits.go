package policy

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"p2p/tracker"
)

// The defaults of Limits. A client asks once per torrent and interval, but for
// all its torrents at once when it starts. Behind one IPv4 address there may be a
// provider's whole street: a thousand subscribers, fifty of which share a hundred
// torrents each, ask 5000 times in half an hour, 3 times a second; a seedbox with
// 10,000 torrents 6 times. Eight times that is still a twentieth of what an address
// sends that floods a tracker, about 1000 requests a second, and a burst of
// 10,000 lets the seedbox start.
const (
	DefaultRate  = 50
	burstSeconds = 200
)

var errRate = &tracker.Refusal{Cause: tracker.CauseRate, Reason: "too many requests from this address", RetryIn: 2 * time.Minute}

// LimitsOptions are those of Limits. The zero value is good for a public tracker.
type LimitsOptions struct {
	// Rate is how many requests a second one address may make for long;
	// DefaultRate when zero, at most 10,000. An address is one of IPv4 or the /64
	// of one of IPv6, within which a host chooses its addresses itself.
	Rate float64
	// Burst is how many it may make at once after it was silent; 200 seconds' worth
	// when zero.
	Burst int
	// Addresses is how many addresses are remembered, rounded up to a power of
	// two; half a million when zero. Each takes 8 bytes.
	Addresses int
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Limits is a Policy that refuses addresses which ask too often. It is a table
// of fixed size: when there is no room, the address with the most left of its
// allowance is forgotten, which a flood from many addresses cannot turn against those
// that ask most. Requests over the loopback interface are not limited: tests
// and proxies come from there. Any goroutine may use it.
type Limits struct {
	seed  maphash.Seed // clients choose their addresses, so the hash is keyed
	start time.Time
	now   func() time.Time
	pace  pace
	slots []atomic.Uint64 // lines of slotsPerLine
	lines uint64          // less one
}

var _ tracker.Policy = (*Limits)(nil)

// A slot is the tag of an address above the time at which its allowance is
// whole again, in ticks since the start. One whose time has come says no more than an
// empty one. The slots of a line share a cache line.
const (
	slotsPerLine = 8
	tickBits     = 46      // 36 years
	tick         = 1 << 14 // nanoseconds
	tickMask     = uint64(1)<<tickBits - 1
)

// NewLimits returns Limits that remember nobody.
func NewLimits(o LimitsOptions) *Limits {
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	o.Rate = min(o.Rate, 10_000)
	if o.Burst <= 0 {
		o.Burst = max(1, int(o.Rate*burstSeconds))
	}
	if o.Addresses <= 0 {
		o.Addresses = 1 << 19
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	lines := 1
	for lines*slotsPerLine < o.Addresses {
		lines *= 2
	}
	return &Limits{
		seed: maphash.MakeSeed(), start: o.Now(), now: o.Now,
		pace:  newPace(o.Rate, tick, o.Burst),
		slots: make([]atomic.Uint64, lines*slotsPerLine),
		lines: uint64(lines - 1),
	}
}

// MayAnnounce implements tracker.Policy.
func (l *Limits) MayAnnounce(_ context.Context, r tracker.Request) error {
	return l.take(r.Peer.Addr(), r.Time)
}

// MayScrape implements tracker.Policy.
func (l *Limits) MayScrape(_ context.Context, r tracker.ScrapeRequest) error {
	return l.take(r.From, time.Time{})
}

// take counts a request of a at a time, now when that is zero.
func (l *Limits) take(a netip.Addr, at time.Time) error {
	a = a.Unmap()
	if a.IsLoopback() {
		return nil
	}
	if at.IsZero() {
		at = l.now()
	}
	h := l.hash(a)
	line, tag := l.slots[(h&l.lines)*slotsPerLine:][:slotsPerLine], h>>tickBits
	now := max(0, int64(at.Sub(l.start))/tick)
	// Who loses the race for a slot three times is admitted: the winners were counted.
	for range 3 {
		slot, seen := find(line, tag)
		whole := int64(0)
		if seen>>tickBits == tag {
			whole = int64(seen & tickMask)
		}
		whole, ok := l.pace.take(whole, now)
		if !ok {
			return errRate
		}
		if slot.CompareAndSwap(seen, tag<<tickBits|uint64(whole)&tickMask) {
			return nil
		}
	}
	return nil
}

// hash returns the keyed hash of what counts as one address.
func (l *Limits) hash(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return maphash.Bytes(l.seed, b[:])
	}
	b := a.As16()
	return maphash.Bytes(l.seed, b[:8])
}

// find returns the slot of a line that has the tag, or the one to give up for
// it, and what is in it.
func find(line []atomic.Uint64, tag uint64) (slot *atomic.Uint64, value uint64) {
	for i := range line {
		v := line[i].Load()
		if v>>tickBits == tag {
			return &line[i], v
		}
		if slot == nil || v&tickMask < value&tickMask {
			slot, value = &line[i], v
		}
	}
	return slot, value
}
