package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"p2p/tracker/wire"
)

// Options of a run, over UDP or HTTP. Population, Trackers, Mix and Duration are
// needed.
type Options struct {
	Population *Population
	Trackers   []Endpoint // the load is spread evenly over them
	Mix        Mix
	Want       int // peers that an announce asks for; negative = what the tracker likes
	// Clients is the number of sockets of all trackers together; every one has a
	// source address of its own where there are enough. 0 = one for each tracker.
	Clients int
	// Outstanding is how many requests of all clients together may be waiting for
	// an answer; 0 = Clients. Over UDP a client has at most MaxWindow of them, over
	// HTTP one.
	Outstanding int
	Warmup      time.Duration // before Duration, not counted
	Duration    time.Duration
	Patience    time.Duration // after which a request is lost; 0 = 1 s
	Workers     int           // threads that drive the sockets; 0 = 1
	// Prefill announces every peer once, as having started, in place of the mix,
	// and is over when that is done: Warmup and Duration are not used.
	Prefill   bool
	KeepAlive bool // HTTP: use a connection for more than one request
	Seed      uint64
}

// Endpoint is where a tracker is.
type Endpoint struct {
	Address netip.AddrPort
	TLS     bool   // HTTP: inside TLS; the certificate is not checked
	Host    string // HTTP: for the header; "" = Address
	Path    string // HTTP: of announces, with "/" before it and maybe a query
}

// Result is what a run has measured.
type Result struct {
	Took  time.Duration // that was measured
	Nodes []Tally       // of each tracker, in the order of Options
}

// Sum returns the tally of all trackers together.
func (r *Result) Sum() *Tally {
	all := new(Tally)
	for i := range r.Nodes {
		all.Merge(&r.Nodes[i])
	}
	return all
}

// Rate returns answers a second.
func (r *Result) Rate(t *Tally) float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(t.Total()) / r.Took.Seconds()
}

// prefillLimit is when a prefill is over in any case: one that never ends would
// measure nothing.
const prefillLimit = time.Hour

// ErrSilent says that a prefill was given up because nothing was answered.
var ErrSilent = errors.New("the tracker has stopped answering")

// silentPrefill is how many times the patience for one request a prefill has.
const silentPrefill = 10

// complete fills in what was left open, and says what is wrong.
func (o *Options) complete() error {
	if o.Population == nil || len(o.Trackers) == 0 || o.Mix.sum() <= 0 {
		return errors.New("load: want a population, a tracker and a mix")
	}
	if o.Patience <= 0 {
		o.Patience = time.Second
	}
	o.Workers = max(o.Workers, 1)
	o.Clients = max(o.Clients, len(o.Trackers))
	if o.Outstanding <= 0 {
		o.Outstanding = o.Clients
	}
	if o.Prefill {
		o.Warmup, o.Duration = 0, prefillLimit
	}
	return nil
}

