package swarm

import (
	"slices"

	"p2p/piece"
)

// blame finds out who sent wrong data. It is pure.
//
// A piece that fails its hash has been sent by one peer, who is guilty, or by
// several, of whom at least one is. In that case the hash of each block is kept;
// the piece is then fetched again from one peer alone (piece.Queue puts it on
// parole), and when it is right, whoever sent a block that was different is
// guilty (libtorrent's smart ban, with the parole of its piece picker).
//
// Nobody can be framed that way: a peer is found guilty only by bytes that came
// over its own connection and differ from what the torrent's hash has proven to
// be right, or that make up the whole of a piece that its hash has proven to be
// wrong. Suspicion is not kept: a peer that was among the senders of many bad
// pieces may just have been everywhere.
type blame struct {
	failed map[piece.Index][]attempt
	order  []piece.Index // of failed, oldest first
	blocks int           // in failed
}

// attempt is one piece as it came and failed.
type attempt struct {
	senders []culprit  // of each block
	sums    [][20]byte // SHA-1 of each block
}

// Bounds of what is remembered: 64 Ki blocks take 4.5 MB.
const (
	blameBlocks   = 1 << 16
	blameAttempts = 4 // of one piece
)

func newBlame() *blame { return &blame{failed: make(map[piece.Index][]attempt)} }

// wrong takes a piece that failed and returns who is proven guilty.
func (b *blame) wrong(i piece.Index, a attempt) []culprit {
	if one, sole := a.sole(); sole {
		return []culprit{one}
	}
	if len(b.failed[i]) >= blameAttempts || len(a.senders) > blameBlocks {
		return nil
	}
	if b.failed[i] == nil {
		b.order = append(b.order, i)
	}
	b.failed[i] = append(b.failed[i], a)
	b.blocks += len(a.senders)
	for b.blocks > blameBlocks {
		b.forget(b.order[0])
	}
	return nil
}

// sole returns who sent every block, if it was one peer.
func (a attempt) sole() (culprit, bool) {
	for _, s := range a.senders {
		if s != a.senders[0] {
			return culprit{}, false
		}
	}
	return a.senders[0], a.senders[0] != culprit{}
}

// right takes the block sums of a piece that is now right and returns who sent
// other blocks before.
func (b *blame) right(i piece.Index, sums [][20]byte) []culprit {
	var guilty []culprit
	for _, a := range b.failed[i] {
		for n := range min(len(sums), len(a.sums), len(a.senders)) {
			if s := a.senders[n]; sums[n] != a.sums[n] && s != (culprit{}) && !slices.Contains(guilty, s) {
				guilty = append(guilty, s)
			}
		}
	}
	b.forget(i)
	return guilty
}

func (b *blame) forget(i piece.Index) {
	for _, a := range b.failed[i] {
		b.blocks -= len(a.senders)
	}
	delete(b.failed, i)
	b.order = slices.DeleteFunc(b.order, func(o piece.Index) bool { return o == i })
}
