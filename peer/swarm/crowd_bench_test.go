package swarm_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/swarm"
	"p2p/peer/wire"
	"p2p/piece"
)

// The swarm in which decisions are measured. Its torrent is 25 GB large.
const (
	throngPeers  = 1000
	throngPieces = 100_000
	throngHaves  = 1000 // have messages that come in a second
)

// throng is a Core with many peers, who send what they are asked for.
type throng struct {
	core   *swarm.Core
	layout piece.Layout
	rng    *rand.Rand
	now    time.Time
	asked  map[piece.PeerKey][]piece.Block
	keys   []piece.PeerKey
	haves  int // messages to peers that a piece is here
}

// newThrong lets a tenth of the peers be seeds, and the rest have about half.
func newThrong(b *testing.B) *throng {
	l, err := piece.NewLayout(throngPieces*piece.SpanSize, piece.SpanSize)
	if err != nil {
		b.Fatal(err)
	}
	wanted := piece.NewBitfield(throngPieces)
	wanted.SetAll()
	t := &throng{layout: l, rng: rand.New(rand.NewPCG(1, 3)), now: epoch, asked: make(map[piece.PeerKey][]piece.Block)}
	t.core = swarm.NewCore(swarm.Config{
		PeerID: [20]byte{1}, Layout: l, Have: piece.NewBitfield(throngPieces), Wanted: wanted, MaxPeers: throngPeers, Rand: t.rng,
	})
	for n := range throngPeers {
		var id [20]byte
		binary.BigEndian.PutUint32(id[:], uint32(n+2))
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), 40000)
		key, err := t.core.Join(t.now, swarm.Candidate{Addr: addr, ID: id, Fast: true, Ext: true})
		if err != nil {
			b.Fatal(err)
		}
		t.keys = append(t.keys, key)
		t.hear(key, t.holdings(n))
		t.hear(key, wire.Message{ID: wire.Unchoke})
	}
	return t
}

func (t *throng) holdings(n int) wire.Message {
	if n%10 == 0 {
		return wire.Message{ID: wire.HaveAll}
	}
	bits := make([]byte, throngPieces/8)
	for i := range bits {
		bits[i] = byte(t.rng.Uint32())
	}
	return wire.Message{ID: wire.Bitfield, Payload: bits}
}

func (t *throng) hear(key piece.PeerKey, m wire.Message) {
	t.core.Handle(t.now, key, m)
	t.settle()
}

// settle ends a round of the Loop and does what the Core wants done.
func (t *throng) settle() {
	t.core.Settle(t.now)
	var stored []piece.Index
	for _, e := range t.core.Effects() {
		switch {
		case e.Kind == swarm.Store:
			stored = append(stored, e.Span.Piece)
		case e.Kind == swarm.Do && e.Event.Kind == session.Ask:
			t.asked[e.Peer] = append(t.asked[e.Peer], e.Event.Block)
		case e.Kind == swarm.Do && e.Event.Kind == session.Send && e.Event.Msg.ID == wire.Have:
			t.haves++
		}
	}
	for _, i := range stored {
		t.core.Verified(t.now, i, true, nil)
		t.settle()
	}
}

// deliver lets a peer send up to four blocks, and returns how many it sent.
func (t *throng) deliver(key piece.PeerKey) int {
	n := min(4, len(t.asked[key]))
	for _, block := range t.asked[key][:n] {
		t.core.Arrived(t.now, key, block, true)
	}
	t.asked[key] = t.asked[key][n:]
	t.core.Fill(t.now, key)
	t.settle()
	return n
}

// second is one second of a download at rate bytes per second.
func (t *throng) second(rate int) {
	for tick := range 2 {
		for blocks := rate / piece.BlockSize * tick / 2; blocks < rate/piece.BlockSize*(tick+1)/2; {
			blocks += t.deliver(t.keys[t.rng.IntN(throngPeers)])
		}
		for range throngHaves / 2 {
			key := t.keys[t.rng.IntN(throngPeers)]
			t.hear(key, wire.Message{ID: wire.Have, Index: uint32(t.rng.IntN(throngPieces))})
		}
		t.now = t.now.Add(swarm.TickEvery)
		t.core.Tick(t.now)
		t.settle()
	}
}

// BenchmarkThrong measures all that is decided in one second of a download from
// 1,000 peers, of a torrent of 100,000 pieces: the picker, the sessions, the choker,
// the have messages that come, and those that go to everybody for each piece.
func BenchmarkThrong(b *testing.B) {
	for name, rate := range map[string]int{"12.5MB": 12.5e6, "125MB": 125e6} {
		b.Run(name, func(b *testing.B) {
			t := newThrong(b)
			for range 3 {
				t.second(rate)
			}
			t.haves = 0
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if t.core.Queue().Done() {
					b.Fatal("everything is here: take a smaller -benchtime")
				}
				t.second(rate)
			}
			b.ReportMetric(100*b.Elapsed().Seconds()/float64(b.N), "%core")
			b.ReportMetric(float64(t.haves)/float64(b.N), "haves/op")
		})
	}
}
