package people

import (
	"cmp"
	"context"
	"os/user"
	"slices"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// viewer turns what the history holds into what programs are told. It is for one call.
type viewer struct {
	*Node
	ctx context.Context
	me  identity.Key
}

func (n *Node) viewer(ctx context.Context) *viewer {
	return &viewer{Node: n, ctx: ctx, me: n.accountOf()}
}

// hidden reports whether a line is none for people: how a conversation of two was set up goes without saying, and so does that
// somebody who is there has another device, or what nobody had the right to.
func (v *viewer) hidden(e *history.Entry) bool {
	if e.Event.Kind == body.KindRevocation {
		c := v.conversation(e.Event.In())
		return c != nil && c.talk.Role(e.Account) < room.Moderator
	}
	if e.Event.Kind >= room.Content {
		return false
	}
	p := v.place(e.Event.In())
	if p == nil || p.With.IsZero() {
		if e.Event.Kind != room.Join {
			return false
		}
		first, err := v.archive.Newcomer(v.ctx, e)
		return err == nil && !first
	}
	if e.Event.Kind != room.Admin {
		return true
	}
	c, err := room.ParseChange(e.Body)
	return err != nil || c.Op == room.Add
}

// message returns a line of a conversation as it is now.
func (v *viewer) message(e *history.Entry) (*p2pv1.Message, error) {
	id := e.Event.In()
	m := &p2pv1.Message{
		Id: textID(e.Event.ID), Conversation: textID(id), Number: e.N, Account: textKey(e.Account), Name: v.nameOf(e.Account),
		Device: textKey(e.Event.Author), Written: int64(e.Event.Wall), Arrived: e.Arrived.UnixMilli(), Lamport: e.Event.Lamport,
		Late: e.Late, Mine: e.Account == v.me, Deleted: e.Gone, Withheld: e.Body == nil && !e.Gone && e.Event.Kind >= room.Content,
	}
	if e.Event.Kind == body.KindRevocation { // that it is one says all
		m.Deleted, m.Withheld = false, false
		m.Notice = &p2pv1.Notice{Kind: p2pv1.Notice_KIND_LINKS_REVOKED, Account: m.Account, Name: m.Name, Me: m.Mine}
		return m, nil
	}
	if e.Body != nil {
		v.say(m, e)
	}
	if m.Deleted {
		return m, v.deleter(m, e)
	}
	if err := v.about(m, e); err != nil {
		return nil, err
	}
	if m.Mine && e.Event.Kind >= room.Content {
		v.marks(m, e, id)
	}
	return m, nil
}

// say fills in what the body says.
func (v *viewer) say(m *p2pv1.Message, e *history.Entry) {
	switch e.Event.Kind {
	case body.KindText:
		if t, err := body.ParseText(e.Body); err == nil {
			v.text(m, t)
		}
	case body.KindFile:
		if f, err := body.ParseFile(e.Body); err == nil {
			v.text(m, captionOf(f))
			m.File = fileOf(f)
			m.Transfer = v.files.of(f.InfoHash)
		}
	case body.KindInvitation:
		if i, err := body.ParseInvitation(e.Body); err == nil {
			whom := v.me
			if p := v.place(e.Event.In()); m.Mine && p != nil {
				whom = p.With
			}
			m.Notice = &p2pv1.Notice{Kind: p2pv1.Notice_KIND_INVITED, Account: textKey(whom), Name: v.nameOf(whom), Me: whom == v.me, Text: i.Name}
		}
	case room.Create, room.Join, room.Admin:
		m.Notice = v.notice(e)
	}
}

func fileOf(f body.File) *p2pv1.File {
	return &p2pv1.File{Name: safeName(f.Name), Size: f.Size, Files: int32(f.Files), InfoHash: f.InfoHash.String(), Folder: f.Folder}
}

// notice tells what was done to the room.
func (v *viewer) notice(e *history.Entry) *p2pv1.Notice {
	about := func(kind p2pv1.Notice_Kind, k identity.Key) *p2pv1.Notice {
		n := &p2pv1.Notice{Kind: kind, Account: textKey(k), Name: v.nameOf(k), Me: k == v.me}
		if c := v.conversation(e.Event.In()); c != nil {
			n.Name = cmp.Or(v.guest(v.ctx, c, k), n.Name)
		}
		return n
	}
	switch e.Event.Kind {
	case room.Create:
		n := about(p2pv1.Notice_KIND_CREATED, e.Account)
		if b, err := room.ParseBirth(e.Body); err == nil {
			n.Text = b.Options.Name
		}
		return n
	case room.Join:
		return about(p2pv1.Notice_KIND_JOINED, e.Account)
	}
	c, err := room.ParseChange(e.Body)
	if err != nil {
		return nil
	}
	switch c.Op {
	case room.Add:
		n := about(p2pv1.Notice_KIND_ADDED, c.Account)
		n.Role = p2pv1.Role(c.Role)
		return n
	case room.Remove:
		if c.Account == e.Account {
			return about(p2pv1.Notice_KIND_LEFT, c.Account)
		}
		return about(p2pv1.Notice_KIND_REMOVED, c.Account)
	case room.SetRole:
		n := about(p2pv1.Notice_KIND_ROLE, c.Account)
		n.Role = p2pv1.Role(c.Role)
		return n
	case room.SetRoom:
		n := about(p2pv1.Notice_KIND_CHANGED, e.Account)
		n.Text, n.After = c.Options.Name, optionsView(c.Options)
		if was, known, err := v.archive.OptionsBefore(v.ctx, e); known && err == nil {
			n.Before = optionsView(was)
		}
		return n
	}
	return about(p2pv1.Notice_KIND_DEVICE_REVOKED, e.Account)
}

func optionsView(o room.Options) *p2pv1.RoomOptions {
	return &p2pv1.RoomOptions{Name: o.Name, Limit: int32(o.Limit), History: saidHistory(o.History), Open: o.Open}
}

// deleter fills in who has deleted a message that is not his. Who has no right to it can say so too, in vain: he is not named for what a
// moderator has done. Nobody is, if that moderator is none any more.
func (v *viewer) deleter(m *p2pv1.Message, e *history.Entry) error {
	c := v.conversation(e.Event.In())
	all, err := v.archive.About(v.ctx, e.Event.ID)
	if err != nil {
		return err
	}
	for i := range all {
		switch a := &all[i]; {
		case a.Event.Kind != room.Delete:
		case a.Account == e.Account:
			m.DeletedBy, m.DeletedByMe = "", false
			return nil
		case m.DeletedBy == "" && c != nil && c.talk.Role(a.Account) >= room.Moderator:
			m.DeletedBy, m.DeletedByMe = v.nameOf(a.Account), a.Account == v.me
		}
	}
	return nil
}

// about fills in what others, and the author, have added to a message since.
func (v *viewer) about(m *p2pv1.Message, e *history.Entry) error {
	if e.Alone || m.Deleted || m.Withheld || e.Event.Kind < room.Content {
		return nil
	}
	all, err := v.archive.About(v.ctx, e.Event.ID)
	if err != nil {
		return err
	}
	if t, by := edited(e, all); !by.IsZero() {
		v.text(m, t)
		m.Edited = true
	}
	given := map[string][]string{} // accounts by emoji
	var order []string
	for i := range all {
		a := &all[i]
		switch a.Event.Kind {
		case body.KindReaction:
			r, err := body.ParseReaction(a.Body)
			if err != nil {
				continue
			}
			who := textKey(a.Account)
			given[r.Emoji] = slices.DeleteFunc(given[r.Emoji], func(k string) bool { return k == who })
			if !r.Back {
				given[r.Emoji] = append(given[r.Emoji], who)
			}
			if !slices.Contains(order, r.Emoji) {
				order = append(order, r.Emoji)
			}
		case body.KindWithdrawal:
			if m.File != nil && withdraws(a, e) {
				m.File.TakenBack = true
				if m.Transfer.GetMessage() != m.Id { // the same is on its way by another message
					m.Transfer = nil
				}
			}
		}
	}
	for _, emoji := range order {
		if len(given[emoji]) > 0 {
			m.Reactions = append(m.Reactions, &p2pv1.Reaction{Emoji: emoji, Accounts: given[emoji]})
		}
	}
	return nil
}

// marks fills in who has a message of this person, and who has read it.
func (v *viewer) marks(m *p2pv1.Message, e *history.Entry, id room.ID) {
	m.Delivery = p2pv1.Delivery_DELIVERY_STORED
	c := v.conversation(id)
	if c == nil {
		return
	}
	delivered, read := c.talk.Delivered(&e.Event), c.talk.ReadBy(&e.Event)
	others := slices.DeleteFunc(c.others(), func(k identity.Key) bool { return !c.talk.Given(k, &e.Event) })
	if p := v.place(id); len(others) == 0 && p != nil && !p.With.IsZero() { // one of the two has gone since, who may have had it
		others = []identity.Key{p.With}
	}
	m.Others = int32(len(others))
	for _, k := range others {
		if read[k] {
			m.ReadBy = append(m.ReadBy, textKey(k))
		}
		if delivered[k] {
			m.DeliveredTo = append(m.DeliveredTo, textKey(k))
		}
	}
	switch {
	case len(others) == 0:
	case len(m.ReadBy) == len(others):
		m.Delivery = p2pv1.Delivery_DELIVERY_READ
	case len(m.DeliveredTo) == len(others):
		m.Delivery = p2pv1.Delivery_DELIVERY_DELIVERED
	}
}

// visible reads up to n lines that people see: of many devices that joined at once they see one.
func (v *viewer) visible(read func(context.Context, room.ID, history.Position, int) ([]history.Entry, error), id room.ID, at history.Position, n int) (all []history.Entry, err error) {
	for {
		few := max(n, 8) // how a conversation of two begins is not seen
		page, err := read(v.ctx, id, at, few)
		if err != nil || len(page) == 0 {
			return all, err
		}
		short, back := len(page) < few, page[len(page)-1].Position().Less(at)
		at = page[len(page)-1].Position()
		if back {
			at = page[0].Position()
		}
		page = slices.DeleteFunc(page, func(e history.Entry) bool { return v.hidden(&e) })
		if back {
			all = append(page, all...)
			all = all[max(0, len(all)-n):]
		} else {
			all = append(all, page...)
			all = all[:min(n, len(all))]
		}
		if short || len(all) == n {
			return all, nil
		}
	}
}

// messages turns entries into messages.
func (v *viewer) messages(all []history.Entry) ([]*p2pv1.Message, error) {
	list := make([]*p2pv1.Message, 0, len(all))
	for i := range all {
		if v.hidden(&all[i]) {
			continue
		}
		m, err := v.message(&all[i])
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// nameOf returns what this person calls somebody.
func (n *Node) nameOf(account identity.Key) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nameFor(account)
}

// nameFor is nameOf for who holds mu.
func (n *Node) nameFor(account identity.Key) string {
	if account.IsZero() {
		return ""
	}
	if n.self != nil && account == n.self.accountKey() {
		return n.displayName()
	}
	if c := n.book.contacts[account]; c != nil && c.Name != "" {
		return c.Name
	}
	if name := n.faces.name(account); name != "" {
		if n.passesFor(name, account) != "" { // he may be in a room for that
			return name + " (" + account.Short() + ")"
		}
		return name
	}
	return account.Short()
}

// displayName is how this person calls himself. The caller holds mu.
func (n *Node) displayName() string {
	switch {
	case n.book.name != "":
		return n.book.name
	case n.self == nil:
		return ""
	case n.self.name != "":
		return n.self.name
	case loginName != "":
		return cut(loginName, maxNameLen)
	}
	return n.self.accountKey().Short()
}

// loginName is what the system calls who runs this, empty if it does not say.
var loginName = func() string {
	u, err := user.Current()
	if err != nil || !plain(u.Username, maxNameLen) {
		return ""
	}
	_, name, found := strings.Cut(u.Username, `\`) // DOMAIN\name, on Windows
	if !found {
		return u.Username
	}
	return name
}()

// conversation returns the open conversation of that id, nil if there is none.
func (n *Node) conversation(id room.ID) *conversation {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open[id]
}

// mentioned returns the accounts of members whose names stand behind an @ in a text.
func (n *Node) mentioned(c *conversation, text string) (all []identity.Key) {
	if !strings.Contains(text, "@") {
		return nil
	}
	lower := strings.ToLower(text)
	for _, p := range c.talk.Members() {
		name := "@" + strings.ToLower(n.nameOf(p.Account))
		for at := 0; ; {
			i := strings.Index(lower[at:], name)
			if i < 0 {
				break
			}
			if at += i + len(name); !continues(lower[at:]) {
				all = append(all, p.Account)
				break
			}
		}
		if len(all) == body.MaxMentions {
			break
		}
	}
	return all
}

// continues reports whether a name goes on at the start of rest.
func continues(rest string) bool {
	for _, r := range rest {
		return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f && r < 0x3000
	}
	return false
}
