package torrentfile

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"p2p/piece"
)

// hashChunk is what a worker reads at a time. It fits the second-level cache of
// a core, so the hash finds the bytes where the read has put them.
const hashChunk = 256 << 10

// hasher computes the hashes of all pieces of files on disk. Each worker takes
// the next piece, reads it in chunks and hashes it; they share nothing but the
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
	r := reader{files: h.files}
	defer r.close()
	sum, buf := sha1.New(), make([]byte, min(hashChunk, h.layout.PieceLen()))
	for {
		n := int(h.next.Add(1) - 1)
		if n >= h.layout.Pieces() {
			return nil
		}
		if err := h.hashPiece(ctx, &r, sum, buf, h.layout.MustIndex(n)); err != nil {
			return err
		}
		sum.Sum(sums[: n*sha1.Size : (n+1)*sha1.Size][n*sha1.Size:])
	}
}

func (h *hasher) hashPiece(ctx context.Context, r *reader, sum hash.Hash, buf []byte, i piece.Index) error {
	sum.Reset()
	off, left := h.layout.Offset(i), h.layout.Size(i)
	for left > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := buf[:min(left, len(buf))]
		if err := r.readAt(chunk, off); err != nil {
			return err
		}
		sum.Write(chunk)
		off += int64(len(chunk))
		left -= len(chunk)
		h.report(len(chunk))
	}
	return nil
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
