package policy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/ledger"
	"p2p/tracker/policy"
)

func bansFrom(t *testing.T, file string, o policy.BansOptions) *policy.Bans {
	t.Helper()
	list, err := policy.ReadBans(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	b := policy.NewBans(o)
	b.SetFile(list)
	return b
}

func TestBansOfAFileRefuse(t *testing.T) {
	b := bansFrom(t, "# liars\n192.0.2.0/24 # fakes\n198.51.100.7\n2001:db8:1::/48 2999-01-01\n::ffff:203.0.113.9\n"+hash(7).String()+" # taken down\n",
		policy.BansOptions{})
	for addr, banned := range map[string]bool{
		"192.0.2.0:1": true, "192.0.2.255:1": true, "192.0.3.0:1": false, "192.0.1.255:1": false,
		"198.51.100.7:1": true, "198.51.100.6:1": false, "198.51.100.8:1": false, "203.0.113.9:1": true,
		"[2001:db8:1::]:1": true, "[2001:db8:1:ffff:ffff:ffff:ffff:ffff]:1": true, "[2001:db8:2::]:1": false,
		"[::ffff:192.0.2.9]:1": true, "[::]:1": false,
	} {
		err := b.MayAnnounce(t.Context(), request(addr))
		if (err != nil) != banned {
			t.Errorf("%s: %v; banned should be %v", addr, err, banned)
		}
		if scrape := b.MayScrape(t.Context(), tracker.ScrapeRequest{From: request(addr).Peer.Addr()}); (scrape != nil) != banned {
			t.Errorf("scrape of %s: %v; banned should be %v", addr, scrape, banned)
		}
	}
	r := request("203.0.113.1:1")
	r.InfoHash = hash(7)
	expectCause(t, "a banned torrent", b.MayAnnounce(t.Context(), r), tracker.CauseBanned)
}

func TestABadLineOfTheBansIsNamed(t *testing.T) {
	for _, bad := range []string{
		"192.0.2.300", "192.0.2.0/33", "0.0.0.0/0", "10.0.0.0/7", "::/0", "fe80::1%eth0", "example.com", "12345",
		"192.0.2.1 tomorrow", "192.0.2.1 2026-01-01 x", "2001:db8::/15", "::ffff:0.0.0.0/96",
	} {
		_, err := policy.ReadBans(strings.NewReader("# one\n192.0.2.1\n" + bad + "\n"))
		if line, ok := errors.AsType[*policy.LineError](err); !ok || line.Line != 3 {
			t.Errorf("%q: %v; want an error in line 3", bad, err)
		}
	}
}

// The sorted ranges are compared with the plain question to each prefix.
func TestRangesSayWhatPrefixesDo(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 100 {
		many := 30
		if round%10 == 0 {
			many = 3000 // enough for an index
		}
		var file strings.Builder
		var prefixes []netip.Prefix
		address := func() netip.Addr {
			// Few bits differ, so that networks lie within each other.
			if rng.IntN(2) == 0 {
				return netip.AddrFrom4([4]byte{byte(192 + rng.IntN(2)), byte(rng.IntN(many / 10)), byte(rng.IntN(4)), byte(rng.IntN(256))})
			}
			a := netip.MustParseAddr("2001:db8::").As16()
			a[7], a[8], a[15] = byte(rng.IntN(4)), byte(rng.IntN(4)), byte(rng.IntN(256))
			return netip.AddrFrom16(a)
		}
		for range rng.IntN(many) {
			a := address()
			p := netip.PrefixFrom(a, a.BitLen()-rng.IntN(10)*rng.IntN(2)*rng.IntN(2)).Masked()
			if rng.IntN(20) == 0 {
				p = netip.PrefixFrom(a, a.BitLen()-rng.IntN(a.BitLen()/2)).Masked()
			}
			prefixes = append(prefixes, p)
			fmt.Fprintln(&file, p)
		}
		b := bansFrom(t, file.String(), policy.BansOptions{})
		for range 300 {
			a := address()
			want := slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
			err := b.MayScrape(t.Context(), tracker.ScrapeRequest{From: a})
			if (err != nil) != want {
				t.Fatalf("seed %d: %v is banned: %v; want %v by\n%s", seed, a, err != nil, want, file.String())
			}
		}
	}
}

func TestBansOfTheLedgerHoldAtEveryTrackerUntilLifted(t *testing.T) {
	l := new(ledger.Memory)
	here := policy.NewBans(policy.BansOptions{Bucket: bucket(t, l, policy.BansBucket)})
	there := policy.NewBans(policy.BansOptions{Bucket: bucket(t, l, policy.BansBucket)})
	run(t, here.Run)
	run(t, there.Run)
	for _, s := range []string{"192.0.2.0/24", "2001:db8::/56", "198.51.100.1", hash(9).String()} {
		target, err := policy.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		probe := request("203.0.113.5:1")
		switch s[:3] {
		case "192":
			probe = request("192.0.2.77:1")
		case "200":
			probe = request("[2001:db8:0:aa::1]:1")
		case "198":
			probe = request("198.51.100.1:1")
		default:
			probe.InfoHash = hash(9)
		}
		expectAdmitted(t, "before", here.MayAnnounce(t.Context(), probe))
		if err := here.Add(t.Context(), policy.Ban{Target: target, Reason: "why not"}); err != nil {
			t.Fatal(err)
		}
		expectCause(t, s+" here", here.MayAnnounce(t.Context(), probe), tracker.CauseBanned)
		eventually(t, "the ban at the other tracker", func() bool { return there.MayAnnounce(t.Context(), probe) != nil })
		if got := there.List(); len(got) != 1 || got[0].Target != target || got[0].Reason != "why not" || got[0].File {
			t.Errorf("the other tracker lists %+v", got)
		}
		if err := there.Remove(t.Context(), target); err != nil {
			t.Errorf("lift the ban of %s: %v", s, err)
		}
		expectAdmitted(t, s+" lifted", there.MayAnnounce(t.Context(), probe))
		eventually(t, "the end of the ban here", func() bool { return here.MayAnnounce(t.Context(), probe) == nil })
		if err := here.Remove(t.Context(), target); !errors.Is(err, ledger.ErrMissing) {
			t.Errorf("lift it again: %v", err)
		}
	}
}

func TestABanOfTheFileIsLiftedInTheFile(t *testing.T) {
	b := bansFrom(t, "192.0.2.1\n", policy.BansOptions{Bucket: bucket(t, new(ledger.Memory), policy.BansBucket)})
	target, _ := policy.ParseTarget("192.0.2.1")
	if err := b.Remove(t.Context(), target); !errors.Is(err, policy.ErrInFile) {
		t.Errorf("%v; want ErrInFile", err)
	}
	b.SetFile(nil)
	expectAdmitted(t, "after a reload", b.MayAnnounce(t.Context(), request("192.0.2.1:1")))
}

func TestABanEndsByItself(t *testing.T) {
	l := new(ledger.Memory)
	kept := bucket(t, l, policy.BansBucket)
	b := policy.NewBans(policy.BansOptions{Bucket: kept})
	run(t, b.Run)
	target, _ := policy.ParseTarget("192.0.2.1")
	if err := b.Add(t.Context(), policy.Ban{Target: target, Until: time.Now().Add(50 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the ban", func() bool { return b.MayAnnounce(t.Context(), request("192.0.2.1:1")) == nil })
	eventually(t, "its removal from the ledger", func() bool {
		all, err := ledger.All(t.Context(), kept)
		return err == nil && len(all) == 0
	})
	if got := b.List(); len(got) != 0 {
		t.Errorf("a ban that is over is listed: %+v", got)
	}
}

func TestAnEntryThatCannotBeReadIsSkipped(t *testing.T) {
	kept := bucket(t, new(ledger.Memory), policy.BansBucket)
	for _, key := range []string{"nonsense", "192.0.2.9"} {
		if _, err := kept.Create(t.Context(), key, []byte("{")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kept.Create(t.Context(), "192.0.2.1", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	b := policy.NewBans(policy.BansOptions{Bucket: kept})
	run(t, b.Run)
	eventually(t, "the ban", func() bool { return b.MayAnnounce(t.Context(), request("192.0.2.1:1")) != nil })
	if got := b.List(); len(got) != 1 {
		t.Errorf("bans are %+v", got)
	}
}

func TestBansChangeUnderRequests(t *testing.T) {
	b := policy.NewBans(policy.BansOptions{Bucket: bucket(t, new(ledger.Memory), policy.BansBucket)})
	run(t, b.Run)
	always, _ := policy.ParseTarget("198.51.100.0/24")
	b.SetFile([]policy.Ban{{Target: always}})
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil {
				if b.MayAnnounce(ctx, request("198.51.100.1:1")) == nil || b.MayAnnounce(ctx, request("203.0.113.1:1")) != nil {
					t.Error("a change of other bans let a banned one in, or kept another out")
					return
				}
			}
		})
	}
	for i := range 50 {
		other, _ := policy.ParseTarget(fmt.Sprintf("192.0.2.%d", i))
		if err := b.Add(ctx, policy.Ban{Target: other}); err != nil {
			t.Error(err)
		}
		b.SetFile([]policy.Ban{{Target: other}, {Target: always}})
	}
	cancel()
	asking.Wait()
}

func TestBansDoNotAllocateOnTheWayOfARequest(t *testing.T) {
	b := bansFrom(t, "192.0.2.0/24\n2001:db8::/32\n"+hash(3).String(), policy.BansOptions{})
	v4, v6, ctx := request("192.0.2.1:1"), request("[2001:db9::1]:1"), t.Context()
	expectNoAllocation(t, "a ban", func() {
		_ = b.MayAnnounce(ctx, v4)
		_ = b.MayAnnounce(ctx, v6)
		_ = b.MayScrape(ctx, tracker.ScrapeRequest{From: v6.Peer.Addr()})
	})
}

func FuzzReadBans(f *testing.F) {
	f.Add([]byte("192.0.2.0/24 2026-12-31 # x\n::1\n" + infohash.Of(nil).String()))
	f.Add([]byte("::ffff:1.2.3.4/120\r\n10.0.0.0/8"))
	f.Fuzz(func(t *testing.T, file []byte) {
		list, err := policy.ReadBans(bytes.NewReader(file))
		if err != nil {
			return
		}
		b := policy.NewBans(policy.BansOptions{Bucket: bucket(t, new(ledger.Memory), policy.BansBucket)})
		b.SetFile(list)
		for _, ban := range list {
			again, err := policy.ParseTarget(ban.String())
			if err != nil || again != ban.Target {
				t.Errorf("%v is read again as %v, %v", ban.Target, again, err)
			}
			if ban.Network.IsValid() && ban.Until.IsZero() {
				if err := b.MayScrape(t.Context(), tracker.ScrapeRequest{From: ban.Network.Addr()}); err == nil {
					t.Errorf("%v is not banned", ban.Target)
				}
			}
			if err := b.Add(t.Context(), policy.Ban{Target: ban.Target}); err != nil {
				t.Errorf("add %v: %v", ban.Target, err)
			}
		}
	})
}

func BenchmarkBansHalfAMillion(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []policy.Ban
	for range 500_000 {
		v := rng.Uint32()
		target := policy.Target{Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}), 29).Masked()}
		list = append(list, policy.Ban{Target: target})
	}
	bans := policy.NewBans(policy.BansOptions{})
	bans.SetFile(list)
	r, ctx := request("192.0.2.1:1"), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		v := rng.Uint32()
		r.Peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}), 1)
		_ = bans.MayAnnounce(ctx, r)
	}
}
