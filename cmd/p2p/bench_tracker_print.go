package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
)

// curve is the percentiles of latency that are plotted.
var curve = []float64{1, 10, 25, 50, 75, 90, 95, 99}

// trackerResult is what the repetitions of one tracker at one step come to.
type trackerResult struct {
	Tracker     string       `json:"tracker"`
	Outstanding int          `json:"outstanding"`
	Rate        bench.Spread `json:"rate"`
	PerCPU      bench.Spread `json:"answers_per_cpu_second"` // zero: not known
	OfCores     bench.Spread `json:"busy_ratio"`             // CPU time of the tracker by wall time
	Memory      float64      `json:"memory_bytes"`           // largest
	P50         bench.Spread `json:"p50_seconds"`
	P99         bench.Spread `json:"p99_seconds"`
	P999        bench.Spread `json:"p999_seconds"`
	Max         float64      `json:"max_seconds"`
	Peers       float64      `json:"peers_per_announce"`
	BytesIn     float64      `json:"bytes_per_answer"`
	Announces   int64        `json:"announces"` // this and what follows: of all repetitions
	Empty       int64        `json:"empty"`
	Deprived    int64        `json:"deprived"`
	Errors      int64        `json:"errors"`
	Wrong       int64        `json:"wrong"` // malformed, stray
	Lost        int64        `json:"lost"`
	Faster      float64      `json:"first_speed_ratio"` // rate of the first tracker by this one's, median of the repetitions

	Thriftier float64 `json:"first_cpu_ratio"` // the same of the answers for each CPU second; 0: not known

	latency []float64
	heard   int64
	rates   []float64
	perCPU  []float64
}

type trackerSummary struct {
	MessageType string          `json:"message_type"` // summary
	Results     []trackerResult `json:"results"`
	ExitCode    int             `json:"exit_code"`
}

// results sums up the runs, step by step, in the order of the subjects.
func (b *trackerBench) results() []trackerResult {
	var all []trackerResult
	for _, outstanding := range b.flags.outstanding {
		var first trackerResult
		for i, s := range b.subjects {
			var runs []trackerRun
			for _, r := range b.runs[s.name] {
				if r.Outstanding == outstanding {
					runs = append(runs, r)
				}
			}
			r := resultOf(runs)
			r.Tracker, r.Outstanding = s.name, outstanding
			if i == 0 {
				first = r
			}
			r.Faster = bench.SpreadOf(bench.Ratios(first.rates, r.rates)).Median
			r.Thriftier = bench.SpreadOf(bench.Ratios(first.perCPU, r.perCPU)).Median
			all = append(all, r)
		}
	}
	return all
}

func resultOf(runs []trackerRun) trackerResult {
	of := func(f func(trackerRun) float64) bench.Spread { return spreads(runs, f) }
	r := trackerResult{
		Rate:    of(func(r trackerRun) float64 { return r.Rate }),
		PerCPU:  of(func(r trackerRun) float64 { return orZero(r.PerCPU) }),
		OfCores: of(func(r trackerRun) float64 { return orZero(r.CPU) / max(r.seconds, 1e-9) }),
		Memory:  of(func(r trackerRun) float64 { return orZero(r.Memory) }).Max,
		P50:     of(func(r trackerRun) float64 { return r.P50 }),
		P99:     of(func(r trackerRun) float64 { return r.P99 }),
		P999:    of(func(r trackerRun) float64 { return r.P999 }),
		Max:     of(func(r trackerRun) float64 { return r.Max }).Max,
		Peers:   of(func(r trackerRun) float64 { return r.Peers }).Median,
		BytesIn: of(func(r trackerRun) float64 { return r.BytesIn }).Median,
		rates:   values(runs, func(r trackerRun) float64 { return r.Rate }),
		perCPU:  values(runs, func(r trackerRun) float64 { return orZero(r.PerCPU) }),
	}
	for _, run := range runs {
		r.heard += run.heard
		r.Announces += run.Announces
		r.Empty += run.Empty
		r.Deprived += run.Deprived
		r.Errors += run.Errors
		r.Wrong += run.Malformed + run.Stray
		r.Lost += run.Lost
	}
	for i := range curve {
		r.latency = append(r.latency, of(func(run trackerRun) float64 {
			if i >= len(run.latency) {
				return 0
			}
			return run.latency[i]
		}).Median)
	}
	return r
}

