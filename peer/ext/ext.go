package ext

import (
	"iter"
	"net/netip"
	"time"

	"p2p/peer/identity"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// MaxPayload is the longest message, in bytes, in either direction.
const MaxPayload = wire.MaxExtended

// TickEvery is about how often a Ticker is called.
const TickEvery = 500 * time.Millisecond

// Class is the urgency of a message. What is of a lower number goes first,
// strictly; within a class the order stays.
type Class uint8

// The classes of what is sent to a peer. The blocks of files come after all of
// them.
const (
	Control Class = iota // the swarm itself: choke, interest, have, request, cancel
	Chat                 // text and presence
	Audio
	Video
	Bulk // whatever nobody is waiting for
	Classes
)

// Extension is a protocol that peers may speak with us past the core. One value
// serves all torrents of a program; Open may be called from any goroutine.
type Extension interface {
	// Name is the name under which peers know the extension, at most
	// wire.MaxExtensionName bytes. It never changes.
	Name() string
	// Open returns the extension's side of one torrent, before it has peers, or
	// nil when it has no place there; then no peer hears of it.
	Open(t Torrent) Instance
}

// Guarded is an Extension that may be for proven devices alone. Plain peers never
// hear its name then: it is offered, and its messages pass, only on connections whose
// Peer has a Device.
type Guarded interface {
	// Secure reports whether it is. The answer never changes.
	Secure() bool
}

// Instance is an extension on one torrent.
type Instance interface {
	// Attach is called when a peer first says that it speaks the extension, at
	// most once for a connection. The Handler must not be nil.
	Attach(now time.Time, p Peer) Handler
}

// Handler is an extension on one connection.
type Handler interface {
	// Handle takes a message. The payload is valid until Handle returns. An
	// error says which rule the peer broke, and ends the connection.
	Handle(now time.Time, payload []byte) error
	// Detach is called once, when the connection is over. Sending is in vain
	// then.
	Detach()
}

// Ticker is an Instance that wants to know how time passes.
type Ticker interface {
	// Tick is called about every TickEvery.
	Tick(now time.Time)
}

// Greeter is an Instance that has something to add to our extension handshake,
// besides its name in M, which is there already.
type Greeter interface {
	// Greet is called for each new connection, before anything is sent.
	Greet(h *wire.ExtHandshake)
}

// Torrent is a torrent, as one extension sees it. The functions may be called
// wherever the extension is called, and Do anywhere.
type Torrent struct {
	InfoHash infohash.T
	// Room says that there is no content, and none is looked for: devices meet
	// here to speak extensions. Info stays nil.
	Room bool
	// Info is the bencoded info dictionary, not to be changed; nil when only
	// the info-hash is known.
	Info []byte
	// Private says that peers may come from the trackers alone (BEP 27). It is
	// false while Info is nil, because nobody knows.
	Private bool
	// Listen is where we accept peers; the address is unspecified when we do on
	// all of this machine's.
	Listen netip.AddrPort
	// Complete reports whether we have the whole torrent; nil = no.
	Complete func() bool
	// Peers yields all connected peers, also those that do not speak the
	// extension, in the order in which they came.
	Peers func() iter.Seq[Peer]
	// AddPeers notes addresses where peers may be. They are dialled when there
	// is room. The slice is not kept.
	AddPeers func(addrs []netip.AddrPort)
	// FoundInfo takes the info dictionary, whose hash the caller has compared
	// with InfoHash. It is nil unless Info is, and in a Room.
	FoundInfo func(info []byte)
	// Do has f called on the goroutine that owns the torrent, soon: it is how what
	// took time comes back. It never waits, and may be called from any goroutine; what one
	// of them posts is done in that order. False means that f is not called: the torrent
	// has ended, or MaxPosted functions wait already. When the torrent is just
	// ending, f may be called after all peers are gone.
	Do func(f func(now time.Time)) bool
}

// MaxPosted is how many functions may wait in Torrent.Do, of all extensions of a
// torrent together.
const MaxPosted = 1024

// Peer is a connected peer, as one extension sees it. Its methods may be called
// wherever the extension is called, also after the connection is over.
type Peer interface {
	// Key is the number of the connection in its torrent; it is never used
	// again.
	Key() piece.PeerKey
	// Addr is the address of the peer's end of the connection.
	Addr() netip.AddrPort
	// Device is the key of the peer's device, which the connection has proven.
	// Zero = the connection is plain, and anybody may be at its other end.
	Device() identity.Key
	// Listen is where the peer accepts connections: the address that we
	// dialled, or its own with the port that it told. Zero = not known.
	Listen() netip.AddrPort
	// Dialled reports whether we opened the connection, so that Listen is
	// proven.
	Dialled() bool
	// Hello is what the peer has said about itself so far, and may be changed
	// by what it says later. Its map is not to be changed.
	Hello() wire.ExtHandshake
	// Seed reports whether the peer has the whole torrent, or says that it
	// downloads nothing (BEP 21).
	Seed() bool
	// Send queues a message, which is copied, and never blocks. False means
	// that it was not queued: the peer does not speak the extension (any more),
	// the connection is over, or too much lies there unread. In that last case
	// a later Tick is the time to try again.
	Send(class Class, payload []byte) bool
	// Close ends the connection soon after, as an error of Handle does.
	Close(why error)
}

// Unwelcome is why an extension ends the connection of a peer that has broken no rule, but has no place here. It is not held
// against him: a moment later he may have one, as who was taken in by a member that we hear of after he has called.
type Unwelcome string

// Error implements error.
func (u Unwelcome) Error() string { return string(u) }
