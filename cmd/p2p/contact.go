package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/units"
	"p2p/peer/identity"
)

func (a *app) contactCommand() *cobra.Command {
	var p profileFlags
	answer := func(use string, answer p2pv1.AnswerContactRequest_Answer) *cobra.Command {
		return a.answerCommand(&p, use, answer)
	}
	return a.grouped(&cobra.Command{
		Use: "contact", Short: a.text.Say("contact.short"), Long: a.text.Say("contact.long"), Example: a.text.Say("contact.examples"),
	}, &p,
		a.contactListCommand(&p), a.contactAddCommand(&p),
		answer("accept", p2pv1.AnswerContactRequest_ANSWER_ACCEPT), answer("refuse", p2pv1.AnswerContactRequest_ANSWER_REFUSE),
		answer("block", p2pv1.AnswerContactRequest_ANSWER_BLOCK), answer("unblock", p2pv1.AnswerContactRequest_ANSWER_UNBLOCK),
		a.contactRemoveCommand(&p), a.contactRenameCommand(&p), a.verifyContactCommand(&p), a.contactInviteCommand(&p))
}

func (a *app) contactListCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: a.text.Say("contact.list.short"), Example: "p2p contact list\np2p contact list -j | jq -r 'select(.state==\"asks\").name'",
		Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListContacts(ctx, request(&p2pv1.ListContactsRequest{}))
				if err != nil {
					return err
				}
				return a.printContacts(a.listed(r.Msg.Contacts))
			})
		},
	}
}

// listed returns those contacts that are listed: all for programs, for people none who is gone.
func (a *app) listed(contacts []*p2pv1.Contact) []*p2pv1.Contact {
	if a.globals.json {
		return contacts
	}
	return slices.DeleteFunc(contacts, func(c *p2pv1.Contact) bool { return c.State == p2pv1.ContactState_CONTACT_STATE_REMOVED })
}

// printContacts shows contacts as a table.
func (a *app) printContacts(contacts []*p2pv1.Contact) error {
	rows := [][]string{{a.text.Say("contact.head.name"), a.text.Say("contact.head.presence"), a.text.Say("contact.head.path"), a.text.Say("contact.head.state")}}
	for _, c := range contacts {
		if a.globals.json {
			if err := a.emitMessage("contact", c); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{c.Name, a.contactPresence(c), a.path(c.Path, c.RttMicros), a.contactState(c)})
	}
	return a.printList("contact.none", rows, func(row, column int, s string) string {
		if row > 0 && column < 2 {
			return a.paintPresence(contacts[row-1].Presence, s)
		}
		return s
	})
}

// contactPresence returns a contact's presence for people: who is none yet, or any more, is not seen.
func (a *app) contactPresence(c *p2pv1.Contact) string {
	if c.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
		return "-"
	}
	return a.presence(c.Presence, c.LastSeen, time.Now())
}

// contactState says how things stand with a contact.
func (a *app) contactState(c *p2pv1.Contact) string {
	said := map[p2pv1.ContactState]string{
		p2pv1.ContactState_CONTACT_STATE_ASKED: "contact.asked", p2pv1.ContactState_CONTACT_STATE_ASKS: "contact.asks",
		p2pv1.ContactState_CONTACT_STATE_REFUSED: "contact.refused", p2pv1.ContactState_CONTACT_STATE_BLOCKED: "contact.blocked",
		p2pv1.ContactState_CONTACT_STATE_REMOVED: "contact.removed",
	}
	var words []string
	if key := said[c.State]; c.Arrived {
		words = append(words, a.text.Say("contact.arrived"))
	} else if key != "" {
		words = append(words, a.text.Say(key))
	}
	if problem := api.ExplainProblem(a.text, c.Problem); problem != "" {
		words = append(words, problem)
	}
	switch {
	case c.Verified:
		words = append(words, a.text.Say("contact.verified"))
	case c.State == p2pv1.ContactState_CONTACT_STATE_FRIEND:
		words = append(words, a.text.Say("contact.unverified"))
	}
	if c.ChangedKey != "" {
		words = append(words, a.text.Say("contact.changed_key"))
	}
	if c.Differs {
		words = append(words, a.text.Say("contact.differs"))
	}
	if known := c.DirectoryName; known != "" && !strings.EqualFold(known, c.Name) && c.ChangedKey == "" {
		words = append(words, a.text.Say("contact.known_as", known))
	}
	if was := c.FormerName; was != "" {
		words = append(words, a.text.Say("contact.former", safe(was)))
	}
	if text := c.PresenceText; text != "" {
		words = append(words, a.text.Say("contact.note", safe(text)))
	}
	if c.LinkUsedBy != "" {
		words = append(words, a.text.Say("contact.link_used", safe(c.LinkUsedBy)))
	}
	if c.Note != "" && (c.State == p2pv1.ContactState_CONTACT_STATE_ASKED || c.State == p2pv1.ContactState_CONTACT_STATE_ASKS) {
		words = append(words, a.text.Say("contact.note", c.Note))
	}
	return a.text.List(words)
}

