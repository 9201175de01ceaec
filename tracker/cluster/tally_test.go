package cluster

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker/storetest"
)

// finished is a completion of a torrent at a node.
func finished(n incarnation, number uint32, h infohash.T) pending {
	return pending{completion: completion{n, number}, finisher: finisher{hash: h}, since: storetest.Start}
}

// plus is with for what is to be added whole.
func (t tally) plus(list ...pending) tally {
	next, _ := t.with(list, 0, after(0).Add(giveUpAfter))
	return next
}

// FuzzTally reads what stands in the ledger.
func FuzzTally(f *testing.F) {
	f.Add(tally{}.append(nil))
	f.Add(tally{}.plus(finished(1, 1, storetest.Hash(1)), finished(3, 1, storetest.Hash(2))).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseTally(b)
		if !ok {
			return
		}
		if !bytes.Equal(got.append(nil), b) {
			t.Errorf("%x is read as %+v", b, got)
		}
		next := got.plus(finished(5, 1<<32-1, storetest.Hash(3)))
		if _, ok := parseTally(next.append(nil)); !ok {
			t.Errorf("%x with one more cannot be read", b)
		}
	})
}

// Nodes have completions, which are written in batches that overlap.
func TestATallyCountsEachCompletionOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []pending
	numbers := make(map[incarnation]uint32)
	want := make(map[infohash.T]uint32)
	for range 300 {
		n := incarnation(1 + rng.IntN(3))
		numbers[n]++
		p := finished(n, numbers[n], storetest.Hash(rng.IntN(40)))
		if p.void = rng.IntN(4) == 0; !p.void {
			want[p.hash]++
		}
		all = append(all, p)
	}
	var got tally
	for from := 0; from < len(all); {
		to := min(len(all), from+1+rng.IntN(20))
		batch := slices.Clone(all[max(0, from-rng.IntN(30)):to])
		slices.SortFunc(batch, func(a, b pending) int { return cmp.Compare(a.number, b.number) })
		got, _ = got.with(batch, 0, after(0))
		from = to
	}
	got, ok := parseTally(got.append(nil))
	if !ok {
		t.Fatal("the tally cannot be read")
	}
	for h, n := range want {
		if got.count(h) != n {
			t.Errorf("%v is counted %d times, want %d", h, got.count(h), n)
		}
	}
	if got.count(storetest.Hash(99)) != 0 {
		t.Error("a torrent that nobody has finished is counted")
	}
}

func TestAFullTallyKeepsTheLargestCounts(t *testing.T) {
	var list []pending
	add := func(h infohash.T, times int) {
		for range times {
			list = append(list, finished(1, uint32(len(list)+1), h))
		}
	}
	for i := range 50 {
		add(storetest.Hash(i), 3)
	}
	for i := range maxCounts {
		add(storetest.Hash(1000+i), 1)
	}
	got := tally{}.plus(list...)
	if n := len(got.counts) / countSize; n != maxCounts {
		t.Errorf("%d torrents, want %d", n, maxCounts)
	}
	for i := range 50 {
		if got.count(storetest.Hash(i)) != 3 {
			t.Errorf("torrent %d has made way", i)
		}
	}
	if _, ok := parseTally(got.append(nil)); !ok {
		t.Error("a full tally cannot be read")
	}
}

func TestATallyForgetsTheNodeOfLongestAgo(t *testing.T) {
	var got tally
	for n := range maxMarks + 5 {
		got, _ = got.with([]pending{finished(incarnation(100-n), 1, storetest.Hash(1))}, 0, after(n))
	}
	if len(got.marks) != maxMarks || got.has(completion{100, 1}) || !got.has(completion{100 - maxMarks - 4, 1}) {
		t.Errorf("marks are %v", got.marks)
	}
	if !slices.IsSortedFunc(got.marks, func(a, b mark) int { return byNode(a, b.node) }) {
		t.Error("marks are not sorted")
	}
}
