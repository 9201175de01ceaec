package main

import (
	"fmt"
	"io"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

// plotRows is the height of the plot on a terminal.
const plotRows = 16

// print writes the table and the plot of a comparison on stdout.
func (b *comparison) print(rows []compareRow, chart bench.Chart, place string) error {
	say := b.app.text.Say
	t := bench.Table{Left: 2, Head: []string{
		"N", say("bench.head.way"), say("bench.head.first"), say("bench.head.median"), say("bench.head.last"),
		say("bench.head.rate_all"), say("bench.head.sent"), say("bench.head.factor"),
	}}
	for _, row := range rows {
		for _, r := range []compareRun{row.Web, row.Swarm} {
			cells := []string{
				"", say(wayNames[r.Way]), seconds(r.First), seconds(r.Median), seconds(r.Last),
				units.FormatRate(r.Rate), known(r.Sent),
			}
			if r.Way == row.Web.Way {
				cells[0] = fmt.Sprint(row.Clients)
			} else {
				cells = append(cells, times(row.Faster))
			}
			t.Rows = append(t.Rows, cells)
		}
	}
	columns, _ := b.app.size()
	out := "\n" + chart.Title + "\n" + chart.Subtitle + "\n" + say("bench.where", machine(), text.Printable(place)) + "\n\n" +
		t.String() + "\n" + chart.Terminal(columns, plotRows)
	_, err := io.WriteString(b.app.out, out)
	return err
}

// chart draws when the last client was done, from the first on, and what theory
// says about it. With u the limit of a sender and F the size, a server needs
// N F/u; a swarm in which all send needs at least F/u, for the seeder has to
// send every piece once.
func (b *comparison) chart(rows []compareRow) bench.Chart {
	say := b.app.text.Say
	ideal := float64(b.flags.size) / float64(b.flags.up)
	var web, swarm, webIdeal, swarmIdeal []bench.Point
	for _, r := range rows {
		n := float64(r.Clients)
		web = append(web, bench.Point{X: n, Y: r.Web.Last, Low: r.Web.First, High: r.Web.Last})
		swarm = append(swarm, bench.Point{X: n, Y: r.Swarm.Last, Low: r.Swarm.First, High: r.Swarm.Last})
		webIdeal = append(webIdeal, bench.Point{X: n, Y: n * ideal})
		swarmIdeal = append(swarmIdeal, bench.Point{X: n, Y: ideal})
	}
	return bench.Chart{
		Title:    say("bench.compare.title"),
		Subtitle: say("bench.compare.subtitle", units.FormatBytes(int64(b.flags.size)), units.FormatRate(int64(b.flags.up)), b.app.text.Count("count.reps", b.flags.reps)),
		XLabel:   say("bench.axis.clients"),
		YLabel:   say("bench.axis.seconds"),
		Series: []bench.Series{
			{Name: say(wayNames[lab.Web]), Points: web},
			{Name: say("bench.theory.http"), Points: webIdeal, Theory: true},
			{Name: say(wayNames[lab.P2P]), Points: swarm},
			{Name: say("bench.theory.p2p"), Points: swarmIdeal, Theory: true},
		},
	}
}