func (a *app) contactAddCommand(p *profileFlags) *cobra.Command {
	var note, as string
	wait := units.Duration(5 * time.Second)
	cmd := &cobra.Command{
		Use: "add NAME|LINK", Short: a.text.Say("contact.add.short"), Long: a.text.Say("contact.add.long"),
		Example: "p2p contact add bob --note 'we met at the library'\np2p contact add p2p:... --as bob", Args: a.one("NAME|LINK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				waits := func(r *p2pv1.AddContactResponse) {
					key := "contact.add.waiting"
					if r.Sought {
						key = "contact.add.seeking"
					}
					a.sayItWaits(key, safe(r.Contact.GetName()), wait)
				}
				r, err := addContact(ctx, c, &p2pv1.AddContactRequest{Who: args[0], Note: note, Name: as}, time.Duration(wait), waits)
				if err != nil {
					return err
				}
				_, notLink := identity.ParseLink(args[0])
				return a.printAdded(r, notLink == nil)
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", a.text.Say("contact.add.note"))
	cmd.Flags().StringVar(&as, "as", "", a.text.Say("contact.as"))
	cmd.Flags().Var(&wait, "wait", a.text.Say("contact.add.wait"))
	return cmd
}

// addContact asks somebody to be a contact. One without a name at the directory has to be found first, which the
// node does by the way: that he answers is seen in the events of the next moments. waits is called before it waits for that.
func addContact(ctx context.Context, c *api.Client, ask *p2pv1.AddContactRequest, wait time.Duration, waits func(*p2pv1.AddContactResponse)) (*p2pv1.AddContactResponse, error) {
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	stream, err := c.Events(limit, request(&p2pv1.EventsRequest{}))
	if err != nil && limit.Err() == nil {
		return nil, err
	}
	r, err := c.AddContact(ctx, request(ask))
	if err != nil {
		return nil, err
	}
	if !r.Msg.Delivered && stream != nil {
		waits(r.Msg)
	}
	for decided := r.Msg.Delivered; !decided && stream != nil && stream.Receive(); {
		k := stream.Msg().GetContact()
		if k.GetAccount() != r.Msg.Contact.GetAccount() {
			continue
		}
		decided = k.GetState() > p2pv1.ContactState_CONTACT_STATE_ASKED
		switch {
		case r.Msg.Sought:
			if decided = isThere(k); !decided {
				continue
			}
		case !decided && !k.GetArrived():
			continue
		}
		if !r.Msg.Delivered {
			defer time.AfterFunc(linkTime, cancel).Stop()
		}
		r.Msg.Contact, r.Msg.Delivered = k, k.GetState() != p2pv1.ContactState_CONTACT_STATE_REFUSED
	}
	if !r.Msg.Delivered && r.Msg.Contact.GetState() != p2pv1.ContactState_CONTACT_STATE_REFUSED && ctx.Err() == nil {
		askWhy(ctx, c, r.Msg)
	}
	return r.Msg, ctx.Err()
}

// askWhy takes in what has kept a request from arriving so far.
func askWhy(ctx context.Context, c *api.Client, r *p2pv1.AddContactResponse) {
	now, err := c.ListContacts(ctx, request(&p2pv1.ListContactsRequest{}))
	if err != nil {
		return // it is not for this that he has asked
	}
	for _, k := range now.Msg.Contacts {
		if k.Account == r.Contact.GetAccount() {
			r.Contact = k
		}
	}
}

func isThere(k *p2pv1.Contact) bool {
	return k.GetPresence() == p2pv1.Presence_PRESENCE_ONLINE || k.GetPresence() == p2pv1.Presence_PRESENCE_AWAY
}

// linkTime is how long is waited, once a request has arrived, for a node that decides by itself, because the link is good.
const linkTime = time.Second

// sayItWaits says whom a command waits for, and how long: to somebody at a terminal, who sees nothing happen meanwhile.
func (a *app) sayItWaits(key, name string, wait units.Duration) {
	if a.errTTY {
		a.say(key, name, units.FormatDuration(time.Duration(wait), progress.Words(a.text)))
	}
}

// printAdded says whether the request has arrived; one that waits has an exit code of its own.
func (a *app) printAdded(r *p2pv1.AddContactResponse, byLink bool) error {
	if err := a.emitMessage("contact_added", r); err != nil {
		return err
	}
	name := safe(r.Contact.GetName())
	switch {
	case r.Contact.GetState() == p2pv1.ContactState_CONTACT_STATE_REFUSED:
		return a.fail(exitRefused, "reason.has_refused", name)
	case r.Sought && r.Delivered:
		a.say("contact.met", name)
		return nil
	case r.Sought:
		return a.fail(exitWaiting, "contact.sought", name)
	case r.Delivered:
		a.say("contact.delivered", name)
		if r.Contact.DirectoryName != "" && !r.Contact.Verified && !byLink { // which names the key, and who is meant has given it himself
			a.say("contact.trusted", name)
		}
		return nil
	}
	if problem := api.ExplainProblem(a.text, r.Contact.Problem); problem != "" {
		return a.fail(exitWaiting, "contact.waits_why", name, problem)
	}
	return a.fail(exitWaiting, "contact.waits", name)
}

// answerCommand is a command that answers a request, or takes an answer back.
func (a *app) answerCommand(p *profileFlags, word string, answer p2pv1.AnswerContactRequest_Answer) *cobra.Command {
	short := map[string]string{
		"accept": "contact.accept.short", "refuse": "contact.refuse.short", "block": "contact.block.short", "unblock": "contact.unblock.short",
	}[word]
	long := ""
	switch answer {
	case p2pv1.AnswerContactRequest_ANSWER_BLOCK:
		long = a.text.Say("contact.block.long")
	case p2pv1.AnswerContactRequest_ANSWER_REFUSE:
		long = a.text.Say("contact.refuse.long")
	}
	var as string
	cmd := &cobra.Command{
		Use: word + " WHO", Short: a.text.Say(short), Long: long, Example: "p2p contact " + word + " bob", Args: a.one("WHO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.AnswerContact(ctx, request(&p2pv1.AnswerContactRequest{Who: args[0], Answer: answer, Name: as}))
				if err != nil {
					return err
				}
				if rooms := r.Msg.SharedRooms; len(rooms) > 0 {
					a.say("contact.block.shared", safe(r.Msg.Contact.GetName()), safe(a.text.List(rooms)))
				}
				return a.emitMessage("contact", r.Msg.Contact)
			})
		},
	}
	if answer == p2pv1.AnswerContactRequest_ANSWER_ACCEPT {
		cmd.Flags().StringVar(&as, "as", "", a.text.Say("contact.as"))
	}
	return cmd
}

