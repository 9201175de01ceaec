package announce

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"
)

// How a Scheduler treats one tracker host.
const (
	// maxLanes is how many announces to one host may be under way at once.
	maxLanes = 8
	// shortRest and longRest bound how long a lane rests after an announce:
	// as long as that took. So a host is never busy with us for more than half of
	// its time, and one that answers slowly because it has too much to do is asked
	// less: at the start of ten thousand torrents, a tracker 50 milliseconds away
	// sees 80 announces a second, and not all of them at once.
	shortRest = 5 * time.Millisecond
	longRest  = time.Second
)

// Scheduler lets any number of Announcers take turns, on one goroutine of its own
// and one for each announce that is under way, of which there are at most
// Options.MaxConcurrent. An Announcer that waits costs no goroutine and no
// timer.
//
// Each tracker host has a few lanes. Who finds none free waits in line; those
// that somebody waits for come first: downloaders, events, and those added with
// AddPrompt. A host that has failed for several torrents in a row is asked after
// the other trackers of a torrent, and for a while not at all by those that have
// no other.
//
// Its methods may be called from any goroutine.
type Scheduler struct {
	client *Client
	wake   chan struct{} // one signal at the most: look again

	mu     sync.Mutex
	due    announcers // those that wait for their time
	hosts  map[string]*host
	rests  rests
	flying int
	wg     sync.WaitGroup
}

// host is a tracker host that somebody waits for, or that has lanes in use.
type host struct {
	name   string
	busy   int          // lanes in use or resting
	prompt []*Announcer // these come first
	line   []*Announcer
}

// The places where an Announcer may be.
type place uint8

const (
	nowhere place = iota // nobody is left to ask, or it is not with a Scheduler
	waiting              // in Scheduler.due
	inLine               // in the line of a host
	flying               // its round is under way
)

// NewScheduler returns a Scheduler without Announcers. They do nothing until Run.
func (c *Client) NewScheduler() *Scheduler {
	return &Scheduler{client: c, wake: make(chan struct{}, 1), hosts: make(map[string]*host)}
}

// Add has a announced from now on, once Run runs. An Announcer is added once, to
// one Scheduler.
func (s *Scheduler) Add(a *Announcer) { s.add(a, false) }

// AddPrompt is Add for a torrent that a person waits for: its first announce comes
// before those of others.
func (s *Scheduler) AddPrompt(a *Announcer) { s.add(a, true) }

func (s *Scheduler) add(a *Announcer, prompt bool) {
	first := a.torrent.Snapshot()
	s.mu.Lock()
	defer s.mu.Unlock()
	a.complete, a.hash = first.Left == 0, first.InfoHash
	a.prompt = prompt || !a.complete
	a.next = time.Now()
	a.scheduler.Store(s) // before the signals are looked at: see Announcer.signal
	a.heed(anything)
	s.wait(a)
	s.look()
}

// Run lets the Announcers take turns until ctx ends; announces that are under way
// are broken off then and waited for. It is called once.
func (s *Scheduler) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if next := s.dispatch(ctx, time.Now()); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wake:
		}
	}
	s.wg.Wait()
}

// look has Run look again.
func (s *Scheduler) look() {
	select {
	case s.wake <- struct{}{}:
	default: // it will
	}
}

// dispatch begins the rounds whose time has come, as far as there are lanes, and
// returns when to look again; zero is when something happens.
func (s *Scheduler) dispatch(ctx context.Context, now time.Time) (next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.rests) > 0 && !s.rests[0].until.After(now) {
		s.rested(heap.Pop(&s.rests).(rest).host)
	}
	for len(s.due) > 0 && !s.due[0].next.After(now) {
		s.queue(heap.Pop(&s.due).(*Announcer), now)
	}
	for _, h := range s.hosts { // who wins where places are short is chance
		lanes := s.lanes(h, now)
		for h.busy < lanes && s.flying < s.client.o.MaxConcurrent && len(h.prompt)+len(h.line) > 0 {
			s.begin(ctx, h)
		}
	}
	if len(s.due) > 0 {
		next = s.due[0].next
	}
	if len(s.rests) > 0 && (next.IsZero() || s.rests[0].until.Before(next)) {
		next = s.rests[0].until
	}
	return next
}

// lanes returns how many announces to h may be under way. If it is down, those in
// its line go elsewhere, or wait; if it was, one of them finds out whether it is
// still.
func (s *Scheduler) lanes(h *host, now time.Time) int {
	fails, until := s.client.standing.look(h.name)
	switch {
	case fails < patienceWithHost:
		return maxLanes
	case until.After(now):
		prompt, line := h.prompt, h.line
		h.prompt, h.line = nil, nil
		for _, a := range slices.Concat(prompt, line) {
			s.queue(a, now)
		}
		if len(h.prompt)+len(h.line) < len(prompt)+len(line) {
			s.look() // the host that they went to may have had its turn
		}
	}
	return 1
}

