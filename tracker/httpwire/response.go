package httpwire

import (
	"net/netip"
	"time"

	"p2p/tracker/wire"
)

// AnnounceResponse answers an announce. A key that BEP 3 does not require is left
// out where the field is zero, of a count where it is negative.
type AnnounceResponse struct {
	Interval    time.Duration // until the next regular announce, in whole seconds
	MinInterval time.Duration // announces more often than this may be ignored; 0 when not said
	Complete    int           // seeds; negative when not said
	Incomplete  int           // leeches; negative when not said
	Downloaded  int           // peers that ever finished; negative when not said
	// Peers holds both families. ParseAnnounceResponse keeps only those that
	// somebody can connect to.
	Peers wire.Peers
	// ExternalIP is the address that the request came from (BEP 24).
	ExternalIP netip.Addr
	// Warning is for a person to read. On the client's side it is foreign text.
	Warning string
	// TrackerID is to be sent back with the next announce.
	TrackerID string
}

// AppendTo appends the body of the response. With compact, peers are one string
// of 6 bytes each (BEP 23) and peers6 one of 18 bytes each (BEP 7); without, all
// of them are dictionaries of ip and port in one list: this tracker does not
// keep peer ids. The key peers is always there, because BEP 3 requires it
// and clients refuse a response without it, also when it is empty.
func (r AnnounceResponse) AppendTo(dst []byte, compact bool) []byte {
	dst = append(dst, 'd')
	dst = appendCount(dst, "complete", r.Complete)
	dst = appendCount(dst, "downloaded", r.Downloaded)
	if r.ExternalIP.IsValid() {
		dst = appendExternalIP(dst, r.ExternalIP)
	}
	dst = appendCount(dst, "incomplete", r.Incomplete)
	dst = appendInt(appendKey(dst, "interval"), int64(r.Interval/time.Second))
	if r.MinInterval > 0 {
		dst = appendInt(appendKey(dst, "min interval"), int64(r.MinInterval/time.Second))
	}
	dst = appendKey(dst, "peers")
	if compact {
		dst = appendText(dst, r.Peers.V4)
		if len(r.Peers.V6) > 0 {
			dst = appendText(appendKey(dst, "peers6"), r.Peers.V6)
		}
	} else {
		dst = appendPeerDicts(dst, r.Peers)
	}
	if r.TrackerID != "" {
		dst = appendText(appendKey(dst, "tracker id"), r.TrackerID)
	}
	if r.Warning != "" {
		dst = appendText(appendKey(dst, "warning message"), r.Warning)
	}
	return append(dst, 'e')
}

// appendCount appends a number of peers, or nothing when it is not known.
func appendCount(dst []byte, key string, n int) []byte {
	if n < 0 {
		return dst
	}
	return appendInt(appendKey(dst, key), int64(n))
}

// appendExternalIP appends the key of BEP 24: "a bencoded string value
// containing the IPv4 address as a 32 bit binary or containing the IPv6 address
// as a 128 bit binary".
func appendExternalIP(dst []byte, addr netip.Addr) []byte {
	dst = appendKey(dst, "external ip")
	if addr = addr.Unmap(); addr.Is4() {
		ip := addr.As4()
		return appendText(dst, ip[:])
	}
	ip := addr.As16()
	return appendText(dst, ip[:])
}

// appendPeerDicts appends the list of peers in the form of BEP 3. BEP 7: "IPv6
// addresses can be passed back this way."
func appendPeerDicts(dst []byte, peers wire.Peers) []byte {
	var text [64]byte
	dst = append(dst, 'l')
	for a := range peers.All() {
		dst = appendKey(append(dst, 'd'), "ip")
		dst = appendText(dst, a.Addr().AppendTo(text[:0]))
		dst = appendInt(appendKey(dst, "port"), int64(a.Port()))
		dst = append(dst, 'e')
	}
	return append(dst, 'e')
}
