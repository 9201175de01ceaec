package session_test

import (
	"fmt"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/wire"
)

// Each test of this file quotes the sentence of BEP 6 that it checks.

// "The extension is enabled only if both ends of the connection set this bit."
// "When the fast extension is disabled, if a peer receives Have All or Have None
// then the peer MUST close the connection." The same is said of the others.
func TestFastMessagesWithoutTheExtensionCloseTheConnection(t *testing.T) {
	for _, m := range []string{"have-all", "have-none", "suggest 0", "reject 0/0", "allowed-fast 0"} {
		connect(t, options{}).refuses(m, "without the fast extension")
	}
}

// "Exactly one of Have All, Have None, or Have Bitfield MUST appear and only
// immediately after the handshake."
func TestExactlyOneMessageSaysWhatWeHave(t *testing.T) {
	connect(t, options{fast: true}).opens("have none")
	connect(t, options{fast: true, have: []int{0, 1, 2, 3}}).opens("have all")
	connect(t, options{fast: true, have: []int{1}}).opens("bitfield 40")
	connect(t, options{fast: true, extended: true}).opens("have none", "extended 0 d1:mdee")

	for _, first := range []string{"have-all", "have-none", "bitfield f0"} {
		r := connect(t, options{fast: true})
		r.events(first)
		r.refuses("have-none", "only ever sent as the first message")
	}
}

// aria2 does not keep to that: it sends Have All in place of many haves.
func TestALaterHaveAllIsEveryPiece(t *testing.T) {
	for _, before := range []string{"have-none", "have 0", "bitfield 90", "have-all"} {
		r := connect(t, options{fast: true})
		r.events(before)
		r.events("have-all")
		if r.err != nil || !r.conn.PeerHas().Full() || r.queue.Seeds() != 1 {
			t.Errorf("after %q: %v, %d pieces, %d seeds", before, r.err, r.conn.PeerHas().Count(), r.queue.Seeds())
		}
	}
}

// "Have All and Have None specify that the message sender has all or none of the
// pieces respectively."
func TestHaveAllIsEveryPieceAndHaveNoneIsNone(t *testing.T) {
	r := connect(t, options{fast: true})
	r.hears("have-all", "interested")
	if !r.conn.PeerHas().Full() || r.queue.Seeds() != 1 {
		t.Fatalf("%d pieces, %d seeds", r.conn.PeerHas().Count(), r.queue.Seeds())
	}
	r.conn.Close()
	if r.queue.Seeds() != 0 {
		t.Fatal("a seed that has gone is still counted")
	}

	r = connect(t, options{fast: true})
	r.hears("have-none")
	if r.conn.PeerHas().Count() != 0 || r.queue.Unavailable() != 4 {
		t.Fatal("a peer with nothing is counted as having something")
	}
	r.hears("have 2", "interested")
}

// "Suggest Piece is an advisory message meaning 'you might like to download this
// piece.'"
func TestASuggestionObligesToNothing(t *testing.T) {
	r := connect(t, options{fast: true})
	r.hears("have-all", "interested")
	r.hears("suggest 3")
}

