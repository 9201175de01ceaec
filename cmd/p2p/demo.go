package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/peer"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// demoSeeders is how many seeders there are unless --seeders says otherwise, and
// maxSeeders how many there can be: each keeps a copy.
const (
	demoSeeders = 4
	maxSeeders  = 16
)

type demoFlags struct {
	size    units.Size
	seeders int
	down    units.Rate
}

func (a *app) demoCommand() *cobra.Command {
	f := demoFlags{size: 64 << 20}
	cmd := &cobra.Command{
		Use:     "demo [FILE]",
		Short:   a.text.Say("demo.short"),
		Long:    a.text.Say("demo.long"),
		Example: a.text.Say("demo.examples"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return a.one("FILE")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.seeders < 1 || f.seeders > maxSeeders {
				return a.usage("usage.seeders", maxSeeders)
			}
			if f.size == 0 {
				return a.usage("usage.demo_size")
			}
			return a.demo(cmd.Context(), args, f)
		},
	}
	cmd.Flags().Var(&f.size, "size", a.text.Say("demo.size"))
	cmd.Flags().IntVar(&f.seeders, "seeders", demoSeeders, a.text.Say("demo.seeders"))
	cmd.Flags().VarP(&f.down, "down-limit", "d", a.text.Say("demo.down_limit"))
	return cmd
}

// demo shows the main job in one process: a tracker, seeders of which none has
// everything, and a downloader, over real sockets of the loopback interface.
func (a *app) demo(ctx context.Context, args []string, f demoFlags) error {
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	dir, err := os.MkdirTemp("", "p2p-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "demo-data.bin")
	if len(args) > 0 {
		source = args[0]
		if st, err := os.Stat(source); err != nil {
			return err
		} else if !st.Mode().IsRegular() {
			return a.usage("usage.demo_file", source)
		}
	} else if err := makeData(ctx, source, int64(f.size)); err != nil {
		return stopCause(ctx, err)
	}
	d := &demo{app: a, dir: dir, source: source}
	err = d.run(ctx, abort, f)
	return errors.Join(err, d.close())
}

// makeData writes n bytes that look random and are the same in every run.
func makeData(ctx context.Context, name string, n int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	random := rand.NewChaCha8([32]byte([]byte("the demo of p2p, the same always")))
	buf := make([]byte, 1<<20)
	for n > 0 && ctx.Err() == nil {
		part := buf[:min(n, int64(len(buf)))]
		random.Read(part) // never fails
		if _, err := f.Write(part); err != nil {
			return err
		}
		n -= int64(len(part))
	}
	return errors.Join(ctx.Err(), f.Close())
}

// demo is one run of the demonstration.
type demo struct {
	app     *app
	dir     string
	source  string
	t       loaded
	members []*member // in the order in which they came
	getter  *member
	tracker *localTracker
}

func nothing(int) bool { return false }

// member is one peer of the demonstration, with its own node, folder and files.
type member struct {
	transfer
	name    string
	started int // pieces that it had at the start
}

func (d *demo) run(ctx context.Context, abort context.CancelCauseFunc, f demoFlags) error {
	loopback := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	var err error
	if d.tracker, err = d.app.startTracker(loopback); err != nil {
		return err
	}
	announce, _ := d.tracker.announceURLs()
	m, err := d.app.makeTorrent(ctx, "demo", d.source, torrentfile.CreateOptions{
		Announce: [][]string{{announce}}, CreatedBy: clientName(),
	})
	if err != nil {
		return err
	}
	d.t = loaded{Metainfo: m}
	if err := d.app.emit((&transfer{verb: "demo", t: d.t}).start()); err != nil {
		return err
	}
	d.app.say("demo.begin", text.Printable(m.Info.Name), units.FormatBytes(m.Info.Total()),
		d.app.text.Count("count.pieces", m.Info.Layout().Pieces()), announce)
	for i := range f.seeders {
		share := func(n int) bool { return n%f.seeders == i }
		if err := d.join(ctx, loopback, d.app.text.Say("demo.seeder", i+1), share, 0); err != nil {
			return stopCause(ctx, err)
		}
	}
	if err := d.join(ctx, loopback, d.app.text.Say("demo.downloader"), nothing, f.down); err != nil {
		return stopCause(ctx, err)
	}
	d.getter = d.members[len(d.members)-1]
	if err := d.watch(ctx, abort); err != nil {
		return err
	}
	return d.prove()
}

// join adds a peer that has those pieces of the source that share picks.
func (d *demo) join(ctx context.Context, listen netip.AddrPort, name string, share func(piece int) bool, down units.Rate) error {
	folder := filepath.Join(d.dir, fmt.Sprintf("peer%d", len(d.members)))
	s, err := store.Open(folder, &d.t.Info, store.Options{InfoHash: d.t.InfoHash})
	if err != nil {
		return err
	}
	m := &member{name: name, transfer: transfer{app: d.app, verb: "demo", t: d.t, store: s, path: contentPath(s, folder)}}
	d.members = append(d.members, m) // from here on close closes it
	have, err := d.deal(ctx, s, share)
	if err != nil {
		return err
	}
	m.started = have.Count()
	if err := m.listen(listen, peerFlags{down: down}); err != nil {
		return err
	}
	return m.join(peer.Torrent{Have: have})
}

// deal copies the pieces that share picks from the source into a store.
func (d *demo) deal(ctx context.Context, s *store.Store, share func(piece int) bool) (*piece.Bitfield, error) {
	f, err := os.Open(d.source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := s.Layout()
	have := piece.NewBitfield(l.Pieces())
	buf := make([]byte, l.PieceLen())
	for n := range l.Pieces() {
		if !share(n) {
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p := l.MustIndex(n)
		part := buf[:l.Size(p)]
		if _, err := f.ReadAt(part, l.Offset(p)); err != nil {
			return nil, fmt.Errorf("read %s: %w", d.source, err)
		}
		if err := s.WriteAt(part, l.Offset(p)); err != nil {
			return nil, err
		}
		have.Set(p)
	}
	return have, nil
}

// watch shows the swarm until everybody has everything.
func (d *demo) watch(ctx context.Context, abort context.CancelCauseFunc) error {
	stop := d.app.watch(view{
		snapshot: func() progress.Snapshot { return d.row(d.getter) },
		below:    d.seederLines,
		status:   d.getter.status,
		broken:   abort,
	})
	defer stop()
	if err := d.getter.wait(ctx); err != nil {
		return err
	}
	for _, m := range d.members {
		if err := m.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// row is one peer as a live line: all are downloads, also the seeders.
func (d *demo) row(m *member) progress.Snapshot {
	s := m.snapshot()
	if s.Name = progress.Pad(m.name, d.nameWidth()); s.State == progress.Seeding {
		s.State = progress.Downloading
	}
	return s
}

func (d *demo) seederLines() []string {
	var lines []string
	columns, _ := d.app.size()
	for _, m := range d.members {
		if m != d.getter {
			lines = append(lines, d.app.style.Line(d.row(m), columns))
		}
	}
	return lines
}

// nameWidth returns the cells that the longest name takes.
func (d *demo) nameWidth() int {
	width := 0
	for _, m := range d.members {
		width = max(width, progress.Width(m.name))
	}
	return width
}

// close ends all peers and the tracker after them. It may be called twice.
func (d *demo) close() error {
	var err error
	for _, m := range d.members {
		err = errors.Join(err, m.close())
	}
	if d.tracker != nil {
		err = errors.Join(err, d.tracker.stop())
	}
	return err
}
