package cluster

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker/ledger"
	"p2p/tracker/storetest"
)

// followers are the completions of some nodes over one ledger, each knowing what
// is written.
func followers(t *testing.T, selves ...incarnation) []*completions {
	t.Helper()
	kept := new(ledger.Memory)
	var all []*completions
	for _, self := range selves {
		c := newCompletions(self, zap.NewNop(), new(Counters))
		b, err := kept.Bucket(t.Context(), completedBucket)
		if err != nil {
			t.Fatal(err)
		}
		c.bucket = b
		all = append(all, c)
	}
	return all
}

// read makes c know what stands in the ledger.
func (c *completions) read(t *testing.T) {
	t.Helper()
	all, err := ledger.All(t.Context(), c.bucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		c.learn(ledger.Change{Entry: e})
	}
}

// ended is a peer that has finished h.
func ended(h infohash.T, peer int) finisher { return finisher{h, storetest.Addr4(peer)} }

func (c *completions) mustSettle(t *testing.T, at time.Time) {
	t.Helper()
	if err := c.settle(t.Context(), at, false); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherNodeWritesWhatADeadOneDidNot(t *testing.T) {
	c := followers(t, 1, 2)
	dead, alive := c[0], c[1]
	h := storetest.Hash(0)
	number := dead.add(ended(h, 100), after(0))
	alive.hear(retold{completion{1, number}, ended(h, 100), false}, after(0))
	if alive.count(h) != 1 {
		t.Error("it is not counted before it is in the ledger")
	}
	alive.mustSettle(t, after(3))
	if got := alive.counters.Completions.Load(); got != 0 {
		t.Errorf("%d are written before their node had the time", got)
	}
	alive.mustSettle(t, after(60))
	dead.mustSettle(t, after(61)) // it was only slow
	for _, c := range c {
		if c.read(t); c.count(h) != 1 || c.waits != 0 {
			t.Errorf("%d are counted and %d wait", c.count(h), c.waits)
		}
	}
}

// A node that has died and is back writes newer completions before somebody has
// written its old ones.
func TestARestartDoesNotHideWhatWasNotWrittenBefore(t *testing.T) {
	c := followers(t, 1, 2, 3)
	before, again, other := c[0], c[1], c[2]
	h := storetest.Hash(0)
	other.hear(retold{completion{1, before.add(ended(h, 100), after(0))}, ended(h, 100), false}, after(0))
	before.add(ended(h, 101), after(0)) // of which nobody hears
	other.hear(retold{completion{2, again.add(ended(h, 200), after(1))}, ended(h, 200), false}, after(1))
	again.mustSettle(t, after(4))
	other.read(t)
	other.mustSettle(t, after(60))
	for _, c := range c[1:] {
		if c.read(t); c.count(h) != 2 {
			t.Errorf("%d are counted, want 2", c.count(h))
		}
	}
}

// What a node did while it was cut off comes before what it does afterwards,
// though the others hear of that alone. They do not wait for it: it may have died.
func TestWhatOthersHaveNotHeardOfIsNeitherWaitedForNorSkipped(t *testing.T) {
	c := followers(t, 1, 2, 3)
	cut, other, third := c[0], c[1], c[2]
	h := storetest.Hash(0)
	cut.add(ended(h, 100), after(0))
	cut.add(ended(h, 200), after(0)) // dies with its node
	first := retold{completion{1, 1}, ended(h, 100), false}
	last := retold{completion{1, cut.add(ended(h, 300), after(1))}, ended(h, 300), false}
	other.hear(last, after(1))
	other.mustSettle(t, after(1).Add(adoptAfter))
	if other.count(h) != 1 || other.waits != 0 {
		t.Errorf("%d are counted and %d wait, of one that is known", other.count(h), other.waits)
	}
	third.hear(first, after(2)) // from who was cut off too
	third.mustSettle(t, after(2).Add(adoptAfter))
	other.hear(first, after(60))
	for _, c := range c[1:] {
		if c.read(t); c.count(h) != 2 || c.waits != 0 {
			t.Errorf("%d are counted and %d wait, of two that are known", c.count(h), c.waits)
		}
	}
	cut.mustSettle(t, after(61)) // it was only slow
	for _, c := range c {
		if c.read(t); c.count(h) != 3 || c.waits != 0 {
			t.Errorf("%d are counted and %d wait", c.count(h), c.waits)
		}
	}
}

// Announces are not noted in the order of their times.
func TestWithOneAllBeforeItAreWritten(t *testing.T) {
	c := followers(t, 1)[0]
	h := storetest.Hash(0)
	c.add(ended(h, 100), after(1))
	c.add(ended(h, 200), after(0))
	c.mustSettle(t, after(2))
	if c.count(h) != 2 || c.waits != 0 {
		t.Errorf("%d are counted and %d wait", c.count(h), c.waits)
	}
}

func TestOneThatFinishesAtAllNodesIsCountedOnce(t *testing.T) {
	c := followers(t, 1, 2, 3)
	h := storetest.Hash(0)
	var numbers []uint32
	for _, c := range c {
		numbers = append(numbers, c.add(ended(h, 100), after(0)))
	}
	for i, from := range c {
		for j, to := range c {
			if i != j {
				to.hear(retold{completion{from.self, numbers[i]}, ended(h, 100), false}, after(0))
			}
		}
	}
	for _, at := range []int{3, 60} {
		for _, c := range c {
			c.mustSettle(t, after(at))
		}
	}
	for _, c := range c {
		if c.read(t); c.count(h) != 1 || c.waits != 0 {
			t.Errorf("%d are counted and %d wait", c.count(h), c.waits)
		}
	}
}

// catchUp makes c hear what from knows, as a sync carries it.
func (c *completions) catchUp(from *completions, at time.Time) {
	for part := range completionParts {
		for _, r := range from.retell(part) {
			c.hear(r, at)
		}
	}
}

// A node that was cut off is killed as soon as the others have caught up with it.
func TestWhatADeadNodeDidWhileItWasCutOffIsWritten(t *testing.T) {
	c := followers(t, 1, 2, 3)
	cut, other, third := c[0], c[1], c[2]
	const torrents = 200
	for i := range torrents {
		cut.add(ended(storetest.Hash(i), i), after(0))
		number := cut.add(ended(storetest.Hash(i), torrents+i), after(15))
		other.hear(retold{completion{1, number}, ended(storetest.Hash(i), torrents+i), false}, after(15))
	}
	other.catchUp(cut, after(16))
	third.catchUp(other, after(17)) // which need not have met the dead one
	for _, c := range c[1:] {
		if c.waits != 2*torrents {
			t.Errorf("%d wait, want %d", c.waits, 2*torrents)
		}
	}
	third.mustSettle(t, after(30))
	for _, c := range c[1:] {
		c.read(t)
		for i := range torrents {
			if got := c.count(storetest.Hash(i)); got != 2 {
				t.Fatalf("%d are counted, want 2", got)
			}
		}
		if c.waits != 0 {
			t.Errorf("%d wait", c.waits)
		}
	}
}

// The twin is in the ledger, and who hears of the void one only now has never
// heard of it.
func TestAVoidCompletionIsToldAgainAsOne(t *testing.T) {
	c := followers(t, 1, 2, 3)
	h := storetest.Hash(0)
	c[1].hear(retold{completion{1, c[0].add(ended(h, 100), after(0))}, ended(h, 100), false}, after(0))
	c[1].add(ended(h, 100), after(0))
	c[0].mustSettle(t, after(3))
	c[1].read(t)
	c[2].catchUp(c[1], after(4))
	c[2].mustSettle(t, after(60))
	if c[2].read(t); c[2].count(h) != 1 || c[2].waits != 0 {
		t.Errorf("%d are counted and %d wait", c[2].count(h), c[2].waits)
	}
}

// slow is a bucket that answers writes when it is told to.
type slow struct {
	ledger.Bucket
	answer chan struct{}
}

func (s slow) Create(ctx context.Context, key string, value []byte) (ledger.Revision, error) {
	select {
	case <-s.answer:
		return s.Bucket.Create(ctx, key, value)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func TestANodeIsNotReadyBeforeItHasWrittenWhatItCouldNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := followers(t, 1)[0]
		answer := make(chan struct{})
		c.bucket = slow{c.bucket, answer}
		n := &Node{store: &Store{completions: c}}
		n.synced.Store(true)
		ready := func(want bool) {
			t.Helper()
			if synctest.Wait(); (n.Ready() == nil) != want {
				t.Errorf("after %v: %v", time.Since(n.started), n.Ready())
			}
		}
		pass := func() <-chan error {
			done := make(chan error, 1)
			go func() { done <- c.settle(t.Context(), time.Now(), false) }()
			return done
		}
		n.started = time.Now()
		c.add(ended(storetest.Hash(0), 1), time.Now())
		time.Sleep(settleAfter)
		done := pass()
		ready(true) // a write takes its time
		time.Sleep(stallAfter + 1)
		ready(false)
		c.add(ended(storetest.Hash(1), 2), time.Now()) // of which nobody may have heard
		close(answer)
		if err := <-done; err != nil {
			t.Error(err)
		}
		ready(false)
		time.Sleep(settleEvery)
		<-pass()
		ready(false)
		time.Sleep(settleAfter)
		<-pass()
		ready(true)
		if c.waits != 0 {
			t.Errorf("%d wait", c.waits)
		}
	})
}

