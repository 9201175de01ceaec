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
	"p2p/tracker/policy"
)

func torrents(t *testing.T, list string) *policy.Torrents {
	t.Helper()
	set, err := policy.ReadTorrents(strings.NewReader(list), int64(len(list)))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestAListOfTorrentsIsReadWithCommentsAndBothLengths(t *testing.T) {
	long := strings.Repeat("ab", 32)
	set := torrents(t, "\ufeff# ours\r\n\r\n  "+hash(1).String()+" # Debian\r\n"+strings.ToUpper(hash(2).String())+"\n"+hash(1).String()+"\n"+long)
	if set.Len() != 3 {
		t.Errorf("the list has %d torrents, want 3", set.Len())
	}
	// BEP 52: "Tracker requests and most other things use truncated info hashes."
	truncated, _ := infohash.Parse(long[:40])
	for _, h := range []infohash.T{hash(1), hash(2), truncated} {
		if !set.Has(h) {
			t.Errorf("%v is not on the list", h)
		}
	}
	if set.Has(hash(3)) || set.Has(infohash.T{}) {
		t.Error("the list has more than it was given")
	}
}

func TestABadLineOfAListIsNamed(t *testing.T) {
	good := hash(1).String() + "\n"
	for list, line := range map[string]int{
		"x\n":                                1,
		good + "\n# fine\n" + good[:39]:      4,
		good + good[:40] + "0\n":             2,
		good + good[:38] + "zz\n":            2,
		good + "magnet:?xt=urn:btih:" + good: 2,
		good + good[:40] + " " + good:        2,
		good + strings.Repeat("a", 5000):     2,
	} {
		_, err := policy.ReadTorrents(strings.NewReader(list), 0)
		if bad, ok := errors.AsType[*policy.LineError](err); !ok || bad.Line != line || !strings.Contains(err.Error(), fmt.Sprintf("line %d: ", line)) {
			t.Errorf("%.80q: %v; want an error in line %d", list, err, line)
		}
	}
}

func TestASetOfTorrentsHasWhatItWasGivenAndNothingElse(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 63, 64, 1000, 70_000} {
		hashes := make([]infohash.T, 0, 2*n)
		for i := range n {
			hashes = append(hashes, hash(i))
		}
		hashes = append(hashes, hashes...) // twice
		set := policy.NewTorrents(hashes)
		if set.Len() != n {
			t.Errorf("a set of %d has %d", n, set.Len())
		}
		for i := range n {
			if !set.Has(hash(i)) || set.Has(hash(n+i)) {
				t.Fatalf("set of %d: has(%d) = %v, has(%d) = %v", n, i, set.Has(hash(i)), n+i, set.Has(hash(n+i)))
			}
		}
	}
	// All with one prefix, which an index alone would not tell apart.
	var alike []infohash.T
	for i := range 3000 {
		h := hash(i)
		h[0], h[1], h[2], h[3] = 9, 9, 9, 9
		alike = append(alike, h)
	}
	set := policy.NewTorrents(slices.Clone(alike))
	for _, h := range alike {
		other := h
		other[19]++
		if !set.Has(h) || set.Has(other) {
			t.Fatalf("among torrents that begin alike, %v: %v; %v: %v", h, set.Has(h), other, set.Has(other))
		}
	}
}

func TestAllowAndDenyListsAreOpposites(t *testing.T) {
	set := policy.NewTorrents([]infohash.T{hash(1)})
	allow, deny := policy.NewAllowList(set), policy.NewDenyList(set)
	on, off := request("192.0.2.1:1"), request("192.0.2.1:1")
	off.InfoHash = hash(2)
	ctx := t.Context()
	expectAdmitted(t, "allowed", allow.MayAnnounce(ctx, on))
	expectCause(t, "not allowed", allow.MayAnnounce(ctx, off), tracker.CauseUnlisted)
	expectAdmitted(t, "not denied", deny.MayAnnounce(ctx, off))
	expectCause(t, "denied", deny.MayAnnounce(ctx, on), tracker.CauseUnlisted)

	scrape := func(hashes ...infohash.T) tracker.ScrapeRequest { return tracker.ScrapeRequest{Hashes: hashes} }
	expectAdmitted(t, "scrape of an allowed torrent", allow.MayScrape(ctx, scrape(hash(1))))
	expectAdmitted(t, "scrape of an allowed and another torrent", allow.MayScrape(ctx, scrape(hash(2), hash(1))))
	expectCause(t, "scrape of others", allow.MayScrape(ctx, scrape(hash(2), hash(3))), tracker.CauseUnlisted)
	expectCause(t, "scrape of a denied torrent", deny.MayScrape(ctx, scrape(hash(1))), tracker.CauseUnlisted)
	expectAdmitted(t, "scrape of nothing", allow.MayScrape(ctx, scrape()))

	deny.Replace(policy.NewTorrents(nil))
	expectAdmitted(t, "no more denied", deny.MayAnnounce(ctx, on))
}

