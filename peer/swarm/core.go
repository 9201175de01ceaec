package swarm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/session"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// Why connections are refused or ended.
var (
	ErrSelf      = errors.New("the peer is this program itself")
	ErrDuplicate = errors.New("already connected to this peer")
	ErrFull      = errors.New("as many peers as allowed")
	ErrBanned    = errors.New("banned for sending wrong data")
	ErrAgain     = errors.New("it broke a rule a short while ago")
	ErrUseless   = errors.New("both sides have everything")
	ErrIdle      = errors.New("nothing has come of the connection, and others wait for its place")
	ErrStalled   = errors.New("stopped in the middle of a block that another peer could send")
	ErrEnded     = errors.New("the torrent was closed")
)

// Defaults of Config.
const (
	DefaultMaxPeers = 200
	DefaultSlots    = 8
	maxDialing      = 30
)

// relieveEvery is how often a peer with nothing to do may relieve others.
const relieveEvery = 100 * time.Millisecond

// Config is what a Core is made of. Have and Wanted become the Core's own.
type Config struct {
	InfoHash infohash.T
	PeerID   [20]byte
	Layout   piece.Layout
	Have     *piece.Bitfield // verified pieces
	Wanted   *piece.Bitfield // pieces to get or that were got
	Budget   piece.Budget    // memory of blocks on their way; nil = no limit
	// Release gives back the memory of a span that is incomplete and that nobody
	// is asked for any more. False means that something is just being put there
	// after all. nil = never.
	Release  func(piece.Span) bool
	Rand     *rand.Rand
	MaxPeers int // 0 = DefaultMaxPeers
	Slots    int // peers that may have blocks of us at the same time; 0 = DefaultSlots
	// ExtHandshake builds the payload of our extension handshake for a peer.
	ExtHandshake func(p Candidate) []byte
}

// Core is the state of one torrent. It belongs to one goroutine.
type Core struct {
	cfg     Config
	queue   *piece.Queue
	peers   map[piece.PeerKey]*member
	order   []*member // by key, for a deterministic walk
	lastKey piece.PeerKey
	book    *book
	blame   *blame
	choke   choker
	spread  *session.Spread
	dialing int
	rechoke time.Time // when the choker last decided; zero = it is to decide now
	vacant  bool      // somebody may wait for a slot that is free
	stirred bool      // the queue may have got something to give
	first   int       // in order, who draws first when all may
	closed  bool
	effects []Effect
	events  []session.Event
	senders []piece.PeerKey
	stray   []piece.Span
	strays  map[piece.Span]time.Time  // incomplete spans that hold memory in vain, since when
	gone    map[piece.PeerKey]culprit // who left, and may have sent blocks of a piece that is not verified

	Wasted    int64 // bytes that came and were of no use
	HashFails int
	Banned    int
}

// NewCore returns a Core without peers.
func NewCore(cfg Config) *Core {
	if cfg.MaxPeers <= 0 {
		cfg.MaxPeers = DefaultMaxPeers
	}
	if cfg.Slots <= 0 {
		cfg.Slots = DefaultSlots
	}
	return &Core{
		cfg:    cfg,
		queue:  piece.NewQueue(cfg.Layout, cfg.Have, cfg.Wanted, cfg.Budget, cfg.Rand),
		peers:  make(map[piece.PeerKey]*member),
		book:   newBook(cfg.Rand),
		blame:  newBlame(),
		choke:  choker{slots: cfg.Slots, rng: cfg.Rand},
		spread: session.NewSpread(cfg.Layout.Pieces()),
		gone:   make(map[piece.PeerKey]culprit),
	}
}

// Queue returns the shared queue, for reading.
func (c *Core) Queue() *piece.Queue { return c.queue }

// Effects returns what is to be done since the last call. The slice is reused.
func (c *Core) Effects() []Effect {
	e := c.effects
	c.effects = c.effects[:0]
	return e
}

