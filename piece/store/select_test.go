package store_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"p2p/piece/store"
)

// Of the album, whose pieces 1, 2 and 3 cross borders.
var (
	onlyB = []bool{false, true, false, false, false}
	onlyD = []bool{false, false, false, false, true}
	allOf = []bool{true, true, true, true, true}
)

func TestWantedPiecesAreThoseThatWantedFilesOverlap(t *testing.T) {
	c := newContent(16, entry{path: "a", length: 10}, entry{path: "pad", length: 22, pad: true},
		entry{path: "b", length: 40}, entry{path: "empty"}, entry{path: "c", length: 1})
	for _, test := range []struct {
		wanted []bool
		pieces []int
	}{
		{nil, []int{0, 1, 2, 3, 4}},
		{[]bool{true, true, true, true, true}, []int{0, 1, 2, 3, 4}},
		{[]bool{true, false, true, true, true}, []int{0, 1, 2, 3, 4}},
		{[]bool{true, false, false, true, false}, []int{0}},
		{[]bool{false, true, false, true, false}, nil},
		{[]bool{false, false, false, false, true}, []int{4}},
	} {
		s := c.open(t, t.TempDir(), store.Options{Wanted: test.wanted})
		expect(t, s.Wanted(), test.pieces...)
	}
	if _, err := store.Open(t.TempDir(), c.info, store.Options{Wanted: make([]bool, 4)}); err == nil {
		t.Error("4 choices for 5 files were accepted")
	}
}

func TestBytesOfUnwantedFilesGoToTheirSlot(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{Wanted: onlyB})
	have := resume(t, s)
	c.fetch(t, s, have)
	expect(t, have, 1, 2)
	checkpoint(t, s, have)
	want := []string{s.PartsName(), "t/dir/b"}
	if names := tree(t, dir); !slices.Equal(names, want) {
		t.Fatalf("files %v, want %v", names, want)
	}
	// Piece 1 has the first slot, piece 2 the second; a slot is a piece long.
	parts := readFile(t, filepath.Join(dir, s.PartsName()))
	if !bytes.Equal(parts[:4], c.data[16:20]) || !bytes.Equal(parts[16+13:], c.data[45:48]) {
		t.Error("bytes are not where they should be")
	}
	// All else of unwanted files is nowhere.
	if err := s.WriteAt(c.data[:16], 0); !errors.Is(err, store.ErrUnwanted) {
		t.Errorf("write to an unwanted piece: %v", err)
	}
	if err := s.ReadAt(make([]byte, 16), 0); !errors.Is(err, store.ErrUnwanted) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read of an unwanted piece: %v", err)
	}
	closeStore(t, s)

	s = c.open(t, dir, store.Options{Wanted: onlyD})
	have = resume(t, s)
	expect(t, have, 1, 2)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	parts = readFile(t, filepath.Join(dir, s.PartsName()))
	if !bytes.Equal(parts[32:34], c.data[48:50]) {
		t.Error("piece 3 is not in the third slot")
	}
	c.complete(t, dir, 1, 4)
}

func TestAPieceThatCrossesManyBordersHasOneSlot(t *testing.T) {
	c := newContent(16, entry{path: "a", length: 5}, entry{path: "b", length: 5},
		entry{path: "c", length: 10}, entry{path: "d", length: 20})
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{Wanted: []bool{false, false, false, true}})
	c.fetch(t, s, resume(t, s))
	parts := readFile(t, filepath.Join(dir, s.PartsName()))
	if len(parts) != 16+4 || !bytes.Equal(parts[16:], c.data[16:20]) {
		t.Errorf("the parts file has %d bytes", len(parts))
	}
}

func TestAnEmptySlotMakesNoFile(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{Wanted: onlyD})
	have := resume(t, s)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	closeStore(t, s)
	s = c.open(t, dir, store.Options{Wanted: []bool{true, true, false, true, true}})
	resume(t, s)
	if names := tree(t, dir); !slices.Equal(names, []string{s.PartsName(), "t/d"}) {
		t.Errorf("files %v", names)
	}
}

