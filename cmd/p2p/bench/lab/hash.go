package lab

import (
	"context"
	"crypto/sha1"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// What Hash can measure.
const (
	Raw    = "raw"    // crypto/sha1 alone, over a buffer in the cache of the processor
	Create = "create" // p2p create
	Verify = "verify" // p2p verify
)

// Hash measures how long one of the constants takes for all of the original
// file (or as many bytes, for Raw) on that many processors. It is the time of the
// whole process, but for Raw that of the hashing alone.
func (l *Lab) Hash(ctx context.Context, what string, workers int) (time.Duration, error) {
	var c command
	switch what {
	case Raw:
		c = l.part("hash", decimal(l.size), decimal(int64(workers)))
	case Create:
		c = l.p2p(spot{state: l.dir}, "create", l.Data(), "-o", filepath.Join(l.dir, "hash.torrent"), "-f", "--piece-length", decimal(l.pieceLength), "-q")
	case Verify:
		c = l.p2p(spot{state: l.dir}, "verify", l.torrent, "-o", filepath.Dir(l.Data()), "-q")
	default:
		return 0, fmt.Errorf("no measurement is called %q", what)
	}
	c.env = append(c.env, fmt.Sprintf("GOMAXPROCS=%d", workers))
	heard := newReport(nil)
	p, err := start(ctx, c, heard.line)
	if err != nil {
		return 0, err
	}
	defer p.kill()
	if err := p.wait(); err != nil {
		return 0, err
	}
	if what == Raw {
		return heard.took, nil
	}
	return p.end.Sub(p.begin), nil
}

// HashRaw hashes size bytes with SHA-1 on that many goroutines, each over a small
// buffer of its own, and returns how long that took.
func HashRaw(size int64, workers int) time.Duration {
	workers = max(workers, 1)
	begin := time.Now()
	var all sync.WaitGroup
	for i := range workers {
		share := size / int64(workers)
		if i == 0 {
			share += size % int64(workers)
		}
		all.Go(func() {
			buf, h := make([]byte, block), sha1.New()
			for left := share; left > 0; left -= int64(len(buf)) {
				h.Write(buf[:min(left, int64(len(buf)))]) // never fails
			}
			h.Sum(nil)
		})
	}
	all.Wait()
	return time.Since(begin)
}
