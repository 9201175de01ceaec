package terminal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// fakeNode is a node without a network: it keeps messages in memory and answers as people.proto says.
type fakeNode struct {
	p2pv1connect.UnimplementedPeopleHandler
	mu       sync.Mutex
	me       *p2pv1.WhoamiResponse
	contacts []*p2pv1.Contact
	convs    []*p2pv1.Conversation
	hidden   []*p2pv1.Conversation // not listed, and found all the same
	messages map[string][]*p2pv1.Message
	drafts   map[string]string
	keys     map[string]*p2pv1.Message
	edits    map[string]bool // that were done, by key
	older    bool            // it knows no keys of edits
	number   int64
	streams  map[chan *p2pv1.Event]bool
	stopped  bool // nobody may listen any more
	now      func() time.Time
	echo     bool // who is written to writes back
}

// at is the moment of all tests that look at screens.
var at = time.Date(2026, 11, 29, 14, 30, 0, 0, time.UTC)

func account(name string) string { return (name + strings.Repeat("a", 52))[:52] }

// newFakeNode has Anna (online), Bo (away) and 陈晓 (offline) as contacts, Dana who asks, and a room.
func newFakeNode() *fakeNode {
	n := &fakeNode{
		me: &p2pv1.WhoamiResponse{
			Name: "mia", DisplayName: "mia", Account: account("mia"), LoggedIn: true, Presence: p2pv1.Presence_PRESENCE_ONLINE,
			Directory: &p2pv1.Directory{Url: "http://tracker", Connected: true},
		},
		messages: map[string][]*p2pv1.Message{}, drafts: map[string]string{}, keys: map[string]*p2pv1.Message{}, edits: map[string]bool{},
		streams: map[chan *p2pv1.Event]bool{}, now: func() time.Time { return at },
	}
	friend := p2pv1.ContactState_CONTACT_STATE_FRIEND
	n.contacts = []*p2pv1.Contact{
		{Account: account("anna"), Name: "Anna", State: friend, Presence: p2pv1.Presence_PRESENCE_ONLINE, Path: p2pv1.Path_PATH_DIRECT, RttMicros: 12300, Verified: true, Conversation: "c-anna"},
		{Account: account("bo"), Name: "Bo", State: friend, Presence: p2pv1.Presence_PRESENCE_AWAY, Path: p2pv1.Path_PATH_LOCAL, RttMicros: 420, Conversation: "c-bo"},
		{Account: account("chen"), Name: "陈晓", State: friend, Presence: p2pv1.Presence_PRESENCE_OFFLINE, LastSeen: at.Add(-2 * time.Hour).UnixMilli(), Conversation: "c-chen"},
		{Account: account("dana"), Name: "Dana", State: p2pv1.ContactState_CONTACT_STATE_ASKS, Note: "we met at the conference", AskedAt: at.UnixMilli()},
	}
	for i, c := range n.contacts[:3] {
		n.convs = append(n.convs, &p2pv1.Conversation{Id: c.Conversation, Name: c.Name, Direct: true, With: c.Account, Role: p2pv1.Role_ROLE_OWNER, Active: at.Add(-time.Duration(i) * time.Hour).UnixMilli()})
	}
	member := func(name, shown string, p p2pv1.Presence, path p2pv1.Path) *p2pv1.Member {
		return &p2pv1.Member{Account: account(name), Name: shown, Role: p2pv1.Role_ROLE_MEMBER, Presence: p, Path: path, Me: name == "mia"}
	}
	n.convs = append(n.convs, &p2pv1.Conversation{Id: "r-field", Name: "field trip", Role: p2pv1.Role_ROLE_OWNER, Limit: 50, Active: at.Add(-time.Minute).UnixMilli(), Members: []*p2pv1.Member{
		member("mia", "mia", p2pv1.Presence_PRESENCE_ONLINE, 0), member("anna", "Anna", p2pv1.Presence_PRESENCE_ONLINE, p2pv1.Path_PATH_DIRECT),
		member("bo", "Bo", p2pv1.Presence_PRESENCE_AWAY, p2pv1.Path_PATH_RELAYED), member("chen", "陈晓", p2pv1.Presence_PRESENCE_OFFLINE, 0),
	}})
	return n
}

