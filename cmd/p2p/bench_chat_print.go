package main

import (
	"fmt"
	"io"
	"os"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

var chatNames = map[string]string{
	chatDirect: "bench.chat.direct", chatRoom: "bench.chat.room", chatFlood: "bench.chat.throughput",
	chatCatchUp: "bench.chat.catch_up", chatSearch: "bench.chat.searching",
}

// chatMoments are the moments until which a message, or a search, is timed.
var chatMoments = map[string]string{
	"stored": "bench.chat.stored", "shown": "bench.chat.shown", "each": "bench.chat.each", "answered": "bench.chat.answered",
}

// chatRow is what the repetitions of one measurement come to: the median of each figure.
type chatRow struct {
	Measure      string       `json:"measure"`
	Of           string       `json:"of,omitempty"` // stored, shown (to the last), each or answered; empty for one that is no latency
	Transfer     bool         `json:"transfer"`
	TransferRate float64      `json:"transfer_rate,omitempty"`
	Messages     int          `json:"messages"`
	Times        *percentiles `json:"times,omitempty"` // seconds
	PerSecond    float64      `json:"messages_per_second,omitempty"`
	Seconds      float64      `json:"seconds,omitempty"`
	Goal         float64      `json:"goal_seconds,omitempty"` // of the 99th percentile, or of Seconds
}

// The goals, in seconds.
const (
	goalDirect  = .010
	goalRoom    = .025
	goalSearch  = .050
	goalCatchUp = 2
)

type chatSummary struct {
	MessageType string    `json:"message_type"` // summary
	Results     []chatRow `json:"results"`
	ExitCode    int       `json:"exit_code"`
}

// timed are the latencies that are told, in the order of the table.
var timed = []struct {
	measure, of string
	goal        float64
	times       func(*chatRun) *percentiles
}{
	{chatDirect, "stored", 0, func(r *chatRun) *percentiles { return r.Stored }},
	{chatDirect, "shown", goalDirect, func(r *chatRun) *percentiles { return r.Shown }},
	{chatRoom, "each", 0, func(r *chatRun) *percentiles { return r.Each }},
	{chatRoom, "shown", goalRoom, func(r *chatRun) *percentiles { return r.Shown }},
	{chatSearch, "answered", goalSearch, func(r *chatRun) *percentiles { return r.Answered }},
}

// rows sums up the repetitions.
func (b *chatBench) rows() (rows []chatRow) {
	for _, t := range timed {
		for _, transfer := range []bool{false, true} {
			runs := b.of(t.measure, transfer)
			if len(runs) == 0 {
				continue
			}
			rows = append(rows, chatRow{
				Measure: t.measure, Of: t.of, Transfer: transfer, Messages: runs[0].Messages, Goal: t.goal,
				TransferRate: chatMedian(runs, func(r *chatRun) float64 { return float64(r.TransferRate) }),
				Times:        medianTimes(runs, t.times),
			})
		}
	}
	for _, measure := range []string{chatFlood, chatCatchUp} {
		runs := b.of(measure, false)
		row := chatRow{
			Measure: measure, Messages: runs[0].Messages,
			PerSecond: chatMedian(runs, func(r *chatRun) float64 { return r.PerSecond }),
			Seconds:   chatMedian(runs, func(r *chatRun) float64 { return r.Seconds }),
		}
		if measure == chatCatchUp {
			row.Goal = goalCatchUp
		}
		rows = append(rows, row)
	}
	return rows
}

func (b *chatBench) of(measure string, transfer bool) (runs []chatRun) {
	for _, r := range b.runs {
		if r.Measure == measure && r.Transfer == transfer {
			runs = append(runs, r)
		}
	}
	return runs
}

func chatMedian(runs []chatRun, of func(*chatRun) float64) float64 {
	all := make([]float64, len(runs))
	for i := range runs {
		all[i] = of(&runs[i])
	}
	return bench.SpreadOf(all).Median
}

// medianTimes is the median of each percentile; the maximum is that of all repetitions.
func medianTimes(runs []chatRun, times func(*chatRun) *percentiles) *percentiles {
	p := &percentiles{
		P50: chatMedian(runs, func(r *chatRun) float64 { return times(r).P50 }),
		P90: chatMedian(runs, func(r *chatRun) float64 { return times(r).P90 }),
		P99: chatMedian(runs, func(r *chatRun) float64 { return times(r).P99 }),
	}
	for i := range runs {
		p.Max = max(p.Max, times(&runs[i]).Max)
	}
	for i := range curve {
		p.curve = append(p.curve, chatMedian(runs, func(r *chatRun) float64 { return times(r).curve[i] }))
	}
	return p
}

// conclude prints the outcome and writes the plots.
func (b *chatBench) conclude(dir, files string) error {
	rows := b.rows()
	charts := b.charts(rows)
	if b.flags.svg != "" {
		if err := os.WriteFile(b.flags.svg, []byte(bench.Stack(charts...)), 0o666); err != nil {
			return err
		}
	}
	if b.app.globals.json {
		return b.app.emit(chatSummary{"summary", rows, exitDone})
	}
	say := b.app.text.Say
	columns, _ := b.app.size()
	out := "\n" + b.subtitle() + "\n" + say("bench.chat.where", machine(), text.Printable(dir), text.Printable(files)) + "\n\n" +
		b.timesTable(rows).String() + "\n" + b.figuresTable(rows).String() + "\n" + say("bench.chat.notes") + "\n"
	for _, c := range charts {
		out += "\n" + c.Title + "\n" + c.Terminal(columns, plotRows)
	}
	_, err := io.WriteString(b.app.out, out)
	return err
}

func (b *chatBench) subtitle() string {
	f := b.flags
	return b.app.text.Say("bench.chat.subtitle", f.messages, f.rate, f.inRoom(), f.roomRate, b.app.text.Count("count.reps", f.reps))
}

// name says what a row is.
func (b *chatBench) name(r *chatRow) string {
	say := b.app.text.Say
	name := say(chatNames[r.Measure])
	if r.Measure == chatRoom {
		name = say("bench.chat.room_of", b.flags.members)
	}
	if r.Of != "" {
		name = say(chatMoments[r.Of], name)
	}
	if r.Transfer {
		name = say("bench.chat.with_transfer", name, units.FormatRate(int64(r.TransferRate)))
	}
	return name
}

func (b *chatBench) timesTable(rows []chatRow) bench.Table {
	say := b.app.text.Say
	t := bench.Table{Left: 1, Head: []string{
		say("bench.head.milliseconds"), say("bench.head.p50"), say("bench.head.p90"), say("bench.head.p99"), say("bench.head.max"), say("bench.head.goal"),
	}}
	for i := range rows {
		r := &rows[i]
		if r.Times == nil {
			continue
		}
		goal := ""
		if r.Goal > 0 {
			goal = fmt.Sprintf("p99 < %.0f", r.Goal*1000)
		}
		t.Rows = append(t.Rows, []string{
			b.name(r), milliseconds(r.Times.P50), milliseconds(r.Times.P90), milliseconds(r.Times.P99), milliseconds(r.Times.Max), goal,
		})
	}
	return t
}

func (b *chatBench) figuresTable(rows []chatRow) bench.Table {
	say := b.app.text.Say
	t := bench.Table{Left: 1, Head: []string{"", say("bench.head.messages"), say("bench.head.figure"), say("bench.head.goal")}}
	for i := range rows {
		r := &rows[i]
		switch r.Measure {
		case chatFlood:
			t.Rows = append(t.Rows, []string{b.name(r), fmt.Sprint(r.Messages), say("bench.chat.per_second", thousands(r.PerSecond)), ""})
		case chatCatchUp:
			t.Rows = append(t.Rows, []string{b.name(r), fmt.Sprint(r.Messages), say("bench.chat.seconds", seconds(r.Seconds)), say("bench.chat.less", goalCatchUp)})
		}
	}
	return t
}

// charts draws the latencies by percentile: of two people, and of a room.
func (b *chatBench) charts(rows []chatRow) []bench.Chart {
	say := b.app.text.Say
	var charts []bench.Chart
	for _, measure := range []string{chatDirect, chatRoom} {
		c := bench.Chart{Subtitle: b.subtitle(), XLabel: say("bench.axis.percentile"), YLabel: say("bench.axis.milliseconds")}
		for i := range rows {
			r := &rows[i]
			if r.Measure != measure || r.Of != "shown" {
				continue
			}
			if !r.Transfer {
				c.Title = b.name(r)
			}
			s := bench.Series{Name: say("bench.chat.idle")}
			if r.Transfer {
				s.Name = say("bench.chat.busy", units.FormatRate(int64(r.TransferRate)))
			}
			for j, v := range r.Times.curve {
				s.Points = append(s.Points, bench.Point{X: curve[j], Y: v * 1000})
			}
			c.Series = append(c.Series, s)
		}
		charts = append(charts, c)
	}
	return charts
}
