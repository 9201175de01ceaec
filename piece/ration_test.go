package piece_test

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/piece"
)

// flow is a download in virtual time: each peer sends what it was asked for, in
// order and at its own rate, as soon as a request has reached it.
type flow struct {
	q      *piece.Queue
	memory *memory
	peers  []*sender
	now    float64 // seconds
	wasted int     // blocks that came twice
}

// sender is a peer in a flow.
type sender struct {
	key   piece.PeerKey
	rate  float64 // bytes/s
	sent  int     // blocks
	asked []piece.Block
	reach map[piece.Block]float64 // when the request reaches it
	sends piece.Block             // what it sends now
	due   float64                 // when that comes; 0 = it sends nothing
	vain  bool                    // it is not needed any more, but on its way
}

const flowRTT = 0.05 // seconds

// newFlow returns the download of 512 MiB from seeds of these rates.
func newFlow(t testing.TB, limit int, rates ...float64) *flow {
	m := &memory{limit: limit}
	f := &flow{q: newQueue(t, 512, 1<<20, m), memory: m}
	for n, rate := range rates {
		f.q.Gained(everything(f.q))
		f.peers = append(f.peers, &sender{key: piece.PeerKey(n + 1), rate: rate, reach: map[piece.Block]float64{}})
	}
	return f
}

// depth is how many blocks p is to be asked for, in the way of peer/session: one
// more with each block at first, then what covers the round trip and a second.
func (p *sender) depth() int {
	steady := int(p.rate*(1.5*flowRTT+1)/piece.BlockSize) + 1
	return max(4, min(16+p.sent, steady))
}

// fill lets p draw.
func (f *flow) fill(p *sender) {
	if len(p.asked) >= p.depth() {
		return
	}
	n := len(p.asked)
	p.asked = f.q.Next(p.key, everything(f.q), n, p.depth()-n, p.asked)
	for _, b := range p.asked[n:] {
		p.reach[b] = f.now + flowRTT
	}
}

// send begins to send the next block and reports whether there is one.
func (p *sender) send(now float64) bool {
	if p.due > 0 || len(p.asked) == 0 {
		return false
	}
	p.sends = p.asked[0]
	p.due = max(now, p.reach[p.sends]) + piece.BlockSize/p.rate
	return true
}

// run returns after how many seconds all is there.
func (f *flow) run(t testing.TB) float64 {
	t.Helper()
	line := &byDue{}
	wake := func(p *sender) {
		f.fill(p)
		if p.send(f.now) {
			heap.Push(line, p)
		}
	}
	for _, p := range f.peers {
		wake(p)
	}
	for !f.q.Done() {
		if line.Len() == 0 {
			t.Fatalf("nothing moves any more after %.1f s, with %d pieces left", f.now, f.q.Left())
		}
		p := heap.Pop(line).(*sender)
		f.now, p.due = p.due, 0
		stirred := f.come(p)
		wake(p)
		if stirred {
			for _, o := range f.peers {
				if len(o.asked) < o.depth() {
					wake(o)
				}
			}
		}
	}
	return f.now
}

// come takes the first block of p, and reports whether others may get something
// now.
func (f *flow) come(p *sender) (stirred bool) {
	b := p.sends
	if len(p.asked) == 0 || p.asked[0] != b {
		return false // it was taken back in time
	}
	p.asked = p.asked[1:]
	if p.vain {
		p.vain = false
		f.wasted++
		return false
	}
	p.sent++
	progress := f.q.Arrived(p.key, b)
	for _, key := range progress.Also {
		f.cancel(f.peers[key-1], b)
		stirred = true
	}
	if progress.Span {
		f.memory.used -= f.q.Layout().SpanLen(b.Span())
		stirred = true
	}
	if progress.Piece {
		f.q.Verified(b.Piece, true, nil)
	}
	return stirred
}

// cancel takes b back from p, unless it is on its way already.
func (f *flow) cancel(p *sender, b piece.Block) {
	n := slices.Index(p.asked, b)
	if n == 0 && b == p.sends && p.due > 0 && f.now > p.reach[b]-flowRTT/2 {
		p.vain = true
		return
	}
	p.asked = slices.Delete(p.asked, n, n+1)
}

// byDue is a heap of senders.
type byDue []*sender

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due < h[j].due }
func (h byDue) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byDue) Push(x any)        { *h = append(*h, x.(*sender)) }
func (h *byDue) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// rates returns n times rate, each up to a half more or less.
func rates(n int, rate float64) []float64 {
	rng := rand.New(rand.NewPCG(1, 17))
	all := make([]float64, n)
	for i := range all {
		all[i] = rate * (0.5 + rng.Float64())
	}
	return all
}

// The slow peers of these swarms come first. When each is asked for as much as its
// pipeline holds, they keep the memory that the fast ones need, and the downloads
// take up to 80 times as long.
func TestSlowPeersDoNotKeepMemoryFromFastOnes(t *testing.T) {
	for _, c := range []struct {
		name  string
		rates []float64
		limit float64 // times what all line rates together would take
	}{
		{"2 fast ones among 50", append(rates(50, 10e3), 50e6, 50e6), 1.5},
		{"2 fast ones among 200", append(rates(200, 10e3), 50e6, 50e6), 1.5},
		{"20 good ones among 200", append(rates(200, 10e3), rates(20, 6e6)...), 1.5},
		{"10 fast ones among 100 good ones", append(rates(100, 100e3), rates(10, 10e6)...), 1.5},
		{"20 of the same kind", rates(20, 6e6), 1.5},
		{"200 of the same kind", rates(200, 500e3), 1.5},
		{"500 of the same kind", rates(500, 200e3), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlow(t, 24<<20, c.rates...)
			all := 0.0
			for _, rate := range c.rates {
				all += rate
			}
			size := float64(f.q.Layout().Total())
			took, wasted := f.run(t), float64(f.wasted)*piece.BlockSize/size
			t.Logf("took %.1f s, at line rate %.1f s; %.1f %% came twice", took, size/all, wasted*100)
			if took > c.limit*size/all {
				t.Errorf("took %.1f s, at line rate %.1f s", took, size/all)
			}
			if wasted > 0.1 {
				t.Errorf("%.1f %% came twice", wasted*100)
			}
		})
	}
}