// broken is a bucket whose first watch fails, and some writes.
type broken struct {
	ledger.Bucket
	watched *bool
	failing func(key string) error
}

func (b broken) Watch(ctx context.Context, tell func(ledger.Change)) error {
	if !*b.watched {
		*b.watched = true
		return errors.New("no such stream yet")
	}
	return b.Bucket.Watch(ctx, tell)
}

func (b broken) Create(ctx context.Context, key string, value []byte) (ledger.Revision, error) {
	if err := b.failing(key); err != nil {
		return 0, err
	}
	return b.Bucket.Create(ctx, key, value)
}

// Of what was written while it was away, nobody tells a node but the ledger.
func TestANodeWhoseWatchFailsFollowsTheCountsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := followers(t, 1, 2)
		writer, reader := c[0], c[1]
		reader.bucket = broken{reader.bucket, new(bool), nil}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { reader.follow(ctx); close(done) }()
		synctest.Wait()
		h := storetest.Hash(0)
		writer.add(ended(h, 100), after(0))
		writer.mustSettle(t, after(3))
		time.Sleep(followAgain)
		if synctest.Wait(); reader.count(h) != 1 || !reader.synced.Load() {
			t.Errorf("%d are counted; all is known: %v", reader.count(h), reader.synced.Load())
		}
		cancel()
		<-done
	})
}

