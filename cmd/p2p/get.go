package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/selection"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/peer"
	"p2p/piece"
	"p2p/piece/store"
)

type getFlags struct {
	peerFlags
	out       string
	selected  []string
	list      bool
	seed      bool
	overwrite bool
}

func (a *app) getCommand() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:               "get TORRENT",
		Short:             a.text.Say("get.short"),
		Long:              a.text.Say("get.long"),
		Example:           a.text.Say("get.examples"),
		Args:              a.one("TORRENT"),
		ValidArgsFunction: completeTorrents,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.get(cmd.Context(), args[0], f) },
	}
	say := a.text.Say
	cmd.Flags().StringVarP(&f.out, "out", "o", ".", say("get.out"))
	cmd.Flags().StringArrayVarP(&f.selected, "select", "s", nil, say("get.select"))
	cmd.Flags().BoolVarP(&f.list, "list", "l", false, say("get.list"))
	cmd.Flags().BoolVar(&f.seed, "seed", false, say("get.seed"))
	cmd.Flags().BoolVar(&f.overwrite, "overwrite", false, say("get.overwrite"))
	cmd.Flags().VarP(&f.down, "down-limit", "d", say("peer.down_limit"))
	f.add(cmd, a)
	return cmd
}

func (a *app) get(ctx context.Context, target string, f getFlags) error {
	listen, err := a.parseListen(f.listen)
	if err != nil {
		return err
	}
	// There is nothing yet that a signal could harm, so it does what it does by
	// default, also to a read from stdin.
	t, err := a.loadFrom(ctx, target, listen, f.peerFlags)
	if err != nil {
		return err
	}
	wanted, err := a.choose(t, f.selected)
	if err != nil {
		return err
	}
	if f.list {
		if a.globals.json {
			return a.emit(summarise(t, ""))
		}
		return listFiles(a.out, t)
	}
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	peers, err := a.resolvePeers(ctx, f.peers)
	if err != nil {
		return stopCause(ctx, err)
	}
	x := &transfer{app: a, verb: "get", t: t, target: target, every: time.Duration(f.interval), broken: abort}
	x.files = func() (*store.Store, error) {
		return a.openStore(ctx, "get", f.out, &t.Info, store.Options{
			Wanted: wanted, StateDir: a.usableStateDir(), Overwrite: f.overwrite, InfoHash: t.InfoHash,
		})
	}
	if x.store, err = x.files(); err != nil {
		return err
	}
	x.path = contentPath(x.store, f.out)
	have, err := x.open(ctx, listen, f.peerFlags)
	if err != nil {
		return errors.Join(err, x.close())
	}
	return x.download(ctx, have, peers, f.seed)
}

// badSelection says why a --select cannot be followed.
func (a *app) badSelection(err error) error {
	keys := map[error]string{
		selection.ErrEmpty: "usage.select_empty", selection.ErrRange: "usage.select_range",
		selection.ErrPattern: "usage.select_pattern", selection.ErrNoMatch: "usage.select_none",
	}
	e, ok := errors.AsType[*selection.Error](err)
	if !ok {
		return err
	}
	return a.usage(keys[e.Err], e.Part)
}

// choose returns which files --select names, nil for all.
func (a *app) choose(t loaded, selected []string) ([]bool, error) {
	if len(selected) == 0 {
		return nil, nil
	}
	wanted := make([]bool, len(t.Info.Files))
	for _, s := range selected {
		sel, err := selection.Parse(s)
		if err != nil {
			return nil, a.badSelection(err)
		}
		more, err := sel.Files(displayPaths(t))
		if err != nil {
			return nil, a.badSelection(err)
		}
		for i, w := range more {
			wanted[i] = wanted[i] || w && !t.Info.Files[i].Pad
		}
	}
	return wanted, nil
}

// download fetches what is missing, and stays afterwards if that is wanted.
func (x *transfer) download(ctx context.Context, have *piece.Bitfield, peers []netip.AddrPort, stay bool) error {
	missing := count(x.store.Wanted(), have)
	if missing == 0 {
		if err := x.finish(ctx, have); err != nil {
			return errors.Join(err, x.close())
		}
		x.app.say("get.already", x.app.style.Good("✓"), text.Printable(x.t.Info.Name), x.path)
		if !stay {
			return x.already()
		}
	}
	if err := x.join(peer.Torrent{Have: have, Peers: peers}); err != nil {
		return errors.Join(err, x.close())
	}
	if len(x.t.Announce) == 0 && len(peers) == 0 {
		x.app.say("get.no_tracker", netip.AddrPortFrom(reachable(x.node.Addr().Addr()), x.node.Addr().Port()))
	}
	x.watch()
	err := x.wait(ctx)
	if err == nil && missing > 0 {
		x.sayDone()
	}
	if err == nil && stay {
		err = x.stay(ctx)
	}
	x.unwatch()
	return x.end(err)
}

