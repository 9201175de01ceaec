package udpfront

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// message is a packet, who sent it, and what to send back.
type message struct {
	packet []byte
	from   netip.AddrPort // IPv4 as IPv4, also on a socket of both families
	answer []byte         // nothing is sent when it is empty
}

// socket receives packets and sends answers, as many at a time as the system
// lets it. It belongs to one goroutine.
type socket interface {
	// receive waits for packets. They and the memory of their answers, at least
	// maxAnswer bytes each, are good until the next receive or poll.
	receive() ([]message, error)
	// poll is receive that does not wait: it may return none.
	poll() ([]message, error)
	// send sends the answers of messages from the last receive or poll. It never
	// waits: an answer for which the system has no room is dropped, as the
	// network might have done. It returns how many were not sent, for whatever
	// reason, and the last error.
	send([]message) (dropped int, err error)
}

// plain is a socket that package net serves alone: one packet at a time, and
// answers come from the address that the system prefers. On a machine with
// several addresses the tracker is better bound to one of them.
type plain struct {
	conn *net.UDPConn
	from netip.AddrPort // as package net gave it
	one  [1]message
	in   [maxPacket]byte
}

func newPlain(conn *net.UDPConn) *plain {
	p := &plain{conn: conn}
	p.one[0].answer = make([]byte, 0, maxAnswer)
	return p
}

func (p *plain) receive() ([]message, error) {
	n, from, err := p.conn.ReadFromUDPAddrPort(p.in[:])
	if err != nil {
		return nil, err
	}
	p.from = from
	p.one[0].packet, p.one[0].answer = p.in[:n], p.one[0].answer[:0]
	p.one[0].from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return p.one[:], nil
}

// pollTime is how long poll looks for a packet where the system offers no other
// way: a deadline in the past would not let it look at all.
const pollTime = time.Millisecond

func (p *plain) poll() ([]message, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(pollTime)); err != nil {
		return nil, err
	}
	messages, err := p.receive()
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return nil, nil
	}
	return messages, err
}

func (p *plain) send(messages []message) (dropped int, err error) {
	for i := range messages {
		if len(messages[i].answer) == 0 {
			continue
		}
		if _, failed := p.conn.WriteToUDPAddrPort(messages[i].answer, p.from); failed != nil {
			dropped, err = dropped+1, failed
		}
	}
	return dropped, err
}
