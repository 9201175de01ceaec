package simnet

import (
	"math/rand/v2"
	"time"
)

// pipe is one direction of a connection.
type pipe struct {
	net      *Net
	src, dst *Conn
	rand     *rand.Rand // of the jitter
	dead     bool       // the connection was reset: whatever arrives is dropped

	credit  int // bytes that src may still put in
	up      flow
	flying  int       // segments between the links
	landing time.Time // when the last of them arrives
	down    flow
	unread  [][]byte // what dst can read
	arrived int64    // bytes, read or not
	ended   bool     // the end of the stream has arrived

	grant *grant // the credit that is on its way back, if any
}

// grant is room in the window that the sender does not know of yet.
type grant struct {
	at time.Time // when it arrives
	n  int       // bytes
}

// init makes p the direction from src to dst.
func (p *pipe) init(src, dst *Conn) {
	n := src.host.net
	*p = pipe{net: n, src: src, dst: dst, credit: n.opts.Window}
	p.rand = rand.New(rand.NewPCG(n.opts.Seed, src.id<<16|uint64(src.local.Port())))
	p.up.done = p.depart
	p.down.done = p.deliver
}

// send puts a segment in at src.
func (p *pipe) send(s segment) {
	switch {
	case p.dead:
	case p.src.host == p.dst.host: // no link between them
		p.deliver(s)
	default:
		p.src.host.up.push(&p.up, s)
	}
}

// depart is called when s has left the up-link.
func (p *pipe) depart(s segment) {
	if p.dead {
		return
	}
	p.src.host.sent += int64(len(s.bytes))
	delay := p.net.latency(p.src.host, p.dst.host)
	if j := p.net.opts.Jitter; j > 0 {
		delay += time.Duration(p.rand.Int64N(int64(j) + 1))
	}
	if delay == 0 && p.flying == 0 {
		p.land(s)
		return
	}
	if at := time.Now().Add(delay); at.After(p.landing) { // or it would overtake
		p.landing = at
	}
	p.flying++
	p.net.at(p.landing, func() {
		p.flying--
		p.land(s)
	})
}

// land is called when s has travelled as far as the hosts are apart.
func (p *pipe) land(s segment) {
	p.net.arrive(p.src.host.addr, p.dst.host.addr, func() {
		if !p.dead {
			p.dst.host.down.push(&p.down, s)
		}
	})
}

// deliver is called when s has left the down-link.
func (p *pipe) deliver(s segment) {
	if p.dead {
		return
	}
	if p.src.host != p.dst.host {
		p.dst.host.received += int64(len(s.bytes))
	}
	switch {
	case s.mark == reset:
		p.dst.refused()
	case p.dst.closed:
		if s.mark == data {
			p.dst.refuse()
		}
	case s.mark == fin:
		p.ended = true
	default:
		p.unread = append(p.unread, s.bytes)
		p.arrived += int64(len(s.bytes))
	}
	p.dst.readable.Broadcast()
}

// read takes up to len(b) bytes out at dst and sends word of the room back.
func (p *pipe) read(b []byte) int {
	n := 0
	for n < len(b) && len(p.unread) > 0 {
		k := copy(b[n:], p.unread[0])
		n += k
		if p.unread[0] = p.unread[0][k:]; len(p.unread[0]) == 0 {
			p.unread[0] = nil
			p.unread = p.unread[1:]
		}
	}
	p.release(n)
	return n
}

// release gives the sender credit for n bytes, when word of it has reached it.
func (p *pipe) release(n int) {
	if p.dead || p.src.closed {
		return
	}
	d := p.net.latency(p.src.host, p.dst.host)
	if d == 0 {
		p.granted(n)
		return
	}
	at := time.Now().Add(d)
	if p.grant != nil && p.grant.at.Equal(at) {
		p.grant.n += n
		return
	}
	g := &grant{at: at, n: n}
	p.grant = g
	p.net.at(at, func() {
		if p.grant == g {
			p.grant = nil
		}
		p.granted(g.n)
	})
}

// granted is called when word of n bytes of room has reached the sender.
func (p *pipe) granted(n int) {
	p.net.arrive(p.dst.host.addr, p.src.host.addr, func() {
		p.credit += n
		p.src.writable.Broadcast()
	})
}

// kill drops what is under way.
func (p *pipe) kill() {
	p.dead = true
	p.up.queue, p.down.queue = nil, nil
}
