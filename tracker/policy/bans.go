package policy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/ledger"
)

// BansBucket is the name of the bucket of a ledger that holds the bans.
const BansBucket = "bans"

// A ban may end, or be taken back: "never" would be believed until the client is
// started again (BEP 31).
var errBanned = &tracker.Refusal{Cause: tracker.CauseBanned, Reason: "banned", RetryIn: 6 * time.Hour}

// ErrInFile is the error of removing what stands in a file.
var ErrInFile = errors.New("it stands in a file, and is removed there")

// BansOptions are those of Bans. The zero value has no bucket and is otherwise
// useful.
type BansOptions struct {
	// Bucket is BansBucket of the ledger; bans come from the file alone when nil.
	Bucket ledger.Bucket
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log gets trouble with the ledger; nothing is logged when nil.
	Log *zap.Logger
}

// Bans is a Policy that refuses addresses, networks and torrents. All methods may
// be called by any goroutine.
type Bans struct {
	now  func() time.Time
	log  *zap.Logger
	kept *mirror[Ban] // nil without a ledger

	mu   sync.Mutex
	file []Ban
	wake chan struct{} // holds one when the next end may have changed

	current atomic.Pointer[banSet]
	ready   atomic.Bool // current has the bans of the ledger
}

// banSet is the bans in force at a time.
type banSet struct {
	networks ranges
	torrents map[infohash.T]struct{}
	ends     time.Time // when the first of them does; zero for never
}

var _ tracker.Policy = (*Bans)(nil)

// NewBans returns Bans that hold nothing yet. Run fetches those in the ledger.
func NewBans(o BansOptions) *Bans {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	b := &Bans{now: o.Now, log: o.Log, wake: make(chan struct{}, 1)}
	if o.Bucket != nil {
		b.kept = newMirror(o.Bucket, o.Log, decodeBan)
	}
	b.current.Store(new(banSet))
	b.ready.Store(b.kept == nil)
	return b
}

// Ready reports whether the bans of the ledger, if there is one, have been fetched
// since the start. Until then those of the file hold alone.
func (b *Bans) Ready() bool { return b.ready.Load() }

// MayAnnounce implements tracker.Policy.
func (b *Bans) MayAnnounce(_ context.Context, r tracker.Request) error {
	set := b.current.Load()
	if set.networks.has(r.Peer.Addr()) {
		return errBanned
	}
	if len(set.torrents) > 0 {
		if _, banned := set.torrents[r.InfoHash]; banned {
			return errBanned
		}
	}
	return nil
}

// MayScrape implements tracker.Policy. A banned torrent can be scraped: it has
// no peers.
func (b *Bans) MayScrape(_ context.Context, r tracker.ScrapeRequest) error {
	if b.current.Load().networks.has(r.From) {
		return errBanned
	}
	return nil
}

// SetFile replaces the bans that came from the file.
func (b *Bans) SetFile(list []Ban) {
	b.mu.Lock()
	b.file = list
	b.mu.Unlock()
	b.rebuild()
}

