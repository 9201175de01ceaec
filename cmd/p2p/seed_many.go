package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/control"
	"p2p/cmd/p2p/library"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/peer"
	"p2p/torrentfile/infohash"
)

// many is a seed command with many torrents.
type many struct {
	*app
	node    *peer.Node
	library *library.Library
	begin   time.Time
	abort   context.CancelCauseFunc
	fixed   bool // no torrent will come that is not there yet
	ready   bool // owned by tell

	// owned by the watch while there is one
	down string // the tracker hosts that were last told to be down
}

// seedMany shares torrents, and folders of torrents, until somebody stops it.
func (a *app) seedMany(cmd *cobra.Command, files []string, listen netip.AddrPort, f seedFlags) error {
	if err := a.checkMany(cmd, files, f); err != nil {
		return err
	}
	ctx, release, abort := a.interruptible(cmd.Context())
	defer release()
	state := a.usableStateDir()
	if state == "" { // nothing is remembered past this run
		var err error
		if state, err = os.MkdirTemp("", "p2p-state-"); err != nil {
			return err
		}
		defer os.RemoveAll(state)
	}
	x := &transfer{app: a, verb: "seed"}
	defer x.close()
	if err := x.listen(listen, f.peerFlags); err != nil {
		return err
	}
	m := &many{app: a, node: x.node, begin: time.Now(), abort: abort, fixed: len(f.library) == 0}
	if err := a.emit(manyStart{"start", schema, version, "seed", m.node.Addr().String()}); err != nil {
		return err
	}
	o := library.Options{
		Node: x.node, Files: files, Folders: f.library, StateDir: state, Tell: m.tell, Trackers: tiers(f.announce),
	}
	if cmd.Flags().Changed("out") {
		o.Out = f.out
	}
	m.library = library.New(o)
	x.deaf = a.takeLimits(x.node, func() control.Transfer {
		return control.Transfer{Command: "seed", Torrents: m.library.Status().Torrents}
	})
	err := m.run(ctx, time.Duration(f.interval))
	totals := m.node.Totals()
	if closeErr := x.close(); closeErr != nil {
		err = errors.Join(closeErr, err)
	}
	return m.sum(totals, err)
}

// checkMany refuses what makes no sense for many torrents.
func (a *app) checkMany(cmd *cobra.Command, files []string, f seedFlags) error {
	for _, name := range append([]string{"peer"}, makingFlags...) {
		if cmd.Flags().Changed(name) {
			return a.usage("usage.seed_many_flag", name)
		}
	}
	for _, dir := range f.library {
		if _, err := os.ReadDir(dir); err != nil {
			return err
		}
	}
	for _, path := range files {
		if st, err := os.Stat(path); path == "-" || err == nil && !st.Mode().IsRegular() {
			return a.usage("usage.seed_many_path", path)
		}
	}
	return nil
}

// run shares until ctx ends, or nothing is left to be shared.
func (m *many) run(ctx context.Context, every time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var shares sync.WaitGroup
	defer shares.Wait()
	defer cancel(nil)
	stop := m.watch(view{snapshot: m.snapshot, status: m.status, each: m.each, every: every, broken: m.abort})
	defer stop()
	shares.Go(func() { m.library.Run(ctx) })
	m.say("seed.staying")
	<-ctx.Done()
	if err := context.Cause(ctx); !as[*interrupted](err) {
		return err
	}
	return nil
}

// tell passes on what happens in the library.
func (m *many) tell(e library.Event) {
	hash := ""
	if e.InfoHash != (infohash.T{}) {
		hash = e.InfoHash.String()
	}
	path := text.Printable(e.Path)
	switch e.Kind {
	case library.Ready:
		m.ready = true
		st := m.library.Status()
		m.say("seed.many.ready", m.text.Count("count.torrents", st.Shared), m.text.Count("count.torrents", st.Checking), m.text.Count("count.torrents", st.Failed))
		m.emit(event("ready", map[string]any{
			"listen": m.node.Addr().String(), "torrents": st.Torrents, "shared": st.Shared, "checking": st.Checking, "failed": st.Failed,
		}))
	case library.Shared:
		m.say("seed.many.shared", path)
		m.emit(event("torrent_shared", map[string]any{"path": e.Path, "info_hash": hash}))
	case library.Removed:
		m.say("seed.many.removed", path)
		m.emit(event("torrent_removed", map[string]any{"path": e.Path, "info_hash": hash}))
	case library.Failed:
		m.say("seed.many.failed", m.style.Bad("✗"), path, m.why(e.Err))
		m.emit(event("torrent_failed", map[string]any{"path": e.Path, "info_hash": hash, "error": e.Err.Error()}))
	}
	if st := m.library.Status(); m.ready && m.fixed && st.Shared+st.Checking == 0 {
		m.abort(m.fail(m.code(), "seed.many.none"))
	}
}

