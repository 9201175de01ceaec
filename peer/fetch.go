package peer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/peer/announce"
	"p2p/peer/swarm"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
	trackerwire "p2p/tracker/wire"
)

// The measures of a Fetch.
const (
	watchEvery  = time.Second
	tellLeaving = 3 * time.Second // how long trackers may take to hear that we leave
)

// Magnet is what is known of a torrent without its info dictionary.
type Magnet struct {
	InfoHash infohash.T
	// Trackers are tiers of announce URLs.
	Trackers [][]string
	// Peers are addresses that the user named.
	Peers []netip.AddrPort
	// Watch is called about once a second while Fetch goes on; nil = not.
	Watch func(FetchStats)
}

// FetchStats is a Fetch at one moment.
type FetchStats struct {
	swarm.LobbyStats
	Trackers []announce.Status
}

// Fetched is what Fetch has found.
type Fetched struct {
	// Meta is the torrent, without trackers.
	Meta *torrentfile.Metainfo
	// Peers are where peers of it are connected; for Torrent.Seen.
	Peers []netip.AddrPort
}

// lobby is a Fetch at work.
type lobby struct {
	*swarm.Lobby
	node      *Node
	hash      infohash.T
	key       uint32
	cancel    context.CancelCauseFunc
	announcer *announce.Announcer // nil without trackers
}

// Fetch gets the info dictionary of a torrent from its peers. That takes an
// extension that can (BEP 9): see Options.Extensions. It waits for as long as it
// takes; the error is the cause of ctx, ErrClosed, ErrAdded when the Node has the
// torrent, or that of a dictionary that is no torrent that can be used. The
// torrent is not added.
func (n *Node) Fetch(ctx context.Context, m Magnet) (Fetched, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l, err := n.openLobby(ctx, m, cancel)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch torrent %v: %w", m.InfoHash, err)
	}
	defer n.closeLobby(l)
	f, err := l.fetch(ctx, m)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch torrent %v: %w", m.InfoHash, err)
	}
	return f, nil
}

// openLobby enters a lobby in the list of the Node, and in its wait group.
func (n *Node) openLobby(ctx context.Context, m Magnet, cancel context.CancelCauseFunc) (*lobby, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, ErrClosed
	case n.has(m.InfoHash):
		return nil, ErrAdded
	}
	l := &lobby{node: n, hash: m.InfoHash, key: n.rng.Uint32(), cancel: cancel}
	l.Lobby = swarm.NewLobby(swarm.LobbyOptions{
		InfoHash: m.InfoHash, PeerID: n.id, Extensions: n.opt.Extensions, Listen: n.addr, Hello: n.hello,
		Dial: func(addr netip.AddrPort) { n.dial(ctx, l.hash, l.Lobby, addr) },
		Rand: rand.New(rand.NewPCG(n.rng.Uint64(), 3)),
		Log:  n.log.With(zap.Stringer("torrent", m.InfoHash)),
	})
	if len(m.Trackers) > 0 {
		l.announcer = n.trackers.NewAnnouncer(m.Trackers, asker{l})
	}
	n.lobbies[m.InfoHash] = l
	n.wg.Add(1)
	return l, nil
}

func (n *Node) closeLobby(l *lobby) {
	n.mu.Lock()
	delete(n.lobbies, l.hash)
	n.mu.Unlock()
	n.wg.Done()
}

// fetch runs the lobby until somebody has found the info dictionary. Everything
// that it starts has ended when it returns.
func (l *lobby) fetch(ctx context.Context, m Magnet) (Fetched, error) {
	l.AddPeers(m.Peers, true)
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	if l.announcer != nil {
		wg.Go(func() { l.announcer.Run(ctx) })
	}
	info, err := l.wait(ctx, m.Watch)
	f := Fetched{Peers: l.Stats().Connected}
	l.cancel(nil)
	wg.Wait()
	l.farewell(ctx)
	if err == nil {
		f.Meta, err = torrentfile.ParseInfo(info)
	}
	return f, err
}

// wait returns the info dictionary.
func (l *lobby) wait(ctx context.Context, watch func(FetchStats)) ([]byte, error) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case info := <-l.Found():
			return info, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-t.C:
		}
		st := FetchStats{LobbyStats: l.Stats()}
		if l.announcer != nil {
			st.Trackers = l.announcer.Status()
			if len(st.Connected)+st.Incoming < 2 {
				l.announcer.NeedPeers() // it knows how often that may be
			}
		}
		if watch != nil {
			watch(st)
		}
	}
}

// farewell tells the trackers that we leave: who stays adds the torrent, and they
// hear of that.
func (l *lobby) farewell(ctx context.Context) {
	if l.announcer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellLeaving)
	defer cancel()
	if err := l.announcer.Stop(ctx); err != nil {
		l.node.log.Debug("tell the trackers", zap.Error(err))
	}
}

// asker asks trackers for the peers of a lobby: it implements announce.Torrent.
type asker struct{ lobby *lobby }

// Snapshot implements announce.Torrent.
func (a asker) Snapshot() announce.Request {
	n := a.lobby.node
	return announce.Request{
		InfoHash: a.lobby.hash, PeerID: n.id, Port: n.addr.Port(), Key: a.lobby.key,
		Left: trackerwire.LeftUnknown, NumWant: 50,
	}
}

// Found implements announce.Torrent.
func (a asker) Found(_ context.Context, _ string, r announce.Response) (others int) {
	a.lobby.AddPeers(r.Peers, false)
	return a.lobby.node.others(r.Peers)
}
