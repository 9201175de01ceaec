package terminal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/units"
	"p2p/peer/identity"
)

// nameOf returns what a person is called here.
func (s *session) nameOf(account string) string {
	if account == s.me.GetAccount() && account != "" {
		return s.myName()
	}
	if c := s.contacts[account]; c.GetName() != "" {
		return clean(c.GetName())
	}
	if s.current != nil {
		for _, m := range s.current.GetMembers() {
			if m.GetAccount() == account && m.GetName() != "" {
				return clean(m.GetName())
			}
		}
	}
	return shortKey(account)
}

func (s *session) myName() string {
	if n := s.me.GetDisplayName(); n != "" {
		return clean(n)
	}
	if n := s.me.GetName(); n != "" {
		return clean(n)
	}
	return s.say.Say("chat.me")
}

// myNameAmong is myName; where somebody else is called so too it is said whose it is: without an account both may be called as their
// systems call them.
func (s *session) myNameAmong(all []*p2pv1.Member) string {
	name := s.myName()
	for _, m := range all {
		if !m.GetMe() && strings.EqualFold(clean(m.GetName()), name) {
			return s.say.Say("chat.name.mine", name)
		}
	}
	return name
}

// nameIn returns the author of a message.
func (s *session) nameIn(m *p2pv1.Message) string {
	if m.GetMine() {
		return s.myNameAmong(s.conversations[m.GetConversation()].people())
	}
	if c := s.contacts[m.GetAccount()]; c.GetName() != "" {
		return clean(c.GetName())
	}
	if m.GetName() != "" {
		return clean(m.GetName())
	}
	return shortKey(m.GetAccount())
}

// shortKey returns the short form of a key, as the node writes it too; of what is none, the beginning.
func shortKey(key string) string {
	if k, err := identity.ParseKey(key); err == nil {
		return k.Short()
	}
	return clean(key[:min(len(key), 8)])
}

// shortID returns as much of an id as names a conversation.
func shortID(id string) string { return id[:min(len(id), 12)] }

// title returns what a conversation is called.
func (s *session) title(c *conversation) string {
	if c.GetDirect() {
		if n := s.contacts[c.GetWith()].GetName(); n != "" {
			return clean(n)
		}
	}
	if c.GetName() != "" {
		return clean(c.GetName())
	}
	return shortKey(c.GetId())
}

// apartBy returns the start of the id of a room, by which /open knows it, when another room has its name; else nothing.
func (s *session) apartBy(c *conversation) string {
	if c.GetDirect() || c.GetName() == "" {
		return ""
	}
	for _, other := range s.conversations {
		if other != c && !other.GetDirect() && strings.EqualFold(other.GetName(), c.GetName()) {
			return c.GetId()[:min(len(c.GetId()), enoughID)]
		}
	}
	return ""
}

// titleApart is title with what tells a room from another one of its name.
func (s *session) titleApart(c *conversation) string {
	if id := s.apartBy(c); id != "" {
		return s.title(c) + " (" + id + ")"
	}
	return s.title(c)
}

// textOf returns what a message says, for a line of its own.
func (s *session) textOf(m *p2pv1.Message) string {
	switch {
	case m.GetNotice() != nil:
		return s.noticeText(m)
	case m.GetDeleted():
		return s.deleted(m)
	case m.GetWithheld():
		return s.say.Say("chat.withheld")
	case m.GetFile() != nil:
		what := s.say.Say("chat.file.offers", clean(m.GetFile().GetName()), s.fileSize(m.GetFile()))
		if m.GetFile().GetTakenBack() {
			what += " (" + s.say.Say("message.taken_back") + ")"
		}
		if m.GetText() != "" {
			what += " " + cleanLines(m.GetText())
		}
		return what
	}
	return cleanLines(m.GetText())
}

// deleted says that a message was, and who has done it where that was not its author.
func (s *session) deleted(m *p2pv1.Message) string {
	if m.GetDeletedByMe() {
		return s.say.Say("chat.deleted_by", s.say.Say("chat.me"))
	}
	if by := clean(m.GetDeletedBy()); by != "" {
		return s.say.Say("chat.deleted_by", by)
	}
	return s.say.Say("chat.deleted")
}

