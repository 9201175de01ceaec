package peer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/peer/announce"
	"p2p/peer/identity"
	"p2p/peer/swarm"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// Torrent is what a Node needs to share a torrent.
type Torrent struct {
	Meta  *torrentfile.Metainfo
	Store *store.Store
	// Have holds the verified pieces, as Store.Resume or Store.Check found
	// them. It becomes the Node's own.
	Have *piece.Bitfield
	// Trackers are tiers of announce URLs; nil = those of Meta.
	Trackers [][]string
	// Peers are addresses that the user named: they are dialled again and
	// again.
	Peers []netip.AddrPort
	// Seen are addresses where peers were a moment ago. They are forgotten when
	// they cannot be reached, and ignored when the torrent is private: nobody
	// knows any more whether the tracker named them (BEP 27).
	Seen []netip.AddrPort
	// Admit, if not nil, makes it a torrent among devices: it is shared inside TLS alone, with
	// those that Admit says yes to, and plain peers are not told that it is here. It is
	// asked on any goroutine and must not block.
	Admit func(device identity.Key) bool
	// People are devices that are dialled inside TLS at these addresses, and
	// nobody else there, although others may be plain peers.
	People map[netip.AddrPort]identity.Key
}

// Swarm is one torrent of a Node. Its methods may be called from any goroutine.
type Swarm struct {
	node      *Node
	hash      infohash.T
	loop      *swarm.Loop
	door      *doorman            // nil = everybody may come in
	announcer *announce.Announcer // nil without trackers
	key       uint32
	stop      context.CancelFunc
	wg        sync.WaitGroup
	loopErr   error // set before wg is done

	// owned by the loop
	told   bool      // that the download is complete
	needed time.Time // when the trackers were last asked for peers
}

// Stats is a torrent at one moment.
type Stats struct {
	swarm.Stats
	Trackers []announce.Status
}

