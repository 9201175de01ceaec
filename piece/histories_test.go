package piece_test

import (
	"fmt"
	"slices"
	"testing"

	"p2p/piece"
)

// finish lets everybody who is there deliver until nothing moves any more.
func (h *history) finish() {
	for moved := true; moved && !h.q.Done(); {
		moved = false
		for len(h.writes) > 0 {
			h.write()
			moved = true
		}
		for n := len(h.ready); n > 0; n-- {
			h.verify(true)
			moved = true
		}
		for _, p := range h.peers {
			h.draw(p, 1+h.rng.IntN(20))
			for range 1 + h.rng.IntN(20) {
				if len(p.asked) > 0 {
					h.deliver(p, p.asked[0])
					moved = true
				}
			}
		}
		h.check()
	}
}

// attempt names the seed of a history that fails.
func attempt(t *testing.T, seeds int, do func(h *history)) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { do(newHistory(t, seed)) })
	}
}

func TestQueueKeepsItsRulesThroughLongHistories(t *testing.T) {
	attempt(t, 150, func(h *history) { h.play(400) })
}

func TestQueueCompletesWheneverThePeersHaveEverything(t *testing.T) {
	attempt(t, 150, func(h *history) {
		h.play(150)
		h.join()
		h.q.Lost(h.peers[len(h.peers)-1].have) // the last one to join turns out to be a seed
		h.peers[len(h.peers)-1].have.SetAll()
		h.q.Gained(h.peers[len(h.peers)-1].have)
		h.finish()
		if !h.q.Done() {
			h.t.Fatalf("stuck with %d pieces left", h.q.Left())
		}
	})
}

// Peers that took requests and then say nothing must not keep a seed from
// finishing, once their requests are overdue.
func TestOneSeedCompletesAgainstSilentPeers(t *testing.T) {
	attempt(t, 100, func(h *history) {
		h.play(100)
		for _, p := range h.peers {
			for _, b := range p.asked {
				h.overdue(p, b)
			}
		}
		for len(h.peers) > 2 { // more could all be asked for the same block
			h.leave(h.peers[0])
		}
		h.last++
		seed := &player{key: h.last, have: piece.NewBitfield(h.l.Pieces())}
		seed.have.SetAll()
		h.q.Gained(seed.have)
		silent := h.peers
		h.peers = append(slices.Clone(silent), seed)
		for range 10000 {
			for len(h.writes) > 0 {
				h.write()
			}
			for n := len(h.ready); n > 0; n-- {
				h.verify(true)
			}
			h.draw(seed, 40)
			if len(seed.asked) == 0 {
				break
			}
			h.deliver(seed, seed.asked[0])
			h.check()
		}
		if !h.q.Done() {
			h.t.Fatalf("stuck with %d pieces left", h.q.Left())
		}
	})
}

// Memory that is reserved for blocks of peers that have gone must not keep
// those who are there from sending what they have.
func TestPartialPeersCompleteWhatTheyHaveAfterAllMemoryWasStranded(t *testing.T) {
	attempt(t, 60, func(h *history) {
		h.join()
		for h.memory.limit-h.memory.used >= piece.SpanSize && h.draws(h.peers[0]) {
		}
		for range h.rng.IntN(40) {
			h.arrive(h.peers[0])
		}
		h.leave(h.peers[0])
		h.join()
		h.join()
		h.finish()
		for _, s := range h.q.Stranded(nil) {
			h.forsakeOne(s)
		}
		h.finish()
		if h.q.Left() != h.unavailable() {
			h.t.Fatalf("stuck with %d pieces left, %d of them unavailable", h.q.Left(), h.unavailable())
		}
	})
}

// draws reports whether p was given something.
func (h *history) draws(p *player) bool {
	before := len(p.asked)
	h.draw(p, 16)
	return len(p.asked) > before
}