// wait puts a among those that wait for their time.
func (s *Scheduler) wait(a *Announcer) {
	a.place = nowhere
	if !a.next.IsZero() {
		a.place = waiting
		heap.Push(&s.due, a)
	}
}

// queue puts a, whose time has come, in the line of the host that it asks first.
func (s *Scheduler) queue(a *Announcer, now time.Time) {
	name, until := "", time.Time{}
	if due := a.askable(now); len(due) > 0 {
		name = due[0].host
		_, until = s.client.standing.look(name)
	}
	if until.After(now) && !a.owes { // and so are all others: let somebody else try
		a.next = until
		s.wait(a)
		return
	}
	h := s.hosts[name]
	if h == nil {
		h = &host{name: name}
		s.hosts[name] = h
	}
	a.place, a.host = inLine, h
	if a.prompt || a.owes {
		h.prompt = append(h.prompt, a)
	} else {
		h.line = append(h.line, a)
	}
}

// begin lets the next in the line of h fly.
func (s *Scheduler) begin(ctx context.Context, h *host) {
	line := &h.line
	if len(h.prompt) > 0 {
		line = &h.prompt
	}
	a := (*line)[0]
	(*line)[0] = nil
	if *line = (*line)[1:]; len(*line) == 0 {
		*line = nil // gives the memory back
	}
	ctx, a.cancel = context.WithCancel(ctx)
	a.place, a.host, a.landed = flying, nil, make(chan struct{})
	h.busy++
	s.flying++
	s.wg.Go(func() {
		began := time.Now()
		a.round(ctx)
		s.land(a, h, time.Since(began))
	})
}

// land takes a back after its round, which took so long.
func (s *Scheduler) land(a *Announcer, h *host, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.cancel()
	a.cancel = nil
	s.flying--
	heap.Push(&s.rests, rest{time.Now().Add(min(max(took, shortRest), longRest)), h})
	a.prompt = a.alone > 0 // a downloader without peers
	close(a.landed)
	a.landed = nil
	if a.left {
		a.place = nowhere
	} else {
		a.heed(anything)
		s.wait(a)
	}
	a.publish()
	s.look()
}

// rested frees a lane of h.
func (s *Scheduler) rested(h *host) {
	if h.busy--; h.busy == 0 && len(h.line)+len(h.prompt) == 0 {
		delete(s.hosts, h.name)
	}
}

// heed lets a see its signals now, unless it is in the middle of a round.
func (s *Scheduler) heed(a *Announcer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.place == flying || a.left {
		return
	}
	what := anything
	if a.place == inLine || a.place == waiting && !a.next.After(time.Now()) {
		what &^= wantPeers // the round that is about to begin is not the one that is asked for
	}
	a.heed(what)
	a.publish()
	if a.place == inLine { // its turn comes anyway
		return
	}
	if a.place == waiting {
		heap.Remove(&s.due, a.at)
	}
	s.wait(a)
	s.look()
}

// remove takes a out. What it returns, if not nil, is closed when the round that
// was under way has ended.
func (s *Scheduler) remove(a *Announcer) (landed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.left = true
	switch a.place {
	case flying:
		a.cancel()
		return a.landed
	case waiting:
		heap.Remove(&s.due, a.at)
	case inLine:
		a.host.drop(a)
	}
	a.place = nowhere
	return nil
}

// drop takes a out of the line.
func (h *host) drop(a *Announcer) {
	for _, line := range []*[]*Announcer{&h.prompt, &h.line} {
		for i, other := range *line {
			if other == a {
				*line = append((*line)[:i:i], (*line)[i+1:]...)
				return
			}
		}
	}
}

// announcers is a heap by the time of the next round.
type announcers []*Announcer

func (q announcers) Len() int           { return len(q) }
func (q announcers) Less(i, j int) bool { return q[i].next.Before(q[j].next) }
func (q announcers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push and Pop implement heap.Interface.
func (q *announcers) Push(x any) {
	a := x.(*Announcer)
	a.at = len(*q)
	*q = append(*q, a)
}

func (q *announcers) Pop() any {
	last := len(*q) - 1
	a := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return a
}

// rest is a lane that is not used until then.
type rest struct {
	until time.Time
	host  *host
}

// rests is a heap by time.
type rests []rest

func (q rests) Len() int           { return len(q) }
func (q rests) Less(i, j int) bool { return q[i].until.Before(q[j].until) }
func (q rests) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push and Pop implement heap.Interface.
func (q *rests) Push(x any) { *q = append(*q, x.(rest)) }

func (q *rests) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = rest{}
	*q = (*q)[:last]
	return r
}
