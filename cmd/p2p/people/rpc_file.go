package people

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/units"
	"p2p/peer/ext"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// add keeps an offer and begins to share it.
func (x *exchange) add(d deal, info []byte) error {
	if err := x.node.archive.SaveSetting(infoSetting(d.Hash), info); err != nil {
		return err
	}
	x.mu.Lock()
	t := x.all[d.Hash]
	if t != nil && t.cancel != nil { // it is shared, or fetched, already
		t.Message = d.Message
	} else {
		t = newTransfer(d, info)
		x.all[d.Hash] = t
		x.start(t, p2pv1.Transfer_STATE_CHECKING, func(ctx context.Context) error { return x.run(ctx, t) })
	}
	err := x.keep()
	x.mu.Unlock()
	x.gained(t)
	x.tell()
	return err
}

// offered returns what a message offers.
func offered(e *history.Entry) (infohash.T, bool) {
	if e.Event.Kind != body.KindFile {
		return infohash.T{}, false
	}
	f, err := body.ParseFile(e.Body)
	return f.InfoHash, err == nil
}

// Accept implements p2pv1connect.PeopleHandler. It returns as soon as the transfer has begun.
func (n *Node) Accept(ctx context.Context, r *connect.Request[p2pv1.AcceptRequest]) (*connect.Response[p2pv1.AcceptResponse], error) {
	if err := n.acceptable(ctx, r.Msg.Message); err != nil {
		return nil, err
	}
	e, c, err := n.answerable(ctx, r.Msg.Message)
	if err != nil {
		return nil, err
	}
	f, parseErr := body.ParseFile(e.Body)
	if e.Event.Kind != body.KindFile || parseErr != nil {
		return nil, fail(failed, api.NoFile, "message", r.Msg.Message)
	}
	if folder := r.Msg.Folder; folder != "" && !filepath.IsAbs(folder) {
		return nil, fail(invalid, api.NoSuchPath, "path", folder)
	}
	if err := n.files.accept(ctx, c, &e, f, r.Msg.Folder); err != nil {
		return nil, failure(err)
	}
	n.fitFiles() // who has offered it may be gone
	return connect.NewResponse(&p2pv1.AcceptResponse{Transfer: n.files.of(f.InfoHash)}), nil
}

// acceptable is an error if what a message has offered was taken back, and is not here.
func (n *Node) acceptable(ctx context.Context, message string) error {
	e, err := n.event(ctx, message)
	if err != nil {
		return err
	}
	why, err := n.takenBack(ctx, &e)
	if err != nil || why == nil || n.files.has(e.Event.ID) {
		return failure(err)
	}
	return fail(missing, why.GetKey(), "who", why.GetWith()["who"])
}

// accept begins to fetch what was offered, or goes on with it. An empty folder is where it goes already, or else the usual one.
func (x *exchange) accept(ctx context.Context, c *conversation, e *history.Entry, f body.File, folder string) error {
	x.accepting.Lock()
	defer x.accepting.Unlock()
	t, info, err := x.goingOn(ctx, f, folder)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if t == nil {
		t, err = x.beginWith(c, e, f, folder, info)
	} else {
		err = x.goOnWith(t, e.Event.ID)
	}
	if err == nil && t.cancel == nil {
		x.seek(c, t, f)
	}
	return err
}

// beginWith notes a transfer that was accepted. The caller holds accepting and mu.
func (x *exchange) beginWith(c *conversation, e *history.Entry, f body.File, folder string, info []byte) (*transfer, error) {
	before := x.all[f.InfoHash]
	if folder == "" && before != nil && before.Stopped { // it was to go there
		folder = filepath.Dir(before.Path)
	}
	path, err := freePath(cmp.Or(folder, x.node.opt.Downloads), safeName(f.Name), func(path string) bool { return x.taken(path, f.InfoHash) })
	if err != nil {
		return nil, err
	}
	if err := x.fits(filepath.Dir(path), f.Size); err != nil {
		return nil, err
	}
	t := newTransfer(deal{
		Hash: f.InfoHash, Message: e.Event.ID, Room: c.id, Name: f.Name, Size: f.Size, Files: int32(f.Files), Folder: f.Folder, Path: path,
	}, info)
	t.giverLost = before != nil && before.giverLost
	x.all[f.InfoHash] = t
	err = x.keep() // the next run goes on with it, though nobody may have told more until then
	switch {
	case err == nil:
		return t, nil
	case before != nil:
		x.all[f.InfoHash] = before
	default:
		delete(x.all, f.InfoHash)
	}
	return nil, err
}

