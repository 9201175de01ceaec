package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/units"
)

func (a *app) roomCommand() *cobra.Command {
	var p profileFlags
	return a.grouped(&cobra.Command{
		Use: "room", Short: a.text.Say("room.short"), Long: a.text.Say("room.long"), Example: a.text.Say("room.examples"),
	}, &p,
		a.roomListCommand(&p), a.roomCreateCommand(&p), a.roomInviteCommand(&p), a.roomLinkCommand(&p), a.roomJoinCommand(&p),
		a.roomLeaveCommand(&p), a.roomKickCommand(&p), a.roomRoleCommand(&p), a.roomMembersCommand(&p), a.roomSetCommand(&p))
}

func (a *app) roomListCommand(p *profileFlags) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: a.text.Say("room.list.short"), Example: "p2p room list\np2p room list --all", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{}))
				if err != nil {
					return err
				}
				return a.printRooms(r.Msg.Conversations, all)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, a.text.Say("room.list.all"))
	return cmd
}

// printRooms shows the rooms among some conversations: all for programs, for people those of which they are members, and the others apart
// if they are wanted.
func (a *app) printRooms(all []*p2pv1.Conversation, leftToo bool) error {
	left := 0
	if !a.globals.json {
		slices.SortStableFunc(all, func(x, y *p2pv1.Conversation) int {
			switch {
			case x.Left == y.Left:
				return 0
			case x.Left:
				return 1
			}
			return -1
		})
	}
	rows := [][]string{{
		a.text.Say("room.head.name"), a.text.Say("room.head.members"), a.text.Say("room.head.role"), a.text.Say("room.head.unread"),
		a.text.Say("room.head.active"), a.text.Say("room.head.id"), "",
	}}
	for _, r := range all {
		if r.Direct {
			continue
		}
		if a.globals.json {
			if err := a.emitMessage("room", r); err != nil {
				return err
			}
			continue
		}
		if r.Left && !leftToo {
			left++
			continue
		}
		note := ""
		switch {
		case r.Left:
			note = a.whyLeft(r)
		case r.Waiting != "":
			key, args := api.Waiting(a.text, r, safe(r.Waiting))
			note = a.text.Say(key, args...)
		default:
			note = a.doubts(r.Members)
		}
		members := "-" // nobody knows of a room where one is not
		if r.Limit > 0 {
			members = strconv.Itoa(len(r.Members)) + "/" + strconv.Itoa(int(r.Limit))
		}
		rows = append(rows, []string{
			r.Name, members, a.role(r.Role), strconv.Itoa(int(r.Unread)), clock(r.Active, time.Now()), r.Id[:min(len(r.Id), shownID)], note,
		})
	}
	if err := a.printList("room.none", rows, nil); err != nil || left == 0 {
		return err
	}
	a.say("room.left_too", left)
	return nil
}

// shownID is how many characters of an id a table shows: enough to name a room by.
const shownID = 8

// doubts says whose keys are in doubt, if anybody's.
func (a *app) doubts(members []*p2pv1.Member) string {
	var who []string
	for _, m := range members {
		if m.InDoubt {
			who = append(who, safe(m.Name))
		}
	}
	if len(who) == 0 {
		return ""
	}
	return a.text.Say("room.doubt", a.text.List(who))
}

// whyLeft says why somebody is not in a room.
func (a *app) whyLeft(r *p2pv1.Conversation) string {
	if why, known := api.ExplainReason(a.text, r.Reason); known {
		return safe(why)
	}
	return a.text.Say("room.left")
}

// printRoom tells a program what has become of a room. People see that there is no error.
func (a *app) printRoom(r *p2pv1.Conversation) error { return a.emitMessage("room", r) }

// roomFlags are the rules of a room.
type roomFlags struct {
	limit   int32
	history historyFlag
	open    bool
}

// usualLimit is the limit of a room for which none is given.
const usualLimit = 50

func (a *app) roomFlags(cmd *cobra.Command, f *roomFlags) {
	cmd.Flags().Int32Var(&f.limit, "limit", usualLimit, a.text.Say("room.limit"))
	cmd.Flags().Var(&f.history, "history", a.text.Say("room.history"))
	cmd.Flags().BoolVar(&f.open, "open", false, a.text.Say("room.open"))
}

