package chat

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Errors of a Talk. ErrStore wraps, beside itself, what the history said: errors.Is(err, syscall.ENOSPC) tells that
// the disk is full.
var (
	ErrClosed     = errors.New("the conversation is closed here")
	ErrNotJoined  = errors.New("this device has not joined the room")
	ErrNotAllowed = errors.New("the role does not allow it")
	ErrFull       = errors.New("the room has as many members as it may have")
	ErrStore      = errors.New("the history cannot be written")
)

// Options are what a Talk needs.
type Options struct {
	Device  identity.Secret // of this program, that of the archive's Options
	Account identity.Key    // whose device it is
	// Owner says whose a device is that has not joined the room yet, from the certificates that are known;
	// zero for unknown. It is called by any goroutine. Nil knows none.
	Owner func(device identity.Key) identity.Key
	// Clock gives the time that is written into events, a label; nil for time.Now.
	Clock func() time.Time
	Log   *zap.Logger // nil for none
	// Tell is told what happens, one Change at a time, by the goroutine of the Talk, which waits for it: it must
	// be quick, and must not call methods that say that they wait. Nil for nobody.
	Tell func(Change)
}

// Change is what has happened in a conversation. Its slices belong to who is told.
type Change struct {
	Room  room.ID
	Added []history.Entry // committed now, in the order of their causes: this device's, and others'
	// Recount says that older events may have begun or ceased to count, members and their rights changed:
	// what is shown is to be listed again, and Gathering.Review to be called.
	Recount   bool
	Proofs    []room.Proof // devices that were found to lie: a person is to be warned
	Deleted   bool         // bodies were taken away
	Read      []Read
	Typing    []Typing
	Delivered []Delivery
	Joined    []PeerState // connected
	Left      []PeerState
	// Trouble is an error that wraps ErrStore when the history can be written no more; Recovered says that it
	// can again.
	Trouble   error
	Recovered bool
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

// Delivery is that a device of Account has stored the events of Device, one of this account's, up to Seq.
type Delivery struct {
	Account identity.Key
	Device  identity.Key
	Seq     uint64
}

// PeerState is a device that is connected and speaks p2_chat here.
type PeerState struct {
	Device  identity.Key
	Account identity.Key // zero while it is not known
	Addr    netip.AddrPort
}

// Summarize is the Read of history.Options for an archive with conversations.
func Summarize(kind room.Kind, b []byte) history.Content {
	s := body.Summarize(kind, b)
	return history.Content{Text: s.Text, Target: s.About, Line: s.Line}
}

// Talk is one conversation on this device. Its methods may be called by any goroutine.
type Talk struct{}

var errUnfinished = errors.New("not built yet")

// Create makes a room, in which this device is the first, and opens it.
func Create(ctx context.Context, archive *history.Archive, o Options, birth room.Birth) (*Talk, error) {
	return nil, errUnfinished
}

// Open opens the conversation of that id, which is empty when the archive does not know it. Of one room there is
// one Talk at a time. It ends with Close, not with ctx.
func Open(ctx context.Context, archive *history.Archive, id room.ID, o Options) (*Talk, error) {
	return nil, errUnfinished
}

// ID returns the room's id.
func (t *Talk) ID() room.ID { return room.ID{} }

// Extension returns p2_chat for the swarm of this room. It is for one torrent at a time.
func (t *Talk) Extension() ext.Extension { return nil }

// Close ends the conversation on this device and waits for it; what was written is kept.
func (t *Talk) Close() {}

// Join writes the first event of this device, unless it is there. The room is to be known: Joined tells, and
// Members whether the account is one.
func (t *Talk) Join(ctx context.Context, cert identity.Certificate) error { return errUnfinished }

// Write writes an event of kind room.Delete or from room.Content on. It waits, and returns when the event is committed: it survives
// whatever happens then, and goes to the others. When ctx ends first it may be
// written all the same.
func (t *Talk) Write(ctx context.Context, kind room.Kind, b []byte) (room.Event, error) {
	return room.Event{}, errUnfinished
}

// Change writes an Admin event, and waits as Write does. The Cuts of a Remove or Revoke are filled in when there are none.
// The error is ErrNotAllowed or ErrFull when it would have no effect.
func (t *Talk) Change(ctx context.Context, c room.Change) (room.Event, error) {
	return room.Event{}, errUnfinished
}

// Known reports whether the beginning of the room is here. Before that it has no members.
func (t *Talk) Known() bool { return false }

// Joined reports whether this device may write: its Join is here, and its account is a member.
func (t *Talk) Joined() bool { return false }

// Members returns who is in the room now, by key. The slice is shared, and not to be changed.
func (t *Talk) Members() []room.Person { return nil }

// Options returns what the room is like now.
func (t *Talk) Options() room.Options { return room.Options{} }

// Role returns what an account may do now.
func (t *Talk) Role(account identity.Key) room.Role { return room.Nobody }

// Removed reports whether an account was a member and is none.
func (t *Talk) Removed(account identity.Key) bool { return false }

// Devices returns the devices of an account that have joined, by key.
func (t *Talk) Devices(account identity.Key) []identity.Key { return nil }

// Knows returns whose a device is that has joined, and whether that account is a member now: an Admit lets those in.
func (t *Talk) Knows(device identity.Key) (account identity.Key, member bool) {
	return identity.Key{}, false
}

// Read marks the room as read up to the event of that id, keeps it, and tells the others. It waits for the
// archive, not for the others.
func (t *Talk) Read(ctx context.Context, id room.ID) error { return errUnfinished }

// Typing tells the others that this person types, which is to be repeated while it goes on, at least every
// 4 s, or that he has ceased. It does not wait.
func (t *Talk) Typing(on bool) {}

// Delivered returns the accounts of which a device is known to have stored an event that a device of this account wrote.
func (t *Talk) Delivered(e *room.Event) map[identity.Key]bool { return nil }

// Peers returns the devices that are connected, in the order in which they came.
func (t *Talk) Peers() []PeerState { return nil }
