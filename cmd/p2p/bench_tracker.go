package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/bench/load"
	"p2p/cmd/p2p/units"
)

// Bounds of what a load can be made of.
const (
	maxBenchTorrents = 100_000_000
	maxBenchCrowd    = 1_000_000_000
	maxBenchClients  = 16_384
	maxBenchWant     = 1 << 20
)

// Clients and outstanding requests when nobody says.
const (
	udpClients, udpOutstanding = 16, 128
	httpClients                = 64
)

type benchTrackerFlags struct {
	torrents, peers  int
	popularity, mix  string
	seeders          float64
	want             int
	clients, reps    int
	outstanding      []int // steps of the ramp
	duration, warmup units.Duration
	prefill          bool
	http, keepAlive  bool
	wrk, ipv6, yes   bool
	seed             uint64
	cores            int
	share            int // in percent; 0 = all
	vs, with         []string
	pids             []int
	svg              string

	crowd load.Popularity // read from popularity
	mixed load.Mix        // read from mix
}

func (a *app) benchTrackerCommand() *cobra.Command {
	f := benchTrackerFlags{
		torrents: 10_000, peers: 100_000, popularity: "exp:500", mix: "0:100:1", seeders: 0.75, want: 30, reps: 5,
		duration: units.Duration(10 * time.Second), warmup: units.Duration(2 * time.Second), prefill: true, keepAlive: true,
		seed: 1, cores: 1,
	}
	cmd := &cobra.Command{
		Use:     "tracker [URL]...",
		Short:   a.text.Say("bench.tracker.short"),
		Long:    a.text.Say("bench.tracker.long"),
		Example: a.text.Say("bench.tracker.examples"),
		RunE: func(cmd *cobra.Command, urls []string) error {
			if err := f.check(a, urls); err != nil {
				return err
			}
			return a.benchTracker(cmd.Context(), f, urls)
		},
	}
	f.add(cmd, a)
	return cmd
}

func (f *benchTrackerFlags) add(cmd *cobra.Command, a *app) {
	say, flags := a.text.Say, cmd.Flags()
	flags.IntVar(&f.torrents, "torrents", f.torrents, say("bench.tracker.torrents"))
	flags.IntVar(&f.peers, "peers", f.peers, say("bench.tracker.peers"))
	flags.StringVar(&f.popularity, "popularity", f.popularity, say("bench.tracker.popularity"))
	flags.Float64Var(&f.seeders, "seeders", f.seeders, say("bench.tracker.seeders"))
	flags.StringVar(&f.mix, "mix", f.mix, say("bench.tracker.mix"))
	flags.IntVar(&f.want, "want", f.want, say("bench.tracker.want"))
	flags.IntVar(&f.clients, "clients", 0, say("bench.tracker.clients", udpClients, httpClients))
	flags.IntSliceVar(&f.outstanding, "ramp", nil, say("bench.tracker.ramp", udpOutstanding))
	flags.Var(&f.duration, "duration", say("bench.tracker.duration"))
	flags.Var(&f.warmup, "warmup", say("bench.tracker.warmup"))
	flags.IntVar(&f.reps, "reps", f.reps, say("bench.reps"))
	flags.BoolVar(&f.prefill, "prefill", f.prefill, say("bench.tracker.prefill"))
	flags.BoolVar(&f.http, "http", false, say("bench.tracker.http"))
	flags.BoolVar(&f.keepAlive, "keep-alive", f.keepAlive, say("bench.tracker.keep_alive"))
	flags.BoolVar(&f.wrk, "wrk", false, say("bench.tracker.wrk"))
	flags.BoolVar(&f.ipv6, "ipv6", false, say("bench.tracker.ipv6"))
	flags.Uint64Var(&f.seed, "seed", f.seed, say("bench.tracker.seed"))
	flags.IntVar(&f.cores, "cores", f.cores, say("bench.tracker.cores"))
	flags.IntVar(&f.share, "share", 0, say("bench.tracker.share"))
	flags.StringSliceVar(&f.vs, "vs", nil, say("bench.tracker.vs"))
	flags.StringArrayVar(&f.with, "with", nil, say("bench.tracker.with"))
	flags.IntSliceVar(&f.pids, "pid", nil, say("bench.tracker.pid"))
	flags.BoolVar(&f.yes, "yes", false, say("bench.tracker.yes"))
	flags.StringVar(&f.svg, "svg", "", say("bench.svg"))
}

