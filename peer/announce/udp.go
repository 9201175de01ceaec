package announce

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	"p2p/tracker/httpwire"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// firstWait is how long the first request waits for its answer; every further
// one waits twice as long: requests go out after 0, 2, 6 and 14 seconds, and
// answerWithin ends it.
//
// BEP 15 begins with 15 seconds and goes on for more than two hours. One lost
// packet would then cost a person 15 seconds, and a dead tracker would hold up
// the next one until long after they gave up. A tracker pays little for our
// haste: three small packets more, once, before the back-off of the Announcer,
// which is as slow as the BEP's, takes over.
const firstWait = 2 * time.Second

// otherFamilyGrace is how long an answer over one family waits for the answer
// over the other: enough for one that works, short for one that is broken.
const otherFamilyGrace = time.Second

// maxDatagram is the longest answer that is read whole: 440 IPv6 peers. What
// exceeds it is cut, and peers at the end get lost.
const maxDatagram = 8 << 10

// headerOnly is the length of what opentracker answers, under the action of an
// announce, when the torrent is not on its list.
const headerOnly = 8

// announceUDP announces over IPv4 and IPv6, where the tracker and we have both:
// a UDP tracker answers with peers of the family of the packet only (BEP 15).
func (c *Client) announceUDP(ctx context.Context, u *url.URL, r Request) (Response, error) {
	port, err := portOf(u)
	if err != nil {
		return Response{}, err
	}
	found, err := c.addresses(ctx, u.Hostname())
	if err != nil {
		return Response{}, err
	}
	families := splitFamilies(found, port)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var merged *Response
	var failed error
	failedAt := 0
	var grace *time.Timer
	race(ctx, len(families), 0,
		func(i int) func(context.Context) (Response, error) {
			return func(ctx context.Context) (Response, error) {
				return c.askFamily(ctx, families[i], announceRequest(u, r))
			}
		},
		func(i int, resp Response, err error) bool {
			switch {
			case err != nil:
				_, refused := errors.AsType[*Refusal](err)
				if failed == nil || refused || i < failedAt {
					failed, failedAt = err, i
				}
			case merged == nil:
				merged = &resp
				grace = time.AfterFunc(otherFamilyGrace, cancel)
			default:
				merged.add(resp)
			}
			return false
		})
	switch {
	case merged != nil:
		grace.Stop()
		return *merged, nil
	case failed == nil: // ctx ended before the first attempt
		return Response{}, context.Cause(ctx)
	}
	return Response{}, failed
}

// add merges what the tracker said over the other family: each counts and
// lists only its own peers, or all of them, so the larger count is the safe one.
func (r *Response) add(other Response) {
	r.Interval = max(r.Interval, other.Interval)
	r.Seeders = max(r.Seeders, other.Seeders)
	r.Leechers = max(r.Leechers, other.Leechers)
	r.Peers = append(r.Peers, other.Peers...)
}

// splitFamilies groups addresses by family, in their order.
func splitFamilies(addrs []netip.Addr, port uint16) [][]netip.AddrPort {
	var byFamily [2][]netip.AddrPort
	for _, a := range addrs {
		f := wire.FamilyOf(a)
		byFamily[f] = append(byFamily[f], netip.AddrPortFrom(a, port))
	}
	families := byFamily[:0]
	for _, f := range byFamily {
		if len(f) > 0 {
			families = append(families, f)
		}
	}
	return families
}

// announceRequest translates r; the ids are filled in when it is sent. The path
// of the URL goes along (BEP 41) where it may hold a key of the user's, and not
// otherwise: some trackers drop what is longer than BEP 15's 98 bytes.
func announceRequest(u *url.URL, r Request) udpwire.AnnounceRequest {
	q := udpwire.AnnounceRequest{
		InfoHash:   r.InfoHash,
		PeerID:     r.PeerID,
		Downloaded: uint64(max(0, r.Downloaded)),
		Left:       uint64(max(0, r.Left)),
		Uploaded:   uint64(max(0, r.Uploaded)),
		Event:      r.Event,
		Key:        r.Key,
		NumWant:    udpwire.DefaultNumWant,
		Port:       r.Port,
	}
	switch {
	case r.Event == wire.Stopped:
		q.NumWant = 0
	case r.NumWant > 0:
		q.NumWant = int32(min(r.NumWant, httpwire.MaxPeers))
	}
	if path := u.RequestURI(); path != "/" && path != "/announce" {
		q.Options = udpwire.AppendOptions(nil, path)
	}
	return q
}

// askFamily announces to the first of addrs that answers. They are the
// addresses of one tracker: a retransmission goes to the next of them.
func (c *Client) askFamily(ctx context.Context, addrs []netip.AddrPort, q udpwire.AnnounceRequest) (Response, error) {
	dialogs := make([]*dialog, 0, len(addrs))
	for _, addr := range addrs {
		d := &dialog{c: c, addr: addr, request: q}
		defer d.close()
		dialogs = append(dialogs, d)
	}
	for wait := firstWait; ; {
		resp, err := dialogs[0].attempt(ctx, wait)
		_, refused := errors.AsType[*Refusal](err)
		switch {
		case err == nil, refused:
			return resp, err
		case ctx.Err() != nil:
			return Response{}, context.Cause(ctx)
		case errors.Is(err, errStaleID): // once more, it will ask for a new one
		case errors.Is(err, os.ErrDeadlineExceeded):
			dialogs = append(dialogs[1:], dialogs[0])
			wait *= 2
		case len(dialogs) > 1: // nobody there, or nonsense
			dialogs = dialogs[1:]
		default:
			return Response{}, err
		}
	}
}

