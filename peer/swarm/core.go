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
	ErrUseless   = errors.New("both sides have everything")
	ErrIdle      = errors.New("neither side wants anything of the other, and others wait")
	ErrEnded     = errors.New("the torrent was closed")
)

// Defaults of Config.
const (
	DefaultMaxPeers = 200
	DefaultSlots    = 8
	maxDialing      = 30
	goneMax         = 4096
)

// Config is what a Core is made of. Have and Wanted become the Core's own.
type Config struct {
	InfoHash infohash.T
	PeerID   [20]byte
	Layout   piece.Layout
	Have     *piece.Bitfield // verified pieces
	Wanted   *piece.Bitfield // pieces to get or that were got
	Budget   piece.Budget    // memory of blocks on their way; nil = no limit
	Rand     *rand.Rand
	MaxPeers int // 0 = DefaultMaxPeers
	Slots    int // peers that may ask us for blocks at the same time; 0 = DefaultSlots
	// ExtHandshake builds the payload of our extension handshake for a peer at
	// addr.
	ExtHandshake func(addr netip.Addr) []byte
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
	dialing int
	rechoke time.Time
	stirred bool // the queue may have got something to give
	effects []Effect
	events  []session.Event
	senders []piece.PeerKey
	gone    map[piece.PeerKey]culprit // who left, while a piece of theirs is unverified

	Wasted    int64 // bytes that came and were of no use
	HashFails int
	Banned    int
}

// member is one connected peer.
type member struct {
	*session.Conn
	key      piece.PeerKey
	id       [20]byte
	addr     netip.AddrPort // as the socket has it
	dialled  bool
	since    time.Time
	useful   time.Time // when either side last wanted something
	turn     time.Time // when it was last unchoked
	turnFrom int64     // bytes sent to it before that
}

func (m *member) culprit() culprit { return culpritOf(m.addr.Addr(), m.id) }

