package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

// maxBenchWorkers is far above what any machine has.
const maxBenchWorkers = 4096

type benchHashFlags struct {
	benchFlags
	workers int
}

func (a *app) benchHashCommand() *cobra.Command {
	f := benchHashFlags{benchFlags: benchFlags{size: 1 << 30, reps: 5}, workers: runtime.GOMAXPROCS(0)}
	cmd := &cobra.Command{
		Use:     "hash",
		Short:   a.text.Say("bench.hash.short"),
		Long:    a.text.Say("bench.hash.long"),
		Example: a.text.Say("bench.hash.examples"),
		Args:    a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(f.check(a), a.between("workers", f.workers, maxBenchWorkers)); err != nil {
				return err
			}
			return a.benchHash(cmd.Context(), f)
		},
	}
	cmd.Flags().IntVar(&f.workers, "workers", f.workers, a.text.Say("bench.workers"))
	f.add(cmd, a)
	return cmd
}

// hashWork is one of the things that bench hash measures.
type hashWork struct {
	name    string // in JSON
	label   string // its key in the catalogue
	what    string // of lab.Hash
	workers int
}

// hashRun is one measurement as a JSON line, hashResult what they come to.
type hashRun struct {
	MessageType string  `json:"message_type"` // run
	Rep         int     `json:"rep"`
	Work        string  `json:"work"`
	Workers     int     `json:"workers"`
	Seconds     float64 `json:"seconds"`
	Rate        int64   `json:"rate"`
}

type hashResult struct {
	label   string
	Work    string       `json:"work"`
	Workers int          `json:"workers"`
	Rate    bench.Spread `json:"rate"`
	OfCores float64      `json:"of_cores_ratio"` // through workers x the rate of one raw core
	OfRaw   float64      `json:"of_raw_ratio"`   // through the rate of as many raw ones at once
}

type hashSummary struct {
	MessageType string       `json:"message_type"` // summary
	Results     []hashResult `json:"results"`
	ExitCode    int          `json:"exit_code"`
}

func (a *app) benchHash(ctx context.Context, f benchHashFlags) (err error) {
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	if f.dir == "" {
		// Of a file system in memory, reading costs twice what it does of a disk's pages
		// in the cache, and nobody keeps what he shares there.
		f.dir = os.TempDir()
	}
	l, place, err := a.openLab(ctx, f.benchFlags, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	start := f.start("bench hash", place, l)
	start.Workers = f.workers
	if err := a.emit(start); err != nil {
		return err
	}
	works := []hashWork{
		{"core", "bench.hash.core", lab.Raw, 1}, {"raw", "bench.hash.raw", lab.Raw, f.workers},
		{"create", "bench.hash.create", lab.Create, f.workers}, {"verify", "bench.hash.verify", lab.Verify, f.workers},
	}
	meter := &benchMeter{begin: time.Now(), total: int64(f.size) * int64(len(works)*f.reps)}
	stop := a.watchBench(meter.checking, abort)
	rates, err := a.hashAll(ctx, l, works, f, meter)
	stop()
	if err != nil {
		return stopCause(ctx, err)
	}
	return a.concludeHash(sumHash(works, rates), f, place)
}

// hashAll returns the rate of each work in each repetition, by name.
func (a *app) hashAll(ctx context.Context, l *lab.Lab, works []hashWork, f benchHashFlags, meter *benchMeter) (map[string][]float64, error) {
	rates := map[string][]float64{}
	for rep := range f.reps {
		for _, w := range works {
			meter.next(fmt.Sprintf("%d/%d %s", rep+1, f.reps, w.name), 0, 0)
			took, err := l.Hash(ctx, w.what, w.workers)
			if err != nil {
				return nil, errors.Join(context.Cause(ctx), err)
			}
			meter.finish(int64(f.size))
			run := hashRun{"run", rep + 1, w.name, w.workers, took.Seconds(), meanRate(int64(f.size), took)}
			rates[w.name] = append(rates[w.name], float64(run.Rate))
			a.say("bench.run", run.Rep, w.name, seconds(run.Seconds), units.FormatRate(run.Rate))
			if err := a.emit(run); err != nil {
				return nil, err
			}
		}
	}
	return rates, nil
}

func sumHash(works []hashWork, rates map[string][]float64) []hashResult {
	var all []hashResult
	for _, w := range works {
		all = append(all, hashResult{
			label: w.label, Work: w.name, Workers: w.workers, Rate: bench.SpreadOf(rates[w.name]),
			OfCores: bench.SpreadOf(bench.Ratios(rates[w.name], rates["core"])).Median / float64(w.workers),
			OfRaw:   bench.SpreadOf(bench.Ratios(rates[w.name], rates["raw"])).Median,
		})
	}
	return all
}

func (a *app) concludeHash(results []hashResult, f benchHashFlags, place string) error {
	if a.globals.json {
		return a.emit(hashSummary{"summary", results, exitDone})
	}
	say := a.text.Say
	t := bench.Table{Left: 1, Head: []string{
		say("bench.head.work"), say("bench.head.workers"), say("bench.head.rate"), say("bench.head.range"),
		say("bench.head.of_cores"), say("bench.head.of_raw"),
	}}
	for _, r := range results {
		t.Rows = append(t.Rows, []string{
			say(r.label), fmt.Sprint(r.Workers), units.FormatRate(int64(r.Rate.Median)),
			mebibytes(r.Rate.Min) + "–" + mebibytes(r.Rate.Max), times(r.OfCores), times(r.OfRaw),
		})
	}
	out := "\n" + say("bench.hash.title", units.FormatBytes(int64(f.size)), a.text.Count("count.reps", f.reps)) + "\n" +
		say("bench.where", machine(), text.Printable(place)) + "\n\n" + t.String()
	_, err := io.WriteString(a.out, out)
	return err
}

// checking is the snapshot of work that reads and hashes.
func (m *benchMeter) checking() progress.Snapshot {
	s := m.snapshot()
	s.State = progress.Checking
	return s
}
