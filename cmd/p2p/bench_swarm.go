package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

type benchSwarmFlags struct {
	benchFlags
	seeds, leeches int
	vs             []string
}

func (a *app) benchSwarmCommand() *cobra.Command {
	f := benchSwarmFlags{benchFlags: benchFlags{size: 1 << 30, pieceLength: 1 << 20, reps: 5}}
	cmd := &cobra.Command{
		Use:     "swarm",
		Short:   a.text.Say("bench.swarm.short"),
		Long:    a.text.Say("bench.swarm.long"),
		Example: a.text.Say("bench.swarm.examples"),
		Args:    a.none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.benchSwarm(cmd.Context(), f) },
	}
	cmd.Flags().IntVar(&f.seeds, "seeds", 1, a.text.Say("demo.seeders"))
	cmd.Flags().IntVar(&f.leeches, "leeches", 1, a.text.Say("bench.leeches"))
	f.add(cmd, a)
	cmd.Flags().StringSliceVar(&f.vs, "vs", nil, a.text.Say("bench.vs"))
	return cmd
}

func (f *benchSwarmFlags) check(ctx context.Context, a *app) error {
	for _, name := range f.vs {
		if !slices.Contains(lab.Others, name) {
			return a.usage("usage.bench_vs", name, strings.Join(lab.Others, ", "))
		}
		if err := lab.Installed(ctx, name); err != nil {
			return a.fail(exitNotFound, "bench.not_installed", name, err)
		}
	}
	return cmp.Or(a.between("seeds", f.seeds, maxBenchPeers), a.between("leeches", f.leeches, maxBenchPeers), f.benchFlags.check(a))
}

// benchRun is one run as a JSON line. What nobody knows is null.
type benchRun struct {
	MessageType string  `json:"message_type"` // run
	Rep         int     `json:"rep"`          // from 1
	Client      string  `json:"client"`
	OK          bool    `json:"ok"`
	Error       string  `json:"error,omitempty"`
	Seconds     float64 `json:"seconds"`
	Rate        int64   `json:"rate"` // of all downloaders together
	LeechCPU    float64 `json:"leech_cpu_seconds"`
	SeedCPU     float64 `json:"seed_cpu_seconds"`
	LeechPeak   *int64  `json:"leech_peak_bytes"` // of the largest process
	SeedPeak    *int64  `json:"seed_peak_bytes"`
	Wasted      *int64  `json:"wasted"`
	Sent        *int64  `json:"sent"` // by the seeders
}

// orNull is for what may not be known: that is below least.
func orNull(n, least int64) *int64 {
	if n < least {
		return nil
	}
	return &n
}

func newBenchRun(rep int, client string, bytes int64, r lab.Result, err error) benchRun {
	run := benchRun{MessageType: "run", Rep: rep, Client: client, OK: err == nil}
	if err != nil {
		run.Error = oneLine(err.Error())
		return run
	}
	run.Seconds = r.Wall().Seconds()
	run.Rate = meanRate(bytes, r.Wall())
	run.LeechCPU, run.SeedCPU = r.Get.CPU.Seconds(), r.Send.CPU.Seconds()
	run.LeechPeak, run.SeedPeak = orNull(r.Get.Peak, 1), orNull(r.Send.Peak, 1)
	run.Wasted, run.Sent = orNull(r.Wasted, 0), orNull(r.Sent, 0)
	return run
}

// swarmBench is one use of bench swarm.
type swarmBench struct {
	app     *app
	flags   benchSwarmFlags
	lab     *lab.Lab
	clients []string // in the order in which they take turns; p2p is the first
	runs    map[string][]benchRun
	meter   *benchMeter
}