// flat returns a text on one line.
func flat(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// preview returns the start of a text on one line.
func preview(s string) string { return ansi.GraphemeWidth.Truncate(flat(s), 200, "…") }

func (s *session) noticeText(m *p2pv1.Message) string {
	who := s.nameIn(m)
	if m.GetMine() {
		who = s.say.Say("notice.you")
	}
	return clean(api.ExplainNotice(s.say, who, m.GetNotice()))
}

func (s *session) presenceWord(p p2pv1.Presence) string {
	switch p {
	case p2pv1.Presence_PRESENCE_ONLINE:
		return s.say.Say("chat.presence.online")
	case p2pv1.Presence_PRESENCE_AWAY:
		return s.say.Say("chat.presence.away")
	case p2pv1.Presence_PRESENCE_UNSPECIFIED:
		return s.say.Say("chat.presence.unknown")
	}
	return s.say.Say("chat.presence.offline")
}

// presenceIn is presenceWord with what the person says of it.
func (s *session) presenceIn(p p2pv1.Presence, text string) string {
	if text = flat(text); text != "" {
		return s.say.Say("chat.presence.text", s.presenceWord(p), text)
	}
	return s.presenceWord(p)
}

// presenceMark is a sign with its colour; the signs differ, for those who see no colours.
func presenceMark(p p2pv1.Presence) span {
	switch p {
	case p2pv1.Presence_PRESENCE_ONLINE:
		return span{"●", style{role: online}}
	case p2pv1.Presence_PRESENCE_AWAY:
		return span{"◐", style{role: away}}
	}
	return span{"○", style{role: offline}}
}

// pathWord says how a person is reached, with the time that a word to him and back takes.
func (s *session) pathWord(p p2pv1.Path, rttMicros int64) string {
	key := ""
	switch p {
	case p2pv1.Path_PATH_LOCAL:
		key = "chat.path.local"
	case p2pv1.Path_PATH_DIRECT:
		key = "chat.path.direct"
	case p2pv1.Path_PATH_RELAYED:
		return s.say.Say("chat.path.relayed")
	default:
		return ""
	}
	if rttMicros <= 0 {
		return s.say.Say(key)
	}
	return s.say.Say(key) + " " + roundTrip(rttMicros)
}

// roundTrip writes how long a round trip takes.
func roundTrip(micros int64) string {
	if micros < 10_000 {
		return fmt.Sprintf("%.1f ms", float64(micros)/1000)
	}
	return fmt.Sprintf("%d ms", micros/1000)
}

func (s *session) clock(milli int64) string { return s.ms(milli).Format("15:04") }

// date returns a day for people: today and yesterday by their names.
func (s *session) date(t time.Time) string {
	y, m, d := s.now.In(s.loc).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, s.loc)
	switch {
	case !t.Before(today) && t.Before(today.AddDate(0, 0, 1)):
		return s.say.Say("chat.today")
	case !t.Before(today.AddDate(0, 0, -1)) && t.Before(today):
		return s.say.Say("chat.yesterday")
	}
	weekday := strings.Split(s.say.Say("chat.weekdays"), " ")[int(t.Weekday())]
	return weekday + " " + t.Format("2006-01-02")
}

// ago returns how long ago a moment was, in its largest unit.
func (s *session) ago(milli int64) string {
	if milli == 0 {
		return ""
	}
	d := max(s.now.Sub(s.ms(milli)), 0)
	switch {
	case d < time.Minute:
		return s.say.Say("chat.ago.now")
	case d < time.Hour:
		return fmt.Sprintf("%d %s", int(d.Minutes()), s.say.Say("chat.ago.min"))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d %s", int(d.Hours()), s.say.Say("unit.hour"))
	}
	return fmt.Sprintf("%d %s", int(d.Hours())/24, s.say.Say("unit.day"))
}

func (s *session) duration(d time.Duration) string {
	return units.FormatDuration(d, progress.Words(s.say))
}

