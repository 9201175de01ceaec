package tracker

import (
	"context"
	"time"
)

// Policy says who may use the tracker: nobody is asked before the address of a
// request is known to be real. Both methods return nil or a *Refusal, which goes
// to the client as it is, may be called by any goroutine, and are on the path of
// every request: they neither wait nor allocate. Package policy has some.
type Policy interface {
	MayAnnounce(ctx context.Context, r Request) error
	MayScrape(ctx context.Context, r ScrapeRequest) error
}

// Open is the Policy that admits everybody to every torrent.
type Open struct{}

// MayAnnounce implements Policy.
func (Open) MayAnnounce(context.Context, Request) error { return nil }

// MayScrape implements Policy.
func (Open) MayScrape(context.Context, ScrapeRequest) error { return nil }

// Cause is the kind of a Refusal, for counters.
type Cause uint8

// The causes.
const (
	CauseOther    Cause = iota
	CauseAddress        // no peer could have this address
	CauseFull           // the store has no room
	CauseBanned         // the address or the torrent is banned
	CauseRate           // too many requests
	CausePasskey        // the passkey is missing, unknown, or over its limits
	CauseUnlisted       // the torrent is not on the list of those allowed, or is on that of those denied
	Causes              // how many there are
)

var causeNames = [Causes]string{"other", "address", "full", "banned", "rate", "passkey", "unlisted"}

// String returns one lower-case word, fit for the label of a metric.
func (c Cause) String() string { return causeNames[c%Causes] }

// Refusal is an error that the client is told. It must hold nothing that a
// client sent. On the path of a request it is one that was made before: to refuse
// a flood must not cost more than to serve it.
type Refusal struct {
	Cause   Cause
	Reason  string        // for a person, lower case, short: over UDP an answer is not to outgrow its request
	RetryIn time.Duration // when to ask again, zero for "as always" (BEP 31)
	Never   bool          // not to ask again at all (BEP 31)
}

// Error implements error.
func (r *Refusal) Error() string { return "refused: " + r.Reason }

// ErrFull is what a Store returns for a peer for which it has no room.
var ErrFull error = &Refusal{Cause: CauseFull, Reason: "the tracker is full", RetryIn: 15 * time.Minute}

// errAddress is the answer to a request whose address no peer could have.
var errAddress error = &Refusal{Cause: CauseAddress, Reason: "no peer can be reached at the address and port of this request"}
