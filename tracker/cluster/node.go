package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	// flushEvery is how long a delta waits for others at most.
	flushEvery = 100 * time.Millisecond
	// helloEvery is how often a node says that it is there, and what its last
	// batch was; goneAfter is when it is taken for gone.
	helloEvery = 500 * time.Millisecond
	goneAfter  = 3 * time.Second
	// farewell bounds what a node does when it stops.
	farewell = 3 * time.Second
	// maxUnread bounds what waits to be applied, in bytes; beyond, messages are
	// lost, which their numbers tell.
	maxUnread = 64 << 20
)

// Node is one tracker of a cluster, or one alone. All methods may be called by
// any goroutine.
type Node struct {
	opts     Options
	id       nodeID
	boot     uint64
	started  time.Time // by the machine's clock, as all of a Node's own times
	subject  string    // of what all nodes hear
	inside   *server.Server
	nc       *nats.Conn
	store    *Store
	ledger   *Ledger // nil without hard state
	counters Counters
	members  members
	synced   atomic.Bool
	seq      atomic.Uint64 // of the last batch
	trouble  atomic.Pointer[error]
	wake     chan struct{} // for the goroutine that syncs
	met      chan struct{} // for the one that publishes: somebody does not know this node yet

	cancel context.CancelFunc
	group  sync.WaitGroup
}

// Start starts a node. It does not wait for the others, nor for a NATS server
// elsewhere: Ready says when they are there. The caller must call Close.
func Start(o Options) (*Node, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	id, err := loadID(o.Dir)
	if err != nil {
		return nil, err
	}
	n := &Node{
		opts: o, id: id, started: time.Now(), boot: uint64(time.Now().UnixNano()),
		subject: fmt.Sprintf("p2p.tracker.%d.%s", version, o.Name), wake: make(chan struct{}, 1), met: make(chan struct{}, 1),
	}
	n.store = &Store{
		Store: o.Local, key: identityKey(o.Secret, o.Name), shared: o.shared(), now: o.Now, renew: o.PeerTTL / renewals,
		recent: newRecent(), outbox: newOutbox(), counters: &n.counters,
	}
	n.members.started = n.started
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// open opens what the options ask for, and starts the goroutines.
func (n *Node) open(ctx context.Context) error {
	if !n.opts.shared() && n.opts.Dir == "" {
		n.synced.Store(true)
		return nil // alone and without anything to keep: no server either
	}
	var inside []nats.Option
	if n.opts.NATS == "" {
		server, login, err := startServer(n.opts, n.id)
		if err != nil {
			return err
		}
		n.inside, inside = server, []nats.Option{nats.InProcessServer(server), login}
	}
	var err error
	if n.nc, err = connect(n.opts, n.natsError, inside...); err != nil {
		return err
	}
	if n.opts.Dir != "" || n.opts.NATS != "" {
		if err := n.openLedger(ctx); err != nil {
			return err
		}
	}
	if !n.opts.shared() {
		n.synced.Store(true)
		return nil
	}
	if err := n.listen(ctx); err != nil {
		return err
	}
	n.group.Go(func() { n.publish(ctx) })
	n.group.Go(func() { n.catchUp(ctx) })
	return nil
}

func (n *Node) openLedger(ctx context.Context) error {
	js, err := jetstream.New(n.nc)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	n.ledger = newLedger(js, n.opts.Name, n.replicas())
	n.store.completions = newCompletions(header{node: n.id, boot: n.boot}.incarnation(), n.opts.Log, &n.counters)
	n.setTrouble(errNotYet)
	n.group.Go(func() { n.store.completions.run(ctx, n.ledger, n.opts.Now) })
	n.group.Go(func() { n.attend(ctx) })
	if n.opts.shared() {
		n.group.Go(func() { n.moveIn(ctx) })
	}
	return nil
}

// Store returns the registry.
func (n *Node) Store() *Store { return n.store }

// Ledger returns the hard state, nil if the node keeps none.
func (n *Node) Ledger() *Ledger { return n.ledger }

// Counters returns the counters.
func (n *Node) Counters() *Counters { return &n.counters }

// Unwritten returns how many finished downloads this node knows that are not in
// the ledger yet. They are lost if all nodes that know them die now.
func (n *Node) Unwritten() int {
	if c := n.store.completions; c != nil {
		return c.unwritten()
	}
	return 0
}

// Addr returns where other nodes connect to, nil if nowhere.
func (n *Node) Addr() *net.TCPAddr {
	if n.inside == nil || n.opts.Listen == "" {
		return nil
	}
	return n.inside.ClusterAddr()
}

// Close tells the others what they have not heard yet, writes what waits for the
// ledger, and stops the node. The Store goes on as one in memory.
func (n *Node) Close() error {
	n.cancel()
	n.group.Wait()
	if n.nc == nil {
		n.stopServer()
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	var err error
	if c := n.store.completions; c != nil && c.synced.Load() {
		err = c.settle(ctx, n.opts.Now(), true)
	}
	if n.store.shared && n.nc.IsConnected() {
		n.store.outbox.flush()
		n.send()
		err = errors.Join(err, n.nc.FlushWithContext(ctx))
	}
	n.nc.Close()
	n.stopServer()
	if err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	return nil
}

func (n *Node) stopServer() {
	if n.inside != nil {
		n.inside.Shutdown()
		n.inside.WaitForShutdown()
	}
}

// publish sends what the outbox collects, and a hello now and then, until ctx
// ends.
func (n *Node) publish(ctx context.Context) {
	flush, greet := time.NewTicker(flushEvery), time.NewTicker(helloEvery)
	defer flush.Stop()
	defer greet.Stop()
	n.greet()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.store.outbox.full:
			n.send()
		case <-n.store.outbox.urgent:
			n.store.outbox.flush()
			n.send()
		case <-flush.C:
			n.store.outbox.flush()
			n.send()
		case <-n.met:
			n.greet()
		case <-greet.C:
			n.greet()
			n.store.recent.fit(n.peers())
		}
	}
}

