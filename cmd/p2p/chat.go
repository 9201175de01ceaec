package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/terminal"
)

// chatFlags are those of the terminal session.
type chatFlags struct {
	plain  bool
	scheme string
	quiet  bool
	notify string
}

func (a *app) chatCommand() *cobra.Command {
	var p profileFlags
	var f chatFlags
	cmd := a.grouped(&cobra.Command{
		Use: "chat [NAME|ROOM]", Short: a.text.Say("chat.short"), Long: a.text.Say("chat.long"), Example: a.text.Say("chat.examples"),
	}, &p,
		a.chatSendCommand(&p), a.chatLogCommand(&p), a.chatListenCommand(&p), a.chatWhoCommand(&p), a.chatSearchCommand(&p),
		a.chatExportCommand(&p), a.chatFilesCommand(&p), a.chatAcceptCommand(&p), a.chatCancelCommand(&p),
		a.chatEditCommand(&p), a.chatDeleteCommand(&p), a.chatReactCommand(&p), a.chatReadCommand(&p))
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < 2:
			return nil
		case len(args[0]) > 2 && len(cmd.SuggestionsFor(args[0])) > 0: // fewer letters are the start of anything
			return a.subcommand(cmd, args)
		}
		return a.usage("usage.args", "NAME|ROOM", len(args), cmd.CommandPath())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.chat(cmd, &p, f, slices.Concat(args, []string{""})[0])
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = false })
	cmd.Flags().BoolVar(&f.plain, "plain", false, a.text.Say("chat.plain"))
	cmd.Flags().StringVar(&f.scheme, "scheme", "auto", a.text.Say("chat.scheme"))
	cmd.Flags().BoolVar(&f.quiet, "no-bell", false, a.text.Say("chat.no_bell"))
	cmd.Flags().StringVar(&f.notify, "notify", "auto", a.text.Say("chat.notify"))
	return cmd
}

// notifications are the ways to tell the desktop of a message, by the words of the command line.
var notifications = map[string]terminal.Notify{
	"auto": terminal.NotifyAuto, "off": terminal.NotifyOff, "osc9": terminal.NotifyOSC9, "osc777": terminal.NotifyOSC777,
}

// chat is the terminal session.
func (a *app) chat(cmd *cobra.Command, p *profileFlags, f chatFlags, where string) error {
	scheme, ok := terminal.Colours[f.scheme]
	if !ok {
		return a.usage("usage.scheme", f.scheme)
	}
	if a.globals.json {
		return a.usage("usage.chat_json")
	}
	notify, ok := notifications[f.notify]
	if !ok {
		return a.usage("usage.notify", f.notify)
	}
	if a.globals.colour == "never" {
		scheme = terminal.None
	}
	return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
		if where != "" { // the node says whom it means, as it does for chat send: what is typed must not go to somebody else
			r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: where}))
			if api.ReasonOf(err).GetKey() == api.NoSuchConversation {
				err = a.nodeFailure(ctx, err)
				return a.fail(exitNotFound, "chat.no_such", err, commandsOf(cmd))
			}
			if err != nil {
				return err
			}
			where = r.Msg.Conversations[0].Id
		}
		last := c
		defer func() { last.Close() }()
		o := terminal.Options{
			Client: c, Attach: func(ctx context.Context) (p2pv1connect.PeopleClient, error) {
				again, err := a.attach(ctx, p)
				if err != nil {
					return nil, err
				}
				last.Close()
				last = again
				return again, nil
			},
			Where: where, In: a.in, Out: a.out, Text: a.text, Plain: f.plain, Colour: scheme, Bell: !f.quiet, Notify: notify,
			State: c.Node.Profile,
		}
		for _, name := range []string{"TERM", "TERM_PROGRAM", "COLORTERM", "NO_COLOR"} {
			if value := a.env(name); value != "" {
				o.Env = append(o.Env, name+"="+value)
			}
		}
		err := terminal.Run(ctx, o)
		if e, ok := errors.AsType[*terminal.UnsentError](err); ok {
			return a.fail(exitUnfinished, "chat.unsent", a.text.Count("count.lines", e.Lines))
		}
		return err
	})
}

func (a *app) chatWhoCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "who", Short: a.text.Say("chat.who.short"), Example: "p2p chat who\np2p chat who -j | jq -r 'select(.presence==\"online\").name'", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListContacts(ctx, request(&p2pv1.ListContactsRequest{}))
				if err != nil {
					return err
				}
				friends := slices.DeleteFunc(r.Msg.Contacts, func(c *p2pv1.Contact) bool {
					return c.State != p2pv1.ContactState_CONTACT_STATE_FRIEND
				})
				slices.SortStableFunc(friends, func(c, d *p2pv1.Contact) int { return int(d.Presence) - int(c.Presence) })
				return a.printContacts(friends)
			})
		},
	}
}
