package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/tracker"
	"p2p/tracker/ledger"
)

// The buckets of a ledger that Private uses. In KeysBucket an entry is a key,
// under its name. In UsageBucket an entry is what one tracker has counted for one
// key, under "NAME/TRACKER"; what all have counted is the sum. So each entry has one
// writer, and a number that is written twice counts once.
const (
	KeysBucket  = "passkeys"
	UsageBucket = "passkey-usage"
)

// PrivateOptions are those of Private. Both buckets are required.
type PrivateOptions struct {
	Keys, Usage ledger.Bucket
	// Node is the name of this tracker among those that share the ledger, the
	// same after a restart: letters, digits, "-" and "_"; "tracker" when empty.
	Node string
	// Defaults are the limits of keys that have none of their own.
	Defaults KeyLimits
	// SessionTTL is how long a client that is silent counts as active; an hour
	// when zero. It is best the tracker's PeerTTL.
	SessionTTL time.Duration
	// MaxSessions is how many pairs of client and torrent are remembered, for
	// all keys together; a million when zero, which is 60 MB. Beyond it announces
	// are admitted without counting bytes.
	MaxSessions int
	// FlushEvery is how often what was counted is written to the ledger; a
	// minute when zero. A crash loses that much.
	FlushEvery time.Duration
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log gets trouble with the ledger; nothing is logged when nil.
	Log *zap.Logger
}

