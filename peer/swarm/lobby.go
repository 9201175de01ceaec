package swarm

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/link"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// The measures of a Lobby.
const (
	// guestsMost is how many peers it has at once, and lobbyDials how many it
	// dials.
	guestsMost = 30
	lobbyDials = 10
	// greetWithin is how long a peer may take to name an extension that we
	// have, and stayAtLeast how long one may stay that another wants the place
	// of.
	greetWithin = 20 * time.Second
	stayAtLeast = time.Minute
	// keepAliveEvery and silentAfter are those of package session.
	keepAliveEvery = 100 * time.Second
	silentAfter    = 3 * time.Minute
)

// Why a Lobby ends connections.
var (
	errNoExtensions = errors.New("the peer speaks none of our extensions")
	errSilent       = errors.New("silent for three minutes")
)

// LobbyOptions is what a Lobby is made of. The fields that Options has too mean
// the same.
type LobbyOptions struct {
	InfoHash   infohash.T
	PeerID     [20]byte
	Extensions []ext.Extension
	Listen     netip.AddrPort
	Hello      func(addr netip.Addr) wire.ExtHandshake
	Dial       func(addr netip.AddrPort)
	Rand       *rand.Rand
	Log        *zap.Logger
}

// Lobby is where peers meet under an info-hash without pieces to exchange: they
// speak the extensions and nothing else. It is how the info dictionary of a
// torrent is found when there is only a magnet link. Run is its one goroutine and
// owns it; its methods may be called from any goroutine.
type Lobby struct {
	opt   LobbyOptions
	inbox chan *link.Batch
	mail  mailbox
	found chan []byte
	stats atomic.Pointer[LobbyStats]

	// owned by Run
	ext     *ext.Registry
	guests  map[piece.PeerKey]*guest
	lastKey piece.PeerKey
	book    *book
	dialing int
	reason  string
	wg      sync.WaitGroup // links
}

// LobbyStats is a Lobby at one moment.
type LobbyStats struct {
	Known     int              // addresses
	Connected []netip.AddrPort // peers that we dialled and that are there
	Incoming  int              // peers that came to us
	LastError string           // the newest reason for which a peer was dropped, refused or not reached
}

// guest is one connected peer.
type guest struct {
	*link.Link
	key     piece.PeerKey
	id      [20]byte
	addr    netip.AddrPort
	dialled bool
	since   time.Time
	heard   time.Time
	said    time.Time // when we last sent a keep-alive
	log     *zap.Logger
}

// NewLobby returns a Lobby that does nothing until Run.
func NewLobby(o LobbyOptions) *Lobby {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	l := &Lobby{
		opt: o, inbox: make(chan *link.Batch, inboxSize), mail: newMailbox(), found: make(chan []byte, 1),
		guests: make(map[piece.PeerKey]*guest), book: newBook(o.Rand),
	}
	l.ext = ext.NewRegistry(ext.Torrent{
		InfoHash: o.InfoHash, Listen: o.Listen,
		AddPeers: func(addrs []netip.AddrPort) {
			for _, a := range addrs {
				l.book.add(a, false)
			}
		},
		FoundInfo: func(info []byte) {
			select {
			case l.found <- info:
			default: // once is enough
			}
		},
	}, o.Extensions)
	l.publish()
	return l
}

// Found delivers the info dictionary of the torrent, once, when an extension has
// found it.
func (l *Lobby) Found() <-chan []byte { return l.found }

// Stats returns the newest snapshot, which is at most TickEvery old.
func (l *Lobby) Stats() LobbyStats { return *l.stats.Load() }

// Joined hands over a connection whose handshakes are done.
func (l *Lobby) Joined(conn net.Conn, p Candidate) {
	if !l.mail.put(func(ctx context.Context, now time.Time) { l.join(ctx, now, conn, p) }) {
		conn.Close()
	}
}

// DialFailed says that a Dial came to nothing.
func (l *Lobby) DialFailed(addr netip.AddrPort, why error) {
	l.mail.put(func(_ context.Context, now time.Time) {
		l.dialing--
		l.book.failed(now, addr)
		l.reason = addr.String() + ": " + why.Error()
	})
}

// AddPeers notes where peers may be. keep is for those that the user named.
func (l *Lobby) AddPeers(addrs []netip.AddrPort, keep bool) {
	l.mail.put(func(_ context.Context, now time.Time) {
		for _, a := range addrs {
			l.book.add(a, keep)
		}
		l.dial(now)
	})
}

// Run keeps the Lobby open until ctx ends; then it closes all connections and
// waits for everything that it started.
func (l *Lobby) Run(ctx context.Context) {
	links, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	tick := time.NewTicker(TickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			now := time.Now()
			for _, g := range l.byKey() {
				l.drop(now, g, ErrEnded)
			}
			cancel(ErrEnded)
			l.wg.Wait()
			l.mail.close(links, now)
			return
		case b := <-l.inbox:
			l.take(time.Now(), b)
		case <-l.mail.wake:
			l.mail.run(links, time.Now())
		case now := <-tick.C:
			l.tick(now)
		}
	}
}

