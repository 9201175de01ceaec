package knock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"unicode/utf8"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

// Bounds of a Request.
const (
	MaxRequest  = 2 << 10 // bytes of all of it, encoded: a long note in any script, and a few trackers
	MaxName     = 64      // bytes
	MaxNote     = 300     // characters
	MaxTrackers = 4
	MaxTracker  = 256 // bytes
	MaxAddrs    = 8

	MaxBeginning = 1 << 10 // bytes
)

// Request is what somebody wants who rings. All of it is only said: what is proven is who says it.
type Request struct {
	Name     string     // how he calls himself, at most MaxName bytes
	Note     string     // at most MaxNote characters, one line
	Room     [32]byte   // the room that he has made for the two of them; zero for none
	Join     infohash.T // the swarm of the room that he wants to get into; zero for none
	Token    identity.Token
	Trackers []string         // where he announces Room, at most MaxTrackers
	Addrs    []netip.AddrPort // where he accepts connections, at most MaxAddrs
	// Beginning is what Room begins with, in words that this package does not know, at most MaxBeginning bytes: who gets it can be
	// in Room before the two have met there. Nil for none, as versions send that do not know of it.
	Beginning []byte
	// Resumes says that he who rings knows of no other room of the two, and goes into another one than Room that an Accepted names:
	// he may have lost it. Versions that do not know of this know Room alone.
	Resumes bool
}

// errRequest is a request that breaks a rule.
var errRequest = errors.New("a request that is none")

// request is a Request on the wire.
type request struct {
	Addrs    string   `bencode:"a,omitempty"`
	Begin    string   `bencode:"b,omitempty"`
	Join     string   `bencode:"j,omitempty"`
	Token    string   `bencode:"k,omitempty"`
	Name     string   `bencode:"n,omitempty"`
	Note     string   `bencode:"o,omitempty"`
	Room     string   `bencode:"r,omitempty"`
	Trackers []string `bencode:"t,omitempty"`
	Resumes  int64    `bencode:"u,omitempty"`
}

// requestLimits bounds the dictionary of a request, of whatever version.
var requestLimits = benc.Limits{Size: MaxRequest, Depth: 4, Tokens: 64}

// AppendTo appends the encoded request to dst, made to keep the bounds: texts are cut and freed of
// what would harm a terminal, and of trackers and addresses as many are kept, in order, as fit. There may be no space for the
// beginning.
func (r Request) AppendTo(dst []byte) []byte {
	m := request{Name: ext.Line(r.Name, MaxName), Note: noteOf(r.Note)}
	m.Join, m.Token, m.Room = fixed(r.Join[:]), fixed(r.Token[:]), fixed(r.Room[:])
	m.Addrs = appendAddrs(r.Addrs)
	if r.Resumes {
		m.Resumes = 1
	}
	for _, t := range r.Trackers {
		if len(m.Trackers) < MaxTrackers && isTracker(t) {
			m.Trackers = append(m.Trackers, t)
		}
	}
	if len(r.Beginning) <= MaxBeginning {
		m.Begin = string(r.Beginning)
	}
	b := marshal(m)
	if len(b) > MaxRequest {
		m.Begin = ""
		b = marshal(m)
	}
	for len(b) > MaxRequest && len(m.Trackers) > 0 {
		m.Trackers = m.Trackers[:len(m.Trackers)-1]
		b = marshal(m)
	}
	return append(dst, b...)
}

// ParseRequest reads what AppendTo appends. It keeps nothing of b. The error is that of something that is
// not within the bounds.
func ParseRequest(b []byte) (Request, error) {
	var m request
	if err := benc.Unmarshal(b, &m, requestLimits); err != nil {
		return Request{}, fmt.Errorf("%w: %w", errRequest, err)
	}
	r := Request{Name: m.Name, Note: m.Note, Trackers: append([]string(nil), m.Trackers...), Resumes: m.Resumes != 0}
	switch {
	case ext.Line(m.Name, MaxName) != m.Name || noteOf(m.Note) != m.Note:
		return Request{}, fmt.Errorf("%w: its name or note is too long, or no line of text", errRequest)
	case len(m.Trackers) > MaxTrackers:
		return Request{}, fmt.Errorf("%w: it has %d trackers", errRequest, len(m.Trackers))
	case !takeFixed(r.Join[:], m.Join) || !takeFixed(r.Token[:], m.Token) || !takeFixed(r.Room[:], m.Room):
		return Request{}, fmt.Errorf("%w: an id is not as long as it should be", errRequest)
	}
	for _, t := range m.Trackers {
		if !isTracker(t) {
			return Request{}, fmt.Errorf("%w: it names a tracker that is none", errRequest)
		}
	}
	if len(m.Begin) > MaxBeginning {
		return Request{}, fmt.Errorf("%w: it begins with too much", errRequest)
	}
	if m.Begin != "" {
		r.Beginning = []byte(m.Begin)
	}
	var err error
	if r.Addrs, err = parseAddrs(m.Addrs); err != nil {
		return Request{}, err
	}
	return r, nil
}

// noteOf is the line that s is as a note.
func noteOf(s string) string {
	s = ext.Line(s, len(s)*utf8.UTFMax)
	characters := 0
	for i := range s {
		if characters == MaxNote {
			return s[:i]
		}
		characters++
	}
	return s
}

// isTracker reports whether s is the announce URL of a tracker.
func isTracker(s string) bool {
	if len(s) > MaxTracker {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "udp")
}

// fixed returns an id as it is written: nothing when it is zero.
func fixed(id []byte) string {
	for _, b := range id {
		if b != 0 {
			return string(id)
		}
	}
	return ""
}

// takeFixed reads what fixed has written.
func takeFixed(id []byte, s string) bool {
	return s == "" || copy(id, s) == len(s) && len(s) == len(id)
}

// addrSize is the length of an address: 16 bytes, IPv4 mapped into IPv6, and a port in network order.
const addrSize = 16 + 2

// appendAddrs writes those of the addresses that can be dialled, at most MaxAddrs.
func appendAddrs(addrs []netip.AddrPort) string {
	var b []byte
	for _, a := range addrs {
		if isAddr(a) && len(b) < MaxAddrs*addrSize {
			ip := a.Addr().As16()
			b = binary.BigEndian.AppendUint16(append(b, ip[:]...), a.Port())
		}
	}
	return string(b)
}

func parseAddrs(s string) ([]netip.AddrPort, error) {
	if len(s)%addrSize != 0 || len(s) > MaxAddrs*addrSize {
		return nil, fmt.Errorf("%w: %d bytes of addresses", errRequest, len(s))
	}
	var addrs []netip.AddrPort
	for ; len(s) > 0; s = s[addrSize:] {
		ip := netip.AddrFrom16([16]byte([]byte(s[:16]))).Unmap()
		a := netip.AddrPortFrom(ip, binary.BigEndian.Uint16([]byte(s[16:])))
		if !isAddr(a) {
			return nil, fmt.Errorf("%w: it names an address that is none", errRequest)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// isAddr reports whether somebody could be dialled at a. Who dials decides whether to trust it.
func isAddr(a netip.AddrPort) bool {
	ip := a.Addr()
	return ip.IsValid() && a.Port() != 0 && ip.Zone() == "" && !ip.IsUnspecified() && !ip.IsMulticast()
}

func marshal(v any) []byte {
	b, err := benc.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("knock: marshal: %v", err)) // only strings and numbers
	}
	return b
}
