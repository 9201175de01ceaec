package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/bench/load"
	"p2p/cmd/p2p/units"
)

// benchPart is a role of the processes that the measurements start of this
// program besides its real commands. It takes some words, then some numbers.
type benchPart struct {
	name           string
	words, numbers int
	run            func(ctx context.Context, a *app, s []string, n []int64) error
}

var benchParts = []benchPart{
	{"send", 2, 1, func(ctx context.Context, a *app, s []string, n []int64) error {
		return lab.Send(ctx, s[0], s[1], int(n[0]), a.benchReady)
	}},
	{"receive", 2, 2, func(ctx context.Context, _ *app, s []string, n []int64) error {
		return lab.Receive(ctx, s[0], s[1], n[0], int(n[1]))
	}},
	{"serve", 2, 1, func(ctx context.Context, a *app, s []string, n []int64) error {
		sent, err := lab.Serve(ctx, s[0], s[1], n[0], a.benchReady)
		return errors.Join(err, writeJSON(a.out, lab.Line{Sent: &sent}))
	}},
	{"fetch", 2, 0, func(ctx context.Context, _ *app, s []string, _ []int64) error {
		return lab.Fetch(ctx, s[0], s[1])
	}},
	{lab.EchoServer, 1, 0, func(ctx context.Context, a *app, s []string, _ []int64) error {
		return load.Echo(ctx, s[0], a.benchReady)
	}},
	{lab.BareServer, 1, 0, func(ctx context.Context, a *app, s []string, _ []int64) error {
		return load.Bare(ctx, s[0], a.benchReady)
	}},
	{"hash", 0, 2, func(_ context.Context, a *app, _ []string, n []int64) error {
		return writeJSON(a.out, lab.Line{Took: int64(lab.HashRaw(n[0], int(n[1])))})
	}},
}

// benchReady tells the process that measures where a server is.
func (a *app) benchReady(address string) error { return writeJSON(a.out, lab.Line{Ready: address}) }

// benchPartCommand is hidden: bench starts it, nobody else has a use for it.
func (a *app) benchPartCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "part ROLE [ARGUMENT]...",
		Hidden:  true,
		Short:   a.text.Say("bench.part.short"),
		Example: "p2p bench part hash 1073741824 2",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, part := range benchParts {
				if len(args) == 1+part.words+part.numbers && args[0] == part.name {
					return a.benchPart(cmd.Context(), part, args[1:])
				}
			}
			return a.one("ROLE")(cmd, nil)
		},
	}
}

// benchPart runs until the part is done or its stdin ends: then who wanted it is
// gone, however that came about.
func (a *app) benchPart(ctx context.Context, part benchPart, args []string) error {
	var numbers []int64
	for _, s := range args[part.words:] {
		n, err := units.ParseSize(s)
		if err != nil {
			return a.usage("usage.flag", err, "p2p bench")
		}
		numbers = append(numbers, int64(n))
	}
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	go func() {
		io.Copy(io.Discard, a.in) // its error is its end
		abort(nil)
	}()
	return part.run(ctx, a, args[:part.words], numbers)
}
