package cluster

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker/ledger"
	"p2p/tracker/storetest"
)

// finished is a completion of a torrent at a node.
func finished(n incarnation, number uint32, h infohash.T) pending {
	return pending{completion: completion{n, number}, finisher: finisher{hash: h}, since: storetest.Start}
}

// plus is with at a certain time.
func (t tally) plus(list ...pending) tally {
	next, _ := t.with(list, after(0))
	return next
}

// FuzzTally reads what stands in the ledger.
func FuzzTally(f *testing.F) {
	f.Add(tally{}.append(nil))
	f.Add(tally{}.plus(finished(1, 1, storetest.Hash(1)), finished(3, 1, storetest.Hash(2))).append(nil))
	f.Add(tally{}.plus(finished(1, 4, storetest.Hash(1)), finished(1, 6, storetest.Hash(1)), finished(3, 1, storetest.Hash(2))).append(nil))
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
		got, _ = got.with(batch, after(0))
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

// Those of a node that was cut off come in any order, and some twice.
func TestATallyCountsWhatComesInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const numbers = maxGaps * 2 // every second one leaves as many gaps as there may be
	for range 100 {
		var got tally
		known := make(map[int]bool)
		for _, i := range append(rng.Perm(numbers), rng.Perm(numbers)...) {
			c := finished(1, uint32(i+1), storetest.Hash(0))
			got = got.plus(c)
			known[i] = true
			var ok bool
			if got, ok = parseTally(got.append(nil)); !ok {
				t.Fatalf("with %v it cannot be read", known)
			}
			for i := range numbers + 1 {
				if got.has(completion{1, uint32(i + 1)}) != known[i] {
					t.Fatalf("of %v it knows %+v", known, got.marks)
				}
			}
			if int(got.count(storetest.Hash(0))) != len(known) {
				t.Fatalf("%d are counted, want %d", got.count(storetest.Hash(0)), len(known))
			}
		}
		if got.version() != tallyVersion {
			t.Error("without gaps it is not as nodes read it that do not know of them")
		}
	}
}

func TestGapsAreBoundedAndTheOldestIsGivenUp(t *testing.T) {
	var got tally
	for i := range uint32(maxGaps + 3) {
		got = got.plus(finished(1, 10*(i+1), storetest.Hash(0)))
	}
	if n := len(got.marks[0].gaps); n != maxGaps {
		t.Errorf("%d gaps, want %d", n, maxGaps)
	}
	late := got.plus(finished(1, 5, storetest.Hash(0)), finished(1, 10*(maxGaps+3)-1, storetest.Hash(0)))
	if got, want := late.count(storetest.Hash(0)), got.count(storetest.Hash(0))+1; got != want {
		t.Errorf("%d are counted with what is late, want %d", got, want)
	}
}

func TestTheLargestTallyFitsIntoTheLedger(t *testing.T) {
	var list []pending
	for i := range maxCounts + 10 {
		list = append(list, finished(1, uint32(i+1), storetest.Hash(i)))
	}
	for n := range maxMarks {
		for i := range maxGaps + 1 {
			list = append(list, finished(incarnation(n+1), uint32(1_000_000+10*i), storetest.Hash(0)))
		}
	}
	if n := len(tally{}.plus(list...).append(nil)); n > ledger.MaxValue {
		t.Errorf("it has %d bytes", n)
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
	if n := got.size(); n != maxCounts {
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
		got, _ = got.with([]pending{finished(incarnation(100-n), 1, storetest.Hash(1))}, after(n))
	}
	if len(got.marks) != maxMarks || got.has(completion{100, 1}) || !got.has(completion{100 - maxMarks - 4, 1}) {
		t.Errorf("marks are %v", got.marks)
	}
	if !slices.IsSortedFunc(got.marks, func(a, b mark) int { return byNode(a, b.node) }) {
		t.Error("marks are not sorted")
	}
}