// send publishes the batches that wait.
func (n *Node) send() {
	batches, lost, deltas := n.store.outbox.take()
	// Those that made way have numbers too, so that they are missed.
	n.seq.Add(lost)
	n.counters.DeltasDropped.Add(deltas)
	for _, b := range batches {
		h := header{kindDeltas, n.id, n.boot, n.seq.Add(1)}
		h.append(b[:0])
		if n.say(b) {
			n.counters.BatchesOut.Add(1)
		} else {
			n.counters.DeltasDropped.Add(uint64(len(b)-headerSize) / maxDelta)
		}
	}
	n.store.outbox.recycle(batches)
}

// say publishes a message for all nodes.
func (n *Node) say(b []byte) bool {
	if n.nc.Publish(n.subject, b) != nil {
		return false
	}
	n.counters.BytesOut.Add(uint64(len(b)))
	return true
}

// greet says hello. Only the goroutine that publishes calls it: a batch that came
// after the hello that counts it would be taken for one that was missed.
func (n *Node) greet() {
	t := n.store.Tally()
	m := hello{
		uptime: uint32(time.Since(n.started) / time.Second), peers: uint32(t.Seeders + t.Leechers), swarms: uint32(t.Swarms),
		synced: n.synced.Load(), label: n.opts.Label,
	}
	h := header{kindHello, n.id, n.boot, n.seq.Load()}
	n.say(m.append(h.append(nil)))
}

func (n *Node) peers() int {
	t := n.store.Tally()
	return t.Seeders + t.Leechers
}

// listen subscribes to what concerns this node.
func (n *Node) listen(ctx context.Context) error {
	all, err := n.nc.Subscribe(n.subject, func(m *nats.Msg) { n.receive(ctx, m.Data) })
	if err == nil {
		err = all.SetPendingLimits(-1, maxUnread)
	}
	if err != nil {
		return fmt.Errorf("listen to the other nodes: %w", err)
	}
	asked, err := n.nc.Subscribe(n.syncSubject(n.id), func(m *nats.Msg) { n.answer(ctx, m) })
	if err == nil {
		err = asked.SetPendingLimits(256, 1<<20)
	}
	if err != nil {
		return fmt.Errorf("listen to the other nodes: %w", err)
	}
	return nil
}

// receive takes in what another node says to all. NATS calls it for one message
// after the other.
func (n *Node) receive(ctx context.Context, b []byte) {
	n.counters.BytesIn.Add(uint64(len(b)))
	h, rest, ok := parseHeader(b)
	if !ok || h.kind != kindDeltas && h.kind != kindHello {
		n.counters.Ignored.Add(1)
		return
	}
	if h.node == n.id {
		n.twin(h)
		return
	}
	if h.kind == kindHello {
		m, ok := parseHello(rest)
		if !ok {
			n.counters.Ignored.Add(1)
			return
		}
		n.meet(h, m)
		return
	}
	if fresh, missed := n.members.batch(h, len(b), time.Now()); !fresh {
		return
	} else if missed {
		n.missed()
	}
	n.counters.BatchesIn.Add(1)
	n.applyAll(ctx, h.incarnation(), rest, told{})
}

// meet takes in a hello.
func (n *Node) meet(h header, m hello) {
	met := n.members.hello(h, m, time.Now(), n.opts.PeerTTL)
	if met.joined {
		n.opts.Log.Info("a node has joined", zap.String("node", h.node.String()), zap.String("label", m.label))
		signal(n.met) // so that it need not wait to know of this one
	}
	if met.missed {
		n.missed()
	}
	if met.stale {
		signal(n.wake)
	}
}

func (n *Node) missed() {
	n.counters.Gaps.Add(1)
	signal(n.wake)
}

// applyAll applies deltas and retolds up to the first that is malformed, and
// returns how many deltas they were.
func (n *Node) applyAll(ctx context.Context, from incarnation, b []byte, how told) (count int) {
	now := n.opts.Now()
	for ; len(b) > 0; count++ {
		if b = n.hearAgain(b, now); len(b) == 0 {
			return count
		}
		d, rest, ok := parseDelta(b)
		if !ok {
			n.counters.Ignored.Add(1)
			return count
		}
		n.store.apply(ctx, d, from, now, how)
		b = rest
	}
	return count
}

// twin is called for a message under this node's own id. Its own do not come
// back, so somebody runs with a copy of its data folder.
func (n *Node) twin(h header) {
	if h.boot != n.boot && n.members.twinSeen(time.Now()) {
		n.opts.Log.Error("another node runs with a copy of this node's data folder", zap.String("node", n.id.String()))
	}
}

// natsError is told what goes wrong on the connection.
func (n *Node) natsError(_ *nats.Conn, _ *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		n.counters.Slow.Add(1)
	}
	n.opts.Log.Debug("NATS", zap.Error(err))
}

// String returns the id as it is shown.
func (id nodeID) String() string { return fmt.Sprintf("%016x", uint64(id)) }
