package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"p2p/tracker/ledger"
)

const (
	// attemptTimeout is how long one try of a call may take, callTimeout all
	// tries together when the caller set no limit: longer than an election.
	attemptTimeout = 3 * time.Second
	callTimeout    = 20 * time.Second
	// retryAfter is the time between two tries.
	retryAfter = 150 * time.Millisecond
	// dedupe is how long JetStream knows a write that is tried again.
	dedupe = 2 * time.Minute
	// markerTTL is how long the place of a deleted entry is kept, for watchers
	// that were away.
	markerTTL = 24 * time.Hour
	// maxReplicas is on how many nodes an entry lies: any one may be lost.
	maxReplicas = 3
)

// Ledger is a ledger.Ledger on JetStream key-value buckets. A write that
// returned nil is on the disks of a majority of the bucket's replicas. While there is no majority, calls
// wait for one until their context ends, at most 20 seconds if it has no end.
type Ledger struct {
	js       jetstream.JetStream
	prefix   string       // of the buckets on this server
	replicas atomic.Int32 // for buckets that are made now

	mu      sync.Mutex
	buckets map[string]*bucket
}

var _ ledger.Ledger = (*Ledger)(nil)

func newLedger(js jetstream.JetStream, cluster string, replicas int) *Ledger {
	l := &Ledger{js: js, prefix: "p2p-" + cluster + "-", buckets: make(map[string]*bucket)}
	l.replicas.Store(int32(replicas))
	return l
}

// Bucket implements ledger.Ledger.
func (l *Ledger) Bucket(ctx context.Context, name string) (ledger.Bucket, error) {
	if err := ledger.CheckName(name); err != nil {
		return nil, err
	}
	l.mu.Lock()
	b := l.buckets[name]
	l.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b = &bucket{js: l.js, name: l.prefix + name}
	b.stream, b.subject = "KV_"+b.name, "$KV."+b.name+"."
	err := retry(ctx, func(ctx context.Context) error { return l.open(ctx, b) })
	if err != nil {
		return nil, fmt.Errorf("open the bucket %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.buckets[name]; other != nil {
		return other, nil
	}
	l.buckets[name] = b
	return b, nil
}

// open finds the stream of b, or makes it.
func (l *Ledger) open(ctx context.Context, b *bucket) error {
	stream, err := l.js.Stream(ctx, b.stream)
	if err == nil {
		b.replicas.Store(int32(stream.CachedInfo().Config.Replicas))
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	for replicas := l.replicas.Load(); ; replicas-- {
		_, err = l.js.CreateStream(ctx, b.config(int(replicas)))
		switch {
		case err == nil:
			b.replicas.Store(replicas)
			return nil
		case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
			return nil // another node was faster
		case replicas == 1 || !tooMany(err):
			return err
		}
	}
}

// Codes of the errors for more replicas than there are nodes.
const (
	codeNotClustered = 10074
	codeNoPeers      = 10005
)

func tooMany(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == codeNotClustered || api.ErrorCode == codeNoPeers)
}

// opened returns a bucket that was opened before, or nil.
func (l *Ledger) opened(name string) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buckets[name]
}

// raise brings the buckets that are open to so many replicas. Those that have
// more keep them.
func (l *Ledger) raise(ctx context.Context, replicas int) error {
	l.replicas.Store(int32(replicas))
	l.mu.Lock()
	var few []*bucket
	for _, b := range l.buckets {
		if int(b.replicas.Load()) < replicas {
			few = append(few, b)
		}
	}
	l.mu.Unlock()
	for _, b := range few {
		if err := l.raiseOne(ctx, b, replicas); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) raiseOne(ctx context.Context, b *bucket, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, b.stream)
	if err == nil && stream.CachedInfo().Config.Replicas < replicas {
		_, err = l.js.UpdateStream(ctx, b.config(replicas))
	}
	if err != nil {
		return fmt.Errorf("raise the replicas of a bucket: %w", err)
	}
	b.replicas.Store(int32(replicas))
	return nil
}

// bucket is a ledger.Bucket: the stream of a key-value bucket of NATS.
type bucket struct {
	js      jetstream.JetStream
	name    string
	stream  string
	subject string // of the entries, up to the key

	replicas atomic.Int32 // as far as this node knows
}

// config is that of a key-value bucket with the last value of each key, but for
// direct gets: those are answered by replicas that may lag behind.
func (b *bucket) config(replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: b.stream, Subjects: []string{b.subject + ">"}, Storage: jetstream.FileStorage, Replicas: replicas,
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: ledger.MaxValue + 1024,
		AllowRollup: true, DenyDelete: true, AllowMsgTTL: true, Duplicates: dedupe,
	}
}

// Headers of NATS's key-value buckets.
const (
	operation = "KV-Operation"
	deletion  = "DEL"
)

// Get implements ledger.Bucket.
func (b *bucket) Get(ctx context.Context, key string) (ledger.Entry, error) {
	e, deleted, err := b.last(ctx, key)
	if err == nil && deleted {
		return ledger.Entry{}, ledger.ErrMissing
	}
	return e, err
}

