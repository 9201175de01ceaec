package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"p2p/piece"
	"p2p/piece/store"
)

// randomContent makes a torrent of up to 12 files: many empty, some filler, many
// within one piece.
func randomContent(rnd *rand.Rand) *content {
	entries := make([]entry, 1+rnd.IntN(12))
	for i := range entries {
		e := entry{path: fmt.Sprintf("dir%d/file%d", rnd.IntN(3), i), length: rnd.Int64N(40)}
		switch rnd.IntN(5) {
		case 0:
			e.length = 0
		case 1:
			e.pad = true
		case 2:
			e.length = rnd.Int64N(300)
		}
		entries[i] = e
	}
	return newContent(1+rnd.Int64N(64), entries...)
}

// TestBytesLandWhereANaiveModelPutsThem writes random pieces in random spans and
// compares every read with one array, and the files with slices of it.
func TestBytesLandWhereANaiveModelPutsThem(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		c := randomContent(rnd)
		if len(c.data) == 0 {
			continue
		}
		dir := t.TempDir()
		wanted := make([]bool, len(c.info.Files))
		for i := range wanted {
			wanted[i] = rnd.IntN(4) > 0
		}
		s := c.open(t, dir, store.Options{Wanted: wanted})
		have := piece.NewBitfield(s.Layout().Pieces())
		for p := range s.Wanted().All() {
			data, off := c.piece(p), s.Layout().Offset(p)
			for len(data) > 0 {
				n := 1 + rnd.IntN(len(data))
				if err := s.WriteAt(data[:n], off); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				data, off = data[n:], off+int64(n)
			}
			have.Set(p)
		}
		for p := range have.All() {
			from := s.Layout().Offset(p) + rnd.Int64N(int64(s.Layout().Size(p)))
			to := s.Layout().Offset(p) + int64(s.Layout().Size(p))
			got := bytes.Repeat([]byte{0xee}, int(to-from))
			if err := s.ReadAt(got, from); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if !bytes.Equal(got, c.data[from:to]) {
				t.Fatalf("seed %d: bytes %d to %d of piece %v differ", seed, from, to, p)
			}
		}
		good, err := s.Check(context.Background(), have, nil)
		if err != nil || !slices.Equal(good.AppendTo(nil), have.AppendTo(nil)) {
			t.Fatalf("seed %d: check found %d of %d pieces, error %v", seed, good.Count(), have.Count(), err)
		}
		checkpoint(t, s, have)
		for i, f := range c.info.Files {
			if f.Pad && exists(c.path(dir, i)) {
				t.Fatalf("seed %d: filler is on disk", seed)
			}
			if !f.Pad && wanted[i] {
				c.complete(t, dir, i)
			}
			if !f.Pad && !wanted[i] && exists(c.path(dir, i)) {
				t.Fatalf("seed %d: unwanted file %d is on disk", seed, i)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		closeStore(t, s)
	}
}

func TestAccessOutsideTheTorrentIsRefused(t *testing.T) {
	c := album()
	s := c.open(t, t.TempDir(), store.Options{})
	for _, off := range []int64{-1, 92, 100, 1 << 62} {
		if s.ReadAt(make([]byte, 9), off) == nil || s.WriteAt(make([]byte, 9), off) == nil {
			t.Errorf("9 bytes at offset %d were accepted", off)
		}
	}
	if err := s.ReadAt(nil, 100); err != nil {
		t.Errorf("no bytes at the end: %v", err)
	}
}

func TestBytesThatWereNeverWrittenAreMissing(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	if err := s.ReadAt(make([]byte, 5), 60); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("file that does not exist: %v", err)
	}
	have := only(s)
	c.fetchPiece(t, s, have, 3) // [48,64): the end of c, the beginning of d
	err := s.ReadAt(make([]byte, 5), 64)
	var path *fs.PathError
	if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &path) || path.Path != c.path(dir, 4)+".part" {
		t.Errorf("beyond the end of a short file: %v", err)
	}
}

func TestAnIncompleteFileHasAnotherName(t *testing.T) {
	c := album()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	if names := tree(t, dir); len(names) != 0 {
		t.Fatalf("Open has made %v", names)
	}
	have := only(s)
	c.fetchPiece(t, s, have, 0)
	checkpoint(t, s, have)
	want := []string{"t/a.part", "t/e"}
	if names := tree(t, dir); !slices.Equal(names, want) {
		t.Fatalf("files %v, want %v", names, want)
	}
	c.fetchPiece(t, s, have, 1)
	checkpoint(t, s, have)
	want = []string{"t/a", "t/dir/b.part", "t/e"}
	if names := tree(t, dir); !slices.Equal(names, want) {
		t.Fatalf("files %v, want %v", names, want)
	}
	c.complete(t, dir, 0)
}

func TestASingleFileLiesDirectlyInTheFolder(t *testing.T) {
	c := newContent(16, entry{length: 40})
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	c.fetch(t, s, have)
	checkpoint(t, s, have)
	if names := tree(t, dir); !slices.Equal(names, []string{"t"}) {
		t.Errorf("files %v", names)
	}
	c.complete(t, dir, 0)
}

