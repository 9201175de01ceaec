package body

import (
	"net/url"

	"p2p/peer/ext/chat/room"
)

// Invitation says that its author has made the reader a member of another room, and where that is.
type Invitation struct {
	Room     room.ID
	Name     string   // at most MaxName
	Trackers []string // where its members announce, at most MaxTrackers
}

// AppendTo appends the body of a KindInvitation event.
func (i *Invitation) AppendTo(dst []byte) []byte {
	dst = appendID(dst, 1, i.Room)
	dst = appendText(dst, 2, i.Name)
	for _, t := range i.Trackers {
		dst = appendText(dst, 3, t)
	}
	return dst
}

// ParseInvitation reads what AppendTo has written. It keeps nothing of b.
func ParseInvitation(b []byte) (Invitation, error) {
	var i Invitation
	r := reader{rest: b}
	good := true
	for r.next() {
		switch r.field {
		case 1:
			i.Room = r.id()
		case 2:
			i.Name = r.text(MaxName)
		case 3:
			t := r.text(MaxTracker)
			good = good && len(i.Trackers) < MaxTrackers && isTracker(t)
			i.Trackers = append(i.Trackers, t)
		}
	}
	if err := r.err(good && !i.Room.IsZero()); err != nil {
		return Invitation{}, err
	}
	return i, nil
}

// isTracker reports whether s can be an announce URL.
func isTracker(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "udp")
}