// add puts a message into a conversation; edit changes it before.
func (n *fakeNode) add(where, who, text string, written time.Time, edit func(*p2pv1.Message)) *p2pv1.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.number++
	m := &p2pv1.Message{
		Id: fmt.Sprintf("%064d", n.number), Conversation: where, Number: n.number, Lamport: uint64(n.number), Account: account(who), Name: who,
		Device: account(who), Written: written.UnixMilli(), Arrived: written.UnixMilli(), Text: text, Mine: who == "mia", Delivery: p2pv1.Delivery_DELIVERY_STORED,
	}
	for _, c := range n.contacts {
		if c.Account == m.Account {
			m.Name = c.Name
		}
	}
	if edit != nil {
		edit(m)
	}
	n.messages[where] = append(n.messages[where], m)
	n.tell(&p2pv1.Event{Cursor: m.Number, What: &p2pv1.Event_Message{Message: m}})
	return m
}

// changed tells a message again for what somebody has done to it; edit changes it before. It is the nth of its conversation, from 1.
func (n *fakeNode) changed(where string, nth int, who string, kind p2pv1.Change_Kind, edit func(*p2pv1.Message)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := proto.Clone(n.messages[where][nth-1]).(*p2pv1.Message)
	n.number++
	m.Change = &p2pv1.Change{Kind: kind, Name: who, Written: n.now().UnixMilli()}
	edit(m)
	n.messages[where][nth-1] = m
	n.tell(&p2pv1.Event{Cursor: n.number, What: &p2pv1.Event_Message{Message: m}})
}

// stopStreams ends all streams as a node does that is asked to stop.
func (n *fakeNode) stopStreams() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	for s := range n.streams {
		delete(n.streams, s)
		close(s)
	}
}

// resume lets listen again who wants to.
func (n *fakeNode) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = false
}

// tell sends an event to all who listen; n.mu is held.
func (n *fakeNode) tell(e *p2pv1.Event) {
	for s := range n.streams {
		s <- e
	}
}

func (n *fakeNode) Events(ctx context.Context, q *connect.Request[p2pv1.EventsRequest], s *connect.ServerStream[p2pv1.Event]) error {
	events := make(chan *p2pv1.Event, 1000)
	n.mu.Lock()
	if n.stopped {
		n.mu.Unlock()
		return api.Fail(connect.CodeUnavailable, api.Stopping)
	}
	if err := s.Send(&p2pv1.Event{Cursor: n.number, What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Cursor: n.number, Resumed: q.Msg.Cursor > 0, Me: n.me, EditsOnce: !n.older}}}); err != nil {
		n.mu.Unlock()
		return err
	}
	for _, list := range n.messages {
		for _, m := range list {
			if q.Msg.Cursor > 0 && m.Number > q.Msg.Cursor {
				events <- &p2pv1.Event{Cursor: m.Number, What: &p2pv1.Event_Message{Message: m}}
			}
		}
	}
	n.streams[events] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.streams, events)
		n.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-events:
			if !open {
				return api.Fail(connect.CodeUnavailable, api.Stopping)
			}
			if err := s.Send(e); err != nil {
				return err
			}
		}
	}
}