// Also when there are so many slow peers that memory does not suffice for a few
// blocks each, fast ones must get in, though it takes them some time.
func TestFastPeersGetInWhenSlowOnesOutnumberTheMemory(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory int
		rates  []float64
		limit  float64 // seconds
	}{
		{"2 among 1000", 24 << 20, append(rates(1000, 10e3), 50e6, 50e6), 90},        // 250 s without the ration
		{"1 among 300, little memory", 12 << 20, append(rates(300, 10e3), 50e6), 90}, // 495 s
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlow(t, c.memory, c.rates...)
			took := f.run(t)
			t.Logf("took %.1f s", took)
			if took > c.limit {
				t.Errorf("took %.1f s", took)
			}
		})
	}
}

// When memory was short for a moment, the ration must grow back.
func TestTheRationGrowsBack(t *testing.T) {
	m := &memory{limit: 2 * piece.SpanSize}
	q := newQueue(t, 2000, piece.SpanSize, m)
	all := everything(q)
	var asked []piece.Block
	for round := range 200 {
		if round == 20 {
			m.limit = 1 << 30
		}
		asked = q.Next(1, all, len(asked), 1000-len(asked), asked)
		sent := asked
		asked = nil
		for _, b := range sent {
			if p := q.Arrived(1, b); p.Span {
				m.used -= q.Layout().SpanLen(b.Span())
			}
		}
		if round >= 20 && len(sent) == 1000 {
			t.Logf("grown back after %d rounds", round-20)
			return
		}
	}
	t.Error("the ration did not grow back")
}

func TestAccountsOfPeersThatAreGoneAreClosed(t *testing.T) {
	q := newQueue(t, 100, piece.SpanSize, &memory{limit: 1 << 30})
	all := everything(q)
	for p := range piece.PeerKey(1000) {
		for _, b := range q.Next(p+10, all, 0, 2, nil) {
			q.Return(p+10, b)
		}
	}
	if q.Accounts() < 1000 {
		t.Fatalf("%d accounts", q.Accounts())
	}
	q.Next(2, all, 0, 2, nil) // one that is asked for something all the time
	q.Credit(1, (piece.IdleMax+2)*piece.EpochMax)
	if q.Accounts() > 2 {
		t.Errorf("%d accounts are left", q.Accounts())
	}
	sound(t, q)
}

func TestANewcomerIsAskedForMoreWithEachBlockThatComes(t *testing.T) {
	q := newQueue(t, 100, piece.SpanSize, &memory{limit: 1 << 30})
	all, asked := everything(q), []piece.Block(nil)
	const newcomer = 9
	for sent := range piece.ProvenBlocks {
		asked = append(asked, q.Next(newcomer, all, len(asked), 1000, nil)...)
		if want := piece.FirstBlocks + 2*sent; len(asked) != want {
			t.Fatalf("asked for %d blocks after %d came, want %d", len(asked), sent, want)
		}
		q.Arrived(newcomer, asked[0])
		asked = asked[1:]
	}
	if got := q.Next(newcomer, all, len(asked), 1000, nil); len(got) != 1000 {
		t.Errorf("asked for %d blocks, want as many as are free", len(got))
	}
}

// A peer that was fast and is slow now must not keep what it had a right to.
func TestAShareFollowsWhatWasSentLately(t *testing.T) {
	q := newQueue(t, 1000, piece.SpanSize, &memory{limit: 1 << 30})
	for p := range piece.PeerKey(2) {
		q.Next(p+1, everything(q), 0, 500, nil)
	}
	q.Refuse()
	q.Credit(1, 100_000)
	q.Credit(2, 100)
	fast, slow, all := q.Allowed(1), q.Allowed(2), q.Ration()
	if fast < 5*slow || slow < 1 || fast > all {
		t.Fatalf("a fast peer may be asked for %d blocks, a slow one for %d, all for %d", fast, slow, all)
	}
	q.Credit(2, 20*piece.EpochMax)
	if late := q.Allowed(1); late > q.Ration()/8 {
		t.Errorf("the peer that was fast may still be asked for %d blocks of %d", late, q.Ration())
	}
}

// A disk that stalls fills memory with what waits for it. That is no reason to
// ask for next to nothing afterwards.
func TestTheRationDoesNotCollapseWhenTheDiskStalls(t *testing.T) {
	m := &memory{limit: 100 * piece.SpanSize}
	q := newQueue(t, 1000, piece.SpanSize, m)
	asked := q.Next(1, everything(q), 0, 10000, nil)
	before := q.Ration()
	for _, b := range asked { // all come, and nothing is written
		q.Arrived(1, b)
	}
	for range 100 {
		q.Next(1, everything(q), 0, 10000, nil)
	}
	if before > 100*piece.SpanBlocks || before < 80*piece.SpanBlocks || q.Ration() < before/2 {
		t.Errorf("a ration of %d became %d", before, q.Ration())
	}
	sound(t, q)
}
