package store

import (
	"crypto/sha1"
	"fmt"
	"sync"

	"p2p/piece"
	"p2p/piece/sha1x2"
)

// Job is one span that has arrived: it is to be hashed and written.
type Job struct {
	Store *Store
	Span  piece.Span
	Buf   []byte   // the span; the Line owns it until Done is called
	Want  [20]byte // the hash of the piece
	Sums  bool     // tell the hash of each block also when the piece is right
	// Done is called once, on a goroutine of the Line. It must not block. The
	// span's buffer is in Result.
	Done func(Result)

	forget bool // no span: see Line.Forget
}

// Result is what became of a Job.
type Result struct {
	Span piece.Span
	Buf  []byte
	Err  error // the span could not be written; the piece is lost
	// Last is set on the result of the job that completed its piece; then OK
	// tells whether the piece matches its hash.
	Last, OK bool
	Sums     [][20]byte // SHA-1 of each block, when OK is false or Job.Sums was set
}

// Line is the workers that hash and write, for the whole process. All spans of
// a piece go to the same worker, which therefore needs no lock for it; a piece
// is hashed while its spans arrive, each while it is still in the cache, and two at
// once when others wait.
type Line struct {
	workers []*worker
	wg      sync.WaitGroup
}

// NewLine starts n workers; about one per core is right.
func NewLine(n int) *Line {
	l := &Line{}
	for range max(n, 1) {
		w := &worker{pieces: make(map[pieceKey]*progress)}
		w.wake.L = &w.mu
		l.workers = append(l.workers, w)
		l.wg.Go(w.run)
	}
	return l
}

// Submit hands over a span. It never blocks: the memory budget bounds how many
// there can be. It must not be called after Close.
func (l *Line) Submit(j Job) {
	l.workers[j.Span.Piece.Int()%len(l.workers)].push(j)
}

// Forget drops what is known about the unfinished pieces of s, all spans of which
// that were submitted have been done. It is called when a torrent stops: what it
// began would be kept for ever otherwise, and would be taken for a part of the
// same pieces if it started again.
func (l *Line) Forget(s *Store) {
	for _, w := range l.workers {
		w.push(Job{Store: s, forget: true})
	}
}

// Close finishes what was submitted and ends the workers.
func (l *Line) Close() {
	for _, w := range l.workers {
		w.close()
	}
	l.wg.Wait()
}

// worker is one of the Line's goroutines and what it owns.
type worker struct {
	mu     sync.Mutex
	wake   sync.Cond
	queue  []Job
	taken  []Job
	closed bool

	pieces map[pieceKey]*progress // owned by run
	spare  []*progress
	again  []byte // for spans that are read back
}

type pieceKey struct {
	store *Store
	piece piece.Index
}

// progress is a piece of which some spans have come.
type progress struct {
	hash  *sha1x2.Hash
	next  int   // the span that the hash needs next
	spans int   // in the piece
	left  int   // spans that have not come
	err   error // a span could not be written
}

func (w *worker) push(j Job) {
	w.mu.Lock()
	w.queue = append(w.queue, j)
	w.mu.Unlock()
	w.wake.Signal()
}

func (w *worker) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wake.Signal()
}

// run works until the line is closed and the queue is empty.
func (w *worker) run() {
	for {
		w.mu.Lock()
		for len(w.queue) == 0 && !w.closed {
			w.wake.Wait()
		}
		if len(w.queue) == 0 {
			w.mu.Unlock()
			return
		}
		w.queue, w.taken = w.taken[:0], w.queue
		w.mu.Unlock()
		w.batch(w.taken)
	}
}

// batch does what has come. When the cores are busy, spans wait, mostly of several pieces: these are hashed two at once, which takes
// little more than half the time.
func (w *worker) batch(jobs []Job) {
	for i := range jobs {
		switch j := &jobs[i]; {
		case j.forget:
			w.forget(j.Store)
		case j.Store != nil: // else it was done together with an earlier one
			other := partner(jobs[i:])
			w.hash(j, other)
			w.land(j)
			if other != nil {
				w.land(other)
				*other = Job{}
			}
		}
		jobs[i] = Job{}
	}
}

// partner returns the next span that waits of another piece than the first of jobs, nil if there is none. As the first of its
// piece it is in order.
func partner(jobs []Job) *Job {
	first := jobs[0].key()
	for i := 1; i < len(jobs) && !jobs[i].forget; i++ {
		if j := &jobs[i]; j.Store != nil && j.key() != first {
			return j
		}
	}
	return nil
}

