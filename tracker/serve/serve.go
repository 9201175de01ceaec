// Package serve puts a whole tracker together: HTTP and UDP on one port number,
// a registry in memory, and the rules of package tracker.
//
//	server, err := serve.Listen(":6969", serve.Options{Log: log})
//	...
//	err = server.Run(ctx) // until ctx ends
package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
	"p2p/tracker/metrics"
	"p2p/tracker/udpfront"
)

// Options of a Server. The zero value is a good public tracker.
type Options struct {
	// Tracker holds the rules: intervals, limits, who may use it.
	Tracker tracker.Options
	// Store keeps the peers; one in memory when nil.
	Store tracker.Store
	// Proxies lists the networks of reverse proxies whose X-Forwarded-For is
	// believed; none when empty.
	Proxies []netip.Prefix
	// Loops is how many UDP sockets Listen opens, each with a loop of its own;
	// one for every core when zero. See Bind.
	Loops int
	// MaxConns is the most HTTP connections at a time, shared out among the listeners; 4096
	// for each of them when zero.
	MaxConns int
	// UDPKey is the secret of the connection ids of UDP; random when nil. With one
	// that is kept, clients need not notice a restart. See udpfront.Options.
	UDPKey []byte
	// Ready says for /readyz whether the tracker can serve; see
	// httpfront.Options.
	Ready func() error
	// Version and Nodes are for the pages; see httpfront.Options.
	Version string
	Nodes   func() []httpfront.Node
	// Mounts are other services on the ports for HTTP; see httpfront.Options.
	Mounts map[string]http.Handler
	// Figures are on the page for Prometheus, beside those of the tracker itself.
	Figures []metrics.Figure
	// Log gets what happens to the tracker; nothing is logged when nil.
	Log *zap.Logger
}

// Server is a tracker with its sockets open. Run and Close end it; the other
// methods may be called by any goroutine at any time.
type Server struct {
	sockets Sockets
	service *tracker.Service
	http    []*httpfront.Front // one for each of sockets.HTTP
	udp     []*udpfront.Front  // one for each of sockets.UDP
	admin   http.Handler       // for sockets.Admin
	log     *zap.Logger
}

// Listen opens the sockets at addr, as Bind does, and returns a Server for them.
func Listen(addr string, o Options) (*Server, error) {
	sockets, err := Bind(o.Loops, addr)
	if err != nil {
		return nil, fmt.Errorf("tracker: %w", err)
	}
	return New(sockets, o)
}

// New returns a Server for sockets, which it owns from now on, also when it
// fails. Requests wait in them until Run is called. The caller must call Run or
// Close.
func New(sockets Sockets, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Store == nil {
		o.Store = memory.New(memory.Options{})
	}
	if o.UDPKey == nil {
		o.UDPKey = make([]byte, udpfront.KeySize)
		rand.Read(o.UDPKey)
	}
	s := &Server{sockets: sockets, service: tracker.New(o.Store, o.Tracker), log: o.Log}
	if len(sockets.HTTP)+len(sockets.UDP) == 0 {
		return nil, errors.New("tracker: no socket to listen on")
	}
	s.openHTTP(o)
	for _, c := range sockets.UDP {
		front, err := udpfront.New(c, s.service, udpfront.Options{Key: o.UDPKey, Now: o.Tracker.Now, Log: o.Log})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("tracker: %w", err), s.Close())
		}
		s.udp = append(s.udp, front)
	}
	return s, nil
}

// leastConns is what a listener, and an address, may have in any case: behind one
// address, there can be many clients.
const leastConns = 64

// openHTTP makes the fronts for HTTP and the pages. Clients do not get /metrics,
// whoever sees the pages: it is about the machine too, and no page is more work.
func (s *Server) openHTTP(o Options) {
	front := httpfront.Options{
		Proxies: o.Proxies, HidePages: s.sockets.Admin != nil, Ready: o.Ready, Version: o.Version, Nodes: o.Nodes, Mounts: o.Mounts,
		Log: o.Log,
	}
	if o.MaxConns > 0 {
		front.MaxConns = max(leastConns, o.MaxConns/max(1, len(s.sockets.HTTP)))
		front.MaxConnsPerAddr = max(leastConns, front.MaxConns/8)
	}
	for range s.sockets.HTTP {
		s.http = append(s.http, httpfront.New(s.service, front))
	}
	if s.sockets.Admin != nil {
		front.Metrics = metrics.Handler(s.service, o.Version, o.Figures...)
		s.admin = httpfront.New(s.service, front).AdminHandler()
	}
}

// Addr returns where the tracker listens: the address of its first socket, which
// with Listen is that of both protocols.
func (s *Server) Addr() netip.AddrPort {
	if all := s.Addrs(); len(all) > 0 {
		return all[0]
	}
	return netip.AddrPort{}
}

// Addrs returns where the tracker listens for clients, without repetitions.
func (s *Server) Addrs() []netip.AddrPort {
	var all []netip.AddrPort
	add := func(a net.Addr) {
		// A listener that was handed over may be no TCP socket.
		at, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return
		}
		at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	for _, l := range s.sockets.HTTP {
		add(l.Addr())
	}
	for _, c := range s.sockets.UDP {
		add(c.LocalAddr())
	}
	return all
}

// Service returns the tracker behind the sockets, for announces from within the
// process and for its statistics.
func (s *Server) Service() *tracker.Service { return s.service }

// Run serves until ctx ends, then answers what it has begun and what the system
// has received for it, closes the sockets and returns nil. It is called once. It
// fails when a socket does.
func (s *Server) Run(ctx context.Context) error {
	addresses := zap.Stringers("addresses", s.Addrs())
	s.log.Info("tracker started", addresses, zap.Int("udp_sockets", len(s.udp)))
	// The service outlives the fronts, so that a front never meets one that
	// has stopped.
	serviceCtx, stopService := context.WithCancel(context.WithoutCancel(ctx))
	var service errgroup.Group
	service.Go(func() error { return s.service.Run(serviceCtx, s.log) })

	fronts, frontsCtx := errgroup.WithContext(ctx)
	for i, f := range s.http {
		fronts.Go(func() error { return f.Serve(frontsCtx, s.sockets.HTTP[i]) })
	}
	for _, f := range s.udp {
		fronts.Go(func() error { return f.Serve(frontsCtx) })
	}
	if l := s.sockets.Admin; l != nil {
		fronts.Go(func() error { return httpfront.ServeAdmin(frontsCtx, l, s.admin, s.log) })
	}
	if l := s.sockets.Profiles; l != nil {
		fronts.Go(func() error { return httpfront.ServeAdmin(frontsCtx, l, httpfront.Pprof(), s.log) })
	}
	err := fronts.Wait()
	stopService()
	err = errors.Join(err, service.Wait())
	if err != nil {
		return fmt.Errorf("tracker: %w", err)
	}
	s.log.Info("tracker stopped", addresses)
	return nil
}

// Close closes the sockets of a Server that was never run. A running one is
// ended by the context of Run.
func (s *Server) Close() error {
	if err := s.sockets.Close(); err != nil {
		return fmt.Errorf("tracker: close: %w", err)
	}
	return nil
}