func (a *app) contactRemoveCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "remove WHO", Short: a.text.Say("contact.remove.short"), Example: "p2p contact remove bob", Args: a.one("WHO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				_, err := c.RemoveContact(ctx, request(&p2pv1.RemoveContactRequest{Who: args[0]}))
				return err
			})
		},
	}
}

func (a *app) verifyContactCommand(p *profileFlags) *cobra.Command {
	var same, differ, newKey bool
	cmd := &cobra.Command{
		Use: "verify WHO", Short: a.text.Say("contact.verify.short"), Long: a.text.Say("contact.verify.long"),
		Example: "p2p contact verify bob\np2p contact verify bob --same", Args: a.one("WHO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if same && differ || same && newKey || differ && newKey {
				return a.usage("usage.verify")
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.VerifyContact(ctx, request(&p2pv1.VerifyContactRequest{Who: args[0], Same: same, Differ: differ, NewKey: newKey}))
				if err != nil {
					return err
				}
				return a.printVerified(r.Msg)
			})
		},
	}
	cmd.Flags().BoolVar(&same, "same", false, a.text.Say("contact.same"))
	cmd.Flags().BoolVar(&differ, "differ", false, a.text.Say("contact.differ"))
	cmd.Flags().BoolVar(&newKey, "new", false, a.text.Say("contact.new"))
	return cmd
}

