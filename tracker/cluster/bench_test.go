package cluster_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"p2p/tracker"
	"p2p/tracker/cluster"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// crowd is the peers of the benchmarks, at most.
const crowd = 2_000_000

// Announces of peers that are all new, which is what most are at an interval of
// half an hour, and renewals, of which others are not told: alone, with two more
// nodes in the same process, so that the time is that of all three, and with
// the ledger.
func BenchmarkAnnounce(b *testing.B) {
	for _, nodes := range []int{0, 1, 3} {
		for _, renewals := range []bool{false, true} {
			name := fmt.Sprintf("nodes=%d/renewals=%v", nodes, renewals)
			if nodes == 0 {
				name = fmt.Sprintf("memory/renewals=%v", renewals)
			}
			b.Run(name, func(b *testing.B) { benchmarkAnnounce(b, nodes, renewals) })
		}
	}
}

func benchmarkAnnounce(b *testing.B, count int, renewals bool) {
	var store tracker.Store = memory.New(memory.Options{MaxMemory: 1 << 30})
	var nodes []*cluster.Node
	var join []string
	for i := range count {
		o := cluster.Options{Local: memory.New(memory.Options{MaxMemory: 1 << 30}), Dir: b.TempDir(), Secret: secret, Join: join}
		if count > 1 {
			o.Listen = "127.0.0.1:0"
		}
		n, err := cluster.Start(o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { n.Close() })
		if nodes = append(nodes, n); count > 1 {
			join = append(join, n.Addr().String())
		}
		if i == 0 {
			store = n.Store()
		}
	}
	for _, n := range nodes {
		for n.Ready() != nil || alive(n) != count-1 {
			<-time.After(10 * time.Millisecond)
		}
	}
	now, i := time.Now(), 0
	peers := crowd
	if renewals {
		peers = 10_000
	}
	into := wire.Peers{V4: make([]byte, 0, 300)}
	b.ReportAllocs()
	for b.Loop() {
		a := tracker.Announce{
			InfoHash: storetest.Hash(i % 1000), Time: now, Into: into,
			Peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i % peers >> 16), byte(i % peers >> 8), byte(i % peers)}), 6881),
		}
		if _, err := store.Announce(b.Context(), a, 30); err != nil {
			b.Fatal(err)
		}
		i++
	}
	if count > 1 {
		c := nodes[0].Counters()
		for !renewals && nodes[1].Counters().DeltasApplied.Load()+nodes[1].Counters().Full.Load()+c.DeltasDropped.Load() < c.DeltasMade.Load() && b.Elapsed() < time.Minute {
			<-time.After(10 * time.Millisecond)
		}
		b.ReportMetric(float64(c.BytesOut.Load())/float64(i), "B-out/op")
		b.ReportMetric(float64(c.DeltasDropped.Load())/float64(i), "dropped/op")
	}
}
