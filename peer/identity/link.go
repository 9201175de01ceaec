package identity

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"p2p/torrentfile/infohash"
)

// Bounds of a link. One that fits them fits a QR code.
const (
	maxLink     = 2048 // bytes
	maxName     = 64   // bytes
	maxTrackers = 8
	maxAddrs    = 8
	maxTracker  = 512 // bytes
	// TokenSize is the length of a link's token in bytes.
	TokenSize = 16
)

// Token is what only those know who were given the link: who asks with it was
// invited.
type Token [TokenSize]byte

// MarshalText implements encoding.TextMarshaler.
func (t Token) MarshalText() ([]byte, error) { return []byte(encoding.EncodeToString(t[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Token) UnmarshalText(text []byte) error {
	b, err := encoding.DecodeString(string(text))
	if err != nil || len(b) != TokenSize {
		return linkError(LinkDamaged, "its token is damaged")
	}
	*t = Token(b)
	return nil
}

// Link introduces its owner: p2p:KEY?... It is all that two people need to find each
// other and to be sure of it.
type Link struct {
	Account  Key
	Name     string   // how the owner calls himself; proves nothing
	Trackers []string // where the owner announces
	Addrs    []netip.AddrPort
	Token    Token
	Room     infohash.T // the room that the link leads to, zero for none
	RoomName string     // how it is called; proves nothing
}

// LinkFault is what is wrong with a link.
type LinkFault int

// The faults. Most are that it was not copied whole.
const (
	LinkDamaged LinkFault = iota
	LinkStart             // it does not begin with p2p:, or is too long
	LinkCrowded           // it names more trackers or addresses than a link does
)

// LinkError is that a text is no link; it is an ErrLink.
type LinkError struct {
	Fault  LinkFault
	reason string
}

// Error implements error.
func (e *LinkError) Error() string { return ErrLink.Error() + ": " + e.reason }

// Unwrap makes it an ErrLink.
func (e *LinkError) Unwrap() error { return ErrLink }

func linkError(f LinkFault, format string, args ...any) error {
	return &LinkError{f, fmt.Sprintf(format, args...)}
}

// String returns the link as text.
func (l Link) String() string {
	q := url.Values{}
	if l.Name != "" {
		q.Set("n", l.Name)
	}
	for _, t := range l.Trackers {
		q.Add("t", t)
	}
	for _, a := range l.Addrs {
		q.Add("a", a.String())
	}
	if l.Token != (Token{}) {
		q.Set("k", encoding.EncodeToString(l.Token[:]))
	}
	if !l.Room.IsZero() {
		q.Set("r", l.Room.String())
	}
	if l.RoomName != "" {
		q.Set("m", l.RoomName)
	}
	s := "p2p:" + l.Account.String()
	if len(q) > 0 {
		s += "?" + q.Encode()
	}
	return s
}

// Code returns the link for a QR code: ParseLink reads the same in it as in String. What has no case is in capitals, and
// no more is escaped than must be, since such letters take less room there.
func (l Link) Code() string {
	b := []byte("P2P:" + strings.ToUpper(l.Account.String()))
	sign := byte('?')
	add := func(key, value string) {
		b = append(append(append(b, sign), key...), value...)
		sign = '&'
	}
	escape := func(s string) string {
		return strings.NewReplacer("%3A", ":", "%2F", "/").Replace(url.QueryEscape(s))
	}
	if l.Token != (Token{}) {
		add("k=", strings.ToUpper(encoding.EncodeToString(l.Token[:])))
	}
	if !l.Room.IsZero() {
		add("r=", strings.ToUpper(l.Room.String()))
	}
	for _, a := range l.Addrs {
		add("a=", escape(a.String()))
	}
	for _, t := range l.Trackers {
		add("t=", escape(t))
	}
	if l.Name != "" {
		add("n=", escape(l.Name))
	}
	if l.RoomName != "" {
		add("m=", escape(l.RoomName))
	}
	return string(b)
}

// ParseLink reads what String returns, and refuses whatever is longer or holds more
// than a link has: *LinkError. Keys that it does not know are left to newer versions.
func ParseLink(s string) (Link, error) {
	s = strings.TrimSpace(s)
	rest, ok := cutScheme(s)
	if !ok || len(s) > maxLink {
		return Link{}, linkError(LinkStart, "it begins with p2p: and has at most %d characters", maxLink)
	}
	head, query, _ := strings.Cut(rest, "?")
	account, err := ParseKey(head)
	if err != nil {
		return Link{}, linkError(LinkDamaged, "%v", err)
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return Link{}, linkError(LinkDamaged, "what follows the key cannot be read")
	}
	l := Link{Account: account, Name: q.Get("n"), RoomName: q.Get("m")}
	if max(len(l.Name), len(l.RoomName)) > maxName || !utf8.ValidString(l.Name+l.RoomName) {
		return Link{}, linkError(LinkDamaged, "its name is too long, or no text")
	}
	if err := l.reach(q); err != nil {
		return Link{}, err
	}
	return l, l.secrets(q)
}

// cutScheme takes "p2p:" away, in any case: a QR code may hold capitals.
func cutScheme(s string) (rest string, ok bool) {
	if len(s) < 4 || !strings.EqualFold(s[:4], "p2p:") {
		return "", false
	}
	return s[4:], true
}

// reach reads where the owner is to be found.
func (l *Link) reach(q url.Values) error {
	if len(q["t"]) > maxTrackers || len(q["a"]) > maxAddrs {
		return linkError(LinkCrowded, "it names more than %d trackers or %d addresses", maxTrackers, maxAddrs)
	}
	for _, t := range q["t"] {
		u, err := url.Parse(t)
		if err != nil || u.Host == "" || len(t) > maxTracker || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "udp") {
			return linkError(LinkDamaged, "it names a tracker that is none")
		}
		l.Trackers = append(l.Trackers, t)
	}
	for _, s := range q["a"] {
		a, err := netip.ParseAddrPort(s)
		if err != nil || a.Port() == 0 || a.Addr().Zone() != "" || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
			return linkError(LinkDamaged, "it names an address that is none")
		}
		l.Addrs = append(l.Addrs, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	return nil
}

// secrets reads the token and the room.
func (l *Link) secrets(q url.Values) error {
	if k := q.Get("k"); k != "" {
		b, err := encoding.DecodeString(strings.ToLower(k))
		if err != nil || len(b) != TokenSize {
			return linkError(LinkDamaged, "its token is damaged")
		}
		l.Token = Token(b)
	}
	if r := q.Get("r"); r != "" {
		room, err := infohash.Parse(r)
		if err != nil {
			return linkError(LinkDamaged, "its room is damaged")
		}
		l.Room = room
	}
	return nil
}
