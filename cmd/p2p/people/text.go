package people

import (
	"context"
	"slices"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// What a message says now is what its author has changed it to last. That goes for what is written beside a file too, which is
// mentioned in, searched and changed as any text; a program before that shows it as it was sent.

// text fills in what a message says, whom it mentions, and what it answers.
func (v *viewer) text(m *p2pv1.Message, t body.Text) {
	m.Text, m.ReplyTo, m.Mentions, m.MentionsMe = t.Text, textID(t.ReplyTo), nil, slices.Contains(t.Mentions, v.me)
	for _, k := range t.Mentions {
		m.Mentions = append(m.Mentions, textKey(k))
	}
	if t.ReplyTo.IsZero() {
		return
	}
	to, found, err := v.archive.Event(v.ctx, t.ReplyTo)
	switch {
	case !found || err != nil || !to.Counts || textID(to.Event.In()) != m.Conversation: // what was said elsewhere is not for those here
	case to.Gone:
		m.ReplyName, m.ReplyDeleted = v.nameOf(to.Account), true
	default:
		m.ReplyName, m.ReplyText = v.nameOf(to.Account), cut(v.said(&to), replyLength)
	}
}

// replyLength is how much of a message stands above the answer to it, in bytes.
const replyLength = 200

// said returns what a message says now, or the name of the file that it offers.
func (v *viewer) said(e *history.Entry) string {
	if f, err := body.ParseFile(e.Body); err == nil && e.Event.Kind == body.KindFile {
		return f.Name
	}
	now, _ := v.textNow(v.ctx, e) // without what is about it, what was said first
	return now
}

// textNow returns what a message, or who offers a file in it, says now. With an error it is what was said first.
func (n *Node) textNow(ctx context.Context, e *history.Entry) (string, error) {
	t, ok := textIn(e)
	if !ok {
		return "", nil
	}
	all, err := n.archive.About(ctx, e.Event.ID)
	if now, by := edited(e, all); !by.IsZero() {
		t = now
	}
	return t.Text, failure(err)
}

// textIn returns what a message, or who offers a file in it, has said first; false if it is no such thing.
func textIn(e *history.Entry) (body.Text, bool) {
	switch e.Event.Kind {
	case body.KindText:
		t, err := body.ParseText(e.Body)
		return t, err == nil
	case body.KindFile:
		f, err := body.ParseFile(e.Body)
		return captionOf(f), err == nil
	}
	return body.Text{}, false
}

// captionOf returns what goes with a file.
func captionOf(f body.File) body.Text { return body.Text{Text: f.Text, Mentions: f.Mentions} }

// edits reports whether a changes what e says: only its author does.
func edits(a, e *history.Entry) bool {
	return a.Event.Kind == body.KindEdit && a.Account == e.Account && (e.Event.Kind == body.KindText || e.Event.Kind == body.KindFile)
}

// edited returns what e says now and the event that says so, zero if it was never changed; all are the events about it, in order.
func edited(e *history.Entry, all []history.Entry) (now body.Text, by room.ID) {
	for i := range all {
		if !edits(&all[i], e) {
			continue
		}
		if edit, err := body.ParseEdit(all[i].Body); err == nil {
			now, by = edit.New, all[i].Event.ID
		}
	}
	return now, by
}
