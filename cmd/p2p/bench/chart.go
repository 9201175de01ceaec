package bench

import (
	"math"
	"strconv"
)

// Chart is lines over a common horizontal axis. Both axes are linear and begin
// at 0, so that a line that is twice as high means twice as much.
type Chart struct {
	Title    string
	Subtitle string
	XLabel   string
	YLabel   string
	Series   []Series
}

// Series is one line of a chart. The first two measured series have colours and
// marks of their own; a theory has the colour of the measured series before it.
type Series struct {
	Name   string
	Points []Point // in the order of X
	Theory bool    // dashed, without marks
}

// Point is one value. What lies between Low and High is shown as a thin upright
// line through it, if High is above Low.
type Point struct{ X, Y, Low, High float64 }

// colour numbers the colours: that of the measured series before i, or i.
func (c Chart) colour(i int) int {
	n := -1
	for _, s := range c.Series[:i+1] {
		if !s.Theory {
			n++
		}
	}
	return max(n, 0)
}

// extent returns the largest values of both axes, at least 1.
func (c Chart) extent() (x, y float64) {
	x, y = 1, 0
	for _, s := range c.Series {
		for _, p := range s.Points {
			x, y = max(x, p.X), max(y, p.Y, p.High)
		}
	}
	if y <= 0 {
		y = 1
	}
	return x, y
}

// places returns the values of X that have a point, in order: each gets a mark
// on the axis.
func (c Chart) places() []float64 {
	var all []float64
	for _, s := range c.Series {
		if s.Theory {
			continue
		}
		for i, p := range s.Points {
			if i >= len(all) {
				all = append(all, p.X)
			}
		}
	}
	return all
}

// ticks returns round values from 0 to the first that is not below top, in at
// most most steps of 1, 2 or 5 times a power of ten.
func ticks(top float64, most int) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(top/float64(most))))
	for _, f := range []float64{1, 2, 5, 10} {
		if math.Ceil(top/(step*f)-1e-9) <= float64(most) {
			step *= f
			break
		}
	}
	n := int(math.Ceil(top/step - 1e-9))
	all := make([]float64, n+1)
	for i := range all {
		all[i] = float64(i) * step
	}
	return all
}

// label writes the value of a tick without the rounding errors of its making.
func label(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
