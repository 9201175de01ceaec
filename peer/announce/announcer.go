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

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// Torrent is what an Announcer announces. Its methods are called from the
// goroutines of a Scheduler and of Announcer.Stop, one at a time, and by
// Scheduler.Add.
type Torrent interface {
	// Snapshot returns the numbers as they are now. Event is ignored.
	Snapshot() Request
	// Found hands over an answer of a tracker with at least one peer; its slices
	// are the callee's. It returns how many of the peers are somebody else: the
	// tracker may have sent us our own address. It should not block, and must
	// return when ctx ends.
	Found(ctx context.Context, tracker string, r Response) (others int)
}

// Status is what the user may want to know about one tracker of one torrent.
type Status struct {
	URL      string
	Tier     int        // from 0, as in the torrent
	Asking   bool       // an announce is under way
	Answered time.Time  // when it last answered, zero when it never has
	Next     time.Time  // when it is asked again; zero while it is only a fallback
	Err      string     // why the last announce failed; "" when it did not
	Refused  string     // what the tracker said when it refused the last announce; "" when it did not
	Failures int        // announces that failed since the last that did not
	Peers    int        // in the last answer
	Seeders  int        // according to the last answer, -1 when unknown
	Leechers int        // according to the last answer, -1 when unknown
	Warning  string     // of the last answer
	External netip.Addr // our address according to the last answer (BEP 24), zero when unknown
	// Least is how long after an answer those ask it again who cannot wait for the interval, as Watch does: its min interval, or the
	// interval where it has not said one. Zero before the first answer.
	Least time.Duration
}

// Announcer keeps one torrent announced: Run does that on a goroutine, a Scheduler
// for many without one each. The other methods may be called from anywhere and
// never block, but for Stop.
type Announcer struct {
	client  *Client
	torrent Torrent
	hash    infohash.T

	// Owned by the round while one is under way, else by who holds the lock of the
	// Scheduler, and by Stop after that.
	tiers    tiers
	rng      *rand.Rand
	next     time.Time     // of the next round; zero when nobody is left to ask
	ended    time.Time     // of the last round
	interval time.Duration // that the last answer set; 0 after a round without one
	rounds   int           // so far
	early    int           // rounds in a row that did not wait for the interval
	alone    int           // rounds in a row in which a downloader got nobody else
	renewal  time.Time     // of the round that Again asked for; zero when it did not
	renewed  time.Time     // when the last such round ended
	renewals int           // such rounds since one that waited for the interval
	owes     bool          // a tracker has yet to hear that the download is complete
	complete bool          // the download was complete from the start, or Completed has been called

	// Guarded by the lock of the Scheduler.
	place  place
	at     int                // in Scheduler.due
	host   *host              // whose line it stands in
	prompt bool               // somebody waits for its next round
	left   bool               // it was removed
	cancel context.CancelFunc // of the round under way
	landed chan struct{}      // closed when that has ended

	scheduler atomic.Pointer[Scheduler]
	signals   atomic.Uint32
	watching  atomic.Int64             // nanoseconds, see Watch
	published atomic.Pointer[[]Status] // what it points at never changes
}

// What others may tell an Announcer at any time.
const (
	wantPeers uint32 = 1 << iota
	completed
	changed
	doubted
	watched

	anything = wantPeers | completed | changed | doubted | watched
)

// NewAnnouncer returns an Announcer of t to the trackers of announceList, which
// has the form that BEP 12 gives it: tiers of URLs. It does nothing until Run.
func (c *Client) NewAnnouncer(announceList [][]string, t Torrent) *Announcer {
	seed := c.o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	a := &Announcer{client: c, torrent: t, rng: rng, tiers: newTiers(announceList, rng)}
	a.publish()
	return a
}

// Run announces until ctx ends: it is a Scheduler for one. It may be called once.
// Trackers still believe that we are there afterwards: see Stop.
func (a *Announcer) Run(ctx context.Context) {
	s := a.client.NewScheduler()
	s.Add(a)
	s.Run(ctx)
}

// heed does what the signals say, those of which it is told to; the others wait.
func (a *Announcer) heed(what uint32) {
	told := a.signals.And(^what) & what
	if told&wantPeers != 0 {
		a.hurry()
	}
	if told&completed != 0 {
		a.finish()
	}
	if told&changed != 0 {
		a.forgive()
	}
	if told&doubted != 0 {
		a.renew()
	}
	if told&watched != 0 {
		a.keepWatch()
	}
}

// NeedPeers says that the torrent could use more peers. The next announce then
// comes as soon as the tracker allows, a minute after the last one at the
// earliest, and less and less early when this goes on.
func (a *Announcer) NeedPeers() { a.signal(wantPeers) }

// Completed says that the download has just become complete. It is told at
// once, and only once. BEP 3: "No completed is sent if the file was complete
// when started."
func (a *Announcer) Completed() { a.signal(completed) }

// NetworkChanged says that our addresses or routes have changed: whatever
// failed may work now, and what trackers know about us is out of date.
func (a *Announcer) NetworkChanged() { a.signal(changed) }

// Again says that a tracker may not know of us any more, or that it may know of somebody whom we miss. The next announce
// comes within a minute, at a moment that chance picks, and after it NeedPeers is heard as after the first. The
// next time it comes five minutes later at the earliest, then ten, and so on up to the interval.
func (a *Announcer) Again() { a.signal(doubted) }

// Watch has trackers asked every so often whether somebody has come who is waited for, of those that allow it: BEP 3's answers may
// name a min interval, which is then kept. Others are asked when their interval is over, as ever. 0 ends that. It may be called all
// the time.
func (a *Announcer) Watch(every time.Duration) {
	if a.watching.Swap(int64(every)) != int64(every) {
		a.signal(watched)
	}
}

// Asks reports whether a tracker at host, as Options.Back names it, is one of its own.
func (a *Announcer) Asks(host string) bool {
	return slices.ContainsFunc(*a.published.Load(), func(t Status) bool {
		u, err := parseURL(t.URL)
		return err == nil && u.Host == host
	})
}

// signal leaves a note and has it read, if there is a Scheduler yet: if not, that
// looks for notes when the Announcer is added.
func (a *Announcer) signal(what uint32) {
	a.signals.Or(what)
	if s := a.scheduler.Load(); s != nil {
		s.heed(a)
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

// Stop ends the announcing and tells the trackers that have answered a started
// announce that we leave, all at once, and waits for their answers as long as ctx
// allows; a download whose end nobody has heard of yet, it tells before. A host
// that is down is not told. The error joins what went wrong; there is nothing to
// be done about it but to log it.
func (a *Announcer) Stop(ctx context.Context) error {
	s := a.scheduler.Load()
	if s == nil {
		return nil
	}
	if landed := s.remove(a); landed != nil {
		select {
		case <-landed:
		case <-ctx.Done():
			return fmt.Errorf("stop announcing: %w", ctx.Err())
		}
	}
	told := slices.DeleteFunc(a.tiers.all(), func(t *tracker) bool {
		return !t.started || a.client.standing.down(t.host, time.Now())
	})
	if len(told) == 0 {
		return nil
	}
	if a.signals.Swap(0)&completed != 0 { // it came after the last round
		a.finish()
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
