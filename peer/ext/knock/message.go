package knock

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

// Verdict is what has become of a request.
type Verdict uint8

// The verdicts.
const (
	Received Verdict = 1 // it waits for the person
	Accepted Verdict = 2
	Refused  Verdict = 3
	Busy     Verdict = 4 // ask later: too many ring
)

// Why is the reason of a refusal.
type Why uint8

// The reasons. Only who has a token that was given out is told one: others learn nothing of what there is.
const (
	Unsaid    Why = 0
	Full      Why = 1 // the room has as many members as it may have: Answer.Limit
	Expired   Why = 2 // the link is too old
	Revoked   Why = 3 // the link was taken back
	Removed   Why = 4 // he was removed from the room
	Powerless Why = 5 // who gave the link may not let anybody in any more
)

// Answer is what somebody hears who rang.
type Answer struct {
	Verdict Verdict
	Why     Why
	Limit   int              // of members, 0 to MaxLimit
	Join    infohash.T       // the Join of the request that this is about; zero for one that has none
	Room    [32]byte         // id of the room that he may join now; zero for none
	Addrs   []netip.AddrPort // where its members accept connections, at most MaxAddrs
}

// MaxLimit bounds Answer.Limit.
const MaxLimit = 1 << 20

// The kinds of messages.
const (
	kindHome = iota
	kindRequest
	kindAnswer
	kindKnows
)

// knows returns what a device says that knows for whom it rings: of no use to another, and nobody finds the account in it
// who does not have that.
func knows(account, device identity.Key) []byte {
	sum := sha256.Sum256(slices.Concat([]byte("p2p knock knows 1\x00"), account[:], device[:]))
	return append([]byte{kindKnows}, sum[:]...)
}

// Errors of messages. All of them end the connection.
var (
	errAnswer    = errors.New("an answer that is none")
	errImpostor  = errors.New("its certificate is not of whom it should be")
	errTwice     = errors.New("more than one request on a connection")
	errRoles     = errors.New("it asks where it should answer, or answers where it should ask")
	errDone      = errors.New("all is said")
	errNoRequest = errors.New("no request within the time that a visitor has")
)

// Why those are left who have broken no rule. Somebody else may come from the same address.
const (
	errNobody   = ext.Unwelcome("nobody who was rung for has answered")
	errOwn      = ext.Unwelcome("it lives here too")
	errStranger = ext.Unwelcome("it does not know who lives here")
)

// ring is a request on the wire.
type ring struct {
	Certificate string   `bencode:"c"`
	Request     benc.Raw `bencode:"r"`
}

// ringLimits leaves room for what newer versions say.
var ringLimits = benc.Limits{Size: MaxRequest + 512, Depth: 6, Tokens: 128}

func appendRing(dst []byte, c identity.Certificate, r Request) []byte {
	return append(append(dst, kindRequest), marshal(ring{string(c.AppendTo(nil)), r.AppendTo(nil)})...)
}

func parseRing(b []byte) (identity.Certificate, Request, error) {
	values, err := benc.Pick(b, ringLimits, "c", "r")
	if err != nil {
		return identity.Certificate{}, Request{}, fmt.Errorf("%w: %w", errRequest, err)
	}
	text, _ := benc.String(values[0])
	c, err := identity.ParseCertificate(text)
	if err != nil {
		return identity.Certificate{}, Request{}, fmt.Errorf("%w: %w", errRequest, err)
	}
	r, err := ParseRequest(values[1])
	return c, r, err
}

// answer is an Answer on the wire.
type answer struct {
	Addrs   string `bencode:"a,omitempty"`
	Join    string `bencode:"j,omitempty"`
	Limit   int64  `bencode:"l,omitempty"`
	Room    string `bencode:"r,omitempty"`
	Verdict int64  `bencode:"v"`
	Why     int64  `bencode:"w,omitempty"`
}

var answerLimits = benc.Limits{Size: 1 << 10, Depth: 4, Tokens: 32}

func appendAnswer(dst []byte, a Answer) []byte {
	m := answer{
		Verdict: int64(a.Verdict), Why: int64(a.Why), Limit: int64(a.Limit), Join: fixed(a.Join[:]), Room: fixed(a.Room[:]), Addrs: appendAddrs(a.Addrs),
	}
	return append(append(dst, kindAnswer), marshal(m)...)
}

func parseAnswer(b []byte) (a Answer, err error) {
	var m answer
	if err := benc.Unmarshal(b, &m, answerLimits); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", errAnswer, err)
	}
	if m.Verdict < int64(Received) || m.Verdict > int64(Busy) || m.Limit < 0 || m.Limit > MaxLimit ||
		!takeFixed(a.Room[:], m.Room) || !takeFixed(a.Join[:], m.Join) {
		return Answer{}, errAnswer
	}
	a.Verdict, a.Limit = Verdict(m.Verdict), int(m.Limit)
	if m.Why > 0 && m.Why <= int64(Powerless) { // else a newer version knows why
		a.Why = Why(m.Why)
	}
	if a.Addrs, err = parseAddrs(m.Addrs); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return a, nil
}
