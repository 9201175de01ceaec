package peer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"p2p/peer/punch"
	"p2p/torrentfile/infohash"
)

// Who is called and does not answer may be behind a router that lets nobody in. Then he calls too, and so do we, in a way in which calls
// can meet (package punch). It is done for devices alone: of plain peers there are others.

// portNetwork is a Network where one can choose the port to dial from.
type portNetwork interface {
	// DialFrom is Network.Dial from a port, and if its address is not unspecified from that. The other end may dial the same way.
	DialFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error)
}

// At most so many holes are open at the same time, of all swarms and of one: trackers may name many addresses where nobody is.
const (
	maxHoles     = 128
	maxHolesEach = 16
)

// holes are those of a Node.
type holes struct {
	mu     sync.Mutex
	open   map[spot]*hole
	trails map[spot]*punch.Trail
}

// maxTrails is of how many spots it is remembered when they were called before those are looked through that may be forgotten.
const maxTrails = 1024

// spot is where somebody of a swarm is called.
type spot struct {
	hash infohash.T
	addr netip.AddrPort
}

// hole is a call that is to meet one of the other end halfway. It goes on when the ordinary call that it began with has failed, and for
// longer with each that follows.
type hole struct {
	node    *Node
	network portNetwork
	call    call
	ctx     context.Context    // of the hole
	fill    context.CancelFunc // ends it

	mu      sync.Mutex
	until   time.Time
	pending *attempt // the ordinary call that is under way, nil for none
}

// attempt is an ordinary call with a hole beside it. What becomes of the two is reported once.
type attempt struct {
	hole *hole
	end  context.CancelFunc
}

// attempt begins an ordinary call, which the ctx that it returns is for, and a hole beside it unless there is one. It returns nil
// when there is to be none.
func (n *Node) attempt(ctx context.Context, c call) (*attempt, context.Context) {
	network, ok := n.opt.Network.(portNetwork)
	if c.want == nil || !ok {
		return nil, ctx
	}
	at := spot{c.hash, c.addr}
	n.holes.mu.Lock()
	defer n.holes.mu.Unlock()
	until, digs := n.holes.until(at, time.Now())
	h := n.holes.open[at]
	if h != nil && (h.ctx.Err() != nil || h.call.from != c.from) { // of a swarm that was left, and has begun anew
		h.fill()
		delete(n.holes.open, at)
		h = nil
	}
	if h == nil && digs && n.holes.room(c.hash) {
		h = &hole{node: n, network: network, call: c}
		h.ctx, h.fill = context.WithCancel(ctx)
		n.holes.open[at] = h
		n.wg.Go(func() {
			defer n.holes.close(at, h)
			h.dig(h.ctx)
		})
	}
	if h == nil {
		return nil, ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &attempt{hole: h, end: cancel}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending = a; digs {
		h.until = until
	}
	return a, ctx
}

// until notes an ordinary call, and returns until when there is to be a hole beside it, if there is. The caller holds mu.
func (s *holes) until(at spot, now time.Time) (time.Time, bool) {
	t := s.trails[at]
	if t == nil {
		if len(s.trails) >= maxTrails {
			maps.DeleteFunc(s.trails, func(_ spot, t *punch.Trail) bool { return t.Old(now) })
		}
		t = new(punch.Trail)
		s.trails[at] = t
	}
	return t.Call(now)
}

// room reports whether one more may be open for a swarm. The caller holds mu.
func (s *holes) room(h infohash.T) bool {
	each := 0
	for at := range s.open {
		if at.hash == h {
			each++
		}
	}
	return each < maxHolesEach && len(s.open) < maxHoles
}

func (s *holes) close(at spot, h *hole) {
	h.fill()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[at] == h {
		delete(s.open, at)
	}
}

// over ends an ordinary call, and reports whether what has become of it is to be told: not where the hole has taken its place. One that
// somebody has answered, whoever that is, ends the hole.
func (a *attempt) over(err error) bool {
	if a == nil {
		return true
	}
	defer a.end()
	h := a.hole
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending != a {
		return false
	}
	h.pending = nil
	if dial, failed := errors.AsType[*net.OpError](err); !failed || dial.Op != "dial" {
		h.fill()
	}
	return true
}

// takePlace ends the ordinary call that is under way, and reports whether there was one: then its outcome is that of the hole.
func (h *hole) takePlace() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.pending
	h.pending = nil
	if a != nil {
		a.end()
	}
	return a != nil
}

func (h *hole) open() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.until)
}

// dig calls until somebody is met, or the time for it is over.
func (h *hole) dig(ctx context.Context) {
	if !pause(ctx, punch.After) {
		return
	}
	log := h.node.log.With(zap.Stringer("torrent", h.call.hash), zap.Stringer("peer", h.call.addr))
	for refused := 0; h.open(); {
		conn, err := h.dial(ctx)
		if err == nil {
			err = h.meet(ctx, conn)
		}
		switch {
		case err == nil, ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
			refused = 0 // nobody has said anything
			continue
		}
		refused++
		log.Debug("met nobody", zap.Int("times", refused), zap.Error(err))
		if now := time.Now(); !pause(ctx, punch.Again(now, refused, mathrand.Float64()).Sub(now)) {
			return
		}
	}
}

// dial calls once, from the port of this device in the swarm to that of the other one.
func (h *hole) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, punch.Attempt)
	defer cancel()
	from := netip.AddrPortFrom(h.node.opt.Listen.Addr(), punch.Port(h.call.hash, h.node.addr.Port()))
	to := netip.AddrPortFrom(h.call.addr.Addr(), punch.Port(h.call.hash, h.call.addr.Port()))
	return h.network.DialFrom(ctx, from, to)
}

// meet finds out which end has called, and does the handshakes as that one. It closes conn when it fails.
func (h *hole) meet(ctx context.Context, conn net.Conn) error {
	n, began := h.node, time.Now()
	calls, err := introduce(ctx, conn)
	if err == nil && !calls {
		err = n.welcome(ctx, conn)
	}
	if err != nil {
		conn.Close()
		return fmt.Errorf("meet: %w", err)
	}
	if !calls {
		return nil
	}
	inner, theirs, err := n.exchange(ctx, conn, h.call)
	if err != nil {
		conn.Close()
		return fmt.Errorf("meet: %w", err)
	}
	p := candidate(inner, theirs, true)
	p.Addr, p.Began = h.call.addr, began
	if h.takePlace() {
		h.call.from.Joined(inner, p)
	} else {
		h.call.from.Called(inner, p)
	}
	return nil
}

// introduce says the first word to who has called as we have, and reports whether we count as who has called.
func introduce(ctx context.Context, conn net.Conn) (calls bool, err error) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(greetTimeout)); err != nil {
		return false, err
	}
	var random [punch.HelloLen - 1]byte
	rand.Read(random[:]) //nolint:errcheck // crypto/rand.Read never fails
	ours, theirs := punch.NewHello(random), punch.Hello{}
	if _, err := conn.Write(ours[:]); err != nil {
		return false, fmt.Errorf("send hello: %w", err)
	}
	if _, err := io.ReadFull(conn, theirs[:]); err != nil {
		return false, fmt.Errorf("read hello: %w", err)
	}
	return ours.Calls(theirs)
}
