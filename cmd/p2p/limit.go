package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/control"
	"p2p/cmd/p2p/units"
)

// runningAnswer is how long a process may take to say what it does.
const runningAnswer = 3 * time.Second

// running is a get or seed of this user on this machine.
type running struct {
	control.Transfer
	client *control.Client
}

func (a *app) limitCommand() *cobra.Command {
	say := a.text.Say
	var down, up units.Rate
	var all bool
	cmd := &cobra.Command{
		Use: "limit [PROCESS]", Short: say("limit.short"), Long: say("limit.long"), Example: say("limit.examples"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && all {
				return a.usage("usage.limit_all", args[0])
			}
			if len(args) == 0 {
				return nil
			}
			return a.one("PROCESS")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var want control.Limits
			if n := int64(down); cmd.Flags().Changed("down-limit") { // by the command line: the environment is for get and seed
				want.Down = &n
			}
			if n := int64(up); cmd.Flags().Changed("up-limit") {
				want.Up = &n
			}
			return a.limit(cmd.Context(), strings.Join(args, ""), all, want)
		},
	}
	cmd.Flags().VarP(&down, "down-limit", "d", say("limit.down"))
	cmd.Flags().VarP(&up, "up-limit", "u", say("limit.up"))
	cmd.Flags().BoolVar(&all, "all", false, say("limit.all"))
	return cmd
}

// limit changes limits of what runs, and prints those that hold.
func (a *app) limit(ctx context.Context, which string, all bool, want control.Limits) error {
	found := a.runningTransfers(ctx)
	change := want != control.Limits{}
	if which != "" {
		found = slices.DeleteFunc(found, func(r running) bool { return !r.is(which) })
	}
	switch {
	case len(found) == 0 && which != "":
		return a.fail(exitNotFound, "limit.unknown", which)
	case len(found) == 0:
		return a.fail(exitNotFound, "limit.none")
	case len(found) > 1 && change && !all:
		return a.usage("limit.several", len(found), found[0].Process, found[0].title(a))
	}
	for i := range found {
		if !change {
			break
		}
		t, err := found[i].client.Limit(ctx, want)
		if err != nil {
			return err
		}
		found[i].Transfer = t
	}
	return a.printRunning(found)
}

// is reports whether which means r: its number, or its name.
func (r *running) is(which string) bool {
	return which == strconv.Itoa(r.Process) || which == r.Name || which == r.InfoHash
}

func (r *running) title(a *app) string {
	if r.Torrents > 0 {
		return a.text.Count("count.torrents", r.Torrents)
	}
	return r.Name
}

func (a *app) printRunning(all []running) error {
	say := a.text.Say
	rows := [][]string{{say("limit.head.process"), "", say("limit.head.down"), say("limit.head.up"), say("limit.head.name")}}
	for _, r := range all {
		if err := a.emit(r.Transfer); err != nil {
			return err
		}
		rows = append(rows, []string{
			strconv.Itoa(r.Process), r.Command, a.shownLimit(r.DownLimit), a.shownLimit(r.UpLimit), r.title(a),
		})
	}
	return a.printTable(rows)
}

func (a *app) shownLimit(n int64) string {
	if n == 0 {
		return a.text.Say("limit.off")
	}
	return units.FormatRate(n)
}

// runningTransfers asks all that run what they do, and returns those that answer, by
// number. What a process that was killed has left behind is removed.
func (a *app) runningTransfers(ctx context.Context) (all []running) {
	paths, err := filepath.Glob(filepath.Join(a.runningDir(), "*.sock"))
	if err != nil || a.runningDir() == "" {
		return nil
	}
	for _, path := range paths {
		c := control.NewClient(path)
		ctx, cancel := context.WithTimeout(ctx, runningAnswer)
		t, err := c.Transfer(ctx)
		cancel()
		switch {
		case err == nil:
			all = append(all, running{t, c})
		case errors.Is(err, syscall.ECONNREFUSED):
			_ = os.Remove(path) // or it stays
		}
	}
	slices.SortStableFunc(all, func(x, y running) int { return x.Process - y.Process })
	return all
}

// runningDir returns the folder with a socket for each get and seed that runs: for
// as long as the login lasts, else in the folder for state. It is empty when there is
// neither.
func (a *app) runningDir() string {
	if dir := a.env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "p2p-transfers")
	}
	if dir := a.stateDir(); dir != "" {
		return filepath.Join(dir, "transfers-run")
	}
	return ""
}
