package directory

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// Presence is what friends are told of this device.
type Presence struct {
	Away bool
	// Port is where this device listens: the service adds the address that it sees. 0 for none.
	Port uint16
	// Addrs are other addresses of this device, at most MaxAddrs.
	Addrs []netip.AddrPort
}

// Set changes the presence. It takes effect within a round trip while Attend has a session,
// else with the next one; it is remembered.
func (c *Client) Set(p Presence) {
	next := dirwire.Presence{Away: p.Away, Port: p.Port, Addrs: slices.Clone(p.Addrs[:min(len(p.Addrs), MaxAddrs)])}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.presence.Away == next.Away && c.presence.Port == next.Port && slices.Equal(c.presence.Addrs, next.Addrs) {
		return
	}
	c.presence, c.unsent.presence = next, true
	c.rouse()
}

// Friends says whose presence this device wants to know, and who may know its own: both
// must name each other. At most MaxFriends count. It works as Set does.
func (c *Client) Friends(list []identity.Key) {
	next := slices.Clone(list[:min(len(list), MaxFriends)])
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Equal(c.friends, next) {
		return
	}
	c.friends, c.unsent.friends = next, true
	c.rouse()
}

// rouse ends the wait for events.
func (c *Client) rouse() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Send leaves a message, at most MaxSealed bytes that are sealed for the recipient, until one of its
// devices calls Taken; online says that one is there now. It replaces the one from this account that still
// waits there. It needs a session of Attend. Errors: ErrNoPerson, ErrTooMany, ErrFull, ErrTooLong, ErrUnavailable.
func (c *Client) Send(ctx context.Context, to identity.Key, sealed []byte) (online bool, err error) {
	if len(sealed) > MaxSealed {
		return false, wrapped("send", ErrTooLong)
	}
	m := dirwire.Send{To: to, Sealed: sealed, Signature: dirwire.SignLetter(c.device, to, sealed)}
	sent, err := inSession[dirwire.Sent](ctx, c, dirwire.MethodSend, m)
	return sent.Online, wrapped("send", err)
}

// Taken says that the message of that ID is stored here, so that the service forgets it.
func (c *Client) Taken(ctx context.Context, id string) error {
	_, err := inSession[dirwire.Empty](ctx, c, dirwire.MethodTaken, dirwire.Taken{ID: id})
	return wrapped("take a message", err)
}

// Goodbye ends the session: friends see it at once. Attend must have ended; without a session there is nothing
// to do.
func (c *Client) Goodbye(ctx context.Context) error {
	c.mu.Lock()
	s := c.session
	c.session = nil
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	_, err := signed[dirwire.Empty](ctx, c, s, dirwire.MethodGoodbye, dirwire.Empty{}, callFor)
	if is(err, dirwire.CodeSession) {
		return nil // its lease has run out
	}
	return wrapped("say goodbye", err)
}

// reopenFor is how long a request waits for Attend to open another session.
const reopenFor = 5 * time.Second

// inSession sends a request in the session of Attend; if the service does not know that any more, in
// the next one, if that comes soon.
func inSession[T any](ctx context.Context, c *Client, m dirwire.Method, message any) (answer T, err error) {
	for range tries {
		c.mu.Lock()
		s, next, attending := c.session, c.opened, c.attending
		c.mu.Unlock()
		if s == nil {
			return answer, ErrUnavailable
		}
		answer, err = signed[T](ctx, c, s, m, message, callFor)
		if !is(err, dirwire.CodeSession) || !attending {
			return answer, err
		}
		c.rouse() // so that Attend notices too
		timer := time.NewTimer(reopenFor)
		select {
		case <-next:
			err = nil
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		if err != nil {
			return answer, errors.Join(err, ctx.Err())
		}
	}
	return answer, ErrUnavailable
}
