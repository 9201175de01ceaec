package main

import (
	"context"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/people"
)

// fakePerson is a node without a network: what its functions are not set for, it does not know.
type fakePerson struct {
	p2pv1connect.UnimplementedPeopleHandler
	mu        sync.Mutex
	asked     []any             // requests, in order
	events    chan *p2pv1.Event // what the stream tells after its Hello
	options   people.Options    // what it was opened with
	done      chan struct{}
	stop      sync.Once
	sayNot    error // the answer to a request for a contact, or to a message
	inDoubt   bool  // bob, in the lab
	arrives   bool
	moved     bool // such a request
	version   string
	messages  []*p2pv1.Message
	joined    *p2pv1.Conversation   // the room behind a link, once an event tells of it
	rooms     []*p2pv1.Conversation // that there are, instead of the lab
	lonely    bool                  // without contacts
	untold    *p2pv1.Reason         // what the directory does not hear of a logout for
	saved     string                // where what is accepted goes
	transfers []*p2pv1.Transfer
	devices   []*p2pv1.Device
	found     []*p2pv1.Message // by every search, the last first

	// Nil: it is offered at once, and done soon.
	offers  func(*p2pv1.OfferRequest) (*p2pv1.OfferResponse, error)
	accepts func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer) (*p2pv1.Transfer, error)
	closing func() // when it ends; nil = nothing
}

func newFakePerson() *fakePerson {
	return &fakePerson{events: make(chan *p2pv1.Event, 100), done: make(chan struct{}), version: version}
}

func (f *fakePerson) Done() <-chan struct{} { return f.done }
func (f *fakePerson) Close(context.Context) error {
	if f.closing != nil {
		f.closing()
	}
	return nil
}

// note keeps what was asked.
func (f *fakePerson) note(message any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, message)
}

// last returns the last request.
func (f *fakePerson) last() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]any{nil}, f.asked...)[len(f.asked)]
}

func answer[T any](message *T) (*connect.Response[T], error) {
	return connect.NewResponse(message), nil
}

func (f *fakePerson) Whoami(context.Context, *connect.Request[p2pv1.WhoamiRequest]) (*connect.Response[p2pv1.WhoamiResponse], error) {
	return answer(&p2pv1.WhoamiResponse{
		Name: "alice", Account: "abc", Device: "def", DeviceLabel: "laptop", Version: f.version,
		Directory: &p2pv1.Directory{Url: "http://d.test", Problem: api.Problem(api.Other, "detail", "no route \x1b[31m")},
	})
}

func (f *fakePerson) Stop(context.Context, *connect.Request[p2pv1.StopRequest]) (*connect.Response[p2pv1.StopResponse], error) {
	f.stop.Do(func() { close(f.done) })
	return answer(&p2pv1.StopResponse{})
}

func (f *fakePerson) Register(_ context.Context, r *connect.Request[p2pv1.RegisterRequest]) (*connect.Response[p2pv1.RegisterResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.RegisterResponse{Me: &p2pv1.WhoamiResponse{Name: r.Msg.Name}})
}

func (f *fakePerson) Login(_ context.Context, r *connect.Request[p2pv1.LoginRequest]) (*connect.Response[p2pv1.LoginResponse], error) {
	return nil, api.Fail(connect.CodeUnauthenticated, api.WrongPassword)
}

func (f *fakePerson) Logout(context.Context, *connect.Request[p2pv1.LogoutRequest]) (*connect.Response[p2pv1.LogoutResponse], error) {
	return answer(&p2pv1.LogoutResponse{Untold: f.untold})
}

func (f *fakePerson) AddContact(_ context.Context, r *connect.Request[p2pv1.AddContactRequest]) (*connect.Response[p2pv1.AddContactResponse], error) {
	f.note(r.Msg)
	if f.sayNot != nil {
		return nil, f.sayNot
	}
	if f.moved {
		return answer(&p2pv1.AddContactResponse{Contact: &p2pv1.Contact{Account: "key of " + r.Msg.Who, Name: r.Msg.Who, State: p2pv1.ContactState_CONTACT_STATE_FRIEND}, Sought: true})
	}
	return answer(&p2pv1.AddContactResponse{Contact: &p2pv1.Contact{Account: "key of " + r.Msg.Who, Name: r.Msg.Who, State: p2pv1.ContactState_CONTACT_STATE_ASKED}, Delivered: f.arrives})
}