// NewCore returns a Core without peers.
func NewCore(cfg Config) *Core {
	if cfg.MaxPeers <= 0 {
		cfg.MaxPeers = DefaultMaxPeers
	}
	if cfg.Slots <= 0 {
		cfg.Slots = DefaultSlots
	}
	return &Core{
		cfg:   cfg,
		queue: piece.NewQueue(cfg.Layout, cfg.Have, cfg.Wanted, cfg.Budget, cfg.Rand),
		peers: make(map[piece.PeerKey]*member),
		book:  newBook(cfg.Rand),
		blame: newBlame(),
		choke: choker{slots: cfg.Slots, rng: cfg.Rand},
		gone:  make(map[piece.PeerKey]culprit),
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

// Candidate is a connection whose handshakes are done.
type Candidate struct {
	Addr    netip.AddrPort
	ID      [20]byte
	Dialled bool // we called them
	Fast    bool // both sides have BEP 6
	Ext     bool // both sides have BEP 10
}

// Join takes in a connection, or says why not; then the caller closes it.
func (c *Core) Join(now time.Time, p Candidate) (piece.PeerKey, error) {
	if p.Dialled {
		c.dialing--
	}
	if err := c.admit(now, p); err != nil {
		return 0, err
	}
	c.lastKey++
	m := &member{key: c.lastKey, id: p.ID, addr: p.Addr, dialled: p.Dialled, since: now, useful: now}
	cfg := session.Config{
		Key: m.key, Fast: p.Fast, Extended: p.Ext, Addr: p.Addr.Addr(), InfoHash: c.cfg.InfoHash,
	}
	if p.Ext && c.cfg.ExtHandshake != nil {
		cfg.ExtHandshake = c.cfg.ExtHandshake(p.Addr.Addr())
	}
	m.Conn = session.New(cfg, c.queue, now)
	c.peers[m.key] = m
	c.order = append(c.order, m)
	if p.Dialled {
		c.book.worked(p.Addr)
	}
	c.do(m, m.Open(now, c.events[:0]))
	return m.key, nil
}

// admit decides whether a connection is taken in.
func (c *Core) admit(now time.Time, p Candidate) error {
	if p.ID == c.cfg.PeerID {
		if p.Dialled {
			c.book.isSelf(p.Addr)
		}
		return ErrSelf
	}
	if c.book.banned[culpritOf(p.Addr.Addr(), p.ID)] {
		return ErrBanned
	}
	for _, m := range c.order {
		if m.id != p.ID {
			continue
		}
		if !c.replaces(p, m) {
			c.book.rest(now, p.Addr, retryMax)
			return ErrDuplicate
		}
		c.drop(now, m, ErrDuplicate)
		break
	}
	if len(c.peers) >= c.cfg.MaxPeers && !c.makeRoom(now) {
		c.book.rest(now, p.Addr, time.Minute)
		return ErrFull
	}
	return nil
}

// replaces decides between two connections to the same peer. When both sides
// dialled at the same moment, both must keep the same one, or both are lost:
// the one that the smaller peer id dialled. A second connection in the same
// direction never wins.
func (c *Core) replaces(p Candidate, old *member) bool {
	if p.Dialled == old.dialled {
		return false
	}
	weAreSmaller := slices.Compare(c.cfg.PeerID[:], p.ID[:]) < 0
	return p.Dialled == weAreSmaller
}

// makeRoom ends the most useless connection for a new one.
func (c *Core) makeRoom(now time.Time) bool {
	var worst *member
	for _, m := range c.order {
		if now.Sub(m.useful) > time.Minute && (worst == nil || m.useful.Before(worst.useful)) {
			worst = m
		}
	}
	if worst == nil {
		return false
	}
	c.drop(now, worst, ErrIdle)
	return true
}

// DialFailed says that a Dial came to nothing.
func (c *Core) DialFailed(now time.Time, addr netip.AddrPort) {
	c.dialing--
	c.book.failed(now, addr)
}

// Leave says that the connection of a peer is over.
func (c *Core) Leave(now time.Time, key piece.PeerKey) {
	if m := c.peers[key]; m != nil {
		c.remove(now, m)
	}
}

// drop ends the connection of m.
func (c *Core) drop(now time.Time, m *member, why error) {
	c.effects = append(c.effects, Effect{Kind: Close, Peer: m.key, Err: why})
	c.remove(now, m)
	switch {
	case errors.Is(why, ErrUseless), errors.Is(why, ErrDuplicate):
		c.book.rest(now, m.addr, retryMax)
	case errors.Is(why, ErrIdle):
		c.book.rest(now, m.addr, 5*time.Minute)
	default:
		c.book.failed(now, m.addr)
	}
}

func (c *Core) remove(now time.Time, m *member) {
	m.Conn.Close()
	if len(c.gone) >= goneMax { // who left long ago has hardly a block in an unverified piece
		clear(c.gone)
	}
	c.gone[m.key] = m.culprit()
	delete(c.peers, m.key)
	c.order = slices.DeleteFunc(c.order, func(o *member) bool { return o == m })
	c.book.left(now, m.addr)
	c.stirred = true
	if m.PeerInterested() && !m.AmChoking() {
		c.rechoke = time.Time{} // a slot is free: give it away now
	}
}

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
	wanted := m.PeerInterested()
	events, err := m.Handle(now, msg, c.events[:0])
	c.do(m, events)
	if err != nil {
		c.drop(now, m, err)
		return
	}
	switch msg.ID {
	case wire.Choke, wire.Reject:
		c.stirred = true
	case wire.Interested:
		if !wanted {
			c.welcome(now, m)
		}
	case wire.NotInterested:
		if wanted && !m.AmChoking() {
			c.rechoke = time.Time{}
		}
	case wire.Extended:
		c.onExtended(now, m, msg)
	}
}

// onExtended passes an extension message on; from the handshake it learns where
// the peer listens.
func (c *Core) onExtended(now time.Time, m *member, msg wire.Message) {
	c.effects = append(c.effects, Effect{Kind: Extension, Peer: m.key, ExtID: msg.ExtID, Payload: msg.Payload})
	if port := m.PeerExt().Port; msg.ExtID == 0 && port != 0 && !m.dialled {
		addr := netip.AddrPortFrom(m.addr.Addr().Unmap(), port)
		c.book.add(addr, false)
		c.book.rest(now, addr, retryMax) // it is connected already
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
	if !landed {
		c.Wasted += int64(b.Length)
		m.Missed(now, b)
		c.stirred = true
		return
	}
	c.took(now, key, b, m.Arrived(now, b))
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
		c.do(m, m.Sent(now, blocks, n, c.events[:0]))
	}
}

// Fill lets a peer draw requests, after a batch of its blocks.
func (c *Core) Fill(now time.Time, key piece.PeerKey) {
	if m := c.peers[key]; m != nil {
		c.do(m, m.Fill(now, c.events[:0]))
	}
}

// Stir says that the queue may have something to give again: memory came free.
func (c *Core) Stir() { c.stirred = true }

// Settle lets everybody draw who wants more, if something has changed that may
// let them. The Loop calls it at the end of each round.
func (c *Core) Settle(now time.Time) {
	if c.rechoke.IsZero() {
		c.Rechoke(now)
	}
	if !c.stirred {
		return
	}
	c.stirred = false
	for _, m := range c.order {
		if m.Hungry(now) {
			c.do(m, m.Fill(now, c.events[:0]))
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
		c.effects = append(c.effects, Effect{Kind: Do, Peer: m.key, Event: session.Event{
			Kind: session.Send, Msg: wire.Message{ID: wire.Have, Index: i.Uint32()},
		}})
	}
	if c.queue.Done() {
		clear(c.gone)
		c.effects = append(c.effects, Effect{Kind: Complete})
		c.rechoke = time.Time{} // from now on as a seed
	}
}

// who returns the culprit behind a key, also of one who has left.
func (c *Core) who(key piece.PeerKey) culprit {
	if m := c.peers[key]; m != nil {
		return m.culprit()
	}
	return c.gone[key]
}

// punish bans the guilty and ends their connections.
func (c *Core) punish(now time.Time, guilty []culprit, i piece.Index) {
	for _, g := range guilty {
		if c.book.banned[g] {
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
