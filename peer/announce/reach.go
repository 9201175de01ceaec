package announce

import "net/netip"

// reach says how close to home an address is. It orders addresses by how much
// harm a stranger does who makes us connect to one.
type reach int

const (
	internet reach = iota
	lan            // RFC 1918, RFC 4193, carrier NAT (RFC 6598)
	here           // this machine and its links: loopback, link-local, unspecified
)

var (
	carrierNAT = netip.MustParsePrefix("100.64.0.0/10")
	thisHost   = netip.MustParsePrefix("0.0.0.0/8") // connects to loopback on Linux
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	broadcast  = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// reachOf classes a. An IPv4 address inside an IPv6 one counts as what it is,
// or ::ffff:127.0.0.1 would be a way around every check.
func reachOf(a netip.Addr) reach {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case !a.IsValid(), a.IsLoopback(), a.IsUnspecified(), a.IsLinkLocalUnicast(), a.IsMulticast(), thisHost.Contains(a):
		return here
	case a.IsPrivate(), carrierNAT.Contains(a):
		return lan
	}
	return internet
}

// dialable returns the peers that can be what they claim, without doubles, in a
// new slice. The codecs have dropped port 0 and the unspecified and multicast
// addresses; here go the others behind which nobody listens. Peers on this
// machine are believed only to a tracker that is not on the open internet: one
// there has no way to know them, and the connection would go to whatever else
// listens here.
func dialable(peers []netip.AddrPort, tracker reach) []netip.AddrPort {
	kept := make([]netip.AddrPort, 0, len(peers))
	seen := make(map[netip.AddrPort]bool, len(peers))
	for _, p := range peers {
		a := p.Addr()
		switch {
		case seen[p], a == broadcast, thisHost.Contains(a):
			continue
		case a.Is6() && a.IsLinkLocalUnicast(): // says nothing without the interface, which no tracker knows
			continue
		case tracker == internet && reachOf(a) == here:
			continue
		}
		seen[p] = true
		kept = append(kept, p)
	}
	return kept
}
