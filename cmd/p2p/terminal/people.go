package terminal

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/naming"
	"p2p/peer/identity"
)

// The commands for contacts, rooms and files.

func (s *session) add(args string) {
	who, note, _ := strings.Cut(args, " ")
	s.ask(&p2pv1.AddContactRequest{Who: who, Note: strings.TrimSpace(note)})
}

// asking returns the contacts whose requests wait for an answer, the oldest first.
func (s *session) asking() []*p2pv1.Contact {
	var found []*p2pv1.Contact
	for _, c := range s.contacts {
		if c.GetState() == p2pv1.ContactState_CONTACT_STATE_ASKS {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *p2pv1.Contact) int {
		return strings.Compare(strconv.FormatInt(a.GetAskedAt(), 10)+a.GetAccount(), strconv.FormatInt(b.GetAskedAt(), 10)+b.GetAccount())
	})
	return found
}

// answering answers a request; without a name the one that there is.
func answering(a p2pv1.AnswerContactRequest_Answer) func(*session, string) {
	return func(s *session, who string) {
		if who == "" {
			waiting := s.asking()
			switch {
			case len(waiting) == 1:
				who = waiting[0].GetAccount()
			case len(waiting) == 0 && a == p2pv1.AnswerContactRequest_ANSWER_BLOCK && s.contactNamed("") != nil:
				who = s.contactNamed("").GetAccount()
			case len(waiting) == 0:
				s.complain("chat.error.no_request")
				return
			default:
				s.complain("chat.error.which_request", len(waiting))
				return
			}
		}
		account := s.account(who)
		if a == p2pv1.AnswerContactRequest_ANSWER_BLOCK && s.current != nil && !s.current.GetDirect() {
			account = s.member(s.current, who) // who is no contact, perhaps
		}
		if a == p2pv1.AnswerContactRequest_ANSWER_BLOCK && account == who && s.isNobody(who) {
			return
		}
		if a == p2pv1.AnswerContactRequest_ANSWER_BLOCK && !s.sure("block", account, s.nameFor(account)) {
			return
		}
		s.ask(&p2pv1.AnswerContactRequest{Who: account, Answer: a})
	}
}

// account returns the key of a contact that is known here, or the name as it is, for the node to say
// what is wrong with it.
func (s *session) account(name string) string {
	if c := s.contactNamed(name); c != nil {
		return c.GetAccount()
	}
	return name
}

// isNobody says that a name is that of nobody who is known here, if it is so; what is no name, but a link or a key, is for the node.
func (s *session) isNobody(name string) bool {
	if _, err := identity.ParseKey(name); err == nil || strings.Contains(name, ":") || len(s.contactsNamed(name)) > 0 {
		return false
	}
	s.complain("chat.error.nobody", clean(name))
	return true
}

func (s *session) remove(name string) {
	if s.isNobody(name) {
		return
	}
	if account := s.account(name); s.sure("remove", account, s.nameFor(account)) {
		s.ask(&p2pv1.RemoveContactRequest{Who: account})
	}
}

// rename calls a contact by another name: the one with whose name args begins, or else the one whose conversation is open.
func (s *session) rename(args string) {
	words := strings.Fields(args)
	for n := len(words) - 1; n > 0; n-- {
		if c := s.contactNamed(strings.Join(words[:n], " ")); c != nil {
			s.ask(&p2pv1.RenameContactRequest{Who: c.GetAccount(), Name: strings.Join(words[n:], " ")})
			return
		}
	}
	c := s.contactNamed("")
	if c == nil {
		s.complain("chat.error.usage", s.usage(commandNamed("rename")))
		return
	}
	s.ask(&p2pv1.RenameContactRequest{Who: c.GetAccount(), Name: strings.Join(words, " ")})
}

