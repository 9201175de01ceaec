package people

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/emoji"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// Send implements p2pv1connect.PeopleHandler.
func (n *Node) Send(ctx context.Context, r *connect.Request[p2pv1.SendRequest]) (*connect.Response[p2pv1.SendResponse], error) {
	c, p, err := n.room(ctx, r.Msg.Where)
	if err != nil {
		return nil, err
	}
	t := body.Text{Text: r.Msg.Text}
	if err := sayable(t.Text); err != nil {
		return nil, err
	}
	switch before, err := n.sentBefore(ctx, c.id, r.Msg.Key); {
	case err != nil:
		return nil, err
	case before != nil:
		return n.sentOnce(ctx, before, r.Msg)
	}
	if r.Msg.ReplyTo != "" {
		e, err := n.event(ctx, r.Msg.ReplyTo)
		switch {
		case err != nil:
			return nil, err
		case e.Event.In() != c.id: // nobody here could read what is answered
			return nil, fail(invalid, api.ElsewhereSaid)
		case e.Gone:
			return nil, fail(missing, api.MessageDeleted)
		}
		t.ReplyTo = e.Event.ID
	}
	if err := n.maySay(ctx, c, p, r.Msg.Despite); err != nil {
		return nil, err
	}
	t.Mentions = n.mentioned(c, t.Text)
	e, err := c.talk.WriteOnce(ctx, r.Msg.Key, body.KindText, t.AppendTo(nil))
	if err != nil {
		return nil, n.unwritten(ctx, c, err)
	}
	written, err := n.written(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	return n.sentOnce(ctx, written, r.Msg) // somebody else may have been faster with that key
}

// sayable reports whether a text can be a message.
func sayable(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fail(invalid, api.Empty)
	case len(text) > body.MaxText:
		return fail(invalid, api.TooLong, "limit", strconv.Itoa(body.MaxText))
	case !utf8.ValidString(text):
		return fail(invalid, api.Invalid, "what", "text")
	}
	return nil
}

// event returns the message that a program means by its id, or the start of it.
func (n *Node) event(ctx context.Context, s string) (history.Entry, error) {
	id, err := parseID(s)
	if err != nil {
		return n.starting(ctx, s)
	}
	e, found, err := n.archive.Event(ctx, id)
	switch {
	case err != nil:
		return e, failure(err)
	case !found || !e.Line || !e.Counts || n.isOwn(e.Event.In()):
		return e, fail(missing, api.NoSuchMessage, "message", s)
	}
	return e, nil
}

// answerable is mine for what others are to see of it, unless the other side is in doubt.
func (n *Node) answerable(ctx context.Context, s string) (history.Entry, *conversation, error) {
	e, c, err := n.mine(ctx, s)
	if err != nil {
		return e, nil, err
	}
	p := n.place(c.id)
	if p == nil {
		return e, c, nil
	}
	if reason := n.deserted(c, *p); reason != nil {
		return e, c, api.Refused(reason)
	}
	return e, c, n.undoubted(p.With)
}

// The start of an id that is looked for has shortID digits at the least, as with git. Lines of the own room, which nobody
// sees, may begin with it too.
const shortID, sameStart = 4, 64

// starting is event for the start of an id.
func (n *Node) starting(ctx context.Context, s string) (history.Entry, error) {
	if len(s) < shortID {
		return history.Entry{}, fail(missing, api.NoSuchMessage, "message", s)
	}
	all, err := n.archive.Starting(ctx, s, sameStart)
	if err != nil {
		return history.Entry{}, failure(err)
	}
	all = slices.DeleteFunc(all, func(e history.Entry) bool { return n.isOwn(e.Event.In()) })
	switch len(all) {
	case 0:
		return history.Entry{}, fail(missing, api.NoSuchMessage, "message", s)
	case 1:
		return all[0], nil
	}
	return history.Entry{}, fail(invalid, api.AmbiguousMessage, "message", s)
}

// mine is event for a message that this person may change.
func (n *Node) mine(ctx context.Context, s string) (history.Entry, *conversation, error) {
	e, err := n.event(ctx, s)
	if err != nil {
		return e, nil, err
	}
	c := n.conversation(e.Event.In())
	switch {
	case c == nil || !c.talk.Joined():
		return e, nil, n.notHere(e.Event.In())
	case e.Gone:
		return e, nil, fail(missing, api.MessageDeleted)
	case e.Event.Kind < room.Content || e.Event.Kind == body.KindRevocation:
		return e, nil, fail(missing, api.NoSuchMessage, "message", s)
	}
	return e, c, nil
}

func (n *Node) viewEvent(ctx context.Context, id room.ID) (*p2pv1.Message, error) {
	e, err := n.written(ctx, id)
	if err != nil {
		return nil, err
	}
	m, err := n.viewer(ctx).message(e)
	return m, failure(err)
}

