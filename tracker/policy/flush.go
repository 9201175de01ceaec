package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/ledger"
)

// lastFlush is how long Run takes at the most, once it is told to stop, to write
// what was counted.
const lastFlush = 10 * time.Second

// Run follows the ledger and writes to it what is counted, until ctx ends and
// what is left is written. It is called once, and ends after the last announce.
func (p *Private) Run(ctx context.Context) {
	var following sync.WaitGroup
	following.Go(func() { p.keys.follow(ctx) })
	following.Go(func() { p.usage.follow(ctx) })
	defer following.Wait()
	flush := time.NewTicker(p.opts.FlushEvery)
	defer flush.Stop()
	tidy := time.NewTicker(time.Minute)
	defer tidy.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			p.flush(last)
			return
		case <-p.keys.changed:
			pause(ctx, settle)
			p.rebuild()
		case <-flush.C:
			p.flush(ctx)
		case <-tidy.C:
			second := p.opts.Now().Unix()
			for _, a := range p.accounts() {
				a.now(&p.rules, second)
			}
		}
	}
}

// accounts returns those of all keys.
func (p *Private) accounts() map[string]*account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.named // never changed, only replaced
}

// attempt is a write to the ledger of which it is not known whether it has
// happened. It is made again as it was, so that it happens once.
type attempt struct {
	value []byte
	taken Usage // of what was pending
	was   ledger.Revision
}

// flush writes what is pending of all accounts. Trouble with the ledger ends it;
// what was not written stays pending.
func (p *Private) flush(ctx context.Context) {
	if !p.usage.ready() {
		return // what was counted before the start is not known yet
	}
	failed := 0
	for name, a := range p.accounts() {
		err := p.flushAccount(ctx, name+"/"+p.opts.Node, a)
		if err == nil {
			continue
		}
		if failed++; failed == 1 {
			p.opts.Log.Warn("cannot write what passkeys have used; it is tried again", zap.Error(err))
		}
		if ctx.Err() != nil || failed == 3 {
			return
		}
	}
}

// flushAccount writes what is pending of a to its entry. Only the goroutine of
// Run calls it.
func (p *Private) flushAccount(ctx context.Context, key string, a *account) error {
	for range 3 { // each time knowing more of what is there
		if a.attempt == nil && !p.prepare(key, a) {
			return nil
		}
		t := a.attempt
		r, err := writeAt(ctx, p.usage.bucket, key, t.value, t.was)
		switch {
		case err == nil:
			p.settled(a, ledger.Change{Entry: ledger.Entry{Key: key, Value: t.value, Revision: r}})
			return nil
		case !errors.Is(err, ledger.ErrConflict) && !errors.Is(err, ledger.ErrExists):
			return err // the same again, next time
		}
		if err := p.conflict(ctx, key, a); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the attempt to write what is pending, if there is something.
func (p *Private) prepare(key string, a *account) bool {
	a.mu.Lock()
	taken := a.pending
	a.mu.Unlock()
	if taken.Announces == 0 && taken.Uploaded == 0 && taken.Downloaded == 0 {
		return false
	}
	base, _ := p.usage.get(key) // nothing, at revision 0, if there is none
	value, err := json.Marshal(base.value.plus(taken))
	if err != nil {
		return false // numbers can always be written
	}
	a.attempt = &attempt{value, taken, base.revision}
	return true
}

// writeAt writes an entry whose revision is was, 0 for one that is not there.
func writeAt(ctx context.Context, b ledger.Bucket, key string, value []byte, was ledger.Revision) (ledger.Revision, error) {
	if was == 0 {
		return b.Create(ctx, key, value)
	}
	return b.Update(ctx, key, value, was)
}

// conflict looks who has written the entry: this tracker, whose attempt has
// happened after all, or another.
func (p *Private) conflict(ctx context.Context, key string, a *account) error {
	e, err := p.usage.bucket.Get(ctx, key)
	switch {
	case errors.Is(err, ledger.ErrMissing): // removed: begin at nothing
		a.attempt = nil
		p.usage.apply(ledger.Change{Entry: ledger.Entry{Key: key}, Deleted: true})
		return nil
	case err != nil:
		return err
	case bytes.Equal(e.Value, a.attempt.value):
		p.settled(a, ledger.Change{Entry: e})
	default:
		a.attempt = nil
		p.usage.apply(ledger.Change{Entry: e})
	}
	return nil
}

// settled takes what has been written from what is pending.
func (p *Private) settled(a *account, c ledger.Change) {
	p.usage.apply(c)
	a.mu.Lock()
	a.pending = a.pending.minus(a.attempt.taken)
	a.mu.Unlock()
	a.attempt = nil
}
