package metadata_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/metadata"
	"p2p/peer/wire"
)

func TestTheDictionaryIsFetchedFromOnePeer(t *testing.T) {
	for _, n := range []int{1, 100, block, block + 1, 20*block + 3} {
		dict := dictionary(n, 1)
		h := newHunt(t, dict)
		p := h.honest(dict)
		h.run(time.Minute)
		if !bytes.Equal(h.found, dict) {
			t.Fatalf("%d bytes: not found", n)
		}
		if want := (n + block - 1) / block; p.got != want {
			t.Errorf("%d requests for %d pieces", p.got, want)
		}
	}
}

func TestTheWorkIsShared(t *testing.T) {
	dict := dictionary(60*block, 1)
	h := newHunt(t, dict)
	for range 4 {
		h.honest(dict)
	}
	h.run(time.Minute)
	if !bytes.Equal(h.found, dict) {
		t.Fatal("not found")
	}
	for i, p := range h.prey {
		if p.got < 5 || p.got > 30 {
			t.Errorf("peer %d got %d of 60 requests", i, p.got)
		}
	}
}

func TestAPeerHasFewRequestsOutstanding(t *testing.T) {
	h := newHunt(t, dictionary(60*block, 1))
	p := h.joins(60*block, silent)
	if len(p.Sent) == 0 || len(p.Sent) > 3 {
		t.Errorf("%d requests at once", len(p.Sent))
	}
}

func TestAPeerThatIsSilentDoesNotHoldTheOthersUp(t *testing.T) {
	dict := dictionary(10*block, 1)
	h := newHunt(t, dict)
	h.joins(len(dict), silent)
	h.honest(dict)
	h.run(10 * time.Second)
	if h.found == nil {
		t.Error("not found within 10 s")
	}
}

func TestAPeerThatLiesAloneIsFoundOut(t *testing.T) {
	dict, lie := dictionary(5*block, 1), dictionary(5*block, 2)
	h := newHunt(t, dict)
	liar := h.honest(lie)
	h.run(time.Minute)
	if h.found != nil || liar.err == nil {
		t.Fatalf("the liar goes on: %v", liar.err)
	}
	h.honest(dict)
	h.run(time.Minute)
	if !bytes.Equal(h.found, dict) {
		t.Error("not found")
	}
	got := liar.got // it comes back from the same address
	liar.Peer = &exttest.Peer{Number: 99, From: liar.From, Says: liar.Says}
	liar.handler = h.instance.Attach(h.now, liar.Peer)
	h.run(time.Minute)
	if liar.got != got {
		t.Error("the liar was asked again")
	}
}

// Among those who share a draft the liar is not known; then each is asked for
// all of it.
func TestALiarAmongHonestPeersIsFoundOutAndTheyAreNot(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := (1+rng.IntN(12))*block + rng.IntN(block)
		dict, lie := dictionary(n, 1), dictionary(n, 2)
		h := newHunt(t, dict)
		liars, honest := 1+rng.IntN(3), 1+rng.IntN(3)
		kinds := append(make([]bool, honest), make([]bool, liars)...)
		for i := range liars {
			kinds[i] = true
		}
		rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, lies := range kinds {
			if !lies {
				h.honest(dict)
				continue
			}
			often := 1 + rng.IntN(4)
			h.joins(n, func(i int) []string {
				if rng.IntN(often) == 0 {
					return []string{answer(lie, i)}
				}
				return []string{answer(dict, i)}
			})
		}
		h.run(5 * time.Minute)
		if !bytes.Equal(h.found, dict) {
			t.Fatalf("seed %d: not found among %v", seed, kinds)
		}
		for i, lies := range kinds {
			if !lies && h.prey[i].err != nil {
				t.Fatalf("seed %d: an honest peer is blamed: %v", seed, h.prey[i].err)
			}
		}
	}
}

