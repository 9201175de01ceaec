package httpfront

import (
	"bytes"
	"errors"
	"net/netip"
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

// source returns the address that a request came from. Forwarded is the last
// X-Forwarded-For header that it has. From a listed proxy that is the last entry
// of it, the one that this proxy wrote itself: all before it is what the client
// said. From anybody else the header is worth nothing, and so are its relatives,
// Forwarded and X-Real-IP, from everybody. A listed proxy that says nothing
// usable is an error, for its own address would stand for all of its clients.
func (p proxies) source(remote netip.Addr, forwarded []byte) (netip.Addr, error) {
	if !remote.IsValid() {
		return netip.Addr{}, errNoSource
	}
	if !p.contain(remote) {
		return remote, nil
	}
	last := string(bytes.TrimSpace(forwarded[bytes.LastIndexByte(forwarded, ',')+1:]))
	addr, err := netip.ParseAddr(last)
	if err != nil {
		addr, err = withoutPort(last)
	}
	if err != nil {
		return netip.Addr{}, errNoSource
	}
	return bare(addr), nil
}

// withoutPort reads what some proxies write: "192.0.2.1:4711",
// "[2001:db8::1]:4711" or "[2001:db8::1]".
func withoutPort(s string) (netip.Addr, error) {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s += ":0"
	}
	a, err := netip.ParseAddrPort(s)
	return a.Addr(), err
}

// bare returns a as peers can use it: an IPv4 address in the dress of an IPv6 one
// is IPv4, and a zone means something on one machine only.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
