package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/terminal"
	"p2p/peer/identity"
)

func (a *app) accountCommand() *cobra.Command {
	var p profileFlags
	cmd := a.grouped(&cobra.Command{
		Use: "account", Short: a.text.Say("account.short"), Long: a.text.Say("account.long"), Example: a.text.Say("account.examples"),
	}, &p,
		a.registerCommand(&p), a.loginCommand(&p), a.logoutCommand(&p), a.renameCommand(&p), a.nickCommand(&p), a.presenceCommand(&p), a.passwordCommand(&p),
		a.whoamiCommand(&p), a.devicesCommand(&p), a.revokeCommand(&p))
	cmd.AddCommand(a.passphraseCommand()) // which asks no node
	return cmd
}

// accountFlags are those of the two ways to get an account.
type accountFlags struct{ password, directory, label string }

func (a *app) accountFlags(cmd *cobra.Command, f *accountFlags) {
	cmd.Flags().StringVar(&f.password, "password-file", "", a.text.Say("account.password_file"))
	cmd.Flags().StringVar(&f.directory, "directory", "", a.text.Say("account.directory"))
	cmd.Flags().StringVar(&f.label, "label", "", a.text.Say("account.label"))
}

// labels refuses what would be cut.
func (a *app) labels(label string) error {
	if len(label) > identity.MaxLabel {
		return a.usage("usage.label", identity.MaxLabel)
	}
	return nil
}

func (a *app) registerCommand(p *profileFlags) *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use: "register NAME", Short: a.text.Say("account.register.short"), Long: a.text.Say("account.register.long"),
		Example: "p2p account register alice --directory http://tracker.example:6969\n" +
			"pass show p2p | p2p account register alice --password-file -",
		Args: a.one("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.labels(f.label); err != nil {
				return err
			}
			password, err := a.password(f.password, true)
			if err != nil {
				return err
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				a.sayItTakesTime()
				r, err := c.Register(ctx, request(&p2pv1.RegisterRequest{Name: args[0], Password: password, Directory: f.directory, DeviceLabel: f.label}))
				if err != nil {
					return err
				}
				return a.printNewMe(r.Msg.Me)
			})
		},
	}
	a.accountFlags(cmd, &f)
	return cmd
}

func (a *app) loginCommand(p *profileFlags) *cobra.Command {
	var f accountFlags
	cmd := &cobra.Command{
		Use: "login NAME", Short: a.text.Say("account.login.short"), Example: "p2p account login alice --label laptop", Args: a.one("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.labels(f.label); err != nil {
				return err
			}
			password, err := a.password(f.password, false)
			if err != nil {
				return err
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				a.sayItTakesTime()
				r, err := c.Login(ctx, request(&p2pv1.LoginRequest{Name: args[0], Password: password, Directory: f.directory, DeviceLabel: f.label}))
				if err != nil {
					return err
				}
				return a.printNewMe(r.Msg.Me)
			})
		},
	}
	a.accountFlags(cmd, &f)
	return cmd
}

// sayItTakesTime says what is going on for a second or two: a password is stretched, so that guessing takes as long.
func (a *app) sayItTakesTime() {
	if a.errTTY {
		a.say("account.asking")
	}
}

func (a *app) logoutCommand(p *profileFlags) *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use: "logout", Short: a.text.Say("account.logout.short"), Example: "p2p account logout\np2p account logout --forget", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.Logout(ctx, request(&p2pv1.LogoutRequest{Forget: forget}))
				if err != nil {
					return err
				}
				if forget { // with what was typed and not sent
					if err := terminal.Forget(c.Node.Profile); err != nil {
						return err
					}
				}
				return a.printUntold(r.Msg, c.Node.Device, forget)
			})
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, a.text.Say("account.forget"))
	return cmd
}

// printUntold says what is left to be done when the directory could not be told that a device is gone, or how long others see it there.
func (a *app) printUntold(r *p2pv1.LogoutResponse, device string, forget bool) error {
	if r.Untold == nil {
		return nil
	}
	if a.globals.json {
		return a.emitMessage("logout", r)
	}
	why, _ := api.ExplainReason(a.text, r.Untold)
	if !forget {
		a.say("account.logout.untold", why)
		return nil
	}
	a.say("account.untold", why, device[:min(len(device), 8)]) // a label may be that of several
	return nil
}

