package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/cluster"
	"p2p/tracker/ledger"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// place is a peer of a torrent.
type place struct {
	hash infohash.T
	addr netip.AddrPort
}

// content returns all peers of a node, and whether they are seeds.
func content(t *testing.T, n *cluster.Node) map[place]bool {
	t.Helper()
	all := make(map[place]bool)
	for i := range memory.Parts {
		err := n.Store().Part(i, time.Unix(0, 0), func(peers []memory.Peer) error {
			for _, p := range peers {
				all[place{p.Swarm, p.Addr}] = p.Seed
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// awaitEqual waits until nodes have the same peers.
func awaitEqual(t *testing.T, nodes ...*cluster.Node) {
	t.Helper()
	for _, n := range nodes[1:] {
		eventually(t, "the nodes have the same peers", func() bool { return maps.Equal(content(t, n), content(t, nodes[0])) })
	}
}

func TestAPeerAnnouncedAtOneNodeIsHandedOutByTheOthers(t *testing.T) {
	t.Parallel()
	nodes := three(t, nil)
	for i, n := range nodes {
		announce(t, n, leech(i, time.Now()))
		for _, other := range nodes {
			if other != n {
				eventually(t, "the peer is handed out", func() bool { return knows(t, other, storetest.Addr4(i)) })
			}
		}
	}
	gone := leech(0, time.Now())
	gone.Event = wire.Stopped
	announce(t, nodes[2], gone) // where it never announced
	for _, n := range nodes {
		eventually(t, "the peer is not handed out any more", func() bool { return !knows(t, n, storetest.Addr4(0)) })
	}
}

// Each peer is with one node and tells it one thing after the other; the nodes
// end up with what the peers said last.
func TestNodesConvergeOnWhatPeersSaidLast(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	nodes := threeOver(t, natsServer(t), func(o *cluster.Options) { o.Now = frozen })
	want := make(map[place]bool)
	for range 20_000 {
		i := rng.IntN(900)
		a := tracker.Announce{InfoHash: storetest.Hash(i % 50), Peer: storetest.Addr4(i), Time: storetest.Start, Seed: rng.IntN(2) == 0}
		if i%4 == 0 {
			a.Peer = storetest.Addr6(i)
		}
		if rng.IntN(4) == 0 {
			a.Event = wire.Stopped
		}
		announce(t, nodes[i%3], a)
		delete(want, place{a.InfoHash, a.Peer})
		if a.Event != wire.Stopped {
			want[place{a.InfoHash, a.Peer}] = a.Seed
		}
	}
	for _, n := range nodes {
		eventually(t, "the node has what the peers said", func() bool { return maps.Equal(content(t, n), want) })
		if dropped := n.Counters().DeltasDropped.Load(); dropped > 0 {
			t.Errorf("%d deltas were dropped", dropped)
		}
	}
}

func TestANodeThatJoinsLateKnowsEverybody(t *testing.T) {
	t.Parallel()
	url := natsServer(t)
	const peers = 30_000
	now := time.Now()
	first := start(t, cluster.Options{NATS: url, Label: "first"})
	for i := range peers {
		announce(t, first, tracker.Announce{
			InfoHash: storetest.Hash(i % 300), Peer: storetest.Addr4(i), Seed: i%2 == 0, Time: now.Add(-time.Duration(i%1800) * time.Second),
		})
	}
	second := start(t, cluster.Options{NATS: url, Label: "second"})
	awaitReady(t, []*cluster.Node{first, second})
	if got := len(content(t, second)); got != peers {
		t.Errorf("it knows %d peers of %d", got, peers)
	}
	awaitEqual(t, first, second)
	// Ages have travelled: what is old there is old here.
	before := now.Add(-15 * time.Minute)
	want, err := first.Store().Expire(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	got, err := second.Store().Expire(t.Context(), before)
	if err != nil || got < want-peers/100 || got > want+peers/100 { // those of a second or two, for time goes on
		t.Errorf("%d peers expire, %v; with the first node %d", got, err, want)
	}
}

// What waits to be written comes with a sync: the clock stands still, so nothing
// gets into the ledger.
func TestANodeThatJoinsLateKnowsWhatIsNotInTheLedgerYet(t *testing.T) {
	t.Parallel()
	url := natsServer(t)
	const peers = 3000
	first := start(t, cluster.Options{NATS: url, Label: "first", Now: frozen})
	for i := range peers {
		announce(t, first, tracker.Announce{
			InfoHash: storetest.Hash(i % 300), Peer: storetest.Addr4(i), Seed: true, Event: wire.Completed, Time: frozen(),
		})
	}
	second := start(t, cluster.Options{NATS: url, Label: "second", Now: frozen})
	awaitReady(t, []*cluster.Node{first, second})
	sum := 0
	for i := range 300 {
		c, err := second.Store().Scrape(t.Context(), []infohash.T{storetest.Hash(i)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sum += c[0].Completed
	}
	if sum != peers {
		t.Errorf("it counts %d completions of %d", sum, peers)
	}
}

func TestNodesThatLostTheirServerCatchUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gate := newGate(t)
	run := func() *server.Server {
		s := startNATS(t, dir)
		gate.lead(s.Addr().String())
		return s
	}
	s := run()
	nodes := threeOver(t, "nats://"+gate.addr(), nil)
	announce(t, nodes[0], leech(0, time.Now()))
	awaitEqual(t, nodes[:]...)
	gone := leech(0, time.Now())

	gate.lead("")
	s.Shutdown()
	s.WaitForShutdown()
	eventually(t, "the nodes notice", func() bool { return nodes[0].Ready() != nil })
	gone.Event = wire.Stopped
	announce(t, nodes[0], gone)
	for i := 1; i < 100; i++ {
		announce(t, nodes[i%3], leech(i, time.Now()))
	}
	eventually(t, "what cannot be sent is dropped", func() bool { return nodes[0].Counters().DeltasDropped.Load() > 0 })
	run()
	awaitReady(t, nodes[:])
	eventually(t, "everybody is known, and who left has left", func() bool { return len(content(t, nodes[1])) == 99 })
	awaitEqual(t, nodes[:]...)
}

func TestCompletionsAreCountedOnceAndForEver(t *testing.T) {
	t.Parallel()
	url := natsServer(t)
	var name string
	nodes := threeOver(t, url, func(o *cluster.Options) { name = o.Name })
	const peers = 200
	for i := range peers {
		a := leech(i, time.Now())
		for _, n := range nodes { // as a client does that announces to all trackers of a torrent
			announce(t, n, a)
		}
		a.Event, a.Seed = wire.Completed, true
		for _, n := range nodes {
			announce(t, n, a)
		}
	}
	count := func(n *cluster.Node) int {
		c, err := n.Store().Scrape(t.Context(), []infohash.T{storetest.Hash(0)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c[0].Completed
	}
	written := func() (sum uint64) {
		for _, n := range nodes {
			sum += n.Counters().Completions.Load()
		}
		return sum
	}
	eventually(t, "all completions are in the ledger", func() bool { return written() == peers })
	late := start(t, cluster.Options{NATS: url, Name: name})
	for _, n := range append(nodes[:], late) {
		eventually(t, "every node says how many have finished", func() bool { return count(n) == peers })
	}
}

func TestALoneNodeKeepsItsLedger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		n, err := cluster.Start(cluster.Options{Dir: dir, Local: memory.New(memory.Options{})})
		if err != nil {
			t.Fatal(err)
		}
		b, err := n.Ledger().Bucket(t.Context(), "keys")
		if err != nil {
			t.Fatal(err)
		}
		for i := range round {
			if e, err := b.Get(t.Context(), fmt.Sprint(i)); err != nil || string(e.Value) != "value" {
				t.Errorf("round %d: %+v, %v", round, e, err)
			}
		}
		if _, err := b.Create(t.Context(), fmt.Sprint(round), []byte("value")); err != nil {
			t.Error(err)
		}
		a := leech(round, time.Now())
		announce(t, n, a)
		a.Event, a.Seed = wire.Completed, true
		eventually(t, "the node is ready", func() bool { return n.Ready() == nil })
		if got := announce(t, n, a).Completed; got != round+1 {
			t.Errorf("round %d: %d have finished", round, got)
		}
		if err := n.Close(); err != nil { // writes the completion at once
			t.Error(err)
		}
	}
}

func TestALoneTrackerTakesItsLedgerIntoTheCluster(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), natsServer(t)
	alone := start(t, cluster.Options{Dir: dir})
	keys, err := alone.Ledger().Bucket(t.Context(), "keys")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := keys.Create(t.Context(), fmt.Sprint("key-", i), []byte("alone")); err != nil {
			t.Fatal(err)
		}
	}
	alone.Close()
	other := start(t, cluster.Options{NATS: url})
	if keys, err = other.Ledger().Bucket(t.Context(), "keys"); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Create(t.Context(), "key-0", []byte("cluster")); err != nil {
		t.Fatal(err)
	}
	start(t, cluster.Options{NATS: url, Dir: dir})
	eventually(t, "the cluster has all entries", func() bool {
		all, err := ledger.All(t.Context(), keys)
		return err == nil && len(all) == 20
	})
	if e, err := keys.Get(t.Context(), "key-0"); err != nil || string(e.Value) != "cluster" {
		t.Errorf("what the cluster had is now %q, %v", e.Value, err)
	}
	eventually(t, "the old ledger is put away", func() bool {
		_, err := os.Stat(filepath.Join(dir, "alone"))
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestWhoDoesNotKnowTheSecretDoesNotJoin(t *testing.T) {
	t.Parallel()
	o := cluster.Options{Listen: "127.0.0.1:0", Dir: t.TempDir(), Secret: secret}
	a := start(t, o)
	join := []string{a.Addr().String()}
	stranger := start(t, cluster.Options{Listen: "127.0.0.1:0", Dir: t.TempDir(), Join: join, Secret: []byte("another secret of at least 32 bytes")})
	open := start(t, cluster.Options{Listen: "127.0.0.1:0", Dir: t.TempDir(), Join: join})
	friend := start(t, cluster.Options{Listen: "127.0.0.1:0", Dir: t.TempDir(), Join: join, Secret: append([]byte("\n "), secret...)})
	eventually(t, "the friend is in", func() bool { return alive(a) == 1 && alive(friend) == 1 })
	if alive(a) != 1 || alive(stranger) != 0 || alive(open) != 0 {
		t.Errorf("%d have joined; the stranger sees %d and who has no secret %d", alive(a), alive(stranger), alive(open))
	}
}

func TestOptionsThatAreUnsafeOrMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		o    cluster.Options
		want error
	}{
		"open to the world":    {cluster.Options{Listen: "0.0.0.0:0", Dir: "d"}, cluster.ErrNoSecret},
		"all addresses":        {cluster.Options{Listen: ":0", Dir: "d"}, cluster.ErrNoSecret},
		"a name":               {cluster.Options{Listen: "tracker.example:0", Dir: "d"}, cluster.ErrNoSecret},
		"a short secret":       {cluster.Options{Listen: "127.0.0.1:0", Dir: "d", Secret: []byte("short                                   ")}, cluster.ErrSecret},
		"no folder":            {cluster.Options{Listen: "127.0.0.1:0"}, cluster.ErrNoDir},
		"NATS and routes":      {cluster.Options{Listen: "127.0.0.1:0", Dir: "d", NATS: "nats://127.0.0.1"}, cluster.ErrOptions},
		"join without listen":  {cluster.Options{Join: []string{"127.0.0.1:1"}}, cluster.ErrOptions},
		"join without port":    {cluster.Options{Listen: "127.0.0.1:0", Dir: "d", Join: []string{"host"}}, cluster.ErrOptions},
		"no port":              {cluster.Options{Listen: "127.0.0.1:port", Dir: "d"}, cluster.ErrOptions},
		"a name with a star":   {cluster.Options{Name: "p2p.*"}, cluster.ErrOptions},
		"a label with a blank": {cluster.Options{Label: "a b"}, cluster.ErrOptions},
	} {
		if test.o.Dir != "" {
			test.o.Dir = filepath.Join(t.TempDir(), test.o.Dir)
		}
		test.o.Local = memory.New(memory.Options{})
		n, err := cluster.Start(test.o)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if n != nil {
			n.Close()
		}
	}
}

// What others write on the subject of a cluster does not harm its nodes.
func TestMessagesThatMakeNoSenseAreCountedAndIgnored(t *testing.T) {
	t.Parallel()
	url := natsServer(t)
	var name string
	nodes := threeOver(t, url, func(o *cluster.Options) { name = o.Name })
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	const messages = 200
	for range messages {
		b := make([]byte, rng.IntN(200))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if err := errors.Join(nc.Publish("p2p.tracker.1."+name, b), nc.Publish("p2p.tracker.1."+name+".sync."+nodes[0].Nodes()[0].ID, b)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they are counted", func() bool { return nodes[0].Counters().Ignored.Load() >= messages })
	announce(t, nodes[0], leech(1, time.Now()))
	awaitEqual(t, nodes[:]...)
}

// An announce does not wait for the network, whatever state that is in.
func TestAnnouncesAreAnsweredWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	n := start(t, cluster.Options{NATS: "nats://127.0.0.1:1"})
	for i := range 200_000 {
		announce(t, n, tracker.Announce{InfoHash: storetest.Hash(i), Peer: storetest.Addr4(i), Time: time.Now()})
	}
	if n.Ready() == nil {
		t.Error("the node calls itself ready")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Ledger().Bucket(ctx, "keys"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the ledger says %v", err)
	}
}

func TestANodeKeepsItsID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	read := func() string {
		n := start(t, cluster.Options{Dir: dir})
		defer n.Close()
		text, err := os.ReadFile(filepath.Join(dir, "node"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if first, second := read(), read(); first != second {
		t.Errorf("its id was %s and is %s", first, second)
	}
	if err := os.WriteFile(filepath.Join(dir, "node"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := cluster.Start(cluster.Options{Dir: dir, Local: memory.New(memory.Options{})}); err == nil {
		n.Close()
		t.Error("a node starts with an id that is not one")
	}
}