// Add begins to share a torrent. The Node does not close its Store.
func (n *Node) Add(t Torrent) (*Swarm, error) {
	door, err := n.newDoorman(t.Admit, t.People)
	if err != nil {
		return nil, fmt.Errorf("add torrent %v: %w", t.Meta.InfoHash, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, ErrClosed
	case n.has(t.Meta.InfoHash):
		return nil, fmt.Errorf("add torrent %v: %w", t.Meta.InfoHash, ErrAdded)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Swarm{node: n, hash: t.Meta.InfoHash, key: n.rng.Uint32(), door: door, stop: cancel, needed: time.Now()}
	o := n.loopOptions(t, n.rng.Uint64())
	o.Dial = func(addr netip.AddrPort) {
		n.dialAs(ctx, s.loop, call{hash: s.hash, addr: addr, want: s.door.wants(addr)})
	}
	o.Watch = s.watch
	s.loop = swarm.New(o)
	if st := s.loop.Stats(); st.PiecesHave == st.PiecesWanted {
		s.told = true // BEP 3: "No completed is sent if the file was complete when started."
	}
	s.loop.AddPeers(t.Peers, true)
	s.loop.AddPeers(slices.SortedFunc(maps.Keys(t.People), netip.AddrPort.Compare), true)
	if !t.Meta.Info.Private {
		s.loop.AddPeers(t.Seen, false)
	}
	tiers := t.Trackers
	if tiers == nil {
		tiers = t.Meta.Announce
	}
	if len(tiers) > 0 {
		s.announcer = n.trackers.NewAnnouncer(tiers, s)
		n.announces.Add(s.announcer)
	}
	s.wg.Go(func() { s.loopErr = s.loop.Run(ctx) })
	n.swarms[s.hash] = s
	return s, nil
}

// loopOptions are those of the loop of a torrent, without Dial.
func (n *Node) loopOptions(t Torrent, seed uint64) swarm.Options {
	return swarm.Options{
		Info: &t.Meta.Info, InfoHash: t.Meta.InfoHash, PeerID: n.id,
		Store: t.Store, Have: t.Have, Memory: n.memory, Line: n.line,
		Payloads: n.payloads, Down: n.down, Up: n.up, MaxPeers: n.opt.MaxPeers, Slots: n.opt.UploadSlots,
		Rand:      rand.New(rand.NewPCG(seed, 2)),
		Log:       n.log.With(zap.Stringer("torrent", t.Meta.InfoHash)),
		InfoBytes: t.Meta.InfoBytes, Extensions: n.opt.Extensions, Listen: n.addr, Hello: n.hello,
	}
}

// Complete is closed when every wanted piece is verified and safe on disk.
func (s *Swarm) Complete() <-chan struct{} { return s.loop.Complete() }

// Failed is closed when the torrent cannot go on; Err tells why. Only files can
// cause that: the error wraps syscall.ENOSPC, fs.ErrPermission and the like, and
// store.ErrChanged or fs.ErrNotExist when what is shared seems to be changed or
// gone, which is looked at every 2 s, and the more seldom the more files there are.
func (s *Swarm) Failed() <-chan struct{} { return s.loop.Failed() }

// Err returns why Failed is closed, or nil.
func (s *Swarm) Err() error { return s.loop.Err() }

// Look has it looked at now whether what is shared is still what it was; Failed is
// closed soon if it is not.
func (s *Swarm) Look() { s.loop.Look() }

// Expect is what Gathering.Expect is: somebody who wants the torrent, or has it, is at one of these addresses now.
func (s *Swarm) Expect(addrs []netip.AddrPort) { s.loop.Expect(addrs) }

// Review asks Torrent.Admit again for everybody who is connected, and ends the connections of
// those who may not be here any more.
func (s *Swarm) Review() { s.loop.Review(s.door.lets) }

// Stats returns the newest snapshot.
func (s *Swarm) Stats() Stats {
	st := Stats{Stats: s.loop.Stats()}
	if s.announcer != nil {
		st.Trackers = s.announcer.Status()
	}
	return st
}

// needEvery is how often the trackers are asked for more peers at the most, as far
// as they allow.
const needEvery = 15 * time.Second

// watch tells the announcer what it cannot know: that the download is complete,
// and that there are few peers. The loop calls it.
func (s *Swarm) watch() {
	if s.announcer == nil || s.told {
		return
	}
	select {
	case <-s.loop.Complete():
		s.told = true
		s.announcer.Completed()
		return
	default:
	}
	now := time.Now()
	if st := s.loop.Stats(); now.Sub(s.needed) >= needEvery && !st.Finishing && (st.Connected < 2 || st.Unavailable > 0) {
		s.needed = now
		s.announcer.NeedPeers()
	}
}

// Snapshot implements announce.Torrent.
func (s *Swarm) Snapshot() announce.Request {
	st := s.loop.Stats()
	return announce.Request{
		InfoHash: s.hash, PeerID: s.node.id, Port: s.node.addr.Port(), Key: s.key,
		Uploaded: st.Uploaded, Downloaded: st.Downloaded, Left: st.BytesLeft, NumWant: 50,
	}
}

// Found implements announce.Torrent.
func (s *Swarm) Found(_ context.Context, _ string, r announce.Response) (others int) {
	s.loop.AddPeers(r.Peers, false)
	return s.node.others(r.Peers)
}

// others returns how many of the addresses are not our own.
func (n *Node) others(peers []netip.AddrPort) (count int) {
	for _, p := range peers {
		if p.Port() != n.addr.Port() || p.Addr().Unmap() != n.addr.Addr() {
			count++
		}
	}
	return count
}

// Close ends the sharing: it keeps what is verified, tells the trackers, as long as ctx
// allows, and waits for all that was started for the torrent. After it the Store may be closed. It may be
// called more than once, and while the Node is closing, which then does the same.
func (s *Swarm) Close(ctx context.Context) error {
	n := s.node
	n.mu.Lock()
	here := n.swarms[s.hash] == s
	if here {
		delete(n.swarms, s.hash)
		n.wg.Add(1)
	}
	n.mu.Unlock()
	if !here {
		return nil
	}
	defer n.wg.Done()
	if err := s.close(ctx); err != nil {
		return fmt.Errorf("close torrent %v: %w", s.hash, err)
	}
	return nil
}

// close ends the torrent: it keeps what is verified and tells the trackers.
func (s *Swarm) close(ctx context.Context) error {
	s.stop()
	s.wg.Wait()
	var err error
	if s.announcer != nil {
		select {
		case <-s.loop.Complete(): // perhaps a moment ago
			s.announcer.Completed()
		default:
		}
		farewell, cancel := atLeast(ctx, leastFarewell)
		defer cancel()
		if stopErr := s.announcer.Stop(farewell); stopErr != nil {
			s.node.log.Debug("tell the trackers", zap.Error(stopErr))
		}
	}
	return errors.Join(err, s.loopErr)
}

// leastFarewell is the time that trackers get to hear that we leave even if the
// disk has used up what the caller allowed.
const leastFarewell = time.Second

// atLeast returns a context that ends with ctx, but not before d has passed.
func atLeast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ctx.Err() == nil && (!ok || time.Until(deadline) > d) {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}
