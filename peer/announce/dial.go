package announce

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// maxAddresses is how many addresses of one host are used. A name that has
// more is a content network, or somebody who wants us to knock at many doors.
const maxAddresses = 8

// headStart is how long one address of a host is dialled before the next is
// tried as well. RFC 8305 recommends 250 milliseconds.
const headStart = 250 * time.Millisecond

// addresses returns where host can be reached from Options.Local, in the order
// in which to try: as the resolver sorted them, families taking turns.
func (c *Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	found := make([]netip.Addr, 0, 1)
	if literal, err := netip.ParseAddr(host); err == nil {
		found = append(found, literal)
	} else if found, err = c.o.Resolve(ctx, host); err != nil {
		return nil, err
	}
	var first, second []netip.Addr // the family of the first address, and the other
	for _, a := range found {
		a = a.Unmap()
		switch {
		case !a.IsValid(), c.o.Local.IsValid() && a.Is4() != c.o.Local.Is4():
		case len(first) == 0 || a.Is4() == first[0].Is4():
			first = append(first, a)
		default:
			second = append(second, a)
		}
	}
	if len(first) == 0 && c.o.Local.IsValid() {
		return nil, fmt.Errorf("host %q has no address of the family of %s, the address that we send from", clean(host), c.o.Local)
	}
	if len(first) == 0 {
		return nil, fmt.Errorf("host %q has no address", clean(host))
	}
	sorted := make([]netip.Addr, 0, maxAddresses)
	for i := 0; (i < len(first) || i < len(second)) && len(sorted) < maxAddresses; i++ {
		if i < len(first) {
			sorted = append(sorted, first[i])
		}
		if i < len(second) {
			sorted = append(sorted, second[i])
		}
	}
	return sorted, nil
}

// errTooClose is why a redirect is not followed.
var errTooClose = errors.New("redirect to an address on this machine or its network was not followed")

// dialTCP connects to the first address of host that answers and is no closer
// to home than nearest allows. The check is made on the very address that is
// dialled, so a name that resolves differently the next time gains nothing.
func (c *Client) dialTCP(ctx context.Context, host string, port uint16, nearest reach) (net.Conn, reach, error) {
	found, err := c.addresses(ctx, host)
	if err != nil {
		return nil, 0, err
	}
	allowed := found[:0]
	for _, a := range found {
		if reachOf(a) <= nearest {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) == 0 {
		return nil, 0, errTooClose
	}
	var conn net.Conn
	var at reach
	var failed error
	race(ctx, len(allowed), headStart,
		func(i int) func(context.Context) (net.Conn, error) {
			address := netip.AddrPortFrom(allowed[i], port).String()
			return func(ctx context.Context) (net.Conn, error) { return c.o.Dial(ctx, "tcp", address) }
		},
		func(i int, won net.Conn, err error) bool {
			switch {
			case err != nil:
				if failed == nil {
					failed = err
				}
			case conn != nil:
				_ = won.Close() // came in second
			default:
				conn, at = won, reachOf(allowed[i])
			}
			return conn != nil
		})
	switch {
	case conn != nil:
		return conn, at, nil
	case failed == nil: // ctx ended before the first attempt
		return nil, 0, context.Cause(ctx)
	}
	return nil, 0, failed
}

// dialSystem is Options.Dial on the system's network, from Options.Local.
func (c *Client) dialSystem(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if local := c.o.Local; local.IsValid() {
		from := netip.AddrPortFrom(local, 0)
		if network == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(from)
		} else {
			d.LocalAddr = net.UDPAddrFromAddrPort(from)
		}
	}
	return d.DialContext(ctx, network, address)
}
