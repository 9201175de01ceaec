package ledger_test

import (
	"context"
	"errors"
	"testing"

	"p2p/tracker/ledger"
	"p2p/tracker/ledger/ledgertest"
)

func TestMemoryIsALedger(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledger.Ledger { return new(ledger.Memory) })
}

// lateLedger opens its buckets only when they are used.
type lateLedger struct{ ledger.Ledger }

func (l lateLedger) Bucket(_ context.Context, name string) (ledger.Bucket, error) {
	return ledger.Late(l.Ledger, name), ledger.CheckName(name)
}

func TestALateBucketIsABucket(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) ledger.Ledger { return lateLedger{new(ledger.Memory)} })
}

// away is a ledger that cannot be reached.
type away struct{}

var errAway = errors.New("away")

func (away) Bucket(context.Context, string) (ledger.Bucket, error) { return nil, errAway }

func TestALateBucketFailsWhileItsLedgerIsAway(t *testing.T) {
	b, ctx := ledger.Late(away{}, "x"), t.Context()
	_, getErr := b.Get(ctx, "k")
	_, createErr := b.Create(ctx, "k", nil)
	_, updateErr := b.Update(ctx, "k", nil, 1)
	for _, err := range []error{getErr, createErr, updateErr, b.Delete(ctx, "k", 1), b.Watch(ctx, nil)} {
		if !errors.Is(err, errAway) {
			t.Errorf("%v; want that it is away", err)
		}
	}
}
