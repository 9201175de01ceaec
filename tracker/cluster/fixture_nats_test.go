package cluster_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"p2p/tracker/cluster"
)

// natsServer starts a NATS server as an operator would run one, and returns its URL.
func natsServer(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s.ClientURL()
}

var names atomic.Int32

// threeOver starts three nodes of a cluster of their own on a NATS server, and
// waits until they are ready.
func threeOver(t *testing.T, url string, edit func(*cluster.Options)) [3]*cluster.Node {
	t.Helper()
	var nodes [3]*cluster.Node
	name := fmt.Sprint("c", names.Add(1))
	for i := range nodes {
		o := cluster.Options{NATS: url, Name: name, Label: fmt.Sprint("node-", i)}
		if edit != nil {
			edit(&o)
		}
		nodes[i] = start(t, o)
	}
	awaitReady(t, nodes[:])
	return nodes
}

// awaitReady waits until nodes have found each other and are ready.
func awaitReady(t *testing.T, nodes []*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, "a node is ready", func() bool { return n.Ready() == nil && alive(n) == len(nodes)-1 })
	}
}

// alive is how many others a node knows to be there.
func alive(n *cluster.Node) (count int) {
	for _, m := range n.Nodes() {
		if m.Alive {
			count++
		}
	}
	return count
}