// AddAddr notes an address where a peer may be. keep is for addresses that the
// user named.
func (c *Core) AddAddr(addr netip.AddrPort, keep bool) { c.book.add(addr, keep) }

// do turns the events of a connection into effects.
func (c *Core) do(m *member, events []session.Event) {
	for i := range events {
		c.effects = append(c.effects, Effect{Kind: Do, Peer: m.key, Event: events[i]})
	}
	c.events = events[:0]
}

// Handle takes a message from a peer, any but Piece. The message's Payload is
// not kept.
func (c *Core) Handle(now time.Time, key piece.PeerKey, msg wire.Message) {
	m := c.peers[key]
	if m == nil {
		return
	}
	m.speaks(now)
	events, err := m.Handle(now, msg, c.events[:0])
	c.do(m, events)
	if err != nil {
		c.drop(now, m, err)
		return
	}
	switch msg.ID {
	case wire.Choke, wire.Reject:
		c.stirred = true
	case wire.Interested, wire.NotInterested, wire.Bitfield: // a seed wants no slot
		c.vacant = true
	case wire.Have:
		c.relieve(now, m)
	case wire.Extended:
		c.onExtended(m, msg)
	}
}

// onExtended passes an extension message on; from the handshake it learns where
// the peer listens.
func (c *Core) onExtended(m *member, msg wire.Message) {
	c.effects = append(c.effects, Effect{Kind: Extension, Peer: m.key, ExtID: msg.ExtID, Payload: msg.Payload})
	if msg.ExtID == wire.ExtHandshakeID {
		c.book.listens(&m.party, m.PeerExt().Port)
	}
}

// Arrived says that a block of a peer has come. landed tells whether it was put
// to its place; if not, somebody else was just putting the same one there. The
// Loop calls Settle at the end of each batch.
func (c *Core) Arrived(now time.Time, key piece.PeerKey, b piece.Block, landed bool) {
	m := c.peers[key]
	if m == nil {
		if landed { // it was put there before the connection ended, and counts
			c.took(now, key, b, c.queue.Arrived(key, b))
		}
		return
	}
	if landed {
		p := m.Arrived(now, b)
		c.do(m, m.Again(b, c.events[:0]))
		c.took(now, key, b, p)
		return
	}
	c.Wasted += int64(b.Length)
	m.Missed(now, b)
	c.do(m, m.Again(b, c.events[:0]))
	c.stirred = true
	c.release(now, b)
}

// release ends the connection of a peer that has begun to send b and stopped:
// while it holds the place, nobody else can put b there.
func (c *Core) release(now time.Time, b piece.Block) {
	for _, m := range slices.Clone(c.order) {
		if m.Holds(b) {
			c.drop(now, m, ErrStalled)
		}
	}
}

// took follows up on a block that is at its place.
func (c *Core) took(now time.Time, key piece.PeerKey, b piece.Block, p piece.Progress) {
	if !p.New {
		c.Wasted += int64(b.Length)
		return
	}
	for _, other := range p.Also {
		if o := c.peers[other]; o != nil {
			c.do(o, o.Cancel(now, b, c.events[:0]))
			c.stirred = true
		}
	}
	if p.Span {
		c.effects = append(c.effects, Effect{Kind: Store, Span: b.Span(), Peer: key, Sums: c.queue.OnParole(b.Piece)})
	}
}

// Unasked says that n bytes of a block came that was not expected.
func (c *Core) Unasked(now time.Time, key piece.PeerKey, n int) {
	c.Wasted += int64(n)
	if m := c.peers[key]; m != nil {
		if err := m.Unasked(now, n); err != nil {
			c.drop(now, m, err)
		}
	}
}

// Sent says that the writer has sent blocks of n bytes in all to a peer.
func (c *Core) Sent(now time.Time, key piece.PeerKey, blocks, n int) {
	if m := c.peers[key]; m != nil {
		m.took = now
		c.do(m, m.Sent(now, blocks, n, c.events[:0]))
	}
}