func (f *fakePerson) ListContacts(context.Context, *connect.Request[p2pv1.ListContactsRequest]) (*connect.Response[p2pv1.ListContactsResponse], error) {
	if f.lonely {
		return answer(&p2pv1.ListContactsResponse{})
	}
	seen := time.Date(2020, 5, 4, 3, 2, 1, 0, time.Local).UnixMilli()
	return answer(&p2pv1.ListContactsResponse{Contacts: []*p2pv1.Contact{
		{Name: "mallory\x1b[2J", State: p2pv1.ContactState_CONTACT_STATE_ASKS, Note: "hi\nroot: ok"},
		{Name: "zoe", State: p2pv1.ContactState_CONTACT_STATE_REMOVED},
		{Name: "carol", State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Presence: p2pv1.Presence_PRESENCE_OFFLINE, LastSeen: seen},
		{
			Name: "bob", State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Presence: p2pv1.Presence_PRESENCE_ONLINE, Verified: true,
			Path: p2pv1.Path_PATH_DIRECT, RttMicros: 12_345,
		},
		{Name: "eve", State: p2pv1.ContactState_CONTACT_STATE_BLOCKED},
	}})
}

func (f *fakePerson) ChangeRoom(_ context.Context, r *connect.Request[p2pv1.ChangeRoomRequest]) (*connect.Response[p2pv1.ChangeRoomResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.ChangeRoomResponse{Conversation: &p2pv1.Conversation{Name: r.Msg.Where}})
}

func (f *fakePerson) ListConversations(_ context.Context, r *connect.Request[p2pv1.ListConversationsRequest]) (*connect.Response[p2pv1.ListConversationsResponse], error) {
	lab := &p2pv1.Conversation{Id: "1", Name: "lab", Limit: 50, Role: p2pv1.Role_ROLE_OWNER, Members: []*p2pv1.Member{
		{Name: "alice", Role: p2pv1.Role_ROLE_OWNER, Presence: p2pv1.Presence_PRESENCE_ONLINE}, {Name: "bob", Role: p2pv1.Role_ROLE_MEMBER, InDoubt: f.inDoubt},
	}}
	if r.Msg.Where == "nobody" {
		return nil, api.Fail(connect.CodeNotFound, api.NoSuchConversation, "where", "nobody")
	}
	if r.Msg.Where == "behind the link" {
		if lab = f.joined; lab == nil {
			lab = &p2pv1.Conversation{Id: "behind the link", Waiting: "alice"}
		}
	}
	if r.Msg.Where != "" {
		return answer(&p2pv1.ListConversationsResponse{Conversations: []*p2pv1.Conversation{lab}})
	}
	if f.rooms != nil {
		return answer(&p2pv1.ListConversationsResponse{Conversations: f.rooms})
	}
	return answer(&p2pv1.ListConversationsResponse{Conversations: []*p2pv1.Conversation{lab, {Id: "2", Name: "bob", Direct: true}}})
}

func (f *fakePerson) JoinRoom(_ context.Context, r *connect.Request[p2pv1.JoinRoomRequest]) (*connect.Response[p2pv1.JoinRoomResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.JoinRoomResponse{Conversation: &p2pv1.Conversation{Id: "behind the link", Waiting: "alice"}})
}

func (f *fakePerson) Send(_ context.Context, r *connect.Request[p2pv1.SendRequest]) (*connect.Response[p2pv1.SendResponse], error) {
	f.note(r.Msg)
	if f.sayNot != nil {
		return nil, f.sayNot
	}
	return answer(&p2pv1.SendResponse{Message: &p2pv1.Message{Id: "m1", Text: r.Msg.Text, Number: 1 << 40}})
}

func (f *fakePerson) Offer(_ context.Context, r *connect.Request[p2pv1.OfferRequest]) (*connect.Response[p2pv1.OfferResponse], error) {
	f.note(r.Msg)
	if f.offers != nil {
		a, err := f.offers(r.Msg)
		return connect.NewResponse(a), err
	}
	return answer(&p2pv1.OfferResponse{Message: &p2pv1.Message{Id: "m2"}})
}

func (f *fakePerson) ListMessages(_ context.Context, r *connect.Request[p2pv1.ListMessagesRequest]) (*connect.Response[p2pv1.ListMessagesResponse], error) {
	end := len(f.messages)
	for i, m := range f.messages {
		if m.Id == r.Msg.Before {
			end = i
		}
	}
	from := max(0, end-int(r.Msg.Limit))
	return answer(&p2pv1.ListMessagesResponse{Messages: f.messages[from:end], MoreBefore: from > 0})
}

func (f *fakePerson) Search(context.Context, *connect.Request[p2pv1.SearchRequest]) (*connect.Response[p2pv1.SearchResponse], error) {
	return answer(&p2pv1.SearchResponse{Messages: f.found})
}

func (f *fakePerson) Events(ctx context.Context, r *connect.Request[p2pv1.EventsRequest], s *connect.ServerStream[p2pv1.Event]) error {
	f.note(r.Msg)
	hello := &p2pv1.Hello{Cursor: int64(len(f.messages)), Resumed: r.Msg.Cursor != 0 && r.Msg.Cursor < 1000}
	if err := s.Send(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: hello}}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-f.events:
			if e == nil { // it dies
				panic(http.ErrAbortHandler)
			}
			if err := s.Send(e); err != nil {
				return err
			}
		}
	}
}

