package main

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// parseListen reads the value of --listen: ADDRESS:PORT, or :PORT for all
// addresses, for which the address of the result is the zero one. A port alone
// will do too, and so will an IPv4 address.
func (a *app) parseListen(s string) (netip.AddrPort, error) {
	full := s
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is4() { // "::1:80" could mean either
		full = net.JoinHostPort(addr.String(), "0") // an address alone: any free port of it
	} else if !strings.Contains(s, ":") {
		full = ":" + s
	}
	host, port, err := net.SplitHostPort(full)
	if err != nil {
		return netip.AddrPort{}, a.usage("usage.listen", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, a.usage("usage.listen", s)
	}
	if host == "" {
		return netip.AddrPortFrom(netip.Addr{}, uint16(n)), nil
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, a.usage("usage.listen", s)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// reachable returns the address of this machine that others most likely reach it
// by: the one that is listened on, if it is a specific one, else the one that the
// system would use towards the internet, else any that is not loopback, else
// loopback. Nothing is sent to find it.
func reachable(listen netip.Addr) netip.Addr {
	if listen.IsValid() && !listen.IsUnspecified() {
		return listen
	}
	// Addresses for documentation (RFC 5737, RFC 3849): routed like any other,
	// used by nobody. Connecting a UDP socket chooses the source address and
	// sends no packet.
	for _, far := range []string{"198.51.100.1:9", "[2001:db8::1]:9"} {
		if conn, err := net.Dial("udp", far); err == nil {
			local, ok := conn.LocalAddr().(*net.UDPAddr)
			conn.Close()
			if addr := local.AddrPort().Addr().Unmap(); ok && useful(addr) {
				return addr
			}
		}
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && useful(p.Addr()) {
				return p.Addr()
			}
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

func useful(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsLoopback() }
