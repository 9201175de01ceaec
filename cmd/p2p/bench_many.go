package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/units"
)

// The messages for the steps of lab.Many, and for the moments of its result.
var (
	manySteps = map[string]string{
		"make": "bench.many.step.make", "hash": "bench.many.step.hash", "up": "bench.many.step.up",
		"announce": "bench.many.step.announce", "idle": "bench.many.step.idle",
		"active": "bench.many.step.active", "reach": "bench.many.step.reach",
	}
	manyMoments = map[string]string{
		"up": "bench.many.moment.up", "announced": "bench.many.moment.announced",
		"idle": "bench.many.moment.idle", "active": "bench.many.moment.active",
	}
)

type benchManyFlags struct {
	lab.Many
	idle units.Duration
	dir  string
}

func (a *app) benchManyCommand() *cobra.Command {
	say := a.text.Say
	f := benchManyFlags{Many: lab.Many{Torrents: 10_000, Pieces: 1000, Active: 20}, idle: units.Duration(time.Minute)}
	cmd := &cobra.Command{
		Use:     "many",
		Short:   say("bench.many.short"),
		Long:    say("bench.many.long"),
		Example: say("bench.many.examples"),
		Args:    a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := cmp.Or(a.between("torrents", f.Torrents, 200_000), a.between("pieces", f.Pieces, 50_000),
				a.between("active", f.Active, min(f.Torrents, maxBenchPeers)))
			if err != nil {
				return err
			}
			return a.benchMany(cmd.Context(), f)
		},
	}
	cmd.Flags().IntVar(&f.Torrents, "torrents", f.Torrents, say("bench.many.torrents"))
	cmd.Flags().IntVar(&f.Pieces, "pieces", f.Pieces, say("bench.many.pieces"))
	cmd.Flags().IntVar(&f.Active, "active", f.Active, say("bench.many.active"))
	cmd.Flags().Var(&f.idle, "idle", say("bench.many.idle"))
	cmd.Flags().StringVar(&f.dir, "dir", "", say("bench.dir"))
	return cmd
}

// manyBenchStart is the first JSON line of bench many, manyBenchSummary the last.
type manyBenchStart struct {
	MessageType string `json:"message_type"` // start
	Schema      int    `json:"schema"`
	Version     string `json:"version"`
	Command     string `json:"command"`
	Torrents    int    `json:"torrents"`
	Pieces      int    `json:"pieces"`
	Active      int    `json:"active"`
	Dir         string `json:"dir"`
	CPUs        int    `json:"cpus"`
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Go          string `json:"go"`
}

type manyBenchSummary struct {
	MessageType string `json:"message_type"` // summary
	lab.ManyResult
	ExitCode int `json:"exit_code"`
}

func (a *app) benchMany(ctx context.Context, f benchManyFlags) (err error) {
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	place, err := a.benchPlace(f.dir, int64(f.Torrents)*int64(f.Pieces*20+16<<10)+64<<20)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l, err := lab.Open(self, place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	err = a.emit(manyBenchStart{
		"start", schema, version, "bench many", f.Torrents, f.Pieces, f.Active, place,
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(),
	})
	if err != nil {
		return err
	}
	m := f.Many
	m.Idle, m.Settle = time.Duration(f.idle), 10*time.Minute
	r, err := l.Many(ctx, m, func(step string) { a.say(manySteps[step]) })
	if err != nil {
		return stopCause(ctx, err)
	}
	return a.concludeMany(m, r, place)
}

func (a *app) concludeMany(m lab.Many, r lab.ManyResult, place string) error {
	if a.globals.json {
		return a.emit(manyBenchSummary{"summary", r, exitDone})
	}
	say := a.text.Say
	t := bench.Table{Left: 1, Head: []string{
		say("bench.head.when"), say("bench.head.seconds"), say("bench.head.memory_now"), say("bench.head.peak"),
		say("bench.head.goroutines"), say("bench.head.cpu_seconds"), say("bench.head.cpu_share"), say("bench.head.awake"),
	}}
	for _, x := range r.Moments {
		t.Rows = append(t.Rows, []string{
			say(manyMoments[x.Name]), seconds(x.Seconds), known(x.Memory), known(x.Peak), fmt.Sprint(x.Goroutines),
			fmt.Sprintf("%.2f", x.CPU), fmt.Sprintf("%.2f %%", 100*x.Share), fmt.Sprint(x.Awake),
		})
	}
	fmt.Fprintf(a.out, "%s\n\n%s\n%s\n", say("bench.many.title", m.Torrents, m.Pieces, machine()), t,
		say("bench.many.notes", seconds(r.First), r.Reached, r.Asked, r.Announced, seconds(r.Farewell), r.Left))
	return nil
}