// "Choke no longer implicitly rejects all pending requests".
func TestAChokeLeavesRequestsToBeRejected(t *testing.T) {
	r := connect(t, options{pieces: 1, fast: true})
	r.hears("have-all", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.hears("choke")
	if got := r.queue.Next(8, r.conn.PeerHas(), 1, 2, nil); len(got) != 0 {
		t.Fatalf("another peer gets %v, which the first may still send", got)
	}
	r.hears("reject 0/0", "forget 0/0")
	r.sends("0/1") // "or the corresponding piece"
	if got := r.queue.Next(8, r.conn.PeerHas(), 0, 2, nil); len(got) != 1 {
		t.Fatalf("another peer gets %v, want the block that was rejected", got)
	}
}

// "Now, every request is guaranteed to result in EXACTLY ONE response which is
// either the corresponding reject or corresponding piece message."
func TestEveryRequestGetsExactlyOneResponse(t *testing.T) {
	r := connect(t, options{pieces: 2, blocks: 16, have: []int{0}, fast: true})
	r.hears("request 0/0", "reject 0/0") // choked
	r.does("unchoke", r.conn.SetChoking(r.now, false, nil), "unchoke")
	r.hears("request 1/0", "reject 1/0") // not had
	r.hears("request 0/0", "serve 0/0")
	r.hears("request 0/1", "serve 0/1")
	r.hears("request 0/8")
	r.hears("request 0/9")
	r.hears("cancel 0/8", "reject 0/8")
	r.does("choke", r.conn.SetChoking(r.now, true, nil), "choke", "reject 0/9")
	r.does("sent", r.conn.Sent(r.now, 2, 2<<14, nil))
}

// "Even when a request is cancelled, the peer receiving the cancel should respond
// with either the corresponding reject or the corresponding piece: requests that
// are being processed are allowed to complete."
func TestACancelIsAnsweredByARejectUnlessThePieceIsOnItsWay(t *testing.T) {
	r := connect(t, options{pieces: 1, blocks: 16, have: []int{0}, fast: true})
	r.conn.SetChoking(r.now, false, nil)
	for n := range 9 {
		r.events(fmt.Sprintf("request 0/%d", n))
	}
	r.hears("cancel 0/0") // with the writer
	r.hears("cancel 0/8", "reject 0/8")
	r.hears("cancel 0/8") // answered already
}

func TestTheRejectThatAnswersOurCancelIsExpected(t *testing.T) {
	r := connect(t, options{pieces: 1, fast: true})
	r.hears("have-all", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.does("came from another", r.conn.Cancel(r.now, r.block("0/1"), nil), "forget 0/1", "cancel 0/1")
	r.hears("reject 0/1")
	if r.conn.Outstanding() != 1 {
		t.Fatalf("%d requests are out, want 1", r.conn.Outstanding())
	}
}

// "if a peer receives a piece that was never requested, the peer MUST close the
// connection." What was requested and taken back is not that; nor are a few.
func TestPiecesThatWereNeverRequestedCloseTheConnection(t *testing.T) {
	r := connect(t, options{pieces: 1, fast: true})
	r.hears("have-all", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.conn.Cancel(r.now, r.block("0/1"), nil)
	if err := r.conn.Unasked(r.now, 1<<14); err != nil { // the cancelled one
		t.Fatal(err)
	}
	for range 16 {
		if err := r.conn.Unasked(r.now, 1<<14); err != nil {
			t.Fatal(err)
		}
	}
	r.err = r.conn.Unasked(r.now, 1<<14)
	r.closed("not asked for")
}

func TestCancelsAreNoLicenceToSendBlocksForEver(t *testing.T) {
	r := connect(t, options{pieces: 1, blocks: 64})
	r.hears("bitfield 80", "interested")
	for range 100 {
		r.now = r.now.Add(5 * time.Second)
		r.events("unchoke")
		r.events("choke") // takes 16 back, which a peer without BEP 6 just drops
	}
	for r.now = r.now.Add(time.Minute); r.err == nil; {
		r.passes(time.Second)
		for n := 0; r.err == nil; n++ {
			if n > 16 {
				t.Fatal("blocks are accepted a minute after they were taken back")
			}
			r.err = r.conn.Unasked(r.now, 1<<14)
		}
	}
}

// "Reject Request notifies a requesting peer that its request will not be
// satisfied." Asking again at once would spin.
func TestAPeerThatRejectsIsLeftAloneForAWhile(t *testing.T) {
	r := connect(t, options{pieces: 1, fast: true})
	r.hears("have-all", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.hears("reject 0/0", "forget 0/0")
	r.hears("reject 0/1", "forget 0/1")
	r.does("fill", r.conn.Fill(r.now, nil))
	if r.conn.Hungry(r.now) {
		t.Fatal("hungry during the pause")
	}
	r.passes(500 * time.Millisecond)
	r.passes(500*time.Millisecond, "request 0/0", "request 0/1")
}

// "If a peer receives a reject for a request that was never sent then the peer
// SHOULD close the connection." We do not: it costs nothing.
func TestARejectOfWhatWasNeverAskedDoesNothing(t *testing.T) {
	r := connect(t, options{fast: true})
	r.hears("have-all", "interested")
	r.hears("reject 3/1")
	r.hears("reject 9:0+16384")
}

// "If a peer sends a choke, it MUST reject all requests from the peer to whom the
// choke was sent except it SHOULD NOT reject requests for pieces that are in the
// allowed fast set. A peer SHOULD choke first and then reject requests".
func TestAChokeComesFirstThenTheRejects(t *testing.T) {
	r := connect(t, options{pieces: 60, blocks: 4, have: seq(0, 60), fast: true})
	granted := grants(r)
	r.conn.SetChoking(r.now, false, nil)
	fast := r.layout.MustIndex(granted[0])
	slow := r.layout.MustIndex(other(granted))
	for n := range 2 { // they are with the writer at once
		r.events("request " + r.short(r.layout.Block(slow, n)))
	}
	s, f := r.layout.Block(slow, 0), r.layout.Block(fast, 0)
	r.hears("request " + r.short(s))
	r.hears("request " + r.short(f))
	r.does("choke", r.conn.SetChoking(r.now, true, nil), "choke", "reject "+r.short(s))
	r.does("sent", r.conn.Sent(r.now, 2, 2<<14, nil), "serve "+r.short(f))
}

// "If a peer receives a request from a peer its choking, the peer receiving the
// request SHOULD send a reject unless the piece is in the allowed fast set."
func TestAllowedFastPiecesAreServedToAChokedPeer(t *testing.T) {
	r := connect(t, options{pieces: 60, blocks: 2, have: seq(0, 60), fast: true})
	granted := grants(r)
	if len(granted) != 10 {
		t.Fatalf("%d pieces are allowed fast, want 10", len(granted))
	}
	fast, slow := r.layout.MustIndex(granted[3]), r.layout.MustIndex(other(granted))
	r.hears(fmt.Sprintf("request %v/1", slow), fmt.Sprintf("reject %v/1", slow))
	r.hears(fmt.Sprintf("request %v/1", fast), fmt.Sprintf("serve %v/1", fast))
}

// "A peer MAY reject requests for already Allowed Fast pieces [...] if the
// requested piece has already been sent to the requesting peer".
func TestAllowedFastPiecesAreServedThreeTimes(t *testing.T) {
	r := connect(t, options{pieces: 60, blocks: 2, have: seq(0, 60), fast: true})
	fast := r.layout.MustIndex(grants(r)[0])
	request, serve, reject := fmt.Sprintf("request %v/0", fast), fmt.Sprintf("serve %v/0", fast), fmt.Sprintf("reject %v/0", fast)
	for range 3 * 2 {
		r.hears(request, serve)
		r.conn.Sent(r.now, 1, 1<<14, nil)
	}
	r.hears(request, reject)
}

// "k should be small enough to avoid abuse": in a small torrent it would be most
// of it.
func TestNothingIsAllowedFastInASmallTorrent(t *testing.T) {
	r := connect(t, options{pieces: 49, have: seq(0, 49), fast: true})
	r.opens("have all")
}

func TestOnlyPiecesThatWeHaveAreAllowedFast(t *testing.T) {
	r := connect(t, options{pieces: 60, have: seq(0, 30), fast: true})
	for _, n := range grants(r) {
		if n >= 30 {
			t.Fatalf("piece %d is granted, which we do not have", n)
		}
	}
}

// "Allowed Fast is an advisory message which means 'if you ask for this piece,
// I'll give it to you even if you're choked.'"
func TestAllowedFastPiecesAreAskedForWhileChoked(t *testing.T) {
	r := connect(t, options{fast: true})
	r.hears("bitfield e0", "interested")
	r.hears("allowed-fast 2", "request 2/0", "request 2/1")
	r.hears("allowed-fast 2")
}

// "The receiver MUST NOT interpret an Allowed Fast message as meaning that the
// message sender has the piece."
func TestAllowedFastDoesNotMeanHave(t *testing.T) {
	r := connect(t, options{fast: true})
	r.hears("bitfield 80", "interested")
	r.hears("allowed-fast 2")
	if r.conn.PeerHas().Count() != 1 {
		t.Fatal("the piece is counted as had")
	}
	r.hears("have 2", "request 2/0", "request 2/1")
}

// When the grant is used up the peer rejects, and is not asked again: both sides
// would spin.
func TestARejectedAllowedFastPieceIsNotAskedForAgain(t *testing.T) {
	r := connect(t, options{fast: true})
	r.hears("bitfield e0", "interested")
	r.hears("allowed-fast 2", "request 2/0", "request 2/1")
	r.hears("reject 2/0", "forget 2/0")
	r.hears("reject 2/1", "forget 2/1")
	r.passes(5 * time.Second)
	if r.conn.Hungry(r.now) {
		t.Fatal("hungry for what the peer refuses")
	}
}

func TestAllowedFastOutOfRangeClosesTheConnection(t *testing.T) {
	connect(t, options{fast: true}).refuses("allowed-fast 4", "not in the torrent")
}

// A peer may grant as much as it likes; the set that we keep is bounded.
func TestTheSetThatAPeerGrantsIsBounded(t *testing.T) {
	r := connect(t, options{pieces: 200, blocks: 1, fast: true})
	r.hears("have-none")
	for n := range 200 {
		r.hears(fmt.Sprintf("allowed-fast %d", n))
	}
	asked := 0
	for n := range 200 {
		for _, e := range r.events(fmt.Sprintf("have %d", n)) {
			if e.Kind == session.Ask {
				asked++
				r.arrives(e.Block)
			}
		}
	}
	if asked != 64 {
		t.Fatalf("%d pieces were asked for while choked, want 64", asked)
	}
}

func grants(r *rig) []int {
	var pieces []int
	for _, e := range r.conn.Open(r.now, nil) {
		if e.Kind == session.Send && e.Msg.ID == wire.AllowedFast {
			pieces = append(pieces, int(e.Msg.Index))
		}
	}
	return pieces
}

// other returns a piece that is not in pieces.
func other(pieces []int) int {
	for n := 0; ; n++ {
		found := false
		for _, p := range pieces {
			found = found || p == n
		}
		if !found {
			return n
		}
	}
}

func seq(from, to int) []int {
	var s []int
	for n := from; n < to; n++ {
		s = append(s, n)
	}
	return s
}
