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
// A mark says which completions of a node are in the counts: all up to that
// number, from 1 on. Its time is when it was last changed.
type tally struct {
	marks  []mark // sorted by node
	counts []byte // 24 bytes each
}

type mark struct {
	node incarnation
	upTo uint32
	at   uint32
}

const (
	tallyVersion = 1
	countSize    = infohash.Size + 4
	markSize     = 16
	// maxMarks bounds the nodes of which a tally remembers where it is; the one
	// that was heard of longest ago makes way.
	maxMarks = 32
	// maxCounts is how many torrents fit into a tally: 11 million in all. The
	// smallest counts make way.
	maxCounts = (ledger.MaxValue - 2 - maxMarks*markSize) / countSize
)

// parseTally reads what append wrote. The counts share memory with b.
func parseTally(b []byte) (t tally, ok bool) {
	if len(b) < 2 || b[0] != tallyVersion || b[1] > maxMarks || len(b) < 2+int(b[1])*markSize {
		return tally{}, false
	}
	n := int(b[1])
	for b = b[2:]; n > 0; n-- {
		m := mark{incarnation(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])}
		if len(t.marks) > 0 && t.marks[len(t.marks)-1].node >= m.node {
			return tally{}, false
		}
		t.marks, b = append(t.marks, m), b[markSize:]
	}
	if len(b)%countSize != 0 || len(b)/countSize > maxCounts {
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

func (t tally) append(dst []byte) []byte {
	dst = append(dst, tallyVersion, byte(len(t.marks)))
	for _, m := range t.marks {
		dst = binary.BigEndian.AppendUint64(dst, uint64(m.node))
		dst = binary.BigEndian.AppendUint32(dst, m.upTo)
		dst = binary.BigEndian.AppendUint32(dst, m.at)
	}
	return append(dst, t.counts...)
}

// find returns where h is, or where it belongs.
func (t tally) find(h infohash.T) (i int, found bool) {
	i = sort.Search(len(t.counts)/countSize, func(i int) bool {
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

// upTo returns which completions of a node are in the counts.
func (t tally) upTo(n incarnation) uint32 {
	if i, found := slices.BinarySearchFunc(t.marks, n, byNode); found {
		return t.marks[i].upTo
	}
	return 0
}

// has reports whether completion c is in the counts.
func (t tally) has(c completion) bool { return c.number <= t.upTo(c.node) }

func byNode(m mark, n incarnation) int { return cmp.Compare(m.node, n) }

// with returns t with more completions, which are sorted by number; t is as it
// was. Those that it has are left out, and so are those of other nodes than self
// that come after one which is not known here, unless they have waited for it
// long enough. more is how many were added.
func (t tally) with(all []pending, self incarnation, now time.Time) (next tally, more int) {
	next = tally{slices.Clone(t.marks), slices.Clone(t.counts)}
	for _, p := range all {
		isNext := p.number == next.upTo(p.node)+1
		if next.has(p.completion) || p.node != self && !isNext && now.Sub(p.since) < giveUpAfter {
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
	m := mark{c.node, c.number, uint32(now.Unix())}
	i, found := slices.BinarySearchFunc(t.marks, c.node, byNode)
	if found {
		t.marks[i] = m
		return
	}
	t.marks = slices.Insert(t.marks, i, m)
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

func (t *tally) raise(h infohash.T) {
	i, found := t.find(h)
	if found {
		n := t.at(i)
		if n < math.MaxUint32 {
			binary.BigEndian.PutUint32(t.counts[i*countSize+infohash.Size:], n+1)
		}
		return
	}
	if len(t.counts)/countSize >= maxCounts {
		t.makeRoom()
		i, _ = t.find(h)
	}
	entry := append(append(make([]byte, 0, countSize), h[:]...), 0, 0, 0, 1)
	t.counts = slices.Insert(t.counts, i*countSize, entry...)
}

// makeRoom forgets the torrent with the smallest count.
func (t *tally) makeRoom() {
	least := 0
	for i := range len(t.counts) / countSize {
		if t.at(i) < t.at(least) {
			least = i
		}
	}
	t.counts = slices.Delete(t.counts, least*countSize, (least+1)*countSize)
}
