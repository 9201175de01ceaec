package terminal

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// answer takes in what the node said to a request.
func (s *session) answer(a answer) {
	if changed := s.changed(a); a.err != nil {
		if changed {
			return
		}
		s.refused(a)
		return
	}
	switch got := a.got.(type) {
	case *p2pv1.ListContactsResponse:
		s.contacts = map[string]*p2pv1.Contact{}
		for _, c := range got.GetContacts() {
			s.contacts[c.GetAccount()] = c
			s.suspect(c)
		}
	case *p2pv1.ListConversationsResponse:
		s.listed(a, got)
	case *p2pv1.ListTransfersResponse:
		for _, t := range got.GetTransfers() {
			s.moves(t)
		}
	case *p2pv1.ListMessagesResponse:
		s.page(a, got)
	case *p2pv1.SaveDraftResponse:
		s.given(a.ask.(*p2pv1.SaveDraftRequest), got)
	case *p2pv1.SendResponse:
		s.sent(a.ask.(*p2pv1.SendRequest), got.GetMessage())
	case *p2pv1.EditResponse:
		s.message(got.GetMessage())
	case *p2pv1.ReactResponse:
		s.message(got.GetMessage())
	case *p2pv1.OfferResponse:
		s.message(got.GetMessage())
		if n, ok := a.note.(preparing); ok && s.flash.serial == n.serial { // not any more
			s.flash.text = ""
		}
		s.leftOut(a.ask.(*p2pv1.OfferRequest).GetPath(), got)
	case *p2pv1.SearchResponse:
		s.found(a, got)
	case *p2pv1.AcceptResponse:
		if t := got.GetTransfer(); t.GetState() != p2pv1.Transfer_STATE_DONE { // how it ends is news, whatever is there already
			s.moving[t.GetInfoHash()] = true
			s.word("chat.file.begun", clean(t.GetFile().GetName()))
		}
		s.transfer(got.GetTransfer())
	default:
		s.peopleAnswer(a)
	}
}

// peopleAnswer is the part of answer for people and rooms.
func (s *session) peopleAnswer(a answer) {
	switch got := a.got.(type) {
	case *p2pv1.AddContactResponse:
		s.contacts[got.GetContact().GetAccount()] = got.GetContact()
		key := map[[2]bool]string{ // sought, delivered
			{false, false}: "chat.contact.waits", {false, true}: "chat.contact.asked", {true, false}: "contact.sought", {true, true}: "contact.met",
		}[[2]bool{got.GetSought(), got.GetDelivered()}]
		s.word(key, got.GetContact().GetName())
	case *p2pv1.LeaveRoomResponse, *p2pv1.RemoveContactResponse:
		s.done(a.ask)
	case *p2pv1.RenameContactResponse:
		s.contacts[got.GetContact().GetAccount()] = got.GetContact()
		s.word("contact.renamed", clean(got.GetContact().GetName()))
	case *p2pv1.AnswerContactResponse:
		s.contact(got.GetContact())
		if rooms := got.GetSharedRooms(); len(rooms) > 0 {
			s.word("contact.block.shared", clean(got.GetContact().GetName()), clean(s.say.List(rooms)))
		}
	case *p2pv1.CreateRoomResponse:
		s.opened(got.GetConversation())
		if q, is := a.ask.(*p2pv1.CreateRoomRequest); is && q.GetLimit() > 0 { // it may have been a part of the name
			s.word("chat.done.room", clean(q.GetName()), q.GetLimit(), clean(fmt.Sprint(q.GetName(), " ", q.GetLimit())))
		}
	case *p2pv1.JoinRoomResponse:
		s.opened(got.GetConversation())
	case *p2pv1.ChangeMemberResponse:
		s.conversation(got.GetConversation())
	case *p2pv1.ChangeRoomResponse:
		s.conversation(got.GetConversation())
	case *p2pv1.VerifyContactResponse:
		s.showSafety(got)
	case *p2pv1.InviteResponse:
		s.showInvite(got)
	case *p2pv1.ListDevicesResponse:
		s.showDevices(got)
	case *p2pv1.WhoamiResponse:
		s.me = got
	case *p2pv1.SetPresenceResponse:
		s.me = got.GetMe()
		s.word("chat.presence.set", s.me.GetDisplayName(), s.presenceIn(s.me.GetPresence(), s.me.GetPresenceText()))
	}
}

// listed takes in the list of conversations, or one of them.
func (s *session) listed(a answer, got *p2pv1.ListConversationsResponse) {
	q := a.ask.(*p2pv1.ListConversationsRequest)
	for _, c := range got.GetConversations() {
		_, claims := a.note.(claiming)
		if s.learn(c, q.GetWhere() != ""); claims || q.GetWhere() == "" {
			s.claim(c.GetId(), c.GetDraft())
		}
		if n, ok := a.note.(opening); ok {
			s.opens(c.GetId(), n)
		}
	}
	if q.GetWhere() != "" || s.current != nil {
		return
	}
	if s.wanted != "" { // what is typed next is for nobody else
		s.complain("chat.error.nobody", s.wanted)
		s.wanted = ""
		return
	}
	if first := s.mostRecent(); first != nil {
		s.open(first)
	}
}

