package pex

import "net/netip"

// reach says how far from home an address is.
type reach int

const (
	nowhere  reach = iota // nobody listens there, or nobody knows on which link
	here                  // this machine
	lan                   // RFC 1918, RFC 4193, carrier NAT (RFC 6598), link-local IPv4
	internet              // everywhere else
)

var (
	thisHost   = netip.MustParsePrefix("0.0.0.0/8") // connects to loopback on Linux
	carrierNAT = netip.MustParsePrefix("100.64.0.0/10")
	reserved   = netip.MustParsePrefix("240.0.0.0/4") // and broadcast
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
)

// reachOf classes a. An IPv4 address inside an IPv6 one counts as what it is,
// or ::ffff:127.0.0.1 would be a way around.
func reachOf(a netip.Addr) reach {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), thisHost.Contains(a), reserved.Contains(a),
		a.Is6() && a.IsLinkLocalUnicast():
		return nowhere
	case a.IsLoopback():
		return here
	case a.IsPrivate(), carrierNAT.Contains(a), a.IsLinkLocalUnicast():
		return lan
	}
	return internet
}

// mayTell reports whether a peer at the address other may hear of one at third,
// or tell us of it: third must not be nearer to us than other is.
func mayTell(third, other netip.Addr) bool {
	r := reachOf(third)
	return r != nowhere && r >= reachOf(other)
}
