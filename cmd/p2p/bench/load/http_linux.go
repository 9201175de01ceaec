package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// runClients drives clients until the time is over: from a few threads with
// epoll(7), because package net takes twice the time that the servers need which
// are to be measured. TLS needs package net.
func runClients(ctx context.Context, o Options, all []*client, begin time.Time) error {
	if slices.ContainsFunc(o.Trackers, func(e Endpoint) bool { return e.TLS }) {
		return runConns(ctx, all, begin)
	}
	g, ctx := errgroup.WithContext(ctx)
	workers := min(o.Workers, len(all))
	for i := range workers {
		w := &poller{begin: begin, patience: o.Patience, keep: o.KeepAlive, until: o.Warmup + o.Duration}
		for n := i; n < len(all); n += workers {
			w.links = append(w.links, newLink(all[n]))
		}
		g.Go(func() error { return w.run(ctx) })
	}
	return g.Wait()
}

// poller drives some of the connections on a thread of its own.
type poller struct {
	fd       int
	links    []*link
	begin    time.Time
	until    time.Duration
	patience time.Duration
	keep     bool
	busy     int // links with a request outstanding
}

// link is a client with its connection.
type link struct {
	*client
	fd      int // -1 between two connections
	kind    Kind
	peer    int
	sent    time.Duration
	written int    // bytes of the request
	answer  []byte // room for it
	got     int    // bytes of it
	busy    bool   // a request is outstanding
	used    bool   // the connection has answered before
	again   bool   // the request was sent before, on a connection that was closed then
	restAt  time.Duration

	local, remote *rawAddress // local is nil where the system may choose
}

func newLink(c *client) *link {
	l := &link{client: c, fd: -1, answer: make([]byte, maxResponse), remote: rawOf(c.to.Address)}
	if from := sourceAddress(c.to.Address.Addr(), c.source); from.IsValid() {
		l.local = rawOf(netip.AddrPortFrom(from, 0))
	}
	return l
}

// run asks until the time is over and everything is answered or lost.
func (w *poller) run(ctx context.Context) (err error) {
	if w.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	defer unix.Close(w.fd)
	defer func() {
		for _, l := range w.links {
			l.close()
		}
	}()
	release := holdThread()
	defer release()
	events := make([]unix.EpollEvent, len(w.links))
	heard := time.Now()
	for swept := -sweepEvery; ; {
		if now := time.Since(w.begin); now-swept >= sweepEvery {
			swept = now
			w.sweep(now)
			if w.busy == 0 && w.finished(now) {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		n := rawReady(w.fd, events)
		for _, e := range events[:n] {
			w.move(w.links[e.Fd], int(e.Fd))
		}
		if n > 0 {
			heard = time.Now()
		} else if time.Since(heard) > spinFor {
			unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, int(sleepFor/time.Millisecond)) // the next look tells
		}
	}
}

// finished reports whether nothing will be asked any more.
func (w *poller) finished(now time.Duration) bool {
	if now >= w.until {
		return true
	}
	return !slices.ContainsFunc(w.links, func(l *link) bool { return !l.o.Prefill || l.next < l.share })
}

// sweep gives up on what has waited too long, and starts those that rest.
func (w *poller) sweep(now time.Duration) {
	for i, l := range w.links {
		if l.busy && now-l.sent >= w.patience {
			l.close()
			w.end(l, i, response{}, context.DeadlineExceeded)
		} else if !l.busy && now >= l.restAt {
			w.ask(l, i)
		}
	}
}

// ask sends the next request of a link, if there is one and time for it.
func (w *poller) ask(l *link, i int) {
	now := time.Since(w.begin)
	if now >= w.until {
		return
	}
	kind, peer, ok := l.draw()
	if !ok {
		return
	}
	l.kind, l.peer, l.sent, l.again, l.busy = kind, peer, now, false, true
	l.request = l.appendRequest(l.request[:0], kind, peer)
	l.sends(kind, now)
	w.busy++
	w.send(l, i)
}

// send connects if need be, and writes the request from its beginning.
func (w *poller) send(l *link, i int) {
	l.written, l.got = 0, 0
	if l.fd < 0 {
		if err := w.connect(l, i); err != nil {
			w.end(l, i, response{}, err)
			return
		}
	}
	w.move(l, i)
}

func (w *poller) connect(l *link, i int) error {
	fd, err := unix.Socket(familyOf(l.to.Address.Addr()), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	l.fd, l.used = fd, false
	if l.local != nil {
		rawBindLate(fd)
		if err := rawBind(fd, l.local); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	if err := rawConnect(fd, l.remote); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	// Edge-triggered: each side is told once that it can go on.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: int32(i)}
	if err := unix.EpollCtl(w.fd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// move writes and reads what can be, and goes on to the next request when the
// answer is there.
func (w *poller) move(l *link, i int) {
	if !l.busy {
		return
	}
	if l.written < len(l.request) {
		n, err := rawWrite(l.fd, l.request[l.written:])
		if err != nil {
			w.stuck(l, i, err)
			return
		}
		l.written += n
		return // the answer takes a moment
	}
	for {
		n, err := rawRead(l.fd, l.answer[l.got:])
		if err != nil {
			w.stuck(l, i, err)
			return
		}
		l.got += n
		answer, err := parseResponse(l.answer[:l.got], n == 0)
		switch {
		case n == 0 && l.got == 0:
			w.stuck(l, i, unix.ECONNRESET)
			return
		case !errors.Is(err, errMore):
			w.end(l, i, answer, err)
			return
		case l.got == len(l.answer):
			w.end(l, i, response{}, fmt.Errorf("%w: it is too long", errResponse))
			return
		}
	}
}

// stuck deals with what a system call said: later, or never.
func (w *poller) stuck(l *link, i int, err error) {
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case l.used && !l.again && l.got == 0: // see caller.ask
		l.tally.Reopened++
		l.again = true
		l.close()
		w.send(l, i)
	default:
		w.end(l, i, response{}, err)
	}
}

// end records what came of a request and goes on, after a rest if it failed.
func (w *poller) end(l *link, i int, answer response, err error) {
	now := time.Since(w.begin)
	l.record(l.kind, l.peer, answer, err, l.sent, now)
	l.busy = false
	w.busy--
	if err != nil || !answer.keep || !w.keep {
		l.close()
	}
	l.used = true
	if err != nil {
		l.restAt = now + sleepFor
		return
	}
	w.ask(l, i)
}

func (l *link) close() {
	if l.fd >= 0 {
		rawClose(l.fd) // what was to come has come
		l.fd = -1
	}
}
