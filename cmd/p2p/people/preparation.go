package people

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// What is offered is hashed first, which takes minutes for what is large. Whoever has asked for it in a terminal goes on with other
// things meanwhile, and may leave: what he has sent is written down before it is begun, and begun anew by the next run.

// preparation is what is to be an offer.
type preparation struct {
	Room    room.ID  `json:"room"`
	Path    string   `json:"path"`
	Text    string   `json:"text,omitempty"`
	Began   int64    `json:"began"`             // milliseconds since 1970
	Despite []string `json:"despite,omitempty"` // as in the request, and so is Key
	Key     string   `json:"key,omitempty"`

	kept        bool // it goes on without whoever has asked for it
	cancel      context.CancelCauseFunc
	done, total int64 // bytes that were hashed; guarded by the exchange
}

// prepared is what became of one.
type prepared struct {
	message room.ID
	out     leftOut
	err     error // that of a call
}

// preparedSetting is the setting with what is kept.
const preparedSetting = "preparing"

// errCalledOff is that the person does not want it any more.
var errCalledOff = errors.New("the offer was called off")

// prepare hashes and offers what w says, on a goroutine of its own if it is kept; ctx then ends the waiting alone.
func (x *exchange) prepare(ctx context.Context, c *conversation, w *preparation) prepared {
	if !w.kept {
		work, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		w.cancel = cancel
		if err := x.begin(w, nil); err != nil {
			return prepared{err: failure(err)}
		}
		r := x.offer(work, c, w)
		x.done(w)
		return r
	}
	done := make(chan prepared) // nobody may wait
	if err := x.prepareKept(c, w, func(r prepared) bool {
		select {
		case done <- r:
			return true
		case <-ctx.Done():
			return r.err == nil
		}
	}); err != nil {
		return prepared{err: failure(err)}
	}
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return prepared{err: failure(context.Cause(ctx))}
	}
}

// prepareKept begins to prepare what goes on without whoever has asked for it. tell says what became of it, and reports whether anybody
// has heard; otherwise an alert says that it was not sent, as soon as somebody is there. Nothing is told when the node ends.
func (x *exchange) prepareKept(c *conversation, w *preparation, tell func(prepared) bool) error {
	work, cancel := context.WithCancelCause(x.node.ctx)
	w.cancel = cancel
	err := x.begin(w, func() {
		defer cancel(nil)
		r := x.offer(work, c, w)
		switch ended := work.Err() != nil && !errors.Is(context.Cause(work), errCalledOff); {
		case r.err == nil:
			x.done(w) // before it is told: it is not to be sent again
			tell(r)
		case ended: // the next run goes on
		case tell(r), x.tellNotOffered(work, w, r.err):
			x.done(w)
		}
	})
	if err != nil {
		cancel(nil)
	}
	return err
}

// tellNotOffered says that something was not sent, to the first who is there to hear it. It reports false when the node ends before.
func (x *exchange) tellNotOffered(ctx context.Context, w *preparation, err error) bool {
	if errors.Is(context.Cause(ctx), errCalledOff) {
		return true
	}
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if _, listeners := x.node.hub.watched(); listeners > 0 {
			x.node.shout(p2pv1.Alert_KIND_OFFER_LOST, identity.Key{}, w.Path, notOffered(w.Path, err))
			return true
		}
		select {
		case <-ctx.Done():
			return errors.Is(context.Cause(ctx), errCalledOff)
		case <-tick.C:
		}
	}
}

// notOffered says that what is at a path was not sent, and why.
func notOffered(path string, err error) *p2pv1.Reason {
	why := api.ReasonOf(err)
	if why == nil {
		why = problemOf(err)
	}
	r := api.Problem(api.NotOffered, "path", path, "problem", why.GetKey())
	for name, value := range why.GetWith() {
		if r.With[name] == "" {
			r.With[name] = value
		}
	}
	return r
}

// begin notes that something is being prepared, and does work, if it is not nil, on a goroutine of its own.
func (x *exchange) begin(w *preparation, work func()) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return history.ErrClosed
	}
	x.preparing = append(x.preparing, w)
	if err := x.keepPrepared(); err != nil {
		x.preparing = x.preparing[:len(x.preparing)-1]
		return err
	}
	if work != nil {
		x.group.Go(work)
	}
	return nil
}

// done notes that nothing more is to be done for it.
func (x *exchange) done(w *preparation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.preparing = slices.DeleteFunc(x.preparing, func(o *preparation) bool { return o == w })
	if err := x.keepPrepared(); err != nil {
		x.node.log.Warn("it is not kept what is being prepared", zap.Error(err))
	}
}

// keepPrepared writes down what the next run is to go on with. The caller holds mu.
func (x *exchange) keepPrepared() error {
	var list []*preparation
	for _, w := range x.preparing {
		if w.kept {
			list = append(list, w)
		}
	}
	if len(list) == 0 && !x.prepares {
		return nil
	}
	b, err := json.Marshal(list)
	if err == nil {
		err = x.node.archive.SaveSetting(preparedSetting, b)
	}
	x.prepares = len(list) > 0 || err != nil
	return err
}

