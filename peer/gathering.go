package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/peer/announce"
	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/swarm"
	"p2p/torrentfile/infohash"
	trackerwire "p2p/tracker/wire"
)

// Room is a swarm without content: devices find each other under its info-hash as peers
// of a torrent do, and speak extensions, inside TLS. Plain peers do not get in, and are
// not told that there is anything.
type Room struct {
	// InfoHash is the name under which trackers know the room. Who does not know it
	// does not find it.
	InfoHash infohash.T
	// Trackers are tiers of announce URLs.
	Trackers [][]string
	// Peers are addresses that are dialled again and again.
	Peers []netip.AddrPort
	// Admit reports whether a device may be in the room, whoever calls whom. It is asked for
	// each connection, and again by Review; on any goroutine, and must not
	// block. It must not be nil, but with Doorbell, where nil is everybody.
	Admit func(device identity.Key) bool
	// Known reports whether a device that is admitted is known to belong to the room. Those that
	// are not, and are let in to show that they do, share a few places in which one gives way to
	// the next. It is called as Admit is; nil = whoever is admitted is known.
	Known func(device identity.Key) bool
	// Missing returns how many of those who belong to the room are not among these devices: when somebody has gone through whom
	// others may have been met, trackers are asked for those. It is called on another goroutine, and must not block. nil =
	// nobody knows.
	Missing func(here []identity.Key) int
	// Doorbell is a room where strangers ring: none stays for longer than a minute, one gives
	// way to the next, and none is told of the others.
	Doorbell bool
	// Home is a Doorbell of one's own. A router may keep those out who ring, so they are called too where trackers say that they
	// are, at a pace that is no harm to whom a tracker names falsely: ten calls in a minute, and fewer to who does not answer.
	Home bool
	// Expecting returns how often trackers that allow it are asked who is at a Home, 0 for no more often than they want it
	// (announce.Announcer.Watch): who rings may be there for a minute, and hears of nobody who calls. It is called on another
	// goroutine all the time, and must not block. nil = nobody is expected.
	Expecting func() time.Duration
	// AnswerOnly has nobody dialled: others come, or do not.
	AnswerOnly bool
	// MaxPeers bounds the connections; 0 = 64, or 30 with Doorbell.
	MaxPeers int
	// Extensions are spoken in this room, besides those of the Node.
	Extensions []ext.Extension
}

// errAdmitsNobody is a Room without Admit.
var errAdmitsNobody = errors.New("nobody is admitted")

// Gathering is a Room of a Node. Its methods may be called from any goroutine.
type Gathering struct {
	node      *Node
	hash      infohash.T
	key       uint32
	lobby     *swarm.Lobby
	door      *doorman            // nil = it is a Fetch
	announcer *announce.Announcer // nil without trackers
	cancel    context.CancelCauseFunc
	wg        sync.WaitGroup
	closing   sync.Once

	vigil     vigil                // owned by the lobby
	expecting func() time.Duration // nil = nobody is expected
}

// GatheringStats is a room at one moment.
type GatheringStats struct {
	swarm.LobbyStats
	Trackers []announce.Status
}

// Gather enters a room. The error wraps ErrNoDevice, ErrAdded or ErrClosed.
func (n *Node) Gather(r Room) (*Gathering, error) {
	g, err := n.gather(r)
	if err != nil {
		return nil, fmt.Errorf("enter room %v: %w", r.InfoHash, err)
	}
	return g, nil
}

func (n *Node) gather(r Room) (*Gathering, error) {
	admit := r.Admit
	switch {
	case admit == nil && !r.Doorbell:
		return nil, errAdmitsNobody
	case admit == nil:
		admit = func(identity.Key) bool { return true }
	}
	door, err := n.newDoorman(admit, nil)
	if err != nil {
		return nil, err
	}
	o := swarm.LobbyOptions{
		InfoHash: r.InfoHash, Room: true, Doorbell: r.Doorbell, Home: r.Home, AnswerOnly: r.AnswerOnly, MaxPeers: r.MaxPeers,
		Admit: door.lets, Known: r.Known, Device: door.self, Extensions: slices.Concat(n.opt.Extensions, r.Extensions),
	}
	if err := ext.Check(o.Extensions); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	g, err := n.openGathering(ctx, o, r.Trackers, opening{cancel, door, r.Missing, r.Expecting})
	if err != nil {
		cancel(err)
		return nil, err
	}
	g.lobby.AddPeers(r.Peers, true)
	return g, nil
}

// opening is what a gathering begins with besides its lobby.
type opening struct {
	cancel  context.CancelCauseFunc
	door    *doorman
	missing func(here []identity.Key) int

	expecting func() time.Duration
}

