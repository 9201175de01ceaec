// Package punch decides how two devices meet of which each is behind a router, or a firewall, that lets nobody in.
//
// A router that keeps strangers out lets in what answers a call from inside. So both ends call each other, each from the very port that
// the other one calls, and for so long that they do it at the same time: the router of each takes the call of the other for an answer,
// and TCP makes one connection of two calls that meet (RFC 9293, section 3.5, "simultaneous open", which RFC 5382, REQ-2, and RFC 5128,
// section 3.4, ask of routers). Nobody need be told a port: it follows from what both know anyway, if routers keep ports as they are, as
// most do. Where one does not, nothing comes of it.
//
// Two people have several swarms: a conversation, rooms, files. Between two ports there is one connection, so each swarm has ports of its own.
package punch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"p2p/torrentfile/infohash"
)

// Ports are those from First on: above those of services, below those that systems give to who asks for any.
const (
	First = 10240
	Count = 20480
)

// Port returns from where a device that listens at a port calls the others of a swarm, and is called by them.
func Port(h infohash.T, listen uint16) uint16 {
	b := append([]byte("p2p punch "), h[:]...)
	sum := sha256.Sum256(binary.BigEndian.AppendUint16(b, listen))
	port := uint16(First + binary.BigEndian.Uint64(sum[:])%Count)
	if port == listen { // where somebody listens nobody else can call from
		port++
	}
	return port
}

// How long who is called is called this way. Whom nothing comes of is dialled again after two minutes at the latest
// (package swarm), ten seconds of which it takes to find that out: so two that do not begin at the same moment still call at the same time for
// some seconds of each such turn, whatever their clocks say.
const (
	// After is how long an ordinary call has to be answered before.
	After = time.Second
	// Window is for how long, from then on.
	Window = 70 * time.Second
	// Attempt is how long one call waits. The system repeats it after 1, 3, 7, 15 and 31 s, and begins with short pauses again in
	// the next one.
	Attempt = 35 * time.Second
)

// Trail is what is remembered of ordinary calls to where nobody answers, so that calls of this kind back off: who sleeps for a night is
// not called a thousand times by each of his friends. The zero value is that of who was never called.
type Trail struct {
	last  time.Time // of the ordinary calls
	fresh time.Time // since when there was no news of him
}

const (
	// soon is a pause between two ordinary calls after which somebody was heard of: who was not is called each two minutes (package swarm).
	soon = 100 * time.Second
	// eager is for how long after news each ordinary call has one of this kind beside it.
	eager = time.Hour
	// turn is how often there is one later, at a moment that all clocks name alike, so that two who are both weary still call together;
	// one who has come anew calls all the time.
	turn = 16 * time.Minute
	// pace is within what there is an ordinary call to who does not answer, the time in which that fails with it.
	pace = 130 * time.Second
)

// Call notes an ordinary call, and returns until when to call in this way too; false for not at all.
func (t *Trail) Call(now time.Time) (until time.Time, digs bool) {
	if now.Sub(t.last) < soon || t.last.IsZero() {
		t.fresh = now
	}
	t.last = now
	if now.Sub(t.fresh) < eager {
		return now.Add(After + Window), true
	}
	began := now.Truncate(turn)
	return began.Add(pace + Window), now.Sub(began) < pace
}

// Old reports whether nothing needs to be remembered any more.
func (t *Trail) Old(now time.Time) bool { return now.Sub(t.last) > pace+Window }

// Again returns when to call again after so many calls in a row that were refused. A router that refuses does so to whoever is first: the
// calls must cross on their way. So all who were refused call at moments that their clocks name alike; every second time somewhat
// later, by a part of stray that is drawn at random, for clocks differ by more than a short way takes.
func Again(now time.Time, refused int, part float64) time.Time {
	step := 2 * time.Second << min(max(refused, 1)-1, 3)
	next := now.Truncate(step).Add(step)
	if refused%2 == 0 {
		next = next.Add(time.Duration(part * float64(stray)))
	}
	return next
}

const stray = 100 * time.Millisecond

// HelloLen is the length of a Hello, in bytes.
const HelloLen = 1 + 16

// Hello is what both ends say first, at the same time: neither has accepted the connection, and one has to be who has called. It is
// drawn at random, and says nothing of who they are.
type Hello [HelloLen]byte

// firstByte is none that a connection begins with otherwise: 19 is a plain peer's, 22 that of TLS.
const firstByte = 'p'

// Errors of an end that has said something else.
var (
	ErrOther = errors.New("who is there does not speak as one who was called")
	ErrSelf  = errors.New("the call has come back to who called")
)

// NewHello returns the one with these random bytes.
func NewHello(random [HelloLen - 1]byte) (h Hello) {
	h[0] = firstByte
	copy(h[1:], random[:])
	return h
}

// Calls reports whether we are the end that has called, by what both have said. The other end finds the opposite.
func (ours Hello) Calls(theirs Hello) (bool, error) {
	switch {
	case theirs[0] != firstByte:
		return false, ErrOther
	case ours == theirs:
		return false, ErrSelf
	}
	return bytes.Compare(ours[:], theirs[:]) > 0, nil
}