func (a *app) roomCreateCommand(p *profileFlags) *cobra.Command {
	var f roomFlags
	var invite []string
	cmd := &cobra.Command{
		Use: "create NAME", Short: a.text.Say("room.create.short"), Example: "p2p room create lab --invite bob --invite carol --limit 10", Args: a.one("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.limit == 0 { // which is the usual one to the node
				f.limit = -1
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.CreateRoom(ctx, request(&p2pv1.CreateRoomRequest{
					Name: args[0], Limit: f.limit, History: int32(f.history), Open: f.open, Invite: invite,
				}))
				if err != nil {
					return err
				}
				return a.printRoom(r.Msg.Conversation)
			})
		},
	}
	a.roomFlags(cmd, &f)
	cmd.Flags().StringArrayVar(&invite, "invite", nil, a.text.Say("room.create.invite"))
	return cmd
}

// historyFlag is how much of the history a joiner gets, in the numbers of the node: 0 for all, -1 for none. They are no flags: in
// some languages 0 is none.
type historyFlag int32

const typeOfHistory = "HISTORY"

var errHistory = errors.New("want all, none, or a number from 1 on")

// Set, String and Type implement pflag.Value.
func (h *historyFlag) Set(s string) error {
	switch s {
	case "all":
		*h = 0
		return nil
	case "none":
		*h = -1
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return errHistory
	}
	*h = historyFlag(n)
	return nil
}

func (h *historyFlag) String() string {
	switch *h {
	case 0:
		return "all"
	case -1:
		return "none"
	}
	return strconv.Itoa(int(*h))
}

func (*historyFlag) Type() string { return typeOfHistory }

func (a *app) roomInviteCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "invite ROOM WHO", Short: a.text.Say("room.invite.short"), Example: "p2p room invite lab bob", Args: a.these("ROOM WHO", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeMember(cmd, p, &p2pv1.ChangeMemberRequest{Where: args[0], Who: args[1], Change: p2pv1.ChangeMemberRequest_CHANGE_ADD})
		},
	}
}

func (a *app) changeMember(cmd *cobra.Command, p *profileFlags, change *p2pv1.ChangeMemberRequest) error {
	return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
		r, err := c.ChangeMember(ctx, request(change))
		if err != nil {
			return err
		}
		return a.printRoom(r.Msg.Conversation)
	})
}

func (a *app) roomLinkCommand(p *profileFlags) *cobra.Command {
	f := inviteFlags{valid: weekValid}
	cmd := &cobra.Command{
		Use: "link ROOM", Short: a.text.Say("room.link.short"), Example: "p2p room link lab --for 1d\np2p room link lab --qr", Args: a.one("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.invite(cmd, p, args[0], f) },
	}
	a.inviteFlags(cmd, &f)
	return cmd
}

func (a *app) roomJoinCommand(p *profileFlags) *cobra.Command {
	wait := units.Duration(5 * time.Second)
	cmd := &cobra.Command{
		Use: "join LINK", Short: a.text.Say("room.join.short"), Long: a.text.Say("room.join.long"),
		Example: "p2p room join p2p:...", Args: a.one("LINK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				waits := func(r *p2pv1.Conversation) { a.sayItWaits("room.join.waiting", safe(r.GetWaiting()), wait) }
				r, err := joinRoom(ctx, c, args[0], time.Duration(wait), waits)
				if err != nil {
					return err
				}
				if err := a.printRoom(r); err != nil || r.Waiting == "" {
					return err
				}
				key, args := api.Waiting(a.text, r, safe(r.Waiting))
				return a.fail(exitWaiting, key, args...)
			})
		},
	}
	cmd.Flags().Var(&wait, "wait", a.text.Say("room.join.wait"))
	return cmd
}

// joinRoom follows a link, and waits until somebody has let this person in or refused: that is an error. Otherwise
// the room that it returns is waiting. waits is called before it waits.
func joinRoom(ctx context.Context, c *api.Client, link string, wait time.Duration, waits func(*p2pv1.Conversation)) (*p2pv1.Conversation, error) {
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	stream, err := c.Events(limit, request(&p2pv1.EventsRequest{}))
	if err != nil && limit.Err() == nil {
		return nil, err
	}
	joined, err := c.JoinRoom(ctx, request(&p2pv1.JoinRoomRequest{Link: link}))
	if err != nil {
		return nil, err
	}
	r, id := joined.Msg.Conversation, joined.Msg.Conversation.GetId()
	if r.GetWaiting() != "" {
		waits(r)
	}
	for more := stream != nil; more && r.GetReason() == nil && r.GetWaiting() != ""; {
		if more = stream.Receive(); ctx.Err() != nil || more && stream.Msg().GetConversation() == nil { // the last look is when it has waited in vain
			continue
		}
		now, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: id}))
		if err != nil {
			return nil, err
		}
		if len(now.Msg.Conversations) == 1 {
			r = now.Msg.Conversations[0]
		}
	}
	if r.GetReason() != nil {
		return nil, api.Refused(r.Reason)
	}
	return r, ctx.Err()
}

