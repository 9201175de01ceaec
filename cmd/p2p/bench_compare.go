package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/units"
)

type benchCompareFlags struct {
	benchFlags
	clients []int
	up      units.Rate
	svg     string
}

func (a *app) benchCompareCommand() *cobra.Command {
	f := benchCompareFlags{benchFlags: benchFlags{size: 32 << 20, reps: 1}, clients: []int{1, 2, 4, 8, 16}, up: 8 << 20}
	cmd := &cobra.Command{
		Use:     "compare",
		Short:   a.text.Say("bench.compare.short"),
		Long:    a.text.Say("bench.compare.long"),
		Example: a.text.Say("bench.compare.examples"),
		Args:    a.none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.benchCompare(cmd.Context(), f) },
	}
	cmd.Flags().IntSliceVar(&f.clients, "clients", f.clients, a.text.Say("bench.clients"))
	cmd.Flags().VarP(&f.up, "up-limit", "u", a.text.Say("bench.up_limit"))
	cmd.Flags().StringVar(&f.svg, "svg", "", a.text.Say("bench.svg"))
	f.add(cmd, a)
	return cmd
}

func (f *benchCompareFlags) check(a *app) error {
	if f.up <= 0 {
		return a.usage("usage.bench_up_limit")
	}
	if len(f.clients) == 0 {
		return a.between("clients", 0, maxBenchPeers)
	}
	slices.Sort(f.clients)
	f.clients = slices.Compact(f.clients)
	err := cmp.Or(a.between("clients", f.clients[0], maxBenchPeers), a.between("clients", slices.Max(f.clients), maxBenchPeers), f.benchFlags.check(a))
	if err != nil || f.svg == "" {
		return err
	}
	return mayWrite(f.svg)
}

// compareRun is the file brought to some clients in one way, as a JSON line.
type compareRun struct {
	MessageType string  `json:"message_type"` // run
	Rep         int     `json:"rep"`
	Way         string  `json:"way"` // http, or p2p for a swarm
	Clients     int     `json:"clients"`
	First       float64 `json:"first_seconds"` // when the first of the clients had everything
	Median      float64 `json:"median_seconds"`
	Last        float64 `json:"last_seconds"`
	Rate        int64   `json:"rate"`        // of all clients together, until the last was done
	Sent        int64   `json:"sent"`        // by the server or the seeder
	CPU         float64 `json:"cpu_seconds"` // of all processes
}

// compareRow is one number of clients: the median of each figure over the
// repetitions, and the factor between the ways.
type compareRow struct {
	Clients    int        `json:"clients"`
	Web        compareRun `json:"http"`
	Swarm      compareRun `json:"p2p"`
	Faster     float64    `json:"time_factor"` // time of the last client: http through p2p
	LoadFactor float64    `json:"load_factor"` // bytes sent by the server through those of the seeder
}

type compareSummary struct {
	MessageType string       `json:"message_type"` // summary
	Rows        []compareRow `json:"rows"`
	ExitCode    int          `json:"exit_code"`
}

// ways are the two that are compared, in the order in which they take turns.
var ways = []string{lab.Web, lab.P2P}

// wayNames are their keys in the catalogue.
var wayNames = map[string]string{lab.Web: "bench.way.http", lab.P2P: "bench.way.p2p"}

// comparison is one use of bench compare.
type comparison struct {
	app   *app
	flags benchCompareFlags
	lab   *lab.Lab
	runs  []compareRun
	meter *benchMeter
}

func (a *app) benchCompare(ctx context.Context, f benchCompareFlags) (err error) {
	if err := f.check(a); err != nil {
		return err
	}
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	l, place, err := a.openLab(ctx, f.benchFlags, slices.Max(f.clients))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	start := f.start("bench compare", place, l)
	start.UpLimit = int64(f.up)
	if err := a.emit(start); err != nil {
		return err
	}
	b := &comparison{app: a, flags: f, lab: l, meter: &benchMeter{begin: time.Now()}}
	for _, n := range f.clients {
		b.meter.total += int64(n) * int64(f.size) * int64(len(ways)*f.reps)
	}
	stop := a.watchBench(b.meter.snapshot, abort)
	err = b.runAll(ctx)
	stop()
	if err != nil {
		return stopCause(ctx, err)
	}
	return b.conclude(place)
}

