package cluster

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker/ledger"
)

// completion names one finished download: the node that heard of it first, and
// its number there, within its tally and without gaps. A node that has started anew
// is another one: what it had not written when it died may come into the ledger
// after what it writes now.
type completion struct {
	node   incarnation
	number uint32
}

// finisher is who has finished what.
type finisher struct {
	hash infohash.T
	peer netip.AddrPort
}

// pending is a completion that is not in the ledger yet.
type pending struct {
	completion
	finisher
	since time.Time
	void  bool // another node counts that peer
}

const (
	// settleAfter is how long a completion waits to be written: a client that
	// announces to all nodes at once finishes only once, and by then each has heard of the others'.
	settleAfter = 2 * time.Second
	// adoptAfter is how long another node's completion waits for that node to write it. It may have died.
	adoptAfter = 6 * time.Second
	// settleEvery is how often what waits is written.
	settleEvery = time.Second
	// maxPending bounds what waits while the ledger is not to be written to.
	maxPending = 1 << 18
)

// completedBucket is where the counts are in the ledger.
const completedBucket = "completed"

// completions keeps the completed counts. Every node knows all: those in the
// ledger and those on their way into it. Each is written once, by the node where it happened or
// else by another: a tally says up to which number it has the completions of a node, and it is
// written by compare-and-set.
type completions struct {
	self     incarnation
	log      *zap.Logger
	counters *Counters
	bucket   ledger.Bucket // for one goroutine, run's
	synced   atomic.Bool   // all that the ledger had at the start is known
	stalls   stalls

	tallies [tallies]atomic.Pointer[known] // replaced whole; written under mu

	mu      sync.Mutex
	last    map[int]uint32                 // number of the last completion here, by tally
	waiting map[int]map[completion]pending // by tally
	waits   int                            // how many they are
	byPeer  map[finisher]completion        // those of them that are not void
}

// known is what is known of the counts of a tally. It does not change.
type known struct {
	tally
	revision ledger.Revision
	more     map[infohash.T]int // waiting; nil for none
}

func newCompletions(self incarnation, log *zap.Logger, counters *Counters) *completions {
	return &completions{
		self: self, log: log, counters: counters, last: make(map[int]uint32),
		waiting: make(map[int]map[completion]pending), byPeer: make(map[finisher]completion),
	}
}

// count returns how many peers have finished the torrent h. Any goroutine may
// call it.
func (c *completions) count(h infohash.T) int {
	k := c.tallies[tallyOf(h)].Load()
	if k == nil {
		return 0
	}
	return int(k.count(h)) + k.more[h]
}

// unwritten returns how many completions this node knows that are not in the
// ledger yet, whoever is to write them.
func (c *completions) unwritten() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waits
}

// add notes a completion that happened here, and returns its number, 0 when too
// many wait.
func (c *completions) add(f finisher, now time.Time) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := tallyOf(f.hash)
	if !c.note(pending{completion{c.self, c.last[n] + 1}, f, now, false}) {
		return 0
	}
	c.last[n]++
	return c.last[n]
}

// hear notes a completion that happened elsewhere.
func (c *completions) hear(r retold, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(pending{r.completion, r.finisher, now, r.void})
}

// completionParts is in how many parts a sync carries what waits, so that none
// is much longer than an answer.
const completionParts = 16

// retell returns a part of what waits, for a node that may have missed it. Those
// that are void are in it too: the numbers of a node are to be without gaps.
func (c *completions) retell(part int) (all []retold) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := part; n < tallies; n += completionParts {
		for _, p := range c.waiting[n] {
			all = append(all, retold{p.completion, p.finisher, p.void})
		}
	}
	return all
}

func (c *completions) note(p pending) bool {
	n := tallyOf(p.hash)
	k := c.tallies[n].Load()
	_, here := c.waiting[n][p.completion]
	if here || k != nil && k.has(p.completion) {
		return false
	}
	if c.waits >= maxPending {
		c.counters.CompletionsLost.Add(1)
		return false
	}
	// Of a peer that finished at several nodes at once, the one with the
	// smallest id counts it: all nodes come to that verdict by themselves.
	if id, ok := c.byPeer[p.finisher]; ok && !p.void {
		if p.void = id.node <= p.node; !p.void {
			twin := c.waiting[n][id]
			twin.void = true
			c.waiting[n][id] = twin
			c.change(n, func(k *known) { k.more = raised(k.more, p.hash, -1) })
		}
	}
	if c.waiting[n] == nil {
		c.waiting[n] = make(map[completion]pending)
	}
	c.waiting[n][p.completion] = p
	c.waits++
	if !p.void {
		c.byPeer[p.finisher] = p.completion
		c.change(n, func(k *known) { k.more = raised(k.more, p.hash, 1) })
	}
	return true
}

// forget takes p out of those that wait; the counts are the caller's to mend.
func (c *completions) forget(p pending) {
	n := tallyOf(p.hash)
	delete(c.waiting[n], p.completion)
	if len(c.waiting[n]) == 0 {
		delete(c.waiting, n)
	}
	c.waits--
	if c.byPeer[p.finisher] == p.completion {
		delete(c.byPeer, p.finisher)
	}
}

// change replaces what is known of a tally.
func (c *completions) change(n int, edit func(*known)) {
	next := known{}
	if k := c.tallies[n].Load(); k != nil {
		next = *k
	}
	edit(&next)
	c.tallies[n].Store(&next)
}

// raised returns counts with by more for h.
func raised(counts map[infohash.T]int, h infohash.T, by int) map[infohash.T]int {
	next := maps.Clone(counts)
	if next == nil {
		next = make(map[infohash.T]int)
	}
	if next[h] += by; next[h] <= 0 {
		delete(next, h)
	}
	if len(next) == 0 {
		return nil
	}
	return next
}