// written returns an event that was there a moment ago.
func (n *Node) written(ctx context.Context, id room.ID) (*history.Entry, error) {
	e, found, err := n.archive.Event(ctx, id)
	if err != nil || !found {
		return nil, failure(errors.Join(err, errGone))
	}
	return &e, nil
}

// errGone is an event that was there a moment ago.
var errGone = errors.New("the event is not in the history")

// Edit implements p2pv1connect.PeopleHandler.
func (n *Node) Edit(ctx context.Context, r *connect.Request[p2pv1.EditRequest]) (*connect.Response[p2pv1.EditResponse], error) {
	n.editing.Lock()
	defer n.editing.Unlock()
	if m, err := n.editedBefore(ctx, r.Msg); m != nil || err != nil {
		return connect.NewResponse(&p2pv1.EditResponse{Message: m}), err
	}
	e, c, err := n.mine(ctx, r.Msg.Message)
	if err != nil {
		return nil, err
	}
	if p := n.place(c.id); p != nil {
		if err := n.maySay(ctx, c, *p, r.Msg.Despite); err != nil {
			return nil, err
		}
	}
	was, isText := textIn(&e)
	switch {
	case e.Account != n.accountOf():
		return nil, fail(denied, api.NotYours)
	case !isText:
		return nil, fail(missing, api.NoSuchMessage, "message", r.Msg.Message)
	}
	if err := sayable(r.Msg.Text); err != nil {
		return nil, err
	}
	if r.Msg.Replaces != nil {
		switch now, err := n.textNow(ctx, &e); {
		case err != nil:
			return nil, err
		case now == r.Msg.Text:
			m, err := n.viewEvent(ctx, e.Event.ID)
			return connect.NewResponse(&p2pv1.EditResponse{Message: m}), err
		case now != *r.Msg.Replaces:
			return nil, fail(failed, api.MessageChanged)
		}
	}
	edit := body.Edit{Target: e.Event.ID, New: body.Text{Text: r.Msg.Text, ReplyTo: was.ReplyTo, Mentions: n.mentioned(c, r.Msg.Text)}}
	if _, err := c.talk.WriteOnce(ctx, r.Msg.Key, body.KindEdit, edit.AppendTo(nil)); err != nil {
		return nil, n.unwritten(ctx, c, err)
	}
	m, err := n.viewEvent(ctx, e.Event.ID)
	return connect.NewResponse(&p2pv1.EditResponse{Message: m}), err
}

// Delete implements p2pv1connect.PeopleHandler.
func (n *Node) Delete(ctx context.Context, r *connect.Request[p2pv1.DeleteRequest]) (*connect.Response[p2pv1.DeleteResponse], error) {
	e, c, err := n.mine(ctx, r.Msg.Message)
	if err != nil {
		return nil, err
	}
	if e.Account != n.accountOf() && c.talk.Role(n.accountOf()) < room.Moderator {
		return nil, fail(denied, api.NotYours)
	}
	_, err = c.talk.Write(ctx, room.Delete, body.Delete(e.Event.ID))
	if err == nil {
		n.files.settle(ctx, e.Event.ID)
	}
	return connect.NewResponse(&p2pv1.DeleteResponse{}), stored(err)
}

// React implements p2pv1connect.PeopleHandler.
func (n *Node) React(ctx context.Context, r *connect.Request[p2pv1.ReactRequest]) (*connect.Response[p2pv1.ReactResponse], error) {
	e, c, err := n.answerable(ctx, r.Msg.Message)
	if err != nil {
		return nil, err
	}
	symbol, is := emoji.Of(r.Msg.Emoji)
	if !is || len(symbol) > body.MaxEmoji {
		if !r.Msg.TakeBack || r.Msg.Emoji == "" || !plain(r.Msg.Emoji, body.MaxEmoji) { // an older program may have put any text
			return nil, fail(invalid, api.NotEmoji, "emoji", r.Msg.Emoji)
		}
		symbol = r.Msg.Emoji
	}
	a := body.Reaction{Target: e.Event.ID, Emoji: symbol, Back: r.Msg.TakeBack}
	if _, err := c.talk.Write(ctx, body.KindReaction, a.AppendTo(nil)); err != nil {
		return nil, n.unwritten(ctx, c, err)
	}
	m, err := n.viewEvent(ctx, e.Event.ID)
	return connect.NewResponse(&p2pv1.ReactResponse{Message: m}), err
}

// limits of a page of messages.
const (
	defaultPage = 50
	maxPage     = 500
)