func (n *fakeNode) ListContacts(context.Context, *connect.Request[p2pv1.ListContactsRequest]) (*connect.Response[p2pv1.ListContactsResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return connect.NewResponse(proto.CloneOf(&p2pv1.ListContactsResponse{Contacts: n.contacts})), nil // a session that is called directly changes what it has
}

func (n *fakeNode) ListConversations(_ context.Context, q *connect.Request[p2pv1.ListConversationsRequest]) (*connect.Response[p2pv1.ListConversationsResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := &p2pv1.ListConversationsResponse{}
	for _, c := range n.convs {
		if q.Msg.Where == "" || q.Msg.Where == c.Id {
			c.Draft = n.drafts[c.Id]
			r.Conversations = append(r.Conversations, c)
		}
	}
	if q.Msg.Where != "" {
		for _, c := range n.hidden { // as a node knows names
			if q.Msg.Where == c.Id || strings.EqualFold(q.Msg.Where, c.Name) {
				r.Conversations = append(r.Conversations, c)
			}
		}
		if len(r.Conversations) == 0 {
			return nil, api.Fail(connect.CodeNotFound, api.NoSuchConversation, "where", q.Msg.Where)
		}
	}
	return connect.NewResponse(r), nil
}

func (n *fakeNode) ListTransfers(context.Context, *connect.Request[p2pv1.ListTransfersRequest]) (*connect.Response[p2pv1.ListTransfersResponse], error) {
	return connect.NewResponse(&p2pv1.ListTransfersResponse{}), nil
}

func (n *fakeNode) ListMessages(_ context.Context, q *connect.Request[p2pv1.ListMessagesRequest]) (*connect.Response[p2pv1.ListMessagesResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all, limit := n.messages[q.Msg.Where], int(q.Msg.Limit)
	limit = min(limit, 500) // as a node does
	index := func(id string) int {
		return slices.IndexFunc(all, func(m *p2pv1.Message) bool { return m.Id == id })
	}
	from, to := max(len(all)-limit, 0), len(all)
	switch {
	case q.Msg.Before != "":
		to = index(q.Msg.Before)
		from = max(to-limit, 0)
	case q.Msg.After != "":
		from = index(q.Msg.After) + 1
		to = min(from+limit, len(all))
	case q.Msg.Around != "":
		from = max(index(q.Msg.Around)-limit/2, 0)
		to = min(from+limit, len(all))
	}
	return connect.NewResponse(&p2pv1.ListMessagesResponse{Messages: all[from:to], MoreBefore: from > 0, MoreAfter: to < len(all)}), nil
}

func (n *fakeNode) Send(_ context.Context, q *connect.Request[p2pv1.SendRequest]) (*connect.Response[p2pv1.SendResponse], error) {
	n.mu.Lock()
	known := n.keys[q.Msg.Key]
	n.mu.Unlock()
	if known != nil {
		return connect.NewResponse(&p2pv1.SendResponse{Message: known}), nil
	}
	m := n.add(q.Msg.Where, "mia", q.Msg.Text, n.now(), func(m *p2pv1.Message) { m.ReplyTo = q.Msg.ReplyTo })
	n.mu.Lock()
	n.keys[q.Msg.Key] = m
	n.mu.Unlock()
	if n.echo {
		go n.add(q.Msg.Where, "anna", "you said: "+q.Msg.Text, n.now(), nil)
	}
	return connect.NewResponse(&p2pv1.SendResponse{Message: m}), nil
}

func (n *fakeNode) SaveDraft(_ context.Context, q *connect.Request[p2pv1.SaveDraftRequest]) (*connect.Response[p2pv1.SaveDraftResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q.Msg.Replaces != nil && *q.Msg.Replaces != n.drafts[q.Msg.Where] {
		return connect.NewResponse(&p2pv1.SaveDraftResponse{Changed: true}), nil
	}
	n.drafts[q.Msg.Where] = q.Msg.Text
	return connect.NewResponse(&p2pv1.SaveDraftResponse{}), nil
}

func (n *fakeNode) Whoami(context.Context, *connect.Request[p2pv1.WhoamiRequest]) (*connect.Response[p2pv1.WhoamiResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return connect.NewResponse(proto.Clone(n.me).(*p2pv1.WhoamiResponse)), nil
}

func (n *fakeNode) SetPresence(_ context.Context, q *connect.Request[p2pv1.SetPresenceRequest]) (*connect.Response[p2pv1.SetPresenceResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q.Msg.DisplayName != nil {
		n.me.DisplayName = q.Msg.GetDisplayName()
	}
	if q.Msg.Presence != nil {
		n.me.Presence = q.Msg.GetPresence()
		if q.Msg.GetPresence() == p2pv1.Presence_PRESENCE_UNSPECIFIED {
			n.me.Presence = p2pv1.Presence_PRESENCE_ONLINE // somebody is looking
		}
	}
	return connect.NewResponse(&p2pv1.SetPresenceResponse{Me: proto.Clone(n.me).(*p2pv1.WhoamiResponse)}), nil
}

func (n *fakeNode) Typing(context.Context, *connect.Request[p2pv1.TypingRequest]) (*connect.Response[p2pv1.TypingResponse], error) {
	return connect.NewResponse(&p2pv1.TypingResponse{}), nil
}

func (n *fakeNode) MarkRead(context.Context, *connect.Request[p2pv1.MarkReadRequest]) (*connect.Response[p2pv1.MarkReadResponse], error) {
	return connect.NewResponse(&p2pv1.MarkReadResponse{}), nil
}

func (n *fakeNode) React(_ context.Context, q *connect.Request[p2pv1.ReactRequest]) (*connect.Response[p2pv1.ReactResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, list := range n.messages {
		for _, m := range list {
			if m.Id == q.Msg.Message {
				m.Reactions = append(m.Reactions, &p2pv1.Reaction{Emoji: q.Msg.Emoji, Accounts: []string{n.me.Account}})
				return connect.NewResponse(&p2pv1.ReactResponse{Message: m}), nil
			}
		}
	}
	return nil, connect.NewError(connect.CodeNotFound, errors.New("no such message"))
}

func (n *fakeNode) Edit(_ context.Context, q *connect.Request[p2pv1.EditRequest]) (*connect.Response[p2pv1.EditResponse], error) {
	if n.edits[q.Msg.Key] && !n.older {
		m, err := n.alter(q.Msg.Message, func(*p2pv1.Message) {})
		return connect.NewResponse(&p2pv1.EditResponse{Message: m}), err
	}
	changed := false
	m, err := n.alter(q.Msg.Message, func(m *p2pv1.Message) {
		if changed = q.Msg.Replaces != nil && m.Text != *q.Msg.Replaces && m.Text != q.Msg.Text && !n.older; !changed {
			m.Text, m.Edited = q.Msg.Text, true
			n.edits[q.Msg.Key] = q.Msg.Key != ""
		}
	})
	if changed {
		return nil, api.Fail(connect.CodeFailedPrecondition, api.MessageChanged)
	}
	return connect.NewResponse(&p2pv1.EditResponse{Message: m}), err
}

func (n *fakeNode) Delete(_ context.Context, q *connect.Request[p2pv1.DeleteRequest]) (*connect.Response[p2pv1.DeleteResponse], error) {
	_, err := n.alter(q.Msg.Message, func(m *p2pv1.Message) { m.Text, m.Deleted = "", true })
	return connect.NewResponse(&p2pv1.DeleteResponse{}), err
}

// alter changes a message and tells it again.
func (n *fakeNode) alter(id string, edit func(*p2pv1.Message)) (*p2pv1.Message, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, list := range n.messages {
		for i := range list {
			if list[i].Id == id {
				list[i] = proto.CloneOf(list[i])
				edit(list[i])
				n.tell(&p2pv1.Event{Cursor: n.number, What: &p2pv1.Event_Message{Message: list[i]}})
				return list[i], nil
			}
		}
	}
	return nil, api.Fail(connect.CodeNotFound, api.NoSuchMessage, "message", id)
}

func (n *fakeNode) Search(_ context.Context, q *connect.Request[p2pv1.SearchRequest]) (*connect.Response[p2pv1.SearchResponse], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := &p2pv1.SearchResponse{}
	for _, list := range n.messages {
		for _, m := range list {
			if strings.Contains(m.Text, q.Msg.Query) {
				r.Messages = append(r.Messages, m)
			}
		}
	}
	slices.SortFunc(r.Messages, func(a, b *p2pv1.Message) int { return int(b.Number - a.Number) })
	return connect.NewResponse(r), nil
}

// serve serves the node and returns a client of it.
func (n *fakeNode) serve(t testing.TB) p2pv1connect.PeopleClient {
	_, handler := p2pv1connect.NewPeopleHandler(n)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return p2pv1connect.NewPeopleClient(server.Client(), server.URL)
}

// story fills the conversations of a node with something of everything.
func story(n *fakeNode) {
	day := at.Add(-26 * time.Hour)
	n.add("c-anna", "anna", "Morning! Did the *survey* data arrive?", day, nil)
	n.add("c-anna", "mia", "Yes, all of it. **Thank you!** The list:\n\n- depth profiles\n- `temperature.csv`\n- see [the notes](https://example.org/notes)", day.Add(2*time.Minute), func(m *p2pv1.Message) { m.Delivery = p2pv1.Delivery_DELIVERY_READ })
	run := n.add("c-anna", "anna", "Good. Then run\n```\np2p get survey.torrent --verify\n```\nand tell me.", at.Add(-20*time.Minute), nil)
	n.add("c-anna", "anna", "ah, and 你好，世界！这是一条很长的中文消息，用来看看换行是不是正确：标点符号不应该出现在行首。", at.Add(-19*time.Minute), func(m *p2pv1.Message) {
		m.Reactions = []*p2pv1.Reaction{{Emoji: "👍", Accounts: []string{account("mia")}}, {Emoji: "🎉", Accounts: []string{account("mia"), account("bo")}}}
	})
	n.add("c-anna", "mia", "done, it verifies", at.Add(-5*time.Minute), func(m *p2pv1.Message) {
		m.ReplyTo, m.ReplyName, m.ReplyText, m.Delivery = run.Id, "Anna", "Good. Then run", p2pv1.Delivery_DELIVERY_DELIVERED
	})
	n.add("c-anna", "anna", "", at.Add(-2*time.Minute), func(m *p2pv1.Message) {
		m.File = &p2pv1.File{Name: "profiles-2026.tar", Size: 1 << 30, Files: 1, InfoHash: "aa"}
		m.Transfer = &p2pv1.Transfer{InfoHash: "aa", Message: m.Id, File: m.File, State: p2pv1.Transfer_STATE_DOWNLOADING, Done: 400 << 20, DownRate: 11 << 20, Sources: 2, EtaSeconds: 57}
	})
	n.add("r-field", "bo", "@mia who brings the *tent*?", at.Add(-time.Minute), func(m *p2pv1.Message) { m.MentionsMe = true })
	for _, c := range n.convs {
		if c.Id == "r-field" {
			c.Unread, c.Mentions = 1, 1
		}
	}
}

// callNode answers a request by the node itself, without HTTP.
func callNode(_ testing.TB, n *fakeNode, r request) answer {
	got, err := ask(context.Background(), directClient{n}, r.ask)
	return answer{r, got, err}
}

// directClient is a client that calls the node as a function. It has no streams.
type directClient struct{ *fakeNode }

var errNoStream = errors.New("no stream here")

func (directClient) Events(context.Context, *connect.Request[p2pv1.EventsRequest]) (*connect.ServerStreamForClient[p2pv1.Event], error) {
	return nil, errNoStream
}

func (directClient) Export(context.Context, *connect.Request[p2pv1.ExportRequest]) (*connect.ServerStreamForClient[p2pv1.ExportResponse], error) {
	return nil, errNoStream
}

// listen listens where somebody has just stopped to.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
}
