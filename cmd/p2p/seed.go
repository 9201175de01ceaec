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
	x := &transfer{app: a, verb: "seed", t: t, store: s, path: contentPath(s, f.out), every: time.Duration(f.interval), broken: abort}
	have, err := x.open(ctx, listen, f.peerFlags)
	if err != nil {
		return errors.Join(err, x.close())
	}
	if bad := have.Len() - have.Count(); bad > 0 {
		err := a.fail(exitMismatch, "seed.incomplete", a.text.Count("count.pieces", bad), have.Len(), x.path, target)
		return errors.Join(err, x.close())
	}
	if err := s.Checkpoint(have); err != nil {
		return errors.Join(err, x.close())
	}
	trackers := tiers(f.announce)
	if len(trackers) == 0 && len(t.Announce) == 0 {
		here := netip.AddrPortFrom(reachable(listen.Addr()), x.node.Addr().Port())
		a.say("seed.no_tracker", here)
	}
	return x.seed(ctx, peer.Torrent{Have: have, Trackers: trackers}, f.peers)
}

// seedPath makes a torrent of a file or folder, saves it, and shares it. Without a
// tracker to announce to, it runs one.
func (a *app) seedPath(ctx context.Context, path string, listen netip.AddrPort, f seedFlags) error {
	if f.save == "" {
		var err error
		if f.save, err = a.torrentPath(path, f.name); err != nil {
			return err
		}
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
	x := &transfer{app: a, verb: "seed", t: loaded{Metainfo: m}, store: s, path: path, every: time.Duration(f.interval), broken: abort}
	if err := x.listen(listen, f.peerFlags); err != nil {
		return errors.Join(err, x.close())
	}
	if m.Announce = tiers(f.announce); len(m.Announce) == 0 {
		tracker, err := a.embedTracker(listen.Addr())
		if err != nil {
			return errors.Join(err, x.close())
		}
		defer tracker.stop()
		http, _ := tracker.announceURLs()
		m.Announce = [][]string{{http}}
		if tracker.host.IsLoopback() && !listen.Addr().IsLoopback() {
			a.say("seed.loopback", http)
		}
	}
	err = a.saveSeeded(f.save, m, f.force)
	if err == nil {
		err = x.announceSelf(f.save)
	}
	if err != nil {
		return errors.Join(err, x.close())
	}
	have := piece.NewBitfield(m.Info.Layout().Pieces())
	have.SetAll() // it was hashed a moment ago
	return x.seed(ctx, peer.Torrent{Have: have}, f.peers)
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

// seed shares the torrent until somebody stops it.
func (x *transfer) seed(ctx context.Context, t peer.Torrent, peers []string) error {
	var err error
	if t.Peers, err = x.app.resolvePeers(ctx, peers); err == nil {
		err = x.join(t)
	}
	if err != nil {
		return errors.Join(stopCause(ctx, err), x.close())
	}
	stop := x.watch()
	err = x.stay(ctx)
	stop()
	return x.end(err)
}

// announceSelf prints what somebody else needs to get the content: the torrent
// that was made and where it announces to.
func (x *transfer) announceSelf(torrent string) error {
	if x.app.globals.json {
		m := x.start()
		m.Torrent, m.Announce = torrent, x.t.Announce
		return x.app.emit(m)
	}
	rows := [][2]string{{x.app.text.Say("seed.torrent"), torrent}}
	label := x.app.text.Say("seed.announce")
	for _, tier := range x.t.Announce {
		for _, address := range tier {
			rows = append(rows, [2]string{label, address})
			label = ""
		}
	}
	if err := x.app.printRows(rows); err != nil {
		return err
	}
	x.app.say("seed.elsewhere", text.Printable(filepath.Base(torrent)))
	return nil
}
