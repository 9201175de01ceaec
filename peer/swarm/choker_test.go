package swarm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"p2p/piece"
)

// crowd is a choker among peers that are always interested, in virtual time.
type crowd struct {
	choker
	t       *testing.T
	now     time.Time
	peers   []candidate
	rates   []int64 // bytes/s that a peer takes while it is unchoked
	held    map[piece.PeerKey]time.Duration
	turns   map[piece.PeerKey]int
	waited  map[piece.PeerKey]time.Duration // the longest
	seeding bool
}

func newCrowd(t *testing.T, seed uint64, slots, peers int) *crowd {
	c := &crowd{
		t: t, now: time.Unix(1e9, 0), choker: choker{slots: slots, rng: rand.New(rand.NewPCG(seed, 1))},
		held: map[piece.PeerKey]time.Duration{}, turns: map[piece.PeerKey]int{}, waited: map[piece.PeerKey]time.Duration{},
	}
	for k := range peers {
		at := c.now.Add(-time.Hour - time.Duration(k)*time.Minute)
		c.peers = append(c.peers, candidate{key: piece.PeerKey(k + 1), since: at, rest: at})
		c.rates = append(c.rates, 1<<20)
	}
	return c
}

// round does what Core.Rechoke does, and lets ten seconds pass.
func (c *crowd) round() []piece.PeerKey {
	chosen := c.choose(c.now, slices.Clone(c.peers), c.seeding)
	if len(chosen) > c.slots {
		c.t.Fatalf("%d peers are unchoked, with %d slots", len(chosen), c.slots)
	}
	for i := range c.peers {
		p := &c.peers[i]
		switch yes := slices.Contains(chosen, p.key); {
		case yes && !p.unchoked:
			p.unchoked, p.turn, p.turnSent = true, c.now, 0
			c.turns[p.key]++
		case !yes && p.unchoked:
			p.unchoked, p.rest = false, c.now
		}
		if p.unchoked {
			c.held[p.key] += rechokeEvery
			p.turnSent += c.rates[i] * int64(rechokeEvery/time.Second)
			p.spent = c.rates[i] == 0
		} else {
			c.waited[p.key] = max(c.waited[p.key], c.now.Sub(p.rest))
		}
	}
	c.now = c.now.Add(rechokeEvery)
	return chosen
}

// even checks that each of the peers held a slot for as long as the others,
// within a share of the mean.
func (c *crowd) even(peers []candidate, within float64) {
	c.t.Helper()
	mean := 0.0
	for _, p := range peers {
		mean += c.held[p.key].Seconds() / float64(len(peers))
	}
	for _, p := range peers {
		if off := math.Abs(c.held[p.key].Seconds()/mean - 1); off > within {
			c.t.Errorf("peer %d was unchoked for %v, the mean is %.0f s", p.key, c.held[p.key], mean)
		}
	}
}

// BEP 3: "It does reciprocation and number of uploads capping by unchoking the
// four peers which it has the best download rates from and are interested."
func TestThoseWhoGiveMostAreUnchoked(t *testing.T) {
	c := newCrowd(t, 1, 4, 20)
	for i := range c.peers {
		c.peers[i].given = int64(i) * 1000
	}
	for range 100 {
		chosen := c.round()
		if !slices.Equal(chosen[:3], []piece.PeerKey{20, 19, 18}) || len(chosen) != 4 {
			t.Fatalf("unchoked are %v", chosen)
		}
	}
}

// BEP 3: "at any one time there is a single peer which is unchoked regardless of
// its upload rate [...] Which peer is optimistically unchoked rotates every 30
// seconds."
func TestTheOptimisticUnchokeRotatesFairly(t *testing.T) {
	c := newCrowd(t, 2, 4, 23)
	for i := range 3 {
		c.peers[i].given = 1 << 30
	}
	var last piece.PeerKey
	rounds := 0
	for range 20 * 100 * 3 {
		chosen := c.round()
		if chosen[3] != last && rounds%3 != 0 {
			t.Fatalf("the optimistic unchoke changed after %v", time.Duration(rounds)*rechokeEvery)
		}
		if chosen[3] == last {
			rounds++
		} else {
			last, rounds = chosen[3], 1
		}
	}
	c.even(c.peers[3:], 0.4) // drawn 100 times each: four standard deviations
}

// BEP 3: "new connections are three times as likely to start as the current
// optimistic unchoke as anywhere else in the rotation."
func TestNewcomersAreThreeTimesAsLikely(t *testing.T) {
	const draws = 6000
	hits := 0
	for seed := range uint64(draws) {
		c := newCrowd(t, seed, 2, 11)
		c.peers[0].given = 1
		c.peers[4].since = c.now.Add(-10 * time.Second)
		if c.round()[1] == 5 {
			hits++
		}
	}
	if share := float64(hits) / draws; math.Abs(share-3.0/12) > 0.025 {
		t.Errorf("a newcomer among ten is drawn with %.3f, want 0.25", share)
	}
}

