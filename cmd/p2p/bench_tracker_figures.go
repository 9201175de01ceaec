package main

import (
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/bench/load"
)

// trackerFigures is what was measured of one tracker, or of several together.
// Times are seconds; what nobody knows is null.
type trackerFigures struct {
	Rate      float64 `json:"rate"` // answers a second that were understood
	Announces int64   `json:"announces"`
	Scrapes   int64   `json:"scrapes"`
	Connects  int64   `json:"connects"`

	Sent      int64 `json:"sent"` // requests of all kinds
	Errors    int64 `json:"errors"`
	Malformed int64 `json:"malformed"`
	Stray     int64 `json:"stray"` // of a transaction that nobody had begun
	Late      int64 `json:"late"`
	Lost      int64 `json:"lost"`
	Refused   int64 `json:"refused"`
	Reopened  int64 `json:"reopened"` // HTTP: connections that it closed without saying so

	Empty    int64   `json:"empty"`    // announces that were told of nobody
	Deprived int64   `json:"deprived"` // those of them in whose torrent there was somebody
	Peers    float64 `json:"peers_per_announce"`
	BytesOut float64 `json:"bytes_per_announce"`
	BytesIn  float64 `json:"bytes_per_answer"`

	P50  float64 `json:"p50_seconds"`
	P90  float64 `json:"p90_seconds"`
	P99  float64 `json:"p99_seconds"`
	P999 float64 `json:"p999_seconds"`
	Max  float64 `json:"max_seconds"`

	CPU    *float64 `json:"cpu_seconds"`            // of the tracker, while it was measured
	PerCPU *float64 `json:"answers_per_cpu_second"` // 0 if it used none
	Memory *int64   `json:"memory_bytes"`           // its peak so far
}

// trackerNode is one of several trackers that were loaded at once.
type trackerNode struct {
	URL string `json:"url"`
	trackerFigures
}

// trackerRun is one run as a JSON line.
type trackerRun struct {
	MessageType string  `json:"message_type"` // run
	Rep         int     `json:"rep"`          // from 1
	Tracker     string  `json:"tracker"`
	Outstanding int     `json:"outstanding"`
	LoadCPU     float64 `json:"load_cpu_seconds"` // of the generator, which never sleeps over UDP; 0: not known
	trackerFigures
	Nodes []trackerNode `json:"nodes,omitempty"` // when there are several

	seconds float64 // that were measured
	heard   int64   // answers of any kind, measured or not
	latency []float64
}

func newTrackerRun(s subject, r *load.Result) trackerRun {
	sum := r.Sum()
	run := trackerRun{trackerFigures: figuresOf(r, sum), seconds: r.Took.Seconds(), heard: sum.Heard}
	for _, p := range curve {
		run.latency = append(run.latency, sum.Latency.Quantile(p/100).Seconds())
	}
	if len(r.Nodes) > 1 {
		for i := range r.Nodes {
			run.Nodes = append(run.Nodes, trackerNode{s.urls[i], figuresOf(r, &r.Nodes[i])})
		}
	}
	return run
}

func figuresOf(r *load.Result, t *load.Tally) trackerFigures {
	announces := float64(max(t.Answered[load.Announce], 1))
	return trackerFigures{
		Rate: r.Rate(t), Announces: t.Answered[load.Announce], Scrapes: t.Answered[load.Scrape], Connects: t.Answered[load.Connect],
		Sent: t.Asked(), Errors: t.Errors, Malformed: t.Malformed, Stray: t.Stray, Late: t.Late, Lost: t.Lost, Refused: t.Refused, Reopened: t.Reopened,
		Empty: t.Empty, Deprived: t.Deprived, Peers: float64(t.Peers) / announces,
		BytesOut: float64(t.BytesOut) / float64(max(t.Sent[load.Announce], 1)), BytesIn: float64(t.BytesIn) / announces,
		P50: t.Latency.Quantile(.5).Seconds(), P90: t.Latency.Quantile(.9).Seconds(), P99: t.Latency.Quantile(.99).Seconds(),
		P999: t.Latency.Quantile(.999).Seconds(), Max: t.Latency.Max().Seconds(),
	}
}

// charge adds what the trackers used meanwhile.
func (r *trackerRun) charge(before, after []*lab.Usage) {
	if len(before) != len(after) {
		return
	}
	all := 0.0
	for i := range after {
		if before[i] == nil || after[i] == nil {
			return
		}
		cpu := (after[i].CPU - before[i].CPU).Seconds()
		all += cpu
		if len(r.Nodes) > i {
			r.Nodes[i].spend(cpu, r.seconds, &after[i].Peak)
		}
	}
	r.spend(all, r.seconds, memoryOf(after))
}

func (f *trackerFigures) spend(cpu, seconds float64, memory *int64) {
	per := 0.0
	if cpu > 0 {
		per = f.Rate * seconds / cpu
	}
	f.CPU, f.PerCPU, f.Memory = &cpu, &per, memory
}

// orZero returns what p points at.
func orZero[T int64 | float64](p *T) float64 {
	if p == nil {
		return 0
	}
	return float64(*p)
}
