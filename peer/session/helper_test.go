package session_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/session"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// The spec tests of this package read as scripts: what the peer says or what
// our side decides, and next to it everything that the connection makes of it,
// in words. Numbers of messages are piece, block ("2/1" is the second block of
// piece 2), or piece:begin+length where the grid does not do.

const key piece.PeerKey = 7

// rig is one connection and the queue it draws from.
type rig struct {
	t      *testing.T
	layout piece.Layout
	queue  *piece.Queue
	conn   *session.Conn
	now    time.Time
	err    error         // why the connection is to be closed
	asked  []piece.Block // what the peer was asked for and has not sent, oldest first
	taken  []piece.Block // what was taken back
}

// options say how a rig begins. The zero value is a torrent of four pieces of
// two blocks of which we have nothing, and a peer that speaks BEP 3 alone.
type options struct {
	pieces   int // 0 = 4
	blocks   int // of a piece; 0 = 2
	have     []int
	fast     bool
	extended bool
	spread   *session.Spread
}

func connect(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Unix(1e9, 0)}
	if o.pieces == 0 {
		o.pieces = 4
	}
	if o.blocks == 0 {
		o.blocks = 2
	}
	pieceLen := int64(o.blocks * piece.BlockSize)
	l, err := piece.NewLayout(int64(o.pieces)*pieceLen, pieceLen)
	if err != nil {
		t.Fatal(err)
	}
	have, wanted := piece.NewBitfield(o.pieces), piece.NewBitfield(o.pieces)
	wanted.SetAll()
	for _, n := range o.have {
		have.Set(l.MustIndex(n))
	}
	r.layout = l
	r.queue = piece.NewQueue(l, have, wanted, nil, rand.New(rand.NewPCG(1, 1)))
	r.conn = session.New(session.Config{
		Key: key, Fast: o.fast, Extended: o.extended, Spread: o.spread, Addr: netip.MustParseAddr("80.4.4.200"),
		InfoHash: infohash.T([]byte(strings.Repeat("\xaa", 20))), ExtHandshake: []byte("d1:mdee"),
	}, r.queue, r.now)
	return r
}

// opens checks how the connection begins.
func (r *rig) opens(want ...string) {
	r.t.Helper()
	r.check("open", r.conn.Open(r.now, nil), want)
}

// hears gives the connection a message of the peer and checks what follows.
func (r *rig) hears(message string, want ...string) {
	r.t.Helper()
	r.check(message, r.events(message), want)
}

// events gives the connection a message of the peer and returns what follows.
func (r *rig) events(message string) []session.Event {
	r.t.Helper()
	if r.err != nil {
		r.t.Fatalf("%q after the connection was closed: %v", message, r.err)
	}
	events, err := r.conn.Handle(r.now, r.message(message), nil)
	r.err = err
	r.note(events)
	return events
}

// note keeps asked.
func (r *rig) note(events []session.Event) {
	for _, e := range events {
		switch e.Kind {
		case session.Ask:
			r.asked = append(r.asked, e.Block)
		case session.Forget:
			r.drop(e.Block)
			r.taken = append(r.taken, e.Block)
		}
	}
}

func (r *rig) drop(b piece.Block) {
	if at := slices.Index(r.asked, b); at >= 0 {
		r.asked = slices.Delete(r.asked, at, at+1)
	}
}

// refuses checks that a message of the peer closes the connection, and why.
func (r *rig) refuses(message, why string) {
	r.t.Helper()
	r.events(message)
	r.closed(why)
}

// closed checks that the connection was closed, and why.
func (r *rig) closed(why string) {
	r.t.Helper()
	if v, ok := r.err.(*session.Violation); !ok || !strings.Contains(v.Rule, why) {
		r.t.Fatalf("closed with %v, want a violation with %q", r.err, why)
	}
}

// sends gives the connection blocks of the peer and checks what follows.
func (r *rig) sends(blocks string, want ...string) {
	r.t.Helper()
	for _, b := range strings.Fields(blocks) {
		r.arrives(r.block(b))
	}
	events := r.conn.Fill(r.now, nil)
	r.note(events)
	r.check("blocks "+blocks, events, want)
}

func (r *rig) arrives(b piece.Block) {
	r.drop(b)
	if p := r.conn.Arrived(r.now, b); p.Piece {
		r.queue.Verified(b.Piece, true, nil)
	}
}