// check refuses what makes no sense, and fills in what follows from the rest.
func (f *benchTrackerFlags) check(a *app, urls []string) (err error) {
	f.complete(urls)
	checks := []error{
		a.between("torrents", f.torrents, maxBenchTorrents), a.between("peers", f.peers, maxBenchCrowd),
		a.between("clients", f.clients, maxBenchClients), a.between("reps", f.reps, maxBenchReps),
		a.between("want", f.want, maxBenchWant), a.between("cores", f.cores, max(runtime.NumCPU(), 1)),
	}
	if f.share != 0 {
		checks = append(checks, a.between("share", f.share, 100))
	}
	for _, n := range f.outstanding {
		checks = append(checks, a.between("ramp", n, f.clients*load.MaxWindow))
	}
	if err := errors.Join(checks...); err != nil {
		return err
	}
	if f.crowd, err = load.ParsePopularity(f.popularity); err != nil {
		return a.usage("usage.flag", err, "p2p bench tracker")
	}
	if f.mixed, err = load.ParseMix(f.mix); err != nil {
		return a.usage("usage.flag", err, "p2p bench tracker")
	}
	if f.duration <= 0 || f.warmup < 0 || !(f.seeders >= 0 && f.seeders <= 1) {
		return a.usage("usage.bench_tracker_numbers")
	}
	if f.http && f.mixed[load.Announce]+f.mixed[load.Scrape] == 0 {
		return a.usage("usage.bench_tracker_connect")
	}
	return f.checkRivals(a, urls)
}

// complete fills in the flags that nobody gave.
func (f *benchTrackerFlags) complete(urls []string) {
	f.http = f.http || f.wrk || (len(urls) > 0 && strings.HasPrefix(urls[0], "http"))
	most := udpOutstanding
	if f.clients == 0 {
		f.clients = udpClients
		if f.http {
			f.clients = httpClients
		}
		f.clients = max(f.clients, len(urls))
	}
	if f.http {
		most = f.clients
	}
	if len(f.outstanding) == 0 {
		f.outstanding = []int{most}
	}
	slices.Sort(f.outstanding)
	f.outstanding = slices.Compact(f.outstanding)
	if f.http { // every request has a connection of its own
		f.clients = max(f.clients, f.outstanding[len(f.outstanding)-1])
	}
}

// checkRivals looks at what else is to be measured, and with what.
func (f *benchTrackerFlags) checkRivals(a *app, urls []string) error {
	if len(urls) > 0 && len(f.vs)+len(f.with) > 0 {
		return a.usage("usage.bench_tracker_urls")
	}
	if len(f.pids) > 0 && len(f.pids) != len(urls) {
		return a.usage("usage.bench_tracker_pids")
	}
	known := []string{lab.OpenTracker, lab.EchoServer, subjectCore}
	if f.http {
		known = []string{lab.OpenTracker, lab.BareServer, subjectCore}
	}
	for _, name := range f.vs {
		if !slices.Contains(known, name) {
			return a.usage("usage.bench_vs", name, strings.Join(known, ", "))
		}
		if err := installed(name); err != nil {
			return a.fail(exitNotFound, "bench.not_installed", name, err)
		}
	}
	if f.wrk {
		if err := installed(wrkProgram); err != nil {
			return a.fail(exitNotFound, "bench.not_installed", wrkProgram, err)
		}
	}
	return nil
}

// benchTracker measures trackers: those of urls, or ours and its rivals.
func (a *app) benchTracker(ctx context.Context, f benchTrackerFlags, urls []string) (err error) {
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	b := &trackerBench{app: a, flags: f, runs: map[string][]trackerRun{}}
	defer b.close()
	if len(urls) > 0 {
		err = b.resolve(ctx, urls)
	} else {
		err = b.launch(ctx)
	}
	if err == nil {
		err = b.measure(ctx)
	}
	if err != nil {
		return stopCause(ctx, err)
	}
	return b.conclude()
}

// spreads is a figure of a series of runs.
func spreads(runs []trackerRun, of func(trackerRun) float64) bench.Spread {
	return bench.SpreadOf(values(runs, of))
}

func values(runs []trackerRun, of func(trackerRun) float64) []float64 {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = of(r)
	}
	return all
}