func (s *session) opened(c *p2pv1.Conversation) {
	s.conversation(c)
	s.open(s.conversations[c.GetId()])
}

// page takes in a stretch of messages.
func (s *session) page(a answer, got *p2pv1.ListMessagesResponse) {
	q := a.ask.(*p2pv1.ListMessagesRequest)
	c := s.conversations[q.GetWhere()]
	if c == nil {
		return
	}
	if n, ok := a.note.(settle); ok {
		s.settled(c, n, got)
		return
	}
	if n, ok := a.note.(resuming); ok {
		s.looked(c, n, got.GetMessages())
		return
	}
	c.loading = false
	switch {
	case !c.borders(q): // on what was dropped meanwhile
	case q.GetBefore() != "":
		c.moreBefore = got.GetMoreBefore()
		c.extend(got.GetMessages(), true)
	case q.GetAfter() != "":
		c.moreAfter = got.GetMoreAfter()
		c.extend(got.GetMessages(), false)
	default:
		newest, known := c.newest, s.plain && len(c.items) > 0
		if c.replace(got); known {
			s.readMissed(c, newest)
		}
		if q.GetAround() == "" {
			c.markUnread(c.GetUnread())
		}
	}
	if n, ok := a.note.(logging); ok {
		s.readBack(c, n)
		return
	}
	if c != s.current {
		return
	}
	s.load(c) // if it was dropped meanwhile
	switch n := a.note.(type) {
	case chooseAfter:
		s.choose(n.id)
	case seeking:
		s.showUnread(c)
	default:
		if q.GetBefore()+q.GetAfter()+q.GetAround() == "" {
			s.showUnread(c)
		} else {
			s.markRead()
		}
	}
}

// refused says why a request failed. One that the program makes by itself fails without a word: the
// status line says already that the node does not answer.
func (s *session) refused(a answer) {
	switch q := a.ask.(type) {
	case *p2pv1.SendRequest:
		s.unsent(q, a.err)
		return
	case *p2pv1.ListMessagesRequest:
		c := s.conversations[q.GetWhere()]
		if n, ok := a.note.(settle); ok && c != nil {
			s.settled(c, n, nil)
			return
		}
		if n, ok := a.note.(resuming); ok {
			if c != nil && !unreachable(a.err) { // otherwise it is asked again when the node is back
				s.looked(c, n, nil)
			}
			return
		}
		if c != nil {
			c.loading = false
			if !c.loaded && unreachable(a.err) {
				s.in(time.Second, retry{c.GetId()})
			}
			if _, ok := a.note.(chooseAfter); ok && !unreachable(a.err) { // it is gone: what else there is
				s.load(c)
			}
		}
	case *p2pv1.SaveDraftRequest:
		s.ungiven(q, a.err)
		return
	case *p2pv1.ListConversationsRequest:
		switch a.note.(type) {
		case unasked, claiming: // it is told when it is there, and listed when the node is
			return
		}
		if n, ok := a.note.(opening); ok && api.ReasonOf(a.err).GetKey() == api.NoSuchConversation {
			n.missed(s, q.GetWhere())
			return
		}
	case *p2pv1.OfferRequest:
		if unreachable(a.err) && !gone(a.err) { // the node had it, and goes on with it when it is back
			s.word("chat.file.later", q.GetPath())
			return
		}
		s.complain("reason.not_offered", clean(q.GetPath()), s.reason(a.err))
		return
	case *p2pv1.TypingRequest, *p2pv1.MarkReadRequest, *p2pv1.ListTransfersRequest, *p2pv1.ListContactsRequest, *p2pv1.WhoamiRequest:
		return
	}
	s.tell(s.reason(a.err), true)
}

// unasked is the note of a request that the program makes by itself, though the person makes such ones too.
type unasked struct{}

// unreachable reports whether an error says that the node could not be asked, so that the same
// question may be answered later.
func unreachable(err error) bool {
	var ce *connect.Error
	return !errors.As(err, &ce) || ce.Code() == connect.CodeUnavailable || ce.Code() == connect.CodeCanceled || ce.Code() == connect.CodeDeadlineExceeded
}

// problem says why something is not so, or nothing.
func (s *session) problem(p *p2pv1.Reason) string {
	return clean(api.ExplainProblem(s.say, s.named(p)))
}

// reason puts an error into words.
func (s *session) reason(err error) string {
	if why, known := api.ExplainReason(s.say, s.named(api.ReasonOf(err))); known {
		return clean(why)
	}
	return clean(api.Explain(s.say, err))
}

// named has a reason name conversations and people as the person does: the node was asked by their ids and keys.
func (s *session) named(r *p2pv1.Reason) *p2pv1.Reason {
	with := maps.Clone(r.GetWith())
	if c := s.conversations[with["where"]]; c != nil {
		with["where"] = s.title(c)
	}
	if c := s.contacts[with["who"]]; c.GetName() != "" {
		with["who"] = c.GetName()
	}
	return &p2pv1.Reason{Key: r.GetKey(), With: with}
}