// conclude writes the summary, the tables and the plots. A tracker that did not
// answer at all has not been measured.
func (b *trackerBench) conclude() error {
	results := b.results()
	code := exitDone
	for _, r := range results {
		if r.heard == 0 {
			code = exitNetwork
		}
	}
	charts := b.charts(results)
	if b.flags.svg != "" {
		if err := os.WriteFile(b.flags.svg, []byte(bench.Stack(charts...)), 0o644); err != nil {
			return err
		}
	}
	if err := b.app.emit(trackerSummary{"summary", results, code}); err != nil {
		return err
	}
	if !b.app.globals.json {
		if err := b.print(results, charts); err != nil {
			return err
		}
	}
	if code != exitDone {
		return b.app.fail(code, "bench.tracker.silent")
	}
	return nil
}

func (b *trackerBench) print(results []trackerResult, charts []bench.Chart) error {
	say, f := b.app.text.Say, b.flags
	columns, _ := b.app.size()
	out := "\n" + say("bench.tracker.title", b.scheme(), f.torrents, f.peers, f.crowd, f.mixed, f.want, f.clients) + "\n" +
		say("bench.tracker.subtitle", time.Duration(f.duration).String(), b.app.text.Count("count.reps", f.reps), machine()) + "\n\n"
	out += b.rateTable(results).String() + "\n" + b.answerTable(results).String() + "\n"
	if nodes := b.nodeTable(); len(nodes.Rows) > 0 {
		out += nodes.String() + "\n"
	}
	out += say("bench.tracker.notes") + "\n\n" + charts[0].Terminal(columns, plotRows)
	_, err := io.WriteString(b.app.out, out)
	return err
}

func (b *trackerBench) rateTable(results []trackerResult) bench.Table {
	say := b.app.text.Say
	t := bench.Table{Left: 1, Head: []string{
		say("bench.head.tracker"), say("bench.head.outstanding"), say("bench.head.answers"), say("bench.head.range"),
		say("bench.head.first_speed", b.subjects[0].name), say("bench.head.per_cpu"), say("bench.head.first_cpu", b.subjects[0].name),
		say("bench.head.busy"), say("bench.head.memory"), say("bench.head.p50"), say("bench.head.p99"), say("bench.head.p999"), say("bench.head.max"),
	}}
	for _, r := range results {
		t.Rows = append(t.Rows, []string{
			r.Tracker, fmt.Sprint(r.Outstanding), thousands(r.Rate.Median),
			thousands(r.Rate.Min) + "–" + thousands(r.Rate.Max), times(r.Faster),
			orDash(r.PerCPU.Median, thousands), times(r.Thriftier), orDash(r.OfCores.Median, busyShare), orDash(r.Memory, mebibytes),
			milliseconds(r.P50.Median), milliseconds(r.P99.Median), milliseconds(r.P999.Median), milliseconds(r.Max),
		})
	}
	return t
}

func (b *trackerBench) answerTable(results []trackerResult) bench.Table {
	say := b.app.text.Say
	t := bench.Table{Left: 1, Head: []string{
		say("bench.head.tracker"), say("bench.head.outstanding"), say("bench.head.announces"), say("bench.head.peers"), say("bench.head.bytes"),
		say("bench.head.empty"), say("bench.head.deprived"), say("bench.head.errors"), say("bench.head.wrong"), say("bench.head.lost"),
	}}
	for _, r := range results {
		t.Rows = append(t.Rows, []string{
			r.Tracker, fmt.Sprint(r.Outstanding), fmt.Sprint(r.Announces), fmt.Sprintf("%.1f", r.Peers), fmt.Sprintf("%.0f", r.BytesIn),
			fmt.Sprint(r.Empty), fmt.Sprint(r.Deprived), fmt.Sprint(r.Errors), fmt.Sprint(r.Wrong), fmt.Sprint(r.Lost),
		})
	}
	return t
}

