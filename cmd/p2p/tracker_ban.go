package main

import (
	"context"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/control"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/systemd"
	"p2p/cmd/p2p/text"
	"p2p/tracker/policy"
)

func (a *app) trackerBanCommand() *cobra.Command {
	say := a.text.Say
	cmd := &cobra.Command{
		Use: "ban", Short: say("tracker.ban.short"), Long: say("tracker.ban.long"), Example: say("tracker.ban.examples"),
		Args: a.subcommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var path, until, reason string
	add := &cobra.Command{
		Use: "add TARGET", Short: say("tracker.ban.add.short"), Example: "p2p tracker ban add 192.0.2.0/24 --until 7d --reason fakes",
		Args: a.one("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkTarget(args[0]); err != nil {
				return err
			}
			end, err := a.parseUntil(until)
			if err != nil {
				return err
			}
			return a.ask(path, args[0], func(c *control.Client) error {
				return c.AddBan(cmd.Context(), control.Ban{Target: args[0], Until: end, Reason: reason})
			})
		},
	}
	add.Flags().StringVar(&until, "until", "", say("tracker.until"))
	add.Flags().StringVar(&reason, "reason", "", say("tracker.ban.reason"))
	remove := &cobra.Command{
		Use: "remove TARGET", Short: say("tracker.ban.remove.short"), Example: "p2p tracker ban remove 192.0.2.0/24",
		Args: a.one("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkTarget(args[0]); err != nil {
				return err
			}
			return a.ask(path, args[0], func(c *control.Client) error { return c.RemoveBan(cmd.Context(), args[0]) })
		},
	}
	list := &cobra.Command{
		Use: "list", Short: say("tracker.ban.list.short"), Example: "p2p tracker ban list", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listBans(cmd.Context(), path) },
	}
	for _, sub := range []*cobra.Command{add, remove, list} {
		a.controlFlag(sub.Flags(), &path)
	}
	cmd.AddCommand(add, remove, list)
	return cmd
}

// checkTarget explains what is wrong with the target of a ban.
func (a *app) checkTarget(target string) error {
	if _, err := policy.ParseTarget(target); err != nil {
		return a.usage("usage.tracker_target", err)
	}
	return nil
}

func (a *app) listBans(ctx context.Context, path string) error {
	return a.ask(path, "", func(c *control.Client) error {
		bans, err := c.Bans(ctx)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, b := range bans {
			if a.globals.json {
				if err := a.emit(b); err != nil {
					return err
				}
				continue
			}
			rows = append(rows, []string{b.Target, a.origin(b.File, b.Until), b.Reason})
		}
		return a.printTable(rows)
	})
}

// printTable writes rows on stdout, the cells of a column below each other. With
// -j it writes nothing: the objects were printed.
func (a *app) printTable(rows [][]string) error { return a.printPainted(rows, nil) }

// printList is printPainted for what may be empty: then it says none, the key of a message, and prints no bare head.
func (a *app) printList(none string, rows [][]string, paint func(row, column int, s string) string) error {
	if len(rows) == 1 {
		a.say(none)
		return nil
	}
	return a.printPainted(rows, paint)
}

// printPainted is printTable with colour: paint returns a cell with it, by the places of row and column. A row of one cell stands
// across the columns.
func (a *app) printPainted(rows [][]string, paint func(row, column int, s string) string) error {
	if a.globals.json {
		return nil
	}
	widths := map[int]int{}
	for _, row := range rows {
		if len(row) == 1 {
			continue
		}
		for i, cell := range row {
			widths[i] = max(widths[i], progress.Width(text.Printable(cell)))
		}
	}
	for y, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			padded := progress.Pad(text.Printable(cell), widths[i])
			if paint != nil && cell != "" {
				padded = paint(y, i, padded)
			}
			line.WriteString(padded + "  ")
		}
		if _, err := a.out.Write([]byte(strings.TrimRight(line.String(), " ") + "\n")); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) trackerSystemdCommand() *cobra.Command {
	var socket bool
	cmd := &cobra.Command{
		Use: "systemd", Short: a.text.Say("tracker.systemd.short"), Args: a.none,
		Example: "p2p tracker systemd > /etc/systemd/system/p2p-tracker.service\n" +
			"p2p tracker systemd --socket > /etc/systemd/system/p2p-tracker.socket",
		RunE: func(*cobra.Command, []string) error {
			unit := systemd.SocketUnit(runtime.GOMAXPROCS(0))
			if !socket {
				program, err := os.Executable()
				if err != nil {
					return err
				}
				unit = systemd.ServiceUnit(program)
			}
			_, err := a.out.Write([]byte(unit))
			return err
		},
	}
	cmd.Flags().BoolVar(&socket, "socket", false, a.text.Say("tracker.systemd.socket"))
	return cmd
}
