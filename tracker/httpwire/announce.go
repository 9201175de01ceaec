package httpwire

import (
	"fmt"
	"net/netip"
	"strconv"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// DefaultNumWant is the value of NumWant with which a client leaves the number
// of peers to the tracker.
const DefaultNumWant = -1

// AnnounceRequest tells a tracker about a peer and asks for others (BEP 3). All
// of it is what the sender says.
type AnnounceRequest struct {
	InfoHash   infohash.T
	PeerID     [wire.PeerIDSize]byte
	Port       uint16 // never zero in a parsed request
	Uploaded   int64  // bytes
	Downloaded int64  // bytes
	Left       int64  // bytes; zero makes the peer a seed; wire.LeftUnknown
	Event      wire.Event
	NumWant    int // peers wanted; negative for the tracker's default
	// NoCompact says that peers are wanted as dictionaries. BEP 23: "It is
	// SUGGESTED that trackers return compact format by default."
	NoCompact bool
	// Key is a number that only this client knows; the same over IPv4 and IPv6
	// (BEP 7). Clients write 8 hexadecimal digits; other text is hashed into it.
	Key uint32
	// IP, IPv4 and IPv6 are addresses that the client claims to have (BEP 3,
	// BEP 7), the zero value when absent or unreadable. A claim is worth nothing
	// unless a policy says so: anybody could point a swarm at a victim with it.
	IP         netip.Addr
	IPv4, IPv6 netip.AddrPort
	// TrackerID is what an earlier response called "tracker id". Clients only:
	// ParseAnnounceRequest leaves it empty.
	TrackerID string
}

// The parameters that a request must have, as bits of a set.
const (
	sawInfoHash = 1 << iota
	sawPeerID
	sawPort
)

// ParseAnnounceRequest reads the query of an announce, without its "?". It
// returns a *BadRequest when info_hash, peer_id or port is missing, repeated or
// wrong, or when a number is none. Unknown parameters are skipped; of others that
// are repeated the last counts, because a client puts its own behind those that
// its announce URL came with.
func ParseAnnounceRequest(query string) (AnnounceRequest, error) {
	r := AnnounceRequest{Left: wire.LeftUnknown, NumWant: DefaultNumWant}
	if len(query) > MaxQuery {
		return r, &BadRequest{"query", "is too long"}
	}
	seen := 0
	for query != "" {
		var key, value string
		key, value, query = nextPair(query)
		if err := r.set(key, value, &seen); err != nil {
			return r, err
		}
	}
	switch {
	case seen&sawInfoHash == 0:
		return r, &BadRequest{"info_hash", "is missing"}
	case seen&sawPeerID == 0:
		return r, &BadRequest{"peer_id", "is missing"}
	case seen&sawPort == 0:
		return r, &BadRequest{"port", "is missing"}
	}
	r.completeEndpoints()
	return r, nil
}

// set takes one parameter.
func (r *AnnounceRequest) set(key, value string, seen *int) error {
	switch key {
	case "info_hash":
		return set20(r.InfoHash[:], "info_hash", value, seen, sawInfoHash)
	case "peer_id":
		return set20(r.PeerID[:], "peer_id", value, seen, sawPeerID)
	case "port":
		return r.setPort(value, seen)
	case "uploaded":
		return setCount(&r.Uploaded, "uploaded", value, 0)
	case "downloaded":
		return setCount(&r.Downloaded, "downloaded", value, 0)
	case "left":
		return setCount(&r.Left, "left", value, wire.LeftUnknown)
	case "event":
		r.Event = parseEvent(value)
	case "numwant", "num_want":
		r.NumWant = parseNumWant(value)
	case "compact":
		r.NoCompact = value == "0"
	case "key":
		r.Key = parseKey(value)
	case "ip":
		r.IP = parseEndpoint(value).Addr()
	case "ipv4":
		r.IPv4 = parseEndpoint(value)
	case "ipv6":
		r.IPv6 = parseEndpoint(value)
	}
	return nil
}

// set20 takes a parameter of 20 bytes that must not be repeated: with two of
// them, two programs could understand two different requests.
func set20(dst []byte, param, value string, seen *int, bit int) error {
	if *seen&bit != 0 {
		return &BadRequest{param, "is repeated"}
	}
	*seen |= bit
	if n, ok := unescape(dst, value); !ok || n != len(dst) {
		return &BadRequest{param, "is not 20 escaped bytes"}
	}
	return nil
}

func (r *AnnounceRequest) setPort(value string, seen *int) error {
	if *seen&sawPort != 0 {
		return &BadRequest{"port", "is repeated"}
	}
	*seen |= sawPort
	port, ok := number(value)
	if !ok || port < 1 || port > 65535 {
		return &BadRequest{"port", "is not a number from 1 to 65535"}
	}
	r.Port = uint16(port)
	return nil
}

// setCount takes a number of bytes. Clients have sent negative ones where they
// did not know; ifNegative stands for those.
func setCount(dst *int64, param, value string, ifNegative int64) error {
	n, ok := number(value)
	if !ok {
		return &BadRequest{param, "is not a number"}
	}
	if n < 0 {
		n = ifNegative
	}
	*dst = n
	return nil
}

func parseEvent(value string) wire.Event {
	var word [16]byte
	n, ok := unescape(word[:], value)
	if !ok {
		return wire.None
	}
	return wire.ParseEvent(word[:n])
}

// parseNumWant reads numwant; what is no number is the default, what is too
// large for any list of peers becomes a number that the tracker will clamp.
func parseNumWant(value string) int {
	n, ok := number(value)
	if !ok || n < 0 {
		return DefaultNumWant
	}
	return int(min(n, 1<<20))
}

// parseKey reads 8 hexadecimal digits, as BEP 15's key is written over HTTP, so
// that a client is known to be the same over both. Whatever else a client uses
// is hashed (FNV-1a): it only has to stay the same and to differ from others.
func parseKey(value string) uint32 {
	hex := uint32(0)
	isHex := len(value) > 0 && len(value) <= 8
	hash := uint32(2166136261)
	for i := range len(value) {
		digit := unhex(value[i])
		isHex = isHex && digit >= 0
		hex = hex<<4 | uint32(digit&15)
		hash = (hash ^ uint32(value[i])) * 16777619
	}
	if isHex {
		return hex
	}
	return hash
}

// parseEndpoint reads "address", "address:port" or "[address]:port" (BEP 7: "an
// IPv6 endpoint (address and port) or just an IPv6 address"). Anything else,
// domain names and zones among it, is the zero value: a claim that nobody has to believe
// is no reason to refuse an announce.
func parseEndpoint(value string) netip.AddrPort {
	var text [64]byte
	n, ok := unescape(text[:], value)
	if !ok || n == 0 {
		return netip.AddrPort{}
	}
	s := string(text[:n])
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return netip.AddrPort{}
		}
		a = netip.AddrPortFrom(addr, 0)
	}
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// completeEndpoints drops addresses of the wrong family and gives the others
// their port. BEP 7: "In the case where only an address is supplied, the IPv6
// port is assumed to be the same as specified by the &port= parameter."
func (r *AnnounceRequest) completeEndpoints() {
	complete := func(a netip.AddrPort, f wire.Family) netip.AddrPort {
		if !a.IsValid() || wire.FamilyOf(a.Addr()) != f {
			return netip.AddrPort{}
		}
		if a.Port() == 0 {
			return netip.AddrPortFrom(a.Addr(), r.Port)
		}
		return a
	}
	r.IPv4 = complete(r.IPv4, wire.IPv4)
	r.IPv6 = complete(r.IPv6, wire.IPv6)
}

