package swarm

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/link"
	"p2p/peer/session"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// inboxSize is how many batches may wait for the loop before the readers of the
// connections wait too, and with them the peers.
const inboxSize = 64

// Options is what a Loop is made of.
type Options struct {
	Info      *torrentfile.Info
	InfoBytes []byte // what Info was read from: what InfoHash is the hash of
	InfoHash  infohash.T
	PeerID    [20]byte
	Store     *store.Store
	Have      *piece.Bitfield // verified; becomes the Loop's own
	Memory    *store.Memory
	Line      *store.Line
	Down, Up  *link.Limiter
	Payloads  *link.Payloads // for blocks on their way out; nil has no bound
	MaxPeers  int
	Slots     int
	Rand      *rand.Rand
	Log       *zap.Logger
	// Dial connects to addr in the background and calls Joined or DialFailed.
	// It must not block.
	Dial func(addr netip.AddrPort)
	// Extensions are what we speak past the core; ext.Check accepts them.
	Extensions []ext.Extension
	// Listen is where we accept peers.
	Listen netip.AddrPort
	// Hello is what we tell a peer at addr about ourselves (BEP 10), without
	// the extensions; nil = nothing.
	Hello func(addr netip.Addr) wire.ExtHandshake
	// Watch is called by the Loop each time that there are new Stats; nil = not. It
	// must not block.
	Watch func()
	// Rest is asked by the Loop when it has had nothing to do for RestAfter: no
	// connection, and nothing to download. True ends Run: from then on nobody may
	// hand anything over. It must not block. nil = work on.
	Rest      func() bool
	RestAfter time.Duration
}

// Loop is a torrent at work: the goroutine that owns its Core, and what it
// needs to reach sockets and disk. All its methods may be called from any
// goroutine.
type Loop struct {
	opt   Options
	inbox chan *link.Batch
	mail  mailbox
	stats atomic.Pointer[Stats]

	complete chan struct{}
	failed   chan struct{}
	err      error // why failed; set before it is closed

	// owned by run
	core    *Core
	links   map[piece.PeerKey]*wired
	done    func(store.Result) // written, as a value made once
	ext     *ext.Registry
	heard   []Effect // extended messages of this round
	landing *landing
	wg      sync.WaitGroup // links and checkpoints
	keeper  keeper
	safe    bool // complete is closed, or will be when Run begins
	guard   guard
	idle    time.Time // since when there is nothing to do; zero = there is
	moved   time.Time // when payload last went either way
	down    session.Meter
	up      session.Meter
	reason  string

	lastSave time.Duration // tests have another
}

// wired is the shell's side of a connected peer.
type wired struct {
	*link.Link
	device identity.Key // zero = a plain peer
	from   netip.Addr   // of this machine
	log    *zap.Logger
}

// New returns a Loop that does nothing until Run.
func New(o Options) *Loop {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	l := &Loop{
		opt:      o,
		inbox:    make(chan *link.Batch, inboxSize),
		mail:     newMailbox(),
		complete: make(chan struct{}),
		failed:   make(chan struct{}),
		links:    make(map[piece.PeerKey]*wired),
		landing:  newLanding(o.Info.Layout(), o.Memory),
		lastSave: lastSave,
	}
	l.done = l.written
	l.mail.stored = l.stored
	l.ext = l.openExtensions()
	l.core = NewCore(Config{
		InfoHash: o.InfoHash, PeerID: o.PeerID, Layout: o.Info.Layout(),
		Have: o.Have, Wanted: o.Store.Wanted(), Budget: o.Memory, Rand: o.Rand,
		MaxPeers: o.MaxPeers, Slots: o.Slots, ExtHandshake: l.greeting,
		Release: func(s piece.Span) bool { return l.landing.release(s, l.core.Queue().Holds) },
	})
	l.safe = l.core.Queue().Done()
	l.publish(time.Now())
	return l
}

// Complete is closed when every wanted piece is verified, written and safe on
// disk.
func (l *Loop) Complete() <-chan struct{} { return l.complete }

// Failed is closed when the torrent cannot go on, which only its files can
// cause; Err tells why. When somebody has changed, moved or deleted what is
// complete, it wraps store.ErrChanged or fs.ErrNotExist.
func (l *Loop) Failed() <-chan struct{} { return l.failed }

// Err returns why Failed is closed.
func (l *Loop) Err() error {
	select {
	case <-l.failed:
		return l.err
	default:
		return nil
	}
}

// Joined hands over a connection whose handshakes are done.
func (l *Loop) Joined(conn net.Conn, p Candidate) {
	if !l.mail.put(func(ctx context.Context, now time.Time) { l.join(ctx, now, conn, p) }) {
		link.Refuse(conn)
	}
}