func TestRootIsTheContentItself(t *testing.T) {
	dir := t.TempDir()
	single, folder := newContent(16, entry{length: 40}), album()
	file := filepath.Join(dir, "other name")
	writeFile(t, file, single.data)
	folder.saveAll(t, dir)
	if err := os.Rename(filepath.Join(dir, "t"), filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("moved", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	for root, c := range map[string]*content{file: single, filepath.Join(dir, "moved"): folder, filepath.Join(dir, "link"): folder} {
		s := c.open(t, "/does/not/exist", store.Options{Root: root, ReadOnly: true})
		if have := resume(t, s); !have.Full() {
			t.Errorf("%s: %d of %d pieces", root, have.Count(), have.Len())
		}
	}
}

func TestOneReadAndOneWriteInOneFileAreOneCallEach(t *testing.T) {
	c := newContent(1<<20, entry{length: 2 << 20})
	s := c.open(t, t.TempDir(), store.Options{})
	n := count(s)
	if err := s.WriteAt(c.data[:1<<20], 1<<19); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadAt(make([]byte, 1<<20), 1<<19); err != nil {
		t.Fatal(err)
	}
	if n.writes != 1 || n.reads != 1 {
		t.Errorf("%d writes and %d reads, want one each", n.writes, n.reads)
	}
}

func TestOpenFilesAreBounded(t *testing.T) {
	var entries []entry
	for i := range 4 * store.MaxOpen {
		entries = append(entries, entry{path: fmt.Sprint(i), length: 16})
	}
	c := newContent(16, entries...)
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for p := part; p < have.Len(); p += 4 {
				i := s.Layout().MustIndex(p)
				b := make([]byte, 16)
				if err := s.WriteAt(c.piece(i), s.Layout().Offset(i)); err != nil {
					t.Error(err)
				}
				if err := s.ReadAt(b, s.Layout().Offset(i)); err != nil || !bytes.Equal(b, c.piece(i)) {
					t.Errorf("piece %d: %v", p, err)
				}
			}
		})
	}
	group.Wait()
	if n := s.OpenFiles(); n > store.MaxOpen+4 {
		t.Errorf("%d files are open", n)
	}
	have.SetAll()
	checkpoint(t, s, have)
	if n := s.OpenFiles(); n > store.MaxOpen {
		t.Errorf("%d files are open", n)
	}
	for i := range c.info.Files {
		c.complete(t, dir, i)
	}
	closeStore(t, s)
	if n := s.OpenFiles(); n != 0 {
		t.Errorf("%d files are open after Close", n)
	}
	if err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestFilesAreRenamedUnderReadersAndWriters(t *testing.T) {
	var entries []entry
	for i := range 50 {
		entries = append(entries, entry{path: fmt.Sprint(i), length: 100})
	}
	c := newContent(64, entries...)
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	have := resume(t, s)
	var mu sync.Mutex
	fetched := make(chan piece.Index, have.Len())
	var group sync.WaitGroup
	for part := range 2 {
		group.Go(func() {
			for p := part; p < have.Len(); p += 2 {
				i := s.Layout().MustIndex(p)
				if err := s.WriteAt(c.piece(i), s.Layout().Offset(i)); err != nil {
					t.Error(err)
				}
				mu.Lock()
				have.Set(i)
				mu.Unlock()
				fetched <- i
			}
		})
		group.Go(func() {
			for range have.Len() / 2 {
				i := <-fetched
				b := make([]byte, s.Layout().Size(i))
				if err := s.ReadAt(b, s.Layout().Offset(i)); err != nil || !bytes.Equal(b, c.piece(i)) {
					t.Errorf("piece %v: %v", i, err)
				}
			}
		})
	}
	for full := false; !full; {
		mu.Lock()
		now := have.Clone()
		mu.Unlock()
		checkpoint(t, s, now)
		full = now.Full()
	}
	group.Wait()
	for i := range c.info.Files {
		c.complete(t, dir, i)
	}
}

func BenchmarkReadAt(b *testing.B)  { benchmarkIO(b, (*store.Store).ReadAt) }
func BenchmarkWriteAt(b *testing.B) { benchmarkIO(b, (*store.Store).WriteAt) }

func benchmarkIO(b *testing.B, do func(*store.Store, []byte, int64) error) {
	for _, size := range []int{16 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			c := newContent(1<<20, entry{path: "a", length: 1 << 20}, entry{path: "b", length: 16 << 20})
			s := c.open(b, b.TempDir(), store.Options{})
			c.fetch(b, s, only(s))
			p := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			off := int64(0)
			for b.Loop() {
				if err := do(s, p, 1<<20+off); err != nil {
					b.Fatal(err)
				}
				if off += int64(size); off == 16<<20 {
					off = 0
				}
			}
		})
	}
}
