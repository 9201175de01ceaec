package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// runConns drives clients with a goroutine each, on any system and with TLS.
func runConns(ctx context.Context, all []*client, begin time.Time) error {
	var group sync.WaitGroup
	for _, c := range all {
		group.Go(func() { (&caller{client: c, answer: make([]byte, maxResponse)}).run(ctx, begin) })
	}
	group.Wait()
	return ctx.Err()
}

// caller is a client with a connection of package net.
type caller struct {
	*client
	conn   net.Conn // nil between two connections
	answer []byte
}

// run asks until the time is over.
func (c *caller) run(ctx context.Context, begin time.Time) {
	defer func() {
		if c.conn != nil {
			c.conn.Close()
		}
	}()
	for ctx.Err() == nil {
		sent := time.Since(begin)
		if sent >= c.until {
			return
		}
		kind, peer, ok := c.draw()
		if !ok {
			return
		}
		c.request = c.appendRequest(c.request[:0], kind, peer)
		answer, err := c.ask(ctx)
		now := time.Since(begin)
		c.sends(kind, sent)
		c.record(kind, peer, answer, err, sent, now)
		if err != nil && !c.pause(ctx) {
			return
		}
	}
}

// pause waits a moment after a failure, so that a tracker that is gone does not
// become a loop.
func (c *caller) pause(ctx context.Context) bool {
	t := time.NewTimer(sleepFor)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ask sends the request and reads the answer, on the connection that there is or
// on a new one. A server may close a connection that is not in use at any time,
// and opentracker does so after each answer without a word: then, and once, the
// request is sent again (RFC 9112, section 9.3.1).
func (c *caller) ask(ctx context.Context) (response, error) {
	used := c.conn != nil
	answer, err := c.exchange(ctx)
	if used && answer.status == 0 && hungUp(err) {
		c.tally.Reopened++
		answer, err = c.exchange(ctx)
	}
	return answer, err
}

// hungUp reports whether a connection was closed before an answer began.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (c *caller) exchange(ctx context.Context) (response, error) {
	if c.conn == nil {
		conn, err := dial(ctx, c.to, sourceAddress(c.to.Address.Addr(), c.source), c.o.Patience)
		if err != nil {
			return response{}, err
		}
		c.conn = conn
	}
	answer, err := response{}, c.conn.SetDeadline(time.Now().Add(c.o.Patience))
	if err == nil {
		_, err = c.conn.Write(c.request)
	}
	if err == nil {
		answer, err = c.read()
	}
	if err != nil || !answer.keep || !c.o.KeepAlive {
		c.conn.Close() // the answer is here
		c.conn = nil
	}
	return answer, err
}

// read reads one answer. It returns io.EOF when the server hangs up before it
// begins.
func (c *caller) read() (response, error) {
	for n := 0; ; {
		got, err := c.conn.Read(c.answer[n:])
		n += got
		if n == 0 && err != nil {
			return response{}, err
		}
		eof := errors.Is(err, io.EOF)
		answer, parseErr := parseResponse(c.answer[:n], eof)
		switch {
		case !errors.Is(parseErr, errMore):
			return answer, parseErr
		case err != nil:
			return response{}, err
		case n == len(c.answer):
			return response{}, fmt.Errorf("%w: it is too long", errResponse)
		}
	}
}

// dial connects to a tracker.
func dial(ctx context.Context, to Endpoint, from netip.Addr, patience time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, Control: lateBind}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := d.DialContext(ctx, "tcp", to.Address.String())
	if err != nil || !to.TLS {
		return conn, err
	}
	host, _, err := net.SplitHostPort(to.Host)
	if err != nil {
		host = to.Host
	}
	// Whose certificate it is does not matter here: nothing secret is said.
	return tls.Client(conn, &tls.Config{ServerName: host, InsecureSkipVerify: true}), nil
}
