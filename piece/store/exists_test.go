package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"

	"p2p/piece/store"
)

func TestAFileThatIsThereAndRightIsComplete(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	s := c.open(t, dir, store.Options{})
	if have := resume(t, s); !have.Full() {
		t.Fatalf("%d of %d pieces", have.Count(), have.Len())
	}
	for i, f := range s.Files() {
		if !f.Final || f.Partial || f.Path != c.path(dir, i) {
			t.Errorf("file %d: %+v", i, f)
		}
	}
}

func TestAFileThatDiffersIsNotTouched(t *testing.T) {
	c := album()
	for name, change := range map[string]func(b []byte) []byte{
		"one byte": func(b []byte) []byte { b[20] ^= 1; return b },
		"longer":   func(b []byte) []byte { return append(b, 0) },
		"shorter":  func(b []byte) []byte { return b[:40] },
		"empty":    func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c.saveAll(t, dir)
			bad := change(slices.Clone(c.fileData(4)))
			writeFile(t, c.path(dir, 4), bad)
			s := c.open(t, dir, store.Options{})
			_, err := s.Resume(context.Background(), nil)
			good := map[string]int{"one byte": 3, "longer": 4, "shorter": 2, "empty": 0}[name]
			wantExists(t, err, c.path(dir, 4), good, 4-good)
			if !errors.Is(err, fs.ErrExist) {
				t.Errorf("%v is no fs.ErrExist", err)
			}
			if got := readFile(t, c.path(dir, 4)); string(got) != string(bad) {
				t.Error("the file was changed")
			}
			if exists(c.path(dir, 4) + ".part") {
				t.Error("a part was made")
			}
		})
	}
}

func TestOverwriteRepairsInPlaceAndKeepsGoodPieces(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	bad := append(slices.Clone(c.fileData(4)), "too long"...)
	bad[20] ^= 1 // byte 70 of the torrent, in piece 4
	writeFile(t, c.path(dir, 4), bad)
	s := c.open(t, dir, store.Options{Overwrite: true})
	have := resume(t, s)
	expect(t, have, 0, 1, 2, 3, 5, 6)
	if exists(c.path(dir, 4)) || !exists(c.path(dir, 4)+".part") {
		t.Fatalf("files %v", tree(t, dir))
	}
	checkpoint(t, s, have)
	c.fetchPiece(t, s, have, 4)
	checkpoint(t, s, have)
	c.complete(t, dir, 0, 1, 2, 3, 4)
	if exists(c.path(dir, 4) + ".part") {
		t.Error("the part is still there")
	}
}

func TestAnEmptyFileThatIsNotEmptyIsNotTouched(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	writeFile(t, c.path(dir, 3), []byte("mine"))
	s := c.open(t, dir, store.Options{})
	_, err := s.Resume(context.Background(), nil)
	wantExists(t, err, c.path(dir, 3), 0, 0)
	closeStore(t, s)
	s = c.open(t, dir, store.Options{Overwrite: true})
	checkpoint(t, s, resume(t, s))
	c.complete(t, dir, 3)
}

// Of the five files all but b are there. The pieces that b shares with its
// neighbours cannot be checked, which proves nothing against the neighbours.
func TestNeighboursOfAMissingFileStayAsTheyAre(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.save(t, dir, 0, 2, 3, 4)
	before, err := os.Stat(c.path(dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	expect(t, have, 0, 3, 4, 5, 6)
	c.fetch(t, s, have)
	good, err := s.Check(context.Background(), nil, nil)
	if err != nil || !good.Full() {
		t.Errorf("%d pieces are good, error %v", good.Count(), err)
	}
	checkpoint(t, s, have)
	c.complete(t, dir, 0, 1, 2, 3, 4)
	after, err := os.Stat(c.path(dir, 0))
	if err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("a neighbour was written to")
	}
	if names := tree(t, dir); len(names) != 5 {
		t.Errorf("files %v", names)
	}
}

// As above, but a differs from the torrent in the piece that it shares with b.
func TestANeighbourThatDiffersIsFoundWhenThePieceArrives(t *testing.T) {
	c := album()
	bad := slices.Clone(c.fileData(0))
	bad[19] ^= 1
	for _, overwrite := range []bool{false, true} {
		dir := t.TempDir()
		c.save(t, dir, 2, 3, 4)
		writeFile(t, c.path(dir, 0), bad)
		s := c.open(t, dir, store.Options{Overwrite: overwrite})
		have := resume(t, s)
		expect(t, have, 0, 3, 4, 5, 6)
		// A liar sends a wrong piece first. That says nothing about the file.
		if err := s.WriteAt(make([]byte, 16), 16); err != nil {
			t.Fatal(err)
		}
		checkpoint(t, s, have)
		c.fetch(t, s, have)
		if good, err := s.Check(context.Background(), nil, nil); err != nil || !good.Full() {
			t.Errorf("%d pieces are good, error %v", good.Count(), err)
		}
		err := s.Checkpoint(context.Background(), have)
		if overwrite {
			if err != nil {
				t.Fatal(err)
			}
			c.complete(t, dir, 0, 1, 2, 3, 4)
			if names := tree(t, dir); len(names) != 5 {
				t.Errorf("files %v", names)
			}
			continue
		}
		wantExists(t, err, c.path(dir, 0), 2, 0)
		c.complete(t, dir, 1, 2, 3, 4)
		if got := readFile(t, c.path(dir, 0)); string(got) != string(bad) {
			t.Error("the file was changed")
		}
	}
}

func TestAFileThatAppearsMeanwhileIsNotReplaced(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	c.fetch(t, s, have)
	writeFile(t, c.path(dir, 0), []byte("mine"))
	writeFile(t, c.path(dir, 3), []byte("mine too"))
	err := s.Checkpoint(context.Background(), have)
	var e *store.ExistsError
	if !errors.As(err, &e) || e.Files != 2 || e.Path != c.path(dir, 0) {
		t.Fatalf("error %v", err)
	}
	if got := readFile(t, c.path(dir, 0)); string(got) != "mine" {
		t.Error("the file was replaced")
	}
	c.complete(t, dir, 1, 2, 4)
	if got := readFile(t, c.path(dir, 0)+".part"); string(got) != string(c.fileData(0)) {
		t.Error("what was fetched is gone")
	}
	closeStore(t, s)

	// The next run finds both. Without leave to overwrite it must not choose; with
	// it, what was fetched wins.
	s = c.open(t, dir, store.Options{})
	_, err = s.Resume(context.Background(), nil)
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	closeStore(t, s)
	s = c.open(t, dir, store.Options{Overwrite: true})
	have = resume(t, s)
	if !have.Full() {
		t.Fatalf("%d of %d pieces", have.Count(), have.Len())
	}
	checkpoint(t, s, have)
	c.complete(t, dir, 0, 1, 2, 3, 4)
}

func TestACrashBetweenTheTwoStepsOfNamingIsRepaired(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	if err := os.Link(c.path(dir, 0), c.path(dir, 0)+".part"); err != nil {
		t.Skip(err)
	}
	s := c.open(t, dir, store.Options{ReadOnly: true})
	if have := resume(t, s); !have.Full() || !exists(c.path(dir, 0)+".part") {
		t.Error("read-only: not full, or the part was removed")
	}
	closeStore(t, s)
	s = c.open(t, dir, store.Options{})
	if have := resume(t, s); !have.Full() || exists(c.path(dir, 0)+".part") {
		t.Error("not full, or the part is still there")
	}
}
