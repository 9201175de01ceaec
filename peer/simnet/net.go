package simnet

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Network is what one host sees of a network: the operating system's for a real
// one, a *Host here.
type Network interface {
	// Listen accepts connections on addr; port 0 chooses one.
	Listen(ctx context.Context, addr netip.AddrPort) (net.Listener, error)
	// Dial connects to to. from is the address to come from; the zero Addr
	// leaves the choice to the network.
	Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

var _ Network = (*Host)(nil)

// Options describes a network. The zero value is one without delays.
type Options struct {
	// Seed of the jitter. The same seed and the same use give the same times.
	Seed uint64
	// Latency is how long a byte travels from any host to any other. Host
	// adds to it with SetLatency.
	Latency time.Duration
	// Jitter is the most that is added to the latency of each segment. Order is
	// kept all the same.
	Jitter time.Duration
	// Bandwidth is what each host can send and what it can receive, in bytes a
	// second each; 0 means no limit. Host has SetBandwidth to differ.
	Bandwidth int64
	// Window is how many bytes of each direction of a connection may be under
	// way or unread; 0 means DefaultWindow. A connection carries at most one
	// window per round trip.
	Window int
	// DialTimeout is how long a dial without an answer takes to fail; 0 means
	// DefaultDialTimeout.
	DialTimeout time.Duration
	// Backlog is how many connections a listener holds that were not accepted
	// yet; further ones are refused. 0 means DefaultBacklog.
	Backlog int
}

// What zero fields of Options mean.
const (
	DefaultWindow      = 256 << 10         // bytes
	DefaultDialTimeout = 127 * time.Second // what Linux takes to give up
	DefaultBacklog     = 128               // connections
)

func (o Options) withDefaults() Options {
	o.Window = cmp.Or(o.Window, DefaultWindow)
	o.DialTimeout = cmp.Or(o.DialTimeout, DefaultDialTimeout)
	o.Backlog = cmp.Or(o.Backlog, DefaultBacklog)
	return o
}

// Net is a network in memory. Its methods, and those of its hosts, listeners
// and connections, may be called from any goroutine.
type Net struct {
	opts Options

	mu         sync.Mutex // guards everything below, and all hosts, links and connections
	closed     bool
	hosts      map[netip.Addr]*Host
	conns      map[*Conn]struct{} // established ends that were neither closed nor reset
	dials      map[*dial]struct{} // those under way
	partitions map[pair]*partition
	lastConn   uint64
	events     events
}

// New returns a network without hosts.
func New(opts Options) *Net {
	return &Net{
		opts:       opts.withDefaults(),
		hosts:      map[netip.Addr]*Host{},
		conns:      map[*Conn]struct{}{},
		dials:      map[*dial]struct{}{},
		partitions: map[pair]*partition{},
	}
}

// Host returns the host with that address. The first call makes it.
func (n *Net) Host(addr netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr = addr.Unmap()
	h := n.hosts[addr]
	if h == nil {
		h = &Host{
			net:       n,
			addr:      addr,
			up:        link{net: n, rate: n.opts.Bandwidth},
			down:      link{net: n, rate: n.opts.Bandwidth},
			listeners: map[uint16]*listener{},
		}
		n.hosts[addr] = h
	}
	return h
}

// Kill resets every connection between two hosts and returns how many there
// were.
func (n *Net) Kill(a, b netip.Addr) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	ends := n.ends(func(c *Conn) bool { return pairOf(c.host.addr, c.peer.host.addr) == pairOf(a, b) })
	killed := map[uint64]bool{}
	for _, c := range ends {
		killed[c.id] = true
		c.kill()
	}
	return len(killed)
}

// Close takes the network down: connections are reset, listeners closed,
// everything that waits returns, and nothing works from then on.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, c := range n.ends(func(*Conn) bool { return true }) {
		c.kill()
	}
	for _, h := range n.hosts {
		for _, l := range h.listeners {
			l.close()
		}
	}
	for d := range n.dials {
		d.finish(nil, net.ErrClosed)
	}
	n.events.stop()
}

// ends returns the established ends that match, in the order in which their
// connections came to be.
func (n *Net) ends(match func(*Conn) bool) []*Conn {
	var ends []*Conn
	for c := range n.conns {
		if match(c) {
			ends = append(ends, c)
		}
	}
	slices.SortFunc(ends, func(a, b *Conn) int {
		return cmp.Or(cmp.Compare(a.id, b.id), a.host.addr.Compare(b.host.addr), cmp.Compare(a.local.Port(), b.local.Port()))
	})
	return ends
}

// pair is two hosts in either order.
type pair [2]netip.Addr

func pairOf(a, b netip.Addr) pair {
	a, b = a.Unmap(), b.Unmap()
	if b.Less(a) {
		a, b = b, a
	}
	return pair{a, b}
}

// partition is what lies between two hosts that cannot reach each other.
type partition struct {
	held []func() // what should have arrived, in order
}

// Partition separates two hosts: nothing arrives any more, in either direction,
// and nobody is told. What is under way is held back too.
func (n *Net) Partition(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.partitions[pairOf(a, b)] == nil {
		n.partitions[pairOf(a, b)] = &partition{}
	}
}

// Heal ends a partition: what was held back arrives now, the rest as usual.
func (n *Net) Heal(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.partitions[pairOf(a, b)]
	if p == nil {
		return
	}
	delete(n.partitions, pairOf(a, b))
	for _, arrive := range p.held {
		arrive()
	}
}

// latency returns how long a byte travels between two hosts.
func (n *Net) latency(a, b *Host) time.Duration {
	if a == b {
		return 0
	}
	return n.opts.Latency + a.latency + b.latency
}

// arrive runs fn now, or when the partition between the two hosts is healed.
func (n *Net) arrive(a, b netip.Addr, fn func()) {
	if p := n.partitions[pairOf(a, b)]; p != nil {
		p.held = append(p.held, fn)
		return
	}
	fn()
}

// control sends a packet without data, which takes the latency and no
// bandwidth, and runs fn when it arrives.
func (n *Net) control(from *Host, to netip.Addr, fn func()) {
	d := n.opts.Latency + from.latency
	if h := n.hosts[to]; h != nil {
		d = n.latency(from, h)
	}
	n.after(d, func() { n.arrive(from.addr, to, fn) })
}
