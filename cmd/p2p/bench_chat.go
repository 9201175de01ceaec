package main

import (
	"context"
	"errors"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/talk"
	"p2p/cmd/p2p/units"
)

// Bounds of bench chat.
const (
	maxChatMessages    = 1_000_000
	maxChatMembers     = 50
	maxChatOutstanding = 1024
	maxChatRate        = 10_000
	searches           = 600
)

type benchChatFlags struct {
	messages, members, outstanding, missed, search, reps int
	rate, roomRate                                       float64
	size                                                 units.Size
	line                                                 units.Rate
	dir, svg                                             string
}

func (a *app) benchChatCommand() *cobra.Command {
	say := a.text.Say
	f := benchChatFlags{messages: 2000, rate: 50, members: 10, roomRate: 10, outstanding: 64, missed: 10_000, size: 1 << 30, line: 125_000_000, reps: 1}
	cmd := &cobra.Command{
		Use: "chat", Short: say("bench.chat.short"), Long: say("bench.chat.long"), Example: say("bench.chat.examples"), Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.benchChat(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.messages, "messages", f.messages, say("bench.chat.messages"))
	flags.Float64Var(&f.rate, "rate", f.rate, say("bench.chat.rate"))
	flags.IntVar(&f.members, "members", f.members, say("bench.chat.members"))
	flags.Float64Var(&f.roomRate, "room-rate", f.roomRate, say("bench.chat.room_rate"))
	flags.Var(&f.size, "size", say("bench.chat.size"))
	flags.Var(&f.line, "line", say("bench.chat.line"))
	flags.IntVar(&f.outstanding, "outstanding", f.outstanding, say("bench.chat.outstanding"))
	flags.IntVar(&f.missed, "missed", f.missed, say("bench.chat.missed"))
	flags.IntVar(&f.search, "search", 0, say("bench.chat.search"))
	flags.IntVar(&f.reps, "reps", f.reps, say("bench.reps"))
	flags.StringVar(&f.dir, "dir", "", say("bench.chat.dir"))
	flags.StringVar(&f.svg, "svg", "", say("bench.svg"))
	return cmd
}

func (f *benchChatFlags) check(a *app) error {
	err := errors.Join(
		a.between("messages", f.messages, maxChatMessages), a.between("missed", f.missed, maxChatMessages),
		a.between("outstanding", f.outstanding, maxChatOutstanding), a.between("reps", f.reps, maxBenchReps),
	)
	switch {
	case err != nil:
		return err
	case f.members < 3 || f.members > maxChatMembers:
		return a.usage("usage.bench_chat_members", maxChatMembers)
	case f.search < 0 || f.search > 10*maxChatMessages:
		return a.usage("usage.bench_chat_search", 10*maxChatMessages)
	case !(f.rate > 0 && f.rate <= maxChatRate):
		return a.usage("usage.bench_chat_rate", "rate", maxChatRate)
	case !(f.roomRate > 0 && f.roomRate <= maxChatRate):
		return a.usage("usage.bench_chat_rate", "room-rate", maxChatRate)
	case f.size <= 0:
		return a.usage("usage.demo_size")
	}
	return nil
}

// inRoom is how many messages the room is sent: it takes as long as those between two.
func (f *benchChatFlags) inRoom() int {
	return int(min(max(1, float64(f.messages)*f.roomRate/f.rate), maxChatMessages))
}

// The measurements of bench chat, and their keys in the catalogue.
const (
	chatDirect  = "direct"
	chatRoom    = "room"
	chatFlood   = "throughput"
	chatCatchUp = "catch_up"
	chatSearch  = "search"
)

// chatStart is the first JSON line.
type chatStart struct {
	MessageType string  `json:"message_type"` // start
	Schema      int     `json:"schema"`
	Version     string  `json:"version"`
	Command     string  `json:"command"`
	Messages    int     `json:"messages"`
	Rate        float64 `json:"rate"` // messages a second
	RoomRate    float64 `json:"room_rate"`
	Members     int     `json:"members"`
	SizeBytes   int64   `json:"size_bytes"`
	Line        int64   `json:"line"` // bytes a second for transfers; 0 = no limit
	Outstanding int     `json:"outstanding"`
	Missed      int     `json:"missed"`
	Search      int     `json:"search"`
	Reps        int     `json:"reps"`
	Dir         string  `json:"dir"`
	Files       string  `json:"files"` // where transfers are written
	CPUs        int     `json:"cpus"`
	OS          string  `json:"os"`
	Arch        string  `json:"arch"`
	Go          string  `json:"go"`
}

// chatRun is one measurement, as a JSON line. What it does not measure is left out.
type chatRun struct {
	MessageType  string       `json:"message_type"` // run
	Rep          int          `json:"rep"`
	Measure      string       `json:"measure"`
	Transfer     bool         `json:"transfer"`                // a file was on its way all the time
	TransferRate int64        `json:"transfer_rate,omitempty"` // bytes a second
	Messages     int          `json:"messages"`
	Stored       *percentiles `json:"stored,omitempty"` // until Send has returned
	Shown        *percentiles `json:"shown,omitempty"`  // to the last of the others
	Each         *percentiles `json:"each,omitempty"`   // to each of the others
	PerSecond    float64      `json:"messages_per_second,omitempty"`
	Seconds      float64      `json:"seconds,omitempty"`
	Answered     *percentiles `json:"answered,omitempty"` // searches
	Found        int          `json:"found,omitempty"`
}

// percentiles are what is told of many times, in seconds.
type percentiles struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
	curve []float64
}

func percentilesOf(times []float64) *percentiles {
	p := &percentiles{
		P50: bench.Percentile(times, 50), P90: bench.Percentile(times, 90), P99: bench.Percentile(times, 99), Max: bench.Percentile(times, 100),
	}
	for _, x := range curve {
		p.curve = append(p.curve, bench.Percentile(times, x))
	}
	return p
}

