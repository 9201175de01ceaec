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
)

// patience ends a test that hangs; no test measures with it.
const patience = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// start starts a node that ends with the test.
func start(t *testing.T, o cluster.Options) *cluster.Node {
	t.Helper()
	if o.Local == nil {
		o.Local = memory.New(memory.Options{})
	}
	n, err := cluster.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// secret is the secret of the clusters of the tests.
var secret = []byte("a secret of the tests that is long enough\n")

// three starts three nodes on loopback and waits until they are ready.
func three(t *testing.T, edit func(*cluster.Options)) [3]*cluster.Node {
	t.Helper()
	var nodes [3]*cluster.Node
	var join []string
	for i := range nodes {
		o := cluster.Options{Listen: "127.0.0.1:0", Join: join, Dir: t.TempDir(), Secret: secret, Label: fmt.Sprint("node-", i)}
		if edit != nil {
			edit(&o)
		}
		nodes[i] = start(t, o)
		join = append(join, nodes[i].Addr().String())
	}
	awaitReady(t, nodes[:])
	return nodes
}

// frozen is a clock for stores that are told the time of storetest.
func frozen() time.Time { return storetest.Start }

func leech(i int, at time.Time) tracker.Announce {
	return tracker.Announce{InfoHash: storetest.Hash(0), Peer: storetest.Addr4(i), Time: at}
}

// announce is Announce for what must not fail.
func announce(t *testing.T, n *cluster.Node, a tracker.Announce) tracker.Swarm {
	t.Helper()
	swarm, err := n.Store().Announce(t.Context(), a, 200)
	if err != nil {
		t.Fatal(err)
	}
	return swarm
}

// knows reports whether a node hands out a peer of the first torrent.
func knows(t *testing.T, n *cluster.Node, peer netip.AddrPort) bool {
	t.Helper()
	// Somebody asks who is in none of the lists, and is gone at once.
	stranger := leech(1<<20, time.Now())
	swarm := announce(t, n, stranger)
	for addr := range swarm.Peers.All() {
		if addr == peer {
			return true
		}
	}
	return false
}
