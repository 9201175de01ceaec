package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/text"
	"p2p/peer"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

type seedFlags struct {
	peerFlags
	makeFlags
	out   string
	save  string
	force bool
}

func (a *app) seedCommand() *cobra.Command {
	var f seedFlags
	cmd := &cobra.Command{
		Use:     "seed PATH",
		Short:   a.text.Say("seed.short"),
		Long:    a.text.Say("seed.long"),
		Example: a.text.Say("seed.examples"),
		Args:    a.exactly(1, "PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			listen, err := a.parseListen(f.listen)
			if err != nil {
				return err
			}
			if isTorrent(args[0]) {
				return a.seedTorrent(cmd, args[0], listen, f)
			}
			return a.seedPath(cmd.Context(), args[0], listen, f)
		},
	}
	f.makeFlags.add(cmd, a)
	say := a.text.Say
	cmd.Flags().StringVarP(&f.out, "out", "o", ".", say("seed.out"))
	cmd.Flags().StringVar(&f.save, "save", "", say("seed.save"))
	cmd.Flags().BoolVarP(&f.force, "force", "f", false, say("flag.force"))
	f.peerFlags.add(cmd, a)
	return cmd
}

// isTorrent reports whether the target of seed is a torrent and not content to
// share: a file that is called so, or its address.
func isTorrent(target string) bool {
	lower := strings.ToLower(target)
	if strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "magnet:") {
		return true
	}
	st, err := os.Stat(target)
	return strings.HasSuffix(lower, ".torrent") && (err != nil || st.Mode().IsRegular())
}

// seedTorrent shares what a torrent describes, out of a folder that has it.
func (a *app) seedTorrent(cmd *cobra.Command, target string, listen netip.AddrPort, f seedFlags) error {
	for _, name := range []string{"piece-length", "private", "source", "comment", "name", "webseed", "exclude", "no-date", "save"} {
		if cmd.Flags().Changed(name) {
			return a.usage("usage.seed_torrent_flag", name, target)
		}
	}
	t, err := a.load(cmd.Context(), target, listen.Addr())
	if err != nil {
		return err
	}
	ctx, release, abort := a.interruptible(cmd.Context())
	defer release()
	s, err := store.Open(f.out, &t.Info, store.Options{ReadOnly: true, StateDir: a.stateDir(), InfoHash: t.InfoHash})
	if err != nil {
		return err
	}
	x := &transfer{app: a, verb: "seed", t: t, store: s, path: contentPath(s, f.out)}
	have, err := x.resume(ctx)
	if err != nil {
		return errors.Join(stopCause(ctx, err), x.close())
	}
	if bad := have.Len() - have.Count(); bad > 0 {
		err := a.fail(exitMismatch, "seed.incomplete", a.text.Count("count.pieces", bad), have.Len(), x.path, target)
		return errors.Join(err, x.close())
	}
	if err := s.Checkpoint(have); err != nil {
		return errors.Join(err, x.close())
	}
	return x.seed(ctx, abort, seeding{listen: listen, have: have, trackers: tiers(f.announce), flags: f.peerFlags})
}

// seedPath makes a torrent of a file or folder, saves it, and shares it. Without a
// tracker to announce to, it runs one.
func (a *app) seedPath(ctx context.Context, path string, listen netip.AddrPort, f seedFlags) error {
	if f.save == "" {
		f.save = torrentPath(path, f.name)
	}
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	o := f.options()
	o.Announce = nil // it is put in below, when the tracker's address is known
	m, err := a.makeTorrent(ctx, "seed", path, o)
	if err != nil {
		return err
	}
	s, err := store.Open("", &m.Info, store.Options{ReadOnly: true, Root: path, InfoHash: m.InfoHash})
	if err != nil {
		return err
	}
	x := &transfer{app: a, verb: "seed", t: loaded{Metainfo: m}, store: s, path: path}
	g := seeding{listen: listen, trackers: tiers(f.announce), flags: f.peerFlags, torrent: f.save}
	if len(g.trackers) == 0 {
		tracker, err := a.embedTracker(listen.Addr())
		if err != nil {
			return errors.Join(err, x.close())
		}
		defer tracker.stop()
		http, _ := tracker.announceURLs()
		g.trackers = [][]string{{http}}
		if tracker.host.IsLoopback() && !listen.Addr().IsLoopback() {
			a.say("seed.loopback", http)
		}
	}
	m.Announce = g.trackers
	if err := a.saveSeeded(f.save, m, f.force); err != nil {
		return errors.Join(err, x.close())
	}
	g.have = piece.NewBitfield(m.Info.Layout().Pieces())
	g.have.SetAll() // it was hashed a moment ago
	return x.seed(ctx, abort, g)
}

// saveSeeded writes the torrent of what is seeded. A torrent of the same content
// under that name, from an earlier run, is brought up to date.
func (a *app) saveSeeded(name string, m *torrentfile.Metainfo, force bool) error {
	b, err := m.Encode()
	if err != nil {
		return err
	}
	if old, err := torrentfile.Load(name); err == nil && old.InfoHash == m.InfoHash {
		force = true
	}
	return a.saveTorrent(name, b, force)
}

// seeding is what a transfer needs to begin to seed.
type seeding struct {
	listen   netip.AddrPort
	have     *piece.Bitfield
	trackers [][]string // nil = those of the torrent
	flags    peerFlags
	torrent  string // path of the torrent that was made; "" = none was
}

// seed shares the torrent until somebody stops it.
func (x *transfer) seed(ctx context.Context, abort context.CancelCauseFunc, g seeding) error {
	peers, err := x.app.resolvePeers(ctx, g.flags.peers)
	if err != nil {
		return errors.Join(err, x.close())
	}
	if x.node, err = x.app.openNode(g.listen, g.flags); err != nil {
		return errors.Join(err, x.close())
	}
	x.swarm, err = x.node.Add(peer.Torrent{Meta: x.t.Metainfo, Store: x.store, Have: g.have, Trackers: g.trackers, Peers: peers})
	if err != nil {
		return errors.Join(err, x.close())
	}
	x.begin = time.Now()
	if err := x.announceSelf(g); err != nil {
		return errors.Join(err, x.close())
	}
	stop := x.watch(time.Duration(g.flags.interval), abort)
	err = x.stay(ctx)
	stop()
	return x.end(err)
}

// announceSelf prints what somebody else needs to get the content: the torrent
// that was made and where it announces to.
func (x *transfer) announceSelf(g seeding) error {
	m := x.start()
	m.Torrent = g.torrent
	for _, tier := range g.trackers {
		m.Announce = append(m.Announce, tier...)
	}
	if x.app.globals.json {
		return x.app.emit(m)
	}
	if g.torrent == "" {
		if len(g.trackers) == 0 && len(x.t.Announce) == 0 {
			here := netip.AddrPortFrom(reachable(g.listen.Addr()), x.node.Addr().Port())
			x.app.say("seed.no_tracker", here)
		}
		return nil
	}
	say := x.app.text.Say
	rows := [][2]string{{say("seed.torrent"), g.torrent}}
	for i, address := range m.Announce {
		label := ""
		if i == 0 {
			label = say("seed.announce")
		}
		rows = append(rows, [2]string{label, address})
	}
	if err := x.app.printRows(rows); err != nil {
		return err
	}
	x.app.say("seed.elsewhere", text.Printable(filepath.Base(g.torrent)))
	return nil
}