// learn is told what stands in the ledger.
func (c *completions) learn(change ledger.Change) {
	if change.Synced {
		c.synced.Store(true)
		return
	}
	n, ok := tallyNumber(change.Key)
	if !ok || change.Deleted {
		return
	}
	t, ok := parseTally(change.Value)
	if !ok {
		c.counters.Ignored.Add(1)
		return
	}
	c.install(n, t, change.Revision)
}

// install takes over a tally of the ledger, and forgets the completions that
// wait and are in it.
func (c *completions) install(n int, t tally, revision ledger.Revision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.tallies[n].Load(); k != nil && k.revision >= revision {
		return
	}
	next := known{tally: t, revision: revision}
	for id, p := range c.waiting[n] {
		switch {
		case t.has(id):
			c.forget(p)
		case !p.void:
			next.more = raised(next.more, p.hash, 1)
		}
	}
	c.tallies[n].Store(&next)
}

// due returns the tallies in which something is to be written now.
func (c *completions) due(now time.Time, all bool) (due []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.waiting {
		if len(c.dueUpTo(n, now, all)) > 0 {
			due = append(due, n)
		}
	}
	return due
}

// dueUpTo returns up to which number the completions of each node are to be
// written now: with one, all before it.
func (c *completions) dueUpTo(n int, now time.Time, all bool) map[incarnation]uint32 {
	upTo := make(map[incarnation]uint32)
	for id, p := range c.waiting[n] {
		wait := settleAfter
		if id.node != c.self {
			wait = adoptAfter
		}
		if now.Sub(p.since) >= wait || all && id.node == c.self {
			upTo[id.node] = max(upTo[id.node], id.number)
		}
	}
	return upTo
}

// dueIn returns the completions that are to be written to a tally now, sorted by
// number.
func (c *completions) dueIn(n int, now time.Time, all bool) (list []pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	upTo := c.dueUpTo(n, now, all)
	for id, p := range c.waiting[n] {
		if id.number <= upTo[id.node] {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b pending) int { return cmp.Compare(a.number, b.number) })
	return list
}

// settle writes what is due. With all, this node's own are written whatever
// their age: it is about to stop. A tally that cannot be written does not keep the
// others from it; a ledger that does not answer does, until the next call.
func (c *completions) settle(ctx context.Context, now time.Time, all bool) error {
	began := time.Now()
	var failed, unreadable error
	for _, n := range c.due(now, all) {
		c.stalls.begin()
		err := c.write(ctx, n, c.dueIn(n, now, all), now)
		if errors.Is(err, errTally) {
			unreadable, err = err, nil
		}
		c.stalls.end(err)
		if failed = cmp.Or(err, failed); err != nil && (ctx.Err() != nil || passes(err)) {
			return err
		}
	}
	c.stalls.written(began.Add(-settleAfter))
	return errors.Join(failed, unreadable)
}

// writeAttempts is how often a tally is tried while other nodes write it too.
const writeAttempts = 16

// write adds completions to the n-th tally of the ledger.
func (c *completions) write(ctx context.Context, n int, list []pending, now time.Time) error {
	var err error
	for range writeAttempts {
		var have known
		if k := c.tallies[n].Load(); k != nil {
			have = *k
		}
		next, more := have.with(list, now)
		if more == 0 {
			return nil // somebody else was faster
		}
		value := next.append(nil)
		var revision ledger.Revision
		if have.revision == 0 {
			revision, err = c.bucket.Create(ctx, tallyKey(n), value)
		} else {
			revision, err = c.bucket.Update(ctx, tallyKey(n), value, have.revision)
		}
		if err == nil {
			for _, p := range list {
				if !p.void && !have.has(p.completion) && next.has(p.completion) {
					c.counters.Completions.Add(1)
				}
			}
			c.install(n, next, revision)
			return nil
		}
		if !errors.Is(err, ledger.ErrExists) && !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		entry, getErr := c.bucket.Get(ctx, tallyKey(n))
		if getErr != nil {
			return getErr
		}
		if t, ok := parseTally(entry.Value); ok {
			c.install(n, t, entry.Revision)
		} else {
			return errTally
		}
	}
	return err
}

// errTally is the error of a tally that another version has written.
var errTally = errors.New("the counts in the ledger are not readable")

// run keeps the counts until ctx ends.
func (c *completions) run(ctx context.Context, l ledger.Ledger, now func() time.Time) {
	c.bucket = openBucket(ctx, l, completedBucket)
	if c.bucket == nil {
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { c.follow(ctx) })
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !c.synced.Load() {
			continue // what is in the ledger is not known yet
		}
		if err := c.settle(ctx, now(), false); err != nil && ctx.Err() == nil {
			c.log.Debug("completed counts wait for the ledger", zap.Error(err))
		}
	}
}

// followAgain is how long follow waits after a watch has failed.
const followAgain = 2 * time.Second

// follow learns what stands in the ledger until ctx ends. A watch that fails is
// begun anew: without it this node would count for ever what it knew then.
func (c *completions) follow(ctx context.Context) {
	for {
		err := c.bucket.Watch(ctx, c.learn)
		if ctx.Err() != nil {
			return
		}
		c.log.Warn("completed counts are not followed for a moment", zap.Error(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(followAgain):
		}
	}
}

// openBucket opens a bucket as soon as the ledger is there; nil when ctx ends
// before.
func openBucket(ctx context.Context, l ledger.Ledger, name string) ledger.Bucket {
	for ctx.Err() == nil {
		if b, err := l.Bucket(ctx, name); err == nil {
			return b
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
	return nil
}