// join takes in a connection, or closes it.
func (l *Lobby) join(ctx context.Context, now time.Time, conn net.Conn, p Candidate) {
	if p.Dialled {
		l.dialing--
	}
	if err := l.admit(ctx, now, p); err != nil {
		l.reason = p.Addr.String() + ": " + err.Error()
		conn.Close()
		return
	}
	l.lastKey++
	key := l.lastKey
	g := &guest{
		key: key, id: p.ID, addr: p.Addr, dialled: p.Dialled, since: now, heard: now, said: now,
		log: l.opt.Log.With(zap.Stringer("peer", p.Addr)),
	}
	g.Link = link.Start(ctx, link.Config{Conn: conn, Key: key, Inbox: l.inbox}, &l.wg)
	l.guests[key] = g
	l.ext.Join(ext.Conn{
		Key: key, Addr: p.Addr, Dialled: p.Dialled,
		Seed:  func() bool { return false }, // not known
		Send:  offering(g.Link),
		Close: func(why error) { l.mail.put(func(_ context.Context, now time.Time) { l.drop(now, g, why) }) },
	})
	if p.Fast { // BEP 6: one of the three MUST be sent, and this is the true one
		g.Send(link.Control, wire.Message{ID: wire.HaveNone})
	}
	g.Send(link.Control, wire.Message{ID: wire.Extended, Payload: greeting(l.opt.Hello, l.ext, p.Addr.Addr())})
	g.log.Debug("peer joined", zap.Bool("dialled", p.Dialled))
}

// admit decides whether a connection is taken in.
func (l *Lobby) admit(ctx context.Context, now time.Time, p Candidate) error {
	switch {
	case ctx.Err() != nil:
		return ErrEnded
	case p.ID == l.opt.PeerID:
		if p.Dialled {
			l.book.isSelf(unmapped(p.Addr))
		}
		return ErrSelf
	case !p.Ext:
		l.book.rest(now, p.Addr, retryMax)
		return errNoExtensions
	}
	for _, g := range l.guests {
		if g.id != p.ID {
			continue
		}
		smaller := slices.Compare(l.opt.PeerID[:], p.ID[:]) < 0
		if p.Dialled == g.dialled || p.Dialled != smaller { // see Core.duel
			l.book.rest(now, p.Addr, retryMax)
			return ErrDuplicate
		}
		l.drop(now, g, ErrDuplicate)
		return nil
	}
	if len(l.guests) >= guestsMost && !l.makeRoom(now) {
		l.book.rest(now, p.Addr, time.Minute)
		return ErrFull
	}
	return nil
}

// makeRoom ends the oldest connection: it has had its chance.
func (l *Lobby) makeRoom(now time.Time) bool {
	oldest := l.byKey()[0]
	if now.Sub(oldest.since) < stayAtLeast {
		return false
	}
	l.drop(now, oldest, ErrIdle)
	return true
}

// byKey returns the guests in the order in which they came.
func (l *Lobby) byKey() []*guest {
	all := make([]*guest, 0, len(l.guests))
	for _, g := range l.guests {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *guest) int { return cmp.Compare(a.key, b.key) })
	return all
}

// take handles what came from one guest. All but extended messages are about
// pieces, and mean nothing here.
func (l *Lobby) take(now time.Time, b *link.Batch) {
	defer b.Recycle()
	g := l.guests[b.Key]
	if g == nil {
		return
	}
	for i := range b.Items {
		g.heard = now
		m := b.Items[i].Msg
		if b.Items[i].Kind != link.Message || m.ID != wire.Extended {
			continue
		}
		if err := l.ext.Handle(now, b.Key, m.ExtID, m.Payload); err != nil {
			l.drop(now, g, err)
			return
		}
	}
	if b.Err != nil {
		l.forget(g, b.Err)
		if now.Sub(g.since) < stayAtLeast { // it would hang up again
			l.book.failed(now, g.addr)
		} else {
			l.book.left(now, g.addr)
		}
	}
}

// drop ends the connection of a guest, if it is still there.
func (l *Lobby) drop(now time.Time, g *guest, why error) {
	if l.guests[g.key] != g {
		return
	}
	g.Close(why)
	l.forget(g, why)
	switch {
	case errors.Is(why, ErrDuplicate), errors.Is(why, errNoExtensions):
		l.book.rest(now, g.addr, retryMax)
	case errors.Is(why, ErrIdle):
		l.book.rest(now, g.addr, 5*time.Minute)
	default:
		l.book.failed(now, g.addr)
	}
}

func (l *Lobby) forget(g *guest, why error) {
	delete(l.guests, g.key)
	l.ext.Leave(g.key)
	l.reason = g.addr.String() + ": " + why.Error()
	g.log.Debug("peer left", zap.Error(why))
}

// tick lets time pass.
func (l *Lobby) tick(now time.Time) {
	for _, g := range l.byKey() {
		switch {
		case now.Sub(g.heard) > silentAfter:
			l.drop(now, g, errSilent)
		case now.Sub(g.since) > greetWithin && !l.ext.Speaks(g.key):
			l.drop(now, g, errNoExtensions)
		case now.Sub(g.said) > keepAliveEvery:
			g.said = now
			g.Send(link.Control, wire.Message{ID: wire.KeepAlive})
		}
	}
	l.ext.Tick(now)
	l.dial(now)
	l.publish()
}

// dial asks for connections while there is room.
func (l *Lobby) dial(now time.Time) {
	for l.dialing < lobbyDials && len(l.guests)+l.dialing < guestsMost {
		addr, ok := l.book.pick(now)
		if !ok {
			return
		}
		l.dialing++
		l.opt.Dial(addr)
	}
}

// publish makes a new snapshot.
func (l *Lobby) publish() {
	s := &LobbyStats{Known: len(l.book.entries), LastError: l.reason}
	for _, g := range l.byKey() {
		if g.dialled {
			s.Connected = append(s.Connected, g.addr)
		} else {
			s.Incoming++
		}
	}
	l.stats.Store(s)
}