func (s *session) verify(args string) {
	words := strings.Fields(args)
	q := &p2pv1.VerifyContactRequest{}
	if n := len(words); n > 0 && slices.Contains([]string{"same", "differ", "new"}, words[n-1]) {
		q.Same, q.Differ, q.NewKey = words[n-1] == "same", words[n-1] == "differ", words[n-1] == "new"
		words = words[:n-1]
	}
	name := strings.Join(words, " ")
	if c := s.contactNamed(name); c != nil {
		q.Who = c.GetAccount()
	} else if q.Who = name; name == "" {
		s.complain("chat.error.usage", s.usage(commandNamed("verify")))
		return
	}
	s.ask(q)
}

func (s *session) invite(args string) {
	q := &p2pv1.InviteRequest{}
	switch args {
	case "":
	case "room":
		c := s.room()
		if c == nil {
			return
		}
		q.Where = c.GetId()
	default:
		s.complain("chat.error.usage", s.usage(commandNamed("invite")))
		return
	}
	s.ask(q)
}

func (s *session) createRoom(args string) {
	q := &p2pv1.CreateRoomRequest{Name: args}
	if at := strings.LastIndexByte(args, ' '); at > 0 {
		if limit, err := strconv.Atoi(args[at+1:]); err == nil && limit > 1 {
			q.Name, q.Limit = strings.TrimSpace(args[:at]), int32(min(limit, 1<<20))
		}
	}
	s.ask(q)
}

// changing changes a member of the current room.
func changing(change p2pv1.ChangeMemberRequest_Change) func(*session, string) {
	return func(s *session, who string) {
		if c := s.room(); c != nil {
			s.ask(&p2pv1.ChangeMemberRequest{Where: c.GetId(), Who: s.member(c, who), Change: change})
		}
	}
}

// member returns the key of a member by his name.
func (s *session) member(c *conversation, name string) string {
	var all []naming.Candidate[string]
	for _, m := range c.GetMembers() {
		if !m.GetMe() { // of two who are called alike it is not this person, as in the node
			all = append(all, naming.Candidate[string]{Name: m.GetName(), ID: m.GetAccount(), Is: m.GetAccount()})
		}
	}
	switch found, _ := naming.Person(name, all); len(found) {
	case 0:
		return s.account(name)
	case 1:
		return found[0].Is
	}
	return name // the node says which
}

func (s *session) setRole(args string) {
	at := strings.LastIndexByte(args, ' ')
	role := map[string]p2pv1.Role{
		"owner": p2pv1.Role_ROLE_OWNER, "moderator": p2pv1.Role_ROLE_MODERATOR, "member": p2pv1.Role_ROLE_MEMBER,
	}[args[at+1:]]
	if role == p2pv1.Role_ROLE_UNSPECIFIED {
		s.complain("chat.error.usage", s.usage(commandNamed("role")))
		return
	}
	if c := s.room(); c != nil {
		who := s.member(c, strings.TrimSpace(args[:at]))
		s.ask(&p2pv1.ChangeMemberRequest{Where: c.GetId(), Who: who, Change: p2pv1.ChangeMemberRequest_CHANGE_ROLE, Role: role})
	}
}

func (s *session) renameRoom(name string) {
	if c := s.room(); c != nil {
		s.ask(&p2pv1.ChangeRoomRequest{Where: c.GetId(), Name: &name})
	}
}

func (s *session) leaveRoom(string) {
	if c := s.room(); c != nil && s.sure("leave", c.GetId(), s.title(c)) {
		s.ask(&p2pv1.LeaveRoomRequest{Where: c.GetId()})
	}
}

func (s *session) offer(path string) {
	c := s.here()
	switch {
	case c == nil:
	case !utf8.ValidString(path):
		s.complain("usage.file_name", path)
	case s.blocked(c):
		s.complain("chat.error.blocked", s.title(c))
	case s.doubted(c):
		s.complain("chat.error.alert")
	default:
		despite, ok := s.dare(c, "/send "+path)
		if !ok {
			return
		}
		s.word("chat.file.preparing", path)
		s.askFor(preparing{s.flash.serial}, &p2pv1.OfferRequest{Where: c.GetId(), Path: path, Despite: despite, Keep: true})
	}
}

