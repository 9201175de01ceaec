package store

import (
	"context"
	"crypto/sha1"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"p2p/piece"
	"p2p/piece/sha1x2"
)

// Limits on the memory of one Check, and the longest read.
const (
	checkMemory = 16 << 20
	checkChunk  = 256 << 10 // small enough to be hashed before it leaves the cache
)

// Check reads the pieces in only (nil for all) and returns those that have the
// right hash. Missing and short files make missing pieces; that a file cannot be
// read is an error. It uses all cores and at most 16 MiB of buffers, and reads each
// byte once.
//
// progress, if not nil, is told how many bytes of those pieces are done so far,
// whether found or missing; it is called by one goroutine at a time and must not
// block. Check may be called by any goroutine, also while others write to pieces
// that are not in only. It returns early, with an error that wraps ctx.Err(), when
// ctx ends.
func (s *Store) Check(ctx context.Context, only *piece.Bitfield, progress func(bytes int64)) (*piece.Bitfield, error) {
	if only == nil {
		only = piece.NewBitfield(s.layout.Pieces())
		only.SetAll()
	}
	good, err := s.check(ctx, only, 0, progress)
	if err != nil {
		return nil, fmt.Errorf("check pieces: %w", err)
	}
	return good, nil
}

// check is Check with the number of bytes to which its progress is added.
func (s *Store) check(ctx context.Context, only *piece.Bitfield, done int64, progress func(int64)) (*piece.Bitfield, error) {
	if progress == nil {
		progress = func(int64) {}
	}
	onDisk := s.onDiskOf(only)
	workers := runtime.GOMAXPROCS(0)
	c := &check{
		store:    s,
		queue:    make([]piece.Index, 0, onDisk.Count()),
		chunk:    max(min(checkChunk, checkMemory/workers), piece.BlockSize),
		verified: piece.NewBitfield(s.layout.Pieces()),
		done:     done,
		progress: progress,
	}
	for p := range only.All() {
		if onDisk.Has(p) {
			c.queue = append(c.queue, p)
		} else {
			c.done += int64(s.layout.Size(p))
		}
	}
	progress(c.done)
	group, ctx := errgroup.WithContext(ctx)
	for range min(workers, len(c.queue)) {
		group.Go(func() error { return c.work(ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return c.verified, nil
}

// onDiskOf returns the pieces of only that touch no file that is absent.
func (s *Store) onDiskOf(only *piece.Bitfield) *piece.Bitfield {
	onDisk := only.Clone()
	for _, f := range s.spans {
		if f.pad || f.formNow() != absent {
			continue
		}
		noSlots := s.slotsMissing(f)
		s.each(f, func(p piece.Index) {
			if _, ok := s.borders.slot(p.Int()); noSlots || !ok {
				onDisk.Clear(p)
			}
		})
	}
	return onDisk
}

// check is the state of one Check, shared by its workers.
type check struct {
	store    *Store
	chunk    int // bytes of a worker's buffer
	progress func(int64)

	mu       sync.Mutex
	queue    []piece.Index // still to be read, in order
	verified *piece.Bitfield
	done     int64
}

// hasher is what one goroutine of a Check owns.
type hasher struct {
	*check
	buf    []byte
	a, b   *sha1x2.Hash
	reader *sha1x2.Reader // instead of the others, when pieces are long
	good   []piece.Index  // of the run at hand
}

// work hashes pieces until none are left.
func (c *check) work(ctx context.Context) error {
	h := &hasher{check: c}
	if c.long() {
		h.reader = sha1x2.NewReader(c.chunk)
	} else {
		h.buf, h.a, h.b = make([]byte, c.chunk), sha1x2.New(), sha1x2.New()
	}
	for ctx.Err() == nil {
		run := c.next()
		if len(run) == 0 {
			return nil
		}
		h.good = h.good[:0]
		if err := h.run(ctx, run); err != nil {
			return err
		}
		c.finish(run, h.good)
	}
	return ctx.Err()
}

// long reports whether pieces are so long that the buffer does not hold two.
func (c *check) long() bool { return 2*c.store.layout.PieceLen() > int64(c.chunk) }

// next takes pieces that lie one after the other and fit the buffer, or two, wherever they lie,
// that are too long for it. As all workers take from the front, the reads of all
// together are nearly sequential.
func (c *check) next() []piece.Index {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil
	}
	n := min(len(c.queue), 2)
	if !c.long() {
		n = 1
		limit := min(len(c.queue), c.chunk/int(c.store.layout.PieceLen()))
		for n < limit && c.queue[n].Int() == c.queue[0].Int()+n {
			n++
		}
	}
	run := c.queue[:n]
	c.queue = c.queue[n:]
	return run
}

// finish notes that the pieces of run are done, and which of them are good.
func (c *check) finish(run, good []piece.Index) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range run {
		c.done += int64(c.store.layout.Size(p))
	}
	for _, p := range good {
		c.verified.Set(p)
	}
	c.progress(c.done)
}

// run hashes the pieces of run and adds the good ones to h.good.
func (h *hasher) run(ctx context.Context, run []piece.Index) error {
	if h.long() {
		return h.apart(ctx, run)
	}
	return h.together(run)
}

// together hashes pieces that lie one after the other and fit the buffer, with as few reads as possible.
func (h *hasher) together(run []piece.Index) error {
	s, layout := h.store, h.store.layout
	first, last := run[0], run[len(run)-1]
	if h.hole(first, last) {
		return nil
	}
	from := layout.Offset(first)
	all := h.buf[:layout.Offset(last)+int64(layout.Size(last))-from]
	switch err := s.ReadAt(all, from); {
	case isMissing(err) && len(run) > 1: // one of them is not all there: which?
		for i := range run {
			if err := h.together(run[i : i+1]); err != nil {
				return err
			}
		}
		return nil
	case isMissing(err):
		return nil
	case err != nil:
		return err
	}
	data := func(p piece.Index) []byte { return all[layout.Offset(p)-from:][:layout.Size(p)] }
	for two := range slices.Chunk(run, 2) {
		var second []byte
		if len(two) == 2 {
			second = data(two[1])
		}
		h.a.Reset()
		h.b.Reset()
		sha1x2.Write(h.a, h.b, data(two[0]), second)
		h.note(two[0], h.a.Sum())
		if second != nil {
			h.note(two[1], h.b.Sum())
		}
	}
	return nil
}

// note adds p to the good pieces if it has the sum that it should.
func (h *hasher) note(p piece.Index, sum [sha1.Size]byte) {
	if sum == h.store.info.Hash(p) {
		h.good = append(h.good, p)
	}
}

// apart hashes one or two pieces that are too long for the buffer.
func (h *hasher) apart(ctx context.Context, pieces []piece.Index) error {
	var streams [2]sha1x2.Stream
	for i, p := range pieces {
		if !h.hole(p, p) {
			streams[i] = h.stream(ctx, p)
		}
	}
	var sums [2][sha1.Size]byte
	var errs [2]error
	sums[0], sums[1], errs[0], errs[1] = h.reader.Read(streams[0], streams[1])
	for i, p := range pieces {
		switch {
		case streams[i].Len == 0, isMissing(errs[i]):
		case errs[i] != nil:
			return errs[i]
		default:
			h.note(p, sums[i])
		}
	}
	return nil
}

// stream is the bytes of a piece.
func (h *hasher) stream(ctx context.Context, p piece.Index) sha1x2.Stream {
	layout := h.store.layout
	return sha1x2.Stream{Len: layout.Size(p), Read: func(b []byte, at int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return h.store.ReadAt(b, layout.Offset(p)+int64(at))
	}}
}

// hole reports whether there is nothing to read of the pieces from first to last, and adds them to the good ones if
// they ought to be the zeros that they are.
func (h *hasher) hole(first, last piece.Index) bool {
	zeros, missing := h.store.holeAt(first, last)
	for n := first.Int(); zeros && n <= last.Int(); n++ {
		p := h.store.layout.MustIndex(n)
		h.note(p, h.store.zeros.of(h.store.layout.Size(p)))
	}
	return zeros || missing
}

// holeAt reports whether the pieces from first to last lie in a hole of a sparse
// file, and so are all zeros, or beyond its end, and so are missing. It knows only
// about pieces that lie in one file, and about systems that tell; for others it
// reports neither.
func (s *Store) holeAt(first, last piece.Index) (zeros, missing bool) {
	from, to := s.layout.Offset(first), s.layout.Offset(last)+int64(s.layout.Size(last))
	f := s.spans[s.find(from)]
	if f.pad || to > f.offset+f.length {
		return false, false
	}
	h, err := s.acquire(f, false)
	if err != nil {
		return false, false
	}
	defer f.mu.RUnlock()
	if !noDataIn(h, from-f.offset, to-f.offset) {
		return false, false
	}
	fi, err := h.Stat()
	if err != nil {
		return false, false
	}
	return fi.Size() >= to-f.offset, fi.Size() < to-f.offset
}

// zeroHash remembers the hash of a piece of zeros.
type zeroHash struct {
	mu   sync.Mutex
	size int
	sum  [sha1.Size]byte
}

// of returns the SHA-1 of size zeros.
func (z *zeroHash) of(size int) [sha1.Size]byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.size != size {
		sum := sha1.New()
		zeros := make([]byte, min(size, 64<<10))
		for left := size; left > 0; {
			n, _ := sum.Write(zeros[:min(left, len(zeros))])
			left -= n
		}
		z.size, z.sum = size, [sha1.Size]byte(sum.Sum(nil))
	}
	return z.sum
}
