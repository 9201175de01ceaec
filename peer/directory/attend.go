package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
	"p2p/tracker/wire"
)

// session is what requests are signed with.
type session struct {
	id        []byte
	service   dirwire.Service
	heartbeat time.Duration
	count     atomic.Uint64
	seen      uint64 // number of the last answer; of Attend's goroutine
}

// Attendance is what Attend needs.
type Attendance struct {
	// Certificate is that of this device. The service is told of it.
	Certificate identity.Certificate
	// Tell is called by Attend's own goroutine with one event after the other; it must
	// not wait, nor call Attend.
	Tell func(Event)
}

// ErrAttending is that Attend is running already.
var ErrAttending = errors.New("this client attends already")

// Attend keeps this device present until ctx ends, and returns nil then: friends see it come at
// once, and go within 15 s when it crashes. A connection that is lost comes back by itself, after a
// while that grows and is drawn at random, so that many clients do not come
// back at the same moment. It returns ErrRevoked when the account has revoked this device. One
// call at a time: ErrAttending.
func (c *Client) Attend(ctx context.Context, a Attendance) error {
	c.mu.Lock()
	if c.attending {
		c.mu.Unlock()
		return ErrAttending
	}
	c.attending = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.attending = false
		c.mu.Unlock()
	}()
	failures := 0
	for taken := 0; ; {
		began := time.Now()
		err := c.attend(ctx, a)
		switch {
		case ctx.Err() != nil:
			return nil
		case is(err, dirwire.CodeRevoked):
			return wrapped("attend", err)
		case time.Since(began) > steady:
			failures, taken = 0, 0
		case is(err, dirwire.CodeSession):
			taken++
		}
		if errors.Is(explained(err), ErrUnavailable) && !is(err, dirwire.CodeSession) {
			c.leave()
		}
		select {
		case <-c.again:
			failures = 0
		default:
		}
		wait := pauseAfter(failures, err, rand.Float64())
		failures++
		c.log.Debug("the session with the directory is lost", zap.Error(err), zap.Duration("pause", wait))
		why := explained(err)
		if taken >= takenOften && is(err, dirwire.CodeSession) {
			why = fmt.Errorf("%w: %w", ErrTwin, why)
		}
		a.Tell(Lost{Err: why, NextTry: time.Now().Add(wait)})
		select {
		case <-ctx.Done():
			return nil
		case <-c.again:
			failures = 0
		case <-time.After(wait):
		}
	}
}

// Retry says that this machine may be on another network than before, or that it has slept: Attend looks at once
// whether its session still holds, and does not wait before it opens another one. How often that is said is the
// caller's to bound.
func (c *Client) Retry() {
	select {
	case c.again <- struct{}{}:
	default:
	}
	c.http.CloseIdleConnections()
	c.rouse()
}

const (
	// steady is how long a session must have held for the next failure to count as the first.
	steady    = time.Minute
	firstWait = 2 * time.Second
	// minPause is the time between two heartbeats, in the long run, whatever a service that does not wait makes of it.
	minPause = 200 * time.Millisecond
	maxWait  = time.Minute
	// takenOften is after how many sessions that did not last, though the service answers, another one is taken to open them as this
	// device: each ends the other's. A service that starts again ends one.
	takenOften = 4
)

// pauseAfter returns how long to wait after so many failures in a row before: up to firstWait, doubled each
// time, of which a random part, and what the service asks for.
func pauseAfter(failures int, err error, random float64) time.Duration {
	window := min(maxWait, firstWait<<min(failures, 10))
	wait := window/4 + time.Duration(random*float64(window)*3/4)
	return wait + min(retryIn(err), 5*time.Minute)
}

// attend opens a session and keeps it until it is lost.
func (c *Client) attend(ctx context.Context, a Attendance) error {
	s, err := c.open(ctx, a.Certificate)
	if err != nil {
		return err
	}
	pace := rate.NewLimiter(rate.Every(minPause), 20)
	for first := true; ; first = false {
		if err := pace.Wait(ctx); err != nil {
			return nil // ctx has ended
		}
		e, err := c.heartbeat(ctx, s, first)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errChanged):
			continue
		case err != nil:
			return err
		}
		if first {
			a.Tell(Connected{})
		}
		if e.Number != 0 {
			s.seen = e.Number
		}
		c.tell(a, e)
		if e.Busy {
			select {
			case <-ctx.Done():
				return nil
			case <-c.changed:
			case <-time.After(s.heartbeat):
			}
		}
	}
}

