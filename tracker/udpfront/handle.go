package udpfront

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// maxAnswer is the longest answer, in bytes: with the headers of IPv6 and UDP it
// fits into 1280 bytes, which every IPv6 network carries in one piece.
const maxAnswer = 1232

// request is a packet with what is known about it.
type request struct {
	packet []byte
	from   netip.AddrPort // not IPv4-mapped
	now    time.Time
}

// handler answers requests, one at a time. It knows no sockets.
type handler struct {
	service  *tracker.Service
	counters *tracker.Counters // its own, of those of service
	ids      *connectionIDs
	now      func() time.Time
	log      *zap.Logger
	logged   time.Time // when trouble was logged last

	// Memory that every packet uses again.
	hashes []infohash.T
	peers  wire.Peers
	totals []tracker.Counts
	counts []udpwire.Counts
	url    [maxPacket]byte
}

func newHandler(service *tracker.Service, o Options) (*handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	ids, err := newConnectionIDs(o.Key)
	if err != nil {
		return nil, fmt.Errorf("key of connection ids: %w", err)
	}
	return &handler{
		service: service, counters: service.NewCounters(), ids: ids, now: o.Now, log: o.Log,
		hashes: make([]infohash.T, 0, udpwire.MaxScrape),
		counts: make([]udpwire.Counts, 0, udpwire.MaxScrape),
	}, nil
}

// handle appends the answer to r to out, or nothing. With maxAnswer bytes of
// room in out it does not allocate.
func (h *handler) handle(ctx context.Context, out []byte, r request) []byte {
	// The length is checked before ParseHeader does it, which would make an error
	// for every packet of a flood.
	if len(r.packet) < udpwire.HeaderSize || r.from.Port() == 0 {
		h.counters.Malformed.Add(1)
		return out
	}
	header, err := udpwire.ParseHeader(r.packet)
	if err != nil {
		return out
	}
	if header.Action == udpwire.Connect {
		if header.ConnectionID != udpwire.ProtocolID {
			h.counters.Malformed.Add(1)
			return out
		}
		h.counters.Connects.Add(1)
		id := h.ids.issue(r.now, r.from.Addr())
		return udpwire.ConnectResponse{TransactionID: header.TransactionID, ConnectionID: id}.AppendTo(out)
	}
	// BEP 15: "The tracker verifies the connection_id and ignores the request if
	// it doesn't match." An error packet would go to whoever was impersonated.
	if !h.ids.valid(header.ConnectionID, r.now, r.from.Addr()) {
		h.counters.Unverified.Add(1)
		return out
	}
	answer := out
	switch header.Action {
	case udpwire.Announce:
		answer, err = h.announce(ctx, out, r)
	case udpwire.Scrape:
		answer, err = h.scrape(ctx, out, r)
	default:
		err = errUnknownAction
	}
	if err != nil {
		return udpwire.ErrorResponse{TransactionID: header.TransactionID, Message: h.message(err, r.now)}.AppendTo(out)
	}
	return answer
}

// The errors of packets that verified clients send are made once: who sends many
// of them is not to cost an allocation each.
var (
	errUnknownAction = fmt.Errorf("%w: unknown action", udpwire.ErrMalformed)
	errShortAnnounce = fmt.Errorf("%w: announce request of less than 98 bytes", udpwire.ErrMalformed)
	errEmptyScrape   = fmt.Errorf("%w: scrape request without an info-hash", udpwire.ErrMalformed)
)

// announce appends the answer to an announce.
func (h *handler) announce(ctx context.Context, out []byte, r request) ([]byte, error) {
	if len(r.packet) < udpwire.AnnounceRequestSize {
		return nil, errShortAnnounce
	}
	a, err := udpwire.ParseAnnounceRequest(r.packet)
	if err != nil {
		return nil, err
	}
	family := wire.FamilyOf(r.from.Addr())
	request := tracker.Request{
		Transport:  tracker.UDP,
		InfoHash:   a.InfoHash,
		PeerID:     a.PeerID,
		Key:        a.Key,
		Peer:       netip.AddrPortFrom(r.from.Addr(), a.Port),
		Seed:       a.Left == 0,
		Event:      a.Event,
		Uploaded:   int64(min(a.Uploaded, math.MaxInt64)),
		Downloaded: int64(min(a.Downloaded, math.MaxInt64)),
		NumWant:    int(a.NumWant),
		Room:       (maxAnswer - udpwire.AnnounceResponseSize) / family.PeerSize(),
		Into:       h.peers,
		Time:       r.now,
		Counters:   h.counters,
	}
	if a.IP != [4]byte{} {
		request.Claimed = netip.AddrFrom4(a.IP)
	}
	if len(a.Options) > tracker.PasskeySize {
		request.Passkey = tracker.PasskeyOf(a.URLData(h.url[:0]))
	}
	response, err := h.service.Announce(ctx, request)
	if err != nil {
		return nil, err
	}
	h.peers = response.Peers
	answer := udpwire.AnnounceResponse{
		TransactionID: a.TransactionID,
		Interval:      uint32(response.Interval / time.Second),
		Leechers:      uint32(response.Leechers),
		Seeders:       uint32(response.Seeders),
		Peers:         response.Peers.V4,
	}
	if family == wire.IPv6 {
		answer.Peers = response.Peers.V6
	}
	return answer.AppendTo(out), nil
}

// scrape appends the answer to a scrape.
func (h *handler) scrape(ctx context.Context, out []byte, r request) ([]byte, error) {
	if len(r.packet) < udpwire.HeaderSize+infohash.Size {
		return nil, errEmptyScrape
	}
	s, err := udpwire.ParseScrapeRequest(r.packet, h.hashes)
	if err != nil {
		return nil, err
	}
	counts, err := h.service.Scrape(ctx, tracker.ScrapeRequest{
		Transport: tracker.UDP, From: r.from.Addr(), Hashes: s.InfoHashes, Into: h.totals, Counters: h.counters,
	})
	if err != nil {
		return nil, err
	}
	h.totals, h.counts = counts, h.counts[:0]
	for _, c := range counts {
		h.counts = append(h.counts, udpwire.Counts{
			Seeders: uint32(c.Seeders), Completed: uint32(c.Completed), Leechers: uint32(c.Leechers),
		})
	}
	return udpwire.ScrapeResponse{TransactionID: s.TransactionID, Counts: h.counts}.AppendTo(out), nil
}

// troubleEvery is how often trouble of the tracker's own is logged: all packets of a
// minute may meet the same.
const troubleEvery = time.Second

// message returns what the client is told about err. None of it is the client's
// own text.
func (h *handler) message(err error, now time.Time) string {
	if refusal, ok := errors.AsType[*tracker.Refusal](err); ok {
		return refusal.Reason
	}
	if errors.Is(err, udpwire.ErrMalformed) {
		h.counters.Malformed.Add(1)
		return err.Error()
	}
	if now.Sub(h.logged) >= troubleEvery {
		h.logged = now
		h.log.Error("request failed", zap.Error(err))
	}
	return "internal error"
}