func (a *app) benchSwarm(ctx context.Context, f benchSwarmFlags) (err error) {
	if err := f.check(ctx, a); err != nil {
		return err
	}
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	l, place, err := a.openLab(ctx, f.benchFlags, f.leeches)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	b := &swarmBench{app: a, flags: f, lab: l, clients: append([]string{lab.P2P, lab.Light}, f.vs...), runs: map[string][]benchRun{}}
	start := f.start("bench swarm", place, l)
	start.Seeds, start.Leeches = f.seeds, f.leeches
	if err := a.emit(start); err != nil {
		return err
	}
	b.meter = &benchMeter{begin: time.Now(), total: int64(f.reps*len(b.clients)) * b.bytes()}
	stop := a.watchBench(b.meter.snapshot, abort)
	err = b.runAll(ctx)
	stop()
	if err != nil {
		return stopCause(ctx, err)
	}
	return b.conclude(place)
}

// bytes is how much a run transfers.
func (b *swarmBench) bytes() int64 { return int64(b.flags.leeches) * int64(b.flags.size) }

// runAll lets the clients take turns, so that a machine that becomes slower does
// so for all of them.
func (b *swarmBench) runAll(ctx context.Context) error {
	for rep := range b.flags.reps {
		for _, client := range b.clients {
			b.meter.next(fmt.Sprintf("%d/%d %s", rep+1, b.flags.reps, client), b.flags.seeds, b.flags.leeches)
			r, err := b.lab.Run(ctx, lab.Swarm{
				Client: client, Seeds: b.flags.seeds, Leeches: b.flags.leeches,
				Limit: limitFor(b.bytes()), Progress: b.meter.add,
			})
			b.meter.finish(b.bytes())
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil && !slices.Contains(lab.Others, client) {
				return err
			}
			run := newBenchRun(rep+1, client, b.bytes(), r, err)
			b.runs[client] = append(b.runs[client], run)
			if err := errors.Join(b.tell(run), b.app.emit(run)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *swarmBench) tell(r benchRun) error {
	if !r.OK {
		b.app.say("bench.run_failed", r.Rep, r.Client, r.Error)
		return nil
	}
	b.app.say("bench.run", r.Rep, r.Client, seconds(r.Seconds), units.FormatRate(r.Rate))
	return nil
}

// clientNames are the keys of what the clients are called in the table.
var clientNames = map[string]string{
	lab.P2P: "bench.client.p2p", lab.Light: "bench.client.sol", lab.Aria: "bench.client.aria",
	lab.Libtorrent: "bench.client.lt", lab.LibtorrentFast: "bench.client.lthp",
}

// benchClient sums up the runs of one client.
type benchClient struct {
	Client    string       `json:"client"`
	Runs      int          `json:"runs"` // that were good
	Rate      bench.Spread `json:"rate"`
	Seconds   bench.Spread `json:"seconds"`
	LeechCPU  bench.Spread `json:"leech_cpu_seconds"`
	SeedCPU   bench.Spread `json:"seed_cpu_seconds"`
	LeechPeak bench.Spread `json:"leech_peak_bytes"`
	SeedPeak  bench.Spread `json:"seed_peak_bytes"`
	Wasted    *int64       `json:"wasted"` // the most in a run

	// p2p's figure through this client's, repetition by repetition, the median;
	// 0 where there is none.
	P2PSpeed float64 `json:"p2p_speed_ratio"`
	P2PCPU   float64 `json:"p2p_cpu_ratio"`
}

func (b *swarmBench) sum(client string) benchClient {
	runs := b.runs[client]
	column := func(runs []benchRun, f func(benchRun) float64) []float64 {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = f(r)
		}
		return values
	}
	orZero := func(n *int64) float64 {
		if n == nil {
			return 0
		}
		return float64(*n)
	}
	rate := func(r benchRun) float64 { return float64(r.Rate) }
	cpu := func(r benchRun) float64 { return r.LeechCPU + r.SeedCPU }
	good := slices.DeleteFunc(slices.Clone(runs), func(r benchRun) bool { return !r.OK })
	s := benchClient{
		Client: client, Runs: len(good),
		Rate:      bench.SpreadOf(column(good, rate)),
		Seconds:   bench.SpreadOf(column(good, func(r benchRun) float64 { return r.Seconds })),
		LeechCPU:  bench.SpreadOf(column(good, func(r benchRun) float64 { return r.LeechCPU })),
		SeedCPU:   bench.SpreadOf(column(good, func(r benchRun) float64 { return r.SeedCPU })),
		LeechPeak: bench.SpreadOf(column(good, func(r benchRun) float64 { return orZero(r.LeechPeak) })),
		SeedPeak:  bench.SpreadOf(column(good, func(r benchRun) float64 { return orZero(r.SeedPeak) })),
	}
	for _, r := range good {
		if r.Wasted != nil && (s.Wasted == nil || *r.Wasted > *s.Wasted) {
			s.Wasted = r.Wasted
		}
	}
	if client != lab.P2P {
		ours := b.runs[lab.P2P]
		s.P2PSpeed = bench.SpreadOf(bench.Ratios(column(ours, rate), column(runs, rate))).Median
		s.P2PCPU = bench.SpreadOf(bench.Ratios(column(ours, cpu), column(runs, cpu))).Median
	}
	return s
}

// benchSummary is the last JSON line of bench swarm.
type benchSummary struct {
	MessageType string        `json:"message_type"` // summary
	Clients     []benchClient `json:"clients"`
	ExitCode    int           `json:"exit_code"`
}

// conclude prints the outcome.
func (b *swarmBench) conclude(place string) error {
	sum := benchSummary{MessageType: "summary", ExitCode: exitDone}
	for _, client := range b.clients {
		s := b.sum(client)
		if s.Runs < b.flags.reps {
			sum.ExitCode = exitUnfinished
		}
		sum.Clients = append(sum.Clients, s)
	}
	var err error
	if sum.ExitCode != exitDone {
		err = b.app.fail(sum.ExitCode, "bench.some_failed")
	}
	if b.app.globals.json {
		return errors.Join(err, b.app.emit(sum))
	}
	say, count := b.app.text.Say, b.app.text.Count
	out := "\n" + say("bench.swarm.title", count("count.seeders", b.flags.seeds), count("count.leechers", b.flags.leeches),
		units.FormatBytes(int64(b.flags.size)), units.FormatBytes(b.lab.PieceLength()), count("count.reps", b.flags.reps)) +
		"\n" + say("bench.where", machine(), text.Printable(place)) + "\n\n" + b.table(sum.Clients).String() + "\n" + say("bench.swarm.notes") + "\n"
	_, writeErr := io.WriteString(b.app.out, out)
	return errors.Join(err, writeErr)
}

func (b *swarmBench) table(clients []benchClient) bench.Table {
	t := bench.Table{Left: 1}
	for _, key := range []string{
		"bench.head.client", "bench.head.rate", "bench.head.range", "bench.head.seconds", "bench.head.cpu",
		"bench.head.memory", "bench.head.wasted", "bench.head.p2p_speed", "bench.head.p2p_cpu",
	} {
		t.Head = append(t.Head, b.app.text.Say(key))
	}
	gibs := float64(b.bytes()) / (1 << 30)
	for _, c := range clients {
		name := b.app.text.Say(clientNames[c.Client])
		if c.Runs == 0 {
			t.Rows = append(t.Rows, []string{name, b.app.text.Say("bench.failed")})
			continue
		}
		wasted := "–"
		if c.Wasted != nil {
			wasted = units.FormatBytes(*c.Wasted)
		}
		t.Rows = append(t.Rows, []string{
			name, units.FormatRate(int64(c.Rate.Median)), mebibytes(c.Rate.Min) + "–" + mebibytes(c.Rate.Max), seconds(c.Seconds.Median),
			seconds(c.LeechCPU.Median/gibs) + " + " + seconds(c.SeedCPU.Median/gibs),
			mebibytes(c.LeechPeak.Median) + " + " + mebibytes(c.SeedPeak.Median),
			wasted, times(c.P2PSpeed), times(c.P2PCPU),
		})
	}
	return t
}

// mebibytes writes a number of bytes, or of bytes a second, without its unit.
func mebibytes(n float64) string {
	if n <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", n/(1<<20))
}
