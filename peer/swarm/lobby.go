package swarm

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/link"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/infohash"
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
	// Room says that there is no content: devices meet to speak the extensions, and
	// stay. Otherwise the info dictionary of a torrent is looked for.
	Room bool
	// Doorbell is a Room where strangers ring: none stays for long, and none is told
	// of the others.
	Doorbell bool
	// Home is a Doorbell of our own: those who ring are dialled too, but slowly.
	Home bool
	// AnswerOnly has nobody dialled.
	AnswerOnly bool
	// Admit reports whether a device may be here. It must not block. nil =
	// everybody, plain peers too.
	Admit func(device identity.Key) bool
	// Known reports whether a device that Admit lets in has its place here; the others wait for
	// that. It must not block. nil = all have.
	Known func(device identity.Key) bool
	// Device is our own key; zero = we have none.
	Device identity.Key
	// MaxPeers bounds the connections; 0 = what is usual for such a Lobby.
	MaxPeers int
	// Watch is called each time that there are new Stats; nil = not. It must not
	// block.
	Watch func()
}

// Lobby is where peers meet under an info-hash without pieces to exchange: they
// speak the extensions and nothing else. It is how the info dictionary of a
// torrent is found when there is only a magnet link, and how people meet. Run is its
// one goroutine and owns it; its methods may be called from any goroutine.
type Lobby struct {
	opt   LobbyOptions
	house house
	inbox chan *link.Batch
	mail  mailbox
	found chan []byte
	stats atomic.Pointer[LobbyStats]

	// owned by Run
	ext      *ext.Registry
	guests   map[piece.PeerKey]*guest
	parting  map[piece.PeerKey]bool // guests no more, whose connections end when they have heard our last words
	lastKey  piece.PeerKey
	book     *book
	dialing  int
	nextDial time.Time // see mayDial
	reason   string
	wg       sync.WaitGroup // links
}

// LobbyStats is a Lobby at one moment.
type LobbyStats struct {
	Known     int              // addresses
	Connected []netip.AddrPort // peers that we dialled and that are there
	Incoming  int              // peers that came to us
	Guests    []GuestStatus    // all of them, in the order in which they came
	LastError string           // the newest reason for which a peer was dropped, refused or not reached
}

// GuestStatus is one connected peer of a Lobby at one moment.
type GuestStatus struct {
	Device  identity.Key // zero = a plain peer
	Addr    netip.AddrPort
	Dialled bool
	Since   time.Time
	Client  string // as it calls itself, made printable
}

// guest is one connected peer.
type guest struct {
	*link.Link
	party
	key   piece.PeerKey
	from  netip.Addr // of this machine
	heard time.Time
	said  time.Time // when we last sent a keep-alive
	log   *zap.Logger
}

// NewLobby returns a Lobby that does nothing until Run.
func NewLobby(o LobbyOptions) *Lobby {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	l := &Lobby{
		opt: o, house: o.rules(), inbox: make(chan *link.Batch, inboxSize), mail: newMailbox(), found: make(chan []byte, 1),
		guests: make(map[piece.PeerKey]*guest), parting: make(map[piece.PeerKey]bool), book: newBook(o.Rand),
	}
	l.book.most = l.house.dialAgain
	t := ext.Torrent{
		InfoHash: o.InfoHash, Listen: o.Listen, Room: o.Room, Private: o.Doorbell,
		AddPeers: func(addrs []netip.AddrPort) {
			for _, a := range addrs {
				l.book.add(a, false)
			}
		},
		Do: l.mail.post,
	}
	if !o.Room {
		t.FoundInfo = func(info []byte) {
			select {
			case l.found <- info:
			default: // once is enough
			}
		}
	}
	l.ext = ext.NewRegistry(t, o.Extensions)
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
		link.Refuse(conn)
	}
}

// Called hands over a connection that was dialled besides what Options.Dial asked for, and whose handshakes are done.
func (l *Lobby) Called(conn net.Conn, p Candidate) {
	if !l.mail.put(func(ctx context.Context, now time.Time) {
		l.book.add(p.Addr, false)
		l.book.hold(unmapped(p.Addr))
		l.dialing++
		l.join(ctx, now, conn, p)
	}) {
		link.Refuse(conn)
	}
}

// DialFailed says that a Dial came to nothing.
func (l *Lobby) DialFailed(addr netip.AddrPort, why error) {
	l.mail.put(func(_ context.Context, now time.Time) {
		l.dialing--
		l.unanswered(now, addr)
		l.reason = addr.String() + ": " + why.Error()
	})
}

// unanswered notes in the book that a Dial came to nothing. Who lives there and has called us meanwhile is not dialled again while he is
// connected.
func (l *Lobby) unanswered(now time.Time, addr netip.AddrPort) {
	for _, g := range l.guests {
		if !g.home.IsValid() && g.says == addr {
			g.home = addr // it stays busy
			return
		}
	}
	l.book.failed(now, addr)
}

