package peer

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"p2p/peer/announce"
	"p2p/peer/swarm"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
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

// Fetch gets the info dictionary of a torrent from its peers. That takes an
// extension that can (BEP 9): see Options.Extensions. It waits for as long as it
// takes; the error is the cause of ctx, ErrClosed, ErrAdded when the Node has the
// torrent, or that of a dictionary that is no torrent that can be used. The
// torrent is not added.
func (n *Node) Fetch(ctx context.Context, m Magnet) (Fetched, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g, err := n.openGathering(ctx, swarm.LobbyOptions{InfoHash: m.InfoHash, Extensions: n.opt.Extensions}, m.Trackers, opening{cancel: cancel})
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch torrent %v: %w", m.InfoHash, err)
	}
	defer n.leave(g)
	f, err := g.fetch(ctx, m)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch torrent %v: %w", m.InfoHash, err)
	}
	return f, nil
}

// fetch keeps the lobby open until somebody has found the info dictionary. Everything
// that runs has ended when it returns.
func (g *Gathering) fetch(ctx context.Context, m Magnet) (Fetched, error) {
	g.lobby.AddPeers(m.Peers, true)
	if g.announcer != nil {
		g.wg.Go(func() { g.announcer.Run(ctx) })
	}
	info, err := g.wait(ctx, m.Watch)
	f := Fetched{Peers: g.lobby.Stats().Connected}
	g.cancel(nil)
	g.wg.Wait()
	farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellLeaving)
	defer cancel()
	g.farewell(farewell) // who stays adds the torrent, and the trackers hear of that
	if err == nil {
		f.Meta, err = torrentfile.ParseInfo(info)
	}
	return f, err
}

// wait returns the info dictionary.
func (g *Gathering) wait(ctx context.Context, watch func(FetchStats)) ([]byte, error) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case info := <-g.lobby.Found():
			return info, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-t.C:
		}
		st := FetchStats(g.Stats())
		if g.announcer != nil && len(st.Guests) < 2 {
			g.announcer.NeedPeers() // it knows how often that may be
		}
		if watch != nil {
			watch(st)
		}
	}
}