func (b *comparison) runAll(ctx context.Context) error {
	for rep := range b.flags.reps {
		for _, n := range b.flags.clients {
			for _, way := range ways {
				if err := b.once(ctx, rep+1, n, way); err != nil {
					return errors.Join(context.Cause(ctx), err)
				}
			}
		}
	}
	return nil
}

// once brings the file to n clients.
func (b *comparison) once(ctx context.Context, rep, n int, way string) error {
	bytes := int64(n) * int64(b.flags.size)
	b.meter.next(fmt.Sprintf("%d/%d %s, N = %d", rep, b.flags.reps, way, n), 1, n)
	r, err := b.lab.Run(ctx, lab.Swarm{
		Client: way, Seeds: 1, Leeches: n, UpLimit: int64(b.flags.up), Stay: way == lab.P2P, Progress: b.meter.add,
		Limit: limitFor(bytes) + 3*time.Duration(float64(bytes)/float64(b.flags.up)*float64(time.Second)),
	})
	if err != nil {
		return err
	}
	b.meter.finish(bytes)
	finish := make([]float64, len(r.Finish))
	for i, d := range r.Finish {
		finish[i] = d.Seconds()
	}
	spread := bench.SpreadOf(finish)
	run := compareRun{
		MessageType: "run", Rep: rep, Way: way, Clients: n,
		First: spread.Min, Median: spread.Median, Last: spread.Max, Rate: meanRate(bytes, r.Wall()),
		Sent: r.Sent, CPU: (r.Get.CPU + r.Send.CPU).Seconds(),
	}
	b.runs = append(b.runs, run)
	b.app.say("bench.compare.run", rep, b.app.text.Say(wayNames[way]), n, seconds(run.Last), known(run.Sent))
	return b.app.emit(run)
}

// rows sums up the repetitions.
func (b *comparison) rows() []compareRow {
	var rows []compareRow
	for _, n := range b.flags.clients {
		web, swarm := b.median(lab.Web, n), b.median(lab.P2P, n)
		row := compareRow{Clients: n, Web: web, Swarm: swarm, Faster: web.Last / swarm.Last}
		if swarm.Sent > 0 {
			row.LoadFactor = float64(web.Sent) / float64(swarm.Sent)
		}
		rows = append(rows, row)
	}
	return rows
}

// median has the median of each figure of one way and number of clients.
func (b *comparison) median(way string, n int) compareRun {
	var runs []compareRun
	for _, r := range b.runs {
		if r.Way == way && r.Clients == n {
			runs = append(runs, r)
		}
	}
	of := func(f func(compareRun) float64) float64 {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = f(r)
		}
		return bench.SpreadOf(values).Median
	}
	return compareRun{
		MessageType: "median", Way: way, Clients: n,
		First:  of(func(r compareRun) float64 { return r.First }),
		Median: of(func(r compareRun) float64 { return r.Median }),
		Last:   of(func(r compareRun) float64 { return r.Last }),
		Rate:   int64(of(func(r compareRun) float64 { return float64(r.Rate) })),
		Sent:   int64(of(func(r compareRun) float64 { return float64(r.Sent) })),
		CPU:    of(func(r compareRun) float64 { return r.CPU }),
	}
}

// conclude prints the outcome and writes the plot. What was measured is told also
// when the plot cannot be written.
func (b *comparison) conclude(place string) error {
	rows := b.rows()
	chart := b.chart(rows)
	var lost error
	if b.flags.svg != "" {
		lost = os.WriteFile(b.flags.svg, []byte(chart.SVG()), 0o666)
	}
	if b.app.globals.json {
		code, _ := diagnose(lost)
		return cmp.Or(b.app.emit(compareSummary{"summary", rows, code}), lost)
	}
	return cmp.Or(b.print(rows, chart, place), lost)
}
