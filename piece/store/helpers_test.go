package store_test

import (
	"context"
	"crypto/sha1"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// content is a torrent together with all of its bytes.
type content struct {
	info *torrentfile.Info
	data []byte
}

// entry describes one file for make.
type entry struct {
	path   string // "" for a torrent of a single file
	length int64
	pad    bool
}

// newContent makes a torrent called "t" of these files with random bytes.
func newContent(pieceLen int64, entries ...entry) *content {
	info := &torrentfile.Info{Name: "t", PieceLength: pieceLen}
	rnd := rand.NewChaCha8([32]byte{1})
	c := &content{info: info}
	for _, e := range entries {
		f := torrentfile.File{Length: e.length, Offset: int64(len(c.data)), Pad: e.pad}
		if e.path == "" {
			info.Single = true
		} else {
			f.Path = strings.Split(e.path, "/")
		}
		info.Files = append(info.Files, f)
		b := make([]byte, e.length)
		if !e.pad {
			_, _ = rnd.Read(b)
		}
		c.data = append(c.data, b...)
	}
	c.rehash()
	return c
}

// rehash makes the hashes those of data.
func (c *content) rehash() {
	c.info.Hashes = nil
	for from := int64(0); from < int64(len(c.data)); from += c.info.PieceLength {
		sum := sha1.Sum(c.data[from:min(from+c.info.PieceLength, int64(len(c.data)))])
		c.info.Hashes = append(c.info.Hashes, sum[:]...)
	}
}

// album is a torrent of five files in which pieces 1, 2 and 3 cross borders:
//
//	a [0,20) b [20,45) c [45,50) e [50,50) d [50,100), pieces of 16
func album() *content {
	return newContent(16, entry{path: "a", length: 20}, entry{path: "dir/b", length: 25},
		entry{path: "dir/c", length: 5}, entry{path: "e"}, entry{path: "d", length: 50})
}

// fileData returns the bytes of file i.
func (c *content) fileData(i int) []byte {
	f := c.info.Files[i]
	return c.data[f.Offset : f.Offset+f.Length]
}

// save writes file i under its final name below dir.
func (c *content) save(t testing.TB, dir string, files ...int) {
	t.Helper()
	for _, i := range files {
		writeFile(t, c.path(dir, i), c.fileData(i))
	}
}

// saveAll writes all files but pads.
func (c *content) saveAll(t testing.TB, dir string) {
	t.Helper()
	for i, f := range c.info.Files {
		if !f.Pad {
			c.save(t, dir, i)
		}
	}
}

// path returns the final path of file i below dir.
func (c *content) path(dir string, i int) string {
	return filepath.Join(append([]string{dir, c.info.Name}, c.info.Files[i].Path...)...)
}

// piece returns the bytes of piece i.
func (c *content) piece(i piece.Index) []byte {
	l := c.info.Layout()
	return c.data[l.Offset(i):][:l.Size(i)]
}

// open opens a store for which it is an hour later, so that no file is too young
// to be trusted and no checkpoint has to wait for that.
func (c *content) open(t testing.TB, dir string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.OpenAt(dir, c.info, o, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fetch writes the pieces of s that a download would write.
func (c *content) fetch(t testing.TB, s *store.Store, have *piece.Bitfield) {
	t.Helper()
	for p := range s.Wanted().AndNot(have) {
		c.fetchPiece(t, s, have, p.Int())
	}
}

func (c *content) fetchPiece(t testing.TB, s *store.Store, have *piece.Bitfield, pieces ...int) {
	t.Helper()
	for _, n := range pieces {
		p := s.Layout().MustIndex(n)
		if err := s.WriteAt(c.piece(p), s.Layout().Offset(p)); err != nil {
			t.Fatal(err)
		}
		have.Set(p)
	}
}

// complete fails the test unless the files are under their final names and right.
func (c *content) complete(t testing.TB, dir string, files ...int) {
	t.Helper()
	for _, i := range files {
		if got := readFile(t, c.path(dir, i)); string(got) != string(c.fileData(i)) {
			t.Errorf("file %d differs on disk", i)
		}
	}
}

func resume(t testing.TB, s *store.Store) *piece.Bitfield {
	t.Helper()
	have, err := s.Resume(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return have
}

func checkpoint(t testing.TB, s *store.Store, have *piece.Bitfield) {
	t.Helper()
	if err := s.Checkpoint(context.Background(), have); err != nil {
		t.Fatal(err)
	}
}

func closeStore(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// expect fails the test unless set holds exactly these pieces.
func expect(t testing.TB, set *piece.Bitfield, pieces ...int) {
	t.Helper()
	var got []int
	for p := range set.All() {
		got = append(got, p.Int())
	}
	if len(got) != len(pieces) {
		t.Fatalf("pieces %v, want %v", got, pieces)
	}
	for i := range got {
		if got[i] != pieces[i] {
			t.Fatalf("pieces %v, want %v", got, pieces)
		}
	}
}

func only(s *store.Store, pieces ...int) *piece.Bitfield {
	set := piece.NewBitfield(s.Layout().Pieces())
	for _, p := range pieces {
		set.Set(s.Layout().MustIndex(p))
	}
	return set
}

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	return b
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// tree returns the paths of all files below dir.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// wantExists fails the test unless err is an *ExistsError for file name.
func wantExists(t testing.TB, err error, name string, good, bad int) {
	t.Helper()
	var e *store.ExistsError
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an *ExistsError", err)
	}
	if e.Path != name || e.Good != good || e.Bad != bad {
		t.Fatalf("%+v, want path %s, %d good, %d bad", e, name, good, bad)
	}
}

// counted counts the calls on open files, and may make them fail.
type counted struct {
	store.Handle
	count *counts
	name  string
}

type counts struct {
	mu                          sync.Mutex
	reads, writes, bytes, syncs int
	read                        map[string]bool // names of files that were read
	failWrite, failSync         error
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.count.mu.Lock()
	c.count.reads++
	c.count.bytes += len(p)
	c.count.read[c.name] = true
	c.count.mu.Unlock()
	return c.Handle.ReadAt(p, off)
}

func (c *counted) WriteAt(p []byte, off int64) (int, error) {
	c.count.mu.Lock()
	c.count.writes++
	err := c.count.failWrite
	c.count.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.Handle.WriteAt(p, off)
}

func (c *counted) Sync() error {
	c.count.mu.Lock()
	c.count.syncs++
	err := c.count.failSync
	c.count.mu.Unlock()
	if err != nil {
		return err
	}
	return c.Handle.Sync()
}

// count counts what s does with files from now on.
func count(s *store.Store) *counts {
	c := &counts{read: map[string]bool{}}
	s.OnOpen(func(name string, h store.Handle) store.Handle { return &counted{h, c, name} })
	return c
}