// finish makes safe what an earlier run has fetched.
func (x *transfer) finish(ctx context.Context, have *piece.Bitfield) error {
	total, begin := x.t.Info.Total(), time.Now()
	v := view{every: x.every, broken: x.broken, snapshot: func() progress.Snapshot {
		s := progress.Snapshot{Verb: x.verb, Name: x.t.Info.Name, State: progress.Finishing, Done: total, Total: total, Elapsed: time.Since(begin)}
		s.FilesDone, s.Files = x.store.Named()
		return s
	}}
	v.status = func(_ progress.Snapshot, m *statusMessage) { m.InfoHash = x.t.InfoHash.String() }
	stop := x.app.watch(v)
	err := x.store.Checkpoint(ctx, have)
	stop()
	if errors.Is(err, context.Canceled) {
		x.sayUnfinished(x.store.Named())
	}
	return stopCause(ctx, err)
}

// sayUnfinished is the line for people about a download that was stopped when
// only names were missing.
func (x *transfer) sayUnfinished(named, files int) {
	x.app.say("get.unfinished", text.Printable(x.t.Info.Name), named, files)
}

// already ends a download that had nothing left to do.
func (x *transfer) already() error {
	done := int64(0)
	for p := range x.store.Wanted().All() {
		done += int64(x.store.Layout().Size(p))
	}
	if err := x.close(); err != nil {
		return err
	}
	return x.app.emit(summaryMessage{
		MessageType: "summary", InfoHash: x.t.InfoHash.String(), Complete: true,
		BytesDone: done, TotalBytes: done, Path: x.path,
	})
}

// wait returns nil when the download is complete.
func (x *transfer) wait(ctx context.Context) error {
	select {
	case <-x.swarm.Complete():
		x.finished = time.Now()
		return nil
	case <-x.swarm.Failed():
		return x.swarm.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stay seeds until somebody stops it, which is how it is meant to end.
func (x *transfer) stay(ctx context.Context) error {
	x.app.say("seed.staying")
	for ctx.Err() == nil {
		select {
		case <-x.swarm.Failed():
			if err := x.again(ctx, x.swarm.Err()); err != nil {
				return err
			}
		case <-ctx.Done():
		}
	}
	if err := context.Cause(ctx); !as[*interrupted](err) {
		return err
	}
	return nil
}

// sayDone is the line for people about a finished download.
func (x *transfer) sayDone() {
	st := x.swarm.Stats()
	fetched := st.BytesWanted - x.had
	size := units.FormatBytes(st.BytesWanted)
	if x.had > 0 {
		size = units.FormatOf(fetched, st.BytesWanted)
	}
	took := units.FormatElapsed(x.fetchTime(), progress.Words(x.app.text))
	x.app.say("get.done", x.app.style.Good("✓"), text.Printable(x.t.Info.Name), size, took,
		units.FormatRate(meanRate(fetched, x.fetchTime())), x.app.text.Count("count.pieces", st.PiecesWanted), x.path)
}

// end closes the transfer and sums it up. What is verified is kept first: if that
// fails, nothing else matters. A download that was complete after all when it was
// interrupted is a success.
func (x *transfer) end(err error) error {
	if closeErr := x.close(); closeErr != nil {
		err = errors.Join(closeErr, err)
	}
	st := x.stats()
	x.watcher.events(st, x.complete())
	switch {
	case x.checked != nil: // it is told already what is there
	case st.Finishing:
		x.sayUnfinished(st.FilesNamed, st.FilesWanted)
	case !x.complete():
		x.app.say("get.left", text.Printable(x.t.Info.Name), units.FormatOf(st.BytesDone, st.BytesWanted), st.PiecesHave, st.PiecesWanted)
	case as[*interrupted](err):
		err = nil
	}
	if st.Uploaded > 0 {
		s := progress.Snapshot{Uploaded: st.Uploaded, Total: st.BytesWanted}
		x.app.say("seed.sent", units.FormatBytes(st.Uploaded), s.Ratio())
	}
	return errors.Join(err, x.app.emit(x.summary(st, err)))
}
