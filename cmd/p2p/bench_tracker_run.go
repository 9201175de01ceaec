package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/bench/load"
)

// trackerBench is one use of bench tracker.
type trackerBench struct {
	app      *app
	flags    benchTrackerFlags
	crowd    *load.Population
	subjects []subject
	runs     map[string][]trackerRun // by name of the subject

	folder              *lab.Folder
	dir                 string // its path
	allCores, loadCores []int
}

// trackerStart is the first JSON line.
type trackerStart struct {
	MessageType string   `json:"message_type"` // start
	Schema      int      `json:"schema"`
	Version     string   `json:"version"`
	Command     string   `json:"command"`
	Protocol    string   `json:"protocol"` // udp or http
	Trackers    []string `json:"trackers"`
	Torrents    int      `json:"torrents"`
	Peers       int      `json:"peers"`
	Popularity  string   `json:"popularity"`
	Seeders     float64  `json:"seeders"` // share of the peers
	Mix         string   `json:"mix"`
	Want        int      `json:"want"`
	Clients     int      `json:"clients"`
	Sources     int      `json:"sources"` // addresses that they ask from
	Ramp        []int    `json:"ramp"`    // requests outstanding
	Duration    float64  `json:"duration_seconds"`
	Warmup      float64  `json:"warmup_seconds"`
	Reps        int      `json:"reps"`
	KeepAlive   bool     `json:"keep_alive"`
	Generator   string   `json:"generator"` // p2p or wrk
	Seed        uint64   `json:"seed"`
	Cores       int      `json:"tracker_cores"`           // that trackers are kept on; 0 = not
	Share       int      `json:"share_percent,omitempty"` // of each of them
	CPUs        int      `json:"cpus"`
	OS          string   `json:"os"`
	Arch        string   `json:"arch"`
	Go          string   `json:"go"`
}

func (b *trackerBench) start() trackerStart {
	f := b.flags
	s := trackerStart{
		MessageType: "start", Schema: schema, Version: version, Command: "bench tracker", Protocol: b.scheme(),
		Torrents: f.torrents, Peers: f.peers, Popularity: f.crowd.String(), Seeders: f.seeders, Mix: f.mixed.String(),
		Want: f.want, Clients: f.clients, Sources: b.crowd.Crowd().Sources, Ramp: f.outstanding,
		Duration: time.Duration(f.duration).Seconds(), Warmup: time.Duration(f.warmup).Seconds(), Reps: f.reps,
		KeepAlive: f.keepAlive, Generator: lab.P2P, Seed: f.seed, Share: f.share,
		CPUs: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(),
	}
	if f.wrk {
		s.Generator = wrkProgram
	}
	if len(b.loadCores) > 0 {
		s.Cores = f.cores
	}
	for _, subject := range b.subjects {
		s.Trackers = append(s.Trackers, subject.urls...)
	}
	return s
}

// options is the load of one run.
func (b *trackerBench) options(s subject, outstanding int) load.Options {
	f := b.flags
	return load.Options{
		Population: b.crowd, Trackers: s.ends, Mix: f.mixed, Want: f.want, Clients: f.clients, Outstanding: outstanding,
		Warmup: time.Duration(f.warmup), Duration: time.Duration(f.duration), Workers: max(len(b.loadCores), 1),
		KeepAlive: f.keepAlive, Seed: f.seed,
	}
}

