package httpfront

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/httpwire"
)

// The limits of a connection. Announces are small and answered at once, so a
// client that needs longer is broken or wants to hold the connection.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = time.Minute
	maxHeader    = 16 << 10 // bytes of request line and headers; net/http adds 4 KiB
	stopTimeout  = 3 * time.Second
)

// Options of a Front. The zero value is useful.
type Options struct {
	// Proxies lists the networks of reverse proxies whose X-Forwarded-For is
	// believed; none when empty.
	Proxies []netip.Prefix
	// MaxConns is the most connections served at a time; 4096 when zero. Others
	// wait in the queue of the listener.
	MaxConns int
	// Log gets trouble, never what clients send; nothing is logged when nil.
	Log *zap.Logger
}

// Front answers the HTTP requests of one listener.
type Front struct {
	service *tracker.Service
	proxies proxies
	log     *zap.Logger
	server  *http.Server
	maxConn int
	scratch sync.Pool // of *scratch
}

// scratch is the memory that a request borrows.
type scratch struct {
	request tracker.Request // for Into
	hashes  []infohash.T
	counts  []tracker.Counts
	body    []byte
}

// New returns a Front for service.
func New(service *tracker.Service, o Options) *Front {
	f := &Front{service: service, proxies: o.Proxies, log: o.Log, maxConn: o.MaxConns}
	if f.log == nil {
		f.log = zap.NewNop()
	}
	if f.maxConn <= 0 {
		f.maxConn = 4096
	}
	f.scratch.New = func() any { return &scratch{hashes: make([]infohash.T, 0, httpwire.MaxScrape)} }
	f.server = &http.Server{
		Handler:        f.Handler(),
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(errorLog{f.log}, "", 0),
	}
	return f
}

// Serve answers the connections of l until ctx ends, then finishes the requests
// at hand, closes l and returns nil.
func (f *Front) Serve(ctx context.Context, l net.Listener) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := f.server.Shutdown(limit)
		if err != nil {
			err = f.server.Close() // somebody does not read the answer
		}
		stopped <- err
	})
	err := f.server.Serve(newLimited(l, f.maxConn))
	if stop() {
		f.server.Close()
		return fmt.Errorf("serve http: %w", err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stop http: %w", err)
	}
	return nil
}

// Handler returns the pages of the front, for a server of one's own.
func (f *Front) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /announce", f.serveAnnounce)
	mux.HandleFunc("GET /scrape", f.serveScrape)
	mux.HandleFunc("GET /{$}", f.servePage)
	mux.HandleFunc("GET /stats.json", f.serveStats)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeBody(w, "text/plain; charset=utf-8", []byte("ok\n"))
	})
	return mux
}

func (f *Front) serveAnnounce(w http.ResponseWriter, r *http.Request) {
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	body, err := f.announce(r, s)
	if err != nil {
		body = f.failure(err).AppendTo(s.body[:0])
	}
	s.body = body
	writeBody(w, "text/plain", body)
}

// announce appends the answer to an announce to s.body.
func (f *Front) announce(r *http.Request, s *scratch) ([]byte, error) {
	if r.URL.RawQuery == "" {
		return nil, errNoQuery
	}
	q, err := httpwire.ParseAnnounceRequest(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	source, err := f.proxies.source(r)
	if err != nil {
		return nil, err
	}
	request := tracker.Request{
		Transport:    tracker.HTTP,
		InfoHash:     q.InfoHash,
		PeerID:       q.PeerID,
		Key:          q.Key,
		Peer:         netip.AddrPortFrom(source, q.Port),
		Claimed:      claimed(q),
		Seed:         q.Left == 0,
		Event:        q.Event,
		Uploaded:     q.Uploaded,
		Downloaded:   q.Downloaded,
		NumWant:      q.NumWant,
		BothFamilies: true,
		Into:         s.request.Into,
	}
	response, err := f.service.Announce(r.Context(), request)
	if err != nil {
		return nil, err
	}
	s.request.Into = response.Peers
	return httpwire.AnnounceResponse{
		Interval:    response.Interval,
		MinInterval: response.MinInterval,
		Complete:    response.Seeders,
		Incomplete:  response.Leechers,
		Downloaded:  response.Completed,
		Peers:       response.Peers,
		ExternalIP:  source,
	}.AppendTo(s.body[:0], !q.NoCompact), nil
}

// claimed returns the one address that q says its peer has.
func claimed(q httpwire.AnnounceRequest) netip.Addr {
	for _, a := range []netip.Addr{q.IP, q.IPv4.Addr(), q.IPv6.Addr()} {
		if a.IsValid() {
			return a
		}
	}
	return netip.Addr{}
}

func (f *Front) serveScrape(w http.ResponseWriter, r *http.Request) {
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	body, err := f.scrape(r, s)
	if err != nil {
		body = f.failure(err).AppendTo(s.body[:0])
	}
	s.body = body
	writeBody(w, "text/plain", body)
}

// scrape appends the answer to a scrape to s.body.
func (f *Front) scrape(r *http.Request, s *scratch) ([]byte, error) {
	if r.URL.RawQuery == "" {
		return nil, errNoQuery
	}
	hashes, err := httpwire.ParseScrapeRequest(r.URL.RawQuery, s.hashes)
	if err != nil {
		return nil, err
	}
	source, err := f.proxies.source(r)
	if err != nil {
		return nil, err
	}
	counts, err := f.service.Scrape(r.Context(), tracker.ScrapeRequest{Transport: tracker.HTTP, From: source, Hashes: hashes, Into: s.counts})
	if err != nil {
		return nil, err
	}
	s.counts = counts
	response := httpwire.ScrapeResponse{Files: make([]httpwire.File, len(counts))}
	for i, c := range counts {
		response.Files[i] = httpwire.File{
			InfoHash: hashes[i], Complete: c.Seeders, Incomplete: c.Leechers, Downloaded: c.Completed,
		}
	}
	return response.AppendTo(s.body[:0]), nil
}

// errNoQuery is the answer to a person who opens the announce address.
var errNoQuery = errors.New("this address is for BitTorrent clients, which add parameters to it; people look at the page /")

// failure returns what the client is told about err: texts of this program only.
func (f *Front) failure(err error) *httpwire.Failure {
	if refusal, ok := errors.AsType[*tracker.Refusal](err); ok {
		return &httpwire.Failure{Reason: refusal.Reason, RetryIn: refusal.RetryIn, Never: refusal.Never}
	}
	_, bad := errors.AsType[*httpwire.BadRequest](err)
	if bad || errors.Is(err, errNoQuery) || errors.Is(err, errNoSource) {
		f.service.Counters().Malformed.Add(1)
		return &httpwire.Failure{Reason: err.Error()}
	}
	f.log.Error("request failed", zap.Error(err))
	return &httpwire.Failure{Reason: "internal error"}
}

// writeBody answers with a body of a known length.
func writeBody(w http.ResponseWriter, contentType string, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(http.StatusOK)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
}

// errorLog passes what net/http has to say on as a field, because it can
// contain what a client sent: fields are escaped, messages need not be.
type errorLog struct{ log *zap.Logger }

// Write implements io.Writer.
func (e errorLog) Write(line []byte) (int, error) {
	e.log.Debug("http server", zap.ByteString("text", bytes.TrimSpace(line)))
	return len(line), nil
}
