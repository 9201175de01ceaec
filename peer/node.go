package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"go.uber.org/zap"

	"p2p/peer/announce"
	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/link"
	"p2p/peer/punch"
	"p2p/piece/store"
	"p2p/torrentfile/infohash"
)

// Errors of a Node.
var (
	ErrClosed = errors.New("the node is closed")
	ErrAdded  = errors.New("the torrent is there already")
)

// outShare is the part of Options.Memory that blocks on their way out may take beside
// those on their way in.
const outShare = 4

// Node is a peer: a listener, a dialler and torrents. Its methods may be called
// from any goroutine.
type Node struct {
	opt       Options
	id        [20]byte
	listener  net.Listener
	addr      netip.AddrPort
	memory    *store.Memory
	line      *store.Line
	down, up  *link.Limiter
	payloads  *link.Payloads
	trackers  *announce.Client
	announces *announce.Scheduler
	log       *zap.Logger

	stop     context.CancelFunc
	wg       sync.WaitGroup // accept loop, handshakes, dials
	doorstep doorstep       // who called and is in the handshake
	dialling chan struct{}
	holes    holes

	mu         sync.Mutex
	swarms     map[infohash.T]*Swarm
	gatherings map[infohash.T]*Gathering
	sleepers   map[infohash.T]*Sleeper
	awake      map[*Sleeper]*awake
	sent       int64      // payload of torrents that were awake and are not
	visits     []visit    // that wait
	visiting   int        // goroutines that make them
	visitor    func()     // is one of them
	rng        *rand.Rand // seeds of torrents
	closed     bool
}

// Open binds the listener and starts to accept. The error wraps
// syscall.EADDRINUSE when the port is taken.
func Open(o Options) (*Node, error) {
	if o.Network == nil {
		o.Network = tcp{}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Seed == 0 {
		o.Seed = randomSeed()
	}
	if err := ext.Check(o.Extensions); err != nil {
		return nil, fmt.Errorf("open node: %w", err)
	}
	if o.MaxAwake <= 0 {
		o.MaxAwake = DefaultMaxAwake
	}
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := o.Network.Listen(ctx, o.Listen)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("listen for peers: %w", err)
	}
	n := &Node{
		opt: o, id: newPeerID(), listener: ln, addr: addrPort(ln.Addr()),
		memory: store.NewMemory(o.Memory), line: store.NewLine(o.Workers),
		down: link.NewLimiter(o.DownLimit), up: link.NewLimiter(o.UpLimit), payloads: link.NewPayloads(cmp.Or(o.Memory, store.DefaultMemory) / outShare),
		log: o.Log, stop: cancel,
		dialling: make(chan struct{}, maxGreeting), holes: holes{open: make(map[spot]*hole), trails: make(map[spot]*punch.Trail)},
		swarms: make(map[infohash.T]*Swarm), gatherings: make(map[infohash.T]*Gathering),
		sleepers: make(map[infohash.T]*Sleeper), awake: make(map[*Sleeper]*awake), rng: rand.New(rand.NewPCG(o.Seed, 1)),
	}
	n.trackers = announce.New(announce.Options{
		Local: o.Listen.Addr(), UserAgent: o.Client, Log: o.Log, AskOnWhenAlone: true, Dial: toTrackers(o), Back: n.back,
	})
	n.announces = n.trackers.NewScheduler()
	n.visitor = func() { n.makeVisits(ctx) }
	n.wg.Go(func() { n.accept(ctx) })
	n.wg.Go(func() { n.announces.Run(ctx) })
	n.declineUTP(ctx)
	return n, nil
}

// Addr returns where peers reach the Node.
func (n *Node) Addr() netip.AddrPort { return n.addr }

// Memory returns the budget that the torrents share.
func (n *Node) Memory() *store.Memory { return n.memory }

// SetLimits changes Options.DownLimit and UpLimit, at once: nobody waits any more
// because of the old ones. 0 = no limit.
func (n *Node) SetLimits(down, up int64) {
	n.down.SetRate(down)
	n.up.SetRate(up)
}

// Limits returns the limits that hold.
func (n *Node) Limits() (down, up int64) { return n.down.Rate(), n.up.Rate() }

// Close ends everything: it keeps what is verified, tells the trackers, as long
// as ctx allows, and waits for all that the Node started. It may be called more
// than once. The error is that of files that could not be kept.
func (n *Node) Close(ctx context.Context) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	all, sleepers := n.swarms, slices.Collect(maps.Values(n.sleepers))
	n.swarms, n.sleepers = nil, nil
	rooms := n.rooms()
	n.mu.Unlock()

	n.stop()
	n.listener.Close()
	errs := make(chan error, len(all))
	for _, s := range all {
		go func() { errs <- s.close(ctx) }()
	}
	closeRooms(ctx, rooms)
	closeSleepers(ctx, sleepers)
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	n.wg.Wait()
	n.line.Close()
	return err
}

// has reports whether h is taken. The caller holds n.mu.
func (n *Node) has(h infohash.T) bool {
	return n.swarms[h] != nil || n.gatherings[h] != nil || n.sleepers[h] != nil
}

// meet returns who takes connections for info-hash h, and what to call when one
// has been handed over, or was not. A torrent that sleeps is woken. device is who
// calls, zero for a plain peer; who is not let in is told no more than that there is
// nothing here.
func (n *Node) meet(ctx context.Context, h infohash.T, device identity.Key) (meeting, func(), error) {
	n.mu.Lock()
	swarm, gathering, sleeper := n.swarms[h], n.gatherings[h], n.sleepers[h]
	n.mu.Unlock()
	switch {
	case swarm != nil:
		return swarm.loop, func() {}, swarm.door.check(device)
	case gathering != nil:
		return gathering.lobby, func() {}, gathering.door.check(device)
	case sleeper != nil:
		loop, err := sleeper.enter(ctx)
		return loop, sleeper.leave, err
	}
	return nil, nil, fmt.Errorf("no torrent %v here", h)
}
