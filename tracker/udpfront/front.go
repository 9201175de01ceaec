package udpfront

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

const (
	// maxPacket is the longest request that is read whole, in bytes. It leaves
	// room for a long URL in the options of BEP 41.
	maxPacket = 2048
	// maxAnswer is the longest answer, in bytes: with the headers of IPv6 and
	// UDP it fits into 1280 bytes, which every IPv6 network carries in one piece.
	maxAnswer = 1232
	// receiveBuffer is what the kernel is asked to hold for us while we work.
	receiveBuffer = 4 << 20
	// readErrors is how many reads may fail in a row before the loop takes a
	// breath of errorPause after each. A few are normal: some systems report
	// here that an earlier answer could not be delivered.
	readErrors = 100
	errorPause = 10 * time.Millisecond
)

// Options of a Front. The zero value is useful.
type Options struct {
	// Key is the secret of the connection ids, KeySize bytes; random when nil.
	// Trackers that share an address share it.
	Key []byte
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log gets what happens to the socket, never what clients send; none when nil.
	Log *zap.Logger
}

// Front serves one UDP socket. Its methods are not for several goroutines.
type Front struct {
	conn    *net.UDPConn
	service *tracker.Service
	ids     *connectionIDs
	reply   *replyInfo
	now     func() time.Time
	log     *zap.Logger

	// Memory that every packet uses again.
	in     [maxPacket]byte
	out    []byte
	hashes []infohash.T
	peers  wire.Peers
	totals []tracker.Counts
	counts []udpwire.Counts
}

// New returns a Front that answers the packets of conn, which it closes when
// Serve returns.
func New(conn *net.UDPConn, service *tracker.Service, o Options) (*Front, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	ids, err := newConnectionIDs(o.Key, o.Now())
	if err != nil {
		return nil, fmt.Errorf("serve udp: key of connection ids: %w", err)
	}
	reply, err := newReplyInfo(conn)
	if err != nil {
		return nil, fmt.Errorf("serve udp: %w", err)
	}
	// A refusal only means that bursts are lost a little earlier.
	_ = conn.SetReadBuffer(receiveBuffer)
	return &Front{
		conn: conn, service: service, ids: ids, reply: reply, now: o.Now, log: o.Log,
		out:    make([]byte, 0, maxAnswer),
		hashes: make([]infohash.T, 0, udpwire.MaxScrape),
		counts: make([]udpwire.Counts, 0, udpwire.MaxScrape),
	}, nil
}

