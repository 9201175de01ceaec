package cluster

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/ledger"
)

// The completed counts of all torrents lie in one bucket, cut into tallies by
// the first bits of the info-hash. An entry per torrent would cost a hundred bytes of every
// node's memory in JetStream's index alone; a tally costs 24 on disk and in memory.
const (
	tallyBits = 12
	tallies   = 1 << tallyBits
)

// tallyOf returns which tally h belongs to.
func tallyOf(h infohash.T) int { return int(h[0])<<4 | int(h[1])>>4 }

// tallyKey returns the key of the n-th tally in the ledger, and tallyNumber the
// number of a key.
func tallyKey(n int) string { return fmt.Sprintf("%03x", n) }

func tallyNumber(key string) (n int, ok bool) {
	_, err := fmt.Sscanf(key, "%03x", &n)
	return n, err == nil && n >= 0 && n < tallies && key == tallyKey(n)
}

// tally is the counts of some torrents as they lie in the ledger.
//
// 1B version + 1B number of marks
// + (8B node + 4B number + 4B time in seconds) for each mark
// + (20B info-hash + 4B count) for each torrent, sorted by info-hash
//
// In version 2, which is written when there are gaps, a mark goes on with
// 1B number of gaps + (4B first + 4B last) for each.
type tally struct {
	marks  []mark // sorted by node
	counts []byte // 24 bytes each
}

// mark says which completions of a node are in the counts: all from 1 up to a
// number, but for those in the gaps.
type mark struct {
	node incarnation
	upTo uint32
	at   uint32 // when it was last changed
	gaps []gap  // sorted; never changed in place
}

// gap is numbers that nobody has told who wrote those after them. They may have
// died with their node, or still come.
type gap struct{ first, last uint32 }

const (
	tallyVersion = 1
	gapsVersion  = 2
	countSize    = infohash.Size + 4
	markSize     = 16
	gapSize      = 8
	// maxMarks bounds the nodes of which a tally remembers where it is; the one
	// that wrote longest ago makes way.
	maxMarks = 32
	// maxGaps bounds those of a mark; what is in the oldest is given up. One comes
	// into being where a node dies, or is cut off, in the midst of telling.
	maxGaps = 4
	// maxCounts is how many torrents fit into a tally: 11 million in all. The
	// smallest counts make way.
	maxCounts = (ledger.MaxValue - 2 - maxMarks*(markSize+1+maxGaps*gapSize)) / countSize
)

// parseTally reads what append wrote. The counts share memory with b.
func parseTally(b []byte) (t tally, ok bool) {
	if len(b) < 2 || b[0] != tallyVersion && b[0] != gapsVersion || b[1] > maxMarks {
		return tally{}, false
	}
	version, n := b[0], int(b[1])
	b = b[2:]
	for range n {
		var m mark
		if m, b, ok = parseMark(b, version); !ok || len(t.marks) > 0 && t.marks[len(t.marks)-1].node >= m.node {
			return tally{}, false
		}
		t.marks = append(t.marks, m)
	}
	if t.version() != version || len(b)%countSize != 0 {
		return tally{}, false
	}
	for i := countSize; i < len(b); i += countSize {
		if bytes.Compare(b[i-countSize:][:infohash.Size], b[i:][:infohash.Size]) >= 0 {
			return tally{}, false
		}
	}
	t.counts = b
	return t, true
}