func (a *app) renameCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "rename NAME", Short: a.text.Say("account.rename.short"), Example: "p2p account rename alicia", Args: a.one("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				_, err := c.Rename(ctx, request(&p2pv1.RenameRequest{Name: args[0]}))
				return err
			})
		},
	}
}

// nickCommand says how this person is called by who has no other name for him.
func (a *app) nickCommand(p *profileFlags) *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use: "nick [NAME]", Short: a.text.Say("account.nick.short"), Long: a.text.Say("account.nick.long"),
		Example: "p2p account nick 'Alice from the market'\np2p account nick --none", Args: a.these("NAME", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := append(args, "")[0]
			if none == (name != "") {
				return a.usage("usage.nick")
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.SetPresence(ctx, request(&p2pv1.SetPresenceRequest{DisplayName: &name}))
				if err != nil {
					return err
				}
				if a.globals.json {
					return a.printMe(r.Msg.Me)
				}
				a.say("account.nick.now", safe(r.Msg.Me.DisplayName))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, a.text.Say("account.nick.none"))
	return cmd
}

func (a *app) passwordCommand(p *profileFlags) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "password", Short: a.text.Say("account.change.short"), Long: a.text.Say("account.change.long"),
		Example: "p2p account password\npass show p2p | p2p account password --password-file -", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := a.password(file, true)
			if err != nil {
				return err
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				a.sayItTakesTime()
				_, err := c.ChangePassword(ctx, request(&p2pv1.ChangePasswordRequest{Password: password}))
				if err == nil {
					a.say("account.changed")
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&file, "password-file", "", a.text.Say("account.password_file"))
	return cmd
}

func (a *app) whoamiCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "whoami", Short: a.text.Say("account.whoami.short"), Example: "p2p account whoami\np2p account whoami -j | jq -r .account", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(_ context.Context, c *api.Client) error { return a.printMe(c.Node) })
		},
	}
}

// printNewMe shows whose the node is now: nobody has asked for that who wants to hear no more than he must.
func (a *app) printNewMe(me *p2pv1.WhoamiResponse) error {
	if a.globals.quiet && !a.globals.json {
		return nil
	}
	return a.printMe(me)
}

// printMe shows whose the node is.
func (a *app) printMe(me *p2pv1.WhoamiResponse) error {
	if a.globals.json {
		return a.emitMessage("whoami", me)
	}
	locked := "account.plain"
	if me.Encrypted {
		locked = "account.encrypted"
	}
	name, directory := me.Name, a.text.Say("directory.none")
	if name == "" {
		name = a.text.Say("account.nobody")
	}
	if d := me.Directory; d.GetUrl() != "" {
		directory = a.text.Say("directory.connected", d.Url)
		switch why, _ := api.ExplainReason(a.text, d.Problem); {
		case !d.Connected:
			directory = a.directoryLost(d)
		case d.Problem != nil:
			directory += "; " + why
		}
	}
	rows := [][2]string{
		{a.text.Say("account.row.name"), name}, {a.text.Say("account.row.shown"), cmp.Or(me.DisplayName, name)}, {a.text.Say("account.row.account"), me.Account},
		{a.text.Say("account.row.device"), strings.TrimSpace(me.Device + " " + me.DeviceLabel)},
		{a.text.Say("account.row.directory"), directory}, {a.text.Say("account.row.listen"), me.Listen},
		{a.text.Say("account.row.trackers"), a.trackerStates(me)},
		{a.text.Say("account.row.profile"), me.Profile}, {a.text.Say("account.row.history"), a.text.Say(locked)}, {a.text.Say("account.row.downloads"), me.Downloads},
	}
	return a.printRows(rows)
}

