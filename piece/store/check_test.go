package store_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"p2p/piece"
	"p2p/piece/store"
)

// TestCheckFindsWhatANaiveLoopFinds spoils random bytes and removes and cuts
// random files of random torrents.
func TestCheckFindsWhatANaiveLoopFinds(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		c := randomContent(rnd)
		dir := t.TempDir()
		onDisk := bytes.Clone(c.data) // what a reader would see
		missing := make([]bool, len(c.data))
		c.saveAll(t, dir)
		for i, f := range c.info.Files {
			if f.Pad || f.Length == 0 {
				continue
			}
			data := onDisk[f.Offset : f.Offset+f.Length]
			size := f.Length
			switch rnd.IntN(6) {
			case 0:
				data[rnd.IntN(len(data))] ^= 1
			case 1:
				size = rnd.Int64N(f.Length)
			case 2:
				size = -1
			}
			writeFile(t, c.path(dir, i), data[:max(size, 0)])
			if size < 0 {
				if err := os.Remove(c.path(dir, i)); err != nil {
					t.Fatal(err)
				}
			}
			for off := max(size, 0); off < f.Length; off++ {
				missing[f.Offset+off] = true
			}
		}
		s := c.open(t, dir, store.Options{ReadOnly: true})
		good, err := s.Check(context.Background(), nil, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for n := range good.Len() {
			p := s.Layout().MustIndex(n)
			from, to := s.Layout().Offset(p), s.Layout().Offset(p)+int64(s.Layout().Size(p))
			want := bytes.Equal(onDisk[from:to], c.data[from:to])
			for _, gone := range missing[from:to] {
				want = want && !gone
			}
			if good.Has(p) != want {
				t.Fatalf("seed %d: piece %d good %v, want %v", seed, n, good.Has(p), want)
			}
		}
		closeStore(t, s)
	}
}

func TestCheckReadsEachByteOnceInLargeReads(t *testing.T) {
	for _, pieceLen := range []int64{16 << 10, 1 << 20, 100 << 10} {
		c := newContent(pieceLen, entry{length: 5<<20 + 1})
		dir := t.TempDir()
		c.saveAll(t, dir)
		s := c.open(t, dir, store.Options{ReadOnly: true})
		n := count(s)
		good, err := s.Check(context.Background(), nil, nil)
		if err != nil || !good.Full() {
			t.Fatalf("%d of %d pieces, error %v", good.Count(), good.Len(), err)
		}
		if n.bytes != 5<<20+1 || n.reads > 60 {
			t.Errorf("%d bytes in %d reads", n.bytes, n.reads)
		}
	}
}

func TestCheckLooksAtNothingElse(t *testing.T) {
	c := album()
	dir := t.TempDir()
	c.saveAll(t, dir)
	s := c.open(t, dir, store.Options{ReadOnly: true})
	n := count(s)
	good, err := s.Check(context.Background(), only(s, 0, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, good, 0, 4)
	if n.bytes != 32 {
		t.Errorf("%d bytes were read", n.bytes)
	}
}

func TestCheckReportsProgressFromOneGoroutineAtATime(t *testing.T) {
	c := newContent(1<<10, entry{path: "a", length: 1 << 20}, entry{path: "b", length: 1<<20 + 5})
	dir := t.TempDir()
	c.save(t, dir, 0)
	s := c.open(t, dir, store.Options{ReadOnly: true})
	var busy sync.Mutex
	var last int64
	_, err := s.Check(context.Background(), nil, func(bytes int64) {
		if !busy.TryLock() {
			t.Error("called by two goroutines at once")
			return
		}
		defer busy.Unlock()
		if bytes < last {
			t.Errorf("%d bytes after %d", bytes, last)
		}
		last = bytes
	})
	if err != nil || last != 2<<20+5 {
		t.Errorf("ended at %d bytes, error %v", last, err)
	}
}

func TestCheckEndsWhenItsContextDoes(t *testing.T) {
	for _, pieceLen := range []int64{16 << 10, 4 << 20} {
		c := newContent(pieceLen, entry{length: 8 << 20})
		dir := t.TempDir()
		c.saveAll(t, dir)
		s := c.open(t, dir, store.Options{ReadOnly: true})
		ctx, cancel := context.WithCancel(context.Background())
		n := count(s)
		s.OnOpen(func(_ string, h store.Handle) store.Handle { cancel(); return h })
		good, err := s.Check(ctx, nil, nil)
		if !errors.Is(err, context.Canceled) || good != nil {
			t.Errorf("error %v", err)
		}
		if n.reads > runtime.GOMAXPROCS(0) {
			t.Errorf("%d reads after the end", n.reads)
		}
	}
}

// sparse makes a torrent of zeros with some data in the middle.
func sparse() *content {
	c := newContent(256<<10, entry{length: 4<<20 + 1000})
	clear(c.data[:2<<20])
	clear(c.data[2<<20+10:])
	c.rehash()
	return c
}

// In a sparse file what was never written reads as zeros, and a piece of zeros may
// be right. Beyond the end of the file it is missing all the same.
func TestHolesAreZerosAndTheEndIsMissing(t *testing.T) {
	c := sparse()
	for _, size := range []int64{4<<20 + 1000, 3 << 20, 2<<20 + 10, 100} {
		dir := t.TempDir()
		f, err := os.Create(c.path(dir, 0))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(c.data[2<<20:2<<20+10], 2<<20); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
			t.Fatal(err)
		}
		s := c.open(t, dir, store.Options{ReadOnly: true})
		good, err := s.Check(context.Background(), nil, nil)
		want := int(size / (256 << 10))
		if size == 4<<20+1000 {
			want++
		}
		if err != nil || good.Count() != want {
			t.Errorf("%d bytes: %d pieces, want %d, error %v", size, good.Count(), want, err)
		}
	}
}