// parseMark returns the mark that b begins with and what follows it.
func parseMark(b []byte, version byte) (m mark, rest []byte, ok bool) {
	if len(b) < markSize {
		return mark{}, nil, false
	}
	m = mark{node: incarnation(binary.BigEndian.Uint64(b)), upTo: binary.BigEndian.Uint32(b[8:]), at: binary.BigEndian.Uint32(b[12:])}
	if b = b[markSize:]; version == tallyVersion {
		return m, b, true
	}
	if len(b) < 1 || b[0] > maxGaps || len(b) < 1+int(b[0])*gapSize {
		return mark{}, nil, false
	}
	n, after := int(b[0]), uint32(0)
	for b = b[1:]; n > 0; n-- {
		g := gap{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
		if g.first <= after || g.last < g.first || g.last >= m.upTo {
			return mark{}, nil, false
		}
		m.gaps, after, b = append(m.gaps, g), g.last, b[gapSize:]
	}
	return m, b, true
}

// version is the oldest that can say what t says: nodes that do not know of gaps
// read the others.
func (t tally) version() byte {
	if slices.ContainsFunc(t.marks, func(m mark) bool { return len(m.gaps) > 0 }) {
		return gapsVersion
	}
	return tallyVersion
}

func (t tally) append(dst []byte) []byte {
	version := t.version()
	dst = append(dst, version, byte(len(t.marks)))
	for _, m := range t.marks {
		dst = binary.BigEndian.AppendUint64(dst, uint64(m.node))
		dst = binary.BigEndian.AppendUint32(dst, m.upTo)
		dst = binary.BigEndian.AppendUint32(dst, m.at)
		if version == tallyVersion {
			continue
		}
		dst = append(dst, byte(len(m.gaps)))
		for _, g := range m.gaps {
			dst = binary.BigEndian.AppendUint32(dst, g.first)
			dst = binary.BigEndian.AppendUint32(dst, g.last)
		}
	}
	return append(dst, t.counts...)
}

// find returns where h is, or where it belongs.
func (t tally) find(h infohash.T) (i int, found bool) {
	i = sort.Search(t.size(), func(i int) bool {
		return bytes.Compare(t.counts[i*countSize:][:infohash.Size], h[:]) >= 0
	})
	return i, i*countSize < len(t.counts) && infohash.T(t.counts[i*countSize:][:infohash.Size]) == h
}

func (t tally) at(i int) uint32 {
	return binary.BigEndian.Uint32(t.counts[i*countSize+infohash.Size:])
}

// count returns the count of h.
func (t tally) count(h infohash.T) uint32 {
	if i, found := t.find(h); found {
		return t.at(i)
	}
	return 0
}

// has reports whether completion c is in the counts.
func (t tally) has(c completion) bool {
	i, found := slices.BinarySearchFunc(t.marks, c.node, byNode)
	return found && t.marks[i].has(c.number)
}

func (m mark) has(number uint32) bool {
	return number <= m.upTo && !slices.ContainsFunc(m.gaps, func(g gap) bool { return g.has(number) })
}

func (g gap) has(number uint32) bool { return g.first <= number && number <= g.last }

func byNode(m mark, n incarnation) int { return cmp.Compare(m.node, n) }

// with returns t with more completions, sorted by number; t is as it was. Those
// that it has are left out; more is how many were added.
func (t tally) with(all []pending, now time.Time) (next tally, more int) {
	next = tally{slices.Clone(t.marks), slices.Clone(t.counts)}
	for next.size() > maxCounts { // as many as a version before this one took
		next.makeRoom()
	}
	for _, p := range all {
		if next.has(p.completion) {
			continue
		}
		next.mark(p.completion, now)
		if !p.void {
			next.raise(p.hash)
		}
		more++
	}
	return next, more
}

func (t *tally) mark(c completion, now time.Time) {
	i, found := slices.BinarySearchFunc(t.marks, c.node, byNode)
	if !found {
		t.marks = slices.Insert(t.marks, i, mark{node: c.node})
	}
	t.marks[i] = t.marks[i].with(c.number)
	t.marks[i].at = uint32(now.Unix())
	if len(t.marks) <= maxMarks {
		return
	}
	oldest := 0
	for i, m := range t.marks {
		if m.at < t.marks[oldest].at {
			oldest = i
		}
	}
	t.marks = slices.Delete(t.marks, oldest, oldest+1)
}

// with returns m with a number that it does not have. Those before it may be
// missing: what waits for them might wait for ever, for nobody may know them.
func (m mark) with(number uint32) mark {
	var gaps []gap
	for _, g := range m.gaps {
		if !g.has(number) {
			gaps = append(gaps, g)
			continue
		}
		if g.first < number {
			gaps = append(gaps, gap{g.first, number - 1})
		}
		if number < g.last {
			gaps = append(gaps, gap{number + 1, g.last})
		}
	}
	if number > m.upTo {
		if number-m.upTo > 1 {
			gaps = append(gaps, gap{m.upTo + 1, number - 1})
		}
		m.upTo = number
	}
	m.gaps = gaps[max(0, len(gaps)-maxGaps):]
	return m
}

// size returns how many torrents t counts.
func (t tally) size() int { return len(t.counts) / countSize }

func (t *tally) raise(h infohash.T) {
	i, found := t.find(h)
	if found {
		n := t.at(i)
		if n < math.MaxUint32 {
			binary.BigEndian.PutUint32(t.counts[i*countSize+infohash.Size:], n+1)
		}
		return
	}
	if t.size() >= maxCounts {
		t.makeRoom()
		i, _ = t.find(h)
	}
	entry := append(append(make([]byte, 0, countSize), h[:]...), 0, 0, 0, 1)
	t.counts = slices.Insert(t.counts, i*countSize, entry...)
}

// makeRoom forgets the torrent with the smallest count.
func (t *tally) makeRoom() {
	least := 0
	for i := range t.size() {
		if t.at(i) < t.at(least) {
			least = i
		}
	}
	t.counts = slices.Delete(t.counts, least*countSize, (least+1)*countSize)
}
