package store

import (
	"slices"
	"sync/atomic"

	"p2p/piece"
)

// borders are the pieces that cross a border between files that have bytes on
// disk. Each owns a slot of one piece length in the parts file.
type borders struct {
	pieces []int // in order; the index is the slot
	// moved says for each slot that the bytes of unwanted files lie in it although
	// such a file is on disk under its final name, because that one differs.
	moved []atomic.Bool
}

// findBorders returns the border pieces of a torrent with the given files. What
// is wanted plays no part, so slots keep their numbers whatever is chosen.
func findBorders(spans []*file) borders {
	var b borders
	last := -1 // last piece of the file before
	for _, f := range spans {
		if f.pad {
			continue
		}
		if n := len(b.pieces); f.first == last && (n == 0 || b.pieces[n-1] != f.first) {
			b.pieces = append(b.pieces, f.first)
		}
		last = f.last
	}
	b.moved = make([]atomic.Bool, len(b.pieces))
	return b
}

// slot returns the slot of piece p, if it crosses a border.
func (b *borders) slot(p int) (int, bool) {
	return slices.BinarySearch(b.pieces, p)
}

// shared calls visit with the slot of every border piece that overlaps f, of
// which there are two at the most.
func (b *borders) shared(f *file, visit func(slot int)) {
	if slot, ok := b.slot(f.first); ok {
		visit(slot)
	}
	if f.last != f.first {
		if slot, ok := b.slot(f.last); ok {
			visit(slot)
		}
	}
}

// inSlot reports whether bytes of f inside the piece of slot lie in the parts
// file rather than in f, which has the form now.
func (s *Store) inSlot(f *file, now form, slot int) bool {
	return f.slots && (now == absent || now == final && !f.wanted && s.borders.moved[slot].Load())
}

// slotAt returns the slot that holds the torrent's byte off, and where that byte
// lies in the parts file.
func (s *Store) slotAt(off int64) (slot int, at int64, ok bool) {
	slot, ok = s.borders.slot(int(off / s.layout.PieceLen()))
	return slot, int64(slot)*s.layout.PieceLen() + off%s.layout.PieceLen(), ok
}

// slotsMissing reports whether bytes of f inside border pieces could only come
// from a parts file that does not exist.
func (s *Store) slotsMissing(f *file) bool {
	return !f.slots || s.parts.formNow() == absent
}

// touching calls visit with every file that has bytes of piece p on disk.
func (s *Store) touching(p piece.Index, visit func(*file)) {
	off := s.layout.Offset(p)
	end := off + int64(s.layout.Size(p))
	for _, f := range s.spans[s.find(off):] {
		if f.offset >= end {
			return
		}
		if !f.pad {
			visit(f)
		}
	}
}
