package store

import (
	"context"
	"crypto/sha1"
	"fmt"
	"hash"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"p2p/piece"
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
	buf  []byte
	sum  hash.Hash
	good []piece.Index // of the run at hand
}

// work hashes pieces until none are left.
func (c *check) work(ctx context.Context) error {
	h := &hasher{check: c, buf: make([]byte, c.chunk), sum: sha1.New()}
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

// next takes pieces that lie one after the other and fit the buffer, or one piece
// that is too long for it. As all workers take from the front, the reads of all
// together are nearly sequential.
func (c *check) next() []piece.Index {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil
	}
	n := 1
	limit := min(len(c.queue), c.chunk/int(c.store.layout.PieceLen()))
	for n < limit && c.queue[n].Int() == c.queue[0].Int()+n {
		n++
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

// run hashes the pieces of run with as few reads as possible and adds the good
// ones to h.good.
func (h *hasher) run(ctx context.Context, run []piece.Index) error {
	s, layout := h.store, h.store.layout
	first, last := run[0], run[len(run)-1]
	if zeros, missing := s.holeAt(first, last); zeros || missing {
		for _, p := range run {
			h.note(p, zeros && s.zeros.of(layout.Size(p)) == s.info.Hash(p))
		}
		return nil
	}
	if layout.PieceLen() > int64(len(h.buf)) {
		return h.long(ctx, first)
	}
	from := layout.Offset(first)
	all := h.buf[:layout.Offset(last)+int64(layout.Size(last))-from]
	switch err := s.ReadAt(all, from); {
	case isMissing(err) && len(run) > 1: // one of them is not all there: which?
		for i := range run {
			if err := h.run(ctx, run[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	case isMissing(err):
		return nil
	case err != nil:
		return err
	}
	for _, p := range run {
		data := all[layout.Offset(p)-from:][:layout.Size(p)]
		h.note(p, sha1.Sum(data) == s.info.Hash(p))
	}
	return nil
}

// note adds p to the good pieces if it is one.
func (h *hasher) note(p piece.Index, good bool) {
	if good {
		h.good = append(h.good, p)
	}
}

// long hashes a piece that is longer than the buffer.
func (h *hasher) long(ctx context.Context, p piece.Index) error {
	layout := h.store.layout
	h.sum.Reset()
	for off, end := layout.Offset(p), layout.Offset(p)+int64(layout.Size(p)); off < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := h.buf[:min(int64(len(h.buf)), end-off)]
		switch err := h.store.ReadAt(b, off); {
		case isMissing(err):
			return nil
		case err != nil:
			return err
		}
		h.sum.Write(b)
		off += int64(len(b))
	}
	h.note(p, [sha1.Size]byte(h.sum.Sum(nil)) == h.store.info.Hash(p))
	return nil
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
