package policy_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/ledger"
)

// clock is a time that the test moves.
type clock struct{ seconds atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.seconds.Store(1_800_000_000)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(c.seconds.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// hash returns the n-th info-hash.
func hash(n int) infohash.T {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return infohash.Of(b[:])
}

func request(from string) tracker.Request {
	return tracker.Request{Peer: netip.MustParseAddrPort(from), InfoHash: hash(1), PeerID: [20]byte{1}}
}

// expectCause checks the error of a policy.
func expectCause(t *testing.T, what string, err error, want tracker.Cause) {
	t.Helper()
	refusal, ok := errors.AsType[*tracker.Refusal](err)
	if !ok || refusal.Cause != want || refusal.Reason == "" {
		t.Errorf("%s: %v; want a refusal for %v", what, err, want)
	}
}

func expectAdmitted(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func bucket(t *testing.T, l ledger.Ledger, name string) ledger.Bucket {
	t.Helper()
	b, err := l.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs a policy until stop is called, which waits for its end. It may be
// called twice.
func run(t *testing.T, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); f(ctx) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// eventually waits for what another goroutine will do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.After(time.Minute); !done(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// expectNoAllocation runs f, which is on the path of a request.
func expectNoAllocation(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(200, f); n != 0 {
		t.Errorf("%s allocates %v times", what, n)
	}
}