// Serve answers packets until ctx ends, then returns nil; the packet at hand is
// answered first. The only error is that somebody else closed the socket.
func (f *Front) Serve(ctx context.Context) error {
	defer f.conn.Close()
	// A deadline in the past, rather than Close, so that the answer to the
	// packet at hand still goes out.
	stop := context.AfterFunc(ctx, func() { _ = f.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	// What has begun is finished, also while stopping.
	work := context.WithoutCancel(ctx)
	failures := 0
	for {
		n, control, _, from, err := f.conn.ReadMsgUDPAddrPort(f.in[:], f.reply.received())
		switch {
		case err == nil:
			failures = 0
			f.serve(work, f.in[:n], f.reply.answer(control), from)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve udp: %w", err)
		default:
			f.log.Debug("read from the udp socket failed", zap.Error(err))
			if failures++; failures > readErrors {
				pause(ctx, errorPause)
			}
		}
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// serve answers one packet, with control data for the answer.
func (f *Front) serve(ctx context.Context, packet, control []byte, from netip.AddrPort) {
	answer := f.handle(ctx, packet, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	if len(answer) == 0 {
		return
	}
	if _, _, err := f.conn.WriteMsgUDPAddrPort(answer, control, from); err != nil {
		f.log.Debug("write to the udp socket failed", zap.Error(err))
	}
}

// handle returns the answer to a packet, or nothing; in f.out's memory.
func (f *Front) handle(ctx context.Context, packet []byte, source netip.AddrPort) []byte {
	counters := f.service.Counters()
	// The length is checked before ParseHeader does it, which would make an error
	// for every packet of a flood.
	if len(packet) < udpwire.HeaderSize || source.Port() == 0 {
		counters.Malformed.Add(1)
		return nil
	}
	header, err := udpwire.ParseHeader(packet)
	if err != nil {
		return nil
	}
	now, out := f.now(), f.out[:0]
	if header.Action == udpwire.Connect {
		if header.ConnectionID != udpwire.ProtocolID {
			counters.Malformed.Add(1)
			return nil
		}
		counters.Connects.Add(1)
		id := f.ids.issue(now, source.Addr())
		return udpwire.ConnectResponse{TransactionID: header.TransactionID, ConnectionID: id}.AppendTo(out)
	}
	// BEP 15: "The tracker verifies the connection_id and ignores the request if
	// it doesn't match." An error packet would go to whoever was impersonated.
	if !f.ids.valid(header.ConnectionID, now, source.Addr()) {
		counters.Unverified.Add(1)
		return nil
	}
	switch header.Action {
	case udpwire.Announce:
		out, err = f.announce(ctx, out, packet, source)
	case udpwire.Scrape:
		out, err = f.scrape(ctx, out, packet, source.Addr())
	default:
		err = fmt.Errorf("%w: unknown action", udpwire.ErrMalformed)
	}
	if err != nil {
		message := f.message(err)
		return udpwire.ErrorResponse{TransactionID: header.TransactionID, Message: message}.AppendTo(f.out[:0])
	}
	return out
}

// announce appends the answer to an announce.
func (f *Front) announce(ctx context.Context, out, packet []byte, source netip.AddrPort) ([]byte, error) {
	r, err := udpwire.ParseAnnounceRequest(packet)
	if err != nil {
		return nil, err
	}
	family := wire.FamilyOf(source.Addr())
	request := tracker.Request{
		Transport:  tracker.UDP,
		InfoHash:   r.InfoHash,
		PeerID:     r.PeerID,
		Key:        r.Key,
		Peer:       netip.AddrPortFrom(source.Addr(), r.Port),
		Seed:       r.Left == 0,
		Event:      r.Event,
		Uploaded:   int64(min(r.Uploaded, math.MaxInt64)),
		Downloaded: int64(min(r.Downloaded, math.MaxInt64)),
		NumWant:    int(r.NumWant),
		Room:       (maxAnswer - udpwire.AnnounceResponseSize) / family.PeerSize(),
		Into:       f.peers,
	}
	if r.IP != [4]byte{} {
		request.Claimed = netip.AddrFrom4(r.IP)
	}
	response, err := f.service.Announce(ctx, request)
	if err != nil {
		return nil, err
	}
	f.peers = response.Peers
	answer := udpwire.AnnounceResponse{
		TransactionID: r.TransactionID,
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
func (f *Front) scrape(ctx context.Context, out, packet []byte, source netip.Addr) ([]byte, error) {
	r, err := udpwire.ParseScrapeRequest(packet, f.hashes)
	if err != nil {
		return nil, err
	}
	counts, err := f.service.Scrape(ctx, tracker.ScrapeRequest{Transport: tracker.UDP, From: source, Hashes: r.InfoHashes, Into: f.totals})
	if err != nil {
		return nil, err
	}
	f.totals, f.counts = counts, f.counts[:0]
	for _, c := range counts {
		f.counts = append(f.counts, udpwire.Counts{
			Seeders: uint32(c.Seeders), Completed: uint32(c.Completed), Leechers: uint32(c.Leechers),
		})
	}
	return udpwire.ScrapeResponse{TransactionID: r.TransactionID, Counts: f.counts}.AppendTo(out), nil
}

// message returns what the client is told about err. None of it is the client's
// own text.
func (f *Front) message(err error) string {
	if refusal, ok := errors.AsType[*tracker.Refusal](err); ok {
		return refusal.Reason
	}
	if errors.Is(err, udpwire.ErrMalformed) {
		f.service.Counters().Malformed.Add(1)
		return err.Error()
	}
	f.log.Error("request failed", zap.Error(err))
	return "internal error"
}