func (a *app) roomLeaveCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "leave ROOM", Short: a.text.Say("room.leave.short"), Example: "p2p room leave lab", Args: a.one("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				_, err := c.LeaveRoom(ctx, request(&p2pv1.LeaveRoomRequest{Where: args[0]}))
				return err
			})
		},
	}
}

func (a *app) roomKickCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "kick ROOM WHO", Short: a.text.Say("room.kick.short"), Example: "p2p room kick lab mallory", Args: a.these("ROOM WHO", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeMember(cmd, p, &p2pv1.ChangeMemberRequest{Where: args[0], Who: args[1], Change: p2pv1.ChangeMemberRequest_CHANGE_KICK})
		},
	}
}

// roles are the roles by the words of the command line.
var roles = map[string]p2pv1.Role{
	"member": p2pv1.Role_ROLE_MEMBER, "moderator": p2pv1.Role_ROLE_MODERATOR, "owner": p2pv1.Role_ROLE_OWNER,
}

func (a *app) roomRoleCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "role ROOM WHO ROLE", Short: a.text.Say("room.role.short"), Long: a.text.Say("room.role.long"),
		Example: "p2p room role lab bob moderator", Args: a.these("ROOM WHO ROLE", 3, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, ok := roles[args[2]]
			if !ok {
				return a.usage("usage.role", args[2])
			}
			return a.changeMember(cmd, p, &p2pv1.ChangeMemberRequest{
				Where: args[0], Who: args[1], Change: p2pv1.ChangeMemberRequest_CHANGE_ROLE, Role: role,
			})
		},
	}
}

func (a *app) roomMembersCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "members ROOM", Short: a.text.Say("room.members.short"), Example: "p2p room members lab", Args: a.one("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: args[0]}))
				if err != nil {
					return err
				}
				for _, room := range r.Msg.Conversations {
					if err := a.printMembers(room.Members, room.Direct); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// printMembers prints who is in a room, or in a conversation of two, where nobody has a role.
func (a *app) printMembers(members []*p2pv1.Member, direct bool) error {
	role := func(s string) string {
		if direct {
			return ""
		}
		return s
	}
	rows := [][]string{{a.text.Say("room.head.name"), role(a.text.Say("room.head.role")), a.text.Say("contact.head.presence"), a.text.Say("contact.head.path"), ""}}
	for _, m := range members {
		if a.globals.json {
			if err := a.emitMessage("member", m); err != nil {
				return err
			}
			continue
		}
		doubt := ""
		if m.InDoubt {
			doubt = a.text.Say("room.members.doubt")
		}
		name := m.Name
		if m.Invited {
			name = a.text.Say("room.members.invited", name)
		}
		rows = append(rows, []string{name, role(a.role(m.Role)), a.presence(m.Presence, 0, time.Now()), a.path(m.Path, m.RttMicros), doubt})
	}
	return a.printPainted(rows, func(row, column int, s string) string {
		switch {
		case row > 0 && column == 4:
			return a.style.Bad(s)
		case row > 0 && column%2 == 0:
			return a.paintPresence(members[row-1].Presence, s)
		}
		return s
	})
}

func (a *app) roomSetCommand(p *profileFlags) *cobra.Command {
	var f roomFlags
	var name string
	var revoke bool
	cmd := &cobra.Command{
		Use: "set ROOM", Short: a.text.Say("room.set.short"), Example: "p2p room set lab --limit 20 --history 100\np2p room set lab --revoke-links", Args: a.one("ROOM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := &p2pv1.ChangeRoomRequest{Where: args[0], RevokeLinks: revoke}
			set := cmd.Flags().Changed
			if !revoke && !set("name") && !set("limit") && !set("history") && !set("open") {
				return a.usage("usage.room_set")
			}
			if set("name") {
				change.Name = &name
			}
			if set("limit") {
				change.Limit = &f.limit
			}
			if set("history") {
				history := int32(f.history)
				change.History = &history
			}
			if set("open") {
				change.Open = &f.open
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ChangeRoom(ctx, request(change))
				if err != nil {
					return err
				}
				return a.printRoom(r.Msg.Conversation)
			})
		},
	}
	a.roomFlags(cmd, &f)
	for _, unchanged := range []string{"limit", "history"} { // without them
		cmd.Flags().Lookup(unchanged).DefValue = ""
	}
	cmd.Flags().StringVar(&name, "name", "", a.text.Say("room.set.name"))
	cmd.Flags().BoolVar(&revoke, "revoke-links", false, a.text.Say("room.set.revoke_links"))
	return cmd
}
