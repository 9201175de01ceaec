package httpfront

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// errLast ends a connection whose last answer has been sent.
var errLast = errors.New("last answer")

// serveConn answers the requests of one connection.
//
// This is the fast loop: a server for nothing but announces and scrapes by GET,
// half the work of net/http, which makes a map of headers, a request, a response, a
// context and three timers for each. Whatever the loop does not
// understand goes to net/http with all bytes, and the connection with it.
func (f *Front) serveConn(ctx context.Context, c *conn) {
	kept := true
	defer func() {
		if kept {
			c.Close()
		}
		if err := recover(); err != nil { // as net/http does: one client, not all
			f.log.Error("request panicked", zap.Any("panic", err), zap.Stack("stack"))
		}
	}()
	if stream, ok := c.stream.(*tls.Conn); ok {
		if err := c.handshake(stream); err != nil {
			f.log.Debug("tls handshake", zap.Error(err))
			return
		}
	}
	for {
		if err := c.fill(); err != nil {
			return
		}
		v, err := f.answerAll(ctx, c)
		switch {
		case err != nil:
			return
		case v == other || c.n == maxHead:
			kept = false
			c.owner.detach(c)
			f.handed.give(&replay{Conn: c.stream, conn: c, rest: c.in[:c.n]})
			return
		case c.n == 0 && f.stopping.Load():
			return
		}
	}
}

// answerAll answers the requests that c holds whole, and says what the rest is.
func (f *Front) answerAll(ctx context.Context, c *conn) (v verdict, err error) {
	now := time.Now()
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	out, rest := s.out[:0], c.in[:c.n]
	last := false
	for len(rest) > 0 && !last {
		var h head
		if h, v = parseHead(rest); v != simple {
			break
		}
		path, query, _ := bytes.Cut(h.target, []byte("?"))
		action, passkey := route(path)
		if action == noAction {
			v = other
			break
		}
		rest = rest[h.size:]
		last = h.close || f.conns.full() || f.stopping.Load()
		body := f.answer(ctx, ask{action, passkey, string(query), c.remote, h.forwarded}, s)
		out = f.appendResponse(out, body, now, last)
		if len(out) > maxOut {
			if err := c.send(out, now); err != nil {
				return v, err
			}
			out = out[:0]
		}
	}
	s.out = out
	if len(out) > 0 {
		err = c.send(out, now)
	}
	c.n = copy(c.in, rest)
	switch {
	case err != nil:
	case last:
		err = errLast
	case c.n > 0:
		err = c.limitHead(now)
	}
	return v, err
}

// send writes answers.
func (c *conn) send(out []byte, now time.Time) error {
	if err := c.renew(now); err != nil {
		return err
	}
	_, err := c.stream.Write(out)
	return err
}

// appendResponse appends a response that has body. Last says that the connection
// is closed after it.
func (f *Front) appendResponse(dst, body []byte, now time.Time, last bool) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(append(dst, "\r\nDate: "...), f.date.text(now)...)
	if last {
		dst = append(dst, "\r\nConnection: close"...)
	}
	return append(append(dst, "\r\n\r\n"...), body...)
}

// dateHeader is the text of a Date header, made once a second.
type dateHeader struct{ latest atomic.Pointer[datedText] }

type datedText struct {
	second int64
	text   string
}

// text returns the value of the header at now.
func (d *dateHeader) text(now time.Time) string {
	latest := d.latest.Load()
	if latest == nil || latest.second != now.Unix() {
		latest = &datedText{now.Unix(), now.UTC().Format(http.TimeFormat)}
		d.latest.Store(latest)
	}
	return latest.text
}