func (j *Job) key() pieceKey { return pieceKey{j.Store, j.Span.Piece} }

// hash hashes the spans of one or two jobs, each if it is the next of its piece.
func (w *worker) hash(j, other *Job) {
	a := w.inOrder(j)
	var b *progress
	if other != nil {
		b = w.inOrder(other)
	}
	switch {
	case a != nil && b != nil:
		sha1x2.Write(a.hash, b.hash, j.Buf, other.Buf)
	case a != nil:
		a.hash.Write(j.Buf)
	case b != nil:
		b.hash.Write(other.Buf)
	}
}

// inOrder returns the piece of j if its span is what the hash needs next, and counts it as hashed.
func (w *worker) inOrder(j *Job) *progress {
	p := w.pieces[j.key()]
	if p == nil {
		p = w.begin(j.Store.Layout().Spans(j.Span.Piece))
		w.pieces[j.key()] = p
	}
	if int(j.Span.Number) != p.next {
		return nil
	}
	p.next++
	return p
}

// land writes a span that was hashed, and finishes the piece with its last one.
func (w *worker) land(j *Job) {
	p := w.pieces[j.key()]
	if err := j.Store.WriteAt(j.Buf, j.Store.Layout().Offset(j.Span.Piece)+int64(j.Span.Begin())); err != nil && p.err == nil {
		p.err = err
	}
	p.left--
	r := Result{Span: j.Span, Buf: j.Buf, Err: p.err}
	if p.left == 0 {
		w.finish(j, p, &r)
		w.end(j.key())
	}
	j.Done(r)
}

// end forgets a piece.
func (w *worker) end(key pieceKey) {
	p := w.pieces[key]
	p.err = nil
	delete(w.pieces, key)
	w.spare = append(w.spare, p)
}

// forget forgets all pieces of s.
func (w *worker) forget(s *Store) {
	for key := range w.pieces {
		if key.store == s {
			w.end(key)
		}
	}
}

// begin returns the progress of a piece of n spans, of which none has come.
func (w *worker) begin(n int) *progress {
	var p *progress
	if last := len(w.spare) - 1; last >= 0 {
		p, w.spare = w.spare[last], w.spare[:last]
		p.hash.Reset()
	} else {
		p = &progress{hash: sha1x2.New()}
	}
	p.next, p.spans, p.left = 0, n, n
	return p
}

// finish hashes what came out of order, compares, and accounts for each block
// where that is asked for.
func (w *worker) finish(j *Job, p *progress, r *Result) {
	r.Last = true
	for ; r.Err == nil && p.next < p.spans; p.next++ {
		var span []byte
		if span, r.Err = w.readBack(j, p.next); r.Err == nil {
			p.hash.Write(span)
		}
	}
	if r.Err != nil {
		return
	}
	r.OK = p.hash.Sum() == j.Want
	if !r.OK || j.Sums {
		r.Sums, r.Err = w.blockSums(j, p.spans)
	}
}

// readBack returns span n of the piece from disk, until the next call.
func (w *worker) readBack(j *Job, n int) ([]byte, error) {
	layout := j.Store.Layout()
	s := piece.Span{Piece: j.Span.Piece, Number: uint32(n)}
	if s == j.Span {
		return j.Buf, nil
	}
	if w.again == nil {
		w.again = make([]byte, piece.SpanSize)
	}
	b := w.again[:layout.SpanLen(s)]
	if err := j.Store.ReadAt(b, layout.Offset(s.Piece)+int64(s.Begin())); err != nil {
		return nil, fmt.Errorf("read piece %d back: %w", s.Piece.Int(), err)
	}
	return b, nil
}

// blockSums returns the SHA-1 of each block of the piece, by which who sent a
// wrong one is found out.
func (w *worker) blockSums(j *Job, spans int) ([][20]byte, error) {
	sums := make([][20]byte, 0, j.Store.Layout().Blocks(j.Span.Piece))
	for n := range spans {
		b, err := w.readBack(j, n)
		if err != nil {
			return nil, err
		}
		for len(b) > 0 {
			k := min(piece.BlockSize, len(b))
			sums = append(sums, sha1.Sum(b[:k]))
			b = b[k:]
		}
	}
	return sums, nil
}