func (f *fakePerson) Accept(_ context.Context, r *connect.Request[p2pv1.AcceptRequest]) (*connect.Response[p2pv1.AcceptResponse], error) {
	f.note(r.Msg)
	t := func(state p2pv1.Transfer_State, done int64) *p2pv1.Transfer {
		return &p2pv1.Transfer{Message: r.Msg.Message, State: state, Done: done, File: &p2pv1.File{Name: "a.bin", Size: 10}, Path: f.saved}
	}
	if f.accepts != nil {
		a, err := f.accepts(t)
		return connect.NewResponse(&p2pv1.AcceptResponse{Transfer: a}), err
	}
	f.events <- &p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{Message: "another", State: p2pv1.Transfer_STATE_DONE}}}
	f.events <- &p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: t(p2pv1.Transfer_STATE_DOWNLOADING, 5)}}
	f.events <- &p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: t(p2pv1.Transfer_STATE_DONE, 10)}}
	return answer(&p2pv1.AcceptResponse{Transfer: t(p2pv1.Transfer_STATE_WAITING, 0)})
}

func (f *fakePerson) Cancel(_ context.Context, r *connect.Request[p2pv1.CancelRequest]) (*connect.Response[p2pv1.CancelResponse], error) {
	f.note(r.Msg)
	for _, t := range f.transfers {
		if t.Message == r.Msg.Message {
			return answer(&p2pv1.CancelResponse{Transfer: t})
		}
	}
	return answer(&p2pv1.CancelResponse{})
}

func (f *fakePerson) ListDevices(context.Context, *connect.Request[p2pv1.ListDevicesRequest]) (*connect.Response[p2pv1.ListDevicesResponse], error) {
	return answer(&p2pv1.ListDevicesResponse{Devices: f.devices})
}

func (f *fakePerson) ListTransfers(_ context.Context, r *connect.Request[p2pv1.ListTransfersRequest]) (*connect.Response[p2pv1.ListTransfersResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.ListTransfersResponse{Transfers: f.transfers})
}

func (f *fakePerson) Export(_ context.Context, r *connect.Request[p2pv1.ExportRequest], s *connect.ServerStream[p2pv1.ExportResponse]) error {
	f.note(r.Msg)
	if r.Msg.Messages {
		return s.Send(&p2pv1.ExportResponse{Messages: []*p2pv1.Message{
			{Name: "bob\x1b[2J", Text: "two\nlines", Edited: true}, {Name: "bob", Mine: true, Delivery: p2pv1.Delivery_DELIVERY_READ, File: &p2pv1.File{Name: "a.bin", Size: 5, Files: 1}},
			{Name: "bob", Notice: &p2pv1.Notice{Kind: p2pv1.Notice_KIND_JOINED, Name: "carol"}},
		}})
	}
	for _, part := range []string{"{\"n\":1}\n{\"n\"", ":2}\n"} {
		if err := s.Send(&p2pv1.ExportResponse{Data: []byte(part)}); err != nil {
			return err
		}
	}
	return nil
}

// withPerson starts "p2p serve" over f and returns what makes commands ask it.
func withPerson(t *testing.T, f *fakePerson, flags ...string) (setting, *process) {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2p") // the path of a socket has a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	opened := func(sh *shell) {
		sh.person = func(_ context.Context, o people.Options) (person, error) {
			f.options = o
			return f, nil
		}
	}
	env := withEnv("P2P_PROFILE", dir)
	p := start(t, append([]string{"serve"}, flags...), env, opened)
	p.errs.until(t, "node.sock")
	return env, p
}

func (f *fakePerson) Edit(_ context.Context, r *connect.Request[p2pv1.EditRequest]) (*connect.Response[p2pv1.EditResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.EditResponse{Message: &p2pv1.Message{Id: r.Msg.Message, Text: r.Msg.Text}})
}

func (f *fakePerson) Delete(_ context.Context, r *connect.Request[p2pv1.DeleteRequest]) (*connect.Response[p2pv1.DeleteResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.DeleteResponse{})
}

func (f *fakePerson) React(_ context.Context, r *connect.Request[p2pv1.ReactRequest]) (*connect.Response[p2pv1.ReactResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.ReactResponse{Message: &p2pv1.Message{Id: r.Msg.Message}})
}

func (f *fakePerson) MarkRead(_ context.Context, r *connect.Request[p2pv1.MarkReadRequest]) (*connect.Response[p2pv1.MarkReadResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.MarkReadResponse{})
}
