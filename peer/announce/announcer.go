package announce

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/wire"
)

// Torrent is what an Announcer announces. Its methods are called from the
// goroutine of Announcer.Run and, after that has returned, of Announcer.Stop.
type Torrent interface {
	// Snapshot returns the numbers as they are now. Event is ignored.
	Snapshot() Request
	// Found hands over the peers of an answer, at least one; the slice is the
	// callee's. It returns how many of them are somebody else: the tracker may
	// have sent us our own address. It should not block, and must return when
	// ctx ends.
	Found(ctx context.Context, tracker string, peers []netip.AddrPort) (others int)
}

// Status is what the user may want to know about one tracker of one torrent.
type Status struct {
	URL      string
	Tier     int        // from 0, as in the torrent
	Asking   bool       // an announce is under way
	Answered time.Time  // when it last answered, zero when it never has
	Next     time.Time  // when it is asked again; zero while it is only a fallback
	Err      string     // why the last announce failed; "" when it did not
	Failures int        // announces that failed since the last that did not
	Peers    int        // in the last answer
	Seeders  int        // according to the last answer, -1 when unknown
	Leechers int        // according to the last answer, -1 when unknown
	Warning  string     // of the last answer
	External netip.Addr // our address according to the last answer (BEP 24), zero when unknown
}

// Announcer keeps one torrent announced. Run is its one goroutine and owns all
// of it; the other methods may be called from anywhere and never block, but for
// Stop.
type Announcer struct {
	client  *Client
	torrent Torrent
	log     *zap.Logger

	// Owned by Run, and by Stop after Run has returned.
	tiers    tiers
	rng      *rand.Rand
	next     time.Time     // of the next round; zero when nobody is left to ask
	ended    time.Time     // of the last round
	interval time.Duration // that the last answer set; 0 after a round without one
	rounds   int           // so far
	early    int           // rounds in a row that did not wait for the interval
	alone    int           // rounds in a row in which a downloader got nobody else
	owes     bool          // a tracker has yet to hear that the download is complete
	complete bool          // the download was complete when Run began, or Completed has been called

	ran       atomic.Bool
	done      chan struct{} // closed when Run returns
	wantPeers chan struct{} // these three hold at most one signal
	completed chan struct{}
	changed   chan struct{}
	published atomic.Pointer[[]Status] // what it points at never changes
}

// NewAnnouncer returns an Announcer of t to the trackers of announceList, which
// has the form that BEP 12 gives it: tiers of URLs. It does nothing until Run.
func (c *Client) NewAnnouncer(announceList [][]string, t Torrent) *Announcer {
	seed := c.o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	a := &Announcer{
		client: c, torrent: t, log: c.log, rng: rng, tiers: newTiers(announceList, rng),
		done:      make(chan struct{}),
		wantPeers: make(chan struct{}, 1),
		completed: make(chan struct{}, 1),
		changed:   make(chan struct{}, 1),
	}
	a.publish()
	return a
}

// Run announces until ctx ends. It may be called once. Trackers still believe
// that we are there afterwards: see Stop.
func (a *Announcer) Run(ctx context.Context) {
	a.ran.Store(true)
	defer close(a.done)
	first := a.torrent.Snapshot()
	a.complete = first.Left == 0
	a.log = a.log.With(zap.Stringer("torrent", first.InfoHash))
	a.next = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			a.round(ctx)
		case <-a.wantPeers:
			a.hurry()
		case <-a.completed:
			a.finish()
		case <-a.changed:
			a.forgive()
		}
		a.publish()
		if a.next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(a.next))
		}
	}
}

// NeedPeers says that the torrent could use more peers. The next announce then
// comes as soon as the tracker allows, a minute after the last one at the
// earliest, and less and less early when this goes on.
func (a *Announcer) NeedPeers() { signal(a.wantPeers) }

// Completed says that the download has just become complete. It is told at
// once, and only once. BEP 3: "No completed is sent if the file was complete
// when started."
func (a *Announcer) Completed() { signal(a.completed) }

// NetworkChanged says that our addresses or routes have changed: whatever
// failed may work now, and what trackers know about us is out of date.
func (a *Announcer) NetworkChanged() { signal(a.changed) }

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting already
	}
}

// Status returns what is known about the trackers, in the order in which they
// are asked.
func (a *Announcer) Status() []Status { return slices.Clone(*a.published.Load()) }

// publish makes the current state visible to Status.
func (a *Announcer) publish() {
	var all []Status
	for _, t := range a.tiers.all() {
		all = append(all, t.Status)
	}
	a.published.Store(&all)
}

// Stop tells the trackers that have answered a started announce that we leave,
// all at once, and waits for their answers as long as ctx allows; a download
// whose end nobody has heard of yet, it tells before. Cancel the context of Run
// first: Stop waits for it to return. The error joins what went
// wrong; there is nothing to be done about it but to log it.
func (a *Announcer) Stop(ctx context.Context) error {
	if !a.ran.Load() {
		return nil
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		return fmt.Errorf("stop announcing: %w", ctx.Err())
	}
	told := slices.DeleteFunc(a.tiers.all(), func(t *tracker) bool { return !t.started })
	if len(told) == 0 {
		return nil
	}
	select {
	case <-a.completed: // Run has ended before it saw that
		a.finish()
	default:
	}
	r := a.torrent.Snapshot()
	var failed []error
	race(ctx, len(told), 0,
		func(i int) func(context.Context) (Response, error) {
			r := r
			r.TrackerID = told[i].id
			return func(ctx context.Context) (Response, error) { return a.leave(ctx, told[i].URL, r) }
		},
		func(i int, _ Response, err error) bool {
			told[i].started = err != nil
			failed = append(failed, err)
			return false
		})
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("stop announcing: %w", err)
	}
	return nil
}

// leave announces r to one tracker as the last we say.
func (a *Announcer) leave(ctx context.Context, url string, r Request) (Response, error) {
	if a.owes {
		r.Event = wire.Completed
		if resp, err := a.client.Announce(ctx, url, r); err != nil {
			return resp, err
		}
	}
	r.Event = wire.Stopped
	return a.client.Announce(ctx, url, r)
}
