package people

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// newTransfer returns one for which nothing is done yet. info is nil as long as it is not known.
func newTransfer(d deal, info []byte) *transfer {
	return &transfer{deal: d, info: info}
}

// start has work done for a transfer, until it fails or is halted; when the disk is full, again as soon as there is room. The
// caller holds mu.
func (x *exchange) start(t *transfer, s p2pv1.Transfer_State, work func(context.Context) error) {
	if x.closed {
		return
	}
	t.state, t.problem = s, nil
	ctx, cancel := context.WithCancel(x.node.ctx)
	ended := make(chan struct{})
	t.cancel, t.ended = cancel, ended
	x.group.Go(func() {
		defer close(ended)
		defer cancel()
		var s shortage
		err := work(ctx)
		for wantsRoom(err) && x.awaitRoom(ctx, t, &s) {
			err = work(ctx)
		}
		if err != nil && ctx.Err() == nil {
			x.fail(t, err)
		}
	})
}

// halt ends what is done for a transfer, and closes its files.
func (x *exchange) halt(ctx context.Context, t *transfer) {
	x.mu.Lock()
	cancel, ended := t.cancel, t.ended
	t.cancel = nil
	x.mu.Unlock()
	if cancel != nil {
		cancel()
		<-ended
	}
	x.shut(ctx, t)
}

// shut ends the swarm of a transfer and closes its files. Nobody may use them any more.
func (x *exchange) shut(ctx context.Context, t *transfer) {
	x.mu.Lock()
	s, open := t.swarm, t.store
	if s != nil {
		t.Have = s.Stats().BytesDone
	}
	t.swarm, t.store = nil, nil
	x.mu.Unlock()
	var err error
	if s != nil {
		err = s.Close(ctx)
	}
	if open != nil {
		err = errors.Join(err, open.Close())
	}
	if err != nil {
		x.node.log.Debug("a file was not closed well", zap.Error(err))
	}
}

// fail ends a transfer with a reason. What was fetched stays, and Accept goes on with it; or begins anew, if it was there
// and is no more.
func (x *exchange) fail(t *transfer, err error) {
	x.node.log.Info("a file cannot be exchanged", zap.String("path", t.Path), zap.Error(err))
	x.shut(context.Background(), t) // before it may begin anew, with files of its own
	x.mu.Lock()
	problem := problemOf(err)
	t.state, t.problem, t.cancel = p2pv1.Transfer_STATE_FAILED, problem, nil
	t.away = errors.Is(err, errNoRoom) // it may be opened
	if t.Fetched && notThere(err) {
		t.state, t.Have = p2pv1.Transfer_STATE_GONE, 0
	}
	lost := t.lost()
	x.mu.Unlock()
	if lost {
		x.regret(t, problem)
	}
	x.tell()
}

// Why what was there is shared no more.
var (
	errChanged  = errors.New("the file is not any more what it was")
	errVanished = errors.New("the file is not there any more")
	errTouched  = errors.New("somebody seems to have written to the file")
)

// run shares a transfer until ctx ends. What somebody has written to is hashed again: it may be the same all the same.
func (x *exchange) run(ctx context.Context, t *transfer) error {
	meta, err := torrentfile.ParseInfo(t.info)
	if err != nil {
		return err
	}
	for {
		err := x.open(ctx, t, meta)
		if err == nil {
			err = x.follow(ctx, t)
		}
		if !errors.Is(err, errTouched) {
			return err // who ends us, or fail, closes the files
		}
		x.shut(ctx, t)
		x.mu.Lock()
		t.state, t.fresh, t.checked = p2pv1.Transfer_STATE_CHECKING, false, 0
		x.mu.Unlock()
	}
}