// goOnWith notes that a transfer was accepted again, perhaps with another message that offers the same. The caller holds accepting and mu.
func (x *exchange) goOnWith(t *transfer, message room.ID) error {
	if t.Mine {
		return nil
	}
	if t.cancel == nil && !t.Fetched {
		if err := x.fits(filepath.Dir(t.Path), t.Size-t.Have); err != nil {
			return err
		}
	}
	before := t.deal
	if err := x.makeWay(t); err != nil {
		return err
	}
	if t.Stopped, t.Message = false, message; t.deal == before {
		return nil
	}
	err := x.keep()
	if err != nil {
		if t.Path != before.Path {
			err = errors.Join(err, os.Rename(t.Path+".part", before.Path+".part"))
		}
		t.deal = before
	}
	return err
}

// makeWay gives what there is of a download another name, if something else has got its own meanwhile. The caller holds mu.
func (x *exchange) makeWay(t *transfer) error {
	if t.cancel != nil || t.Fetched || t.Folder || absent(t.Path) || absent(t.Path+".part") {
		return nil
	}
	path, err := freePath(filepath.Dir(t.Path), safeName(t.Name), func(path string) bool { return x.taken(path, t.Hash) })
	if err == nil {
		err = os.Rename(t.Path+".part", path+".part")
	}
	if err == nil {
		t.Path = path
	}
	return err
}

// reserve is what files leave free of a disk, in bytes: the history, and all that is said, may lie on the same one.
const reserve = 16 << 20

// fits returns an error if so many bytes more have no room in a folder, beside what is being fetched. The caller holds mu.
func (x *exchange) fits(dir string, size int64) error {
	if spare, known := x.spare(dir); known && size > max(spare, 0) {
		return fail(full, api.NoSpace, "size", units.FormatBytes(size), "free", units.FormatBytes(max(spare, 0)))
	}
	return nil
}

// spare returns how many bytes a folder has room for, beside what is being fetched, and less than none where that needs more than
// there is. What waits for room itself has no claim to any, or two would wait for each other. The caller holds mu.
func (x *exchange) spare(dir string) (bytes int64, known bool) {
	room, known := x.room(dir)
	room -= reserve
	for _, t := range x.all {
		if t.cancel != nil && t.lacks == nil {
			room -= t.left()
		}
	}
	return room, known
}

// left is how many bytes of a download are to come. The caller holds mu.
func (t *transfer) left() int64 {
	switch {
	case t.Mine || t.Fetched:
		return 0
	case t.swarm != nil:
		return t.Size - t.swarm.Stats().BytesDone
	}
	return t.Size - t.Have
}

// goingOn returns the transfer of f that an Accept goes on with, nil if it begins anew: there is none, what it has fetched is not
// there any more, or it is asked for elsewhere; then with the info dictionary if that is known. What is replaced has ended. The
// caller holds accepting.
func (x *exchange) goingOn(ctx context.Context, f body.File, folder string) (*transfer, []byte, error) {
	x.mu.Lock()
	t := x.all[f.InfoHash]
	if t == nil || t.state == p2pv1.Transfer_STATE_CANCELLED && !t.Stopped {
		x.mu.Unlock()
		return nil, nil, nil
	}
	stopped, remains := t.Stopped, t.remains()
	state, path, runs, mine, info, open := t.state, t.Path, t.cancel != nil, t.Mine, t.info, t.store
	x.mu.Unlock()
	elsewhere := folder != "" && !sameFolder(folder, filepath.Dir(path))
	switch {
	case mine:
		return t, nil, nil
	case state == p2pv1.Transfer_STATE_GONE, stopped && !remains:
	case state == p2pv1.Transfer_STATE_DONE:
		if open != nil && open.Intact() == nil && !elsewhere {
			return t, nil, nil
		}
	case !elsewhere:
		return t, nil, nil
	case runs:
		return nil, nil, fail(failed, api.FileElsewhere, "path", path)
	}
	x.halt(ctx, t)
	return nil, info, nil
}

// sameFolder reports whether two paths mean one folder.
func sameFolder(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	at, err := os.Stat(a)
	if err != nil {
		return false
	}
	bt, err := os.Stat(b)
	return err == nil && os.SameFile(at, bt)
}

