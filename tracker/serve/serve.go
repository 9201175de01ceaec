// Package serve puts a whole tracker together: HTTP and UDP on one port number,
// a registry in memory, and the rules of package tracker.
//
//	server, err := serve.Listen(":6969", serve.Options{Log: log})
//	...
//	err = server.Run(ctx) // until ctx ends
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
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
	// Log gets what happens to the tracker; nothing is logged when nil.
	Log *zap.Logger
}

// Server is a tracker with its sockets open. Run and Close end it; the other
// methods may be called by any goroutine at any time.
type Server struct {
	addr    netip.AddrPort
	tcp     *net.TCPListener
	udp     *net.UDPConn
	service *tracker.Service
	http    *httpfront.Front
	udpLoop *udpfront.Front
	log     *zap.Logger
}

// Listen opens the sockets at addr, "host:port" with an empty host for every
// address of the machine and port 0 for any free one. Requests wait in the
// sockets until Run is called. The caller must call Run or Close.
func Listen(addr string, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Store == nil {
		o.Store = memory.New(memory.Options{})
	}
	tcp, udp, err := bind(addr)
	if err != nil {
		return nil, fmt.Errorf("tracker: listen on %s: %w", addr, err)
	}
	s := &Server{
		addr:    unmapped(tcp.Addr().(*net.TCPAddr).AddrPort()),
		tcp:     tcp,
		udp:     udp,
		service: tracker.New(o.Store, o.Tracker),
		log:     o.Log,
	}
	s.http = httpfront.New(s.service, httpfront.Options{Proxies: o.Proxies, Log: o.Log})
	s.udpLoop, err = udpfront.New(udp, s.service, udpfront.Options{Now: o.Tracker.Now, Log: o.Log})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// bindAttempts is how many free ports are tried until one is free for both
// protocols.
const bindAttempts = 16

// bind opens both sockets on one port number. TCP goes first, because that is
// where ports are taken; when any port will do and UDP has the one that was found, the
// next is tried.
func bind(addr string) (*net.TCPListener, *net.UDPConn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	for attempt := 1; ; attempt++ {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, err
		}
		tcp := l.(*net.TCPListener)
		at := tcp.Addr().(*net.TCPAddr)
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
		if err == nil {
			return tcp, udp, nil
		}
		tcp.Close()
		if (port != "0" && port != "") || attempt == bindAttempts {
			return nil, nil, err
		}
	}
}

// Addr returns where the tracker listens, for both protocols.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Service returns the tracker behind the sockets, for announces from within the
// process and for its statistics.
func (s *Server) Service() *tracker.Service { return s.service }

// Run serves until ctx ends, then answers what it has begun, closes the sockets
// and returns nil. It is called once. It fails when a socket does.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("tracker started", zap.Stringer("address", s.addr))
	// The service outlives the fronts, so that a front never meets one that
	// has stopped.
	serviceCtx, stopService := context.WithCancel(context.WithoutCancel(ctx))
	var service errgroup.Group
	service.Go(func() error { return s.service.Run(serviceCtx, s.log) })

	fronts, frontsCtx := errgroup.WithContext(ctx)
	fronts.Go(func() error { return s.http.Serve(frontsCtx, s.tcp) })
	fronts.Go(func() error { return s.udpLoop.Serve(frontsCtx) })
	err := fronts.Wait()
	stopService()
	err = errors.Join(err, service.Wait())
	if err != nil {
		return fmt.Errorf("tracker: %w", err)
	}
	s.log.Info("tracker stopped", zap.Stringer("address", s.addr))
	return nil
}

// Close closes the sockets of a Server that was never run. A running one is
// ended by the context of Run.
func (s *Server) Close() error {
	err := errors.Join(s.tcp.Close(), s.udp.Close())
	if err != nil {
		return fmt.Errorf("tracker: close: %w", err)
	}
	return nil
}

// unmapped returns a without the disguise of an IPv4 address as an IPv6 one.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