// openGathering makes a gathering and enters it in the list of the Node. Its lobby runs, and
// it dials, until ctx ends. A room is announced.
func (n *Node) openGathering(ctx context.Context, o swarm.LobbyOptions, trackers [][]string, with opening) (*Gathering, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, ErrClosed
	case n.has(o.InfoHash):
		return nil, ErrAdded
	}
	g := &Gathering{node: n, hash: o.InfoHash, key: n.rng.Uint32(), cancel: with.cancel, door: with.door, vigil: newVigil(time.Now(), with.missing), expecting: with.expecting}
	o.PeerID, o.Listen, o.Hello = n.id, n.addr, n.hello
	o.Dial = func(addr netip.AddrPort) {
		n.dialAs(ctx, g.lobby, call{hash: g.hash, addr: addr, want: g.door.wants(addr)})
	}
	o.Rand = rand.New(rand.NewPCG(n.rng.Uint64(), 3))
	o.Log = n.log.With(zap.Stringer("torrent", o.InfoHash))
	if len(trackers) > 0 {
		g.announcer = n.trackers.NewAnnouncer(trackers, g)
	}
	if g.door != nil {
		o.Watch = g.watch
	}
	g.lobby = swarm.NewLobby(o)
	n.gatherings[g.hash] = g
	n.wg.Add(1) // until it leaves
	g.wg.Go(func() { g.lobby.Run(ctx) })
	if g.door != nil && g.announcer != nil {
		n.announces.AddPrompt(g.announcer)
	}
	return g, nil
}

// Stats returns the newest snapshot.
func (g *Gathering) Stats() GatheringStats {
	st := GatheringStats{LobbyStats: g.lobby.Stats()}
	if g.announcer != nil {
		st.Trackers = g.announcer.Status()
	}
	return st
}

// AddPeers notes where members may be. keep is for those that the user named.
func (g *Gathering) AddPeers(addrs []netip.AddrPort, keep bool) { g.lobby.AddPeers(addrs, keep) }

// Expect says that somebody who belongs here is at one of these addresses now, as those say who know him: he is called at once,
// also where he could not be reached before. AddPeers leaves him alone there for a while that doubles, up to two minutes.
func (g *Gathering) Expect(addrs []netip.AddrPort) { g.lobby.Expect(addrs) }

// Review asks Room.Admit again for everybody who is connected, and ends the connections of
// those who may not be here any more.
func (g *Gathering) Review() { g.lobby.Review() }

// Again has trackers told anew that we are here, soon: they may have forgotten. It may be called often.
func (g *Gathering) Again() {
	if g.announcer != nil {
		g.announcer.Again()
	}
}

// watch asks the trackers for those who are missed. The lobby calls it.
func (g *Gathering) watch() {
	if g.announcer == nil {
		return
	}
	if g.expecting != nil {
		g.announcer.Watch(g.expecting())
	}
	var here []identity.Key
	for _, guest := range g.lobby.Stats().Guests {
		here = append(here, guest.Device)
	}
	again, need := g.vigil.look(time.Now(), here)
	if again {
		g.announcer.Again()
	}
	if need {
		g.announcer.NeedPeers() // it knows how often that may be
	}
}

// back has rooms announced anew to a tracker that was away: it may not know of them any more. Others wait for their time: there
// may be thousands, whose peers tell each other of each other.
func (n *Node) back(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, g := range n.gatherings {
		if g.announcer != nil && g.announcer.Asks(host) {
			g.announcer.Again()
		}
	}
}

// Snapshot implements announce.Torrent: somebody who looks for peers, and nobody can say how
// much is left.
func (g *Gathering) Snapshot() announce.Request {
	return announce.Request{
		InfoHash: g.hash, PeerID: g.node.id, Port: g.node.addr.Port(), Key: g.key,
		Left: trackerwire.LeftUnknown, NumWant: 50,
	}
}

// Found implements announce.Torrent.
func (g *Gathering) Found(_ context.Context, _ string, r announce.Response) (others int) {
	g.lobby.AddPeers(r.Peers, false)
	return g.node.others(r.Peers)
}

// Close leaves the room: it ends the connections, waits for everything that the Gathering
// started, and tells the trackers, as long as ctx allows. It may be called more than
// once.
func (g *Gathering) Close(ctx context.Context) {
	g.closing.Do(func() {
		defer g.node.leave(g)
		g.cancel(ErrClosed)
		g.wg.Wait()
		g.farewell(ctx)
	})
}

// farewell tells the trackers that we leave.
func (g *Gathering) farewell(ctx context.Context) {
	if g.announcer == nil {
		return
	}
	if err := g.announcer.Stop(ctx); err != nil {
		g.node.log.Debug("tell the trackers", zap.Stringer("torrent", g.hash), zap.Error(err))
	}
}

// leave takes g, which has ended, out of the list.
func (n *Node) leave(g *Gathering) {
	n.mu.Lock()
	delete(n.gatherings, g.hash)
	n.mu.Unlock()
	n.wg.Done()
}

// rooms returns the rooms of the Node, and ends every Fetch. The caller holds n.mu.
func (n *Node) rooms() (all []*Gathering) {
	for _, g := range n.gatherings {
		if g.door == nil {
			g.cancel(ErrClosed)
		} else {
			all = append(all, g)
		}
	}
	return all
}

// closeRooms ends them all, and tells the trackers as long as ctx allows.
func closeRooms(ctx context.Context, all []*Gathering) {
	ctx, cancel := atLeast(ctx, leastFarewell)
	defer cancel()
	var wg sync.WaitGroup
	for _, g := range all {
		wg.Go(func() { g.Close(ctx) })
	}
	wg.Wait()
}
