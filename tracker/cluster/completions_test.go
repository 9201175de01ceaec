package cluster

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

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
	number := dead.add(h, 100, after(0))
	alive.hear(completion{1, number}, h, 100, after(0))
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
	other.hear(completion{1, before.add(h, 100, after(0))}, h, 100, after(0))
	before.add(h, 101, after(0)) // of which nobody hears
	other.hear(completion{2, again.add(h, 200, after(1))}, h, 200, after(1))
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
// though the others hear of that alone.
func TestWhatOthersHaveNotHeardOfIsNotSkipped(t *testing.T) {
	c := followers(t, 1, 2)
	cut, other := c[0], c[1]
	h := storetest.Hash(0)
	cut.add(h, 100, after(0))
	other.hear(completion{1, cut.add(h, 200, after(1))}, h, 200, after(1))
	other.mustSettle(t, after(60))
	if got := other.counters.Completions.Load(); got != 0 {
		t.Errorf("%d are written before one that is not known", got)
	}
	cut.mustSettle(t, after(61))
	for _, c := range c {
		if c.read(t); c.count(h) != 2 || c.waits != 0 {
			t.Errorf("%d are counted and %d wait", c.count(h), c.waits)
		}
	}
	// The one before may have died with its node.
	other.hear(completion{1, 4}, h, 300, after(70))
	other.mustSettle(t, after(70).Add(giveUpAfter))
	if other.count(h) != 3 || other.waits != 0 {
		t.Errorf("%d are counted and %d wait", other.count(h), other.waits)
	}
}

// Announces are not noted in the order of their times.
func TestWithOneAllBeforeItAreWritten(t *testing.T) {
	c := followers(t, 1)[0]
	h := storetest.Hash(0)
	c.add(h, 100, after(1))
	c.add(h, 200, after(0))
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
		numbers = append(numbers, c.add(h, 100, after(0)))
	}
	for i, from := range c {
		for j, to := range c {
			if i != j {
				to.hear(completion{from.self, numbers[i]}, h, 100, after(0))
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

func TestWhatWaitsForTheLedgerIsBounded(t *testing.T) {
	c := followers(t, 1)[0]
	for i := range maxPending + 10 {
		c.add(storetest.Hash(i%100), uint64(i), after(0))
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
