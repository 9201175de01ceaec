package store

import (
	"slices"
	"sync/atomic"

	"p2p/piece"
)

// borders are the pieces that cross a border between files that have bytes on
// disk, in order. Each owns a slot of one piece length in the parts file; the
// index is its number.
type borders []int

// findBorders returns the border pieces of a torrent with the given files. What
// is wanted plays no part, so slots keep their numbers whatever is chosen.
func findBorders(spans []*file) borders {
	var b borders
	last := -1 // last piece of the file before
	for _, f := range spans {
		if f.pad {
			continue
		}
		if n := len(b); f.first == last && (n == 0 || b[n-1] != f.first) {
			b = append(b, f.first)
		}
		last = f.last
	}
	return b
}

// slot returns the slot of piece p, if it crosses a border.
func (b borders) slot(p int) (int, bool) {
	return slices.BinarySearch(b, p)
}

// shared calls visit with the slot of every border piece that overlaps f, which
// is its first, its last, both or none. It stops at an error and returns it.
func (b borders) shared(f *file, visit func(slot int) error) error {
	for _, p := range []int{f.first, f.last} {
		if slot, ok := b.slot(p); ok {
			if err := visit(slot); err != nil {
				return err
			}
		}
		if f.first == f.last {
			break
		}
	}
	return nil
}

// aside returns the mark of f that says, while f has its final name and so is not
// written to, that its bytes in piece p, which crosses a border, were written to
// the parts file.
func (f *file) aside(p int) *atomic.Bool {
	if p == f.first {
		return &f.firstAside
	}
	return &f.lastAside
}

// setAside makes the mark of f for piece p. The caller holds f.mu, for reading at
// least, until the bytes are in the parts file.
func (f *file) setAside(p int) {
	f.aside(p).Store(true)
	f.slots.Store(true)
}

// clearAside takes the mark of f for piece p away, once nobody reads from the
// parts file because of it.
func (f *file) clearAside(p int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aside(p).Store(false)
}

// inSlot reports whether bytes of f inside border piece p lie in the parts file
// rather than in f. The caller holds f.mu.
func (f *file) inSlot(p int) bool {
	return f.slots.Load() && (f.form == absent || f.form == final && f.aside(p).Load())
}

// slotAt returns the piece that the torrent's byte off is in and, if that crosses
// a border, where the byte lies in the parts file.
func (s *Store) slotAt(off int64) (p int, at int64, border bool) {
	p = int(off / s.layout.PieceLen())
	slot, border := s.borders.slot(p)
	return p, int64(slot)*s.layout.PieceLen() + off%s.layout.PieceLen(), border
}

// slotsMissing reports whether bytes of f inside border pieces could only come
// from a parts file that does not exist.
func (s *Store) slotsMissing(f *file) bool {
	return !f.slots.Load() || s.parts.formNow() == absent
}

// touched returns the files that have bytes of piece p on disk.
func (s *Store) touched(p piece.Index) []*file {
	off := s.layout.Offset(p)
	end := off + int64(s.layout.Size(p))
	var files []*file
	for _, f := range s.spans[s.find(off):] {
		if f.offset >= end {
			break
		}
		if !f.pad {
			files = append(files, f)
		}
	}
	return files
}

// settle compares files that have their final names with verified pieces that
// were fetched nevertheless, and so lie in the parts file. A wanted file that
// differs becomes a part and gets the right bytes, or is the reason of an
// *ExistsError if it may not be overwritten. An unwanted one is left alone.
func (s *Store) settle(have *piece.Bitfield) error {
	var differs *ExistsError
	for _, f := range s.spans {
		if f.pad || !f.elsewhere() {
			continue
		}
		same, err := s.settleFile(f, have)
		if err != nil {
			return err
		}
		if !same && f.wanted {
			differs = differs.and(s, f, have)
		}
	}
	return differs.orNil()
}

// elsewhere reports whether bytes of f lie in the parts file although f is on
// disk.
func (f *file) elsewhere() bool { return f.firstAside.Load() || f.lastAside.Load() }

// settleFile is settle for one file. It reports whether f may stay as it is.
func (s *Store) settleFile(f *file, have *piece.Bitfield) (same bool, err error) {
	same = true
	err = s.borders.shared(f, func(slot int) error {
		p := s.borders[slot]
		if !f.aside(p).Load() || !have.Has(s.layout.MustIndex(p)) {
			return nil
		}
		equal := true
		err := s.eachInSlot(f, slot, func(p []byte, off int64) error {
			ok, err := s.holds(f, p, off)
			equal = equal && ok
			return err
		})
		if err == nil && equal {
			f.clearAside(p)
		}
		same = same && equal
		return err
	})
	if err != nil || same || !f.wanted || !s.overwrite {
		return same, err
	}
	err = s.reopenAsPart(f)
	return err == nil, err
}

// fromSlots writes to h whatever of f is in the parts file although f has its
// final name. The caller holds f.mu for writing.
func (s *Store) fromSlots(f *file, h handle) error {
	return s.borders.shared(f, func(slot int) error {
		aside := f.aside(s.borders[slot])
		if !aside.Load() {
			return nil
		}
		err := s.eachInSlot(f, slot, func(p []byte, off int64) error {
			_, err := h.WriteAt(p, off)
			return err
		})
		if err == nil {
			aside.Store(false)
		}
		return err
	})
}

// eachInSlot calls visit with what slot holds of f, in order; the offset is in f.
// The error is one that isMissing accepts if the parts file ends before.
func (s *Store) eachInSlot(f *file, slot int, visit func(p []byte, off int64) error) error {
	begin := s.layout.Offset(s.layout.MustIndex(s.borders[slot]))
	from := max(begin, f.offset)
	to := min(begin+s.layout.PieceLen(), f.offset+f.length)
	buf := make([]byte, min(to-from, 256<<10))
	for off := from; off < to; {
		p := buf[:min(int64(len(buf)), to-off)]
		_, at, _ := s.slotAt(off)
		if err := s.readFile(s.parts, p, at); err != nil {
			return err
		}
		if err := visit(p, off-f.offset); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return nil
}