func TestAFileThatIsWantedLaterFindsItsBytes(t *testing.T) {
	c := album()
	dir, state := t.TempDir(), t.TempDir()
	s := c.open(t, dir, store.Options{Wanted: onlyB, StateDir: state})
	have := resume(t, s)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	parts := filepath.Join(dir, s.PartsName())
	closeStore(t, s)

	s = c.open(t, dir, store.Options{Wanted: onlyB, StateDir: state})
	n := count(s)
	expect(t, resume(t, s), 1, 2)
	// Piece 3, which nobody wants, could be in its slot, so that is looked at.
	if n.read["t/dir/b"] || n.reads > 1 {
		t.Errorf("%d reads of what is provably unchanged", n.reads)
	}
	closeStore(t, s)

	s = c.open(t, dir, store.Options{ReadOnly: true})
	expect(t, resume(t, s), 1, 2)
	closeStore(t, s)

	s = c.open(t, dir, store.Options{Wanted: allOf, StateDir: state})
	have = resume(t, s)
	expect(t, have, 1, 2)
	checkpoint(t, s, have)
	if exists(parts) {
		t.Error("nobody needs the parts file, but it is still there")
	}
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	c.complete(t, dir, 0, 1, 2, 3, 4)
}

func TestAnUnwantedFileOnDiskIsReadFromThere(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.save(t, dir, 0, 1, 2)
	s := c.open(t, dir, store.Options{Wanted: onlyB})
	have := resume(t, s)
	expect(t, have, 0, 1, 2)
	b := make([]byte, 16)
	if err := s.ReadAt(b, 0); err != nil || !bytes.Equal(b, c.data[:16]) {
		t.Errorf("read of an unwanted file: %v", err)
	}
	checkpoint(t, s, have)
	if exists(filepath.Join(dir, s.PartsName())) {
		t.Error("a parts file was made for nothing")
	}
}

func TestAnUnwantedFileThatDiffersIsLeftAlone(t *testing.T) {
	c := album()
	for _, mine := range []string{"mine", "mine, and by chance as long", "\x00"} {
		dir, state := t.TempDir(), t.TempDir()
		writeFile(t, c.path(dir, 0), []byte(mine)[:min(len(mine), 20)])
		for run := range 2 {
			s := c.open(t, dir, store.Options{Wanted: onlyB, Overwrite: true, StateDir: state})
			have := resume(t, s)
			if run == 1 {
				expect(t, have, 1, 2) // in the slot
			}
			c.fetch(t, s, have)
			checkpoint(t, s, have)
			if good, err := s.Check(context.Background(), have, nil); err != nil || good.Count() != 2 {
				t.Errorf("run %d: %d pieces are good, error %v", run, good.Count(), err)
			}
			if got := readFile(t, c.path(dir, 0)); string(got) != mine[:min(len(mine), 20)] {
				t.Errorf("run %d: the file was changed to %q", run, got)
			}
			c.complete(t, dir, 1)
			closeStore(t, s)
		}
	}
}

// A part that is left from when its file was wanted is used and kept up.
func TestAnUnwantedPartIsUsed(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	c.fetchPiece(t, s, have, 0)
	closeStore(t, s)
	s = c.open(t, dir, store.Options{Wanted: onlyB})
	have = resume(t, s)
	expect(t, have, 0)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	c.complete(t, dir, 0, 1)
}

func TestAnUnwantedPartWhoseNameIsTakenKeepsIts(t *testing.T) {
	c := album()
	dir := t.TempDir()
	writeFile(t, c.path(dir, 0)+".part", c.fileData(0))
	s := c.open(t, dir, store.Options{Wanted: onlyB, Overwrite: true})
	have := resume(t, s)
	writeFile(t, c.path(dir, 0), []byte("mine"))
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	if got := readFile(t, c.path(dir, 0)); string(got) != "mine" {
		t.Errorf("the file was changed to %q", got)
	}
}

func TestAnUnwantedNameMayBeTakenByAnything(t *testing.T) {
	c := album()
	dir := t.TempDir()
	if err := os.MkdirAll(c.path(dir, 0), 0o777); err != nil {
		t.Fatal(err)
	}
	s := c.open(t, dir, store.Options{Wanted: onlyB})
	have := resume(t, s)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	c.complete(t, dir, 1)
}
