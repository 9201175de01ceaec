package people

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"unicode"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// add keeps a new transfer and begins it.
func (x *exchange) add(d deal, info []byte) error {
	if err := x.node.archive.SaveSetting(infoSetting(d.Hash), info); err != nil {
		return err
	}
	t := x.begin(d, info)
	x.mu.Lock()
	t.Message = d.Message
	err := x.keep()
	x.mu.Unlock()
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
	e, c, err := n.answerable(ctx, r.Msg.Message)
	if err != nil {
		return nil, err
	}
	f, parseErr := body.ParseFile(e.Body)
	if e.Event.Kind != body.KindFile || parseErr != nil {
		return nil, fail(failed, api.NoFile, "message", r.Msg.Message)
	}
	folder := r.Msg.Folder
	switch {
	case folder == "":
		folder = n.opt.Downloads
	case !filepath.IsAbs(folder):
		return nil, fail(invalid, api.NoSuchPath, "path", folder)
	}
	if err := n.files.accept(c, &e, f, folder); err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.AcceptResponse{Transfer: n.files.of(f.InfoHash)}), nil
}

// accept begins to fetch what was offered, or goes on with it.
func (x *exchange) accept(c *conversation, e *history.Entry, f body.File, folder string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.all[f.InfoHash]
	if t != nil && (t.swarm != nil || t.cancel != nil) {
		return nil
	}
	if t == nil || t.state == p2pv1.Transfer_STATE_CANCELLED {
		path, err := freePath(folder, safeName(f.Name), x.taken)
		if err != nil {
			return err
		}
		t = &transfer{deal: deal{
			Hash: f.InfoHash, Message: e.Event.ID, Room: c.id, Name: f.Name, Size: f.Size, Files: int32(f.Files), Folder: f.Folder, Path: path,
		}}
		x.all[f.InfoHash] = t
		if err := x.keep(); err != nil { // the next run goes on with it, though nobody may have told more until then
			t.state = p2pv1.Transfer_STATE_CANCELLED
			return err
		}
	}
	x.seek(c, t, f)
	return nil
}

// seek gets what else there is to know of a file from whoever has it, and begins to fetch it. The caller holds mu.
func (x *exchange) seek(c *conversation, t *transfer, f body.File) {
	if x.closed {
		return
	}
	t.state, t.problem = p2pv1.Transfer_STATE_WAITING, nil
	ctx, cancel := context.WithCancel(x.node.ctx)
	t.cancel = cancel
	x.group.Go(func() {
		info, err := x.fetch(ctx, c, t, f)
		x.mu.Lock()
		t.cancel = nil
		x.mu.Unlock()
		if err == nil {
			err = x.add(t.deal, info)
		}
		if err != nil && ctx.Err() == nil {
			x.fail(t, err)
		}
		cancel()
	})
}

// seekAgain is seek for a file that was accepted in an earlier run.
func (x *exchange) seekAgain(ctx context.Context, d deal) error {
	e, found, err := x.node.archive.Event(ctx, d.Message)
	if err != nil {
		return err
	}
	c := x.node.conversation(d.Room)
	if !found || c == nil {
		return errNoRoom
	}
	f, err := body.ParseFile(e.Body)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	t := &transfer{deal: d}
	x.all[d.Hash] = t
	x.seek(c, t, f)
	return nil
}

// taken reports whether a transfer has that path. The caller holds mu.
func (x *exchange) taken(path string) bool {
	for _, t := range x.all {
		if t.Path == path && t.state != p2pv1.Transfer_STATE_CANCELLED {
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
		return nil, err
	}
	h, ok := offered(&e)
	if !ok {
		return nil, fail(failed, api.NoFile, "message", r.Msg.Message)
	}
	if err := n.files.stop(ctx, h); err != nil {
		n.log.Warn("a file was not ended well", zap.Error(err))
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.CancelResponse{}), nil
}

// ListTransfers implements p2pv1connect.PeopleHandler.
func (n *Node) ListTransfers(context.Context, *connect.Request[p2pv1.ListTransfersRequest]) (*connect.Response[p2pv1.ListTransfersResponse], error) {
	return connect.NewResponse(&p2pv1.ListTransfersResponse{Transfers: n.files.list()}), nil
}

// safeName returns a name by which a file of somebody else can be shown and saved: one part of a path, no device of
// Windows, nothing hidden, no control characters and none that turn the direction of writing.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimRight(strings.TrimLeft(cut(name, 200), ". "), ". ")
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch {
	case name == "":
		return "file"
	case windowsDevice(stem):
		return "_" + name
	}
	return name
}

// windowsDevice reports whether a name without its extension is a device there, whatever folder it is in.
func windowsDevice(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '1' && stem[3] <= '9'
}
