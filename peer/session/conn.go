package session

import (
	"net/netip"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// What this end says about itself.
const (
	// OurReqQ is how many requests we hold for a peer, told in the reqq of the
	// extension handshake (BEP 10). libtorrent and Transmission say 2000.
	OurReqQ = 2000
	// assumedReqQ is what a peer is taken to hold that does not say. BEP 10:
	// "The default in libtorrent is 250."
	assumedReqQ = 250
	// fastPieces is the size of the allowed-fast set that we grant (BEP 6
	// suggests 10), and fastFloor the smallest torrent for which we do: in a
	// smaller one it would give away most of it.
	fastPieces = 10
	fastFloor  = 5 * fastPieces
	// fastGranted bounds the set that a peer may grant us.
	fastGranted = 64
)

// Config is what is known about a connection once the handshakes are done.
type Config struct {
	Key      piece.PeerKey
	Fast     bool       // both sides set the bit of BEP 6
	Extended bool       // both sides set the bit of BEP 10
	Addr     netip.Addr // of the peer, for its allowed-fast set
	InfoHash infohash.T
	// ExtHandshake is the payload of our extension handshake. The Conn owns it.
	ExtHandshake []byte
	// Spread is shared by the connections of a torrent; nil = requests are
	// answered in the order in which they came.
	Spread *Spread
}

// Conn is the state of one connection. It belongs to the goroutine that owns
// the queue.
type Conn struct {
	cfg   Config
	queue *piece.Queue
	ext   wire.ExtHandshake

	amChoking, amInterested     bool
	peerChoking, peerInterested bool
	lastSent, lastRecv          time.Time
	down, up                    Meter

	// What the peer has.
	began   bool // its first message is behind us
	peerHas *piece.Bitfield
	dropped int             // pieces that it took back
	fast    *piece.Bitfield // pieces that it lets us ask for while it chokes us; nil = none
	allowed *piece.Bitfield // those of them that it has

	// Downloading.
	asked     requests
	pipe      pipeline
	late      int       // blocks that may still come although we took them back; less than 0: that came unasked
	lateAt    time.Time // newest change of late
	owed      int       // answers to what was taken back that have not come, and perhaps never will
	snubbed   bool
	pause     time.Time     // no new requests before then
	refusals  int           // pauses because the peer rejected what it might have sent, since its newest block
	unchoked  time.Time     // when the peer last began to let us ask
	lastBlock time.Time     // newest block, or when requests went out into silence
	gap       time.Duration // between blocks, averaged over the last few
	scratch   []piece.Block

	// Uploading.
	uploads []piece.Block // asked of us and not yet with the writer, oldest first
	writing int           // blocks that are with the writer
	granted map[piece.Index]int
	choked  time.Time // when we last choked the peer
	refused int       // requests that it should not have sent, since we last unchoked it
}

// New returns the state of a connection that was just opened. It counts nothing
// in the queue yet; the peer has no pieces until it says so.
func New(cfg Config, queue *piece.Queue, now time.Time) *Conn {
	return &Conn{
		cfg: cfg, queue: queue,
		amChoking: true, peerChoking: true,
		peerHas:  piece.NewBitfield(queue.Layout().Pieces()),
		pipe:     newPipeline(now, assumedReqQ),
		lastSent: now, lastRecv: now, lastBlock: now,
	}
}

// Open appends the messages that begin a connection: what we have, then who we
// are. BEP 3: "'bitfield' is only ever sent as the first message. [...]
// Downloaders which don't have anything yet may skip the 'bitfield' message."
func (c *Conn) Open(now time.Time, out []Event) []Event {
	have := c.queue.Have()
	switch {
	case c.cfg.Fast && have.Full():
		out = c.send(now, out, wire.Message{ID: wire.HaveAll})
	case c.cfg.Fast && have.Count() == 0:
		out = c.send(now, out, wire.Message{ID: wire.HaveNone})
	case have.Count() > 0:
		out = c.send(now, out, wire.Message{ID: wire.Bitfield, Payload: have.AppendTo(nil)})
	}
	if c.cfg.Extended {
		out = c.send(now, out, wire.Message{ID: wire.Extended, Payload: c.cfg.ExtHandshake})
	}
	return c.grantFast(now, out)
}

// grantFast tells the peer which pieces it may ask for while we choke it.
func (c *Conn) grantFast(now time.Time, out []Event) []Event {
	l := c.queue.Layout()
	if !c.cfg.Fast || l.Pieces() < fastFloor {
		return out
	}
	for _, raw := range wire.AllowedFastSet(c.cfg.Addr, c.cfg.InfoHash, l.Pieces(), fastPieces) {
		i, ok := l.Index(raw)
		if !ok || !c.queue.Have().Has(i) {
			continue
		}
		if c.granted == nil {
			c.granted = make(map[piece.Index]int, fastPieces)
		}
		c.granted[i] = 0
		out = c.send(now, out, wire.Message{ID: wire.AllowedFast, Index: raw})
	}
	return out
}

func (c *Conn) send(now time.Time, out []Event, m wire.Message) []Event {
	c.lastSent = now
	return append(out, Event{Kind: Send, Msg: m})
}

// Have appends the message that tells the peer of a piece that was verified.
func (c *Conn) Have(now time.Time, i piece.Index, out []Event) []Event {
	return c.send(now, out, wire.Message{ID: wire.Have, Index: i.Uint32()})
}

// Close takes back everything that the connection holds in the queue. The Conn
// is not to be used afterwards.
func (c *Conn) Close() {
	c.asked.each(func(r *request) { c.queue.Return(c.cfg.Key, r.block) })
	c.asked.clear()
	if c.peerHas.Count() > 0 { // or it was never counted
		c.queue.Lost(c.peerHas)
	}
}

// Key returns the number of the connection in its swarm.
func (c *Conn) Key() piece.PeerKey { return c.cfg.Key }

// Extended reports whether extension messages may be sent (BEP 10).
func (c *Conn) Extended() bool { return c.cfg.Extended }

// PeerExt returns the newest extension handshake of the peer.
func (c *Conn) PeerExt() wire.ExtHandshake { return c.ext }

// LastRecv returns when something last came from the peer.
func (c *Conn) LastRecv() time.Time { return c.lastRecv }

// AmChoking reports whether we choke the peer.
func (c *Conn) AmChoking() bool { return c.amChoking }

// AmInterested reports whether the peer has something that we want.
func (c *Conn) AmInterested() bool { return c.amInterested }

// PeerChoking reports whether the peer chokes us.
func (c *Conn) PeerChoking() bool { return c.peerChoking }

// PeerInterested reports whether the peer wants something of us.
func (c *Conn) PeerInterested() bool { return c.peerInterested }

// PeerHas returns the pieces of the peer. The Conn owns it.
func (c *Conn) PeerHas() *piece.Bitfield { return c.peerHas }

// Snubbed reports whether the peer has left our requests unanswered for long.
func (c *Conn) Snubbed() bool { return c.snubbed }

// Outstanding returns how many requests are out.
func (c *Conn) Outstanding() int { return c.asked.live }

// Depth returns how many requests are to be kept out.
func (c *Conn) Depth() int { return c.pipe.depth }

// Down is the meter of blocks that came.
func (c *Conn) Down() *Meter { return &c.down }

// Up is the meter of blocks that went.
func (c *Conn) Up() *Meter { return &c.up }