func TestAHoleIsNotRightWhereDataShouldBe(t *testing.T) {
	c := newContent(256<<10, entry{length: 1 << 20})
	dir := t.TempDir()
	writeFile(t, c.path(dir, 0), nil)
	if err := os.Truncate(c.path(dir, 0), 1<<20); err != nil {
		t.Fatal(err)
	}
	s := c.open(t, dir, store.Options{ReadOnly: true})
	if good, err := s.Check(context.Background(), nil, nil); err != nil || good.Count() != 0 {
		t.Errorf("%d pieces, error %v", good.Count(), err)
	}
}

func TestHolesAreNotReadOnLinux(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("holes cannot be asked for")
	}
	c := sparse()
	dir := t.TempDir()
	s := c.open(t, dir, store.Options{})
	if err := s.WriteAt(c.data[4<<20:], 4<<20); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = c.open(t, dir, store.Options{})
	n := &counts{read: map[string]bool{}}
	s.OnOpen(func(name string, h store.Handle) store.Handle {
		return &seekable{counted{h, n, name}, h.(syscall.Conn)}
	})
	good, err := s.Check(context.Background(), nil, nil)
	if err != nil || good.Count() != 16 {
		t.Fatalf("%d pieces, error %v", good.Count(), err)
	}
	if n.bytes > 256<<10 {
		t.Errorf("%d bytes were read", n.bytes)
	}
}

// seekable is a counted that can be asked for holes, as an *os.File can.
type seekable struct {
	counted
	syscall.Conn
}

func BenchmarkSHA1(b *testing.B) {
	const rounds = 64
	data := make([]byte, 256<<10)
	b.SetBytes(int64(rounds * len(data) * runtime.GOMAXPROCS(0)))
	for b.Loop() {
		var group sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			group.Go(func() {
				for range rounds {
					sha1.Sum(data)
				}
			})
		}
		group.Wait()
	}
}

// BenchmarkCheck is to be compared with BenchmarkSHA1, the speed of all cores when
// nothing is read.
func BenchmarkCheck(b *testing.B) {
	const size = 256 << 20
	for _, pieceLen := range []int64{16 << 10, 256 << 10, 4 << 20} {
		b.Run(fmt.Sprintf("%dKiB", pieceLen>>10), func(b *testing.B) {
			c := newContent(pieceLen, entry{length: size})
			dir := b.TempDir()
			c.saveAll(b, dir)
			s := c.open(b, dir, store.Options{ReadOnly: true})
			b.SetBytes(size)
			b.ReportAllocs()
			var good *piece.Bitfield
			for b.Loop() {
				var err error
				if good, err = s.Check(context.Background(), nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			if !good.Full() {
				b.Fatalf("%d of %d pieces", good.Count(), good.Len())
			}
		})
	}
}
