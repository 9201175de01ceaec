package people

import (
	"context"
	"path/filepath"
	"strings"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// A program that has not heard the answer sends it again under the key that it has given, and it is sent once. A key that was given to two
// things, as a date or a counter may be, would have the second one lost under the answer of the first: that is refused.

// maxKey is the longest key of what is sent, in bytes.
const maxKey = 256

// sentBefore returns what was sent to a conversation under a key, nil for nothing.
func (n *Node) sentBefore(ctx context.Context, in room.ID, key string) (*history.Entry, error) {
	switch {
	case key == "":
		return nil, nil
	case len(key) > maxKey:
		return nil, fail(invalid, api.BadKey, "limit", "256")
	}
	e, again, err := n.archive.Sent(ctx, in, key)
	if err != nil || !again {
		return nil, failure(err)
	}
	return n.written(ctx, e.ID)
}

// sentOnce is the answer to who sends what was written under its key.
func (n *Node) sentOnce(ctx context.Context, e *history.Entry, r *p2pv1.SendRequest) (*connect.Response[p2pv1.SendResponse], error) {
	if r.Key != "" && !saysText(e, r) {
		return nil, fail(exists, api.KeyUsed, "key", r.Key)
	}
	m, err := n.viewer(ctx).message(e)
	return connect.NewResponse(&p2pv1.SendResponse{Message: m}), failure(err)
}

// saysText reports whether a message was, as it was written, what r asks for. Of a deleted one nobody can tell.
func saysText(e *history.Entry, r *p2pv1.SendRequest) bool {
	if e.Event.Kind != body.KindText || e.Gone {
		return false
	}
	t, err := body.ParseText(e.Body)
	if err != nil || t.Text != r.Text {
		return false
	}
	if t.ReplyTo.IsZero() || r.ReplyTo == "" {
		return t.ReplyTo.IsZero() && r.ReplyTo == ""
	}
	return strings.HasPrefix(textID(t.ReplyTo), strings.ToLower(r.ReplyTo))
}

// offersThat reports whether a message was, as it was written, the offer of what is at a path, with a text. What is in the file does not
// matter: it may have been written to since.
func offersThat(e *history.Entry, path, text string) bool {
	if e.Event.Kind != body.KindFile || e.Gone {
		return false
	}
	f, err := body.ParseFile(e.Body)
	return err == nil && f.Text == text && f.Name == filepath.Base(path)
}

// editedBefore returns the message that was edited as r asks under its key, nil for none. It may say something else since, or be deleted:
// done again, the edit would undo that.
func (n *Node) editedBefore(ctx context.Context, r *p2pv1.EditRequest) (*p2pv1.Message, error) {
	if r.Key == "" {
		return nil, nil
	}
	e, err := n.event(ctx, r.Message)
	if err != nil {
		return nil, err
	}
	before, err := n.sentBefore(ctx, e.Event.In(), r.Key)
	if before == nil || err != nil {
		return nil, err
	}
	if !editsTo(before, &e, r.Text) {
		return nil, fail(exists, api.KeyUsed, "key", r.Key)
	}
	return n.viewEvent(ctx, e.Event.ID)
}

// editsTo reports whether an event is the edit that has a message say a text. With a message its edits are deleted, and nobody can tell.
func editsTo(edit, message *history.Entry, text string) bool {
	if edit.Event.Kind != body.KindEdit || message.Gone {
		return edit.Event.Kind == body.KindEdit && edit.Gone
	}
	b, err := body.ParseEdit(edit.Body)
	return err == nil && b.Target == message.Event.ID && b.New.Text == text
}
