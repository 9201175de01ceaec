package main

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"p2p/peer"
	"p2p/torrentfile"
)

// sayAlone is how long get looks for peers of a magnet link before it says what
// is wrong, and then how often it says so again.
const sayAlone = 15 * time.Second

func isMagnet(target string) bool {
	return len(target) >= len("magnet:") && strings.EqualFold(target[:len("magnet:")], "magnet:")
}

// loadFrom is load for a command that can ask peers: it takes magnet links too.
func (a *app) loadFrom(ctx context.Context, target string, listen netip.AddrPort, f peerFlags) (loaded, error) {
	if !isMagnet(target) {
		return a.load(ctx, target, listen.Addr())
	}
	m, err := torrentfile.ParseMagnet(target)
	if err != nil {
		return loaded{}, err
	}
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	named, err := a.resolvePeers(ctx, f.peers)
	if err != nil {
		return loaded{}, stopCause(ctx, err)
	}
	t, err := a.fetchMagnet(ctx, m, named, listen)
	return t, stopCause(ctx, err)
}

// fetchMagnet asks peers for what a magnet link leaves out, the info dictionary
// (BEP 9), with a node that is closed again afterwards.
func (a *app) fetchMagnet(ctx context.Context, m torrentfile.Magnet, named []netip.AddrPort, listen netip.AddrPort) (loaded, error) {
	fromLink, err := a.magnetPeers(ctx, m)
	if err != nil {
		return loaded{}, err
	}
	if len(m.Trackers)+len(fromLink)+len(named) == 0 {
		return loaded{}, a.usage("usage.magnet_alone")
	}
	n, err := peer.Open(peer.Options{Listen: listen, Log: a.log, Client: clientName(), Extensions: extensions()})
	if err != nil {
		return loaded{}, err
	}
	a.say("magnet.asking")
	tiers := make([][]string, len(m.Trackers)) // one each: the order of a link says nothing about equals
	for i, url := range m.Trackers {
		tiers[i] = []string{url}
	}
	f, err := n.Fetch(ctx, peer.Magnet{
		InfoHash: m.InfoHash, Trackers: tiers, Peers: append(named, fromLink...), Watch: a.watchFetch(time.Now()),
	})
	closing, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := errors.Join(err, n.Close(closing)); err != nil {
		return loaded{}, err
	}
	f.Meta.Announce, f.Meta.WebSeeds = tiers, m.WebSeeds
	return loaded{Metainfo: f.Meta, named: fromLink, seen: f.Peers}, nil
}

// magnetPeers returns the addresses that a link names (x.pe). A name that cannot
// be resolved is only worth an error when there is nobody else.
func (a *app) magnetPeers(ctx context.Context, m torrentfile.Magnet) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	var failed error
	for _, p := range m.Peers {
		addrs, err := a.resolvePeers(ctx, []string{p})
		failed = errors.Join(failed, err)
		all = append(all, addrs...)
	}
	if len(all) == 0 && len(m.Trackers) == 0 {
		return nil, failed
	}
	return all, nil
}

// watchFetch returns what says now and then why there is nobody to ask.
func (a *app) watchFetch(begin time.Time) func(peer.FetchStats) {
	last := begin
	return func(st peer.FetchStats) {
		if time.Since(last) < sayAlone {
			return
		}
		last = time.Now()
		why := st.LastError
		for _, t := range st.Trackers {
			if t.Err != "" {
				why = t.URL + ": " + t.Err
			}
		}
		switch {
		case len(st.Connected)+st.Incoming > 0:
			a.say("magnet.slow", len(st.Connected)+st.Incoming)
		case why != "":
			a.say("magnet.nobody_because", st.Known, oneLine(why))
		default:
			a.say("magnet.nobody", st.Known)
		}
	}
}