func (a *app) printVerified(r *p2pv1.VerifyContactResponse) error {
	if a.globals.json {
		return a.emitMessage("contact_verified", r)
	}
	said := a.text.Say("contact.not_verified", safe(r.Contact.GetName()))
	if r.Verified {
		said = a.text.Say("contact.is_verified", safe(r.Contact.GetName()))
	}
	rows := [][2]string{{a.text.Say("contact.safety_number"), r.SafetyNumber}}
	if r.Contact.GetDiffers() {
		said, _ = api.ExplainReason(a.text, api.Problem(api.NumberDiffers, "who", safe(r.Contact.GetName())))
	}
	if r.NewSafetyNumber != "" {
		said = a.text.Say("contact.doubted", safe(r.Contact.GetName()))
		rows = append(rows, [2]string{a.text.Say("contact.new_safety_number"), r.NewSafetyNumber})
	}
	return a.printRows(append(rows, [2]string{"", said}))
}

func (a *app) contactInviteCommand(p *profileFlags) *cobra.Command {
	var revoke bool
	f := inviteFlags{valid: weekValid}
	cmd := &cobra.Command{
		Use: "invite", Short: a.text.Say("contact.invite.short"), Long: a.text.Say("contact.invite.long"),
		Example: "p2p contact invite\np2p contact invite --qr --tracker http://tracker.example:6969\np2p contact invite --for 1h\np2p contact invite --revoke", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if revoke {
				return a.revokeContactLinks(cmd, p, f.qr || f.png != "" || len(f.trackers) > 0 || cmd.Flags().Changed("for"))
			}
			return a.invite(cmd, p, "", f)
		},
	}
	a.inviteFlags(cmd, &f)
	cmd.Flags().BoolVar(&revoke, "revoke", false, a.text.Say("contact.invite.revoke"))
	return cmd
}

// revokeContactLinks makes all links to this person void.
func (a *app) revokeContactLinks(cmd *cobra.Command, p *profileFlags, more bool) error {
	if more {
		return a.usage("usage.revoke_alone")
	}
	return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
		r, err := c.RevokeLinks(ctx, request(&p2pv1.RevokeLinksRequest{}))
		if err != nil {
			return err
		}
		if a.globals.json {
			return a.emitMessage("links_revoked", r.Msg)
		}
		a.say("contact.revoked", r.Msg.Revoked)
		return nil
	})
}

// How long a link may be good, on the command line.
const (
	minValid = time.Minute
	maxValid = 366 * 24 * time.Hour

	weekValid = units.Duration(7 * 24 * time.Hour)
)

// inviteFlags say what a link is to be like.
type inviteFlags struct {
	valid    units.Duration
	qr       bool
	png      string // file to be
	trackers []string
}

