package wire

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"p2p/torrentfile/benc"
)

// ExtHandshakeID is the ExtID of the extension handshake. BEP 10: "If the ID is
// 0, the message is a handshake message".
const ExtHandshakeID uint8 = 0

// Limits on what an extension handshake may say. Whatever is over one is
// clamped or ignored, because a strange number is no reason to lose a peer;
// only the first two are errors, because what is past them cannot be cut
// without choosing what to keep.
const (
	// MaxExtHandshake is the longest payload of an extension handshake, in
	// bytes: room for MaxExtensions of the longest names and as much again.
	MaxExtHandshake = 16 << 10
	// MaxExtensions is the most names in M: half of the ids that there are.
	MaxExtensions = 128
	// MaxExtensionName is the longest name in M, in bytes.
	MaxExtensionName = 64
	// MaxClient is the longest client name, in bytes.
	MaxClient = 64
	// MaxReqQ is the highest ReqQ: 1 GiB of blocks under way, more than any
	// path holds.
	MaxReqQ = 1 << 16
	// MaxMetadataSize is the largest info dictionary that we would fetch, in
	// bytes: 2 million pieces have 40 MiB of hashes, the rest is for names.
	MaxMetadataSize = 64 << 20
)

// extLimits bounds an extension handshake as bencode. The size is enough: what
// is not wanted is not decoded, and costs nothing.
var extLimits = benc.Limits{Size: MaxExtHandshake}

// ErrExtHandshake is wrapped by the errors of ParseExtHandshake.
var ErrExtHandshake = errors.New("malformed extension handshake")

// ExtHandshake is the payload of extended message 0 (BEP 10): what a peer
// speaks past the core, and some facts about it. "All items in the dictionary
// are optional": a zero field was not sent. A peer may send it again later, and
// then "the m dictionary is additive".
type ExtHandshake struct {
	// M maps the names of extensions to the ExtID under which the sender wants
	// their messages. "Setting an extension number to zero means that the
	// extension is not supported/disabled." It is nil when it has no entry.
	M map[string]uint8
	// Client is the name and version of the program, at most MaxClient bytes
	// of printable text. It is still a stranger's text.
	Client string
	// ReqQ is "the number of outstanding request messages this client supports
	// without dropping any", at most MaxReqQ.
	ReqQ int
	// YourIP is the address that the sender sees the receiver at. It is a
	// claim like any other.
	YourIP netip.Addr
	// Port is the TCP port on which the sender listens.
	Port uint16
	// MetadataSize is the length of the info dictionary in bytes (BEP 9), at
	// most MaxMetadataSize.
	MetadataSize int64
	// UploadOnly says that the sender "is not interested in downloading
	// anything" (BEP 21).
	UploadOnly bool
}

// Merge returns h with what a later handshake of the same sender says on top. BEP
// 10: "the m dictionary is additive". Neither changes, and M has at most
// MaxExtensions names, however often the sender speaks.
func (h ExtHandshake) Merge(later ExtHandshake) ExtHandshake {
	m := h.M
	if len(later.M) > 0 {
		m = maps.Clone(h.M)
		if m == nil {
			m = make(map[string]uint8, len(later.M))
		}
		for name, id := range later.M {
			if _, known := m[name]; known || len(m) < MaxExtensions {
				m[name] = id
			}
		}
	}
	return ExtHandshake{
		M: m, Client: cmp.Or(later.Client, h.Client), ReqQ: cmp.Or(later.ReqQ, h.ReqQ),
		YourIP: cmp.Or(later.YourIP, h.YourIP), Port: cmp.Or(later.Port, h.Port),
		MetadataSize: cmp.Or(later.MetadataSize, h.MetadataSize),
		UploadOnly:   later.UploadOnly || h.UploadOnly,
	}
}

