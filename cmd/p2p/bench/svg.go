package bench

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The layout of the SVG, in its own pixels.
const (
	svgWidth, svgHeight   = 760, 460
	plotLeft, plotRight   = 64, 736
	plotTop, plotBottom   = 124, 400
	legendTop, legendStep = 76, 20
	legendIndent          = 30
	legendColumn          = 200
)

// svgStyle has the colours for light and for dark pages. The chart brings its
// own background along, so it can be read whichever of the two a viewer takes.
// The series are the orange and the blue of Okabe and Ito, which people who see
// few colours tell apart.
const svgStyle = `
  .back { fill: #ffffff } .ink { fill: #1f2328 } .dim { fill: #59636e }
  .grid { stroke: #d8dee4; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1 }
  .s0 { stroke: #c94f00; fill: #c94f00 } .s1 { stroke: #0072b2; fill: #0072b2 }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
  .theory { fill: none; stroke-width: 1.5; stroke-dasharray: 2 5; stroke-linecap: round; opacity: .8 }
  .range { stroke-width: 1.5; opacity: .5 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif }
  .title { font-size: 16px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } .ink { fill: #f0f6fc } .dim { fill: #9198a1 }
    .grid { stroke: #2a313c } .axis { stroke: #9198a1 }
    .s0 { stroke: #ff9d5c; fill: #ff9d5c } .s1 { stroke: #56b4e9; fill: #56b4e9 }
  }
`

// SVG returns the chart as an SVG document.
func (c Chart) SVG() string {
	d := &drawing{chart: c}
	xMax, yMax := c.extent()
	d.yTicks = ticks(yMax, 6)
	d.xMax, d.yMax = xMax, d.yTicks[len(d.yTicks)-1]
	fmt.Fprintf(d, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
		svgWidth, svgHeight, svgWidth, svgHeight)
	fmt.Fprintf(d, "<title>%s</title>\n<style>%s</style>\n", escape(c.Title), svgStyle)
	fmt.Fprintf(d, "<rect class=\"back\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", svgWidth, svgHeight)
	d.text(24, 34, "title ink", "start", c.Title)
	d.text(24, 54, "dim", "start", c.Subtitle)
	d.axes()
	d.legend()
	for i := range c.Series { // theory below, measurements on top
		if c.Series[i].Theory {
			d.line(i)
		}
	}
	for i := range c.Series {
		if !c.Series[i].Theory {
			d.line(i)
		}
	}
	d.WriteString("</svg>\n")
	return d.String()
}

// drawing is an SVG that is being written.
type drawing struct {
	strings.Builder
	chart      Chart
	xMax, yMax float64
	yTicks     []float64
}

func (d *drawing) x(v float64) float64 { return plotLeft + v/d.xMax*(plotRight-plotLeft) }

func (d *drawing) y(v float64) float64 { return plotBottom - v/d.yMax*(plotBottom-plotTop) }

func (d *drawing) text(x, y float64, class, anchor, s string) {
	fmt.Fprintf(d, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">%s</text>\n", x, y, class, anchor, escape(s))
}

func (d *drawing) axes() {
	for _, v := range d.yTicks {
		fmt.Fprintf(d, "<path class=\"%s\" d=\"M%d %.1fH%d\"/>\n", map[bool]string{true: "axis", false: "grid"}[v == 0], plotLeft, d.y(v), plotRight)
		d.text(plotLeft-8, d.y(v)+4.5, "dim", "end", label(v))
	}
	for _, v := range d.chart.places() {
		fmt.Fprintf(d, "<path class=\"axis\" d=\"M%.1f %dv5\"/>\n", d.x(v), plotBottom)
		d.text(d.x(v), plotBottom+20, "dim", "middle", label(v))
	}
	d.text((plotLeft+plotRight)/2, plotBottom+44, "ink", "middle", d.chart.XLabel)
	middle := float64(plotTop+plotBottom) / 2
	fmt.Fprintf(d, "<text transform=\"translate(20 %.1f) rotate(-90)\" class=\"ink\" text-anchor=\"middle\">%s</text>\n",
		middle, escape(d.chart.YLabel))
}

// legend gives each measured series a row, with the theories about it beside it.
func (d *drawing) legend() {
	x, y, rows := 0.0, 0.0, 0
	for i, s := range d.chart.Series {
		class := "theory"
		if !s.Theory {
			class = "line"
			x, y = 24, float64(legendTop+legendStep*rows)
			rows++
		}
		fmt.Fprintf(d, "<path class=\"%s s%d\" d=\"M%.1f %.1fh22\"/>\n", class, d.chart.colour(i), x, y)
		if !s.Theory {
			d.mark(d.chart.colour(i), x+11, y)
		}
		d.text(x+legendIndent, y+4.5, "ink", "start", s.Name)
		x += legendColumn
	}
}

// mark draws a disc for the first series and a diamond for the second, so that
// they differ without colour too.
func (d *drawing) mark(colour int, x, y float64) {
	if colour == 0 {
		fmt.Fprintf(d, "<circle class=\"s0\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", x, y)
		return
	}
	fmt.Fprintf(d, "<path class=\"s%d\" d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\"/>\n", colour, x, y-5)
}

func (d *drawing) line(i int) {
	s, colour := d.chart.Series[i], d.chart.colour(i)
	if len(s.Points) == 0 {
		return
	}
	class := "line"
	if s.Theory {
		class = "theory"
	}
	fmt.Fprintf(d, "<path class=\"%s s%d\" d=\"", class, colour)
	for j, p := range s.Points {
		fmt.Fprintf(d, "%c%.1f %.1f", "ML"[min(j, 1)], d.x(p.X), d.y(p.Y))
	}
	d.WriteString("\"/>\n")
	if s.Theory {
		return
	}
	for _, p := range s.Points {
		if p.High > p.Low {
			fmt.Fprintf(d, "<path class=\"range s%d\" d=\"M%.1f %.1fV%.1f\"/>\n", colour, d.x(p.X), d.y(p.Low), d.y(p.High))
		}
		d.mark(colour, d.x(p.X), d.y(p.Y))
	}
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}