// ListMessages implements p2pv1connect.PeopleHandler.
func (n *Node) ListMessages(ctx context.Context, r *connect.Request[p2pv1.ListMessagesRequest]) (*connect.Response[p2pv1.ListMessagesResponse], error) {
	p, err := n.readable(r.Msg.Where)
	if err != nil {
		return nil, err
	}
	limit := int(r.Msg.Limit)
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	out, v := &p2pv1.ListMessagesResponse{}, n.viewer(ctx)
	var all []history.Entry
	switch {
	case r.Msg.Around != "":
		e, err := n.event(ctx, r.Msg.Around)
		if err != nil {
			return nil, err
		}
		if all, err = n.archive.Around(ctx, e.Event.ID, limit/2); err != nil {
			return nil, failure(err)
		}
		out.MoreBefore, out.MoreAfter, err = n.beyond(ctx, p.Room, all)
		if err != nil {
			return nil, failure(err)
		}
	case r.Msg.After != "":
		e, err := n.event(ctx, r.Msg.After)
		if err != nil {
			return nil, err
		}
		if all, err = v.visible(n.archive.After, p.Room, e.Position(), limit+1); err != nil {
			return nil, failure(err)
		}
		out.MoreBefore, out.MoreAfter = true, len(all) > limit
		all = all[:min(len(all), limit)]
	default:
		at := history.End
		if r.Msg.Before != "" {
			e, err := n.event(ctx, r.Msg.Before)
			if err != nil {
				return nil, err
			}
			at, out.MoreAfter = e.Position(), true
		}
		if all, err = v.visible(n.archive.Before, p.Room, at, limit+1); err != nil {
			return nil, failure(err)
		}
		out.MoreBefore = len(all) > limit
		all = all[max(0, len(all)-limit):]
	}
	out.Messages, err = v.messages(all)
	return connect.NewResponse(out), failure(err)
}

// beyond reports whether there is more before and after a page.
func (n *Node) beyond(ctx context.Context, id room.ID, all []history.Entry) (before, after bool, err error) {
	if len(all) == 0 {
		return false, false, nil
	}
	b, err := n.archive.Before(ctx, id, all[0].Position(), 1)
	if err != nil {
		return false, false, err
	}
	a, err := n.archive.After(ctx, id, all[len(all)-1].Position(), 1)
	return len(b) > 0, len(a) > 0, err
}

// Search implements p2pv1connect.PeopleHandler.
func (n *Node) Search(ctx context.Context, r *connect.Request[p2pv1.SearchRequest]) (*connect.Response[p2pv1.SearchResponse], error) {
	q := history.Query{Text: r.Msg.Query, Before: r.Msg.Before, Limit: int(r.Msg.Limit)}
	if q.Limit <= 0 || q.Limit > maxPage {
		q.Limit = defaultPage
	}
	if r.Msg.Where != "" {
		p, err := n.readable(r.Msg.Where)
		if err != nil {
			return nil, err
		}
		q.Room = p.Room
	}
	out := &p2pv1.SearchResponse{}
	if err := n.search(ctx, q, out); err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(out), nil
}

// search fills a page with messages that say now what is looked for, each once. What one said before it was changed is in the
// index too, since others may have it still: it is looked past.
func (n *Node) search(ctx context.Context, q history.Query, out *p2pv1.SearchResponse) error {
	v, limit, listed := n.viewer(ctx), q.Limit, map[string]bool{}
	for range maxSearches {
		found, next, err := n.archive.Search(ctx, q)
		if err != nil {
			return err
		}
		for i := range found {
			e := &found[i]
			m, err := v.changedBy(e)
			if err != nil {
				return err
			}
			q.Before = e.N
			if m == nil || listed[m.Id] {
				continue
			}
			if says, err := saysNow(ctx, m, e, q.Text); err != nil {
				return err
			} else if !says {
				continue
			}
			listed[m.Id] = true
			out.Messages = append(out.Messages, m)
			if len(out.Messages) == limit {
				out.Next = q.Before
				return nil
			}
		}
		q.Before, out.Next = next, next
		if next == 0 {
			return nil
		}
	}
	return nil
}

// maxSearches is how many pages of the index are read for one of messages, of which some may have been changed a thousand times.
const maxSearches = 8

// saysNow reports whether the event e, which a search has found, says what the message m says now. A file is found by its name too: what
// was said beside it first is in the index with that.
func saysNow(ctx context.Context, m *p2pv1.Message, e *history.Entry, search string) (bool, error) {
	if !m.Edited {
		return true, nil
	}
	if edit, err := body.ParseEdit(e.Body); e.Event.Kind == body.KindEdit {
		return err == nil && edit.New.Text == m.Text, nil
	}
	if t, ok := textIn(e); ok && t.Text == m.Text || m.File == nil {
		return ok && t.Text == m.Text, nil
	}
	return history.Finds(ctx, search, m.File.Name+"\n"+m.Text)
}

