package offer_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/offer"
	"p2p/torrentfile/infohash"
)

// bubble runs a test in virtual time, where Fetch waits on a goroutine.
func bubble(t *testing.T, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newRig(t)) })
}

func TestADictionaryComesFromWhoHasIt(t *testing.T) {
	for _, n := range []int{1, offer.ChunkSize, offer.ChunkSize + 1, 1 << 20} {
		bubble(t, func(r *rig) {
			info := dictionary(n, 1)
			r.honest()
			r.honest(info)
			f := r.fetch(infohash.Of(info), n)
			r.settle()
			if !f.got(info) {
				t.Errorf("%d bytes: done %v, %v", n, f.done, f.err)
			}
		})
	}
}

func TestAFetchWaitsForSomebodyWhoHasIt(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(50_000, 1)
		f := r.fetch(infohash.Of(info), len(info))
		r.passes(time.Minute)
		late := r.honest() // who gets the file later
		r.passes(time.Minute)
		if f.done || late.wants > 3 {
			t.Errorf("done %v, asked %d times", f.done, late.wants)
		}
		late.has[infohash.Of(info)] = len(info)
		late.reply = func(h offer.Hash, i int) string { return chunk(h, i, part(info, i)) }
		r.passes(time.Minute)
		if !f.got(info) {
			t.Error("it is not noticed")
		}
		g := r.fetch(infohash.Of(info), len(info))
		r.leaves(late)
		r.honest(info)
		r.settle()
		if !g.got(info) {
			t.Error("who comes is not asked")
		}
	})
}

func TestAFetchSurvivesThatTheRoomIsClosedAndOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		info := dictionary(50_000, 1)
		r := &rig{t: t, now: noon, ext: offer.New(offer.Options{})}
		f := r.fetch(infohash.Of(info), len(info)) // it is not open yet
		r.open()
		m := r.honest(info)
		r.passes(time.Second)
		if !f.got(info) {
			t.Fatal("what was asked before the room was open is not fetched")
		}
		r.leaves(m)
		g := r.fetch(infohash.Of(info), len(info))
		r.open()
		r.honest(info)
		r.settle()
		if !g.got(info) {
			t.Error("what was asked before it was closed is not fetched")
		}
	})
}

func TestManySourcesShareTheWork(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(1<<20, 1)
		for range 4 {
			r.honest(info)
		}
		f := r.fetch(infohash.Of(info), len(info))
		r.settle()
		if !f.got(info) {
			t.Fatal("not done")
		}
		total := 0
		for i, m := range r.members {
			if m.asks < 8 {
				t.Errorf("%d gave %d chunks", i, m.asks)
			}
			total += m.asks
		}
		if total != 64 {
			t.Errorf("%d chunks were asked for, of 64", total)
		}
	})
}

func TestWhoLeavesOrFallsSilentIsMadeUpFor(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(1<<20, 1)
		h := infohash.Of(info)
		left := 3
		stuck := r.joins(map[offer.Hash]int{h: len(info)}, func(h offer.Hash, i int) string {
			if left--; left < 0 {
				return ""
			}
			return chunk(h, i, part(info, i))
		})
		f := r.fetch(h, len(info))
		r.passes(5 * time.Second)
		if f.done {
			t.Fatal("done")
		}
		helper := r.honest(info)
		r.passes(5 * time.Second)
		if !f.got(info) || helper.asks > 61 {
			t.Errorf("done %v with %d of 61 chunks", f.done, helper.asks)
		}
		g := r.fetch(h, len(info))
		left = 10
		r.settle()
		r.leaves(stuck)
		r.passes(time.Second)
		if !g.got(info) {
			t.Error("not done when one has left")
		}
	})
}

func TestWhatHasComeIsKeptWhenTheOnlySourceLeaves(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(1<<20, 1)
		h := infohash.Of(info)
		left := 60
		m := r.joins(map[offer.Hash]int{h: len(info)}, func(h offer.Hash, i int) string {
			if left--; left < 0 {
				return ""
			}
			return chunk(h, i, part(info, i))
		})
		f := r.fetch(h, len(info))
		r.settle()
		r.leaves(m)
		r.passes(time.Minute)
		again := r.honest(info)
		r.settle()
		if !f.got(info) || again.asks != 4 {
			t.Errorf("done %v after %d more chunks", f.done, again.asks)
		}
	})
}

func TestALiarIsFoundOutAndSpoilsNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(1<<20, 1)
		h := infohash.Of(info)
		r.liar(h, len(info))
		r.liar(h, 1000)
		for range 3 {
			r.honest(info)
		}
		f := r.fetch(h, len(info))
		r.passes(time.Minute)
		if !f.got(info) {
			t.Fatal("not done")
		}
		if n := len(r.members); n < 3 { // who breaks a rule leaves
			t.Errorf("%d members are left: an honest one broke a rule", n)
		}
	})
	bubble(t, func(r *rig) {
		info := dictionary(100_000, 1)
		liar := r.liar(infohash.Of(info), len(info))
		f := r.fetch(infohash.Of(info), len(info))
		r.settle()
		if liar.err == nil || f.done {
			t.Fatal("one who gave all of another dictionary is believed")
		}
		back := r.liar(infohash.Of(info), len(info))
		back.Who = liar.Who
		r.passes(time.Minute)
		if back.asks > 0 {
			t.Error("it is asked again when it comes back")
		}
		r.honest(info)
		r.settle()
		if !f.got(info) {
			t.Error("not done")
		}
	})
}

func TestOneWhoClaimsAndGivesNothingIsPassedOver(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(100_000, 1)
		h := infohash.Of(info)
		for range 3 {
			r.joins(map[offer.Hash]int{h: 90_000}, silent)
		}
		r.honest(info)
		f := r.fetch(h, len(info))
		r.passes(time.Minute)
		if !f.got(info) {
			t.Error("not done")
		}
	})
}

func TestNoMoreIsFetchedThanWasPromised(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(100_000, 1)
		m := r.honest(info)
		f := r.fetch(infohash.Of(info), len(info)-1)
		r.passes(time.Minute)
		if f.done || m.asks > 0 {
			t.Errorf("done %v, asked for %d chunks", f.done, m.asks)
		}
		g := r.fetch(infohash.Of(info), len(info)) // somebody knows better
		r.passes(time.Minute)
		if !g.got(info) || !errors.Is(f.err, offer.ErrSize) {
			t.Errorf("%v, the other %v", g.err, f.err)
		}
		for _, size := range []int{0, -1, ext.MaxInfo + 1} {
			if f := r.fetch(infohash.Of(info), size); !errors.Is(f.err, offer.ErrSize) {
				t.Errorf("%d bytes: %v", size, f.err)
			}
		}
	})
}

func TestAFetchThatIsCancelledLeavesNothingBehind(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(1<<20, 1)
		h := infohash.Of(info)
		m := r.joins(map[offer.Hash]int{h: len(info)}, silent)
		f := r.fetch(h, len(info))
		r.passes(time.Second)
		f.cancel()
		synctest.Wait()
		if !errors.Is(f.err, context.Canceled) {
			t.Errorf("%v", f.err)
		}
		m.asks, m.wants = 0, 0
		r.passes(5 * time.Minute)
		if m.asks+m.wants > 0 {
			t.Errorf("it goes on: %d and %d", m.asks, m.wants)
		}
	})
}

func TestManyFilesAreFetchedFourAtATimeAndTheDeadDoNotBlockTheOthers(t *testing.T) {
	bubble(t, func(r *rig) {
		var all [][]byte
		dead := r.joins(map[offer.Hash]int{}, silent)
		for i := range byte(40) {
			info := dictionary(50_000, i)
			all = append(all, info)
			if i < 20 {
				dead.has[infohash.Of(info)] = len(info)
			}
		}
		r.honest(all[20:]...)
		var fetches []*fetched
		for _, info := range all {
			fetches = append(fetches, r.fetch(infohash.Of(info), len(info)))
		}
		r.passes(3 * time.Minute)
		for i, f := range fetches {
			if f.done != (i >= 20) {
				t.Errorf("%d: done %v, %v", i, f.done, f.err)
			}
			f.cancel()
		}
	})
}

// Random members come, go, lie and fall silent; an honest one is there in the end.
func TestWhateverHappensTheDictionaryIsFetched(t *testing.T) {
	for seed := range uint64(60) {
		bubble(t, func(r *rig) {
			rng := rand.New(rand.NewPCG(seed, 1))
			info := dictionary(1+rng.IntN(300_000), 1)
			h := infohash.Of(info)
			f := r.fetch(h, len(info))
			for range 20 {
				switch rng.IntN(6) {
				case 0:
					r.liar(h, len(info))
				case 1:
					r.liar(h, 1+rng.IntN(len(info)))
				case 2:
					r.joins(map[offer.Hash]int{h: 1 + rng.IntN(len(info))}, silent)
				case 3, 4:
					r.joins(map[offer.Hash]int{h: len(info)}, func(h offer.Hash, i int) string {
						if rng.IntN(3) > 0 {
							return ""
						}
						return chunk(h, i, part(info, i))
					})
				case 5:
					if n := len(r.members); n > 0 {
						r.leaves(r.members[rng.IntN(n)])
					}
				}
				r.passes(time.Duration(rng.IntN(4)) * time.Second)
			}
			good := r.honest(info)
			r.passes(20 * time.Minute)
			if !f.got(info) || good.err != nil {
				t.Errorf("seed %d: done %v, the honest one %v", seed, f.done, good.err)
			}
		})
	}
}