// Every request sees the old list or the new one, whole: with hashes that are on
// both, none is ever refused.
func TestAReloadDisturbsNoRequest(t *testing.T) {
	always := hash(0)
	list := policy.NewAllowList(policy.NewTorrents([]infohash.T{always}))
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			r := request("192.0.2.1:1")
			r.InfoHash = always
			for ctx.Err() == nil {
				if err := list.MayAnnounce(ctx, r); err != nil {
					t.Errorf("during a reload: %v", err)
					return
				}
			}
		})
	}
	for i := range 200 {
		hashes := []infohash.T{always}
		for j := range i {
			hashes = append(hashes, hash(i+j))
		}
		list.Replace(policy.NewTorrents(hashes))
	}
	cancel()
	asking.Wait()
}

func TestListsDoNotAllocateOnTheWayOfARequest(t *testing.T) {
	list := policy.NewAllowList(policy.NewTorrents([]infohash.T{hash(1), hash(2)}))
	chain := policy.Chain{tracker.Open{}, list}
	in, out, ctx := request("192.0.2.1:1"), request("192.0.2.1:1"), t.Context()
	out.InfoHash = hash(3)
	expectNoAllocation(t, "a list", func() {
		_ = chain.MayAnnounce(ctx, in)
		_ = chain.MayAnnounce(ctx, out)
	})
}

func TestAChainAsksInOrderUntilOneRefuses(t *testing.T) {
	none := policy.NewAllowList(policy.NewTorrents(nil))
	bans := policy.NewBans(policy.BansOptions{})
	target, _ := policy.ParseTarget("192.0.2.1")
	bans.SetFile([]policy.Ban{{Target: target}})
	chain := policy.Chain{bans, none}
	expectCause(t, "announce", chain.MayAnnounce(t.Context(), request("192.0.2.1:1")), tracker.CauseBanned)
	expectCause(t, "announce", chain.MayAnnounce(t.Context(), request("192.0.2.2:1")), tracker.CauseUnlisted)
	scrape := tracker.ScrapeRequest{From: request("192.0.2.1:1").Peer.Addr(), Hashes: []infohash.T{hash(1)}}
	expectCause(t, "scrape", chain.MayScrape(t.Context(), scrape), tracker.CauseBanned)
	expectAdmitted(t, "an empty chain", policy.Chain{}.MayScrape(t.Context(), scrape))
}

func FuzzReadTorrents(f *testing.F) {
	f.Add([]byte(hash(1).String() + "\n# x\n\n"))
	f.Add([]byte(strings.Repeat("0", 64) + "#\r\n" + strings.Repeat("F", 40)))
	f.Add([]byte("\ufeff\n\x00\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		set, err := policy.ReadTorrents(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			if _, ok := errors.AsType[*policy.LineError](err); !ok {
				t.Errorf("%v names no line", err)
			}
			return
		}
		if set.Len() > len(file)/40+1 {
			t.Errorf("%d bytes hold %d torrents", len(file), set.Len())
		}
	})
}

func BenchmarkHasTenMillion(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	hashes := make([]infohash.T, 10_000_000)
	for i := range hashes {
		for j := 0; j < 16; j += 8 {
			v := rng.Uint64()
			for k := range 8 {
				hashes[i][j+k] = byte(v >> (8 * k))
			}
		}
	}
	asked := slices.Clone(hashes[:4096])
	list := policy.NewAllowList(policy.NewTorrents(hashes))
	r, i, ctx := request("192.0.2.1:1"), 0, b.Context()
	b.ReportAllocs()
	for b.Loop() {
		r.InfoHash = asked[i%len(asked)]
		_ = list.MayAnnounce(ctx, r)
		i++
	}
}

func BenchmarkReadAMillionTorrents(b *testing.B) {
	var file bytes.Buffer
	for i := range 1_000_000 {
		file.WriteString(hash(i).String())
		file.WriteByte('\n')
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.ReadTorrents(bytes.NewReader(file.Bytes()), int64(file.Len())); err != nil {
			b.Fatal(err)
		}
	}
}

// What the rules of a public tracker cost, beside none: the difference is theirs,
// the rest is the request that is passed.
func BenchmarkRulesOfAPublicTracker(b *testing.B) {
	bans := policy.NewBans(policy.BansOptions{})
	deny := policy.NewDenyList(policy.NewTorrents([]infohash.T{hash(9)}))
	for name, p := range map[string]tracker.Policy{
		"none": tracker.Open{}, "bans, limits, deny list": policy.Chain{bans, policy.NewLimits(policy.LimitsOptions{}), deny},
	} {
		b.Run(name, func(b *testing.B) {
			r, ctx := request("192.0.2.1:1"), b.Context()
			rng := rand.New(rand.NewPCG(1, 2))
			r.Time = time.Now()
			b.ReportAllocs()
			for b.Loop() {
				v := rng.Uint32() % 100_000
				r.Peer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(v >> 16), byte(v >> 8), byte(v)}), 1)
				_ = p.MayAnnounce(ctx, r)
			}
		})
	}
}
