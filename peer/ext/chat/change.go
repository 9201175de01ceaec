package chat

import (
	"net/netip"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Change is what has happened in a conversation. Its slices belong to who is told.
type Change struct {
	Room room.ID
	// Added are events that are committed now, in the order of their causes: this device's, and others'. About
	// a Delete: its Target has lost its body.
	Added []history.Entry
	// Recount says that older events may have begun or ceased to count, and that members and their rights may have
	// changed: what is shown is to be listed again, and Gathering.Review to be called.
	Recount   bool
	Turned    []room.ID        // those older events, as far as they are to be shown, or not any more: the last ones, of many
	Filled    []room.ID        // older events whose bodies are here now: they are to be shown, and are no news
	Undone    []history.Undone // what Delete events that count no more had taken back: it comes as Filled, if others have it
	Proofs    []room.Proof     // devices that were found to lie: a person is to be warned
	Read      []Read
	Typing    []Typing
	Delivered []history.Delivery
	Joined    []PeerState // connected
	Left      []PeerState
	// Trouble wraps ErrStore when the history cannot be written any more; Recovered says that it can again.
	Trouble   error
	Recovered bool
}

// empty reports whether there is nothing to tell.
func (c *Change) empty() bool {
	return len(c.Added)+len(c.Filled)+len(c.Turned)+len(c.Proofs)+len(c.Read)+len(c.Typing)+len(c.Delivered)+len(c.Joined)+len(c.Left) == 0 &&
		!c.Recount && !c.Recovered && c.Trouble == nil
}

// Read is how far an account has read.
type Read struct {
	Account identity.Key
	Event   room.ID
}

// Typing is that an account has begun or ceased to type.
type Typing struct {
	Account identity.Key
	On      bool
}

// PeerState is a device that is connected and speaks p2_chat here.
type PeerState struct {
	Device  identity.Key
	Account identity.Key // zero while it is not known
	Addr    netip.AddrPort
}

// Summarize is the Read of history.Options for an archive of conversations.
func Summarize(kind room.Kind, b []byte) history.Content {
	s := body.Summarize(kind, b)
	return history.Content{Text: s.Text, Target: s.About, Line: s.Line}
}