// restorePrepared goes on with what an earlier run has prepared.
func (x *exchange) restorePrepared(ctx context.Context) {
	b, err := x.node.archive.Setting(ctx, preparedSetting)
	var list []*preparation
	if err == nil && b != nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		x.node.log.Error("cannot go on with what is to be offered", zap.Error(err))
		return
	}
	for _, w := range list {
		w.kept = true
		if err := x.prepareKept(x.node.conversation(w.Room), w, func(prepared) bool { return false }); err != nil {
			x.node.log.Warn("cannot go on with what is to be offered", zap.String("path", w.Path), zap.Error(err))
		}
	}
}

// offer hashes and offers what w says.
func (x *exchange) offer(ctx context.Context, c *conversation, w *preparation) prepared {
	n := x.node
	if c == nil {
		return prepared{err: n.notHere(w.Room)}
	}
	st, err := os.Stat(w.Path)
	if err != nil {
		return prepared{err: unfit(err, w.Path, false)}
	}
	meta, out, said, err := x.hash(ctx, c, w)
	if said {
		defer func() { x.hashed(w, meta) }()
	}
	switch {
	case errors.Is(context.Cause(ctx), errCalledOff):
		meta = nil
		return prepared{err: fail(failed, api.CalledOff)}
	case err != nil:
		return prepared{err: unfit(err, w.Path, st.IsDir())}
	case len(meta.InfoBytes) > ext.MaxInfo:
		return prepared{err: fail(invalid, api.TooManyFiles, "path", w.Path)}
	}
	f := body.File{
		InfoHash: meta.InfoHash, Name: meta.Info.Name, Size: meta.Info.Total(), Files: len(meta.Info.Files), InfoSize: int64(len(meta.InfoBytes)), Text: w.Text,
		Folder: st.IsDir(), Mentions: n.mentioned(c, w.Text),
	}
	id, err := x.say(ctx, c, w, f)
	if err != nil {
		return prepared{err: err}
	}
	if w.Key != "" {
		if e, err := n.written(ctx, id); err != nil || !offersThat(e, w.Path, w.Text) {
			return prepared{err: cmp.Or(err, fail(exists, api.KeyUsed, "key", w.Key))}
		} else if h, _ := offered(e); h != f.InfoHash {
			return prepared{message: id} // it was written to since
		}
	}
	d := deal{Hash: f.InfoHash, Message: id, Room: c.id, Name: f.Name, Size: f.Size, Files: int32(f.Files), Folder: f.Folder, Path: w.Path, Mine: true, fresh: true}
	if err := x.add(d, meta.InfoBytes); err != nil {
		return prepared{err: failure(err)}
	}
	n.shoutLeftOut(w.Path, out)
	return prepared{message: id, out: out}
}

// say writes the message that offers f, unless the run before has written it at its very end.
func (x *exchange) say(ctx context.Context, c *conversation, w *preparation, f body.File) (room.ID, error) {
	n := x.node
	if w.kept {
		if id, found := x.saidBefore(ctx, w, f.InfoHash); found {
			return id, nil
		}
		p := n.place(c.id) // much may have happened since it was asked for
		if p == nil || p.Left {
			return room.ID{}, n.notHere(c.id)
		}
		if err := n.maySay(ctx, c, *p, w.Despite); err != nil {
			return room.ID{}, err
		}
	}
	e, err := c.talk.WriteOnce(ctx, w.Key, body.KindFile, f.AppendTo(nil))
	if err == nil {
		return e.ID, nil
	}
	if why := n.absence(c.id); why != nil { // he may have left, and it is closed
		return room.ID{}, api.Refused(why)
	}
	return room.ID{}, n.unwritten(ctx, c, err)
}

// unshared reports whether a message of this device offers what is no transfer: its node ended between the two. An offer that was
// taken back is none of those.
func (x *exchange) unshared(ctx context.Context, message *history.Entry) bool {
	h, ok := offered(message)
	if !ok || x.of(h) != nil {
		return false
	}
	why, err := x.node.takenBack(ctx, message)
	return err == nil && why == nil
}

// saidBefore returns the message of this device that offers h since it began to be prepared.
func (x *exchange) saidBefore(ctx context.Context, w *preparation, h infohash.T) (room.ID, bool) {
	entries, err := x.node.archive.Newest(ctx, body.KindFile, offersMost)
	if err != nil {
		return room.ID{}, false
	}
	for i := range entries {
		e := &entries[i]
		if of, ok := offered(e); ok && of == h && e.Event.In() == w.Room && e.Event.Author == x.device() && int64(e.Event.Wall) >= w.Began {
			return e.Event.ID, true
		}
	}
	return room.ID{}, false
}