// seek gets what else there is to know of a file from whoever has it, and fetches it. The caller holds mu.
func (x *exchange) seek(c *conversation, t *transfer, f body.File) {
	x.start(t, p2pv1.Transfer_STATE_WAITING, func(ctx context.Context) error {
		info, err := x.fetch(ctx, c, t, f)
		if err != nil {
			return err
		}
		if err := x.node.archive.SaveSetting(infoSetting(t.Hash), info); err != nil {
			return err
		}
		x.mu.Lock()
		t.info = info
		if ctx.Err() == nil {
			t.state = p2pv1.Transfer_STATE_CHECKING
		}
		x.mu.Unlock()
		x.gained(t)
		x.tell()
		return x.run(ctx, t)
	})
}

// taken reports whether a transfer other than that of h has that path. The caller holds mu.
func (x *exchange) taken(path string, h infohash.T) bool {
	for _, t := range x.all {
		if t.Path == path && t.Hash != h && (t.state != p2pv1.Transfer_STATE_CANCELLED || t.Stopped) {
			return true
		}
	}
	return false
}

// fetch gets the info dictionary from whoever has it, and makes sure that it is what was offered.
func (x *exchange) fetch(ctx context.Context, c *conversation, t *transfer, f body.File) ([]byte, error) {
	if t.info != nil {
		return t.info, nil
	}
	if f.InfoSize > ext.MaxInfo {
		return nil, errOffer
	}
	info, err := c.offers.Fetch(ctx, f.InfoHash, f.InfoSize)
	if err != nil {
		return nil, err
	}
	meta, err := torrentfile.ParseInfo(info)
	switch {
	case err != nil:
		return nil, err
	case meta.Info.Total() != f.Size || len(meta.Info.Files) != f.Files:
		return nil, errOffer
	}
	return info, nil
}

// errOffer is an offer that is not what its message says.
var errOffer = errors.New("what is offered is not what the message says")

// Cancel implements p2pv1connect.PeopleHandler.
func (n *Node) Cancel(ctx context.Context, r *connect.Request[p2pv1.CancelRequest]) (*connect.Response[p2pv1.CancelResponse], error) {
	e, err := n.event(ctx, r.Msg.Message)
	if err != nil {
		found := n.files.called(r.Msg.Message)
		switch {
		case len(found) == 0:
			return nil, err
		case len(found) > 1:
			return nil, severalFiles(r.Msg.Message, found)
		case found[0].prepared != nil:
			found[0].prepared.cancel(errCalledOff)
			return connect.NewResponse(&p2pv1.CancelResponse{Transfer: calledOff(found[0].prepared.Path)}), nil
		}
		if e, err = n.event(ctx, textID(found[0].message)); err != nil { // it counts no more
			if err := n.files.stop(ctx, found[0].hash); err != nil {
				return nil, failure(err)
			}
			return connect.NewResponse(&p2pv1.CancelResponse{Transfer: n.files.of(found[0].hash)}), nil
		}
	}
	h, ok := offered(&e)
	if !ok {
		return nil, fail(failed, api.NoFile, "message", r.Msg.Message)
	}
	if !n.files.isMine(&e, h) {
		if err := n.files.stop(ctx, h); err != nil {
			n.log.Warn("a file was not ended well", zap.Error(err))
			return nil, failure(err)
		}
		return connect.NewResponse(&p2pv1.CancelResponse{Transfer: n.files.of(h)}), nil
	}
	told, err := n.takeBack(ctx, &e, h)
	if err != nil {
		n.log.Warn("an offer was not taken back well", zap.Error(err))
		return nil, failure(err)
	}
	t := n.files.returned(&e)
	if !told && t != nil {
		t.File.TakenBack, t.Problem = false, n.absence(e.Event.In())
	}
	return connect.NewResponse(&p2pv1.CancelResponse{Transfer: t}), nil
}

// called is something that is prepared, on its way or shared, which a name may mean.
type called struct {
	name     string
	message  room.ID // that offers it
	hash     infohash.T
	prepared *preparation // no message offers it yet
}

// called returns what has a name, or is prepared at a path, or is offered by a message of that id: then that alone.
func (x *exchange) called(what string) (all []called) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, w := range x.preparing {
		switch base := filepath.Base(w.Path); {
		case w.Path == filepath.Clean(what):
			return []called{{name: base, prepared: w}}
		case strings.EqualFold(base, what):
			all = append(all, called{name: base, prepared: w})
		}
	}
	for _, t := range x.all {
		over := t.state == p2pv1.Transfer_STATE_CANCELLED || t.state == p2pv1.Transfer_STATE_GONE
		name := safeName(t.Name)
		of := called{name: name, message: t.Message, hash: t.Hash}
		switch {
		case over:
		case strings.HasPrefix(textID(t.Message), what) && len(what) >= messageShown:
			return []called{of}
		case strings.EqualFold(name, what):
			all = append(all, of)
		}
	}
	return all
}

