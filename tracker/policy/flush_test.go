package policy_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"p2p/tracker"
	"p2p/tracker/ledger"
	"p2p/tracker/policy"
)

// flaky is a bucket whose writes fail: before they happen or after.
type flaky struct {
	ledger.Bucket
	rng    *rand.Rand // by one goroutine
	broken *bool
}

var errFlaky = errors.New("no answer")

func (f flaky) try(do func() (ledger.Revision, error)) (ledger.Revision, error) {
	if !*f.broken {
		return do()
	}
	switch f.rng.IntN(3) {
	case 0:
		return 0, errFlaky
	case 1:
		_, _ = do()
		return 0, errFlaky
	}
	return do()
}

func (f flaky) Create(ctx context.Context, key string, value []byte) (ledger.Revision, error) {
	return f.try(func() (ledger.Revision, error) { return f.Bucket.Create(ctx, key, value) })
}

func (f flaky) Update(ctx context.Context, key string, value []byte, was ledger.Revision) (ledger.Revision, error) {
	return f.try(func() (ledger.Revision, error) { return f.Bucket.Update(ctx, key, value, was) })
}

// "One that returned another error may or may not have happened": usage is
// written once all the same, by each of two trackers, over restarts.
func TestUsageIsWrittenOnceWhateverTheLedgerDoes(t *testing.T) {
	seed := rand.Uint64()
	for round := range uint64(20) {
		c, l, broken := newClock(), new(ledger.Memory), true
		open := func(node string, salt uint64) *policy.Private {
			p := policy.NewPrivate(policy.PrivateOptions{
				Keys: bucket(t, l, policy.KeysBucket), Now: c.now, Node: node, FlushEvery: time.Millisecond,
				Usage: flaky{bucket(t, l, policy.UsageBucket), rand.New(rand.NewPCG(seed+round, salt)), &broken},
			})
			return p
		}
		a, b := open("a", 1), open("b", 2)
		key := add(t, a, "mallory", policy.KeyLimits{PerMinute: 60_000})
		stopA, stopB := run(t, a.Run), run(t, b.Run)
		eventually(t, "the key at b", func() bool { return b.MayScrape(t.Context(), tracker.ScrapeRequest{Passkey: key}) == nil })
		var want int64
		for i := range int64(100) {
			for n, p := range []*policy.Private{a, b} {
				expectAdmitted(t, "announce", p.MayAnnounce(t.Context(), told(key, n, 1, i*1000, i)))
				if i > 0 {
					want += 1000
				}
			}
			c.advance(time.Second)
		}
		// What was counted before a tracker has read the usage of its name is written once
		// it has: neither is stopped before that.
		eventually(t, "the usage of both", func() bool {
			all, err := ledger.All(t.Context(), bucket(t, l, policy.UsageBucket))
			return err == nil && len(all) == 2
		})
		// All is well in the end: the last flushes must succeed. The flag is read by
		// the runners alone, which have ended when it changes.
		stopA()
		stopB()
		broken = false
		for _, p := range []*policy.Private{a, b} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			p.Run(ctx) // flushes what is left and ends
		}
		again := open("a", 3)
		run(t, again.Run)
		var got policy.Usage
		eventually(t, "the keys after a restart", func() bool {
			for _, s := range again.List() {
				got = s.Usage
			}
			return got.Uploaded >= want
		})
		if got.Uploaded != want || got.Announces != 200 || got.Downloaded != 198 {
			t.Fatalf("seed %d, round %d: the ledger has %+v; want %d bytes and 200 announces", seed, round, got, want)
		}
	}
}
