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
	// rechokeEvery. BEP 3: "To avoid fibrillation, [...] The currently
	// deployed algorithm avoids fibrillation by only changing who's choked
	// once every ten seconds."
	rechokeEvery = 10 * time.Second
	// optimisticEvery. BEP 3: "Optimistic unchokes are rotated every 30
	// seconds".
	optimisticEvery = 30 * time.Second
	// newcomerWeight: "Newly connected clients are three times as likely to
	// start as the current optimistic unchoke as anywhere else in the
	// rotation" (BEP 3).
	newcomerWeight = 3
	newcomerAge    = time.Minute
	// A seed serves a peer for at least a turn before another may take its
	// place: quotaBytes and quotaTime (libtorrent: 20 pieces and a minute).
	quotaTime  = 30 * time.Second
	quotaBytes = 16 << 20
)

// candidate is what the choker knows about a peer.
type candidate struct {
	key        piece.PeerKey
	interested bool      // in what we have
	unchoked   bool      // now
	downRate   float64   // bytes/s that it sends us
	snubbed    bool      // it has left our requests unanswered
	since      time.Time // when the connection began
	turn       time.Time // when it was last unchoked
	turnSent   int64     // bytes sent to it since then
}

// choker decides who may ask us for blocks. It is pure.
//
// While downloading: the peers that send us most (tit for tat), and one at
// random (the optimistic unchoke, by which newcomers get their first piece and
// better partners are found). While seeding: turns, so that everybody gets a
// share whatever its line.
type choker struct {
	slots      int
	rng        *rand.Rand
	optimistic piece.PeerKey
	rotated    time.Time
}

// choose returns the keys of the peers that are to be unchoked. all is
// reordered.
func (c *choker) choose(now time.Time, all []candidate, seeding bool) []piece.PeerKey {
	all = slices.DeleteFunc(all, func(p candidate) bool { return !p.interested })
	if seeding {
		slices.SortStableFunc(all, func(a, b candidate) int { return bySeedTurn(now, a, b) })
		return keys(all[:min(c.slots, len(all))])
	}
	slices.SortStableFunc(all, byReciprocation)
	regular := min(max(c.slots-1, 1), len(all))
	chosen := keys(all[:regular])
	if rest := all[regular:]; len(rest) > 0 && c.slots > 1 {
		chosen = append(chosen, c.rotate(now, rest))
	}
	return chosen
}

// byReciprocation sorts the best partners first. Who snubs us gets nothing but
// the optimistic chance ("anti-snubbing", Cohen 2003).
func byReciprocation(a, b candidate) int {
	return cmp.Or(
		compareBool(a.snubbed, b.snubbed),
		-cmp.Compare(a.downRate, b.downRate),
		compareBool(!a.unchoked, !b.unchoked), // equals keep their place
		a.since.Compare(b.since),
	)
}

// bySeedTurn sorts those first whose turn goes on, then those who have waited
// longest.
func bySeedTurn(now time.Time, a, b candidate) int {
	return cmp.Or(
		compareBool(!a.inTurn(now), !b.inTurn(now)),
		a.turn.Compare(b.turn),
		a.since.Compare(b.since),
	)
}

func (p candidate) inTurn(now time.Time) bool {
	return p.unchoked && (now.Sub(p.turn) < quotaTime || p.turnSent < quotaBytes && now.Sub(p.turn) < 4*quotaTime)
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