// severalFiles is the error for a name that several things have.
func severalFiles(what string, all []called) error {
	var which []string
	for _, c := range all {
		id := textID(c.message)[:messageShown]
		if c.prepared != nil {
			id = c.prepared.Path
		}
		which = append(which, c.name+" ("+id+")")
	}
	slices.Sort(which)
	return fail(invalid, api.SameName, "who", what, "which", strings.Join(which, ", "))
}

// messageShown is how many characters of the id of a message an error shows.
const messageShown = 12

// returned is what programs are told of an own offer that was taken back: another message may offer the same.
func (x *exchange) returned(e *history.Entry) *p2pv1.Transfer {
	f, err := body.ParseFile(e.Body)
	if err != nil {
		return nil
	}
	t := x.of(f.InfoHash)
	if id := textID(e.Event.ID); t.GetMessage() != id {
		t = &p2pv1.Transfer{
			InfoHash: f.InfoHash.String(), Message: id, Conversation: textID(e.Event.In()), State: p2pv1.Transfer_STATE_CANCELLED, EtaSeconds: -1, File: fileOf(f),
		}
	}
	t.File.TakenBack = true
	return t
}

// calledOff is what programs are told of what was called off before it was offered.
func calledOff(path string) *p2pv1.Transfer {
	return &p2pv1.Transfer{State: p2pv1.Transfer_STATE_CANCELLED, Path: path, EtaSeconds: -1, File: &p2pv1.File{Name: safeName(filepath.Base(path))}}
}

// ListTransfers implements p2pv1connect.PeopleHandler.
func (n *Node) ListTransfers(ctx context.Context, r *connect.Request[p2pv1.ListTransfersRequest]) (*connect.Response[p2pv1.ListTransfersResponse], error) {
	all := n.files.list()
	for _, t := range all {
		back, err := n.wasTakenBack(ctx, t.Message)
		if err != nil {
			return nil, failure(err)
		}
		t.File.TakenBack = back
	}
	if r.Msg.Offers {
		offers, err := n.offers(ctx, all)
		if err != nil {
			return nil, failure(err)
		}
		all = append(all, offers...)
	}
	return connect.NewResponse(&p2pv1.ListTransfersResponse{Transfers: all}), nil
}

// wasTakenBack reports whether what a message has offered was taken back; no message offers what is only being prepared.
func (n *Node) wasTakenBack(ctx context.Context, message string) (bool, error) {
	id, err := parseID(message)
	if err != nil {
		return false, nil
	}
	e, found, err := n.archive.Event(ctx, id)
	if err != nil || !found {
		return false, err
	}
	why, err := n.takenBack(ctx, &e)
	return why != nil, err
}

// offersMost is how many offers are listed that nobody has accepted.
const offersMost = 100

// offers returns what was offered and is no transfer on this device, the last first.
func (n *Node) offers(ctx context.Context, transfers []*p2pv1.Transfer) (all []*p2pv1.Transfer, err error) {
	me, err := n.me()
	if err != nil {
		return nil, nil // nobody has offered anything to nobody
	}
	entries, err := n.archive.Newest(ctx, body.KindFile, offersMost)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, t := range transfers {
		known[t.InfoHash] = true
	}
	for i := range entries {
		e := &entries[i]
		f, err := body.ParseFile(e.Body)
		p := n.place(e.Event.In())
		// What this device has offered and does not share any more was taken back.
		if err != nil || p == nil || p.Left || e.Event.Author == me.deviceKey() || known[f.InfoHash.String()] {
			continue
		}
		if why, err := n.takenBack(ctx, e); err != nil || why != nil {
			continue
		}
		known[f.InfoHash.String()] = true
		all = append(all, &p2pv1.Transfer{
			InfoHash: f.InfoHash.String(), Message: textID(e.Event.ID), Conversation: textID(e.Event.In()), State: p2pv1.Transfer_STATE_OFFERED, EtaSeconds: -1, File: fileOf(f),
		})
	}
	return all, nil
}

// maxFileName is the longest name of a file of somebody else, in bytes: it leaves room for a number and for the suffix of a part.
const maxFileName = 200

// safeName returns a name by which a file of somebody else can be shown and saved: one part of a path, nothing hidden, and what
// torrentfile.SafeName says.
func safeName(name string) string {
	if name = strings.TrimLeft(name, ". "); name == "" {
		return "file"
	}
	return torrentfile.SafeName(name, maxFileName)
}
