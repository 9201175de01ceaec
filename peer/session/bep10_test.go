package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Each test of this file quotes the sentence of BEP 10 that it checks.

// "This message should be sent immediately after the standard bittorrent
// handshake to any peer that supports this extension protocol."
func TestTheExtensionHandshakeIsSentToWhoSupportsIt(t *testing.T) {
	connect(t, options{extended: true}).opens("extended 0 d1:mdee")
	connect(t, options{extended: true, have: []int{0}}).opens("bitfield 80", "extended 0 d1:mdee")
	connect(t, options{}).opens()
}

// The peer may send it before its bitfield: it is about the connection, not
// about pieces.
func TestTheExtensionHandshakeMayComeBeforeTheBitfield(t *testing.T) {
	r := connect(t, options{extended: true})
	r.hears("extended 0 d1:mdee")
	r.hears("bitfield f0", "interested")
}

// "reqq: An integer, the number of outstanding request messages this client
// supports without dropping any."
func TestReqQIsHonoured(t *testing.T) {
	for _, reqq := range []int{1, 3, 10} {
		r := connect(t, options{pieces: 8, blocks: 4, extended: true})
		r.hears(fmt.Sprintf("extended 0 d4:reqqi%dee", reqq))
		r.hears("bitfield ff", "interested")
		if n := len(r.events("unchoke")); n != reqq {
			t.Fatalf("%d requests for a reqq of %d", n, reqq)
		}
	}
}

// "The default in libtorrent is 250."
func TestWithoutReqQAtMost250AreOutstanding(t *testing.T) {
	for reqq, want := range map[int]int{0: 250, 600: 600} {
		l := newLine(t, line{rate: 100 << 20, rtt: 100 * time.Millisecond, reqq: reqq})
		l.run(3 * time.Second)
		if got := l.conn.Depth(); got != want {
			t.Fatalf("depth %d with a reqq of %d, want %d", got, reqq, want)
		}
	}
}

func TestReqQMayComeLaterAndBeSmaller(t *testing.T) {
	r := connect(t, options{pieces: 8, blocks: 4, extended: true})
	r.hears("bitfield ff", "interested")
	r.events("unchoke") // 16
	r.hears("extended 0 d4:reqqi4ee")
	for n := range 12 { // those that are too many are not replaced
		r.sends(r.short(r.asked[0]))
		if r.conn.Outstanding() != 15-n {
			t.Fatalf("%d outstanding after %d answers", r.conn.Outstanding(), n+1)
		}
	}
	r.arrives(r.asked[0])
	if n := len(r.conn.Fill(r.now, nil)); n != 1 {
		t.Fatalf("%d requests for one answer, want 1", n)
	}
}

// Nonsense in the dictionary is no reason to lose a peer, nor to ask for nothing.
func TestANonsenseReqQIsIgnored(t *testing.T) {
	for _, v := range []string{"i0e", "i-5e", "4:many", "de"} {
		r := connect(t, options{pieces: 8, blocks: 4, extended: true})
		r.hears("extended 0 d4:reqq" + v + "e")
		r.hears("bitfield ff", "interested")
		if n := len(r.events("unchoke")); n != 16 {
			t.Fatalf("%d requests for a reqq of %s", n, v)
		}
	}
}

// "To advertise to other clients that you support, one bit from the reserved
// bytes is used."
func TestExtendedMessagesWithoutTheBitCloseTheConnection(t *testing.T) {
	connect(t, options{}).refuses("extended 0 de", "without the extension bit")
	connect(t, options{}).refuses("extended 3 hello", "without the extension bit")
}

// "The payload of the handshake message is a bencoded dictionary."
func TestAHandshakeThatIsNoDictionaryClosesTheConnection(t *testing.T) {
	for _, payload := range []string{"", "le", "d", "hello", strings.Repeat("l", 5000)} {
		connect(t, options{extended: true}).refuses("extended 0 "+payload, "malformed extension handshake")
	}
}

// "It is valid to send the handshake message more than once during the lifetime
// of a connection"; "the m dictionary is additive."
func TestASecondHandshakeAddsToTheFirst(t *testing.T) {
	r := connect(t, options{extended: true})
	r.hears("extended 0 d1:md6:ut_pexi1e11:ut_metadatai2ee1:pi6881e4:reqqi99e1:v3:abce")
	r.hears("extended 0 d1:md6:ut_pexi0e7:p2_chati5eee")
	ext := r.conn.PeerExt()
	if ext.Port != 6881 || ext.Client != "abc" || ext.ReqQ != 99 {
		t.Fatalf("what the first said is lost: %+v", ext)
	}
	// "Setting an extension number to zero means that the extension is not
	// supported/disabled."
	for name, id := range map[string]uint8{"ut_pex": 0, "ut_metadata": 2, "p2_chat": 5} {
		if ext.M[name] != id {
			t.Fatalf("%s is %d, want %d", name, ext.M[name], id)
		}
	}
}

// A peer that adds names without end cannot make the dictionary grow without
// bound.
func TestHandshakesWithoutEndAreBounded(t *testing.T) {
	r := connect(t, options{extended: true})
	for n := range 50 {
		var m strings.Builder
		for k := range 100 {
			fmt.Fprintf(&m, "7:x%03d%03di1e", n, k)
		}
		r.hears("extended 0 d1:md" + m.String() + "ee")
	}
	if n := len(r.conn.PeerExt().M); n > 128 {
		t.Fatalf("%d extensions are remembered", n)
	}
}

// "The client should ignore any extension names it doesn't recognize"; messages
// of extensions are not the session's business.
func TestExtensionMessagesAreLeftToTheExtensions(t *testing.T) {
	r := connect(t, options{extended: true})
	r.hears("extended 3 whatever")
}