// chatBench is one use of bench chat.
type chatBench struct {
	app   *app
	flags benchChatFlags
	runs  []chatRun
}

func (a *app) benchChat(ctx context.Context, f benchChatFlags) error {
	if err := f.check(a); err != nil {
		return err
	}
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	files, err := a.benchPlace(f.dir, 2*int64(f.size)+64<<20)
	if err != nil {
		return err
	}
	dir := f.dir
	if dir == "" {
		dir = os.TempDir() // on a disk: waiting for it is part of what is measured
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = a.emit(chatStart{
		"start", schema, version, "bench chat", f.messages, f.rate, f.roomRate, f.members, int64(f.size), int64(f.line), f.outstanding, f.missed, f.search, f.reps,
		dir, files, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(),
	})
	if err != nil {
		return err
	}
	b := &chatBench{app: a, flags: f}
	o := talk.Options{Self: self, Dir: dir, Files: files, People: 2, Line: int64(f.line)}
	err = b.with(ctx, o, b.two)
	if o.People = f.members; err == nil {
		err = b.with(ctx, o, b.many)
	}
	if err != nil {
		return stopCause(ctx, err)
	}
	return b.conclude(dir, files)
}

// with has people do something.
func (b *chatBench) with(ctx context.Context, o talk.Options, do func(context.Context, *talk.Crowd) error) (err error) {
	b.app.say("bench.chat.gather", o.People)
	c, err := talk.Gather(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return do(ctx, c)
}

// two measures what two people do.
func (b *chatBench) two(ctx context.Context, c *talk.Crowd) error {
	at := c.Direct()
	for rep := range b.flags.reps {
		if err := b.latency(ctx, c, chatRun{Rep: rep + 1, Measure: chatDirect, Messages: b.flags.messages}, at, b.flags.rate); err != nil {
			return err
		}
		t, err := c.Flood(ctx, at, b.flags.missed, b.flags.outstanding)
		if err != nil {
			return err
		}
		err = b.add(chatRun{
			Rep: rep + 1, Measure: chatFlood, Messages: b.flags.missed,
			PerSecond: float64(b.flags.missed) / t.Took, Stored: percentilesOf(t.Stored), Shown: percentilesOf(t.Last),
		})
		if err != nil {
			return err
		}
		took, err := c.CatchUp(ctx, b.flags.missed, b.flags.outstanding)
		if err != nil {
			return err
		}
		if err := b.add(chatRun{Rep: rep + 1, Measure: chatCatchUp, Messages: b.flags.missed, Seconds: took.Seconds()}); err != nil {
			return err
		}
	}
	return b.search(ctx, c)
}

// search measures searches, once: what makes it long is that the history is written.
func (b *chatBench) search(ctx context.Context, c *talk.Crowd) error {
	n := b.flags.search
	if n == 0 {
		return nil
	}
	s, err := c.Search(ctx, n, searches, func(written int) {
		if written%max(n/20/1000*1000, 1000) == 0 {
			b.app.say("bench.chat.written", written, n)
		}
	})
	if err != nil {
		return err
	}
	return b.add(chatRun{Rep: 1, Measure: chatSearch, Messages: n, Answered: percentilesOf(s.Times), Found: s.Found, PerSecond: float64(n) / s.Filled})
}

// many measures what a room of many people does.
func (b *chatBench) many(ctx context.Context, c *talk.Crowd) error {
	at, err := c.Room(ctx)
	if err != nil {
		return err
	}
	for rep := range b.flags.reps {
		if err := b.latency(ctx, c, chatRun{Rep: rep + 1, Measure: chatRoom, Messages: b.flags.inRoom()}, at, b.flags.roomRate); err != nil {
			return err
		}
	}
	return nil
}

// latency measures how soon messages are shown, first with nothing else going on, then with a transfer.
func (b *chatBench) latency(ctx context.Context, c *talk.Crowd, run chatRun, at talk.Place, rate float64) error {
	t, err := c.Paced(ctx, at, run.Messages, rate)
	if err != nil {
		return err
	}
	if err := b.add(run.with(t)); err != nil {
		return err
	}
	transfer, err := c.Transfer(ctx, at, int64(b.flags.size))
	if err != nil {
		return err
	}
	t, err = c.Paced(ctx, at, run.Messages, rate)
	run.Transfer, run.TransferRate = true, int64(transfer.Rate())
	if err = errors.Join(transfer.Stop(), err); err != nil {
		return err
	}
	return b.add(run.with(t))
}

func (r chatRun) with(t talk.Times) chatRun {
	r.Stored, r.Shown, r.Each = percentilesOf(t.Stored), percentilesOf(t.Last), percentilesOf(t.Each)
	return r
}

// add notes a run and tells of it.
func (b *chatBench) add(r chatRun) error {
	r.MessageType = "run"
	b.runs = append(b.runs, r)
	what := b.app.text.Say(chatNames[r.Measure])
	if r.Transfer {
		what = b.app.text.Say("bench.chat.with_transfer", what, units.FormatRate(r.TransferRate))
	}
	p := r.Shown
	if r.Answered != nil {
		p = r.Answered
	}
	switch {
	case r.Measure == chatCatchUp:
		b.app.say("bench.chat.run_seconds", r.Rep, what, seconds(r.Seconds))
	case r.Measure == chatFlood:
		b.app.say("bench.chat.run_rate", r.Rep, what, thousands(r.PerSecond))
	default:
		b.app.say("bench.chat.run", r.Rep, what, milliseconds(p.P50), milliseconds(p.P99), milliseconds(p.Max))
	}
	return b.app.emit(r)
}
