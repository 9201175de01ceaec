package cluster_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"p2p/tracker/cluster"
)

// natsServer starts a NATS server as an operator would run one, and returns its URL.
func natsServer(t *testing.T) string {
	t.Helper()
	return startNATS(t, t.TempDir()).ClientURL()
}

// startNATS starts a NATS server that keeps its data in dir and ends with the test.
func startNATS(t *testing.T, dir string) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

// gate is an address that stays while what is behind it ends and starts anew: a port that is given back may be
// another's by then.
type gate struct {
	l  net.Listener
	to atomic.Value // string: where connections lead; "" = nowhere
}

func newGate(t *testing.T) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{l: l}
	g.lead("")
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { l.Close() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { g.pass(c) })
		}
	})
	return g
}

func (g *gate) addr() string   { return g.l.Addr().String() }
func (g *gate) lead(to string) { g.to.Store(to) }

// pass carries a connection until one of its ends closes it.
func (g *gate) pass(c net.Conn) {
	defer c.Close()
	to := g.to.Load().(string)
	if to == "" {
		return
	}
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	var up sync.WaitGroup
	up.Go(func() {
		io.Copy(s, c)
		s.Close()
	})
	io.Copy(c, s)
	c.Close()
	up.Wait()
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
