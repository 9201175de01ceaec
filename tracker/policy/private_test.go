package policy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/ledger"
	"p2p/tracker/policy"
	"p2p/tracker/wire"
)

// private returns a Private over l, not running.
func private(t *testing.T, l ledger.Ledger, o policy.PrivateOptions) *policy.Private {
	t.Helper()
	o.Keys, o.Usage = bucket(t, l, policy.KeysBucket), bucket(t, l, policy.UsageBucket)
	return policy.NewPrivate(o)
}

func add(t *testing.T, p *policy.Private, name string, limits policy.KeyLimits) tracker.Passkey {
	t.Helper()
	key, err := p.Add(t.Context(), name, limits, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// told is an announce of n bytes each way, by a client of the key.
func told(key tracker.Passkey, torrent int, peer byte, up, down int64) tracker.Request {
	r := request("192.0.2.1:6881")
	r.Passkey, r.InfoHash, r.PeerID = key, hash(torrent), [20]byte{peer}
	r.Uploaded, r.Downloaded = up, down
	return r
}

func stateOf(t *testing.T, p *policy.Private, name string) policy.KeyState {
	t.Helper()
	for _, s := range p.List() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no key %s", name)
	return policy.KeyState{}
}

func TestOnlyWhoHasAPasskeyIsAdmitted(t *testing.T) {
	p := private(t, new(ledger.Memory), policy.PrivateOptions{})
	key := add(t, p, "alice", policy.KeyLimits{})
	ctx := t.Context()
	expectAdmitted(t, "with a key", p.MayAnnounce(ctx, told(key, 1, 1, 0, 0)))
	expectAdmitted(t, "a scrape with a key", p.MayScrape(ctx, tracker.ScrapeRequest{Passkey: key}))
	other := key
	other[0] ^= 1
	for _, wrong := range []tracker.Passkey{{}, other, policy.NewPasskey()} {
		expectCause(t, "with a wrong key", p.MayAnnounce(ctx, told(wrong, 1, 1, 0, 0)), tracker.CausePasskey)
		expectCause(t, "a scrape with a wrong key", p.MayScrape(ctx, tracker.ScrapeRequest{Passkey: wrong}), tracker.CausePasskey)
	}
	if err := p.Revoke(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	expectCause(t, "with a revoked key", p.MayAnnounce(ctx, told(key, 1, 1, 0, 0)), tracker.CausePasskey)
	if err := p.Revoke(ctx, "alice"); !errors.Is(err, ledger.ErrMissing) {
		t.Errorf("revoked again: %v", err)
	}
}

func TestANameIsTakenOnceAndWellFormed(t *testing.T) {
	p := private(t, new(ledger.Memory), policy.PrivateOptions{})
	add(t, p, "bob", policy.KeyLimits{})
	if _, err := p.Add(t.Context(), "bob", policy.KeyLimits{}, time.Time{}); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("a second bob: %v", err)
	}
	for _, name := range []string{"", "a b", "a/b", ".a", "a.", "a..b", "é", "a\n", strings.Repeat("x", 65)} {
		if _, err := p.Add(t.Context(), name, policy.KeyLimits{}, time.Time{}); !errors.Is(err, policy.ErrName) {
			t.Errorf("a key named %q: %v", name, err)
		}
	}
}

// "added and revoked while running" holds at all trackers that share the ledger,
// and after a restart.
func TestKeysHoldAtEveryTrackerAndAfterARestart(t *testing.T) {
	l := new(ledger.Memory)
	here, there := private(t, l, policy.PrivateOptions{}), private(t, l, policy.PrivateOptions{})
	run(t, here.Run)
	run(t, there.Run)
	key := add(t, here, "carol", policy.KeyLimits{Torrents: 7})
	scrape := tracker.ScrapeRequest{Passkey: key}
	expectAdmitted(t, "here", here.MayScrape(t.Context(), scrape))
	eventually(t, "the key at the other tracker", func() bool { return there.MayScrape(t.Context(), scrape) == nil })
	if got := stateOf(t, there, "carol"); got.Limits.Torrents != 7 || got.File || got.Created.IsZero() {
		t.Errorf("the other tracker has %+v", got)
	}
	restarted := private(t, l, policy.PrivateOptions{})
	run(t, restarted.Run)
	eventually(t, "the key after a restart", func() bool { return restarted.MayScrape(t.Context(), scrape) == nil })
	if err := there.Revoke(t.Context(), "carol"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revocation here", func() bool { return here.MayScrape(t.Context(), scrape) != nil })
}

// BEP 31: "the client should never send this query again" is final, so it is not said
// of a key that may be good: not while the ledger has not been read, and not of one
// that may have been made elsewhere a moment ago.
func TestAKeyThatMayStillComeIsNotRefusedForEver(t *testing.T) {
	l := new(ledger.Memory)
	key := add(t, private(t, l, policy.PrivateOptions{}), "alice", policy.KeyLimits{})
	starting := private(t, l, policy.PrivateOptions{})
	bans := policy.NewBans(policy.BansOptions{Bucket: bucket(t, l, policy.BansBucket)})
	refused := func(key tracker.Passkey) time.Duration {
		err := starting.MayAnnounce(t.Context(), told(key, 1, 1, 0, 0))
		expectCause(t, "a key that is not known", err, tracker.CausePasskey)
		refusal, ok := errors.AsType[*tracker.Refusal](err)
		if !ok || refusal.Never || refusal.RetryIn <= 0 {
			t.Fatalf("a key that is not known: %+v; want to be asked again", refusal)
		}
		return refusal.RetryIn
	}
	early := refused(key)
	if starting.Ready() || bans.Ready() {
		t.Error("ready before the ledger was read")
	}
	run(t, starting.Run)
	run(t, bans.Run)
	eventually(t, "readiness", func() bool { return starting.Ready() && bans.Ready() })
	expectAdmitted(t, "when ready", starting.MayAnnounce(t.Context(), told(key, 1, 1, 0, 0)))
	if late := refused(policy.NewPasskey()); early >= late {
		t.Errorf("who comes before the ledger is read waits for %v, a stranger later for %v", early, late)
	}
	if !policy.NewBans(policy.BansOptions{}).Ready() {
		t.Error("bans without a ledger wait for one")
	}
}

func TestTheLedgerHoldsNoPasskey(t *testing.T) {
	l := new(ledger.Memory)
	key := add(t, private(t, l, policy.PrivateOptions{}), "dave", policy.KeyLimits{})
	all, err := ledger.All(t.Context(), bucket(t, l, policy.KeysBucket))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if strings.Contains(string(all[0].Value), key.Reveal()) {
		t.Errorf("the ledger holds %s", all[0].Value)
	}
}

func TestAKeyEndsAtItsTime(t *testing.T) {
	c := newClock()
	p := private(t, new(ledger.Memory), policy.PrivateOptions{Now: c.now})
	key, err := p.Add(t.Context(), "eve", policy.KeyLimits{}, c.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	expectAdmitted(t, "before its end", p.MayAnnounce(t.Context(), told(key, 1, 1, 0, 0)))
	c.advance(time.Hour)
	expectCause(t, "after its end", p.MayAnnounce(t.Context(), told(key, 1, 1, 0, 0)), tracker.CausePasskey)
}

func TestKeysComeFromAFileToo(t *testing.T) {
	const file = "# name passkey limits\nalice 0123456789abcdef0123456789abcdef torrents=3 per-minute=60\nbob ABCDEFGHIJKLMNOPQRSTUVWXYZ012345 # friend\n"
	keys, err := policy.ReadKeys(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	p := private(t, new(ledger.Memory), policy.PrivateOptions{})
	p.SetFile(keys)
	alice, _ := tracker.ParsePasskey("0123456789abcdef0123456789abcdef")
	bob, _ := tracker.ParsePasskey("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")
	expectAdmitted(t, "alice", p.MayScrape(t.Context(), tracker.ScrapeRequest{Passkey: alice}))
	if got := stateOf(t, p, "alice"); got.Limits.Torrents != 3 || got.Limits.PerMinute != 60 || !got.File {
		t.Errorf("alice is %+v", got)
	}
	if err := p.Revoke(t.Context(), "bob"); !errors.Is(err, policy.ErrInFile) {
		t.Errorf("revoke a key of the file: %v", err)
	}
	if _, err := p.Add(t.Context(), "bob", policy.KeyLimits{}, time.Time{}); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("add a name of the file: %v", err)
	}
	p.SetFile(keys[:1])
	expectAdmitted(t, "alice after a reload", p.MayScrape(t.Context(), tracker.ScrapeRequest{Passkey: alice}))
	expectCause(t, "bob after a reload", p.MayScrape(t.Context(), tracker.ScrapeRequest{Passkey: bob}), tracker.CausePasskey)
}

func TestABadLineOfTheKeysIsNamedAndNeverQuoted(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for _, bad := range []string{
		"bob", "bob " + secret[1:], "a/b " + secret, "bob " + secret + " torrents", "bob " + secret + " torrents=0",
		"bob " + secret + " horses=3", "alice ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", "bob ZZZ3456789abcdef0123456789abcZZZ", secret + " bob",
	} {
		_, err := policy.ReadKeys(strings.NewReader("alice ZZZ3456789abcdef0123456789abcZZZ\n" + bad))
		if line, ok := errors.AsType[*policy.LineError](err); !ok || line.Line != 2 || strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("%q: %v; want an error in line 2 without the key", bad, err)
		}
	}
}

func TestAKeyHasLimits(t *testing.T) {
	c := newClock()
	p := private(t, new(ledger.Memory), policy.PrivateOptions{Now: c.now, SessionTTL: time.Hour})
	key := add(t, p, "frank", policy.KeyLimits{Torrents: 3, Addresses: 2, PerMinute: 60})
	ctx := t.Context()
	for torrent := range 3 {
		expectAdmitted(t, "one of three torrents", p.MayAnnounce(ctx, told(key, torrent, 1, 0, 0)))
	}
	expectCause(t, "a fourth torrent", p.MayAnnounce(ctx, told(key, 3, 1, 0, 0)), tracker.CausePasskey)
	expectCause(t, "a second client of a torrent", p.MayAnnounce(ctx, told(key, 0, 2, 0, 0)), tracker.CausePasskey)
	leaves := told(key, 0, 1, 0, 0)
	leaves.Event = wire.Stopped
	expectAdmitted(t, "one leaves", p.MayAnnounce(ctx, leaves))
	expectAdmitted(t, "then there is room", p.MayAnnounce(ctx, told(key, 3, 1, 0, 0)))
	if got := stateOf(t, p, "frank"); got.Active != 3 || got.Addresses != 1 {
		t.Errorf("active are %+v", got)
	}

	second, third := told(key, 3, 1, 0, 0), told(key, 3, 1, 0, 0)
	second.Peer = netip.MustParseAddrPort("[2001:db8::1]:1")
	third.Peer = netip.MustParseAddrPort("192.0.2.9:1")
	expectAdmitted(t, "a second address", p.MayAnnounce(ctx, second))
	second.Peer = netip.MustParseAddrPort("[2001:db8::2]:1")
	expectAdmitted(t, "another one of its network", p.MayAnnounce(ctx, second))
	expectCause(t, "a third address", p.MayAnnounce(ctx, third), tracker.CausePasskey)
	c.advance(61 * time.Minute)
	expectAdmitted(t, "when the others are over", p.MayAnnounce(ctx, third))
	if got := stateOf(t, p, "frank"); got.Active != 1 || got.Addresses != 1 {
		t.Errorf("active after an hour are %+v", got)
	}

	refused := 0
	for range 100 {
		if p.MayAnnounce(ctx, third) != nil {
			refused++
		}
	}
	if refused < 40 || refused > 41 {
		t.Errorf("%d of 101 announces at once are refused by a limit of 60 a minute", refused)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	p := private(t, new(ledger.Memory), policy.PrivateOptions{MaxSessions: 10})
	key, other := add(t, p, "grace", policy.KeyLimits{}), add(t, p, "heidi", policy.KeyLimits{})
	for torrent := range 30 {
		expectAdmitted(t, "beyond what is remembered", p.MayAnnounce(t.Context(), told(key, torrent, 1, 0, 0)))
	}
	if got := stateOf(t, p, "grace"); got.Active != 10 || got.Announces != 30 {
		t.Errorf("remembered are %+v; want 10", got)
	}
	if err := p.Revoke(t.Context(), "grace"); err != nil {
		t.Fatal(err)
	}
	expectAdmitted(t, "another key", p.MayAnnounce(t.Context(), told(other, 1, 1, 0, 0)))
	if got := stateOf(t, p, "heidi"); got.Active != 1 {
		t.Errorf("after the first key is gone, remembered are %+v; want 1", got)
	}
}

// What is counted for a key is never negative, never shrinks, and never more than
// its clients have truly moved, whatever they do: start again with and without
// saying so, repeat themselves, arrive out of order, stop twice, lie.
func TestCountedBytesNeverShrinkAndNeverExceedTheTruth(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 50 {
		c := newClock()
		p := private(t, new(ledger.Memory), policy.PrivateOptions{Now: c.now})
		key := add(t, p, "ivan", policy.KeyLimits{PerMinute: 60_000})
		type client struct{ up, down, lastUp, lastDown int64 }
		clients := make([]client, 4)
		var truth, before policy.Usage
		for step := range 200 {
			i := rng.IntN(len(clients))
			cl := &clients[i]
			r := told(key, i/2, byte(i), 0, 0)
			switch rng.IntN(10) {
			case 0: // starts again
				*cl = client{}
				if rng.IntN(2) == 0 {
					r.Event = wire.Started
				}
			case 1:
				r.Event = wire.Stopped
			case 2: // is overtaken by itself
				cl.lastUp, cl.lastDown = cl.up, cl.down
			default:
				up, down := rng.Int64N(1<<30), rng.Int64N(1<<30)
				cl.lastUp, cl.lastDown = cl.up, cl.down
				cl.up, cl.down = cl.up+up, cl.down+down
				truth.Uploaded, truth.Downloaded = truth.Uploaded+up, truth.Downloaded+down
			}
			r.Uploaded, r.Downloaded = cl.up, cl.down
			if rng.IntN(5) == 0 {
				r.Uploaded, r.Downloaded = cl.lastUp, cl.lastDown
				// From here on the client's true numbers count from the old ones,
				// which is the same bytes once more.
				truth.Uploaded += cl.up - cl.lastUp
				truth.Downloaded += cl.down - cl.lastDown
			}
			expectAdmitted(t, "an announce", p.MayAnnounce(t.Context(), r))
			got := stateOf(t, p, "ivan").Usage
			if got.Uploaded < before.Uploaded || got.Downloaded < before.Downloaded ||
				got.Uploaded > truth.Uploaded || got.Downloaded > truth.Downloaded {
				t.Fatalf("seed %d, round %d, step %d: counted %+v after %+v; true is %+v", seed, round, step, got, before, truth)
			}
			before = got
			c.advance(time.Duration(rng.IntN(600)) * time.Second)
		}
		if before.Uploaded == 0 {
			t.Errorf("seed %d: nothing was counted", seed)
		}
	}
}

func TestBytesAreCountedByDifference(t *testing.T) {
	c := newClock()
	p := private(t, new(ledger.Memory), policy.PrivateOptions{Now: c.now, SessionTTL: time.Hour})
	key := add(t, p, "judy", policy.KeyLimits{})
	const huge = 1 << 62
	for i, step := range []struct {
		up, down int64
		event    wire.Event
		wantUp   int64
		wantDown int64
		why      string
	}{
		{500, 100, 0, 0, 0, "the first number may have been counted before a restart of the tracker"},
		{700, 150, 0, 200, 50, "growth counts"},
		{700, 150, 0, 200, 50, "a repetition counts nothing"},
		{600, 120, 0, 200, 50, "a smaller number counts nothing"},
		{650, 120, wire.Completed, 250, 50, "growth counts from there"},
		{huge, huge, 0, 250, 50, "nobody is that fast"},
		{0, 0, wire.Started, 250, 50, "a client that starts again"},
		{10, 20, wire.Stopped, 260, 70, "the last announce counts"},
		{99, 99, wire.Stopped, 260, 70, "after the last nothing does"},
	} {
		r := told(key, 1, 1, step.up, step.down)
		r.Event = step.event
		expectAdmitted(t, step.why, p.MayAnnounce(t.Context(), r))
		got := stateOf(t, p, "judy").Usage
		if got.Uploaded != step.wantUp || got.Downloaded != step.wantDown {
			t.Errorf("step %d, %s: counted %d and %d; want %d and %d", i, step.why, got.Uploaded, got.Downloaded, step.wantUp, step.wantDown)
		}
		c.advance(time.Minute)
	}
}

func TestARevokedNameLeavesNothingToTheNext(t *testing.T) {
	l := new(ledger.Memory)
	p := private(t, l, policy.PrivateOptions{FlushEvery: time.Millisecond})
	run(t, p.Run)
	key := add(t, p, "nina", policy.KeyLimits{})
	expectAdmitted(t, "announce", p.MayAnnounce(t.Context(), told(key, 1, 1, 0, 0)))
	usage := bucket(t, l, policy.UsageBucket)
	eventually(t, "the flush", func() bool { all, _ := ledger.All(t.Context(), usage); return len(all) == 1 })
	if err := p.Revoke(t.Context(), "nina"); err != nil {
		t.Fatal(err)
	}
	if all, err := ledger.All(t.Context(), usage); err != nil || len(all) != 0 {
		t.Errorf("left in the ledger: %v, %v", all, err)
	}
	add(t, p, "nina", policy.KeyLimits{})
	if got := stateOf(t, p, "nina"); got.Announces != 0 {
		t.Errorf("the next nina begins with %+v", got)
	}
}

func TestKeysChangeUnderRequests(t *testing.T) {
	p := private(t, new(ledger.Memory), policy.PrivateOptions{FlushEvery: time.Millisecond})
	run(t, p.Run)
	key := add(t, p, "oscar", policy.KeyLimits{PerMinute: 60_000, Torrents: 100_000})
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for n := range 4 {
		asking.Go(func() {
			for i := 0; ctx.Err() == nil && i < 20_000; i++ {
				if err := p.MayAnnounce(ctx, told(key, n, byte(i%50), int64(i), 0)); err != nil {
					t.Errorf("while other keys change: %v", err)
					return
				}
			}
		})
	}
	for i := range 30 {
		name := fmt.Sprint("other-", i)
		add(t, p, name, policy.KeyLimits{})
		p.List()
		if err := p.Revoke(ctx, name); err != nil {
			t.Error(err)
		}
	}
	cancel()
	asking.Wait()
}

func TestPasskeysDoNotAllocateOnTheWayOfARequest(t *testing.T) {
	p := private(t, new(ledger.Memory), policy.PrivateOptions{})
	key := add(t, p, "peggy", policy.KeyLimits{PerMinute: 60_000})
	known, unknown, ctx := told(key, 1, 1, 0, 0), told(policy.NewPasskey(), 1, 1, 0, 0), t.Context()
	expectAdmitted(t, "the first", p.MayAnnounce(ctx, known))
	expectNoAllocation(t, "a passkey", func() {
		_ = p.MayAnnounce(ctx, known)
		_ = p.MayAnnounce(ctx, unknown)
		_ = p.MayScrape(ctx, tracker.ScrapeRequest{Passkey: key})
	})
}

func FuzzReadKeys(f *testing.F) {
	f.Add([]byte("alice 0123456789abcdef0123456789abcdef torrents=3 # x\n"))
	f.Add([]byte("a\x00b 0123456789abcdef0123456789abcdef\r\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, err := policy.ReadKeys(bytes.NewReader(file))
		if err == nil && len(keys) > len(file)/(tracker.PasskeySize+2)+1 {
			t.Errorf("%d bytes hold %d keys", len(file), len(keys))
		}
		for _, k := range keys {
			if ledger.CheckEntry(k.Name, nil) != nil {
				t.Errorf("%q cannot be written to a ledger", k.Name)
			}
		}
	})
}

func BenchmarkPrivate(b *testing.B) {
	l := new(ledger.Memory)
	keys, _ := l.Bucket(b.Context(), policy.KeysBucket)
	usage, _ := l.Bucket(b.Context(), policy.UsageBucket)
	p := policy.NewPrivate(policy.PrivateOptions{Keys: keys, Usage: usage})
	var requests []tracker.Request
	var all []policy.Key
	for i := range 10_000 {
		passkey := policy.NewPasskey()
		all = append(all, policy.Key{Name: fmt.Sprint("user-", i), Digest: policy.DigestOf(passkey), Limits: policy.KeyLimits{PerMinute: 60_000, Torrents: 100_000}, File: true})
		r := request("192.0.2.1:1")
		r.Passkey, r.InfoHash = passkey, infohash.Of([]byte{byte(i)})
		requests = append(requests, r)
	}
	p.SetFile(all)
	i, ctx := 0, b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_ = p.MayAnnounce(ctx, requests[i%len(requests)])
		i++
	}
}