// open opens and checks the files of a transfer, and makes a swarm of it.
func (x *exchange) open(ctx context.Context, t *transfer, meta *torrentfile.Metainfo) error {
	gone := absent(t.Path)
	if gone && (t.Mine || t.Fetched && absent(t.Path+".part")) { // a part gets its name, as after any crash
		return errVanished
	}
	settled := t.Mine || t.Fetched && !gone
	o := store.Options{ReadOnly: settled, Root: t.Path, StateDir: filepath.Join(x.node.opt.Dir, "transfers"), InfoHash: t.Hash}
	if !settled {
		if err := os.MkdirAll(filepath.Dir(t.Path), 0o755); err != nil {
			return err
		}
	}
	s, err := store.Open("", &meta.Info, o)
	if err != nil {
		return err
	}
	x.mu.Lock()
	t.store = s
	x.mu.Unlock()
	have, err := x.check(ctx, t, s, meta.Info.Layout().Pieces())
	if err != nil {
		return err
	}
	return x.share(ctx, t, meta, have)
}

// check returns what is there of a transfer.
func (x *exchange) check(ctx context.Context, t *transfer, s *store.Store, pieces int) (*piece.Bitfield, error) {
	if t.fresh {
		have := piece.NewBitfield(pieces)
		have.SetAll()
		return have, s.Checkpoint(ctx, have) // so that the next run need not hash it again
	}
	have, err := s.Resume(ctx, func(done int64) {
		x.mu.Lock()
		t.checked = done
		x.mu.Unlock()
	})
	switch {
	case err != nil:
		return nil, err
	case have.Count() < have.Len() && (t.Mine || t.Fetched):
		return nil, errChanged
	}
	// A file of which only the name was missing when the last run ended gets it now: nothing more will come for it.
	return have, s.Checkpoint(ctx, have)
}

// remains reports whether something is there of a download that was cancelled. What has its name and is no part of it is not looked at.
func (d *deal) remains() bool {
	return d.Folder && !absent(d.Path) || d.Fetched && !absent(d.Path) || !absent(d.Path+".part")
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// share makes the torrent of a transfer part of the node.
func (x *exchange) share(ctx context.Context, t *transfer, meta *torrentfile.Metainfo, have *piece.Bitfield) error {
	n := x.node
	c := n.conversation(t.Room)
	if c == nil {
		return errNoRoom
	}
	var trackers [][]string
	if p := n.place(t.Room); p != nil {
		trackers = tiers(p.Trackers)
	}
	s, err := n.node.Add(peer.Torrent{Meta: meta, Store: t.store, Have: have, Trackers: trackers, Admit: c.gives})
	if err != nil {
		return err
	}
	x.mu.Lock()
	t.swarm = s
	if ctx.Err() == nil { // else it has got another state
		t.state = p2pv1.Transfer_STATE_DOWNLOADING
		if t.Mine {
			t.state = p2pv1.Transfer_STATE_SHARING
		}
	}
	x.mu.Unlock()
	x.meet(s, c)
	x.noteLost(t, false)
	return nil
}

var errNoRoom = errors.New("the conversation in which it was offered is not open")

// follow waits for the end of a download, and of the sharing.
func (x *exchange) follow(ctx context.Context, t *transfer) error {
	s := t.swarm
	if t.Mine {
		return x.guard(ctx, s)
	}
	if err := x.complete(ctx, t, s); err != nil || ctx.Err() != nil {
		return err
	}
	x.mu.Lock()
	t.state = p2pv1.Transfer_STATE_DONE
	var err error
	if !t.Fetched {
		t.Fetched = true
		err = x.keep()
	}
	x.mu.Unlock()
	if err != nil {
		x.node.log.Warn("it is not kept that a file is there", zap.String("path", t.Path), zap.Error(err))
	}
	x.tell()
	return x.guard(ctx, s)
}

// complete waits until all of a download is there.
func (x *exchange) complete(ctx context.Context, t *transfer, s *peer.Swarm) error {
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.Failed():
			return s.Err()
		case <-s.Complete():
			return nil
		case <-look.C:
			if x.scarce(t) {
				return errScarce
			}
			look.Reset(beatEvery)
			if s.Stats().Connected > 0 {
				look.Reset(scarceEvery)
			}
		}
	}
}

// guard waits for the end of the sharing.
func (x *exchange) guard(ctx context.Context, s *peer.Swarm) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.Failed():
		return lostOr(s.Err())
	}
}

// lostOr returns what an error of the files that are shared means.
func lostOr(err error) error {
	if store.Touched(err) {
		return errTouched
	}
	return err
}
