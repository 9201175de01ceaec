package body

import (
	"p2p/peer/ext"
	"p2p/peer/identity"
)

// Guest is what somebody is called whom its author has added to the room, for those who know the other only by a key until he comes: a
// label that proves nothing, of somebody who has not said it himself.
type Guest struct {
	Account identity.Key
	Name    string // at most MaxName bytes
}

// GuestOf makes a Guest of a text, with an empty Name of what cannot be one.
func GuestOf(account identity.Key, name string) Guest { return Guest{account, ext.Line(name, MaxName)} }

// AppendTo appends the body of a KindGuest.
func (g *Guest) AppendTo(dst []byte) []byte {
	return appendText(appendKey(dst, 1, g.Account), 2, g.Name)
}

// ParseGuest reads the body of a KindGuest.
func ParseGuest(b []byte) (Guest, error) {
	var g Guest
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			g.Account = r.key()
		case 2:
			g.Name = r.text(MaxName)
		}
	}
	if err := r.err(!g.Account.IsZero() && g.Name != "" && ext.Line(g.Name, MaxName) == g.Name); err != nil {
		return Guest{}, err
	}
	return g, nil
}