// Feel says since when the writer of a peer has waited for its socket, zero = it does not, and how many bytes
// the peer has taken since its connection began, -1 = the system does not tell. It belongs before each Tick.
func (c *Core) Feel(now time.Time, key piece.PeerKey, since time.Time, taken int64) {
	if m := c.peers[key]; m != nil {
		m.drain.feel(now, since, taken)
	}
}

// Fill lets a peer draw requests, after a batch of its blocks.
func (c *Core) Fill(now time.Time, key piece.PeerKey) {
	if m := c.peers[key]; m != nil {
		c.fill(now, m)
	}
}

func (c *Core) fill(now time.Time, m *member) {
	c.do(m, m.Fill(now, c.events[:0]))
	c.relieve(now, m)
}

// relieve lets m take over what others were asked for, if the queue has nothing
// for it and it has time.
func (c *Core) relieve(now time.Time, m *member) {
	if now.Sub(m.relieved) < relieveEvery || !m.Idle(now) {
		return
	}
	m.relieved = now
	for _, o := range c.order {
		if o == m {
			continue
		}
		before := o.Outstanding()
		c.do(o, o.Yield(now, m.Conn, c.events[:0]))
		if o.Outstanding() == before {
			continue
		}
		c.stirred = true // o may ask for something else
		c.do(m, m.Fill(now, c.events[:0]))
		if !m.Idle(now) {
			return
		}
	}
}

// Freed says that memory came free: where it is short, the queue may have
// something to give again.
func (c *Core) Freed() { c.stirred = c.stirred || c.queue.Rationed() }

// Settle lets everybody draw who wants more, if something has changed that may
// let them, and gives free slots away. The Loop calls it at the end of each
// round.
func (c *Core) Settle(now time.Time) {
	switch {
	case c.rechoke.IsZero():
		c.Rechoke(now)
	case c.vacant:
		c.giveAway(now)
	}
	c.vacant = false
	if !c.stirred {
		return
	}
	c.stirred = false
	c.first++ // another each time: memory may not suffice for all
	if c.first >= len(c.order) {
		c.first = 0
	}
	for n := range c.order {
		m := c.order[(c.first+n)%len(c.order)]
		if m.Hungry(now) {
			c.fill(now, m)
		}
	}
}

// Verified says whether piece i matches its hash. sums holds the SHA-1 of each
// block when the piece failed, or when they were asked for.
func (c *Core) Verified(now time.Time, i piece.Index, ok bool, sums [][20]byte) {
	c.senders = c.queue.Verified(i, ok, c.senders[:0])
	c.stirred = true
	if !ok {
		c.HashFails++
		c.Wasted += int64(c.cfg.Layout.Size(i))
		a := attempt{sums: sums}
		for _, key := range c.senders {
			a.senders = append(a.senders, c.who(key))
		}
		c.punish(now, c.blame.wrong(i, a), i)
		return
	}
	c.punish(now, c.blame.right(i, sums), i)
	for _, m := range c.order {
		c.do(m, m.Have(now, i, c.events[:0]))
	}
	if c.queue.Done() {
		clear(c.gone)
		c.effects = append(c.effects, Effect{Kind: Complete})
		c.rechoke = time.Time{} // from now on as a seed
	}
}

// who returns the culprit behind a key, also of one who has left, or nobody when
// that is forgotten.
func (c *Core) who(key piece.PeerKey) culprit {
	if m := c.peers[key]; m != nil {
		return m.culprit()
	}
	return c.gone[key]
}

// punish bans the guilty and ends their connections.
func (c *Core) punish(now time.Time, guilty []culprit, i piece.Index) {
	for _, g := range guilty {
		if c.book.banned.has(g) {
			continue
		}
		c.book.ban(g)
		c.Banned++
		for _, m := range slices.Clone(c.order) {
			if m.culprit() == g {
				c.drop(now, m, fmt.Errorf("piece %d: %w", i.Int(), ErrBanned))
			}
		}
	}
}