// "Anti-snubbing", Cohen 2003.
func TestAPeerThatSnubsUsLosesItsSlot(t *testing.T) {
	c := newCrowd(t, 3, 3, 10)
	for i := range c.peers {
		c.peers[i].given = int64(10-i) * 1000
	}
	c.round()
	c.peers[0].snubbed = true
	if chosen := c.round(); slices.Contains(chosen[:2], 1) {
		t.Fatalf("regular slots have %v", chosen[:2])
	}
}

// Among those who give nothing the first who came must not keep their slots for
// ever: a swarm in which nobody has anything for another would stand still.
func TestPeersThatGiveNothingTakeTurns(t *testing.T) {
	for _, slots := range []int{1, 2, 5} {
		c := newCrowd(t, 4, slots, 12)
		for range 3000 {
			c.round()
		}
		c.even(c.peers, 0.25)
	}
}

func TestAPeerThatAsksForNothingDoesNotHoldASlot(t *testing.T) {
	for _, seeding := range []bool{true, false} {
		c := newCrowd(t, 5, 2, 3)
		c.seeding = seeding
		c.rates[0], c.rates[1] = 0, 0
		for range 4 {
			c.round()
		}
		if c.held[3] < 20*time.Second {
			t.Errorf("seeding %v: the one peer that asks for blocks was unchoked for %v of 40 s", seeding, c.held[3])
		}
	}
}

func TestASeedServesItsPeersInTurn(t *testing.T) {
	for _, c := range []struct{ slots, peers int }{{1, 5}, {4, 5}, {8, 30}, {8, 200}, {3, 4}, {2, 3}} {
		w := newCrowd(t, 6, c.slots, c.peers)
		w.seeding = true
		for range 20 * c.peers {
			w.round()
		}
		w.even(w.peers, 0.15)
	}
}

// Peers with slow lines are served for longer, but nobody waits for more than a
// whole turn of all the others.
func TestNobodyWaitsForLongAtASeed(t *testing.T) {
	c := newCrowd(t, 7, 4, 22)
	c.seeding = true
	for i := range c.rates {
		c.rates[i] = []int64{0, 10_000, 500_000, 50_000_000}[i%4]
	}
	for range 2000 {
		c.round()
		if c.now.Sub(c.peers[0].since) < 2*time.Hour {
			clear(c.waited) // everybody began with an hour of waiting
		}
	}
	limit := time.Duration(math.Ceil(22.0/4)) * turnMax
	for _, p := range c.peers {
		if c.waited[p.key] > limit || c.turns[p.key] < 10 {
			t.Errorf("peer %d had %d turns and once waited for %v", p.key, c.turns[p.key], c.waited[p.key])
		}
	}
}

// A turn is not cut short: whoever has just been unchoked needs time to get a
// piece out of it.
func TestATurnLastsAtLeastHalfAMinute(t *testing.T) {
	c := newCrowd(t, 8, 2, 9)
	c.seeding = true
	for i := range c.rates {
		c.rates[i] = 50 << 20
	}
	began := map[piece.PeerKey]time.Time{}
	for range 500 {
		for i := range c.peers {
			p := &c.peers[i]
			if p.unchoked {
				began[p.key] = p.turn
			}
		}
		c.round()
		for i := range c.peers {
			p := &c.peers[i]
			if at, had := began[p.key]; had && !p.unchoked && p.rest.Sub(at) < turnMin {
				t.Fatalf("peer %d was choked after %v", p.key, p.rest.Sub(at))
			}
			delete(began, p.key)
		}
	}
}

// Whatever the peers are like, no more than the slots are filled, none is filled
// twice, and none stays empty while somebody waits.
func TestSlotsAreFilledAndNoMore(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := choker{slots: 1 + rng.IntN(10), rng: rng}
		now := time.Unix(1e9, 0)
		all := make([]candidate, rng.IntN(30))
		for i := range all {
			all[i] = candidate{
				key: piece.PeerKey(i + 1), unchoked: rng.IntN(2) == 0, given: int64(rng.IntN(3)), snubbed: rng.IntN(4) == 0,
				since: now.Add(-time.Duration(rng.IntN(300)) * time.Second), turn: now.Add(-time.Duration(rng.IntN(300)) * time.Second),
				rest: now.Add(-time.Duration(rng.IntN(300)) * time.Second), turnSent: int64(rng.IntN(2)) * turnBytes,
			}
		}
		n := len(all)
		chosen := c.choose(now, all, rng.IntN(2) == 0)
		slices.Sort(chosen)
		if want := min(n, c.slots); len(slices.Compact(chosen)) != want {
			t.Fatalf("seed %d: %d of %d are unchoked with %d slots", seed, len(chosen), n, c.slots)
		}
	}
}
