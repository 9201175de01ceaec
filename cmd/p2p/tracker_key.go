package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"p2p/cmd/p2p/control"
	"p2p/cmd/p2p/units"
	"p2p/tracker/ledger"
	"p2p/tracker/policy"
)

// controlPath returns where a tracker has its control socket when nobody says
// where: in the folder for what lives as long as the login, else in that for state. It is
// empty when there is neither.
func (a *app) controlPath() string {
	if dir := a.env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "p2p-tracker.sock")
	}
	if dir := a.stateDir(); dir != "" {
		return filepath.Join(dir, "tracker-control.sock")
	}
	return ""
}

// ask runs f with the tracker that runs on this machine, and says what its errors
// mean; subject is what they are about.
func (a *app) ask(path, subject string, f func(*control.Client) error) error {
	if path == "" {
		path = a.controlPath()
	}
	err := f(control.NewClient(path))
	switch {
	case errors.Is(err, control.ErrNoAnswer):
		return a.fail(exitNotFound, "tracker.not_running", path)
	case errors.Is(err, control.ErrNoKeys):
		return a.fail(exitOther, "tracker.not_private")
	case errors.Is(err, ledger.ErrMissing):
		return a.fail(exitNotFound, "tracker.missing", subject)
	case errors.Is(err, ledger.ErrExists):
		return a.fail(exitExists, "tracker.exists", subject)
	case errors.Is(err, policy.ErrInFile):
		return a.fail(exitOther, "tracker.in_file", subject)
	case errors.Is(err, policy.ErrName):
		return a.usage("usage.tracker_name", subject)
	}
	return err
}

// controlFlag adds the flag that says which tracker is meant.
func (a *app) controlFlag(flags *pflag.FlagSet, path *string) {
	flags.StringVar(path, "control", "", a.text.Say("tracker.control_of"))
}

func (a *app) trackerKeyCommand() *cobra.Command {
	say := a.text.Say
	cmd := &cobra.Command{
		Use: "key", Short: say("tracker.key.short"), Long: say("tracker.key.long"), Example: say("tracker.key.examples"),
		Args: a.subcommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var path, until string
	var limits policy.KeyLimits
	add := &cobra.Command{
		Use: "add NAME", Short: say("tracker.key.add.short"), Example: "p2p tracker key add alice --torrents 500",
		Args: a.one("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			end, err := a.parseUntil(until)
			if err != nil {
				return err
			}
			return a.addKey(cmd.Context(), path, control.NewKey{Name: args[0], Limits: limits, Until: end})
		},
	}
	add.Flags().IntVar(&limits.Torrents, "torrents", 0, say("tracker.key.torrents"))
	add.Flags().IntVar(&limits.Addresses, "addresses", 0, say("tracker.key.addresses"))
	add.Flags().IntVar(&limits.PerMinute, "per-minute", 0, say("tracker.key.per_minute"))
	add.Flags().StringVar(&until, "until", "", say("tracker.until"))
	revoke := &cobra.Command{
		Use: "revoke NAME", Short: say("tracker.key.revoke.short"), Example: "p2p tracker key revoke alice",
		Args: a.one("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(path, args[0], func(c *control.Client) error { return c.RevokeKey(cmd.Context(), args[0]) })
		},
	}
	list := &cobra.Command{
		Use: "list", Short: say("tracker.key.list.short"), Example: "p2p tracker key list\np2p tracker key list -j | jq -r .name",
		Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listKeys(cmd.Context(), path) },
	}
	for _, sub := range []*cobra.Command{add, revoke, list} {
		a.controlFlag(sub.Flags(), &path)
	}
	cmd.AddCommand(add, revoke, list)
	return cmd
}

// parseUntil reads the end of a ban or a key: a day, a time, or how long from now.
func (a *app) parseUntil(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := units.ParseDuration(s); err == nil && d > 0 {
		return time.Now().Add(time.Duration(d)).UTC().Truncate(time.Second), nil
	}
	t, err := policy.ParseTime(s)
	if err != nil {
		return t, a.usage("usage.tracker_until", s)
	}
	return t, nil
}

func (a *app) addKey(ctx context.Context, path string, k control.NewKey) error {
	return a.ask(path, k.Name, func(c *control.Client) error {
		made, err := c.AddKey(ctx, k)
		switch {
		case err != nil:
			return err
		case a.globals.json:
			return a.emit(made)
		}
		rows := [][2]string{{a.text.Say("tracker.key.passkey"), made.Passkey}}
		for i, url := range made.Announce {
			label := ""
			if i == 0 {
				label = a.text.Say("tracker.announce")
			}
			rows = append(rows, [2]string{label, url})
		}
		return a.printRows(rows)
	})
}

func (a *app) listKeys(ctx context.Context, path string) error {
	return a.ask(path, "", func(c *control.Client) error {
		keys, err := c.Keys(ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{
			a.text.Say("tracker.head.name"), a.text.Say("tracker.head.uploaded"), a.text.Say("tracker.head.downloaded"),
			a.text.Say("tracker.head.announces"), a.text.Say("tracker.head.active"), a.text.Say("tracker.head.seen"), "",
		}}
		for _, k := range keys {
			if a.globals.json {
				if err := a.emit(k); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, []string{
				k.Name, units.FormatBytes(k.Uploaded), units.FormatBytes(k.Downloaded), strconv.FormatInt(k.Announces, 10),
				strconv.Itoa(k.Active), shownTime(k.LastSeen), a.origin(k.File, k.Until),
			})
		}
		return a.printTable(rows)
	})
}

// origin says what is special about a key or a ban.
func (a *app) origin(file bool, until time.Time) string {
	switch {
	case file:
		return a.text.Say("tracker.from_file")
	case !until.IsZero():
		return a.text.Say("tracker.ends", shownTime(until))
	}
	return ""
}

func shownTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// trackerReloadCommand reads the files again where no SIGHUP can be sent.
func (a *app) trackerReloadCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "reload", Short: a.text.Say("tracker.reload.short"), Example: "p2p tracker reload", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(path, "", func(c *control.Client) error {
				files, err := c.Reload(cmd.Context())
				if err != nil {
					return err
				}
				return a.printReloaded(files)
			})
		},
	}
	a.controlFlag(cmd.Flags(), &path)
	return cmd
}

func (a *app) printReloaded(files []control.Reloaded) error {
	failed := ""
	for _, f := range files {
		if f.Error != "" && failed == "" {
			failed = fmt.Sprintf("--%s %s: %s", f.What, f.File, f.Error)
		}
	}
	if a.globals.json {
		if err := a.emit(map[string]any{"message_type": "reloaded", "files": files}); err != nil {
			return err
		}
	} else {
		var rows [][2]string
		for _, f := range files {
			rows = append(rows, [2]string{"--" + f.What, f.File + ": " + a.text.Count("count.entries", f.Entries)})
		}
		if err := a.printRows(rows); err != nil {
			return err
		}
		if len(files) == 0 {
			a.say("tracker.no_files")
		}
	}
	if failed != "" {
		return a.fail(exitOther, "tracker.not_reloaded", failed)
	}
	return nil
}