// measure fills the trackers and lets them take turns, so that a machine that
// becomes slower does so for all of them.
func (b *trackerBench) measure(ctx context.Context) error {
	if err := b.app.emit(b.start()); err != nil {
		return err
	}
	for _, s := range b.subjects {
		if err := b.fill(ctx, s); err != nil {
			return err
		}
	}
	for rep := range b.flags.reps {
		for _, outstanding := range b.flags.outstanding {
			for _, s := range b.subjects {
				run, err := b.once(ctx, s, outstanding)
				if err != nil {
					return errors.Join(context.Cause(ctx), err, s.failure())
				}
				run.Rep = rep + 1
				if err := b.tell(run); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// failure returns why a server of ours has ended, if it has.
func (s subject) failure() error {
	if s.fails == nil {
		return nil
	}
	return s.fails()
}

// filled is the JSON line about a prefill.
type filled struct {
	MessageType string  `json:"message_type"` // prefill
	Tracker     string  `json:"tracker"`
	Announces   int64   `json:"announces"`
	Failed      int64   `json:"failed"` // lost, refused or not understood
	Seconds     float64 `json:"seconds"`
	Memory      *int64  `json:"memory_bytes"` // of all its processes, afterwards; null: not known
}

// fill announces every peer to a tracker once.
func (b *trackerBench) fill(ctx context.Context, s subject) error {
	if !b.flags.prefill {
		return nil
	}
	o := b.options(s, max(b.flags.outstanding[len(b.flags.outstanding)-1], udpOutstanding))
	o.Prefill, o.Workers = true, 1
	if b.flags.http {
		o.Outstanding = o.Clients
	}
	result, err := b.generate(ctx, o)
	if err != nil {
		return errors.Join(context.Cause(ctx), fmt.Errorf("%s: %w", s.name, err), s.failure())
	}
	sum, used := result.Sum(), s.used()
	line := filled{
		MessageType: "prefill", Tracker: s.name, Announces: sum.Sent[load.Announce], Seconds: result.Took.Seconds(),
		Failed: sum.Sent[load.Announce] - sum.Answered[load.Announce], Memory: memoryOf(used),
	}
	b.app.say("bench.tracker.filled", s.name, line.Announces, line.Failed, seconds(line.Seconds))
	return b.app.emit(line)
}

func (b *trackerBench) generate(ctx context.Context, o load.Options) (*load.Result, error) {
	if b.flags.http {
		return load.HTTP(ctx, o)
	}
	return load.UDP(ctx, o)
}

// used is what each process of a subject has used so far; an entry is nil if
// nobody knows.
func (s subject) used() []*lab.Usage {
	all := make([]*lab.Usage, len(s.usage))
	for i, usage := range s.usage {
		if u, ok := usage(); ok {
			all[i] = &u
		}
	}
	return all
}

// memoryOf adds up peaks of memory.
func memoryOf(all []*lab.Usage) *int64 {
	sum := int64(0)
	for _, u := range all {
		if u == nil {
			return nil
		}
		sum += u.Peak
	}
	return &sum
}

// once is one turn of a subject.
func (b *trackerBench) once(ctx context.Context, s subject, outstanding int) (trackerRun, error) {
	o := b.options(s, outstanding)
	var before, after []*lab.Usage
	var own time.Duration
	var watch sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	watch.Go(func() {
		if pause(ctx, o.Warmup) {
			before, own = s.used(), ownCPU()
		}
		if pause(ctx, o.Duration) {
			after, own = s.used(), ownCPU()-own
		}
	})
	var run trackerRun
	var err error
	if b.flags.wrk {
		run, err = b.wrk(ctx, s, o)
	} else {
		var result *load.Result
		if result, err = b.generate(ctx, o); err == nil {
			run = newTrackerRun(s, result)
		}
	}
	if err != nil {
		cancel()
	}
	watch.Wait()
	cancel()
	if err != nil {
		return run, err
	}
	run.MessageType, run.Tracker, run.Outstanding = "run", s.name, outstanding
	run.LoadCPU = own.Seconds()
	run.charge(before, after)
	return run, nil
}

// ownCPU is what this process has used so far, 0 if nobody knows.
func ownCPU() time.Duration {
	u, _ := lab.UsageOf(os.Getpid())
	return u.CPU
}

// pause waits, and reports whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tell keeps a run and prints a line about it.
func (b *trackerBench) tell(run trackerRun) error {
	b.runs[run.Tracker] = append(b.runs[run.Tracker], run)
	b.app.say("bench.tracker.run", run.Rep, run.Tracker, run.Outstanding, thousands(run.Rate), milliseconds(run.P50), milliseconds(run.P99),
		run.Errors, run.Malformed+run.Stray, run.Lost)
	return b.app.emit(run)
}

// thousands writes a rate of answers.
func thousands(rate float64) string {
	if rate < 10_000 {
		return fmt.Sprintf("%.0f", rate)
	}
	return fmt.Sprintf("%.1fk", rate/1000)
}

// milliseconds writes a latency.
func milliseconds(s float64) string {
	if s <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", s*1000)
}