// UDP loads trackers over UDP (BEP 15).
func UDP(ctx context.Context, o Options) (*Result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	workers := min(workersFor(o), o.Clients)
	all := make([]*worker, workers)
	for i := range all {
		all[i] = &worker{
			tallies: make([]Tally, len(o.Trackers)), patience: o.Patience, prefill: o.Prefill,
			from: o.Warmup, to: o.Warmup + o.Duration, budget: max((o.Outstanding+workers-1-i)/workers, 1),
		}
		defer all[i].close()
	}
	for n := range o.Clients {
		w := all[n%workers]
		if err := w.open(o, n); err != nil {
			return nil, err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range all {
		g.Go(func() error { return w.run(ctx) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	result := &Result{Took: o.Duration, Nodes: make([]Tally, len(o.Trackers))}
	if o.Prefill {
		result.Took = 0
	}
	for _, w := range all {
		if o.Prefill {
			result.Took = max(result.Took, w.took)
		}
		for i := range w.tallies {
			result.Nodes[i].Merge(&w.tallies[i])
		}
	}
	return result, nil
}

// worker drives some of the sockets on a thread of its own.
type worker struct {
	lines       []line
	tallies     []Tally // of each tracker
	patience    time.Duration
	prefill     bool
	from, to    time.Duration
	budget      int // requests that may be outstanding
	outstanding int
	took        time.Duration
}

// line is a socket and its state.
type line struct {
	flow *flow
	pipe *pipe
}

// open adds client n of the run.
func (w *worker) open(o Options, n int) error {
	at := n % len(o.Trackers)
	to := o.Trackers[at].Address
	window := min((o.Outstanding+o.Clients-1)/o.Clients, MaxWindow)
	f := newFlow(flowOptions{
		pop: o.Population, mix: o.Mix, want: o.Want, window: window, patience: o.Patience,
		family: wire.FamilyOf(to.Addr()), prefill: o.Prefill, from: o.Warmup, to: o.Warmup + o.Duration, seed: o.Seed,
	}, n, o.Clients, &w.tallies[at])
	p, err := openPipe(sourceAddress(to.Addr(), f.source), to, min(window, maxBatch))
	if err != nil {
		return fmt.Errorf("open a socket to %s: %w", to, err)
	}
	w.lines = append(w.lines, line{f, p})
	return nil
}

func (w *worker) close() {
	for _, l := range w.lines {
		l.pipe.close()
	}
}

// How the loop of a worker spends its time.
const (
	sweepEvery = 20 * time.Millisecond  // between looks for lost requests
	spinFor    = 200 * time.Microsecond // without an answer, until it sleeps
	sleepFor   = time.Millisecond       // until the next look, unless something arrives
)

// run sends and receives until the time is over and everything outstanding is
// answered or lost.
func (w *worker) run(ctx context.Context) error {
	release := holdThread()
	defer release()
	begin := time.Now()
	var now, swept, heard time.Duration
	for turn := 0; ; turn++ {
		now = time.Since(begin)
		sending := now < w.to
		arrived := 0
		for i := range w.lines {
			l := &w.lines[(i+turn)%len(w.lines)]
			n, err := w.serve(l, begin, sending)
			if err != nil {
				return err
			}
			arrived += n
		}
		if now-swept >= sweepEvery {
			swept = now
			for _, l := range w.lines {
				w.outstanding -= l.flow.expire(now)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if w.over(sending) {
			w.took = time.Since(begin)
			return nil
		}
		switch silence := now - heard; {
		case arrived > 0:
			heard = now
		case w.prefill && silence > w.patience*silentPrefill:
			return ErrSilent
		case silence > spinFor:
			waitPipes(w.lines, sleepFor)
		}
	}
}

// over reports whether there is nothing left to do.
func (w *worker) over(sending bool) bool {
	if w.outstanding > 0 {
		return false
	}
	if !sending {
		return true
	}
	if !w.prefill {
		return false
	}
	for _, l := range w.lines {
		if l.flow.left() > 0 {
			return false
		}
	}
	return true
}

// serve receives what has arrived on a socket, and sends what there is room for.
// It returns how many packets arrived.
func (w *worker) serve(l *line, begin time.Time, sending bool) (int, error) {
	arrived := 0
	before := l.flow.busy()
	if before > 0 {
		n, err := l.pipe.receive()
		if err != nil {
			if !unreachable(err) {
				return 0, err
			}
			l.flow.tally.Refused++
		}
		if n > 0 {
			now := time.Since(begin)
			for i := range n {
				l.flow.take(l.pipe.packet(i), now)
			}
			arrived = n
			w.outstanding -= before - l.flow.busy()
		}
	}
	if !sending {
		return arrived, nil
	}
	if l.pipe.waiting() == 0 {
		now := time.Since(begin)
		for range min(l.flow.room(), w.budget-w.outstanding, l.pipe.size()) {
			if l.flow.room() == 0 { // the first request of all goes alone
				break
			}
			l.pipe.put(l.flow.append(l.pipe.buffer(), now))
			w.outstanding++
		}
	}
	if l.pipe.waiting() > 0 {
		if err := l.pipe.flush(); err != nil {
			if !unreachable(err) {
				return arrived, err
			}
			l.flow.tally.Refused++
		}
	}
	return arrived, nil
}
