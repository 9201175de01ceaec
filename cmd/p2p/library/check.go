package library

import (
	"context"
	"errors"
	"slices"
	"time"

	"p2p/peer"
	"p2p/torrentfile"
)

// stopTime is how long trackers may take to hear that a torrent is gone.
const stopTime = 3 * time.Second

// queue has a torrent hashed when its turn comes.
func (l *Library) queue(it *item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if it.gone || it.state == checking {
		return
	}
	l.enter(it, checking)
	l.checks = append(l.checks, it)
	select {
	case l.wakeChecker <- struct{}{}:
	default:
	}
}

// check hashes what is queued, one torrent after the other: each uses all cores.
func (l *Library) check(ctx context.Context) {
	for ctx.Err() == nil { // thousands may still wait: nobody is to wait for them
		l.mu.Lock()
		var it *item
		if len(l.checks) > 0 {
			it = l.checks[0]
			l.checks = slices.Delete(l.checks, 0, 1)
		}
		l.mu.Unlock()
		if it != nil {
			l.hash(ctx, it)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wakeChecker:
		}
	}
}

// settleWaits are how long to wait before content is hashed again that changed so
// short a time before it was hashed that nobody could tell whether it has changed
// since: the times of files have ticks (package store), of 2 s on some disks.
var settleWaits = []time.Duration{100 * time.Millisecond, settleTime}

// hash finds out whether the content of a torrent is right, and shares it then.
func (l *Library) hash(ctx context.Context, it *item) {
	l.close(ctx, it)
	m, proved, err := l.verify(ctx, it)
	for _, wait := range settleWaits {
		if err != nil || proved || !pause(ctx, wait) {
			break
		}
		m, proved, err = l.verify(ctx, it)
	}
	if err == nil && !proved {
		err = ErrChanging
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		l.fail(it, err)
	default:
		l.share(it, m)
	}
}

// verify hashes the content of a torrent, and remembers that it is right. proved
// says that this will be believed later.
func (l *Library) verify(ctx context.Context, it *item) (m *torrentfile.Metainfo, proved bool, err error) {
	o, err := l.read(it)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, o.store.Close()) }()
	l.checkAll.Store(o.meta.Info.Total())
	defer l.checkAll.Store(0)
	have, err := o.store.Resume(ctx, l.checkDone.Store)
	switch {
	case err != nil:
		return nil, false, err
	case !have.Full():
		return nil, false, &IncompleteError{have.Len() - have.Count(), have.Len()}
	}
	if err := o.store.Checkpoint(ctx, have); err != nil {
		return nil, false, err
	}
	trusted, err := o.store.Trusted()
	if err != nil {
		return nil, false, err
	}
	return o.meta, trusted.Full(), nil
}

// pause waits for d; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// close takes a torrent from the Node.
func (l *Library) close(ctx context.Context, it *item) {
	l.mu.Lock()
	var s *peer.Sleeper
	s, it.sleeper = it.sleeper, nil
	l.mu.Unlock()
	if s != nil {
		ctx, cancel := context.WithTimeout(ctx, stopTime)
		defer cancel()
		s.Close(ctx)
	}
}

// drop ends the sharing of a torrent whose file is gone.
func (l *Library) drop(it *item) {
	l.mu.Lock()
	was, hash := it.was, it.hash
	l.mu.Unlock()
	l.close(context.Background(), it)
	if was == shared {
		l.tell(Event{Kind: Removed, Path: it.path, InfoHash: hash})
	}
}
