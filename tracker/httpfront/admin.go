package httpfront

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// ErrNotLoopback is the error of ListenLoopback for an address that other
// machines reach.
var ErrNotLoopback = errors.New("not a loopback address")

// ListenLoopback opens a listener for pages that nobody but this machine may
// see. Addr is "host:port" whose host is a loopback address or "localhost"; any
// other is refused with ErrNotLoopback before anything is opened.
func ListenLoopback(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the operator: %w", err)
	}
	if !loopback(host) {
		return nil, fmt.Errorf("listen for the operator on %s: %w", addr, ErrNotLoopback)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever a resolver may say
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen for the operator: %w", err)
	}
	return l, nil
}

// loopback reports whether host is an address of this machine alone.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// Pprof returns the pages of runtime profiles, at /debug/pprof/. They show what
// is in memory: only for a listener of ListenLoopback. Requests that name another
// host are refused, so that no web site can lead a browser on this machine to them.
func Pprof() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopback(host) {
			http.Error(w, "not for this host", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// adminConns is the most connections of ServeAdmin at a time.
const adminConns = 64

// ServeAdmin serves an operator's pages on a listener of their own until ctx
// ends, then closes l and returns nil. Answers may take their time, as a profile
// does. Log gets trouble; nothing is logged when nil.
func ServeAdmin(ctx context.Context, l net.Listener, pages http.Handler, logger *zap.Logger) error {
	if logger == nil {
		logger = zap.NewNop()
	}
	server := &http.Server{
		Handler:        pages,
		ReadTimeout:    readTimeout,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: maxHead,
		ErrorLog:       log.New(errorLog{logger}, "", 0),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if server.Shutdown(limit) != nil {
			_ = server.Close() // a profile takes longer
		}
	})
	err := server.Serve(newLimited(l, adminConns))
	if stop() {
		_ = server.Close()
		return fmt.Errorf("serve the operator: %w", err)
	}
	<-stopped
	return nil
}