// DialFailed says that a Dial came to nothing.
func (l *Loop) DialFailed(addr netip.AddrPort, why error) {
	l.mail.put(func(_ context.Context, now time.Time) {
		l.core.DialFailed(now, addr)
		l.reason = addr.String() + ": " + why.Error()
		l.opt.Log.Debug("dial failed", zap.Stringer("peer", addr), zap.Error(why))
	})
}

// Lacks is what Lobby.Lacks is.
func (l *Loop) Lacks(device identity.Key) bool {
	return l.mail.ask(func() bool {
		for _, m := range l.links {
			if m.device == device {
				return false
			}
		}
		return true
	})
}

// AddPeers notes where peers may be. keep is for those that the user named.
func (l *Loop) AddPeers(addrs []netip.AddrPort, keep bool) {
	l.mail.put(func(_ context.Context, now time.Time) {
		for _, a := range addrs {
			l.core.AddAddr(a, keep)
		}
		l.core.dial(now)
	})
}

// Expect is what Lobby.Expect is.
func (l *Loop) Expect(addrs []netip.AddrPort) {
	l.mail.put(func(_ context.Context, now time.Time) {
		for _, a := range addrs {
			l.core.AddAddr(a, false)
			l.core.book.expect(now, a)
		}
		l.core.dial(now)
	})
}

// Run owns the Core until ctx ends; then it closes all connections, waits for
// everything that it started, and makes what is verified safe on disk, as far as that
// is done in a quarter of a second. The error is that of the last checkpoint. It ends by itself when the torrent fails,
// or when Options.Rest says so.
func (l *Loop) Run(ctx context.Context) error {
	if l.core.Queue().Done() {
		close(l.complete)
	}
	links, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(ErrEnded)
	tick := time.NewTicker(TickEvery)
	defer tick.Stop()
	l.keeper.last = time.Now()
	l.keeper.ctx, l.keeper.halt = context.WithCancel(ctx)
	defer l.keeper.halt()
	for {
		select {
		case <-ctx.Done():
			return l.end(links, cancel)
		case <-l.failed:
			return l.end(links, cancel)
		case b := <-l.inbox:
			now := time.Now()
			l.take(now, b)
			l.drain(now)
			l.round(now)
		case <-l.mail.wake:
			now := time.Now()
			l.mail.run(links, now)
			l.round(now)
		case now := <-tick.C:
			l.feel(now)
			l.core.Tick(now)
			l.ext.Tick(now)
			l.round(now)
			l.checkpoint(now)
			l.look(now, lookEvery)
			l.publish(now)
			l.watch()
			if l.mayRest(now) {
				return l.end(links, cancel)
			}
		}
	}
}

// drain takes the batches that are already there, so that one round serves
// many.
func (l *Loop) drain(now time.Time) {
	for range inboxSize {
		select {
		case b := <-l.inbox:
			l.take(now, b)
		default:
			return
		}
	}
}

// take feeds one batch to the Core.
func (l *Loop) take(now time.Time, b *link.Batch) {
	blocks := 0
	for i := range b.Items {
		switch it := &b.Items[i]; it.Kind {
		case link.Message:
			l.core.Handle(now, b.Key, it.Msg)
		case link.Landed:
			l.moved = now
			l.down.Add(now, int(it.Block.Length))
			l.core.Arrived(now, b.Key, it.Block, true)
			blocks++
		case link.Missed:
			l.down.Add(now, int(it.Block.Length))
			l.core.Arrived(now, b.Key, it.Block, false)
			blocks++
		case link.Unasked:
			l.down.Add(now, it.N)
			l.core.Unasked(now, b.Key, it.N)
		case link.Sent:
			l.moved = now
			l.up.Add(now, it.N)
			l.core.Sent(now, b.Key, it.Blocks, it.N)
		}
	}
	if blocks > 0 {
		l.core.Fill(now, b.Key)
	}
	if b.Err != nil {
		l.gone(now, b.Key, b.Err)
	}
	b.Recycle()
}

// feel tells the Core whose sockets are full, and what leaves them.
func (l *Loop) feel(now time.Time) {
	for key, m := range l.links {
		since, taken := m.Waits(), int64(-1)
		if !since.IsZero() && now.Sub(since) >= silentAfter {
			taken = m.Taken()
		}
		l.core.Feel(now, key, since, taken)
	}
}

// gone forgets a connection that is over.
func (l *Loop) gone(now time.Time, key piece.PeerKey, why error) {
	m := l.links[key]
	if m == nil {
		return
	}
	m.log.Info("peer left", zap.Error(why))
	delete(l.links, key)
	l.ext.Leave(key)
	l.core.Leave(now, key)
	if disk := (*link.DiskError)(nil); errors.As(why, &disk) {
		l.fail(now, disk)
	}
}

