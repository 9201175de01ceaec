package policy

import (
	"context"
	"sync/atomic"
	"time"

	"p2p/tracker"
)

// It is not for ever: a list that is read again may have the torrent.
var (
	errUnlisted = &tracker.Refusal{Cause: tracker.CauseUnlisted, Reason: "this tracker does not serve this torrent", RetryIn: time.Hour}
)

// List is a Policy that admits the torrents of a set, or all others. Any
// goroutine may use it.
type List struct {
	allow bool
	set   atomic.Pointer[Torrents]
}

var _ tracker.Policy = (*List)(nil)

// NewAllowList returns a List that admits the torrents of set alone.
func NewAllowList(set *Torrents) *List { return newList(true, set) }

// NewDenyList returns a List that admits all torrents but those of set.
func NewDenyList(set *Torrents) *List { return newList(false, set) }

func newList(allow bool, set *Torrents) *List {
	l := &List{allow: allow}
	l.set.Store(set)
	return l
}

// Replace makes set the one that counts from the next request on.
func (l *List) Replace(set *Torrents) { l.set.Store(set) }

// Len returns how many torrents are on the list.
func (l *List) Len() int { return l.set.Load().Len() }

// MayAnnounce implements tracker.Policy.
func (l *List) MayAnnounce(_ context.Context, r tracker.Request) error {
	if l.set.Load().Has(r.InfoHash) != l.allow {
		return errUnlisted
	}
	return nil
}

// MayScrape implements tracker.Policy. A scrape of several torrents is answered
// when one of them is admitted: clients ask for all they have at once, and a
// torrent that is not admitted has no peers to be counted.
func (l *List) MayScrape(_ context.Context, r tracker.ScrapeRequest) error {
	set := l.set.Load()
	for _, h := range r.Hashes {
		if set.Has(h) == l.allow {
			return nil
		}
	}
	if len(r.Hashes) == 0 {
		return nil
	}
	return errUnlisted
}
