// Package wire holds the words that the HTTP and the UDP tracker protocol share:
// the event of an announce, the family of an address, and lists of peers in
// compact form. Packages httpwire and udpwire are the two codecs.
//
// The package is pure: it opens no socket, asks for no time and keeps no state.
package wire

import (
	"encoding/binary"
	"iter"
	"math"
	"net/netip"
)

// PeerIDSize is the length of a peer id in bytes (BEP 3).
const PeerIDSize = 20

// LeftUnknown is what a client that does not know the size of the torrent yet
// says is left; a request without "left" is read as this too. Whatever is not
// zero makes the peer a leech.
const LeftUnknown = math.MaxInt64

// Event says why a peer announces. The numbers are those of BEP 15: "0: none;
// 1: completed; 2: started; 3: stopped".
type Event uint8

// The events of BEP 3 and BEP 15. A peer sends None at regular intervals.
const (
	None Event = iota
	Completed
	Started
	Stopped
)

// String returns the word of BEP 3 for e, "" for None and for what is unknown.
func (e Event) String() string {
	switch e {
	case Completed:
		return "completed"
	case Started:
		return "started"
	case Stopped:
		return "stopped"
	}
	return ""
}

// ParseEvent is the inverse of String. Words that this tracker does not act on,
// such as "paused" of BEP 21, are None: the announce still counts.
func ParseEvent(s []byte) Event {
	switch string(s) {
	case "completed":
		return Completed
	case "started":
		return Started
	case "stopped":
		return Stopped
	}
	return None
}

// Family is the version of IP of an address. It decides the layout of peers.
type Family uint8

// The two families. The zero value is IPv4.
const (
	IPv4 Family = iota
	IPv6
)

// FamilyOf returns the family of a. An IPv4 address written as an IPv6 one
// (::ffff:192.0.2.1) is IPv4: that is where its packets go.
func FamilyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// String returns "ipv4" or "ipv6".
func (f Family) String() string {
	if f == IPv6 {
		return "ipv6"
	}
	return "ipv4"
}

// PeerSize returns the length of a compact peer of family f: 6 bytes for IPv4
// (BEP 23), 18 for IPv6 (BEP 7).
func (f Family) PeerSize() int {
	if f == IPv6 {
		return 18
	}
	return 6
}

// AppendPeer appends a in the compact form of its own family.
//
// 4B address + 2B port, or 16B address + 2B port, all in network order.
// A zone is not carried. The zero AddrPort appends nothing.
func AppendPeer(dst []byte, a netip.AddrPort) []byte {
	switch addr := a.Addr().Unmap(); {
	case addr.Is4():
		ip := addr.As4()
		dst = append(dst, ip[:]...)
	case addr.Is6():
		ip := addr.As16()
		dst = append(dst, ip[:]...)
	default:
		return dst
	}
	return binary.BigEndian.AppendUint16(dst, a.Port())
}

// ParsePeers appends to dst the peers of a compact list of family f. Trackers
// hand out what they were told, so an entry that nobody can connect to (port 0,
// the unspecified or a multicast address) is skipped, as are spare bytes at the
// end. IPv4-mapped addresses in an IPv6 list come out as IPv4.
func ParsePeers(dst []netip.AddrPort, compact []byte, f Family) []netip.AddrPort {
	for a := range allPeers(compact, f) {
		if Connectable(a) {
			dst = append(dst, a)
		}
	}
	return dst
}

// Connectable reports whether a could be the address of a peer at all.
func Connectable(a netip.AddrPort) bool {
	ip := a.Addr()
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && a.Port() != 0
}

// allPeers yields the whole entries of a compact list.
func allPeers(compact []byte, f Family) iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		size := f.PeerSize()
		for ; len(compact) >= size; compact = compact[size:] {
			addr, _ := netip.AddrFromSlice(compact[:size-2])
			port := binary.BigEndian.Uint16(compact[size-2:])
			if !yield(netip.AddrPortFrom(addr.Unmap(), port)) {
				return
			}
		}
	}
}

// Peers is a list of peers in compact form, each family in its place, ready to
// be copied into a response. The zero value is an empty list.
type Peers struct {
	V4 []byte // 6 bytes per peer: 4B address + 2B port
	V6 []byte // 18 bytes per peer: 16B address + 2B port
}

// Add appends a to the list of its family.
func (p *Peers) Add(a netip.AddrPort) {
	if FamilyOf(a.Addr()) == IPv4 {
		p.V4 = AppendPeer(p.V4, a)
	} else {
		p.V6 = AppendPeer(p.V6, a)
	}
}

// Reset empties p and keeps its memory for the next list.
func (p *Peers) Reset() { p.V4, p.V6 = p.V4[:0], p.V6[:0] }

// Len returns the number of peers in p.
func (p Peers) Len() int {
	return len(p.V4)/IPv4.PeerSize() + len(p.V6)/IPv6.PeerSize()
}

// All yields the peers of p, IPv4 first.
func (p Peers) All() iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		for a := range allPeers(p.V4, IPv4) {
			if !yield(a) {
				return
			}
		}
		for a := range allPeers(p.V6, IPv6) {
			if !yield(a) {
				return
			}
		}
	}
}