// typingText says who is typing.
func (s *session) typingText(c *conversation) string {
	var names []string
	for account := range c.typing {
		names = append(names, s.nameOf(account))
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return ""
	case 1:
		return s.say.Say("chat.typing.one", names[0])
	case 2, 3:
		return s.say.Say("chat.typing.several", s.say.List(names))
	}
	return s.say.Say("chat.typing.many", len(names))
}

// sentence says a message for the plain mode; where names the conversation before it.
func (s *session) sentence(m *p2pv1.Message, where bool) line {
	l := line{{"[" + s.clock(m.GetWritten()) + "] ", style{role: faint}}}
	if where {
		if c := s.conversations[m.GetConversation()]; c != nil && (!c.GetDirect() || m.GetMine()) {
			l = append(l, span{s.title(c) + ": ", style{role: accent}})
		}
	}
	if m.GetNotice() != nil {
		return append(l, span{s.noticeText(m), style{role: faint}})
	}
	if m.GetLate() {
		l = append(l, span{s.lateWord(m) + " ", style{role: away}})
	}
	l = append(l, span{clean(s.nameIn(m)) + ": ", style{role: nameRole(m.GetAccount()), bold: true}})
	switch {
	case m.GetReplyTo() == "":
	case m.GetReplyDeleted():
		l = append(l, span{s.say.Say("chat.plain.reply_deleted", clean(m.GetReplyName())) + " ", style{role: faint}})
	case m.GetReplyText() == "": // not shared with this person
		l = append(l, span{s.say.Say("chat.plain.reply_gone") + " ", style{role: faint}})
	default:
		l = append(l, span{s.say.Say("chat.plain.reply", clean(m.GetReplyName()), preview(m.GetReplyText())) + " ", style{role: faint}})
	}
	return append(l, span{s.textOf(m), style{}})
}

// lateWord says where a message belongs that came late: printed line by line it stands behind what it comes before.
func (s *session) lateWord(m *p2pv1.Message) string {
	if c := s.conversations[m.GetConversation()]; c != nil {
		if at := c.index(m.GetId()); at >= 0 && at+1 < len(c.items) {
			next := c.items[at+1].Message
			if next.GetNotice() != nil {
				return s.say.Say("chat.plain.late_before", s.noticeText(next))
			}
			return s.say.Say("chat.plain.late_before", clean(s.nameIn(next))+": "+preview(s.textOf(next)))
		}
	}
	return s.say.Say("chat.plain.late")
}

// changeLine says on a line of its own what was just done to a message: whoever has it read out cannot see it change.
func (s *session) changeLine(m *p2pv1.Message, where bool) line {
	c := m.GetChange()
	l := line{{"[" + s.clock(c.GetWritten()) + "] ", style{role: faint}}}
	if in := s.conversations[m.GetConversation()]; where && in != nil {
		l = append(l, span{s.title(in) + ": ", style{role: accent}})
	}
	who, when := clean(c.GetName()), s.clock(m.GetWritten())
	if t := s.ms(m.GetWritten()); s.date(t) != s.date(s.now) {
		when = s.date(t) + " " + when
	}
	if c.GetMine() {
		who = s.myName()
	}
	whose := s.say.Say("change.whose", clean(s.nameIn(m)), when)
	if m.GetMine() {
		whose = s.say.Say("change.yours", when)
	}
	what := ""
	if m.GetGone() {
		return append(l[1:], span{s.say.Say("change.gone", whose), style{}})
	}
	switch c.GetKind() {
	case p2pv1.Change_KIND_EDITED:
		what = s.say.Say("change.edited", who, when, s.textOf(m))
	case p2pv1.Change_KIND_DELETED:
		what = s.say.Say("change.deleted", who, whose)
	case p2pv1.Change_KIND_REACTED:
		what = s.say.Say("change.reacted", who, clean(c.GetEmoji()), whose, preview(s.textOf(m)))
	case p2pv1.Change_KIND_WITHDREW:
		what = s.say.Say("change.withdrew", who, when, clean(m.GetFile().GetName()))
	case p2pv1.Change_KIND_TOOK_BACK:
		what = s.say.Say("change.took_back", who, clean(c.GetEmoji()), whose, preview(s.textOf(m)))
	}
	return append(l, span{what, style{}})
}
