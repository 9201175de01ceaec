package httpfront

import (
	"context"
	"errors"
	"net/netip"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

// ask is an announce or a scrape as both servers hand it over: the fast loop
// and net/http.
type ask struct {
	action  action
	passkey tracker.Passkey
	query   string // without "?"
	// remote is the other end of the connection, forwarded the last
	// X-Forwarded-For.
	remote    netip.Addr
	forwarded []byte
}

// action is what the path of a request stands for.
type action int

const (
	noAction action = iota
	announce
	scrape
)

// route returns what path stands for: "/announce" or "/scrape", in front of
// which a passkey may stand.
func route[S string | []byte](path S) (action, tracker.Passkey) {
	passkey := tracker.PasskeyOf(path)
	if passkey != (tracker.Passkey{}) {
		path = path[1+tracker.PasskeySize:]
	}
	switch string(path) {
	case "/announce":
		return announce, passkey
	case "/scrape":
		return scrape, passkey
	}
	return noAction, tracker.Passkey{}
}

// scratch is the memory that a request borrows.
type scratch struct {
	peers  wire.Peers
	hashes []infohash.T
	counts []tracker.Counts
	body   []byte
	out    []byte // responses of the fast loop, whole
}

// answer returns the body of the answer to a, in the memory of s.
func (f *Front) answer(ctx context.Context, a ask, s *scratch) []byte {
	from, err := f.proxies.source(a.remote, a.forwarded)
	switch {
	case err != nil:
	case a.query == "":
		err = errNoQuery
	case a.action == scrape:
		err = f.scrape(ctx, a, from, s)
	default:
		err = f.announce(ctx, a, from, s)
	}
	if err != nil {
		s.body = f.failure(err).AppendTo(s.body[:0])
	}
	return s.body
}

// announce puts the answer to an announce into s.body.
func (f *Front) announce(ctx context.Context, a ask, from netip.Addr, s *scratch) error {
	q, err := httpwire.ParseAnnounceRequest(a.query)
	if err != nil {
		return err
	}
	response, err := f.service.Announce(ctx, tracker.Request{
		Transport:    tracker.HTTP,
		Passkey:      a.passkey,
		InfoHash:     q.InfoHash,
		PeerID:       q.PeerID,
		Key:          q.Key,
		Peer:         netip.AddrPortFrom(from, q.Port),
		Claimed:      claimed(&q),
		Seed:         q.Left == 0,
		Event:        q.Event,
		Uploaded:     q.Uploaded,
		Downloaded:   q.Downloaded,
		NumWant:      q.NumWant,
		BothFamilies: true,
		Into:         s.peers,
	})
	if err != nil {
		return err
	}
	s.peers = response.Peers
	s.body = httpwire.AnnounceResponse{
		Interval:    response.Interval,
		MinInterval: response.MinInterval,
		Complete:    response.Seeders,
		Incomplete:  response.Leechers,
		Downloaded:  response.Completed,
		Peers:       response.Peers,
		ExternalIP:  from,
	}.AppendTo(s.body[:0], !q.NoCompact)
	return nil
}

// claimed returns the one address that q says its peer has.
func claimed(q *httpwire.AnnounceRequest) netip.Addr {
	for _, a := range [...]netip.Addr{q.IP, q.IPv4.Addr(), q.IPv6.Addr()} {
		if a.IsValid() {
			return a
		}
	}
	return netip.Addr{}
}

// scrape puts the answer to a scrape into s.body.
func (f *Front) scrape(ctx context.Context, a ask, from netip.Addr, s *scratch) error {
	hashes, err := httpwire.ParseScrapeRequest(a.query, s.hashes)
	if err != nil {
		return err
	}
	s.hashes = hashes
	counts, err := f.service.Scrape(ctx, tracker.ScrapeRequest{
		Transport: tracker.HTTP, Passkey: a.passkey, From: from, Hashes: hashes, Into: s.counts,
	})
	if err != nil {
		return err
	}
	s.counts = counts
	s.body = httpwire.AppendScrapeStart(s.body[:0])
	for i, c := range counts {
		s.body = httpwire.File{
			InfoHash: hashes[i], Complete: c.Seeders, Incomplete: c.Leechers, Downloaded: c.Completed,
		}.AppendTo(s.body)
	}
	s.body = httpwire.AppendScrapeEnd(s.body)
	return nil
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
