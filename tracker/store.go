package tracker

import (
	"context"
	"net/netip"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// Store keeps the swarms. Every implementation passes the suite in package
// storetest. All methods may be called by any goroutine. An error that is no
// *Refusal is the store's own trouble, of which clients are told no details.
type Store interface {
	// Announce applies a and returns the swarm as it stands right after, atomically, without the caller.
	//
	// At most want peers are returned, chosen at random. A seed is given no seeds;
	// a leech is given seeds first and then leeches, for which a quarter of want is
	// kept, if there are so many. The counts include the caller, as a scrape's would. The
	// result shares memory with a.Into and with nothing that the store keeps.
	Announce(ctx context.Context, a Announce, want int) (Swarm, error)
	// Scrape returns the counts of hashes, in their order; those of a torrent
	// that the store does not know are zero. They are put into the memory of
	// into, from its start; with enough of it a scrape need not allocate.
	Scrape(ctx context.Context, hashes []infohash.T, into []Counts) ([]Counts, error)
	// Expire forgets the peers that last announced before a point in time, to
	// the second, and returns how many they were. It stops early when ctx ends.
	Expire(ctx context.Context, before time.Time) (removed int, err error)
}

// Announce is what a peer says about itself, checked. A peer is known by its
// address and port: a peer id is no secret, so whoever is known by one can be impersonated.
type Announce struct {
	InfoHash infohash.T
	// Peer is where other peers connect to: not IPv4-mapped, no zone, a port.
	Peer netip.AddrPort
	// PeerID and Key together tell that an IPv4 and an IPv6 address are one
	// client (BEP 7, BEP 15); it is then counted once. In swarms of many
	// addresses a store may spare itself the search. An all-zero PeerID is nobody's.
	PeerID [wire.PeerIDSize]byte
	Key    uint32
	// Seed says that nothing is left to download.
	Seed bool
	// Event as in BEP 3. Stopped removes the peer. Completed from a peer
	// that was no seed before is counted, once per peer, for as long as the
	// swarm lives and some time longer.
	Event wire.Event
	Time  time.Time
	// BothFamilies asks for peers of both families; otherwise they are of the
	// family of Peer only.
	BothFamilies bool
	// Into is memory to put the returned peers into, from its start. With enough of
	// it an announce need not allocate.
	Into wire.Peers
}

// Swarm is what an announce returns.
type Swarm struct {
	Counts
	Peers wire.Peers
}

// Counts is the size of a swarm.
type Counts struct {
	Seeders   int
	Leechers  int
	Completed int // peers that ever finished
}

// Tally is the size of a whole store. Peers are addresses: one that is known
// under both families counts twice here.
type Tally struct {
	Swarms   int // with at least one peer
	Seeders  int
	Leechers int
	IPv6     int // of the peers above, those with an IPv6 address
}

// Tallier is a Store that knows its size without counting.
type Tallier interface {
	Tally() Tally
}

// Pressure is how a store lives within its budget of memory. The counts are
// since its start.
type Pressure struct {
	Memory    int64 // bytes that the peers take, with everything that leads to them
	MaxMemory int64 // bytes that they may take
	// Evicted is the swarms of one peer that had to go for others.
	Evicted uint64
	// Replaced is the peers that had to go for others of the same address,
	// which has too many in one swarm.
	Replaced uint64
	// RefusedQuota is the peers that were refused because the network that they
	// come from holds its share of a store that is running full.
	RefusedQuota uint64
	// RefusedFull is the peers that were refused for want of memory.
	RefusedFull uint64
}

// Bounded is a Store that holds to a budget of memory.
type Bounded interface {
	Pressure() Pressure
}

// ErrQuota is what a Store that is running full returns for a new peer from a
// network that holds its share of it.
var ErrQuota error = &Refusal{Cause: CauseFull, Reason: "too many peers from your network", RetryIn: 15 * time.Minute}