// nodeTable has each of several trackers that were loaded at once, at the last
// step.
func (b *trackerBench) nodeTable() bench.Table {
	say := b.app.text.Say
	t := bench.Table{Left: 1, Head: []string{
		say("bench.head.tracker"), say("bench.head.answers"), say("bench.head.per_cpu"), say("bench.head.memory"),
		say("bench.head.p99"), say("bench.head.empty"), say("bench.head.errors"), say("bench.head.lost"),
	}}
	last := b.flags.outstanding[len(b.flags.outstanding)-1]
	for _, s := range b.subjects {
		for i := range s.ends {
			var runs []trackerRun
			for _, r := range b.runs[s.name] {
				if r.Outstanding == last && i < len(r.Nodes) {
					runs = append(runs, trackerRun{trackerFigures: r.Nodes[i].trackerFigures})
				}
			}
			if len(runs) > 0 {
				r := resultOf(runs)
				t.Rows = append(t.Rows, []string{
					s.urls[i], thousands(r.Rate.Median), orDash(r.PerCPU.Median, thousands), orDash(r.Memory, mebibytes),
					milliseconds(r.P99.Median), fmt.Sprint(r.Empty), fmt.Sprint(r.Errors), fmt.Sprint(r.Lost),
				})
			}
		}
	}
	return t
}

func orDash(v float64, write func(float64) string) string {
	if v <= 0 {
		return "–"
	}
	return write(v)
}

func busyShare(v float64) string { return fmt.Sprintf("%.0f %%", v*100) }

// charts draws the rates and the latencies: over the steps of the ramp, or, if
// there is one step only, over the repetitions and the percentiles.
func (b *trackerBench) charts(results []trackerResult) []bench.Chart {
	say := b.app.text.Say
	rates := bench.Chart{Title: say("bench.tracker.rates"), Subtitle: say("bench.tracker.where", b.scheme(), b.flags.torrents, b.flags.peers, b.flags.crowd, b.flags.want), YLabel: say("bench.axis.answers")}
	waits := bench.Chart{Title: say("bench.tracker.waits"), Subtitle: rates.Subtitle}
	rates.XLabel, waits.XLabel = say("bench.axis.outstanding"), say("bench.axis.outstanding")
	waits.YLabel = say("bench.axis.milliseconds_p99")
	ramp := len(b.flags.outstanding) > 1
	if !ramp {
		rates.XLabel, waits.XLabel = say("bench.axis.repetition"), say("bench.axis.percentile")
		waits.YLabel = say("bench.axis.milliseconds")
	}
	for _, s := range b.subjects {
		ceiling := s.name == lab.EchoServer || s.name == lab.BareServer
		rate, wait := bench.Series{Name: s.name, Theory: ceiling}, bench.Series{Name: s.name, Theory: ceiling}
		for _, r := range results {
			switch {
			case r.Tracker != s.name:
			case ramp:
				x := float64(r.Outstanding)
				rate.Points = append(rate.Points, bench.Point{X: x, Y: r.Rate.Median / 1000, Low: r.Rate.Min / 1000, High: r.Rate.Max / 1000})
				wait.Points = append(wait.Points, bench.Point{X: x, Y: r.P99.Median * 1000, Low: r.P99.Min * 1000, High: r.P99.Max * 1000})
			default:
				for i, v := range r.rates {
					rate.Points = append(rate.Points, bench.Point{X: float64(i + 1), Y: v / 1000})
				}
				for i, v := range r.latency {
					wait.Points = append(wait.Points, bench.Point{X: curve[i], Y: v * 1000})
				}
			}
		}
		rates.Series, waits.Series = append(rates.Series, rate), append(waits.Series, wait)
	}
	return []bench.Chart{rates, waits}
}
