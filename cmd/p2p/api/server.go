package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/gofrs/flock"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/socket"
)

const (
	maxRequest = 1 << 20         // bytes of one message, also after it was decompressed
	maxHeaders = 64 << 10        // bytes
	farewell   = 3 * time.Second // for calls in progress when the node stops
	lockWait   = 3 * farewell    // for a node that ends
)

// Errors of Listen.
var (
	ErrRunning     = errors.New("a node of this profile is running")
	ErrNotLoopback = errors.New("the interface of a node is for this machine alone")
)

// Options are the parameters of Listen.
type Options struct {
	Profile string         // folder; made when it is not there
	Address netip.AddrPort // of the loopback network; the zero value where the socket will do
	Log     *zap.Logger    // nil for none
}

// Server answers for the node of a profile. It ends with Close.
type Server struct {
	profile string
	lock    *flock.Flock
	unix    net.Listener // nil where there are no such sockets
	tcp     net.Listener // nil when it is not needed
	token   string       // for tcp
	log     *zap.Logger
	use     use
}

// Listen takes the lock of a profile and opens its doors. Who comes is answered once Serve runs.
func Listen(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if err := os.MkdirAll(o.Profile, 0o700); err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	s := &Server{profile: o.Profile, lock: newLock(o.Profile, lockFile), token: rand.Text(), log: o.Log}
	if err := s.take(); err != nil {
		return nil, errors.Join(fmt.Errorf("profile %s: %w", o.Profile, err), s.lock.Close())
	}
	if err := s.open(o.Address); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// take takes the lock. Who holds it and does not answer is one that ends, or has looked whether there is a node.
func (s *Server) take() error {
	for end := time.Now().Add(lockWait); ; time.Sleep(pollEvery) {
		ok, err := s.lock.TryLock()
		if ok || err != nil {
			return err
		}
		if answers(s.profile) || time.Now().After(end) {
			return ErrRunning
		}
	}
}

// open makes the socket, and listens on address where that was asked for or is all that there is.
func (s *Server) open(address netip.AddrPort) (err error) {
	if address.IsValid() && !address.Addr().IsLoopback() {
		return fmt.Errorf("listen on %v: %w", address, ErrNotLoopback)
	}
	s.removeEndpoint() // of one that was killed
	if s.unix, err = socket.Listen(SocketPath(s.profile)); err != nil {
		s.unix = nil
		s.log.Info("no socket in the profile, so programs come over the loopback network", zap.Error(err))
		if !address.IsValid() {
			address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
		}
	}
	if !address.IsValid() {
		return nil
	}
	if s.tcp, err = net.Listen("tcp", address.String()); err != nil {
		s.tcp = nil
		return err
	}
	return endpoint{s.URL(), s.token}.write(s.profile)
}

// URL returns where the node answers on the loopback network, or "".
func (s *Server) URL() string {
	if s.tcp == nil {
		return ""
	}
	return "http://" + s.tcp.Addr().String()
}

func (s *Server) removeEndpoint() { os.Remove(filepath.Join(s.profile, endpointFile)) }

// Close shuts the doors and gives the profile free. It is called when the node has ended: whoever waits for that goes by it.
func (s *Server) Close() error { return errors.Join(s.shut(), s.lock.Close()) }

// shut shuts the doors.
func (s *Server) shut() error {
	var err error
	for _, l := range []net.Listener{s.unix, s.tcp} {
		if l == nil {
			continue
		}
		if e := l.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	if s.tcp != nil {
		s.removeEndpoint()
	}
	return err
}

// Serve lets node answer until ctx ends. Then streams end with UNAVAILABLE, calls in progress have three seconds, and the doors are shut; the
// profile stays taken until Close.
func (s *Server) Serve(ctx context.Context, node p2pv1connect.PeopleHandler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	handler := s.use.count(s.handler(ctx, node))
	var doors errgroup.Group
	open := func(l net.Listener, h http.Handler) {
		doors.Go(func() error {
			defer cancel() // one door without the other is no node
			return s.serve(ctx, l, h)
		})
	}
	if s.unix != nil {
		open(s.unix, handler)
	}
	if s.tcp != nil {
		open(s.tcp, guard(s.token, s.tcp.Addr(), handler))
	}
	return errors.Join(doors.Wait(), s.shut())
}

// serve answers on one listener.
func (s *Server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, Protocols: new(http.Protocols), MaxHeaderBytes: maxHeaders,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, // streams live as long as they like
		ErrorLog: log.New(errorLog{s.log}, "", 0),
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true) // gRPC
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		if server.Shutdown(limit) != nil {
			server.Close()
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the node: %w", err)
}

// handler returns what answers for node.
func (s *Server) handler(ctx context.Context, node p2pv1connect.PeopleHandler) http.Handler {
	options := connect.WithHandlerOptions(
		connect.WithReadMaxBytes(maxRequest),
		connect.WithCompressMinBytes(math.MaxInt), // what goes over a socket of this machine costs less as it is
		connect.WithInterceptors(streams{ctx}),
		connect.WithRecover(s.recovered),
	)
	mux := http.NewServeMux()
	mux.Handle(p2pv1connect.NewPeopleHandler(node, options, connect.WithCodec(strictNames[0]), connect.WithCodec(strictNames[1])))
	reflector := grpcreflect.NewStaticReflector(p2pv1connect.PeopleName)
	mux.Handle(grpcreflect.NewHandlerV1(reflector, options))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, options)) // what grpcurl and others still ask
	return mux
}

// recovered turns a panic of one call into an error of that call.
func (s *Server) recovered(_ context.Context, spec connect.Spec, _ http.Header, v any) error {
	s.log.Error("a call has panicked", zap.String("call", spec.Procedure), zap.Any("panic", v), zap.Stack("stack"))
	return Fail(connect.CodeInternal, Bug)
}

// errorLog puts what net/http has to say into the log.
type errorLog struct{ log *zap.Logger }

func (l errorLog) Write(b []byte) (int, error) {
	l.log.Debug("api", zap.ByteString("message", b))
	return len(b), nil
}