// open opens a session, in which nothing has been said.
func (c *Client) open(ctx context.Context, cert identity.Certificate) (*session, error) {
	body := dirwire.Append(nil, dirwire.Certified{Certificate: cert.AppendTo(nil)})
	for try := 1; ; try++ {
		ch, err := ask[dirwire.Challenge](ctx, c, dirwire.MethodHello, dirwire.Empty{})
		if err != nil {
			return nil, err
		}
		m, err := proveWith[dirwire.Session](ctx, c, c.device, dirwire.MethodOpen, ch, body)
		if is(err, dirwire.CodeProof) && try < tries {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := &session{id: m.Session, service: dirwire.Service(ch.Service), heartbeat: time.Duration(m.Heartbeat) * time.Millisecond}
		s.heartbeat = max(time.Second, min(s.heartbeat, 10*time.Second))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.session, c.unsent = s, unsent{presence: true, friends: true}
		close(c.opened)
		c.opened = make(chan struct{})
		return s, nil
	}
}

// errChanged ends a heartbeat when there is something to say.
var errChanged = errors.New("something has changed")

// heartbeat renews the lease, says what is unsent, and waits for events, unless it said something
// or is the first.
func (c *Client) heartbeat(ctx context.Context, s *session, first bool) (dirwire.Events, error) {
	c.mu.Lock()
	saying := c.unsent
	m := dirwire.Attend{Seen: s.seen}
	if saying.presence {
		m.Presence = new(c.presence)
	}
	if saying.friends {
		m.Friends = new(c.friends) // never changed, only replaced
	}
	c.unsent = unsent{}
	c.mu.Unlock()
	if first || saying != (unsent{}) {
		e, err := signed[dirwire.Events](ctx, c, s, dirwire.MethodAttend, m, callFor)
		if err != nil {
			c.mu.Lock()
			c.unsent.presence = c.unsent.presence || saying.presence
			c.unsent.friends = c.unsent.friends || saying.friends
			c.mu.Unlock()
		}
		return e, err
	}
	m.Wait = s.heartbeat.Milliseconds()
	waiting, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.changed:
			cancel(errChanged)
		case <-waiting.Done():
		}
	}()
	e, err := signed[dirwire.Events](waiting, c, s, dirwire.MethodAttend, m, s.heartbeat+callFor)
	cancel(nil)
	<-watched
	if err != nil && errors.Is(context.Cause(waiting), errChanged) {
		err = errChanged // what the answer may have told is told again, since it was not seen
	}
	return e, err
}

// signed sends a request in a session.
func signed[T any](ctx context.Context, c *Client, s *session, m dirwire.Method, message any, within time.Duration) (answer T, err error) {
	body := dirwire.Append(nil, message)
	proof := dirwire.NewProof(c.device, s.service, m, s.id, s.count.Add(1), body)
	b, err := c.call(ctx, m, proof.String(), body, within)
	if err != nil {
		return answer, err
	}
	return parse[T](b)
}

// tell tells what an answer holds, as far as it is proven.
func (c *Client) tell(a Attendance, e dirwire.Events) {
	for _, f := range e.Friends {
		seen := Seen{Person: f.Person}
		for _, d := range f.Devices {
			cert, ok := c.certificate(d.Certificate, f.Person)
			if ok && !cert.Revoked {
				seen.Devices = append(seen.Devices, Device{cert, usable(d.Addrs), d.Away, time.UnixMilli(d.Since)})
			}
		}
		if f.LastSeen != 0 && len(f.Devices) == 0 {
			seen.LastSeen = time.UnixMilli(f.LastSeen)
		}
		a.Tell(seen)
	}
	for _, raw := range e.Certificates {
		if cert, ok := c.certificate(raw, a.Certificate.Account); ok {
			a.Tell(NewDevice{cert})
		}
	}
	for _, l := range e.Letters {
		cert, ok := c.certificate(l.Certificate, l.From)
		if !ok || dirwire.VerifyLetter(cert.Device, a.Certificate.Account, l.Sealed, l.Signature) != nil || len(l.Sealed) > MaxSealed {
			c.log.Debug("the directory shows a letter that nobody has signed", zap.String("id", l.ID))
			continue
		}
		a.Tell(Mail{l.From, l.Sealed, l.ID, time.UnixMilli(l.Sent)})
	}
}

// usable returns the addresses of a list that can be dialled, at most as many as there are to be.
func usable(list []netip.AddrPort) []netip.AddrPort {
	good := slices.DeleteFunc(slices.Clone(list), func(a netip.AddrPort) bool { return !wire.Connectable(a) })
	return good[:min(len(good), MaxAddrs+1)]
}
