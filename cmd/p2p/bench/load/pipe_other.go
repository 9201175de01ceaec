//go:build !linux

package load

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// maxBatch is the most packets that are put before they are sent.
const maxBatch = 64

// packetSize is room for a datagram: none of a tracker is longer.
const packetSize = 2048

// pipe is a connected UDP socket that moves one packet in each system call. It
// is for one goroutine.
type pipe struct {
	conn *net.UDPConn
	out  [][]byte
	sent int
	room []byte
	in   []byte
	got  int
}

// openPipe connects a socket from local, an address or none, to remote.
func openPipe(local netip.Addr, remote netip.AddrPort, batch int) (*pipe, error) {
	var from *net.UDPAddr
	if local.IsValid() {
		from = net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	conn, err := net.DialUDP("udp", from, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return nil, err
	}
	return &pipe{conn: conn, room: make([]byte, batch*packetSize), out: make([][]byte, 0, batch), in: make([]byte, packetSize)}, nil
}

func (p *pipe) close() error { return p.conn.Close() }

// size returns how many packets fit.
func (p *pipe) size() int { return cap(p.out) }

// waiting returns how many packets flush has yet to send.
func (p *pipe) waiting() int { return len(p.out) - p.sent }

// buffer returns room for the next packet to be put.
func (p *pipe) buffer() []byte { return p.room[len(p.out)*packetSize:][:0:packetSize] }

// put adds a packet, which must lie in what buffer returned.
func (p *pipe) put(b []byte) { p.out = append(p.out, b) }

// flush sends what was put.
func (p *pipe) flush() error {
	for p.sent < len(p.out) {
		b := p.out[p.sent]
		p.sent++
		if _, err := p.conn.Write(b); err != nil {
			return err
		}
	}
	p.sent, p.out = 0, p.out[:0]
	return nil
}

// receive waits a moment for a packet and returns how many arrived.
func (p *pipe) receive() (int, error) {
	p.conn.SetReadDeadline(time.Now().Add(sleepFor)) // of an open socket it cannot fail
	n, err := p.conn.Read(p.in)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	p.got = n
	return 1, nil
}

// packet returns the packet of the last receive, until the next.
func (p *pipe) packet(int) []byte { return p.in[:p.got] }

// unreachable reports whether the system has learned that nobody listens.
// 10054 is what Windows says for it.
func unreachable(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.Errno(10054))
}

// waitPipes does nothing: receive has waited.
func waitPipes([]line, time.Duration) {}

// holdThread does nothing: the runtime waits for the socket.
func holdThread() (release func()) { return func() {} }

// workersFor returns one worker for each socket, because each waits for its own.
func workersFor(o Options) int { return o.Clients }
