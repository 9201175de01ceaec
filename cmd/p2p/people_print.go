package main

import (
	"fmt"
	"strings"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
)

// safe is what others wrote, in one line and fit to print.
func safe(s string) string { return text.Printable(s) }

// clock returns a time of the node, in the zone of who reads it: the time of today, else with the day.
func clock(millis int64, now time.Time) string {
	if millis == 0 {
		return "-"
	}
	t := time.UnixMilli(millis).Local()
	if now = now.Local(); t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// outStyle is the style of stdout.
func (a *app) outStyle() progress.Style {
	auto := a.globals.colour == "auto" && a.outTTY && a.env("NO_COLOR") == ""
	return progress.Style{Text: a.text, Colour: auto || a.globals.colour == "always"}
}

// presence returns a person's presence for people.
func (a *app) presence(p p2pv1.Presence, lastSeen int64, now time.Time) string {
	switch {
	case p == p2pv1.Presence_PRESENCE_ONLINE:
		return a.text.Say("presence.online")
	case p == p2pv1.Presence_PRESENCE_AWAY:
		return a.text.Say("presence.away")
	case lastSeen > 0:
		return a.text.Say("presence.seen", clock(lastSeen, now))
	}
	return a.text.Say("presence.offline")
}

// directoryLost says why the directory is not there.
func (a *app) directoryLost(d *p2pv1.Directory) string {
	if d.Problem.GetKey() == api.DeviceRevoked {
		return a.text.Say("reason.revoked_here")
	}
	if d.LoggedOut {
		return a.text.Say("reason.logged_out")
	}
	if problem := api.ExplainProblem(a.text, d.Problem); problem != "" {
		return a.text.Say("directory.lost", d.Url, problem)
	}
	return a.text.Say("directory.not_asked", d.Url)
}

// paintPresence colours what presence returned.
func (a *app) paintPresence(p p2pv1.Presence, s string) string {
	switch p {
	case p2pv1.Presence_PRESENCE_ONLINE:
		return a.outStyle().Good(s)
	case p2pv1.Presence_PRESENCE_AWAY:
		return a.outStyle().Warn(s)
	}
	return a.outStyle().Dim(s)
}

// path returns how a person is reached, or "".
func (a *app) path(p p2pv1.Path, rttMicros int64) string {
	key := map[p2pv1.Path]string{
		p2pv1.Path_PATH_LOCAL: "path.local", p2pv1.Path_PATH_DIRECT: "path.direct", p2pv1.Path_PATH_RELAYED: "path.relayed",
	}[p]
	if key == "" {
		return ""
	}
	if rttMicros == 0 {
		return a.text.Say(key)
	}
	return a.text.Say("path.with_rtt", a.text.Say(key), float64(rttMicros)/1000)
}

// role returns a role for people.
func (a *app) role(r p2pv1.Role) string {
	if r == p2pv1.Role_ROLE_UNSPECIFIED {
		return "-"
	}
	return api.RoleWord(a.text, r)
}

// printMessage writes one message for people: a line with when and who, and the text, whose further lines are
// indented so that nobody can make one look like somebody else's.
func (a *app) printMessage(m *p2pv1.Message, now time.Time) error {
	style := a.outStyle()
	who := style.Strong(a.author(m)+":") + " "
	if m.Notice != nil { // it names the author itself
		who = style.Dim("—") + " "
	}
	_, err := fmt.Fprintf(a.out, "%s %s%s%s\n", style.Dim(clock(m.Written, now)), who, a.indented(m), style.Dim(a.messageMarks(m)))
	return err
}

// indented returns what a message says, fit to print: whose line it begins is said before.
func (a *app) indented(m *p2pv1.Message) string {
	lines := strings.Split(strings.TrimRight(a.messageText(m), "\n"), "\n")
	for i := range lines {
		lines[i] = safe(lines[i])
	}
	return strings.Join(lines, "\n    ")
}

// author returns who wrote a message.
func (a *app) author(m *p2pv1.Message) string {
	if m.Mine {
		return a.text.Say("message.me")
	}
	return safe(m.Name)
}

// messageText returns what a message says.
func (a *app) messageText(m *p2pv1.Message) string {
	switch {
	case m.Notice != nil:
		author := safe(m.Name)
		if m.Mine {
			author = a.text.Say("notice.you")
		}
		return a.notice(author, m.Notice)
	case m.DeletedByMe:
		return a.text.Say("message.deleted_by", a.text.Say("message.me"))
	case m.Deleted && m.DeletedBy != "":
		return a.text.Say("message.deleted_by", safe(m.DeletedBy))
	case m.Deleted:
		return a.text.Say("message.deleted")
	case m.Withheld:
		return a.text.Say("message.withheld")
	}
	said := m.Text
	if f := m.File; f != nil {
		said = strings.TrimSpace(a.fileText(f) + "\n" + said)
	}
	switch {
	case m.ReplyTo == "":
	case m.ReplyDeleted:
		said = a.text.Say("message.reply_deleted", safe(m.ReplyName)) + "\n" + said
	case m.ReplyText == "": // not shared with this person
		said = a.text.Say("message.reply_gone") + "\n" + said
	default:
		said = a.text.Say("message.reply", safe(m.ReplyName), safe(m.ReplyText)) + "\n" + said
	}
	return said
}

// messageMarks returns what is special about a message, behind it.
func (a *app) messageMarks(m *p2pv1.Message) string {
	var marks []string
	add := func(is bool, key string) {
		if is {
			marks = append(marks, a.text.Say(key))
		}
	}
	add(m.Edited, "message.edited")
	add(m.Late, "message.late")
	add(m.File.GetTakenBack(), "message.taken_back")
	if word := api.DeliveryWord(a.text, m); word != "" {
		marks = append(marks, word)
	}
	for _, r := range m.Reactions {
		marks = append(marks, fmt.Sprintf("%s %d", safe(r.Emoji), len(r.Accounts)))
	}
	if len(marks) == 0 {
		return ""
	}
	return "  (" + a.text.List(marks) + ")"
}

// notice returns what an author did to a conversation.
func (a *app) notice(author string, n *p2pv1.Notice) string {
	return safe(api.ExplainNotice(a.text, author, n))
}