// Lacks reports whether nobody is here who has proven to have this key, which is not zero: then
// an old connection of his that is still open at his end is none. It waits for Run.
func (l *Lobby) Lacks(device identity.Key) bool {
	return l.mail.ask(func() bool {
		for _, g := range l.guests {
			if g.device == device {
				return false
			}
		}
		return true
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

// Expect says that somebody who belongs here is at one of these addresses now, as those say who know him: he is dialled at once,
// also where he could not be reached before, as fast as the house allows.
func (l *Lobby) Expect(addrs []netip.AddrPort) {
	l.mail.put(func(_ context.Context, now time.Time) {
		for _, a := range addrs {
			l.book.add(a, false)
			l.book.expect(now, a)
		}
		l.dial(now)
	})
}

// Review asks Admit again for everybody who is connected, and ends the connections of
// those who may not be here any more.
func (l *Lobby) Review() {
	l.mail.put(func(_ context.Context, now time.Time) {
		for _, g := range l.byKey() {
			if !l.lets(g.device) {
				l.drop(now, g, ErrNotAdmitted)
			}
		}
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
	if ctx.Err() != nil { // it is ending; nobody would wait for the link
		link.Refuse(conn)
		return
	}
	home, err := l.admit(now, p)
	if err != nil {
		l.reason = p.Addr.String() + ": " + err.Error()
		link.Refuse(conn)
		return
	}
	l.lastKey++
	key := l.lastKey
	g := &guest{
		party: p.party(now, home), key: key, from: fromOf(conn), heard: now, said: now, log: l.opt.Log.With(zap.Stringer("peer", p.Addr)),
	}
	g.Link = link.Start(ctx, link.Config{Conn: conn, Key: key, Inbox: l.inbox, People: !p.Device.IsZero()}, &l.wg)
	l.guests[key] = g
	l.ext.Join(ext.Conn{
		Key: key, Addr: p.Addr, Device: p.Device, Dialled: p.Dialled,
		Seed:  func() bool { return false }, // not known
		Send:  offering(g.Link),
		Close: func(why error) { l.mail.put(func(_ context.Context, now time.Time) { l.part(now, g, why) }) },
	})
	if p.Fast { // BEP 6: one of the three MUST be sent, and this is the true one
		g.Send(link.Control, wire.Message{ID: wire.HaveNone})
	}
	g.Send(link.Control, wire.Message{ID: wire.Extended, Payload: greeting(l.opt.Hello, l.ext, p)})
	g.log.Debug("peer joined", zap.Bool("dialled", p.Dialled))
}

// crowd is how many connections there are.
func (l *Lobby) crowd() int { return len(l.guests) + len(l.parting) }

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
		if b.Err != nil {
			delete(l.parting, b.Key)
		}
		return
	}
	for i := range b.Items {
		g.heard = now
		g.speaks(now)
		m := b.Items[i].Msg
		if b.Items[i].Kind != link.Message || m.ID != wire.Extended {
			continue
		}
		if err := l.ext.Handle(now, b.Key, m.ExtID, m.Payload); err != nil {
			l.drop(now, g, err)
			return
		}
		if m.ExtID == wire.ExtHandshakeID {
			l.book.listens(&g.party, l.ext.Hello(b.Key).Port)
		}
	}
	if b.Err != nil {
		l.forget(g, b.Err)
		l.shelve(now, g, nil)
	}
}

// drop ends the connection of a guest, if it is still there.
func (l *Lobby) drop(now time.Time, g *guest, why error) { l.end(now, g, why, g.Close) }

// part is drop for an extension, which may have said something last that the guest is to hear.
func (l *Lobby) part(now time.Time, g *guest, why error) {
	if l.end(now, g, why, g.Part) {
		l.parting[g.key] = true
	}
}

func (l *Lobby) end(now time.Time, g *guest, why error, hangUp func(error)) bool {
	if l.guests[g.key] != g {
		return false
	}
	hangUp(why)
	l.forget(g, why)
	l.shelve(now, g, why)
	return true
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
		if why := l.overdue(now, g); why != nil {
			l.drop(now, g, why)
		} else if now.Sub(g.said) >= l.house.keepAlive {
			g.said = now
			g.Send(link.Control, wire.Message{ID: wire.KeepAlive})
		}
	}
	l.ext.Tick(now)
	l.dial(now)
	l.publish()
	if l.opt.Watch != nil {
		l.opt.Watch()
	}
}

// dial asks for connections while there is room.
func (l *Lobby) dial(now time.Time) {
	for l.dialing < l.house.dials && l.crowd()+l.dialing < l.house.guests && l.mayDial(now) {
		addr, ok := l.book.pick(now)
		if !ok {
			return
		}
		l.dialing++
		l.nextDial = l.nextDial.Add(l.house.dialEvery)
		l.opt.Dial(addr)
	}
}

// publish makes a new snapshot.
func (l *Lobby) publish() {
	s := &LobbyStats{Known: len(l.book.entries), LastError: l.reason}
	for _, g := range l.byKey() {
		s.Guests = append(s.Guests, GuestStatus{
			Device: g.device, Addr: g.addr, Dialled: g.dialled, Since: g.since, Client: l.ext.Hello(g.key).Client,
		})
		if g.dialled {
			s.Connected = append(s.Connected, g.addr)
		} else {
			s.Incoming++
		}
	}
	l.stats.Store(s)
}