func TestAPeerThatSendsAnotherLengthIsCutOff(t *testing.T) {
	dict := dictionary(2*block+9, 1)
	good := answer(dict, 0)
	for name, reply := range map[string]string{
		"too short":     good[:len(good)-1],
		"too long":      good + "x",
		"empty":         good[:len(good)-block],
		"another total": fmt.Sprintf("d8:msg_typei1e5:piecei0e10:total_sizei%dee", len(dict)+1) + string(dict[:block]),
	} {
		h := newHunt(t, dict)
		p := h.joins(len(dict), func(i int) []string { return []string{reply} })
		h.run(2 * time.Second)
		if p.err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPiecesThatNobodyAskedForAreDropped(t *testing.T) {
	dict := dictionary(3*block, 1)
	h := newHunt(t, dict)
	p := h.joins(len(dict), silent)
	for i := range 3 {
		p.handler.Handle(h.now, []byte(answer(dict, i)))
	}
	if h.found == nil {
		t.Fatal("what was asked for is not taken")
	}
	h = newHunt(t, dict)
	p = h.joins(0, silent) // claims nothing, sends everything
	for i := range 3 {
		if err := p.handler.Handle(h.now, []byte(answer(dict, i))); err != nil {
			t.Error(err)
		}
	}
	if h.found != nil {
		t.Error("taken unasked")
	}
}

// rain 8e7be84: a metadata_size that is huge was a remote denial of service.
func TestAClaimCostsNothing(t *testing.T) {
	dict := dictionary(3*block, 1)
	h := newHunt(t, dict)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 30 {
		h.joins(30<<20-i, silent)
		h.joins(1<<30, silent)
		h.joins(-5, silent)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes allocated for claims", grown)
	}
	for _, p := range h.prey {
		if size := p.Says.MetadataSize; (size <= 0 || size > 30<<20) && len(p.Sent) > 0 {
			t.Errorf("asked a peer that claims %d bytes", size)
		}
	}
}

// Peers that claim much and send nearly all of it neither fill the memory nor
// keep a shorter dictionary from being fetched.
func TestLongLiesDoNotStarveAShortTruth(t *testing.T) {
	dict := dictionary(20*block, 1)
	h := newHunt(t, dict)
	zeros := string(make([]byte, block))
	var held int64
	for i := range 5 {
		size := 30<<20 - i*block
		last := size/block - 1
		h.joins(size, func(piece int) []string {
			if piece >= last-1 {
				return nil
			}
			held += block
			return []string{fmt.Sprintf("d8:msg_typei1e5:piecei%de10:total_sizei%dee", piece, size) + zeros}
		})
	}
	h.run(20 * time.Second)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 90<<20 {
		t.Errorf("%d MiB held for lies", m.HeapAlloc>>20)
	}
	h.honest(dict)
	h.run(20 * time.Second)
	if !bytes.Equal(h.found, dict) {
		t.Errorf("not found beside %d MiB of lies", held>>20)
	}
}

func TestASizeThatIsToldLaterCounts(t *testing.T) {
	dict := dictionary(3*block, 1)
	h := newHunt(t, dict)
	p := h.honest(dict)
	p.Says.MetadataSize = 0
	h.leaves(p)
	p.Peer = &exttest.Peer{Number: 2, From: p.From, Says: p.Says}
	p.handler = h.instance.Attach(h.now, p.Peer)
	h.run(2 * time.Second)
	if p.got != 0 {
		t.Error("asked before it has any")
	}
	p.Says.MetadataSize = int64(len(dict))
	p.Peer.Says.MetadataSize = int64(len(dict))
	h.run(10 * time.Second)
	if h.found == nil {
		t.Error("not found")
	}
}

func FuzzFetch(f *testing.F) {
	dict := dictionary(2*block+5, 1)
	f.Add([]byte(answer(dict, 0)), int64(len(dict)))
	f.Add([]byte(answer(dict, 2)), int64(len(dict)))
	f.Add([]byte(reject(1)), int64(1))
	f.Add([]byte(request(1)), int64(-1))
	f.Fuzz(func(t *testing.T, payload []byte, size int64) {
		i := metadata.Extension{}.Open(ext.Torrent{FoundInfo: func([]byte) { t.Fatal("found") }})
		p := &exttest.Peer{
			Number: 1, From: netip.MustParseAddrPort("10.0.0.1:6881"),
			Says: wire.ExtHandshake{MetadataSize: size},
		}
		h := i.Attach(noon, p)
		for range 3 {
			if h.Handle(noon, payload) != nil {
				break
			}
			i.(ext.Ticker).Tick(noon)
		}
		if len(p.Sent) > 20 {
			t.Errorf("%d messages", len(p.Sent))
		}
		h.Detach()
	})
}
