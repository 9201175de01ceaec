package people

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

// letterKind is what a letter says.
type letterKind string

const (
	asks    letterKind = "asks"    // to be a contact
	accepts letterKind = "accepts" // has entered the room of the two
	refuses letterKind = "refuses"
)

// letter is what one account leaves for another at the directory. The directory sees nothing of it but from
// whom, to whom and how long; and it cannot make one up, since the device signs it, and the certificate of
// the device is inside.
type letter struct {
	Kind        letterKind       `json:"kind"`
	Certificate []byte           `json:"certificate"`
	Room        room.ID          `json:"room"`
	Name        string           `json:"name"`
	Note        string           `json:"note,omitempty"`
	Trackers    []string         `json:"trackers,omitempty"`
	Addrs       []netip.AddrPort `json:"addrs,omitempty"`
	Beginning   []byte           `json:"beginning,omitempty"` // of Room, where there is space
	Resumes     bool             `json:"resumes,omitempty"`   // who asks knows no other conversation of the two, and goes on in one that they have

	from  identity.Certificate // what Certificate holds
	token identity.Token       // of the link that led to the door where it was said; letters at the directory have none
}

// Bounds of a letter, in bytes or entries.
const (
	maxLetter   = 4 << 10       // sealed
	maxNote     = knock.MaxNote // characters
	maxNameLen  = knock.MaxName
	maxTrackers = knock.MaxTrackers
	maxTracker  = knock.MaxTracker
	maxAddrs    = knock.MaxAddrs
)

// errLetter is a letter that cannot be believed or understood.
var errLetter = errors.New("the letter is not genuine")

const letterPurpose = "letter"

// sealLetter signs a letter as the device and seals it for an account. What the person has written goes before the beginning of
// the conversation.
func (s *self) sealLetter(to identity.Key, l letter) ([]byte, error) {
	l.Certificate = s.certificate.AppendTo(nil)
	text, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write letter: %w", err)
	}
	if len(l.Beginning) > 0 && identity.SignatureSize+len(text)+identity.SealedOverhead > maxLetter {
		l.Beginning = nil
		return s.sealLetter(to, l)
	}
	signed := append(s.device.Sign(letterPurpose, signedLetter(to, text)), text...)
	if len(signed)+identity.SealedOverhead > maxLetter {
		return nil, fmt.Errorf("write letter: %w: it is too long", errLetter)
	}
	return to.Seal(letterPurpose, signed)
}

// signedLetter is what is signed: for one recipient, so that he cannot pass it on as his to others.
func signedLetter(to identity.Key, text []byte) []byte { return append(to[:len(to):len(to)], text...) }

// openLetter opens a letter for this account and makes sure that it is from the account that is said to
// have sent it.
func (s *self) openLetter(from identity.Key, sealed []byte) (letter, error) {
	signed, err := s.account.Open(letterPurpose, sealed)
	if err != nil {
		return letter{}, err
	}
	l, err := parseLetter(s.accountKey(), signed)
	if err == nil && l.from.Account != from {
		err = fmt.Errorf("%w: it is somebody else's", errLetter)
	}
	return l, err
}

// parseLetter reads and verifies what was signed.
func parseLetter(to identity.Key, signed []byte) (letter, error) {
	var l letter
	if len(signed) < identity.SignatureSize || len(signed) > maxLetter {
		return l, errLetter
	}
	signature, text := signed[:identity.SignatureSize], signed[identity.SignatureSize:]
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("%w: %w", errLetter, err)
	}
	var err error
	if l.from, err = identity.ParseCertificate(l.Certificate); err != nil {
		return l, fmt.Errorf("%w: %w", errLetter, err)
	}
	if err := l.from.Device.Verify(letterPurpose, signedLetter(to, text), signature); err != nil {
		return l, fmt.Errorf("%w: %w", errLetter, err)
	}
	return l, l.check()
}

// check reports what no letter may hold, whoever signed it.
func (l *letter) check() error {
	switch {
	case l.from.Revoked:
		return fmt.Errorf("%w: its device was revoked", errLetter)
	case l.Kind != asks && l.Kind != accepts && l.Kind != refuses:
		return fmt.Errorf("%w: it says nothing that is known", errLetter)
	case l.Kind == asks && l.Room.IsZero():
		return fmt.Errorf("%w: it leads nowhere", errLetter)
	case !plain(l.Name, maxNameLen) || !plain(l.Note, 4*maxNote):
		return fmt.Errorf("%w: its text cannot be shown", errLetter)
	case len(l.Trackers) > maxTrackers || len(l.Addrs) > maxAddrs:
		return fmt.Errorf("%w: it names too many trackers or addresses", errLetter)
	}
	for _, t := range l.Trackers {
		if !announceURL(t) {
			return fmt.Errorf("%w: a tracker in it is none", errLetter)
		}
	}
	for _, a := range l.Addrs {
		if !dialable(a) {
			return fmt.Errorf("%w: an address in it is none", errLetter)
		}
	}
	return nil
}

// plain reports whether s is at most n bytes of text that can be shown: no control characters, nor those
// that turn the direction of what follows.
func plain(s string, n int) bool {
	if len(s) > n || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

// seen reports whether a name shows: one of blanks, or of characters that nobody sees, is like no name at all, and can pass for
// another of them.
func seen(name string) bool {
	const brailleBlank = '\u2800'
	return strings.ContainsFunc(name, func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && r != brailleBlank
	})
}

// isName reports whether a person can be called s: by nothing, which takes a name back, or by what shows.
func isName(s string) bool { return plain(s, maxNameLen) && (s == "" || seen(s)) }

func announceURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxTracker && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "udp")
}

func dialable(a netip.AddrPort) bool {
	return a.IsValid() && a.Port() != 0 && !a.Addr().IsUnspecified() && !a.Addr().IsMulticast() && a.Addr().Zone() == ""
}