func (o PrivateOptions) withDefaults() PrivateOptions {
	if o.Node == "" {
		o.Node = "tracker"
	}
	o.Defaults = o.Defaults.orDefault(defaultKeyLimits)
	if o.SessionTTL <= 0 {
		o.SessionTTL = time.Hour
	}
	if o.MaxSessions <= 0 {
		o.MaxSessions = 1_000_000
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o
}

// Private is a Policy that admits those who have a passkey. Finding the key of a
// request takes no lock; counting what its holder does takes one that only requests
// with the same key share. All methods may be called by any goroutine.
type Private struct {
	opts  PrivateOptions
	rules sessionRules
	keys  *mirror[Key]
	usage *mirror[Usage]

	mu    sync.Mutex
	file  []Key
	named map[string]*account

	current atomic.Pointer[map[Digest]*account]
	ready   atomic.Bool // current has the keys of the ledger
}

var _ tracker.Policy = (*Private)(nil)

// NewPrivate returns a Private that knows no key yet. Run fetches those in the
// ledger.
func NewPrivate(o PrivateOptions) *Private {
	o = o.withDefaults()
	p := &Private{
		opts:  o,
		keys:  newMirror(o.Keys, o.Log, decodeKey),
		usage: newMirror(o.Usage, o.Log, decodeUsage),
		named: make(map[string]*account),
	}
	p.rules.seed = maphash.MakeSeed()
	p.rules.ttl, p.rules.most = int64(o.SessionTTL/time.Second), int64(o.MaxSessions)
	p.current.Store(&map[Digest]*account{})
	return p
}

// Ready reports whether the keys of the ledger have been fetched since the start.
// Until then a key that is not known may be good all the same, and its holder is told
// to ask again.
func (p *Private) Ready() bool { return p.ready.Load() }

// account returns the account of a passkey, or why there is none.
func (p *Private) account(key tracker.Passkey, now time.Time) (*account, error) {
	if key == (tracker.Passkey{}) {
		return nil, errNoPasskey
	}
	ready := p.ready.Load() // before the keys, so that it is not said of older ones
	a := (*p.current.Load())[DigestOf(key)]
	switch {
	case a == nil && !ready:
		return nil, errStarting
	case a == nil:
		return nil, errUnknown
	}
	if until := a.key.Load().Until; !until.IsZero() && !now.Before(until) {
		return nil, errUnknown
	}
	return a, nil
}

// MayAnnounce implements tracker.Policy.
func (p *Private) MayAnnounce(_ context.Context, r tracker.Request) error {
	if r.Time.IsZero() {
		r.Time = p.opts.Now()
	}
	a, err := p.account(r.Passkey, r.Time)
	if err != nil {
		return err
	}
	return a.admit(&p.rules, &r)
}

// MayScrape implements tracker.Policy.
func (p *Private) MayScrape(_ context.Context, r tracker.ScrapeRequest) error {
	_, err := p.account(r.Passkey, p.opts.Now())
	return err
}

// SetFile replaces the keys that came from the file.
func (p *Private) SetFile(keys []Key) {
	p.mu.Lock()
	p.file = keys
	p.mu.Unlock()
	p.rebuild()
}

// rebuild makes the keys that are known now those that count. Of two keys with
// one name the one in the ledger does.
func (p *Private) rebuild() {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := make(map[Digest]*account)
	named := make(map[string]*account)
	add := func(k Key) {
		if named[k.Name] != nil || next[k.Digest] != nil {
			p.opts.Log.Warn("a passkey is there twice; one of them is not used", zap.String("name", k.Name))
			return
		}
		a := p.named[k.Name]
		if a == nil {
			a = new(account)
		}
		k.Limits = k.Limits.orDefault(p.opts.Defaults)
		a.key.Store(&k)
		named[k.Name], next[k.Digest] = a, a
	}
	ready := p.keys.ready() // before they are read
	p.keys.each(func(_ string, e mirrored[Key]) { add(e.value) })
	for _, k := range p.file {
		add(k)
	}
	p.current.Store(&next)
	if ready {
		p.ready.Store(true)
	}
	for name, a := range p.named {
		if named[name] == nil {
			a.revoke(&p.rules)
		}
	}
	p.named = named
}

// Add makes a key of that name, limits and end, for all trackers of the service,
// and returns its secret, which is kept nowhere. The key counts here when Add
// returns, elsewhere soon after. The error is ErrName, or ledger.ErrExists when the name
// is taken.
func (p *Private) Add(ctx context.Context, name string, limits KeyLimits, until time.Time) (tracker.Passkey, error) {
	if err := checkKeyName(name); err != nil {
		return tracker.Passkey{}, fmt.Errorf("add a passkey: %w", err)
	}
	p.mu.Lock()
	taken := p.named[name] != nil
	p.mu.Unlock()
	if taken {
		return tracker.Passkey{}, fmt.Errorf("add the passkey of %s: %w", name, ledger.ErrExists)
	}
	passkey := NewPasskey()
	value, err := encodeKey(Key{Digest: DigestOf(passkey), Limits: limits, Until: until, Created: p.opts.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return tracker.Passkey{}, fmt.Errorf("add the passkey of %s: %w", name, err)
	}
	r, err := p.keys.bucket.Create(ctx, name, value)
	if err != nil {
		return tracker.Passkey{}, fmt.Errorf("add the passkey of %s: %w", name, err)
	}
	p.keys.apply(ledger.Change{Entry: ledger.Entry{Key: name, Value: value, Revision: r}})
	p.rebuild()
	return passkey, nil
}

// Revoke ends the key of that name and forgets what its holder did. It counts
// no more here when Revoke returns, elsewhere soon after. The error is
// ledger.ErrMissing when there is no such key, and ErrInFile when it is in the file.
func (p *Private) Revoke(ctx context.Context, name string) error {
	if err := checkKeyName(name); err != nil {
		return fmt.Errorf("revoke a passkey: %w", err)
	}
	p.mu.Lock()
	inFile := slices.ContainsFunc(p.file, func(k Key) bool { return k.Name == name })
	p.mu.Unlock()
	if inFile {
		return fmt.Errorf("revoke the passkey of %s: %w", name, ErrInFile)
	}
	if err := p.keys.remove(ctx, name); err != nil {
		return fmt.Errorf("revoke the passkey of %s: %w", name, err)
	}
	p.rebuild()
	return p.forgetUsage(ctx, name)
}

// forgetUsage removes what all trackers have counted for a name, so that who
// gets the name next begins at nothing.
func (p *Private) forgetUsage(ctx context.Context, name string) error {
	var entries []string
	p.usage.each(func(key string, _ mirrored[Usage]) {
		if holder, _, _ := strings.Cut(key, "/"); holder == name {
			entries = append(entries, key)
		}
	})
	for _, key := range entries {
		if err := p.usage.remove(ctx, key); err != nil && !errors.Is(err, ledger.ErrMissing) {
			return fmt.Errorf("forget what %s did: %w", name, err)
		}
	}
	return nil
}

// KeyState is a key and what its holder does.
type KeyState struct {
	Key
	Usage         // at all trackers
	Active    int // torrents at this tracker, each client counted
	Addresses int // that they come from
}

// List returns all keys by name.
func (p *Private) List() []KeyState {
	sums := make(map[string]Usage)
	p.usage.each(func(key string, e mirrored[Usage]) {
		name, _, _ := strings.Cut(key, "/")
		sums[name] = sums[name].plus(e.value)
	})
	p.mu.Lock()
	named := maps.Clone(p.named)
	p.mu.Unlock()
	second := p.opts.Now().Unix()
	all := make([]KeyState, 0, len(named))
	for name, a := range named {
		s := KeyState{Key: *a.key.Load()}
		var pending Usage
		pending, s.Active, s.Addresses = a.now(&p.rules, second)
		s.Usage = sums[name].plus(pending)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b KeyState) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
