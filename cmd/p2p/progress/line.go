package progress

import (
	"fmt"
	"math"
	"strings"
	"time"

	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

// field is one part of a line, as variants from the longest to the shortest;
// an empty variant leaves the part out.
type field []string

// The order in which a line that is too long gives up parts: the index of a
// field, each time moving it on to its next variant.
var shrinkOrder = []int{peersField, limitField, sizeField, rateField, peersField, timeField, timeField, rateField, stateField}

const (
	stateField = iota
	sizeField
	barField // filled in last, from what is left
	rateField
	limitField
	peersField
	timeField
	fields
)

const (
	minName = 8  // cells; a name that is shorter stays whole
	minBar  = 8  // cells with its two edges; a shorter one says nothing
	maxBar  = 26 // cells with its two edges
)

// Line returns s as one line of at most cols-1 cells, because a full last
// column makes some terminals wrap. Colour codes take no cells.
func (y Style) Line(s Snapshot, cols int) string {
	width := max(cols-1, 0)
	parts := y.parts(s)
	name := text.Printable(s.Name)
	narrow := min(Width(name), max(minName, width/6))
	for _, i := range shrinkOrder {
		if narrow+joinedWidth(parts) <= width {
			break
		}
		if len(parts[i]) > 1 {
			parts[i] = parts[i][1:]
		}
	}
	left := width - joinedWidth(parts)
	bar := 0
	if s.State != Seeding {
		bar = min(maxBar, left-2-min(Width(name), max(minName, width/3)))
	}
	if bar >= minBar {
		parts[barField] = field{y.bar(s.stage(), bar)}
		left -= bar + 2
	}
	return clipColoured(y.join(Shorten(name, max(left, 0)), parts), width)
}

func (y Style) parts(s Snapshot) [fields]field {
	t := y.Text
	var p [fields]field
	p[barField] = field{""}
	switch s.State {
	case Downloading:
		percent := fmt.Sprintf("%.1f%%", math.Floor(s.Fraction()*1000)/10)
		p[stateField] = field{t.Say("progress.downloading", percent), percent}
		p[sizeField] = field{units.FormatOf(s.Done, s.Total), ""}
		p[rateField] = field{units.FormatRates(s.Down, s.Up), "↓" + units.FormatRate(s.Down), ""}
		p[limitField] = limits(s.DownLimit, s.UpLimit)
		peers := t.Count("progress.peers", s.Peers)
		p[peersField] = field{t.Say("progress.aside", peers, t.Count("progress.seeds", s.Seeds)), peers, ""}
		if left, ok := s.Remaining(); ok {
			short := units.FormatDuration(left, Words(t))
			p[timeField] = field{t.Say("progress.eta", short), short, ""}
		}
	case Looking, Finishing:
		key := map[State]string{Looking: "progress.looking", Finishing: "progress.finishing"}[s.State]
		p[stateField] = field{t.Count(key, s.Files, s.FilesDone), fmt.Sprintf("%d/%d", s.FilesDone, s.Files)}
	case Seeding:
		p[stateField] = field{t.Say("progress.seeding"), ""}
		p[sizeField] = field{t.Say("progress.ratio", s.Ratio()), ""}
		p[rateField] = field{"↑" + units.FormatRate(s.Up)}
		p[limitField] = limits(0, s.UpLimit)
		p[peersField] = field{t.Count("progress.of_peers", s.Peers, s.Receiving), t.Count("progress.peers", s.Peers), ""}
		p[timeField] = field{t.Say("progress.up", units.FormatDuration(s.Elapsed, Words(t))), ""}
		if s.Torrents != nil {
			p[sizeField] = y.many(*s.Torrents)
		}
	default:
		percent := fmt.Sprintf("%.0f%%", math.Floor(s.Fraction()*100))
		key := map[State]string{Hashing: "progress.hashing", Checking: "progress.checking", Rewriting: "progress.rewriting"}[s.State]
		p[stateField] = field{t.Say(key, percent), percent}
		p[sizeField] = field{units.FormatOf(s.Done, s.Total), ""}
		p[rateField] = field{units.FormatRate(s.hashRate()), ""}
		if left, ok := s.Remaining(); ok {
			p[timeField] = field{t.Say("progress.eta", units.FormatDuration(left, Words(t))), ""}
		}
	}
	return p
}

// limits says how fast it may become.
func limits(down, up int64) field {
	switch {
	case down > 0 && up > 0:
		return field{"≤" + units.FormatRates(down, up), ""}
	case down > 0:
		return field{"≤↓" + units.FormatRate(down), ""}
	case up > 0:
		return field{"≤↑" + units.FormatRate(up), ""}
	}
	return field{""}
}

// many says how many torrents are active, and what is wrong with others.
func (y Style) many(n Torrents) field {
	t := y.Text
	short := t.Say("progress.active", n.Active)
	long := short
	if n.Checking > 0 {
		long += t.Say("progress.to_check", n.Checking, fmt.Sprintf("%d%%", n.Checked))
	}
	if n.Failed > 0 {
		long += t.Say("progress.failed", n.Failed)
	}
	return field{long, short, ""}
}

// joinedWidth returns the cells of the parts with a gap of two before each.
func joinedWidth(parts [fields]field) int {
	n := 0
	for _, f := range parts {
		if len(f) > 0 && f[0] != "" {
			n += Width(f[0]) + 2
		}
	}
	return n
}

func (y Style) join(name string, parts [fields]field) string {
	var b strings.Builder
	b.WriteString(y.paint(bold, name))
	gap := "  "
	if name == "" {
		gap = ""
	}
	for i, f := range parts {
		if len(f) == 0 || f[0] == "" {
			continue
		}
		b.WriteString(gap)
		gap = "  "
		if i == barField {
			b.WriteString(y.paint(cyan, f[0]))
			gap = " " // the bar ends in a blank of its own
			continue
		}
		b.WriteString(f[0])
	}
	return b.String()
}

// bar draws a fraction in eighths of a cell between two thin edges.
func (y Style) bar(fraction float64, width int) string {
	inner := width - 2
	eighths := int(fraction * float64(inner*8))
	var b strings.Builder
	b.WriteString("▕")
	b.WriteString(strings.Repeat("█", eighths/8))
	full := eighths / 8
	if rest := eighths % 8; rest > 0 {
		b.WriteString(string([]rune("▏▎▍▌▋▊▉")[rest-1]))
		full++
	}
	b.WriteString(strings.Repeat(" ", inner-full))
	b.WriteString("▏")
	return b.String()
}

// Words returns the units of time in the language of t.
func Words(t *text.Catalogue) units.Words {
	w := units.Words{Day: t.Say("unit.day"), Hour: t.Say("unit.hour"), Minute: t.Say("unit.minute"), Second: t.Say("unit.second")}
	if t.Lang() == "zh" { // as in all its sentences
		w.Gap = " "
	}
	return w
}

// Plain returns s as a line for a log file. Its form is the same in every
// language, so that it can be searched.
func (y Style) Plain(s Snapshot, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", now.Format("15:04:05"), s.Verb, text.Printable(s.Name))
	switch s.State {
	case Seeding:
		if n := s.Torrents; n != nil {
			fmt.Fprintf(&b, " seeding torrents=%d active=%d checking=%d failed=%d up=%s peers=%d sent=%s",
				n.Shared, n.Active, n.Checking, n.Failed, packed(s.Up)+"/s", s.Peers, packed(s.Uploaded))
			return b.String() + plainLimits(s)
		}
		fmt.Fprintf(&b, " seeding ratio=%.2f up=%s peers=%d", s.Ratio(), packed(s.Up)+"/s", s.Peers)
		return b.String() + plainLimits(s)
	case Looking, Finishing:
		fmt.Fprintf(&b, " %s files=%d/%d", s.State, s.FilesDone, s.Files)
		return b.String()
	case Downloading:
		fmt.Fprintf(&b, " %.1f%%", math.Floor(s.Fraction()*1000)/10)
	default:
		fmt.Fprintf(&b, " %s %.0f%%", s.State, math.Floor(s.Fraction()*100))
	}
	fmt.Fprintf(&b, " %s/%s", packed(s.Done), packed(s.Total))
	if s.State == Downloading {
		fmt.Fprintf(&b, " down=%s/s up=%s/s peers=%d", packed(s.Down), packed(s.Up), s.Peers)
	}
	b.WriteString(plainLimits(s))
	if left, ok := s.Remaining(); ok {
		fmt.Fprintf(&b, " eta=%s", units.FormatDuration(left, units.English))
	}
	return b.String()
}

// plainLimits returns the limits that there are.
func plainLimits(s Snapshot) (all string) {
	if s.DownLimit > 0 {
		all = " down-limit=" + packed(s.DownLimit) + "/s"
	}
	if s.UpLimit > 0 {
		all += " up-limit=" + packed(s.UpLimit) + "/s"
	}
	return all
}

func packed(n int64) string { return strings.ReplaceAll(units.FormatBytes(n), " ", "") }
