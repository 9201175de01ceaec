package main

import (
	"context"
	"errors"
	"io/fs"
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
	out     string
	save    string
	force   bool
	library []string
}

func (a *app) seedCommand() *cobra.Command {
	var f seedFlags
	cmd := &cobra.Command{
		Use:     "seed PATH...",
		Short:   a.text.Say("seed.short"),
		Long:    a.text.Say("seed.long"),
		Example: a.text.Say("seed.examples"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(f.library) > 0 {
				return nil
			}
			return a.one("PATH")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			listen, err := a.parseListen(f.listen)
			if err != nil {
				return err
			}
			if len(args) > 1 || len(f.library) > 0 {
				return a.seedMany(cmd, args, listen, f)
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
	cmd.Flags().StringArrayVar(&f.library, "library", nil, say("seed.library"))
	cmd.Flags().StringVar(&f.save, "save", "", say("seed.save"))
	cmd.Flags().BoolVarP(&f.force, "force", "f", false, say("flag.force"))
	f.peerFlags.add(cmd, a)
	return cmd
}

// isTorrent reports whether the target of seed is a torrent and not content to
// share: a file that is called so, its address, or "-" for stdin.
func isTorrent(target string) bool {
	lower := strings.ToLower(target)
	if target == "-" || strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "magnet:") {
		return true
	}
	st, err := os.Stat(target)
	return strings.HasSuffix(lower, ".torrent") && (err != nil || st.Mode().IsRegular())
}

// makingFlags are of no use for what is a torrent already.
var makingFlags = []string{"piece-length", "private", "source", "comment", "name", "webseed", "exclude", "no-date", "save"}

// seedTorrent shares what a torrent describes, out of a folder that has it.
func (a *app) seedTorrent(cmd *cobra.Command, target string, listen netip.AddrPort, f seedFlags) error {
	for _, name := range makingFlags {
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
	peers, err := a.resolvePeers(ctx, f.peers)
	if err != nil {
		return stopCause(ctx, err)
	}
	x := &transfer{app: a, verb: "seed", t: t, target: target, every: time.Duration(f.interval), broken: abort}
	x.files = func() (*store.Store, error) {
		return a.openStore(ctx, "seed", f.out, &t.Info, store.Options{ReadOnly: true, StateDir: a.usableStateDir(), InfoHash: t.InfoHash})
	}
	if x.store, err = x.files(); err != nil {
		return err
	}
	x.path = contentPath(x.store, f.out)
	have, err := x.open(ctx, listen, f.peerFlags)
	if err != nil {
		return errors.Join(err, x.close())
	}
	if bad := have.Len() - have.Count(); bad > 0 {
		return errors.Join(x.incomplete(bad), x.close())
	}
	if err := x.store.Checkpoint(ctx, have); err != nil {
		return errors.Join(err, x.close())
	}
	trackers := tiers(f.announce)
	if len(trackers) == 0 && len(t.Announce) == 0 {
		here := netip.AddrPortFrom(reachable(listen.Addr()), x.node.Addr().Port())
		a.say("seed.no_tracker", here)
	}
	return x.seed(ctx, peer.Torrent{Have: have, Trackers: trackers, Peers: peers})
}

// seedPath makes a torrent of a file or folder, saves it, and shares it. What can
// fail at once comes before the hashing, which may take hours.
func (a *app) seedPath(ctx context.Context, path string, listen netip.AddrPort, f seedFlags) (err error) {
	if err := a.checkPieceLength(f.pieceLength); err != nil {
		return err
	}
	if f.save == "" {
		if f.save, err = a.torrentPath(path, f.name); err != nil {
			return err
		}
	}
	if err := a.mayReplace(f.save, f.force); err != nil {
		return err
	}
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	peers, err := a.resolvePeers(ctx, f.peers)
	if err != nil {
		return stopCause(ctx, err)
	}
	x := &transfer{app: a, verb: "seed", path: path, every: time.Duration(f.interval), broken: abort}
	defer func() { err = errors.Join(err, x.close()) }()
	if err := x.listen(listen, f.peerFlags); err != nil {
		return err
	}
	o := f.options()
	if len(o.Announce) == 0 {
		tracker, err := a.embedTracker(listen.Addr())
		if err != nil {
			return err
		}
		defer tracker.stop()
		http, _ := tracker.announceURLs()
		o.Announce = [][]string{{http}}
		if tracker.host.IsLoopback() && !listen.Addr().IsLoopback() {
			a.say("seed.loopback", http)
		}
	}
	if x.t.Metainfo, err = a.makeTorrent(ctx, "seed", path, o); err != nil {
		return err
	}
	return x.seedMade(ctx, f, peers)
}

// seedMade saves a torrent that was just made, says where it is, and shares it.
func (x *transfer) seedMade(ctx context.Context, f seedFlags, peers []netip.AddrPort) (err error) {
	m := x.t.Metainfo
	x.files = func() (*store.Store, error) {
		return x.app.openStore(ctx, "seed", "", &m.Info, store.Options{ReadOnly: true, Root: x.path, InfoHash: m.InfoHash})
	}
	if x.store, err = x.files(); err != nil {
		return err
	}
	if err := x.app.saveSeeded(f.save, m, f.force); err != nil {
		return err
	}
	if err := x.announceSelf(f.save); err != nil {
		return err
	}
	have := piece.NewBitfield(m.Info.Layout().Pieces())
	have.SetAll() // it was hashed a moment ago
	return x.seed(ctx, peer.Torrent{Have: have, Peers: peers})
}

// mayReplace reports, before there is a torrent, whether one may be saved as name:
// over nothing, over any file with --force, or over a torrent, which saveSeeded
// then looks at more closely.
func (a *app) mayReplace(name string, force bool) error {
	_, err := os.Lstat(name)
	if force || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := torrentfile.Load(name); err != nil {
		return a.fail(exitExists, "seed.exists", name)
	}
	return nil
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
	} else if !force && exists(name) {
		return a.fail(exitExists, "seed.exists", name)
	}
	return a.saveTorrent(name, b, force)
}

// seed shares the torrent until somebody stops it.
func (x *transfer) seed(ctx context.Context, t peer.Torrent) error {
	if err := x.join(t); err != nil {
		return errors.Join(err, x.close())
	}
	x.watch()
	err := x.stay(ctx)
	x.unwatch()
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
