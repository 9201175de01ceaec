package swarm

import "p2p/piece"

// blame finds out who sent wrong data. It is pure.
//
// A piece that fails its hash has been sent by one peer, who is guilty, or by
// several, of whom at least one is. In that case the hash of each block is kept;
// the piece is then fetched again from one peer alone (piece.Queue puts it on
// parole), and when it is right, whoever sent a block that was different is
// guilty (libtorrent's smart ban, with the parole of its piece picker).
type blame struct {
	failed map[piece.Index][]attempt
}

// attempt is one piece as it came and failed.
type attempt struct {
	senders []culprit  // of each block
	sums    [][20]byte // SHA-1 of each block
}

// Bounds of what is remembered.
const (
	blamePieces   = 64
	blameAttempts = 4
)

func newBlame() *blame { return &blame{failed: make(map[piece.Index][]attempt)} }

// wrong takes a piece that failed and returns who is proven guilty.
func (b *blame) wrong(i piece.Index, a attempt) []culprit {
	if one, sole := a.sole(); sole {
		return []culprit{one}
	}
	if len(b.failed) < blamePieces && len(b.failed[i]) < blameAttempts || len(b.failed[i]) > 0 && len(b.failed[i]) < blameAttempts {
		b.failed[i] = append(b.failed[i], a)
	}
	return nil
}

// sole returns who sent every block, if it was one peer.
func (a attempt) sole() (culprit, bool) {
	for _, s := range a.senders[1:] {
		if s != a.senders[0] {
			return culprit{}, false
		}
	}
	return a.senders[0], true
}

// right takes the block sums of a piece that is now right and returns who sent
// other blocks before.
func (b *blame) right(i piece.Index, sums [][20]byte) []culprit {
	var guilty []culprit
	for _, a := range b.failed[i] {
		for n := range min(len(sums), len(a.sums), len(a.senders)) {
			if sums[n] != a.sums[n] {
				guilty = append(guilty, a.senders[n])
			}
		}
	}
	delete(b.failed, i)
	return guilty
}
