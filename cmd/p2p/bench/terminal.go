package bench

import (
	"math"
	"strings"

	"p2p/cmd/p2p/progress"
)

// Bounds of a chart on a terminal, in cells.
const (
	minColumns, maxColumns = 30, 100
	minRows                = 6
)

// marks are drawn at the points of the measured series.
var marks = []rune("●◆")

// Terminal returns the chart for a terminal of cols columns, with rows lines for
// the plot itself. Lines are drawn in braille dots, eight to a cell; a theory is
// dotted. No line is longer than cols-1 cells, as long as cols is at least 30.
func (c Chart) Terminal(cols, rows int) string {
	cols, rows = min(max(cols, minColumns), maxColumns), max(rows, minRows)
	xMax, yMax := c.extent()
	steps := ticks(yMax, max(rows/3, 2))
	yMax = steps[len(steps)-1]
	gutter := 0
	for _, v := range steps {
		gutter = max(gutter, len(label(v)))
	}
	k := newCanvas(cols-gutter-3, rows)
	for i, s := range c.Series {
		if s.Theory {
			k.plot(c, i, xMax, yMax)
		}
	}
	for i, s := range c.Series {
		if !s.Theory {
			k.plot(c, i, xMax, yMax)
		}
	}
	var b strings.Builder
	b.WriteString(progress.Pad("", gutter+2) + progress.Shorten(c.YLabel, k.width) + "\n")
	labels := map[int]string{}
	for _, v := range steps {
		labels[int(math.Round((1-v/yMax)*float64(rows-1)))] = label(v)
	}
	for r := range rows {
		axis := "│"
		if labels[r] != "" {
			axis = "┤"
		}
		line := progress.PadLeft(labels[r], gutter) + " " + axis + k.row(r)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	c.axisBelow(&b, gutter, k.width, xMax)
	c.legendBelow(&b, gutter, k.width)
	return b.String()
}

// axisBelow draws the horizontal axis with a mark at every place, and a label at
// those that leave room for one.
func (c Chart) axisBelow(b *strings.Builder, gutter, width int, xMax float64) {
	axis, labels := []rune(strings.Repeat("─", width)), []rune(strings.Repeat(" ", gutter+2+width))
	free := 0
	for _, v := range c.places() {
		at := cellOf(v/xMax, width)
		axis[at] = '┴'
		text := []rune(label(v))
		from := min(gutter+2+at-(len(text)-1)/2, len(labels)-len(text))
		if from < free {
			continue
		}
		copy(labels[from:], text)
		free = from + len(text) + 1
	}
	b.WriteString(progress.Pad("", gutter) + " └" + string(axis) + "\n")
	b.WriteString(strings.TrimRight(string(labels), " ") + "\n")
	name := progress.Shorten(c.XLabel, width)
	b.WriteString(progress.Pad("", gutter+2+(width-progress.Width(name))/2) + name + "\n")
}

func (c Chart) legendBelow(b *strings.Builder, gutter, width int) {
	b.WriteString("\n")
	for i, s := range c.Series {
		key := "┈┈┈"
		if !s.Theory {
			key = "─" + string(marks[c.colour(i)%len(marks)]) + "─"
		}
		b.WriteString(progress.Pad("", gutter+2) + key + " " + progress.Shorten(s.Name, width-4) + "\n")
	}
}

// cellOf returns the cell of width that a fraction of the whole falls into.
func cellOf(fraction float64, width int) int {
	return min(max(int(math.Round(fraction*float64(width*2-1)))/2, 0), width-1)
}

// canvas is a field of braille cells, two dots wide and four high.
type canvas struct {
	width, height int
	dots          []uint8
	over          []rune // drawn in place of the dots; 0 for none
}

func newCanvas(width, height int) *canvas {
	return &canvas{width, height, make([]uint8, width*height), make([]rune, width*height)}
}

// brailleBit has the bit of each dot in U+2800..U+28FF, by row and column.
var brailleBit = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (k *canvas) dot(x, y int) {
	if x < 0 || y < 0 || x >= k.width*2 || y >= k.height*4 {
		return
	}
	k.dots[y/4*k.width+x/2] |= brailleBit[y%4][x%2]
}

// plot draws series i.
func (k *canvas) plot(c Chart, i int, xMax, yMax float64) {
	s := c.Series[i]
	at := func(p Point) (x, y float64) {
		return p.X / xMax * float64(k.width*2-1), (1 - p.Y/yMax) * float64(k.height*4-1)
	}
	for j, p := range s.Points {
		x, y := at(p)
		if j > 0 {
			fromX, fromY := at(s.Points[j-1])
			k.segment(fromX, fromY, x, y, s.Theory)
		}
		if !s.Theory {
			cell := min(max(int(math.Round(y))/4, 0), k.height-1)*k.width + cellOf(p.X/xMax, k.width)
			k.over[cell] = marks[c.colour(i)%len(marks)]
		}
	}
}

// segment draws a straight line, or every fourth dot of it.
func (k *canvas) segment(x0, y0, x1, y1 float64, dotted bool) {
	steps := int(math.Ceil(max(math.Abs(x1-x0), math.Abs(y1-y0), 1)))
	for n := range steps + 1 {
		f := float64(n) / float64(steps)
		x, y := int(math.Round(x0+f*(x1-x0))), int(math.Round(y0+f*(y1-y0)))
		if !dotted || x%4 == 0 {
			k.dot(x, y)
		}
	}
}

func (k *canvas) row(r int) string {
	var b strings.Builder
	for i := r * k.width; i < (r+1)*k.width; i++ {
		switch {
		case k.over[i] != 0:
			b.WriteRune(k.over[i])
		case k.dots[i] != 0:
			b.WriteRune(0x2800 + rune(k.dots[i]))
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}