// last returns what stands under key, which may be a deletion.
func (b *bucket) last(ctx context.Context, key string) (e ledger.Entry, deleted bool, err error) {
	if err := ledger.CheckEntry(key, nil); err != nil {
		return ledger.Entry{}, false, err
	}
	var msg *jetstream.RawStreamMsg
	err = retry(ctx, func(ctx context.Context) error {
		stream, err := b.js.Stream(ctx, b.stream)
		if err == nil {
			msg, err = stream.GetLastMsgForSubject(ctx, b.subject+key)
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			msg, err = nil, nil
		}
		return err
	})
	switch {
	case err != nil:
		return ledger.Entry{}, false, fmt.Errorf("read an entry: %w", err)
	case msg == nil:
		return ledger.Entry{}, false, ledger.ErrMissing
	}
	e = ledger.Entry{Key: key, Value: bytes.Clone(msg.Data), Revision: ledger.Revision(msg.Sequence)}
	return e, msg.Header.Get(operation) != "", nil
}

// lastSequence returns the revision of the last change that there is, 0 when the
// bucket is empty.
func (b *bucket) lastSequence(ctx context.Context) (uint64, error) {
	stream, err := b.js.Stream(ctx, b.stream)
	if err != nil {
		return 0, err
	}
	msg, err := stream.GetLastMsgForSubject(ctx, b.subject+">")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return msg.Sequence, nil
}

// Create implements ledger.Bucket.
func (b *bucket) Create(ctx context.Context, key string, value []byte) (ledger.Revision, error) {
	r, err := b.write(ctx, b.message(key, value), 0)
	if !errors.Is(err, ledger.ErrConflict) {
		return r, err
	}
	// There is something: an entry, or the place of one that was deleted.
	e, deleted, err := b.last(ctx, key)
	switch {
	case errors.Is(err, ledger.ErrMissing):
		return 0, ledger.ErrExists // it was there a moment ago
	case err != nil:
		return 0, err
	case !deleted:
		return 0, ledger.ErrExists
	}
	r, err = b.write(ctx, b.message(key, value), e.Revision)
	if errors.Is(err, ledger.ErrConflict) {
		return 0, ledger.ErrExists
	}
	return r, err
}

// Update implements ledger.Bucket.
func (b *bucket) Update(ctx context.Context, key string, value []byte, was ledger.Revision) (ledger.Revision, error) {
	if err := ledger.CheckEntry(key, value); err != nil {
		return 0, err
	}
	if was == 0 {
		return 0, ledger.ErrConflict
	}
	return b.write(ctx, b.message(key, value), was)
}

// Delete implements ledger.Bucket.
func (b *bucket) Delete(ctx context.Context, key string, was ledger.Revision) error {
	_, err := b.Get(ctx, key)
	if err != nil {
		return err
	}
	if was == 0 {
		return ledger.ErrConflict
	}
	msg := b.message(key, nil)
	msg.Header.Set(operation, deletion)
	msg.Header.Set(jetstream.MsgTTLHeader, markerTTL.String())
	_, err = b.write(ctx, msg, was)
	return err
}

// message returns a write that JetStream knows when it is tried again.
func (b *bucket) message(key string, value []byte) *nats.Msg {
	msg := nats.NewMsg(b.subject + key)
	msg.Data = value
	msg.Header.Set(jetstream.MsgIDHeader, rand.Text())
	return msg
}

// write publishes msg if the last message of its subject is was, 0 for none.
func (b *bucket) write(ctx context.Context, msg *nats.Msg, was ledger.Revision) (ledger.Revision, error) {
	if err := ledger.CheckEntry(msg.Subject[len(b.subject):], msg.Data); err != nil {
		return 0, err
	}
	var ack *jetstream.PubAck
	err := retry(ctx, func(ctx context.Context) error {
		var err error
		ack, err = b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(b.stream),
			jetstream.WithExpectLastSequencePerSubject(uint64(was)), jetstream.WithRetryAttempts(0))
		if isConflict(err) {
			return ledger.ErrConflict
		}
		return err
	})
	switch {
	case errors.Is(err, ledger.ErrConflict):
		return 0, ledger.ErrConflict
	case err != nil:
		return 0, fmt.Errorf("write an entry: %w", err)
	}
	return ledger.Revision(ack.Sequence), nil
}

// isConflict reports whether err says that a write came too late.
func isConflict(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// retry calls try until it succeeds, or fails in a way that another try does
// not mend, or ctx ends.
func retry(ctx context.Context, try func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := try(attempt)
		cancel()
		if err == nil || !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(retryAfter):
		}
	}
}

// passes reports whether err is of the kind that an election, or a connection
// that comes back, ends.
func passes(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code >= 500 || api.Code == 408 || api.Code == 409
	}
	for _, e := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrReconnectBufExceeded, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrNoServers, jetstream.ErrNoStreamResponse, jetstream.ErrJetStreamNotEnabled,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
