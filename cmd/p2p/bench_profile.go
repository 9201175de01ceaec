package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

type benchProfileFlags struct {
	benchFlags
	seeds int
	save  string
}

func (a *app) benchProfileCommand() *cobra.Command {
	f := benchProfileFlags{benchFlags: benchFlags{size: 1 << 30, pieceLength: 1 << 20, reps: 5}}
	cmd := &cobra.Command{
		Use:     "profile",
		Short:   a.text.Say("bench.profile.short"),
		Long:    a.text.Say("bench.profile.long"),
		Example: a.text.Say("bench.profile.examples"),
		Args:    a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.checkProfile(a); err != nil {
				return err
			}
			return a.benchProfile(cmd.Context(), f)
		},
	}
	cmd.Flags().IntVar(&f.seeds, "seeds", 1, a.text.Say("demo.seeders"))
	cmd.Flags().StringVar(&f.save, "save", "", a.text.Say("bench.profile.save"))
	f.add(cmd, a)
	return cmd
}

func (f *benchProfileFlags) checkProfile(a *app) error {
	if err := cmp.Or(f.check(a), a.between("seeds", f.seeds, maxBenchPeers)); err != nil || f.save == "" {
		return err
	}
	return mayWriteInto(f.save)
}

// profileSummary is the last JSON line of bench profile; the profiles are before it.
type profileSummary struct {
	MessageType string `json:"message_type"` // summary
	ExitCode    int    `json:"exit_code"`
}

// roleProfile is where the time of a GiB went, as the JSON line of a role.
type roleProfile struct {
	MessageType string             `json:"message_type"` // profile
	Role        string             `json:"role"`         // get or seed
	Millis      map[string]float64 `json:"cpu_ms_per_gib"`
	Total       float64            `json:"total_cpu_ms_per_gib"`
}

// hotPaths sums the profiles of several runs up, by role and kind.
type hotPaths struct {
	get, seed map[bench.Kind]time.Duration
	bytes     int64
	unsaved   error // why a profile was not kept; it counts all the same
}

// benchProfile makes runs with CPU profiles and says what a GiB costs, and where.
func (a *app) benchProfile(ctx context.Context, f benchProfileFlags) (err error) {
	ctx, release, abort := a.interruptible(ctx)
	defer release()
	l, place, err := a.openLab(ctx, f.benchFlags, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	start := f.start("bench profile", place, l)
	start.Seeds, start.Leeches = f.seeds, 1
	if err := a.emit(start); err != nil {
		return err
	}
	meter := &benchMeter{begin: time.Now(), total: int64(f.reps) * int64(f.size)}
	stop := a.watchBench(meter.snapshot, abort)
	sums := hotPaths{map[bench.Kind]time.Duration{}, map[bench.Kind]time.Duration{}, 0, nil}
	for rep := range f.reps {
		meter.next(fmt.Sprintf("%d/%d", rep+1, f.reps), f.seeds, 1)
		_, err = l.Run(ctx, lab.Swarm{
			Client: lab.P2P, Seeds: f.seeds, Leeches: 1, Limit: limitFor(int64(f.size)), Profile: true, Progress: meter.add,
		})
		if err = errors.Join(err, sums.collect(l, f)); err != nil {
			break
		}
		meter.finish(int64(f.size))
	}
	stop()
	if err != nil {
		return stopCause(ctx, err)
	}
	return a.concludeProfile(sums, f, place)
}

// collect adds the profiles of the last run, and keeps them if they are wanted.
func (h *hotPaths) collect(l *lab.Lab, f benchProfileFlags) error {
	gets, seeds, err := l.Profiles()
	if err != nil {
		return err
	}
	h.bytes += int64(f.size)
	for sum, names := range map[*map[bench.Kind]time.Duration][]string{&h.get: gets, &h.seed: seeds} {
		for _, name := range names {
			if err := addProfile(*sum, name); err != nil {
				return err
			}
			h.unsaved = cmp.Or(h.unsaved, keepProfile(name, f.save))
		}
	}
	return nil
}

func addProfile(sum map[bench.Kind]time.Duration, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	parts, err := bench.HotPath(file)
	if err != nil {
		return err
	}
	for _, p := range parts {
		sum[p.Kind] += p.Time
	}
	return nil
}

// keepProfile copies a profile to the folder save, if there is to be one.
func keepProfile(name, save string) error {
	if save == "" {
		return nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(save, filepath.Base(name)), b, 0o644)
}

// perGiB turns a sum into milliseconds for each GiB.
func (h *hotPaths) perGiB(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond) / (float64(h.bytes) / (1 << 30))
}

func (h *hotPaths) parts(role string, sums map[bench.Kind]time.Duration) roleProfile {
	p := roleProfile{MessageType: "profile", Role: role, Millis: map[string]float64{}}
	for kind, d := range sums {
		p.Millis[string(kind)] = h.perGiB(d)
		p.Total += h.perGiB(d)
	}
	return p
}

func (a *app) concludeProfile(h hotPaths, f benchProfileFlags, place string) error {
	get, seed := h.parts("get", h.get), h.parts("seed", h.seed)
	if a.globals.json {
		code, _ := diagnose(h.unsaved)
		return cmp.Or(a.emit(get), a.emit(seed), a.emit(profileSummary{"summary", code}), h.unsaved)
	}
	say := a.text.Say
	t := bench.Table{Left: 1, Head: []string{say("bench.profile.what"), say("bench.profile.get"), "%", say("bench.profile.seed"), "%"}}
	row := func(name string, get, seed, ofGet, ofSeed float64) {
		t.Rows = append(t.Rows, []string{name, fmt.Sprintf("%.0f", get), percent(get, ofGet), fmt.Sprintf("%.0f", seed), percent(seed, ofSeed)})
	}
	for _, kind := range bench.Kinds {
		row(say(kindNames[kind]), get.Millis[string(kind)], seed.Millis[string(kind)], get.Total, seed.Total)
	}
	row(say("bench.profile.total"), get.Total, seed.Total, get.Total, seed.Total)
	out := "\n" + say("bench.profile.title", units.FormatBytes(int64(f.size)), a.text.Count("count.reps", f.reps)) + "\n" +
		say("bench.where", machine(), text.Printable(place)) + "\n\n" + t.String() + "\n" + say("bench.profile.notes") + "\n"
	_, err := io.WriteString(a.out, out)
	return cmp.Or(err, h.unsaved)
}

// kindNames are the keys of what the kinds are called in the table.
var kindNames = map[bench.Kind]string{
	bench.ReadFile: "bench.profile.read", bench.Send: "bench.profile.send", bench.Receive: "bench.profile.receive",
	bench.Hash: "bench.profile.hash", bench.WriteFile: "bench.profile.write", bench.Frame: "bench.profile.frame",
	bench.Decide: "bench.profile.decide", bench.Schedule: "bench.profile.schedule", bench.Collect: "bench.profile.collect",
	bench.Other: "bench.profile.other",
}

// percent writes a part of a whole in per cent.
func percent(part, whole float64) string {
	if whole <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*part/whole)
}
