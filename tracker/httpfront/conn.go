package httpfront

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstHead = 2 << 10  // bytes that are read at first: announces have 300 to 600
	maxHead   = 16 << 10 // bytes of a head; the longest scrape has 8 KiB
	maxOut    = 32 << 10 // bytes of answers that are gathered into one write
)

// conn is one connection in the hands of the fast loop.
type conn struct {
	raw     net.Conn // the socket
	stream  net.Conn // raw, or TLS over it
	owner   *conns
	remote  netip.Addr    // the other end
	network netip.Addr    // as what remote is counted; the zero Addr is not
	keep    time.Duration // how long it may be idle
	once    sync.Once

	in    []byte // in[:n] has been read and not been answered
	n     int
	until time.Time   // the deadline of raw
	begun bool        // that deadline is the one of a head that has begun
	idle  atomic.Bool // has had an answer and waits for a request
}

// Close closes the connection and gives back its place.
func (c *conn) Close() error {
	err := c.stream.Close()
	c.once.Do(func() { c.owner.remove(c) })
	return err
}

// setDeadline limits all that happens from now on.
func (c *conn) setDeadline(t time.Time) error {
	c.until = t
	return c.raw.SetDeadline(t)
}

// stale is how old a deadline may be: to set one costs as much as to parse an
// announce.
const stale = time.Second

// renew gives an answer, and the wait for the next request, their time.
func (c *conn) renew(now time.Time) error {
	if !c.begun && c.until.Sub(now) > c.keep-stale {
		return nil
	}
	c.begun = false
	return c.setDeadline(now.Add(c.keep))
}

// limitHead gives a head that has begun its time. The time does not grow with
// what comes, or a byte now and then would hold the connection for ever.
func (c *conn) limitHead(now time.Time) error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.setDeadline(now.Add(readTimeout))
}

// fill reads more. It blocks.
func (c *conn) fill() error {
	switch {
	case c.n == 0 && len(c.in) != firstHead:
		c.in = make([]byte, firstHead) // a connection that waits holds no more
	case c.n == len(c.in):
		larger := make([]byte, 2*len(c.in))
		copy(larger, c.in)
		c.in = larger
	}
	c.idle.Store(!c.begun && c.n == 0)
	defer c.idle.Store(false)
	for {
		n, err := c.stream.Read(c.in[c.n:])
		c.n += n
		switch {
		case n > 0:
			return nil
		case c.n > 0 && errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.until):
			// A nudge is for those who wait, not for a head that has begun.
			err = c.setDeadline(c.until)
		}
		if err != nil {
			return err
		}
	}
}
