package torrentfile

import (
	"cmp"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"p2p/piece"
	"p2p/piece/sha1x2"
)

// hashChunk is what a worker reads at a time, half of it of each of two pieces. It fits the second-level cache of
// a core, so the hash finds the bytes where the read has put them.
const hashChunk = 256 << 10

// hasher computes the hashes of all pieces of files on disk. Each worker takes
// the next two pieces, reads them in chunks and hashes them together; they share nothing but the
// number of the next piece.
type hasher struct {
	files    []diskFile
	layout   piece.Layout
	progress func(done, total int64) // may be nil

	next atomic.Int64
	mu   sync.Mutex // guards done and calls of progress
	done int64
}

// run fills sums, which has 20 bytes for each piece. It uses workers goroutines,
// or one for each CPU when that is 0, and returns when all of them have ended.
func (h *hasher) run(ctx context.Context, workers int, sums []byte) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	group, ctx := errgroup.WithContext(ctx)
	for range min(workers, h.layout.Pieces()) {
		group.Go(func() error { return h.work(ctx, sums) })
	}
	return group.Wait()
}

// work hashes pieces until there are none left. Workers write to distinct parts
// of sums.
func (h *hasher) work(ctx context.Context, sums []byte) error {
	// Each of the two has a file of its own open: the system reads ahead for each.
	readers := [2]reader{{files: h.files}, {files: h.files}}
	defer readers[0].close()
	defer readers[1].close()
	two := sha1x2.NewReader(int(min(hashChunk, 2*h.layout.PieceLen())))
	for {
		n := int(h.next.Add(2) - 2)
		if n >= h.layout.Pieces() {
			return nil
		}
		a, b, errA, errB := two.Read(h.stream(ctx, &readers[0], n), h.stream(ctx, &readers[1], n+1))
		if err := cmp.Or(errA, errB); err != nil {
			return err
		}
		copy(sums[n*sha1.Size:], a[:])
		copy(sums[(n+1)*sha1.Size:], b[:]) // nothing, after the last piece
	}
}

// stream is piece n, or nothing if there are not so many.
func (h *hasher) stream(ctx context.Context, r *reader, n int) sha1x2.Stream {
	if n >= h.layout.Pieces() {
		return sha1x2.Stream{}
	}
	i := h.layout.MustIndex(n)
	return sha1x2.Stream{Len: h.layout.Size(i), Read: func(p []byte, at int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.readAt(p, h.layout.Offset(i)+int64(at)); err != nil {
			return err
		}
		h.report(len(p))
		return nil
	}}
}

func (h *hasher) report(n int) {
	if h.progress == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done += int64(n)
	h.progress(h.done, h.layout.Total())
}

// reader reads the joined bytes of files. It keeps the file that it read last
// open. One goroutine uses it.
type reader struct {
	files []diskFile
	file  *os.File
	at    int // index of file in files
}

// readAt fills p with what is at off in the torrent, across files where needed.
func (r *reader) readAt(p []byte, off int64) error {
	n := sort.Search(len(r.files), func(i int) bool { return r.files[i].offset+r.files[i].size > off })
	for ; len(p) > 0; n++ {
		f := &r.files[n]
		part := p[:min(int64(len(p)), f.offset+f.size-off)]
		if len(part) == 0 {
			continue
		}
		if err := r.open(n); err != nil {
			return err
		}
		if _, err := r.file.ReadAt(part, off-f.offset); err != nil {
			if errors.Is(err, io.EOF) {
				err = ErrChanged
			}
			return fmt.Errorf("read %s: %w", f.path, err)
		}
		p = p[len(part):]
		off += int64(len(part))
	}
	return nil
}

func (r *reader) open(n int) error {
	if r.file != nil && r.at == n {
		return nil
	}
	r.close()
	file, err := os.Open(r.files[n].path)
	if err != nil {
		return err
	}
	r.file, r.at = file, n
	return nil
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}
