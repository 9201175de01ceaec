package store

import (
	"context"
	"fmt"
	"slices"

	"p2p/piece"
)

// Resume returns the pieces that are on disk and verified. It trusts the record
// of an earlier run for what is provably unchanged and hashes the rest as Check
// does, with the same progress, in which trusted pieces count from the start. Call
// it once, before the first WriteAt.
//
// When a wanted file that has its final name differs, the error is an
// *ExistsError, unless Options.Overwrite allows it to be repaired. A read-only store
// reports such pieces as missing.
func (s *Store) Resume(ctx context.Context, progress func(bytes int64)) (*piece.Bitfield, error) {
	s.books.Lock()
	defer s.books.Unlock()
	have, err := s.resume(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("resume download: %w", err)
	}
	return have, nil
}

func (s *Store) resume(ctx context.Context, progress func(int64)) (*piece.Bitfield, error) {
	have, err := s.trusted()
	if err != nil {
		return nil, err
	}
	if err := s.adopt(); err != nil {
		return nil, err
	}
	rest, done := piece.NewBitfield(s.layout.Pieces()), int64(0)
	rest.SetAll()
	for p := range have.All() {
		rest.Clear(p)
		done += int64(s.layout.Size(p))
	}
	good, err := s.check(ctx, rest, done, progress)
	if err != nil {
		return nil, err
	}
	add(have, good)
	if err := s.trySlots(ctx, have); err != nil {
		return nil, err
	}
	if s.readOnly {
		return have, nil
	}
	return have, s.claim(have)
}

// add puts the pieces of more into set.
func add(set, more *piece.Bitfield) {
	for p := range more.All() {
		set.Set(p)
	}
}

// trySlots looks once more at border pieces that are not good with what stands
// under the final name of an unwanted file: an earlier run may have found that
// out and put the right bytes into the parts file.
func (s *Store) trySlots(ctx context.Context, have *piece.Bitfield) error {
	if s.parts.formNow() == absent {
		return nil
	}
	again := piece.NewBitfield(s.layout.Pieces())
	mark := func(visit func(f *file, p piece.Index)) {
		for _, f := range s.spans {
			if f.pad || f.wanted || f.formNow() != final {
				continue
			}
			_ = s.borders.shared(f, func(slot int) error {
				if p := s.layout.MustIndex(s.borders[slot]); !have.Has(p) {
					visit(f, p)
				}
				return nil
			})
		}
	}
	mark(func(f *file, p piece.Index) { again.Set(p); f.setAside(p.Int()) })
	if again.Count() == 0 {
		return nil
	}
	good, err := s.check(ctx, again, 0, nil)
	if err != nil {
		return err
	}
	add(have, good)
	mark(func(f *file, p piece.Index) { f.aside(p.Int()).Store(false) })
	return nil
}

// claim makes sure that what stands under the final names of wanted files is
// theirs. What differs becomes a part, or an error if it may not be overwritten.
func (s *Store) claim(have *piece.Bitfield) error {
	var differs *ExistsError
	for _, f := range s.provedBad(have) {
		if !s.overwrite {
			differs = differs.and(s, f, have)
		} else if err := s.reopenAsPart(f); err != nil {
			return err
		}
	}
	return differs.orNil()
}

// provedBad returns the wanted files that have their final names and cannot be
// the files of the torrent, in order.
//
// A file of the wrong length is one, and one with a bad piece all to itself. When a
// bad piece consists of several such files and none is known to be wrong yet, one
// of them is to blame, so all are returned. If other bytes have a share in a bad
// piece, they may be the wrong ones; then the piece is fetched, and settle compares.
func (s *Store) provedBad(have *piece.Bitfield) []*file {
	bad := map[*file]bool{}
	for i := range s.files {
		f := &s.files[i]
		if f.claimed() && (f.stamp.size != f.length || s.badAlone(f, have)) {
			bad[f] = true
		}
	}
	for _, n := range s.borders {
		p := s.layout.MustIndex(n)
		sharers := s.touched(p)
		if have.Has(p) || slices.ContainsFunc(sharers, func(f *file) bool { return bad[f] || !f.claimed() }) {
			continue
		}
		for _, f := range sharers {
			bad[f] = true
		}
	}
	var list []*file
	for i := range s.files {
		if f := &s.files[i]; bad[f] {
			list = append(list, f)
		}
	}
	return list
}

// claimed reports whether f is wanted and has its final name.
func (f *file) claimed() bool { return !f.pad && f.wanted && f.formNow() == final }

// badAlone reports whether a piece that overlaps f and no other file on disk is
// not in have.
func (s *Store) badAlone(f *file, have *piece.Bitfield) bool {
	if f.length == 0 {
		return false
	}
	for n := f.first; n <= f.last; n++ {
		if _, border := s.borders.slot(n); !border && !have.Has(s.layout.MustIndex(n)) {
			return true
		}
	}
	return false
}

// countGood returns how many of the pieces that overlap f are in have.
func (s *Store) countGood(f *file, have *piece.Bitfield) int {
	good := 0
	if f.length > 0 {
		s.each(f, func(p piece.Index) {
			if have.Has(p) {
				good++
			}
		})
	}
	return good
}

// Trusted returns the pieces that the record of an earlier run vouches for and
// that have provably not changed since. Unlike Resume it reads no content and takes
// no longer than to look at each file. Call it before the first WriteAt.
func (s *Store) Trusted() (*piece.Bitfield, error) {
	s.books.Lock()
	defer s.books.Unlock()
	have, err := s.trusted()
	if err != nil {
		return nil, fmt.Errorf("resume download: %w", err)
	}
	return have, nil
}