// AppendQuery appends r as a query without "?", for the end of an announce URL:
// the caller puts "?" before it, or "&" when the URL has a query already.
func (r AnnounceRequest) AppendQuery(dst []byte) []byte {
	dst = appendEscaped(append(dst, "info_hash="...), r.InfoHash[:])
	dst = appendEscaped(append(dst, "&peer_id="...), r.PeerID[:])
	dst = strconv.AppendUint(append(dst, "&port="...), uint64(r.Port), 10)
	dst = strconv.AppendInt(append(dst, "&uploaded="...), r.Uploaded, 10)
	dst = strconv.AppendInt(append(dst, "&downloaded="...), r.Downloaded, 10)
	dst = strconv.AppendInt(append(dst, "&left="...), r.Left, 10)
	if r.NoCompact {
		dst = append(dst, "&compact=0"...)
	} else {
		dst = append(dst, "&compact=1"...)
	}
	dst = fmt.Appendf(dst, "&key=%08X", r.Key)
	if r.NumWant >= 0 {
		dst = strconv.AppendInt(append(dst, "&numwant="...), int64(r.NumWant), 10)
	}
	if e := r.Event.String(); e != "" {
		dst = append(append(dst, "&event="...), e...)
	}
	if r.IP.IsValid() {
		dst = appendEscaped(append(dst, "&ip="...), r.IP.String())
	}
	if r.IPv4.IsValid() {
		dst = appendEscaped(append(dst, "&ipv4="...), r.IPv4.String())
	}
	if r.IPv6.IsValid() {
		dst = appendEscaped(append(dst, "&ipv6="...), r.IPv6.String())
	}
	if r.TrackerID != "" {
		dst = appendEscaped(append(dst, "&trackerid="...), r.TrackerID)
	}
	return dst
}