// AppendExtHandshake appends the payload of h, a bencoded dictionary without
// the zero fields, to dst. It does not check the limits: h is ours.
func AppendExtHandshake(dst []byte, h ExtHandshake) []byte {
	m := h.M
	if m == nil {
		m = map[string]uint8{} // always sent, if only to say that there are none
	}
	dict := map[string]any{"m": m}
	if h.Client != "" {
		dict["v"] = h.Client
	}
	if h.ReqQ > 0 {
		dict["reqq"] = h.ReqQ
	}
	if h.YourIP.IsValid() {
		dict["yourip"] = string(h.YourIP.Unmap().AsSlice())
	}
	if h.Port > 0 {
		dict["p"] = int(h.Port)
	}
	if h.MetadataSize > 0 {
		dict["metadata_size"] = h.MetadataSize
	}
	if h.UploadOnly {
		dict["upload_only"] = 1
	}
	b, err := benc.Marshal(dict)
	if err != nil {
		panic(fmt.Sprintf("wire: marshal extension handshake: %v", err)) // only maps, strings and numbers
	}
	return append(dst, b...)
}

// ParseExtHandshake reads the payload of extended message 0. Items that it does
// not know, or that are of the wrong type or outside their limits, are ignored
// or clamped. The error wraps ErrExtHandshake and says that payload is not a
// bencoded dictionary, or far too large. The result shares nothing with
// payload.
func ParseExtHandshake(payload []byte) (ExtHandshake, error) {
	var h ExtHandshake
	values, err := benc.Pick(payload, extLimits, "m", "v", "reqq", "yourip", "p", "metadata_size", "upload_only")
	if err != nil {
		return h, fmt.Errorf("%w: %w", ErrExtHandshake, err)
	}
	m, v, reqq, yourip, p, size, uploadOnly := values[0], values[1], values[2], values[3], values[4], values[5], values[6]
	if h.M, err = extensionIDs(m); err != nil {
		return h, err
	}
	if client, ok := benc.String(v); ok {
		h.Client = printable(client, MaxClient)
	}
	h.ReqQ = int(min(number(reqq), MaxReqQ))
	if ip, ok := benc.String(yourip); ok {
		addr, _ := netip.AddrFromSlice(ip) // the zero Addr unless it is 4 or 16 bytes
		h.YourIP = addr.Unmap()
	}
	if p := number(p); p <= 0xFFFF {
		h.Port = uint16(p)
	}
	if n := number(size); n <= MaxMetadataSize {
		h.MetadataSize = n
	}
	h.UploadOnly = number(uploadOnly) > 0
	return h, nil
}

// extensionIDs returns the entries of the bencoded dictionary b that are a name
// of bearable length and a number of one byte, nil when there are none.
func extensionIDs(b []byte) (map[string]uint8, error) {
	var m map[string]benc.Raw
	if b == nil || benc.Unmarshal(b, &m, extLimits) != nil {
		return nil, nil // absent, or not a dictionary: a peer without extensions
	}
	if len(m) > MaxExtensions {
		return nil, fmt.Errorf("%w: %d extensions, the limit is %d", ErrExtHandshake, len(m), MaxExtensions)
	}
	var ids map[string]uint8
	for name, v := range m {
		id, ok := integer(v)
		if !ok || id < 0 || id > 0xFF || name == "" || len(name) > MaxExtensionName {
			continue
		}
		if ids == nil {
			ids = make(map[string]uint8, len(m))
		}
		ids[name] = uint8(id)
	}
	return ids, nil
}

// number returns the bencoded integer b when it has at most 64 bits and is not
// negative, else 0.
func number(b []byte) int64 {
	n, _ := integer(b)
	return max(n, 0)
}

// integer returns the bencoded integer b, or false when b is anything else or
// has more than 64 bits.
func integer(b []byte) (int64, bool) {
	var n int64
	err := benc.Unmarshal(b, &n, extLimits)
	return n, err == nil
}

// printable returns at most limit bytes of s without what could disturb a
// terminal or a log: invalid UTF-8, control characters, and format characters
// such as those that turn the direction of writing round.
func printable(s []byte, limit int) string {
	var b strings.Builder
	for _, r := range string(s) {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
