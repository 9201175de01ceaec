package api

import (
	"strconv"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// ExplainNotice says what an author, who may be "you", has done to a conversation, in the language of c. The sentences fit who reads it
// and others alike. The names come from strangers: it is not safe to print yet.
func ExplainNotice(c *text.Catalogue, author string, n *p2pv1.Notice) string {
	whom, you := n.GetName(), c.Say("notice.you")
	if n.GetMe() {
		whom = ownMark + you + ownMark
	}
	if author == you {
		author = ownMark + you + ownMark
	}
	said := explainNotice(c, author, whom, n)
	if c.Lang() == "zh" { // a name stands apart there, and a pronoun does not
		said = strings.NewReplacer(" "+ownMark, "", ownMark+" ", "").Replace(said)
	}
	return strings.ReplaceAll(said, ownMark, "")
}

// ownMark stands around the word for this person until a notice is put together. One in a name is not for a screen anyway.
const ownMark = "\x00"

func explainNotice(c *text.Catalogue, author, whom string, n *p2pv1.Notice) string {
	switch n.GetKind() {
	case p2pv1.Notice_KIND_CREATED:
		return c.Say("notice.created", author, n.GetText())
	case p2pv1.Notice_KIND_INVITED:
		return c.Say("notice.invited", author, whom, n.GetText())
	case p2pv1.Notice_KIND_ADDED:
		return c.Say("notice.added", author, whom)
	case p2pv1.Notice_KIND_REMOVED:
		return c.Say("notice.removed", author, whom)
	case p2pv1.Notice_KIND_LEFT:
		return c.Say("notice.left", author)
	case p2pv1.Notice_KIND_JOINED:
		return c.Say("notice.joined", author)
	case p2pv1.Notice_KIND_ROLE:
		return c.Say("notice.role", author, whom, RoleWord(c, n.GetRole()))
	case p2pv1.Notice_KIND_DEVICE_JOINED:
		return c.Say("notice.device_joined", author)
	case p2pv1.Notice_KIND_DEVICE_REVOKED:
		return c.Say("notice.device_revoked", author)
	case p2pv1.Notice_KIND_LINKS_REVOKED:
		return c.Say("notice.links_revoked", author)
	}
	return c.Say("notice.changed", author, roomChanges(c, n))
}

// DeliveryWord says how far a message of this person has come; "" of what is another's, and of what is for nobody: who is alone waits for
// nobody.
func DeliveryWord(c *text.Catalogue, m *p2pv1.Message) string {
	some := len(m.GetDeliveredTo())
	switch {
	case !m.GetMine() || m.GetNotice() != nil:
		return ""
	case m.GetDelivery() == p2pv1.Delivery_DELIVERY_READ:
		return c.Say("message.read")
	case m.GetDelivery() == p2pv1.Delivery_DELIVERY_DELIVERED:
		return c.Say("message.delivered")
	case m.GetDelivery() == p2pv1.Delivery_DELIVERY_STORED && some > 0:
		return c.Say("message.stored_some", some, m.GetOthers())
	case m.GetDelivery() == p2pv1.Delivery_DELIVERY_STORED && m.GetOthers() > 0:
		return c.Say("message.stored")
	}
	return ""
}

// RoleWord says what a member is.
func RoleWord(c *text.Catalogue, r p2pv1.Role) string {
	switch r {
	case p2pv1.Role_ROLE_OWNER:
		return c.Say("role.owner")
	case p2pv1.Role_ROLE_MODERATOR:
		return c.Say("role.moderator")
	case p2pv1.Role_ROLE_MEMBER:
		return c.Say("role.member")
	}
	return c.Say("role.none")
}

// roomChanges says what somebody has changed in a room; its name, where that is not known.
func roomChanges(c *text.Catalogue, n *p2pv1.Notice) string {
	was, now := n.GetBefore(), n.GetAfter()
	said := ""
	add := func(differs bool, key string, args ...any) {
		switch {
		case !differs:
		case said == "":
			said = c.Say(key, args...)
		default:
			said = c.Say("change.pair", said, c.Say(key, args...))
		}
	}
	if was != nil && now != nil {
		add(was.Name != now.Name, "change.name", was.Name, now.Name)
		add(was.Limit != now.Limit, "change.limit", strconv.Itoa(int(was.Limit)), strconv.Itoa(int(now.Limit)))
		add(was.History != now.History, "change.history", historyWord(c, was.History), historyWord(c, now.History))
		add(!was.Open && now.Open, "change.open")
		add(was.Open && !now.Open, "change.closed")
	}
	if said == "" {
		return n.GetText()
	}
	return said
}

// historyWord says how much of what was said before somebody who joins gets (CreateRoomRequest).
func historyWord(c *text.Catalogue, n int32) string {
	switch n {
	case 0:
		return c.Say("change.history.all")
	case -1:
		return c.Say("change.history.none")
	}
	return strconv.Itoa(int(n))
}