// MarkRead implements p2pv1connect.PeopleHandler.
func (n *Node) MarkRead(ctx context.Context, r *connect.Request[p2pv1.MarkReadRequest]) (*connect.Response[p2pv1.MarkReadResponse], error) {
	p, err := n.where(r.Msg.Where)
	if err != nil {
		return nil, err
	}
	if err := n.undoubted(p.With); err != nil {
		return nil, err
	}
	c := n.conversation(p.Room)
	if c == nil {
		return connect.NewResponse(&p2pv1.MarkReadResponse{}), nil
	}
	var id room.ID
	if r.Msg.Message != "" {
		e, err := n.event(ctx, r.Msg.Message)
		if err != nil {
			return nil, err
		}
		id = e.Event.ID
	} else {
		last, err := n.archive.Before(ctx, p.Room, history.End, 1)
		if err != nil || len(last) == 0 {
			return connect.NewResponse(&p2pv1.MarkReadResponse{}), failure(err)
		}
		id = last[0].Event.ID
	}
	if err := c.talk.Read(ctx, id); err != nil {
		return nil, stored(err)
	}
	n.forgetUnread(p.Room)
	n.tellRoom(c.id, false)
	return connect.NewResponse(&p2pv1.MarkReadResponse{}), nil
}

// Typing implements p2pv1connect.PeopleHandler.
func (n *Node) Typing(ctx context.Context, r *connect.Request[p2pv1.TypingRequest]) (*connect.Response[p2pv1.TypingResponse], error) {
	c, p, err := n.room(ctx, r.Msg.Where)
	if err != nil {
		return nil, err
	}
	if err := n.undoubted(p.With); err != nil {
		return nil, err
	}
	c.talk.Typing(r.Msg.Typing)
	return connect.NewResponse(&p2pv1.TypingResponse{}), nil
}

// SaveDraft implements p2pv1connect.PeopleHandler.
func (n *Node) SaveDraft(_ context.Context, r *connect.Request[p2pv1.SaveDraftRequest]) (*connect.Response[p2pv1.SaveDraftResponse], error) {
	p, err := n.where(r.Msg.Where)
	if err != nil {
		return nil, err
	}
	if len(r.Msg.Text) > body.MaxText || !utf8.ValidString(r.Msg.Text) {
		return nil, fail(invalid, api.TooLong, "limit", strconv.Itoa(body.MaxText))
	}
	n.drafting.Lock()
	defer n.drafting.Unlock()
	if r.Msg.Replaces != nil && n.drafted(p.Room) != *r.Msg.Replaces {
		return connect.NewResponse(&p2pv1.SaveDraftResponse{Changed: true}), nil
	}
	if err := n.draft(p.Room, r.Msg.Text); err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.SaveDraftResponse{}), nil
}

// exported is a writer that sends what is written to a program.
type exported struct {
	stream *connect.ServerStream[p2pv1.ExportResponse]
}

// Write implements io.Writer.
func (x exported) Write(b []byte) (int, error) {
	if err := x.stream.Send(&p2pv1.ExportResponse{Data: b}); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Export implements p2pv1connect.PeopleHandler.
func (n *Node) Export(ctx context.Context, r *connect.Request[p2pv1.ExportRequest], s *connect.ServerStream[p2pv1.ExportResponse]) error {
	if _, err := n.me(); err != nil {
		return err
	}
	var p place
	var err error
	if r.Msg.Where != "" || r.Msg.Messages {
		if p, err = n.readable(r.Msg.Where); err != nil {
			return err
		}
	}
	w := bufio.NewWriterSize(exported{s}, 64<<10)
	switch {
	case r.Msg.Messages:
		return failure(n.exportMessages(ctx, p.Room, s))
	case r.Msg.Where != "":
		err = n.archive.ExportRoom(ctx, p.Room, w)
	default:
		err = n.archive.Export(ctx, w)
	}
	if err == nil {
		err = w.Flush()
	}
	return failure(err)
}

// exportMessages sends the lines of a room as people see them now, a page at a time.
func (n *Node) exportMessages(ctx context.Context, id room.ID, s *connect.ServerStream[p2pv1.ExportResponse]) error {
	for at := (history.Position{}); ; {
		all, err := n.archive.After(ctx, id, at, page)
		if err != nil || len(all) == 0 {
			return err
		}
		v := n.viewer(ctx)
		var out p2pv1.ExportResponse
		for i := range all {
			at = all[i].Position()
			if v.hidden(&all[i]) {
				continue
			}
			m, err := v.message(&all[i])
			if err != nil {
				return err
			}
			out.Messages = append(out.Messages, m)
		}
		if err := s.Send(&out); err != nil {
			return err
		}
	}
}