// preparing is the note of an offer of which a flash says that it is being prepared.
type preparing struct{ serial int }

// get downloads what is offered under a name, or without one the last that others offer: of several the newest that is not here.
func (s *session) get(name string) {
	if it := s.chosen(); it != nil {
		s.acceptIt(it)
		return
	}
	c := s.here()
	if c == nil {
		return
	}
	var found *item
	for _, it := range slices.Backward(c.items) {
		named := strings.EqualFold(it.GetFile().GetName(), name) || name == "" && !it.GetMine()
		if named && it.GetFile() != nil && !it.GetDeleted() && !it.GetFile().GetTakenBack() && (found == nil || s.wants(it) > s.wants(found)) {
			found = it
		}
	}
	switch {
	case found == nil && name == "":
		s.complain("chat.error.no_offer")
	case found == nil:
		s.complain("chat.error.no_such_offer", clean(name))
	case s.isHere(found.Message):
		s.word("chat.file.here", clean(found.GetFile().GetName()), clean(s.transferOf(found.Message).GetPath()))
	default:
		s.acceptIt(found)
	}
}

// wants is larger for an offer that is rather meant: what is not here, then what others offer.
func (s *session) wants(it *item) (n int) {
	if !s.isHere(it.Message) {
		n += 2
	}
	if !it.GetMine() {
		n++
	}
	return n
}

// isHere reports whether this device has what a message offers.
func (s *session) isHere(m *p2pv1.Message) bool {
	state := s.transferOf(m).GetState()
	return state == p2pv1.Transfer_STATE_DONE || state == p2pv1.Transfer_STATE_SHARING
}

// cancel stops the transfer of a name, or what is prepared to be sent; without one the last that is under way.
func (s *session) cancel(name string) {
	if name == "" {
		s.cancelLast()
		return
	}
	var found []*p2pv1.Transfer
	for _, t := range s.transfers {
		id := whatToCancel(t)
		switch {
		case id == name:
			s.ask(&p2pv1.CancelRequest{Message: id})
			return
		case t.GetState() == p2pv1.Transfer_STATE_CANCELLED, t.GetState() == p2pv1.Transfer_STATE_GONE:
		case strings.EqualFold(t.GetFile().GetName(), name), len(name) >= enoughID && strings.HasPrefix(id, name):
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		s.complain("chat.error.no_transfer")
	case 1:
		s.ask(&p2pv1.CancelRequest{Message: whatToCancel(found[0])})
	default:
		var which []string
		for _, t := range found {
			id := whatToCancel(t)
			if t.GetMessage() != "" {
				id = shortID(id)
			}
			which = append(which, clean(t.GetFile().GetName())+" ("+clean(id)+")")
		}
		slices.Sort(which)
		s.complain("reason.same_name", name, strings.Join(which, ", "))
	}
}

// enoughID is how much of the id of a message means it.
const enoughID = 6

// whatToCancel is what a transfer is named by: the message that offers it, or where it lies while it is hashed, and offered by none yet.
func whatToCancel(t *p2pv1.Transfer) string { return cmp.Or(t.GetMessage(), t.GetPath()) }

// cancelLast stops what is hashed, or else the last transfer that is under way.
func (s *session) cancelLast() {
	var found *p2pv1.Transfer
	for _, t := range s.transfers {
		if t.GetMessage() == "" {
			found = t
			break
		}
		runs := t.GetState() == p2pv1.Transfer_STATE_DOWNLOADING || t.GetState() == p2pv1.Transfer_STATE_WAITING
		if runs && (found == nil || t.GetMessage() > found.GetMessage()) {
			found = t
		}
	}
	if found == nil {
		s.complain("chat.error.nothing_moves")
		return
	}
	s.ask(&p2pv1.CancelRequest{Message: whatToCancel(found)})
}
