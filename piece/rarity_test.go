package piece_test

import (
	"math/rand/v2"
	"testing"

	"p2p/piece"
)

// After every step the order must hold exactly the missing pieces, each in the
// band of its availability, and the availability must be what was counted.
func TestRarityKeepsEveryPieceInItsBand(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		n := 1 + rng.IntN(70)
		missing, count := random(n, rng), make([]int, n)
		r := piece.NewRarity(missing, rng)
		var joined []*piece.Bitfield
		for step := range 400 {
			p := rng.IntN(n)
			i := pieces(n).MustIndex(p)
			switch op := rng.IntN(12); {
			case op < 4:
				r.More(uint32(p))
				count[p]++
			case op < 8 && count[p] > held(joined, i):
				r.Less(uint32(p))
				count[p]--
			case op == 8 && missing.Clear(i):
				r.Remove(uint32(p))
			case op == 9 && missing.Set(i):
				r.Add(uint32(p))
			case op == 10:
				set := random(n, rng)
				joined = append(joined, set)
				r.Gain(set)
				tell(count, set, 1)
			case op == 11 && len(joined) > 0:
				r.Lose(joined[0])
				tell(count, joined[0], -1)
				joined = joined[1:]
			}
			if rng.IntN(3) > 0 {
				checkOrder(t, r, missing, count)
			}
			if err := r.Check(missing); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			for p, want := range count {
				if got := r.Count(uint32(p)); got != want {
					t.Fatalf("seed %d, step %d: piece %d counted %d times, want %d", seed, step, p, got, want)
				}
			}
		}
	}
}

// held returns how many of the sets have piece i.
func held(sets []*piece.Bitfield, i piece.Index) int {
	n := 0
	for _, s := range sets {
		if s.Has(i) {
			n++
		}
	}
	return n
}

func tell(count []int, set *piece.Bitfield, n int) {
	for i := range set.All() {
		count[i.Int()] += n
	}
}

// checkOrder looks at the order itself: nothing common before anything rare.
func checkOrder(t *testing.T, r piece.Rarity, missing *piece.Bitfield, count []int) {
	t.Helper()
	order := r.Sorted()
	if len(order) != missing.Count() {
		t.Fatalf("%d pieces in order, want %d", len(order), missing.Count())
	}
	for at := range order[min(1, len(order)):] {
		if a, b := count[order[at]], count[order[at+1]]; a > b && b < piece.TopBand {
			t.Fatalf("a piece of availability %d stands before one of %d", a, b)
		}
	}
	nobody := len(order) - len(r.Shared())
	for at, p := range order {
		if (count[p] == 0) != (at < nobody) {
			t.Fatalf("piece %d of availability %d at %d; %d have none", p, count[p], at, nobody)
		}
	}
}

func TestRarityStopsSortingWhereNothingIsRare(t *testing.T) {
	missing := piece.NewBitfield(3)
	missing.SetAll()
	r := piece.NewRarity(missing, rand.New(rand.NewPCG(1, 5)))
	_ = r.Sorted()
	for range piece.TopBand + 10 {
		r.More(0)
	}
	for range piece.TopBand {
		r.More(1)
	}
	if err := r.Check(missing); err != nil {
		t.Fatal(err)
	}
	for range 11 { // back below the top band
		r.Less(0)
	}
	if err := r.Check(missing); err != nil {
		t.Fatal(err)
	}
	if order := r.Sorted(); order[0] != 2 || order[1] != 0 || order[2] != 1 {
		t.Errorf("order %v, want 2 0 1", order)
	}
}

func TestRarityCountsNoFurtherThanItsNumbersReach(t *testing.T) {
	missing := piece.NewBitfield(1)
	missing.SetAll()
	r := piece.NewRarity(missing, rand.New(rand.NewPCG(1, 6)))
	for range 1 << 16 {
		r.More(0)
	}
	for range 1 << 16 {
		r.Less(0)
	}
	if r.Count(0) != 0 || r.Check(missing) != nil {
		t.Errorf("count %d, %v", r.Count(0), r.Check(missing))
	}
}

// Among equals the order is random, or all peers of a swarm would go for the
// same piece.
func TestRarityShufflesEquals(t *testing.T) {
	const n, rounds = 8, 4000
	first := [3][n]int{}
	for seed := range uint64(rounds) {
		missing := piece.NewBitfield(n)
		missing.SetAll()
		r := piece.NewRarity(missing, rand.New(rand.NewPCG(seed, 7)))
		switch seed % 3 {
		case 0: // one moves after the other
			_ = r.Sorted()
			for p := range uint32(n) {
				r.More(p)
			}
		case 1: // one is added after the other
			r = piece.NewRarity(piece.NewBitfield(n), rand.New(rand.NewPCG(seed, 7)))
			_ = r.Sorted()
			for p := range uint32(n) {
				r.Add(p)
			}
		case 2: // all are sorted at once
			r.Gain(missing)
		}
		first[seed%3][r.Sorted()[0]]++
	}
	for way, first := range first {
		for p, got := range first {
			if got < rounds/3/n/2 || got > rounds/3/n*2 {
				t.Errorf("way %d: piece %d came first %d times of %d", way, p, got, rounds/3)
			}
		}
	}
}