// errStaleID says that a remembered connection id was not accepted.
var errStaleID = errors.New("connection id is not valid any more")

// dialog is the exchange with one address of a tracker in one announce. It
// keeps its socket and its transaction ids over retransmissions, so that a late
// answer to an early request still counts.
type dialog struct {
	c       *Client
	addr    netip.AddrPort
	request udpwire.AnnounceRequest

	// Set by the first attempt.
	conn     net.Conn
	unhook   func() bool // stops watching the context
	connect  uint32      // transaction id of the connect request
	received uint64      // connection id that this dialog has asked for, if any
	buf      []byte      // of maxDatagram bytes
}

// attempt sends what the exchange needs next and waits for each answer at most
// as long as wait: a connect request if there is no connection id, then the
// announce. A time-out is os.ErrDeadlineExceeded.
func (d *dialog) attempt(ctx context.Context, wait time.Duration) (Response, error) {
	if err := d.open(ctx); err != nil {
		return Response{}, err
	}
	inherited, err := d.identify(wait)
	if err != nil {
		return Response{}, err
	}
	packet, err := d.exchange(d.request.AppendTo(nil), udpwire.Announce, d.request.TransactionID, wait)
	if err != nil {
		if inherited {
			d.c.ids.forget(d.addr)
		}
		if _, refused := errors.AsType[*Refusal](err); refused && inherited {
			err = errStaleID
		}
		return Response{}, err
	}
	return d.response(packet)
}

// identify fills in the connection id, which it asks for if none is known. It
// reports whether the id is from before this dialog: some trackers tie an id to
// our port, which is new for every announce, so such an id gets one chance.
func (d *dialog) identify(wait time.Duration) (inherited bool, err error) {
	if id, known := d.c.ids.recall(d.addr, time.Now()); known {
		d.request.ConnectionID = id
		return id != d.received, nil
	}
	packet, err := d.exchange(udpwire.ConnectRequest{TransactionID: d.connect}.AppendTo(nil), udpwire.Connect, d.connect, wait)
	if err != nil {
		return false, err
	}
	answer, err := udpwire.ParseConnectResponse(packet)
	if err != nil {
		return false, fmt.Errorf("answer makes no sense: %w", err)
	}
	d.request.ConnectionID, d.received = answer.ConnectionID, answer.ConnectionID
	d.c.ids.remember(d.addr, answer.ConnectionID, time.Now())
	return false, nil
}

// response reads the answer to an announce.
func (d *dialog) response(packet []byte) (Response, error) {
	answer, err := udpwire.ParseAnnounceResponse(packet)
	switch {
	case err != nil && len(packet) == headerOnly:
		return Response{}, refusal(httpwire.Failure{Reason: "it gave no reason, the torrent may not be on its list"})
	case err != nil:
		return Response{}, fmt.Errorf("answer makes no sense: %w", err)
	}
	at := d.addr.Addr()
	return Response{
		Interval: time.Duration(answer.Interval) * time.Second,
		Seeders:  int(min(answer.Seeders, math.MaxInt32)),
		Leechers: int(min(answer.Leechers, math.MaxInt32)),
		Peers:    dialable(answer.PeersOf(wire.FamilyOf(at)), reachOf(at)),
	}, nil
}

// open makes the socket. It is closed when ctx ends, which wakes the reader.
func (d *dialog) open(ctx context.Context) error {
	if d.conn != nil {
		return nil
	}
	network := "udp4"
	if wire.FamilyOf(d.addr.Addr()) == wire.IPv6 {
		network = "udp6"
	}
	conn, err := d.c.o.Dial(ctx, network, d.addr.String())
	if err != nil {
		return err
	}
	d.conn, d.buf = conn, make([]byte, maxDatagram)
	d.unhook = context.AfterFunc(ctx, func() { _ = conn.Close() })
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails; unguessable, as it is what tells the tracker from a forger
	d.connect = binary.BigEndian.Uint32(random[:])
	d.request.TransactionID = binary.BigEndian.Uint32(random[4:])
	return nil
}

// close releases the socket.
func (d *dialog) close() {
	if d.conn != nil {
		d.unhook()
		_ = d.conn.Close()
	}
}

// exchange sends packet and returns the answer to transaction tx, which shares
// d.buf. The socket delivers only datagrams of the tracker's address; those of
// another transaction or too short to tell are late or forged, and ignored.
func (d *dialog) exchange(packet []byte, action udpwire.Action, tx uint32, wait time.Duration) ([]byte, error) {
	if err := d.conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	if _, err := d.conn.Write(packet); err != nil {
		return nil, err
	}
	for {
		n, err := d.conn.Read(d.buf)
		if err != nil {
			return nil, err
		}
		h, err := udpwire.ParseResponseHeader(d.buf[:n])
		if err != nil || h.TransactionID != tx {
			continue
		}
		switch h.Action {
		case action:
			return d.buf[:n], nil
		case udpwire.Error:
			answer, err := udpwire.ParseErrorResponse(d.buf[:n])
			if err != nil {
				return nil, fmt.Errorf("answer makes no sense: %w", err)
			}
			return nil, refusal(httpwire.Failure{Reason: answer.Message})
		}
	}
}

// portOf returns the port of a tracker's URL.
func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	switch {
	case text != "":
	case u.Scheme == "https":
		text = "443"
	default:
		text = "80"
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("tracker address has a port outside 1 to 65535")
	}
	return uint16(port), nil
}