// passes lets time pass, with two ticks a second, and checks what happens.
func (r *rig) passes(d time.Duration, want ...string) {
	r.t.Helper()
	var events []session.Event
	for end := r.now.Add(d); r.now.Before(end) && r.err == nil; {
		r.now = r.now.Add(500 * time.Millisecond)
		events, r.err = r.conn.Tick(r.now, events)
	}
	r.note(events)
	r.check("tick", events, want)
}

// does checks what our own decision leads to.
func (r *rig) does(what string, events []session.Event, want ...string) {
	r.t.Helper()
	r.check(what, events, want)
}

func (r *rig) check(what string, events []session.Event, want []string) {
	r.t.Helper()
	got := make([]string, len(events))
	for i := range events {
		got[i] = r.word(events[i])
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("after %q:\n got %s\nwant %s", what, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// word returns an event in words.
func (r *rig) word(e session.Event) string {
	switch e.Kind {
	case session.Ask:
		return "request " + r.short(e.Block)
	case session.Forget:
		return "forget " + r.short(e.Block)
	case session.Serve:
		return "serve " + r.short(e.Block)
	}
	m := e.Msg
	switch m.ID {
	case wire.Have, wire.AllowedFast:
		return fmt.Sprintf("%v %d", m.ID, m.Index)
	case wire.Cancel, wire.Reject:
		b, ok := r.layout.Parse(m.Index, m.Begin, m.Length)
		if !ok {
			r.t.Fatalf("sends %v", m)
		}
		return m.ID.String() + " " + r.short(b)
	case wire.Bitfield:
		return fmt.Sprintf("bitfield %x", m.Payload)
	case wire.Extended:
		return fmt.Sprintf("extended %d %s", m.ExtID, m.Payload)
	}
	return m.ID.String()
}

func (r *rig) short(b piece.Block) string {
	if b == r.layout.Block(b.Piece, b.Number()) {
		return fmt.Sprintf("%v/%d", b.Piece, b.Number())
	}
	return b.String()
}

// block reads "piece/block".
func (r *rig) block(s string) piece.Block {
	r.t.Helper()
	var p, n int
	if _, err := fmt.Sscanf(s, "%d/%d", &p, &n); err != nil {
		r.t.Fatalf("block %q: %v", s, err)
	}
	return r.layout.Block(r.layout.MustIndex(p), n)
}

var ids = map[string]wire.ID{
	"choke": wire.Choke, "unchoke": wire.Unchoke, "interested": wire.Interested, "uninterested": wire.NotInterested,
	"have": wire.Have, "bitfield": wire.Bitfield, "request": wire.Request, "cancel": wire.Cancel, "port": wire.Port,
	"suggest": wire.Suggest, "have-all": wire.HaveAll, "have-none": wire.HaveNone, "reject": wire.Reject,
	"allowed-fast": wire.AllowedFast, "extended": wire.Extended, "keep-alive": wire.KeepAlive,
	"hashes": wire.Hashes,
}

// message reads a message: "have 3", "request 2/1", "request 0:16384+1",
// "bitfield f0", "extended 0 d1:pi6881ee".
func (r *rig) message(s string) wire.Message {
	r.t.Helper()
	name, rest, _ := strings.Cut(s, " ")
	id, ok := ids[name]
	if !ok {
		r.t.Fatalf("message %q", s)
	}
	m := wire.Message{ID: id}
	var err error
	switch id {
	case wire.Have, wire.Suggest, wire.AllowedFast:
		_, err = fmt.Sscan(rest, &m.Index)
	case wire.Request, wire.Cancel, wire.Reject:
		if strings.Contains(rest, "/") {
			b := r.block(rest)
			m.Index, m.Begin, m.Length = b.Piece.Uint32(), b.Begin, b.Length
			break
		}
		_, err = fmt.Sscanf(rest, "%d:%d+%d", &m.Index, &m.Begin, &m.Length)
	case wire.Bitfield:
		_, err = fmt.Sscanf(rest, "%x", &m.Payload)
	case wire.Extended:
		number, payload, _ := strings.Cut(rest, " ")
		_, err = fmt.Sscan(number, &m.ExtID)
		m.Payload = []byte(payload)
	}
	if err != nil {
		r.t.Fatalf("message %q: %v", s, err)
	}
	return m
}