// validity refuses a link that is dead before somebody can use it, or good for so long that nobody remembers it.
func (a *app) validity(valid units.Duration) error {
	if d := time.Duration(valid); d < minValid || d > maxValid {
		return a.usage("usage.validity", valid.String())
	}
	return nil
}

func (a *app) inviteFlags(cmd *cobra.Command, f *inviteFlags) {
	cmd.Flags().Var(&f.valid, "for", a.text.Say("invite.for"))
	cmd.Flags().BoolVar(&f.qr, "qr", false, a.text.Say("invite.qr"))
	cmd.Flags().StringVar(&f.png, "qr-png", "", a.text.Say("invite.qr_png"))
	cmd.Flags().StringArrayVar(&f.trackers, "tracker", nil, a.text.Say("invite.tracker"))
}

// invite prints a link to this person, or into a room.
func (a *app) invite(cmd *cobra.Command, p *profileFlags, where string, f inviteFlags) error {
	if err := a.validity(f.valid); err != nil {
		return err
	}
	for _, url := range f.trackers {
		if !trackerOrNone(url, f.trackers) {
			return a.usage("usage.url", url)
		}
	}
	return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
		picture, err := a.newPicture(f.png)
		if err != nil {
			return err
		}
		defer picture.drop()
		r, err := c.Invite(ctx, request(&p2pv1.InviteRequest{Where: where, ValidMillis: time.Duration(f.valid).Milliseconds(), Trackers: f.trackers}))
		if err != nil {
			return err
		}
		if err := picture.draw(r.Msg.Link); err != nil {
			return err
		}
		return a.printInvite(ctx, c, r.Msg, f.qr)
	})
}

// printInvite prints a link, and says how long it is good and how far it leads.
func (a *app) printInvite(ctx context.Context, c *api.Client, m *p2pv1.InviteResponse, qr bool) error {
	if a.globals.json {
		return a.emitMessage("invite", m)
	}
	if _, err := a.out.Write([]byte(m.Link + "\n")); err != nil {
		return err
	}
	a.say("invite.until", clock(m.Until, time.Now()))
	me, err := c.Whoami(ctx, request(&p2pv1.WhoamiRequest{}))
	if err != nil {
		return err
	}
	if len(me.Msg.Trackers) == 0 {
		a.say("chat.invite.untracked")
	}
	if leadsNowhere(m.Link) {
		a.say("invite.alone")
	}
	trackers := me.Msg.Directory.GetTrackers()
	found := slices.ContainsFunc(trackers, func(t *p2pv1.Tracker) bool { return t.Answers })
	for _, t := range trackers {
		if t.Problem != nil || !found {
			a.say("invite.tracker_lost", a.trackerState(t))
		}
	}
	if !qr {
		return nil
	}
	return a.printCode(m.Qr)
}

// leadsNowhere reports whether a link names no tracker, and addresses alone that mean another machine on each.
func leadsNowhere(link string) bool {
	l, err := identity.ParseLink(link)
	return err == nil && len(l.Trackers) == 0 && !slices.ContainsFunc(l.Addrs, func(a netip.AddrPort) bool { return !a.Addr().IsLoopback() })
}

// printCode prints a QR code, last, so that it stands whole above the prompt; on a terminal white on black whatever its colours are, and
// with a word if it is too small.
func (a *app) printCode(code string) error {
	lines := strings.Split(strings.TrimSuffix(code, "\n"), "\n")
	if a.outTTY {
		columns, rows := terminalSize()
		if width := utf8.RuneCountInString(lines[0]); width > columns || len(lines) >= rows {
			a.say("chat.invite.small", width, len(lines)+1)
		}
	}
	for i, l := range lines {
		if a.outTTY && a.style.Colour {
			lines[i] = "\x1b[38;5;231;48;5;16m" + l + "\x1b[0m"
		}
	}
	_, err := a.out.Write([]byte(strings.Join(lines, "\n") + "\n"))
	return err
}