// A ledger that does not answer is not asked for one tally after the other; the next
// pass writes them all.
func TestWhatTheLedgerDoesNotTakeIsWrittenWhenItAnswersAgain(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		tries int
	}{
		"it does not answer":      {context.DeadlineExceeded, 1},
		"it takes no such entry":  {ledger.ErrInvalid, 50},
		"others write that often": {ledger.ErrConflict, 50 * writeAttempts},
	} {
		c := followers(t, 1)[0]
		tries, err := 0, test.err
		whole := c.bucket
		c.bucket = broken{whole, nil, func(string) error { tries++; return err }}
		if errors.Is(err, ledger.ErrConflict) {
			c.bucket = contended{c.bucket}
		}
		for i := range 50 {
			c.add(ended(storetest.Hash(i), i), after(0))
		}
		if got := c.settle(t.Context(), after(3), false); !errors.Is(got, test.err) || tries != test.tries || !c.stalls.stalled() {
			t.Errorf("%s: after %d tries, want %d: %v", name, tries, test.tries, got)
		}
		err, c.bucket = nil, whole
		if c.mustSettle(t, after(4)); c.waits != 0 {
			t.Errorf("%s: %d wait", name, c.waits)
		}
	}
}

// contended is a bucket in which there seems to be an entry that another node wrote.
type contended struct{ ledger.Bucket }

func (contended) Get(_ context.Context, key string) (ledger.Entry, error) {
	return ledger.Entry{Key: key, Value: tally{}.append(nil)}, nil
}

func TestATallyThatCannotBeReadKeepsNoOtherFromBeingWritten(t *testing.T) {
	c := followers(t, 1)[0]
	const torrents = 50
	if _, err := c.bucket.Create(t.Context(), tallyKey(tallyOf(storetest.Hash(0))), []byte("of another version")); err != nil {
		t.Fatal(err)
	}
	for i := range torrents {
		c.add(ended(storetest.Hash(i), i), after(0))
	}
	if err := c.settle(t.Context(), after(3), false); !errors.Is(err, errTally) {
		t.Errorf("the error is %v", err)
	}
	if c.waits != 1 || c.stalls.stalled() {
		t.Errorf("%d wait, want 1; stalled: %v", c.waits, c.stalls.stalled())
	}
}

func TestWhatWaitsForTheLedgerIsBounded(t *testing.T) {
	c := followers(t, 1)[0]
	for i := range maxPending + 10 {
		c.add(ended(storetest.Hash(i%100), i), after(0))
	}
	if c.waits != maxPending || c.counters.CompletionsLost.Load() != 10 {
		t.Errorf("%d wait and %d are lost", c.waits, c.counters.CompletionsLost.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c.settle(ctx, after(10), false) == nil {
		t.Error("what waits is written after the context has ended")
	}
	if c.waits != maxPending {
		t.Errorf("%d wait after the ledger has failed", c.waits)
	}
}
