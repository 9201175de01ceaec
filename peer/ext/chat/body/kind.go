package body

import (
	"errors"
	"strings"

	"p2p/peer/ext/chat/room"
)

// The kinds of events that have a body of this package.
const (
	KindText = room.Content + iota
	KindFile
	KindInvitation
)

// Kinds about another event.
const (
	KindEdit room.Kind = 32 + iota
	KindReaction
	// KindWithdrawal takes back the offer of a file. It counts if its author is who has made the offer. An older program passes it over,
	// and waits for the file.
	KindWithdrawal
)

// KindRecord is for programs: what the devices of an account agree on, in their own room. The body is theirs.
const KindRecord room.Kind = 48

// KindRevocation makes all links into a room void that were given out before, by whichever member. That it is one says all: its
// body, which may be withheld from who joins later, holds one byte that nobody reads. It counts if its author was a moderator.
// An older program passes it over, and honours the links that it has given out. It has a line, but for those that older archives took in.
const KindRevocation room.Kind = 49

// Revocation returns the body of a KindRevocation.
func Revocation() []byte { return []byte{0} }

// Withdrawal returns the body of a KindWithdrawal.
func Withdrawal(offer room.ID) []byte { return appendID(nil, 1, offer) }

// KindName is how its author calls himself, a Name. Members get it whatever the room gives of its history.
const KindName room.Kind = 50

// KindGuest is what somebody is called whom its author has added to the room, a Guest. Members get it as they get a KindName.
const KindGuest room.Kind = 51

// Where the ranges of kinds begin.
const (
	firstAbout  = 32
	firstHidden = 48
)

// Bounds of a body, in bytes where nothing else is said.
const (
	MaxText     = 24 << 10
	MaxMentions = 64 // accounts
	MaxEmoji    = 64
	MaxFileName = 255
	MaxName     = 64
	MaxTrackers = 8 // URLs
	MaxTracker  = 512
)

// ErrMalformed is that a body is not what its kind says.
var ErrMalformed = errors.New("malformed body")

// Summary is what a history has to know of a body.
type Summary struct {
	Text  string  // to be found by a search
	About room.ID // the event that it is about, zero for none
	Line  bool    // it has a place of its own in the conversation
}

// Summarize reads the body of an event of any kind. It gives the same answer to the same bytes for ever,
// also when they cannot be read: an index of words forgets a text by what it was. Another answer needs another index (history's migrations). A nil body is one that was withheld.
func Summarize(kind room.Kind, b []byte) Summary {
	switch kind {
	case room.Create, room.Join, room.Admin, KindRevocation:
		return Summary{Line: true}
	case room.Delete:
		target, _ := ParseDelete(b)
		return Summary{About: target}
	case KindText:
		t, _ := ParseText(b)
		return Summary{Text: t.Text, Line: true}
	case KindFile:
		f, _ := ParseFile(b)
		return Summary{Text: strings.TrimSuffix(f.Name+"\n"+f.Text, "\n"), Line: true}
	case KindInvitation:
		i, _ := ParseInvitation(b)
		return Summary{Text: i.Name, Line: true}
	case KindEdit:
		e, _ := ParseEdit(b)
		return Summary{Text: e.New.Text, About: e.Target}
	}
	switch {
	case kind >= firstHidden:
		return Summary{}
	case kind >= firstAbout:
		return Summary{About: aboutOf(b)}
	}
	return Summary{Line: kind >= room.Content}
}

// Delete returns the body of a room.Delete event that takes the body of target away.
func Delete(target room.ID) []byte { return target[:] }

// ParseDelete returns the id of what a room.Delete event is about.
func ParseDelete(b []byte) (room.ID, error) {
	if len(b) != len(room.ID{}) {
		return room.ID{}, ErrMalformed
	}
	return room.ID(b), nil
}
