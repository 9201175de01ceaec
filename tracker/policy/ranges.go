package policy

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// ranges is an immutable set of addresses. The zero value is empty.
type ranges struct {
	v4 []span[number4]
	v6 []span[number6]
	// index says where the spans of v4 begin whose first address has the same
	// first 16 bits: one step in place of most of a search that would miss the cache
	// each time. It is nil when there are few.
	index []uint32
}

// few is how many spans need no index.
const few = 256

// number4 and number6 are addresses as numbers.
type (
	number4 uint32
	number6 struct{ high, low uint64 }
)

// Compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n number4) Compare(m number4) int { return cmp.Compare(n, m) }

// Compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n number6) Compare(m number6) int {
	return cmp.Or(cmp.Compare(n.high, m.high), cmp.Compare(n.low, m.low))
}

func number4Of(a netip.Addr) number4 {
	b := a.As4()
	return number4(binary.BigEndian.Uint32(b[:]))
}

func number6Of(a netip.Addr) number6 {
	b := a.As16()
	return number6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// span is all addresses from first to last.
type span[N interface{ Compare(N) int }] struct{ first, last N }

// newRanges returns the set of the addresses in prefixes, none of which is
// IPv4-mapped.
func newRanges(prefixes []netip.Prefix) ranges {
	var r ranges
	for _, p := range prefixes {
		p = p.Masked()
		if p.Addr().Is4() {
			first := number4Of(p.Addr())
			r.v4 = append(r.v4, span[number4]{first, first | ^number4(0)>>p.Bits()})
			continue
		}
		first := number6Of(p.Addr())
		last := first
		last.high |= ^uint64(0) >> min(p.Bits(), 64) // a shift by 64 leaves nothing
		last.low |= ^uint64(0) >> max(0, p.Bits()-64)
		r.v6 = append(r.v6, span[number6]{first, last})
	}
	r.v4, r.v6 = merge(r.v4), merge(r.v6)
	if len(r.v4) > few {
		r.index = make([]uint32, 1<<16+1)
		for i := range r.index {
			r.index[i] = uint32(sort.Search(len(r.v4), func(at int) bool { return int(r.v4[at].first>>16) >= i }))
		}
	}
	return r
}

// merge sorts spans of prefixes and drops those that lie within others. Prefixes lie within each
// other or apart; the wider of two that begin together comes first, so one that
// lies within another follows it.
func merge[N interface{ Compare(N) int }](all []span[N]) []span[N] {
	slices.SortFunc(all, func(a, b span[N]) int {
		return cmp.Or(a.first.Compare(b.first), b.last.Compare(a.last))
	})
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n == 0 || s.last.Compare(merged[n-1].last) > 0 {
			merged = append(merged, s)
		}
	}
	return merged
}

// has reports whether a is in the set.
func (r *ranges) has(a netip.Addr) bool {
	if a = a.Unmap(); !a.Is4() {
		return len(r.v6) > 0 && a.IsValid() && within(r.v6, 0, len(r.v6), number6Of(a))
	}
	n, low, high := number4Of(a), 0, len(r.v4)
	if r.index != nil {
		low, high = int(r.index[n>>16]), int(r.index[n>>16+1])
	}
	return within(r.v4, low, high, n)
}

// within reports whether a span has n. All before low begin before n, all from
// high on after it.
func within[N interface{ Compare(N) int }](spans []span[N], low, high int, n N) bool {
	for low < high {
		middle := int(uint(low+high) >> 1)
		if spans[middle].first.Compare(n) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low > 0 && n.Compare(spans[low-1].last) <= 0
}