// join takes in a connection, or closes it.
func (l *Loop) join(ctx context.Context, now time.Time, conn net.Conn, p Candidate) {
	if ctx.Err() != nil { // the loop is ending; nobody would wait for the link
		link.Refuse(conn)
		return
	}
	key, err := l.core.Join(now, p)
	log := l.opt.Log.With(zap.Stringer("peer", p.Addr))
	if err != nil {
		link.Refuse(conn)
		l.reason = p.Addr.String() + ": " + err.Error()
		log.Debug("peer refused", zap.Error(err))
		return
	}
	log.Info("peer joined", zap.Bool("dialled", p.Dialled), zap.Bool("fast", p.Fast), zap.Bool("extended", p.Ext))
	m := &wired{log: log, device: p.Device, from: fromOf(conn), Link: link.Start(ctx, link.Config{
		Conn: conn, Key: key, Layout: l.opt.Info.Layout(), ReadAt: l.opt.Store.ReadAt,
		Inbox: l.inbox, Down: l.opt.Down, Up: l.opt.Up, Payloads: l.opt.Payloads, People: !p.Device.IsZero(),
	}, &l.wg)}
	l.links[key] = m
	l.introduce(key, p, m)
}

// round lets the Core settle, carries its effects out, and lets the extensions
// have their messages.
func (l *Loop) round(now time.Time) {
	l.core.Settle(now)
	l.carryOut(now)
	if len(l.heard) > 0 {
		l.converse(now)
		l.carryOut(now)
	}
}

func (l *Loop) carryOut(now time.Time) {
	for _, e := range l.core.Effects() {
		l.perform(now, e)
	}
}

// perform carries one effect out.
func (l *Loop) perform(now time.Time, e Effect) {
	switch e.Kind {
	case Do:
		l.event(e.Peer, &e.Event)
	case Close:
		if m := l.links[e.Peer]; m != nil {
			m.Close(e.Err)
			m.log.Info("peer closed", zap.Error(e.Err))
			l.reason = e.Err.Error()
			delete(l.links, e.Peer)
			l.ext.Leave(e.Peer)
		}
	case Store:
		l.store(e)
	case Dial:
		l.opt.Dial(e.Addr)
	case Extension:
		l.heard = append(l.heard, e)
	case Complete:
		l.save(now)
	}
}

// event carries out what a connection wants done.
func (l *Loop) event(key piece.PeerKey, e *session.Event) {
	m := l.links[key]
	switch {
	case e.Kind == session.Ask:
		place := l.landing.place(e.Block) // also for a peer that is gone: the memory is reserved
		if m != nil {
			m.Expect(e.Block, place)
		}
	case m == nil:
	case e.Kind == session.Send:
		m.Send(link.Control, e.Msg)
	case e.Kind == session.Forget:
		m.Forget(e.Block)
	case e.Kind == session.Serve:
		m.Serve(e.Block)
	}
}

// store hands a complete span to the workers.
func (l *Loop) store(e Effect) {
	l.wg.Add(1)
	l.opt.Line.Submit(store.Job{
		Store: l.opt.Store, Span: e.Span, Buf: l.landing.complete(e.Span),
		Want: l.opt.Info.Hash(e.Span.Piece), Sums: e.Sums,
		Done: l.done,
	})
}

// written hands the result of a worker to the loop. It is called on its goroutine.
func (l *Loop) written(r store.Result) {
	l.opt.Memory.Give(r.Buf)
	r.Buf = nil
	l.mail.putResult(r)
	l.wg.Done()
}

// stored takes the result of a worker.
func (l *Loop) stored(now time.Time, r store.Result) {
	l.core.Freed()
	switch {
	case r.Err != nil:
		l.fail(now, r.Err)
	case r.Last:
		l.keeper.unsaved = l.keeper.unsaved || r.OK
		if !r.OK {
			l.opt.Log.Warn("piece failed its hash", zap.Int("piece", r.Span.Piece.Int()))
		}
		l.core.Verified(now, r.Span.Piece, r.OK, r.Sums)
	}
}

// fail ends the torrent for a reason that no peer is to blame for.
func (l *Loop) fail(now time.Time, err error) {
	if l.Err() != nil {
		return
	}
	l.err = err
	close(l.failed) // Run ends
	l.publish(now)
}

// end closes everything, waits for everybody, and keeps what is verified.
func (l *Loop) end(ctx context.Context, cancel context.CancelCauseFunc) error {
	now := time.Now()
	l.core.Shutdown(now)
	l.round(now)
	cancel(ErrEnded)
	l.keeper.halt()
	l.wg.Wait()
	l.mail.close(ctx, now) // the last results of the workers
	l.landing.drop()
	l.opt.Line.Forget(l.opt.Store)
	l.publish(now)
	if !l.idle.IsZero() { // at rest, there is nothing new to keep
		return nil
	}
	return l.keep()
}