// trackerStates says which trackers somebody is found under, and what is the matter with those that are of no use.
func (a *app) trackerStates(me *p2pv1.WhoamiResponse) string {
	all := me.Directory.GetTrackers()
	if len(all) == 0 { // a node of an older version
		return strings.Join(me.Trackers, " ")
	}
	var said []string
	for _, t := range all {
		said = append(said, a.trackerState(t))
	}
	return strings.Join(said, "; ")
}

// trackerState is the address of a tracker, with what is the matter with it.
func (a *app) trackerState(t *p2pv1.Tracker) string {
	url, detail := safe(t.Url), safe(t.Problem.GetWith()["detail"])
	switch {
	case t.Problem.GetKey() == api.TrackerRefuses:
		return a.text.Say("tracker.state.refuses", url, detail)
	case t.Problem != nil:
		return a.text.Say("tracker.state.silent", url, detail)
	case !t.Answers:
		return a.text.Say("tracker.state.unknown", url)
	}
	return url
}

func (a *app) devicesCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "devices", Short: a.text.Say("account.devices.short"), Example: "p2p account devices", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListDevices(ctx, request(&p2pv1.ListDevicesRequest{}))
				if err != nil {
					return err
				}
				return a.printDevices(r.Msg.Devices)
			})
		},
	}
}

func (a *app) printDevices(devices []*p2pv1.Device) error {
	rows := [][]string{{a.text.Say("account.head.label"), a.text.Say("account.head.since"), "", a.text.Say("account.head.key")}}
	for _, d := range devices {
		if a.globals.json {
			if err := a.emitMessage("device", d); err != nil {
				return err
			}
			continue
		}
		state := a.text.Say("presence.offline")
		switch {
		case d.Revoked && d.ThisOne:
			state = a.text.Say("account.this_one_revoked")
		case d.Revoked:
			state = a.text.Say("account.revoked")
		case d.ThisOne:
			state = a.text.Say("account.this_one")
		case d.Online:
			state = a.text.Say("presence.online")
		}
		rows = append(rows, []string{d.Label, clock(d.Certified, time.Now()), state, d.Key})
	}
	if slices.ContainsFunc(devices, func(d *p2pv1.Device) bool { return d.Revoked && d.ThisOne }) {
		a.say("reason.revoked_here")
	}
	return a.printTable(rows)
}

func (a *app) revokeCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "revoke DEVICE", Short: a.text.Say("account.revoke.short"), Example: "p2p account revoke old-phone", Args: a.one("DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.RevokeDevice(ctx, request(&p2pv1.RevokeDeviceRequest{Device: args[0]}))
				if err != nil || r.Msg.Untold == nil {
					return err
				}
				if a.globals.json {
					return a.emitMessage("revoke", r.Msg)
				}
				why, _ := api.ExplainReason(a.text, r.Msg.Untold)
				a.say("account.revoke.untold", why)
				return nil
			})
		},
	}
}

// presences are what somebody can be shown as, by the words of the command line, and how that is said.
var presences = map[string]struct {
	is  p2pv1.Presence
	key string
}{
	"online": {p2pv1.Presence_PRESENCE_ONLINE, "presence.online"}, "away": {p2pv1.Presence_PRESENCE_AWAY, "presence.away"},
	"auto": {p2pv1.Presence_PRESENCE_UNSPECIFIED, "account.presence.auto"},
}

// presenceCommand says how contacts see this person.
func (a *app) presenceCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "presence online|away|auto [TEXT]", Short: a.text.Say("account.presence.short"), Long: a.text.Say("account.presence.long"),
		Example: "p2p account presence away 'at lunch'\np2p account presence auto", Args: a.these("online|away|auto [TEXT]", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, known := presences[args[0]]
			note := append(args, "")[1]
			if !known || note != "" && args[0] != "away" {
				return a.usage("usage.presence", args[0])
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.SetPresence(ctx, request(&p2pv1.SetPresenceRequest{Presence: &to.is, Text: note}))
				if err != nil {
					return err
				}
				if a.globals.json {
					return a.printMe(r.Msg.Me)
				}
				a.say("account.presence.now", a.text.Say(to.key))
				return nil
			})
		},
	}
}
