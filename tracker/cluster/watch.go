package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"p2p/tracker/ledger"
)

// Watch implements ledger.Bucket.
func (b *bucket) Watch(ctx context.Context, tell func(ledger.Change)) error {
	w := watcher{bucket: b, tell: tell, known: make(map[string]bool)}
	for ctx.Err() == nil {
		err := w.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil && !passes(err) && !errors.Is(err, jetstream.ErrNoHeartbeat) && !errors.Is(err, jetstream.ErrOrderedConsumerReset) &&
			!errors.Is(err, jetstream.ErrMsgIteratorClosed) && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrConsumerDeleted) {
			return fmt.Errorf("watch a bucket: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
	return nil
}

// watcher is one call of Watch.
type watcher struct {
	bucket *bucket
	tell   func(ledger.Change)
	known  map[string]bool // keys of which the caller knows that they are there
}

// follow tells everything that is there and then every change, until the
// connection is lost.
func (w *watcher) follow(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	consumer, err := w.bucket.js.OrderedConsumer(attempt, w.bucket.stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, MaxResetAttempts: 3,
	})
	if err != nil {
		return err
	}
	info, err := consumer.Info(attempt)
	if err != nil {
		return err
	}
	last, err := w.bucket.lastSequence(attempt)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(2*time.Second), jetstream.PullExpiry(20*time.Second))
	if err != nil {
		return err
	}
	defer messages.Stop()
	if err := w.list(ctx, messages, info.NumPending, last); err != nil {
		return err
	}
	for {
		c, _, err := w.next(ctx, messages)
		if err != nil {
			return err
		}
		w.pass(c)
	}
}

// list tells what is there: so many messages at first sight, up to the last one
// that was written before the list began. The replica that sends them may lag behind.
func (w *watcher) list(ctx context.Context, messages jetstream.MessagesContext, pending, last uint64) error {
	var all []ledger.Change // collected, so that of an entry only the last is told
	for at := ledger.Revision(0); pending > 0 || uint64(at) < last; {
		c, left, err := w.next(ctx, messages)
		if err != nil {
			return err
		}
		pending, at = left, c.Revision
		all = append(all, c)
	}
	latest := make(map[string]ledger.Revision, len(all))
	for _, c := range all {
		latest[c.Key] = c.Revision
	}
	all = slices.DeleteFunc(all, func(c ledger.Change) bool { return c.Deleted || latest[c.Key] != c.Revision })
	w.tellGone(all)
	for _, c := range all {
		w.pass(c)
	}
	w.tell(ledger.Change{Synced: true})
	return nil
}

// tellGone tells which of the known entries are not among those that are there.
func (w *watcher) tellGone(all []ledger.Change) {
	there := make(map[string]bool, len(all))
	for _, c := range all {
		there[c.Key] = true
	}
	var gone []string
	for key := range w.known {
		if !there[key] {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	for _, key := range gone {
		w.pass(ledger.Change{Entry: ledger.Entry{Key: key}, Deleted: true})
	}
}

func (w *watcher) pass(c ledger.Change) {
	if c.Deleted {
		delete(w.known, c.Key)
	} else {
		w.known[c.Key] = true
	}
	w.tell(c)
}

// next returns the next change, and how many more are on their way.
func (w *watcher) next(ctx context.Context, messages jetstream.MessagesContext) (ledger.Change, uint64, error) {
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return ledger.Change{}, 0, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return ledger.Change{}, 0, err
	}
	c := ledger.Change{Entry: ledger.Entry{
		Key: strings.TrimPrefix(msg.Subject(), w.bucket.subject), Revision: ledger.Revision(meta.Sequence.Stream),
	}}
	if msg.Headers().Get(operation) != "" {
		c.Deleted = true
	} else {
		c.Value = bytes.Clone(msg.Data())
	}
	return c, meta.NumPending, nil
}
