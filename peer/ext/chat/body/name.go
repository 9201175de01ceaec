package body

import "p2p/peer/ext"

// Name is how an account calls itself, for those who have it as a contact, or are in a room with it: a label that proves nothing,
// like the one that presence tells. It may reach somebody through several rooms, in any order, and again by who replays it: the
// one with the highest Turn counts, in all rooms, whatever a clock says.
type Name struct {
	Text string // at most MaxName bytes
	Turn uint64 // not zero; it grows with each name that the account takes
}

// NameOf makes a Name of a text, with an empty Text of what cannot be one.
func NameOf(text string, turn uint64) Name { return Name{ext.Line(text, MaxName), turn} }

// AppendTo appends the body of a KindName.
func (n *Name) AppendTo(dst []byte) []byte {
	return appendNumber(appendText(dst, 1, n.Text), 2, n.Turn)
}

// ParseName reads the body of a KindName.
func ParseName(b []byte) (Name, error) {
	var n Name
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			n.Text = r.text(MaxName)
		case 2:
			n.Turn = r.number(1<<63 - 1)
		}
	}
	if err := r.err(n.Text != "" && ext.Line(n.Text, MaxName) == n.Text && n.Turn > 0); err != nil {
		return Name{}, err
	}
	return n, nil
}
