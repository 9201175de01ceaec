package session_test

import (
	"testing"
	"time"
)

// Each test of this file quotes the sentence of BEP 3 that it checks.

// "Connections start out choked and not interested."
func TestConnectionsStartOutChokedAndNotInterested(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	r.opens("bitfield 80")
	if c := r.conn; !c.AmChoking() || c.AmInterested() || !c.PeerChoking() || c.PeerInterested() {
		t.Fatal("the connection starts in another state")
	}
}

// "Data transfer takes place whenever one side is interested and the other side
// is not choking."
func TestBlocksAreAskedForOnceThePeerDoesNotChokeUs(t *testing.T) {
	r := connect(t, options{pieces: 1})
	r.hears("bitfield 80", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.sends("0/0 0/1", "not interested")
}

func TestNothingIsAskedOfAPeerThatHasNothingForUs(t *testing.T) {
	r := connect(t, options{have: []int{0, 1}})
	r.hears("bitfield c0")
	r.hears("unchoke")
	r.passes(10 * time.Second)
}

// "Interest state must be kept up to date at all times - whenever a downloader
// doesn't have something they currently would ask a peer for in unchoked, they
// must express lack of interest, despite being choked."
func TestLackOfInterestIsExpressedDespiteBeingChoked(t *testing.T) {
	r := connect(t, options{pieces: 2})
	r.hears("bitfield 80", "interested")
	other := r.queue.Next(8, r.conn.PeerHas(), 0, 2, nil) // somebody else sends us the piece
	for _, b := range other {
		r.queue.Arrived(8, b)
	}
	r.passes(time.Second) // while it is not verified we may still need it
	r.queue.Verified(other[0].Piece, true, nil)
	r.passes(time.Second, "not interested")
	r.hears("have 1", "interested")
}

func TestAPeerThatGainsWhatWeNeedInterestsUs(t *testing.T) {
	r := connect(t, options{have: []int{2}})
	r.hears("have 2")
	r.hears("have 3", "interested")
	r.hears("have 3")
	r.hears("have 1")
}

// "When data is being transferred, downloaders should keep several piece
// requests queued up at once in order to get good TCP performance".
func TestSeveralRequestsAreQueuedUpAtOnce(t *testing.T) {
	r := connect(t, options{pieces: 8, blocks: 4})
	r.hears("bitfield ff", "interested")
	if n := len(r.events("unchoke")); n != 16 {
		t.Fatalf("%d requests at the start, want 16", n)
	}
	if r.conn.Outstanding() != 16 {
		t.Fatalf("%d are said to be out, want 16", r.conn.Outstanding())
	}
}

// "requests which can't be written out to the TCP buffer immediately should be
// queued up in memory [...] so they can all be thrown out when a choke happens."
func TestAChokeThrowsOutQueuedRequests(t *testing.T) {
	r := connect(t, options{pieces: 1, blocks: 16, have: []int{0}})
	r.hears("interested")
	r.does("unchoke", r.conn.SetChoking(r.now, false, nil), "unchoke")
	for n := range 2 { // with the writer
		b := r.layout.Block(r.layout.MustIndex(0), n)
		r.hears("request "+r.short(b), "serve "+r.short(b))
	}
	r.hears("request 0/8")
	r.hears("request 0/9")
	r.does("choke", r.conn.SetChoking(r.now, true, nil), "choke")
	r.does("the writer is done", r.conn.Sent(r.now, 2, 2<<14, nil))
	if r.conn.Wants() {
		t.Fatal("requests have survived the choke")
	}
}

// The other side of the same: what we asked for is thrown out by the peer, so it
// can be asked of others at once.
func TestAChokeReturnsWhatWeAskedForToTheQueue(t *testing.T) {
	r := connect(t, options{pieces: 1})
	r.hears("bitfield 80", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.hears("choke", "forget 0/0", "forget 0/1")
	if got := r.queue.Next(8, r.conn.PeerHas(), 0, 2, nil); len(got) != 2 {
		t.Fatalf("another peer gets %v", got)
	}
}

// "It's possible for an unexpected piece to arrive if choke and unchoke messages
// are sent in quick succession and/or transfer is going very slowly."
func TestABlockThatCrossedWithAChokeCounts(t *testing.T) {
	r := connect(t, options{pieces: 1})
	r.hears("bitfield 80", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.now = r.now.Add(2 * time.Second)
	r.hears("choke", "forget 0/0", "forget 0/1")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.sends("0/0 0/1", "not interested")
	for range 2 { // the answers to the first time
		if err := r.conn.Unasked(r.now, 1<<14); err != nil {
			t.Fatal(err)
		}
	}
}

// "Messages of length zero are keepalives, and ignored. Keepalives are generally
// sent once every two minutes".
func TestKeepAlivesAreIgnoredAndSentWithinTwoMinutes(t *testing.T) {
	r := connect(t, options{})
	r.hears("keep-alive")
	r.passes(100 * time.Second)
	r.passes(time.Second, "keep-alive")
	r.hears("keep-alive")
	r.passes(100*time.Second, "keep-alive")
}

func TestAKeepAliveIsNotTheFirstMessage(t *testing.T) {
	r := connect(t, options{})
	r.hears("keep-alive")
	r.hears("bitfield 10", "interested")
}

// "but note that timeouts can be done much more quickly when data is expected."
func TestSilenceEndsAConnectionSoonerWhenDataIsExpected(t *testing.T) {
	r := connect(t, options{})
	r.passes(3*time.Minute, "keep-alive")
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.passes(time.Second)
	r.closed("silent for three minutes")

	r = connect(t, options{pieces: 1})
	r.hears("bitfield 80", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	for range 6 { // it is alive, and sends nothing
		r.passes(9900 * time.Millisecond)
		r.hears("keep-alive")
	}
	r.passes(time.Second)
	r.closed("sent none for a minute")
}

// "'bitfield' is only ever sent as the first message." aria2 does not keep to
// that: it sends one in place of many haves, and must not be cut off for it.
func TestALaterBitfieldTakesThePlaceOfWhatWasSaidBefore(t *testing.T) {
	for _, before := range []string{"have 0", "bitfield 90", "bitfield 00", "bitfield f0", "port"} {
		r := connect(t, options{})
		r.events(before)
		r.events("unchoke")
		r.events("bitfield c0")
		if has := r.conn.PeerHas(); r.err != nil || has.Count() != 2 || r.queue.Seeds() != 0 || r.queue.Unavailable() != 2 {
			t.Errorf("after %q: %v, %d pieces, %d seeds, %d unavailable", before, r.err, has.Count(), r.queue.Seeds(), r.queue.Unavailable())
		}
		ofTheTwo := 0
		for _, b := range r.asked {
			if b.Piece.Int() < 2 {
				ofTheTwo++
			}
		}
		if ofTheTwo != 4 {
			t.Errorf("after %q: asked for %v, want both blocks of pieces 0 and 1", before, r.asked)
		}
	}
}

// "Downloaders which don't have anything yet may skip the 'bitfield' message."
func TestABitfieldIsSkippedWhenThereIsNothing(t *testing.T) {
	connect(t, options{}).opens()
	connect(t, options{have: []int{1, 3}}).opens("bitfield 50")
	r := connect(t, options{})
	r.hears("have 0", "interested") // and so may the peer
}

// "Spare bits at the end are set to zero."
func TestABitfieldOfTheWrongShapeClosesTheConnection(t *testing.T) {
	for _, bits := range []string{"08", "ff", "8000"} {
		connect(t, options{}).refuses("bitfield "+bits, "malformed bitfield")
	}
}

// "The 'have' message's payload is a single number, the index which that
// downloader just completed and checked the hash of." It is an index of the
// torrent.
func TestAHaveOutOfRangeClosesTheConnection(t *testing.T) {
	connect(t, options{}).refuses("have 4", "have message for piece 4")
	connect(t, options{}).refuses("have 4294967295", "have message")
	connect(t, options{pieces: 1 << 10, blocks: 1}).hears("have 1023", "interested")
}

func TestWhatWasVerifiedIsAnnounced(t *testing.T) {
	r := connect(t, options{})
	r.does("verified", r.conn.Have(r.now, r.layout.MustIndex(2), nil), "have 2")
}

// "All current implementations use 2^14 (16 kiB), and close connections which
// request an amount greater than that."
func TestARequestForMoreThan16KiBClosesTheConnection(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	r.hears("interested")
	r.does("unchoke", r.conn.SetChoking(r.now, false, nil), "unchoke")
	r.hears("request 0:0+16384", "serve 0/0")
	r.refuses("request 0:0+16385", "request for 16385 bytes")
}

// "'request' messages contain an index, begin, and length. The last two are byte
// offsets."
func TestARequestOutsideItsPieceClosesTheConnection(t *testing.T) {
	for _, request := range []string{
		"4:0+16384",           // no such piece
		"0:32768+1",           // behind the end
		"0:16385+16384",       // over the end
		"0:0+0",               // of nothing
		"0:4294967295+16384",  // begin+length wraps in 32 bits
		"0:4294950912+16384",  // to zero
		"4294967295:0+16384",  //
		"0:0+4294967295",      //
		"0:16384+4294950912",  //
		"3:2147483648+16384",  //
		"0:2147483647+16384",  //
		"2147483647:0+16384 ", //
	} {
		r := connect(t, options{have: []int{0, 1, 2, 3}})
		r.conn.SetChoking(r.now, false, nil)
		r.refuses("request "+request, "which cannot be")
	}
}

// "Length is generally a power of two unless it gets truncated by the end of
// the file": a request off the grid is served.
func TestARequestOffTheGridIsServed(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	r.conn.SetChoking(r.now, false, nil)
	r.hears("request 0:100+1000", "serve 0:100+1000")
	r.hears("request 0:32767+1", "serve 0:32767+1")
}

// "Choking is a notification that no data will be sent until unchoking happens."
func TestARequestWhileChokedIsNotServed(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	r.hears("interested")
	r.hears("request 0/0")
	r.does("unchoke", r.conn.SetChoking(r.now, false, nil), "unchoke")
	r.hears("request 0/1", "serve 0/1")
}

func TestARequestForAPieceThatWeLackIsNotServed(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	r.conn.SetChoking(r.now, false, nil)
	r.hears("request 1/0")
}

// "cancel messages have the same payload as request messages. They are
// generally only sent towards the end of a download [...] it sends cancels to
// everyone else every time a piece arrives."
func TestWhatCameFromSomebodyElseIsCancelled(t *testing.T) {
	r := connect(t, options{pieces: 1})
	r.hears("bitfield 80", "interested")
	r.hears("unchoke", "request 0/0", "request 0/1")
	r.does("came from another", r.conn.Cancel(r.now, r.block("0/1"), nil), "forget 0/1", "cancel 0/1")
	r.does("once more", r.conn.Cancel(r.now, r.block("0/1"), nil))
}

func TestACancelledRequestIsNotServed(t *testing.T) {
	r := connect(t, options{pieces: 1, blocks: 16, have: []int{0}})
	r.conn.SetChoking(r.now, false, nil)
	for n := range 2 {
		r.events("request " + r.short(r.layout.Block(r.layout.MustIndex(0), n)))
	}
	r.hears("request 0/8")
	r.hears("request 0/9")
	r.hears("cancel 0/8")
	r.hears("cancel 0/0")     // it is with the writer: too late
	r.hears("cancel 3:1+999") // of nothing
	r.does("sent", r.conn.Sent(r.now, 2, 2<<14, nil), "serve 0/9")
}

// A peer that asks for blocks without end while it is choked is closed, but not
// for those that crossed with our choke.
func TestRequestsWithoutEndWhileChokedCloseTheConnection(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	r.conn.SetChoking(r.now, false, nil)
	r.conn.SetChoking(r.now, true, nil)
	for range 1000 {
		r.hears("request 0/0")
	}
	r.now = r.now.Add(6 * time.Second)
	for range 300 {
		r.hears("request 0/0")
	}
	r.refuses("request 0/0", "more than 300 requests")
}

func TestAPeerOfLongStandingMayCrossWithManyChokes(t *testing.T) {
	r := connect(t, options{have: []int{0}})
	for range 50 {
		r.conn.SetChoking(r.now, false, nil)
		r.conn.SetChoking(r.now, true, nil)
		r.now = r.now.Add(6 * time.Second) // a very slow path
		for range 100 {
			r.hears("request 0/0")
		}
	}
}
