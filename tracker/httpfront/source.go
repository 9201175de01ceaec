package httpfront

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
)

// errNoSource is the error for a request whose origin cannot be told.
var errNoSource = errors.New("the proxy in front of this tracker did not say where the request came from")

// proxies is the list of networks whose X-Forwarded-For is believed.
type proxies []netip.Prefix

func (p proxies) contain(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// source returns the address that r came from. From a listed proxy that is the
// last entry of X-Forwarded-For, the one that this proxy wrote itself: all
// before it is what the client said. From anybody else the header is worth nothing. A
// listed proxy that says nothing usable is an error, for its own address would stand
// for all of its clients.
func (p proxies) source(r *http.Request) (netip.Addr, error) {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, errNoSource
	}
	addr := remote.Addr().Unmap().WithZone("")
	if !p.contain(addr) {
		return addr, nil
	}
	values := r.Header.Values("X-Forwarded-For")
	if len(values) == 0 {
		return netip.Addr{}, errNoSource
	}
	last := values[len(values)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	addr, err = netip.ParseAddr(last)
	if err != nil {
		// Some proxies add the port.
		withPort, err := netip.ParseAddrPort(last)
		if err != nil {
			return netip.Addr{}, errNoSource
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), nil
}
