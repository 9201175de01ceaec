package people

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/identity"
	"p2p/torrentfile"
)

// Offer implements p2pv1connect.PeopleHandler.
func (n *Node) Offer(ctx context.Context, r *connect.Request[p2pv1.OfferRequest]) (*connect.Response[p2pv1.OfferResponse], error) {
	c, p, err := n.room(ctx, r.Msg.Where)
	if err != nil {
		return nil, err
	}
	before, err := n.sentBefore(ctx, c.id, r.Msg.Key)
	switch {
	case err != nil:
		return nil, err
	case before == nil:
	case !offersThat(before, r.Msg.Path, r.Msg.Text):
		return nil, fail(exists, api.KeyUsed, "key", r.Msg.Key)
	case !n.files.unshared(ctx, before):
		m, err := n.viewer(ctx).message(before)
		return connect.NewResponse(&p2pv1.OfferResponse{Message: m}), failure(err)
	}
	if err := n.maySay(ctx, c, p, r.Msg.Despite); err != nil {
		return nil, err
	}
	path := r.Msg.Path
	if !filepath.IsAbs(path) {
		return nil, fail(invalid, api.NoSuchPath, "path", path)
	}
	if filepath.Base(path) == string(filepath.Separator) { // a whole disk has no name
		return nil, fail(invalid, api.WholeDisk, "path", path)
	}
	if len(r.Msg.Text) > body.MaxText {
		return nil, fail(invalid, api.TooLong, "limit", "24576")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, unfit(err, path, false)
	}
	w := &preparation{Room: c.id, Path: path, Text: r.Msg.Text, Began: time.Now().UnixMilli(), Despite: r.Msg.Despite, Key: r.Msg.Key, kept: r.Msg.Keep}
	done := n.files.prepare(ctx, c, w)
	if done.err != nil {
		return nil, done.err
	}
	m, err := n.viewEvent(ctx, done.message)
	return connect.NewResponse(&p2pv1.OfferResponse{Message: m, LeftOut: done.out.first, LeftOutCount: int32(done.out.count)}), err
}

// unfit is the error of a call for what cannot be offered.
func unfit(err error, path string, folder bool) error {
	switch {
	case errors.Is(err, torrentfile.ErrEmpty) && folder:
		return fail(invalid, api.EmptyFolder, "path", path)
	case errors.Is(err, torrentfile.ErrEmpty):
		return fail(invalid, api.EmptyFile, "path", path)
	case errors.Is(err, torrentfile.ErrChanged):
		return fail(failed, api.FileChanging, "path", path)
	case errors.As(err, new(*torrentfile.InvalidError)): // a name that every receiver would refuse
		return fail(invalid, api.BadFileName, "path", path)
	case errors.As(err, new(*torrentfile.UnfitError)):
		return fail(invalid, api.NotAFile, "path", path)
	case errors.Is(err, fs.ErrNotExist) && !absent(path): // a file of a folder in use, such as a cache
		return fail(failed, api.FileChanging, "path", path)
	case errors.Is(err, fs.ErrNotExist):
		return fail(missing, api.NoSuchPath, "path", path)
	case errors.Is(err, fs.ErrPermission):
		return fail(failed, api.NotPermitted, "path", path)
	}
	return failure(err)
}

// leftOut is what a folder has that cannot be sent.
type leftOut struct {
	first []*p2pv1.LeftOut
	count int
}

// leftOutMost is how much of it is told by name.
const leftOutMost = 100

func (l *leftOut) add(path string, mode fs.FileMode) {
	l.count++
	if len(l.first) == leftOutMost {
		return
	}
	kind := p2pv1.LeftOut_KIND_UNSPECIFIED
	switch {
	case mode.IsDir():
		kind = p2pv1.LeftOut_KIND_FOLDER
	case mode&fs.ModeSymlink != 0:
		kind = p2pv1.LeftOut_KIND_LINK
	case mode&fs.ModeNamedPipe != 0:
		kind = p2pv1.LeftOut_KIND_PIPE
	case mode&fs.ModeSocket != 0:
		kind = p2pv1.LeftOut_KIND_SOCKET
	case mode&fs.ModeDevice != 0:
		kind = p2pv1.LeftOut_KIND_DEVICE
	}
	l.first = append(l.first, &p2pv1.LeftOut{Path: strings.ToValidUTF8(path, "\uFFFD"), Kind: kind})
}

// shoutLeftOut says what others do not get of a folder, though its owner may believe it.
func (n *Node) shoutLeftOut(path string, l leftOut) {
	if l.count == 0 {
		return
	}
	n.shout(p2pv1.Alert_KIND_LEFT_OUT, identity.Key{}, path, api.LeftOutOf(path, l.first, l.count))
}

// hash makes the torrent of a file or folder, and tells programs how far it is. It returns whether it has told them anything: then
// they wait for what becomes of it.
func (x *exchange) hash(ctx context.Context, c *conversation, w *preparation) (meta *torrentfile.Metainfo, out leftOut, said bool, err error) {
	last := time.Now()
	meta, err = torrentfile.Create(ctx, w.Path, torrentfile.CreateOptions{
		Private: true, NoDate: true,
		Source:   textID(c.id), // one and the same file offered in two rooms is two torrents
		LeaveOut: out.add,
		Progress: func(done, total int64) {
			x.mu.Lock()
			w.done, w.total = done, total
			x.mu.Unlock()
			if now := time.Now(); now.Sub(last) >= time.Second {
				last, said = now, true
				x.tellHashing(w, p2pv1.Transfer_STATE_HASHING)
			}
		},
	})
	return meta, out, said, err
}

// hashed tells programs what became of what was hashed: the transfer, or that there is none.
func (x *exchange) hashed(w *preparation, meta *torrentfile.Metainfo) {
	if meta != nil {
		if t := x.of(meta.InfoHash); t != nil {
			x.node.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: t}})
			return
		}
	}
	x.tellHashing(w, p2pv1.Transfer_STATE_CANCELLED)
}

func (x *exchange) tellHashing(w *preparation, s p2pv1.Transfer_State) {
	x.mu.Lock()
	v := w.view(s)
	x.mu.Unlock()
	x.node.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: v}})
}

// view is what is being prepared, or was until now, as programs see it. The caller holds the mutex.
func (w *preparation) view(s p2pv1.Transfer_State) *p2pv1.Transfer {
	return &p2pv1.Transfer{
		Conversation: textID(w.Room), State: s, Path: w.Path, Done: w.done, EtaSeconds: -1,
		File: &p2pv1.File{Name: safeName(filepath.Base(w.Path)), Size: w.total},
	}
}
