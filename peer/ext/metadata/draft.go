package metadata

import (
	"slices"

	"p2p/piece"
)

// draftID says which pieces may go into a draft: those of peers that claim this
// size, or of one of them alone.
type draftID struct {
	size  int
	alone piece.PeerKey // 0 = any of them
}

// draft is an info dictionary on its way.
type draft struct {
	draftID
	pieces  [][]byte        // nil until they have come
	from    []piece.PeerKey // who sent each
	missing int
	sources []*source // in the order in which they came
}

// newDraft returns an empty draft. It costs 28 bytes for each piece that is
// claimed, 53 KiB at the most.
func newDraft(id draftID) *draft {
	n := pieces(id.size)
	return &draft{draftID: id, pieces: make([][]byte, n), from: make([]piece.PeerKey, n), missing: n}
}

// put adds a piece of the right length that was not there; the draft owns it.
func (d *draft) put(i int, b []byte, from piece.PeerKey) {
	d.pieces[i], d.from[i] = b, from
	d.missing--
}

// join returns the whole dictionary; nothing may be missing.
func (d *draft) join() []byte { return slices.Concat(d.pieces...) }

// wipe gives up what has come.
func (d *draft) wipe() {
	clear(d.pieces)
	d.missing = len(d.pieces)
}

// oneSource reports whether all that came is from one peer, and from whom.
func (d *draft) oneSource() (piece.PeerKey, bool) {
	for _, k := range d.from {
		if k != d.from[0] {
			return 0, false
		}
	}
	return d.from[0], true
}

// byNeed sorts the drafts that are worked on first to the front: a short claim
// is soon proven or disproven.
func byNeed(a, b *draft) int {
	if a.size != b.size {
		return a.size - b.size
	}
	return int(int64(a.alone) - int64(b.alone))
}
