package directory

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// dialer connects to a host with several addresses, which are those of the nodes of a cluster. It stays with one as
// long as that is of use, whatever the order in which they are named each time: a session is known to its
// node alone. Any goroutine may call it.
type dialer struct {
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	at   netip.Addr   // where it is; zero for nowhere
	left []netip.Addr // from where it went away, the last one last: so they are tried
}

func newDialer() *dialer {
	return &dialer{lookup: net.DefaultResolver.LookupNetIP, dial: new(net.Dialer).DialContext}
}

const (
	// maxAddresses is how many addresses of a host are tried, and how many are remembered.
	maxAddresses = 8
	// patience is how long one may take to answer while there are others; longer where it is, for on a slow line, or when a
	// packet is lost, it is there all the same.
	patience   = time.Second
	patienceAt = 4 * time.Second
)

// DialContext is for an http.Transport.
func (d *dialer) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, bad := netip.ParseAddr(host); bad == nil {
		return d.dial(ctx, network, address)
	}
	all, err := d.lookup(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	all, at := d.order(all)
	for i, a := range all {
		wait := patience
		switch {
		case i == len(all)-1:
			wait = 0
		case a == at:
			wait = patienceAt
		}
		if conn, err = d.try(ctx, network, net.JoinHostPort(a.String(), port), wait); err == nil {
			d.mu.Lock()
			d.at = a
			d.mu.Unlock()
			return conn, nil
		}
	}
	return nil, err
}

// try dials, for so long at most, if that is not zero.
func (d *dialer) try(ctx context.Context, network, address string, wait time.Duration) (net.Conn, error) {
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	return d.dial(ctx, network, address)
}

// order returns addresses in the order in which to try them, and the one where it is.
func (d *dialer) order(all []netip.Addr) (ordered []netip.Addr, at netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	rank := func(a netip.Addr) int {
		if a == d.at {
			return -2
		}
		return slices.Index(d.left, a)
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return cmp.Compare(rank(a), rank(b)) })
	return all[:min(len(all), maxAddresses)], d.at
}

// leave says that the node is of no use at which it is: the next connection is to another, if there is one.
func (d *dialer) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.at.IsValid() {
		return
	}
	d.left = append(slices.DeleteFunc(d.left, func(a netip.Addr) bool { return a == d.at }), d.at)
	d.left, d.at = d.left[max(0, len(d.left)-maxAddresses):], netip.Addr{}
}