// code is the exit code for what could not be shared: that of all of them, if it is
// the same.
func (m *many) code() int {
	code := exitDone
	for _, e := range m.library.Failures() {
		one, _ := diagnose(e.Err)
		if as[*library.IncompleteError](e.Err) {
			one = exitMismatch
		}
		if code != exitDone && code != one {
			return exitOther
		}
		code = one
	}
	return code
}

// why says why a torrent cannot be shared.
func (m *many) why(err error) string {
	if i, ok := errors.AsType[*library.IncompleteError](err); ok {
		return m.text.Say("seed.many.incomplete", m.text.Count("count.pieces", i.Bad), i.Pieces)
	}
	if errors.Is(err, peer.ErrAdded) {
		return m.text.Say("seed.many.duplicate")
	}
	return oneLine(err.Error())
}

// snapshot is how it stands, for people. The watch calls it.
func (m *many) snapshot() progress.Snapshot {
	st, t := m.library.Status(), m.node.Totals()
	n := &progress.Torrents{Shared: st.Shared, Active: t.Active, Checking: st.Checking, Failed: st.Failed}
	if st.CheckAll > 0 {
		n.Checked = int(100 * st.CheckDone / st.CheckAll)
	}
	_, up := m.node.Limits()
	return progress.Snapshot{
		Verb: "seed", Name: m.text.Count("count.torrents", st.Torrents), State: progress.Seeding,
		Done: st.Bytes, Total: st.Bytes, Up: t.UpRate, Uploaded: t.Uploaded, UpLimit: up,
		Peers: t.Connected, Receiving: t.Receiving, Elapsed: time.Since(m.begin), Torrents: n,
	}
}

// status adds to a status line what is known of many torrents.
func (m *many) status(s progress.Snapshot, into *statusMessage) {
	st, t := m.library.Status(), m.node.Totals()
	into.limits(m.node)
	into.Peers = &peersObject{Connected: t.Connected, Receiving: t.Receiving}
	into.Library = &libraryObject{
		Torrents: st.Torrents, Shared: st.Shared, Active: t.Active, Awake: t.Awake, Checking: st.Checking,
		Failed: st.Failed, Uploaded: t.Uploaded, Goroutines: runtime.NumGoroutine(), Down: m.trackersDown(),
	}
}

// trackersDown returns the tracker hosts that do not answer.
func (m *many) trackersDown() []string {
	down := []string{}
	for _, d := range m.node.TrackersDown() {
		down = append(down, d.Host+" ("+d.Err+")")
	}
	return down
}

// each tells once when tracker hosts do not answer.
func (m *many) each(time.Time) {
	down := strings.Join(m.trackersDown(), ", ")
	if down != m.down && down != "" {
		m.say("seed.many.no_tracker", text.Printable(down))
		m.emit(event("tracker_error", map[string]any{"trackers": m.trackersDown()}))
	}
	m.down = down
}

// sum ends the command: how much was sent, and whether anything could not be shared.
func (m *many) sum(t peer.Totals, err error) error {
	failed := len(m.library.Failures())
	if err == nil && failed > 0 {
		err = m.fail(m.code(), "seed.many.some_failed", m.text.Count("count.torrents", failed))
	}
	if t.Uploaded > 0 {
		m.say("seed.many.sent", units.FormatBytes(t.Uploaded))
	}
	code, _ := diagnose(err)
	st := m.library.Status()
	return errors.Join(err, m.emit(summaryMessage{
		MessageType: "summary", Complete: failed == 0, BytesDone: st.Bytes, TotalBytes: st.Bytes,
		Uploaded: t.Uploaded, SecondsElapsed: int64(time.Since(m.begin).Seconds()), ExitCode: code,
	}))
}

// manyStart is the first JSON line of a seed command with many torrents.
type manyStart struct {
	MessageType string `json:"message_type"` // start
	Schema      int    `json:"schema"`
	Version     string `json:"version"`
	Command     string `json:"command"`
	Listen      string `json:"listen"`
}
