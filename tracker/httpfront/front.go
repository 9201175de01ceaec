package httpfront

import (
	"bytes"
	"log"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/httpwire"
)

// The limits of a connection. Announces are small and answered at once, so a
// client that needs longer is broken or wants to hold the connection.
const (
	readTimeout  = 5 * time.Second  // a TLS handshake with the first head, and every later head
	writeTimeout = 10 * time.Second // what net/http answers
	idleTimeout  = 15 * time.Second // a client has several torrents to announce, and then none for long
	proxyTimeout = 2 * time.Minute  // as idleTimeout, for listed proxies: longer than they keep a connection themselves
	stopTimeout  = 3 * time.Second
)

// Options of a Front. The zero value is useful.
type Options struct {
	// Proxies lists the networks of reverse proxies whose X-Forwarded-For is
	// believed; none when empty.
	Proxies []netip.Prefix
	// MaxConns is the most connections served at a time; 4096 when zero. While
	// all are taken, idle ones are closed, none is kept after its answer, and
	// others wait in the queue of the listener.
	MaxConns int
	// MaxConnsPerAddr is the most connections from one IPv4 address or one IPv6
	// network of 64 bits, listed proxies excepted; an eighth of MaxConns when
	// zero. Others are closed at once.
	MaxConnsPerAddr int
	// HidePages takes the pages for people and programs off the front: it then
	// answers clients and /healthz and /readyz alone. AdminHandler has them all.
	HidePages bool
	// Ready says for /readyz whether the tracker can serve; it is called for
	// each request, by any goroutine. Always ready when nil. The error is logged at
	// debug level, for anybody can ask, and told to nobody.
	Ready func() error
	// Version is that of the program, for the pages; they are silent about it when
	// empty.
	Version string
	// Nodes returns the other trackers of the same service, for the pages; there
	// are none when nil. It is called for each visit, by any goroutine.
	Nodes func() []Node
	// Metrics is what AdminHandler, and the front unless HidePages, has at
	// /metrics; nothing when nil.
	Metrics http.Handler
	// Mounts are other services on the same port, by what their paths begin with; none when nil. Whatever its
	// method, such a request comes through net/http, with the address of the client in RemoteAddr.
	Mounts map[string]http.Handler
	// Log gets trouble, never what clients send; nothing is logged when nil.
	Log *zap.Logger
}

// Front answers the HTTP requests of one listener.
type Front struct {
	service  *tracker.Service
	proxies  proxies
	ready    func() error
	log      *zap.Logger
	server   *http.Server // for what the fast loop does not understand
	handed   *handed      // where that server gets it from; set by Serve
	conns    *conns
	scratch  sync.Pool // of *scratch
	date     dateHeader
	stopping atomic.Bool
	hide     bool
	version  string
	nodes    func() []Node // nil for none
	metrics  http.Handler  // nil for none
	mounts   map[string]http.Handler
}

// New returns a Front for service.
func New(service *tracker.Service, o Options) *Front {
	f := &Front{service: service, proxies: o.Proxies, ready: o.Ready, log: o.Log, hide: o.HidePages,
		version: o.Version, nodes: o.Nodes, metrics: o.Metrics, mounts: o.Mounts}
	if f.log == nil {
		f.log = zap.NewNop()
	}
	// A store that fails, and a flood of bad handshakes, say the same thousands of
	// times a second.
	f.log = f.log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Second, 10, 1000)
	}))
	if f.ready == nil {
		f.ready = func() error { return nil }
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 4096
	}
	if o.MaxConnsPerAddr <= 0 {
		o.MaxConnsPerAddr = max(1, o.MaxConns/8)
	}
	f.conns = newConns(o.MaxConns, o.MaxConnsPerAddr, o.Proxies)
	f.scratch.New = func() any { return &scratch{hashes: make([]infohash.T, 0, httpwire.MaxScrape)} }
	f.server = &http.Server{
		Handler:        f.Handler(),
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		MaxHeaderBytes: maxHead, // net/http adds 4 KiB
		ErrorLog:       log.New(errorLog{f.log}, "", 0),
	}
	// What comes here is rare and asks for one thing: no place is kept for more.
	f.server.SetKeepAlivesEnabled(false)
	return f
}

// errorLog passes what net/http has to say on as a field, because it can
// contain what a client sent: fields are escaped, messages need not be.
type errorLog struct{ log *zap.Logger }

// Write implements io.Writer.
func (e errorLog) Write(line []byte) (int, error) {
	e.log.Debug("http server", zap.ByteString("text", bytes.TrimSpace(line)))
	return len(line), nil
}
