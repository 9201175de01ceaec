package swarm

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"p2p/piece"
)

// The choker's clock and measures.
const (
	// rechokeEvery. BEP 3: "The currently deployed choking algorithm avoids
	// fibrillation by only changing who's choked once every ten seconds."
	rechokeEvery = 10 * time.Second
	// optimisticEvery. BEP 3: "Which peer is optimistically unchoked rotates
	// every 30 seconds."
	optimisticEvery = 30 * time.Second
	// newcomerWeight. BEP 3: "new connections are three times as likely to
	// start as the current optimistic unchoke as anywhere else in the
	// rotation."
	newcomerWeight = 3
	newcomerAge    = time.Minute
	// A seed serves a peer for a turn before another may take its place: at
	// least turnMin, and until turnBytes were sent, but not longer than
	// turnMax (libtorrent: 20 pieces and a minute). Who has taken nothing for
	// turnIdle, because it asks for nothing, has had its turn; who does not read
	// what is sent has had it after drainWithin.
	turnMin   = 30 * time.Second
	turnMax   = 2 * time.Minute
	turnBytes = 16 << 20
	turnIdle  = 5 * time.Second
	// An unchoke costs nothing: blocks do, as fast as the peer takes them. Who asks
	// for nothing therefore does not count against the slots after silentAfter, nor
	// does who lets what was written to it lie (drain), and another is let in besides.
	// Who has not asked once turnUnused after it was unchoked, which is enough for a
	// round trip of more than a second, has wasted its turn.
	silentAfter = 500 * time.Millisecond
	turnUnused  = 2 * time.Second
	// wastedMax turns that were wasted one after the other make the next as seldom
	// as it gets: once in turnMin<<wastedMax while others wait, which is half an
	// hour.
	wastedMax = 6
	// crowdMax is how many peers may be unchoked for each slot. Should all begin to
	// ask at once, the next rechoke sorts it out.
	crowdMax = 6
)

// candidate is what the choker knows about a peer that is interested in what we
// have.
type candidate struct {
	key      piece.PeerKey
	unchoked bool      // now
	given    int64     // bytes that it sent us of late
	snubbed  bool      // it has left our requests unanswered
	since    time.Time // when the connection began
	turn     time.Time // when it was last unchoked
	rest     time.Time // when it was last choked, or connected
	turnSent int64     // bytes sent to it since turn
	wasted   int       // turns that it made nothing of, one after the other
	wasting  bool      // it is unchoked, and has not asked for turnUnused
	spent    bool      // it is unchoked, and has taken nothing for long
}

// choker decides who may ask us for blocks. It is pure.
//
// While downloading: the peers that send us most (tit for tat), and one at
// random (the optimistic unchoke, by which newcomers get their first piece and
// better partners are found). While seeding: turns, so that everybody gets a
// share whatever its line. Turns also decide among those who have sent us the
// same, which is mostly nothing: the first who came could keep their slots for
// ever, even without asking for anything.
type choker struct {
	slots      int
	rng        *rand.Rand
	optimistic piece.PeerKey
	rotated    time.Time
}

// choose returns the keys of the peers that are to be unchoked, at most slots.
// all is reordered.
func (c *choker) choose(now time.Time, all []candidate, seeding bool) []piece.PeerKey {
	c.rank(now, all, seeding)
	if c.turns(seeding) {
		return keys(all[:min(c.slots, len(all))])
	}
	regular := min(c.slots-1, len(all))
	chosen := keys(all[:regular])
	if rest := all[regular:]; len(rest) > 0 {
		chosen = append(chosen, c.rotate(now, rest))
	}
	return chosen
}

// turns reports whether turns alone decide: with one slot there is none to spare
// for an optimistic unchoke, and nobody else would ever get a chance.
func (c *choker) turns(seeding bool) bool { return seeding || c.slots == 1 }

// rank sorts those first who are to be unchoked first, and equals at random:
// those who were choked in the same round would otherwise stay in one order for
// ever.
func (c *choker) rank(now time.Time, all []candidate, seeding bool) {
	c.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	order := byReciprocation
	if c.turns(seeding) {
		order = byTurn
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return order(now, a, b) })
}

// byReciprocation sorts the best partners first. Who snubs us gets nothing but
// the optimistic chance ("anti-snubbing", Cohen 2003).
func byReciprocation(now time.Time, a, b candidate) int {
	return cmp.Or(
		compareBool(a.snubbed, b.snubbed),
		-cmp.Compare(a.given, b.given),
		byTurn(now, a, b),
	)
}

// byTurn sorts those first whose turn goes on, then those who wait, the longest
// first, then those whose turn is over, the longest last, and behind them those
// who made nothing of theirs. A newcomer waits like the others: if it came first,
// reconnecting would be a way to be served all the time.
func byTurn(now time.Time, a, b candidate) int {
	if c := cmp.Compare(a.stage(now), b.stage(now)); c != 0 {
		return c
	}
	if a.unchoked { // in the same stage both are, or neither
		return -a.turn.Compare(b.turn)
	}
	return a.due().Compare(b.due())
}

// due returns from when on a choked peer waits like the others. One that wasted
// its turns must not wait for ever: it cannot say that it would ask now.
func (p candidate) due() time.Time {
	if p.wasted == 0 {
		return p.rest
	}
	return p.rest.Add(turnMin << min(p.wasted, wastedMax))
}

// stage returns 0 for a peer whose turn goes on, 1 for one that waits, 2 for one
// whose turn is over and that stays only while nobody waits, 3 for one that
// wasted its turn and is not due again, and 4 for one that is wasting it.
func (p candidate) stage(now time.Time) int {
	took := now.Sub(p.turn)
	switch {
	case !p.unchoked && now.Before(p.due()):
		return 3
	case !p.unchoked:
		return 1
	case p.wasting:
		return 4
	case took >= turnMax, took >= turnMin && p.turnSent >= turnBytes, p.spent:
		return 2
	}
	return 0
}

// rotate returns the optimistic unchoke: the same for thirty seconds, then
// another.
func (c *choker) rotate(now time.Time, rest []candidate) piece.PeerKey {
	stays := slices.ContainsFunc(rest, func(p candidate) bool { return p.key == c.optimistic })
	if stays && now.Sub(c.rotated) < optimisticEvery {
		return c.optimistic
	}
	weight := func(p candidate) int {
		if now.Sub(p.since) < newcomerAge {
			return newcomerWeight
		}
		return 1
	}
	total := 0
	for _, p := range rest {
		total += weight(p)
	}
	draw := c.rng.IntN(total)
	for _, p := range rest {
		if draw -= weight(p); draw < 0 {
			c.optimistic = p.key
			break
		}
	}
	c.rotated = now
	return c.optimistic
}

func keys(all []candidate) []piece.PeerKey {
	out := make([]piece.PeerKey, len(all))
	for i, p := range all {
		out[i] = p.key
	}
	return out
}

// compareBool sorts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
