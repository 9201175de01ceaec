package tracker

import (
	"context"
	"time"
)

// Policy says who may use the tracker: nobody is asked before the address of a
// request is known to be real. Both methods return nil or a *Refusal, may be
// called by any goroutine, and are on the path of every request.
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

// Refusal is an error that the client is told. It must hold nothing that a
// client sent.
type Refusal struct {
	Reason  string        // for a person, lower case
	RetryIn time.Duration // when to ask again, zero for "as always" (BEP 31)
	Never   bool          // not to ask again at all (BEP 31)
}

// Error implements error.
func (r *Refusal) Error() string { return "refused: " + r.Reason }

// ErrFull is what a Store returns for a peer for which it has no room.
var ErrFull error = &Refusal{Reason: "the tracker is full", RetryIn: 15 * time.Minute}

// errAddress is the answer to a request whose address no peer could have.
var errAddress error = &Refusal{Reason: "no peer can be reached at the address and port of this request"}
