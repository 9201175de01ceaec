package announce

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

// Options configures a Client. The zero value is ready to use.
type Options struct {
	// Local is the source address of everything that goes out; then only
	// trackers of its family are asked. The zero value leaves the choice to the
	// system.
	Local netip.Addr
	// UserAgent goes with HTTP requests; "p2p" when empty.
	UserAgent string
	// Log gets one line at debug level per announce, and a warning when a
	// tracker that worked stops working. Nil logs nothing.
	Log *zap.Logger
	// AskOnWhenAlone makes a downloader that a tracker told of nobody else ask
	// the next tracker in the same round. BEP 12 stops at the first answer.
	AskOnWhenAlone bool
	// MaxConcurrent is how many announces may be under way at once, over all
	// torrents; the others wait their turn. 64 when 0.
	MaxConcurrent int
	// TLS is the configuration of HTTPS; nil trusts the system's authorities.
	TLS *tls.Config
	// Dial opens a connection to address, always "IP:port"; network is "tcp",
	// "udp4" or "udp6". The connection of the last two delivers the datagrams
	// of address and no other's. Nil uses the system's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolve finds the addresses of a host name. Nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Back is told of a tracker host that answers after it did not: it may have started anew, and have forgotten. It is
	// called by the goroutine of an announce, and must not block; nil is not.
	Back func(host string)
	// Seed makes the shuffle and the jitter of every Announcer repeatable; 0
	// draws a new one for each.
	Seed uint64
}

// Client announces to trackers. Its methods may be called from any goroutine.
type Client struct {
	o     Options
	log   *zap.Logger
	slots chan struct{} // one element per announce under way
	ids   connectionIDs

	standing standings
}

// New returns a client. It opens nothing until it is asked to announce.
func New(o Options) *Client {
	if o.UserAgent == "" {
		o.UserAgent = "p2p"
	}
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = 64
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.Local = o.Local.Unmap()
	if o.Local.IsUnspecified() {
		o.Local = netip.Addr{}
	}
	if o.Back == nil {
		o.Back = func(string) {}
	}
	c := &Client{o: o, log: o.Log, slots: make(chan struct{}, o.MaxConcurrent)}
	if o.Dial == nil {
		c.o.Dial = c.dialSystem
	}
	if o.Resolve == nil {
		c.o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return c
}

// Request is what we tell a tracker.
type Request struct {
	InfoHash   infohash.T
	PeerID     [wire.PeerIDSize]byte
	Port       uint16 // where we accept peers
	Uploaded   int64  // bytes since started
	Downloaded int64  // bytes since started
	Left       int64  // bytes still missing; 0 says that we are a seeder; wire.LeftUnknown before the metadata
	Event      wire.Event
	NumWant    int    // peers wanted; 0 leaves the number to the tracker. A stopped announce asks for none
	TrackerID  string // of the last Response from this tracker
	Key        uint32 // the same for the life of a torrent: tells the tracker that two addresses are one peer (BEP 7)
}

// Response is what a tracker answered, checked.
type Response struct {
	Interval    time.Duration // what the tracker said, not negative; 0 when it gave none
	MinInterval time.Duration // the same
	Seeders     int           // -1 when unknown
	Leechers    int           // -1 when unknown
	Peers       []netip.AddrPort
	Warning     string     // one clean line for the user; "" when there is none
	External    netip.Addr // our address as the tracker saw it (BEP 24); zero when unknown
	TrackerID   string     // to be sent back with the next announce to this tracker
}

// Refusal is the error of a tracker that answered, and said no. Reason is one
// clean line for the user.
type Refusal httpwire.Failure

func (r *Refusal) Error() string { return "tracker refused: " + r.Reason }

// refusal makes the error from what a tracker said.
func refusal(f httpwire.Failure) *Refusal {
	if f.Reason = clean(f.Reason); f.Reason == "" {
		f.Reason = "it gave no reason"
	}
	return (*Refusal)(&f)
}

// answerWithin is how long a tracker may take, name look-up, redirects and
// retransmissions included. libtorrent waits 10 s, Transmission 30 s.
const answerWithin = 15 * time.Second

var errNoAnswer = fmt.Errorf("no answer within %d s", answerWithin/time.Second)

// Announce sends r to the tracker at rawURL (http, https or udp) and waits for
// the answer, at most 15 seconds after its turn came. The error is a *Refusal
// when the tracker answered that it will not; its text is meant for the user.
// It never contains the URL, which may hold a secret of the user's.
func (c *Client) Announce(ctx context.Context, rawURL string, r Request) (Response, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return Response{}, err
	}
	if ctx.Err() != nil {
		return Response{}, fmt.Errorf("announce: %w", ctx.Err())
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Response{}, fmt.Errorf("announce: %w", ctx.Err())
	}
	began := time.Now()
	bounded, cancel := context.WithTimeoutCause(ctx, answerWithin, errNoAnswer)
	defer cancel()
	var resp Response
	if u.Scheme == "udp" {
		resp, err = c.announceUDP(bounded, u, r)
	} else {
		resp, err = c.announceHTTP(bounded, u, r)
	}
	if err != nil {
		err = plain(ctx, bounded, err)
	}
	c.log.Debug("announced", zap.String("tracker", u.Host), zap.Stringer("torrent", r.InfoHash),
		zap.Stringer("event", r.Event), zap.Duration("took", time.Since(began)),
		zap.Int("peers", len(resp.Peers)), zap.Error(err))
	return resp, err
}

// maxURL is the longest tracker URL accepted, in bytes.
const maxURL = 2048

// parseURL checks the URL of a tracker. Its errors leave the URL out.
func parseURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("tracker address of %d bytes is over %d", len(raw), maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("tracker address is not a URL such as http://host/announce or udp://host:port")
	}
	switch u.Scheme {
	case "http", "https":
	case "udp":
		if u.Port() == "" {
			return nil, errors.New("tracker address needs a port: udp://host:port")
		}
	default:
		return nil, fmt.Errorf("trackers at %q addresses are not supported (http, https and udp are)", clean(u.Scheme))
	}
	return u, nil
}

// plain turns err into a sentence for the user. caller is the context that
// Announce was given, bounded the one with our own time limit.
func plain(caller, bounded context.Context, err error) error {
	if caller.Err() != nil {
		return fmt.Errorf("announce: %w", caller.Err())
	}
	if bounded.Err() != nil {
		return errNoAnswer
	}
	// The texts of these are for programmers.
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("cannot resolve host %q: %w", clean(e.Name), &reason{e.Err, err})
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Addr != nil {
		text := e.Err.Error()
		if inner := errors.Unwrap(e.Err); inner != nil {
			text = inner.Error() // without the name of the system call
		}
		return fmt.Errorf("cannot reach %s: %w", e.Addr, &reason{text, err})
	}
	return err
}

// reason shows text and unwraps to err.
type reason struct {
	text string
	err  error
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.err }