// storedBan is a Ban in the ledger, under its target.
type storedBan struct {
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// maxReason is the longest reason kept, in bytes.
const maxReason = 1000

func decodeBan(key string, value []byte) (Ban, error) {
	target, err := targetOf(key)
	if err != nil {
		return Ban{}, err
	}
	var s storedBan
	if err := json.Unmarshal(value, &s); err != nil {
		return Ban{}, err
	}
	return Ban{Target: target, Until: s.Until, Reason: s.Reason}, nil
}

// errNoLedger is the error of a change where there is nothing to keep it.
var errNoLedger = errors.New("this tracker has no ledger")

// Add bans a target until ban.Until, for all trackers of the service and over
// restarts. A ban of the same target that is there is replaced. It is in force
// here when Add returns nil, with the others soon after.
func (b *Bans) Add(ctx context.Context, ban Ban) error {
	if b.kept == nil {
		return fmt.Errorf("ban: %w", errNoLedger)
	}
	value, err := json.Marshal(storedBan{ban.Until, ban.Reason[:min(len(ban.Reason), maxReason)]})
	if err == nil {
		err = b.kept.write(ctx, ban.key(), value)
	}
	if err != nil {
		return fmt.Errorf("ban %v: %w", ban.Target, err)
	}
	b.rebuild()
	return nil
}

// Remove ends the ban of t, exactly as it was given. The error is
// ledger.ErrMissing when there is none, and ErrInFile when it is in the file.
func (b *Bans) Remove(ctx context.Context, t Target) error {
	b.mu.Lock()
	inFile := slices.ContainsFunc(b.file, func(ban Ban) bool { return ban.Target == t })
	b.mu.Unlock()
	err := error(ledger.ErrMissing)
	if b.kept != nil {
		err = b.kept.remove(ctx, t.key())
	}
	b.rebuild()
	if inFile && (err == nil || errors.Is(err, ledger.ErrMissing)) {
		err = ErrInFile
	}
	if err != nil {
		return fmt.Errorf("lift the ban of %v: %w", t, err)
	}
	return nil
}

// List returns the bans in force, those of torrents last.
func (b *Bans) List() []Ban {
	all := b.all()
	now := b.now()
	all = slices.DeleteFunc(all, func(ban Ban) bool { return ban.over(now) })
	slices.SortStableFunc(all, func(x, y Ban) int {
		if x.Network.IsValid() != y.Network.IsValid() {
			if x.Network.IsValid() {
				return -1
			}
			return 1
		}
		return cmp.Or(x.Network.Addr().Compare(y.Network.Addr()), cmp.Compare(x.Network.Bits(), y.Network.Bits()),
			cmp.Compare(x.Torrent.String(), y.Torrent.String()))
	})
	return all
}

// all returns every ban known, in no order.
func (b *Bans) all() []Ban {
	b.mu.Lock()
	all := slices.Clone(b.file)
	b.mu.Unlock()
	if b.kept != nil {
		b.kept.each(func(_ string, e mirrored[Ban]) { all = append(all, e.value) })
	}
	return all
}

// rebuild makes the bans that are known now those in force.
func (b *Bans) rebuild() {
	// One at a time, so that an older set never replaces a newer one.
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	set := &banSet{torrents: make(map[infohash.T]struct{})}
	var networks []netip.Prefix
	add := func(ban Ban) {
		if ban.over(now) {
			return
		}
		if ban.Network.IsValid() {
			networks = append(networks, ban.Network)
		} else {
			set.torrents[ban.Torrent] = struct{}{}
		}
		if !ban.Until.IsZero() && (set.ends.IsZero() || ban.Until.Before(set.ends)) {
			set.ends = ban.Until
		}
	}
	for _, ban := range b.file {
		add(ban)
	}
	ready := b.kept == nil || b.kept.ready() // before they are read
	if b.kept != nil {
		b.kept.each(func(_ string, e mirrored[Ban]) { add(e.value) })
	}
	set.networks = newRanges(networks)
	b.current.Store(set)
	if ready {
		b.ready.Store(true)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// settle is how long a change in the ledger may wait for others that come with
// it.
const settle = 100 * time.Millisecond

// Run follows the ledger and ends bans whose time is over, until ctx ends. It is
// called once.
func (b *Bans) Run(ctx context.Context) {
	var changed <-chan struct{}
	if b.kept != nil {
		changed = b.kept.changed
		var following sync.WaitGroup
		following.Go(func() { b.kept.follow(ctx) })
		defer following.Wait()
	}
	end := time.NewTimer(time.Hour)
	defer end.Stop()
	for {
		wait := time.Hour
		if ends := b.current.Load().ends; !ends.IsZero() {
			wait = min(wait, ends.Sub(b.now())+time.Millisecond)
		}
		end.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-changed:
			pause(ctx, settle)
			b.rebuild()
			b.sweep(ctx)
		case <-end.C:
			b.rebuild()
			b.sweep(ctx)
		}
	}
}

// sweep removes bans that have ended from the ledger. All trackers do so; the
// first wins.
func (b *Bans) sweep(ctx context.Context) {
	if b.kept == nil {
		return
	}
	over := make(map[string]ledger.Revision)
	now := b.now()
	b.kept.each(func(key string, e mirrored[Ban]) {
		if e.value.over(now) {
			over[key] = e.revision
		}
	})
	for key, revision := range over {
		err := b.kept.bucket.Delete(ctx, key, revision)
		if err != nil && !errors.Is(err, ledger.ErrMissing) && !errors.Is(err, ledger.ErrConflict) {
			b.log.Warn("cannot remove a ban that is over", zap.String("key", key), zap.Error(err))
			return
		}
	}
}
