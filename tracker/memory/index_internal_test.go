package memory

import (
	"math/rand/v2"
	"testing"
)

// holds checks that the index finds every hash at its position and nothing else.
func holds(t *testing.T, x *index, want []uint64) {
	t.Helper()
	for pos, h := range want {
		found := false
		for probe := x.probe(h); ; {
			at, ok := probe.next()
			if !ok {
				break
			}
			found = found || at == pos
		}
		if !found {
			t.Fatalf("position %d of %d is not found", pos, len(want))
		}
	}
	used := 0
	for i, no := range x.dir {
		if i == 0 || no != x.dir[i-1] {
			used += int(x.pool.segment(no).used)
		}
	}
	if used != len(want) {
		t.Fatalf("%d entries, want %d", used, len(want))
	}
}

// churn adds and removes entries at random: it grows to most and shrinks to none.
func churn(t *testing.T, most int, draw func(*rand.Rand) uint64) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	x := index{pool: newPool(1 << 26)}
	before := x.pool.used.Load()
	var hashes []uint64
	hashAt := func(pos int) uint64 { return hashes[pos] }
	for _, growing := range []bool{true, false} {
		for len(hashes) < most && growing || len(hashes) > 0 && !growing {
			if grow := rng.IntN(4) > 0; grow == growing {
				h := draw(rng)
				if !x.reserve(h, hashAt) {
					t.Fatalf("no room among %d", len(hashes))
				}
				x.insert(h, len(hashes))
				hashes = append(hashes, h)
				if !growing {
					continue
				}
			}
			if n := len(hashes); n > 0 && rng.IntN(3) == 0 || !growing {
				pos, last := rng.IntN(max(n, 1)), n-1
				if n == 0 {
					continue
				}
				x.remove(hashes[pos], pos)
				if pos != last {
					x.move(hashes[last], last, pos)
				}
				hashes[pos] = hashes[last]
				hashes = hashes[:last]
			}
			if n := len(hashes); n > 1 && rng.IntN(8) == 0 {
				i, j := rng.IntN(n), rng.IntN(n)
				x.exchange(hashes[i], i, hashes[j], j)
				hashes[i], hashes[j] = hashes[j], hashes[i]
			}
			if rng.IntN(2000) == 0 {
				holds(t, &x, hashes)
			}
		}
		holds(t, &x, hashes)
	}
	x.release()
	if got := x.pool.used.Load() - before; got != 0 {
		t.Errorf("%d bytes are charged for an index that was released", got)
	}
}

func TestTheIndexFindsWhatWasPutIntoIt(t *testing.T) {
	churn(t, 20_000, (*rand.Rand).Uint64)
}

// Peers of one address have one hash. Many such addresses make runs that only
// just fit.
func TestTheIndexHoldsManyEntriesOfOneHash(t *testing.T) {
	hashes := make([]uint64, 200)
	for i := range hashes {
		hashes[i] = rand.Uint64()
	}
	churn(t, 5000, func(rng *rand.Rand) uint64 { return hashes[rng.IntN(len(hashes))] })
}

// Entries that no split can part must not make the directory grow for ever.
func TestTheIndexRefusesMoreOfOneHashThanFit(t *testing.T) {
	x := index{pool: newPool(1 << 26)}
	n := 0
	for x.reserve(42, func(int) uint64 { return 42 }) {
		x.insert(42, n)
		n++
	}
	if n < 200 || n > 256 || len(x.dir) > 2 {
		t.Errorf("%d entries, a directory of %d", n, len(x.dir))
	}
}

func TestTheIndexKeepsToTheBudget(t *testing.T) {
	x := index{pool: newPool(chunkCost + 1000)} // one chunk
	var hashes []uint64
	for h := uint64(1); ; h += 0x9e3779b97f4a7c15 {
		if !x.reserve(h, func(pos int) uint64 { return hashes[pos] }) {
			break
		}
		x.insert(h, len(hashes))
		hashes = append(hashes, h)
	}
	if p := x.pool; p.taken.Load() > p.max || len(hashes) < 32*segmentFull {
		t.Errorf("%d entries in %d bytes of %d", len(hashes), p.taken.Load(), p.max)
	}
	holds(t, &x, hashes)
}
