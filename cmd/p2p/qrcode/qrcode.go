// Package qrcode draws links as QR codes that are as small as a code can be, so that they fit a window of 80 by 24 cells: a cell shows two
// modules, the parts of a link that have no case are written in the alphanumeric mode, and errors are corrected least.
package qrcode

import (
	"slices"
	"strings"

	"rsc.io/qr"
	"rsc.io/qr/coding"

	"p2p/peer/identity"
)

const (
	// quiet is how many light modules stand around a code. The standard says four; scanners take two.
	quiet = 2
	// fits is the size in modules of the largest code (version 6) that with them takes no more than 23 lines: in a window of 24 there
	// is room for the prompt below it.
	fits = 41
)

// Of returns the code of a link. Of its addresses those at the end are left out if it would not fit otherwise, but not the
// first: who scans it finds the others through it.
func Of(l identity.Link) (*qr.Code, error) {
	for {
		code, err := encode(l.Code())
		if err != nil || code.Size <= fits || len(l.Addrs) <= 1 {
			return code, err
		}
		l.Addrs = l.Addrs[:len(l.Addrs)-1]
	}
}

// encode returns the smallest code of a text.
func encode(text string) (*qr.Code, error) {
	var last error
	for _, first := range []coding.Version{1, 10, 27} { // from which on the head of a segment is longer
		parts := segments(text, first)
		for v := first; v <= coding.MaxVersion; v++ {
			bits := 0
			for _, p := range parts {
				bits += p.Bits(v)
			}
			if bits > v.DataBytes(coding.L)*8 {
				continue
			}
			if first < 10 && v >= 10 || first < 27 && v >= 27 {
				break // other segments are shorter there
			}
			plan, err := coding.NewPlan(v, coding.L, 0)
			if err != nil {
				return nil, err
			}
			c, err := plan.Encode(parts...)
			if err != nil {
				return nil, err
			}
			return &qr.Code{Bitmap: c.Bitmap, Size: c.Size, Stride: c.Stride, Scale: 8}, nil
		}
	}
	_, last = qr.Encode(text, qr.L) // it says that the text is too long
	return nil, last
}

// mode is how characters are written.
type mode int

const (
	bytes mode = iota
	alpha      // two capitals, digits or signs in 11 bits
)

// segment returns a text in a mode.
func (m mode) segment(text string) coding.Encoding {
	if m == alpha {
		return coding.Alpha(text)
	}
	return coding.String(text)
}

// segments cuts a text into parts such that all take the fewest bits in a code of version v: a part costs its head.
func segments(text string, v coding.Version) []coding.Encoding {
	type state struct {
		cost int // in half bits
		from mode
	}
	heads := [...]int{bytes: 2 * bytes.segment("").Bits(v), alpha: 2 * alpha.segment("").Bits(v)}
	best := make([][2]state, len(text)+1)
	best[0] = [2]state{}
	for i := range len(text) {
		costs := [...]int{bytes: 16, alpha: 11}
		if alpha.segment(text[i:i+1]).Check() != nil {
			costs[alpha] = 1 << 20
		}
		for m := range best[i] {
			for was := range best[i] {
				cost := best[i][was].cost + costs[m]
				if i == 0 || was != m {
					cost += heads[m]
				}
				if was == 0 || cost < best[i+1][m].cost {
					best[i+1][m] = state{cost, mode(was)}
				}
			}
		}
	}
	at := bytes
	if best[len(text)][alpha].cost < best[len(text)][bytes].cost {
		at = alpha
	}
	var parts []coding.Encoding
	end := len(text)
	for i := len(text); i > 0; i-- {
		from := best[i][at].from
		if i == 1 || from != at {
			parts = append(parts, at.segment(text[i-1:end]))
			end = i - 1
		}
		at = from
	}
	slices.Reverse(parts)
	return parts
}

// Lines returns a code as lines of half blocks, light on dark, with its quiet zone. Where the terminal is dark on light, or nobody knows,
// they are to be drawn white on black: not every scanner takes the inverse.
func Lines(code *qr.Code) string {
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		for x := -quiet; x < code.Size+quiet; x++ {
			upper, lower := code.Black(x, y), code.Black(x, y+1)
			if y+1 == code.Size+quiet { // below the quiet zone
				lower = true
			}
			switch {
			case upper && lower:
				b.WriteRune(' ')
			case upper:
				b.WriteRune('▄')
			case lower:
				b.WriteRune('▀')
			default:
				b.WriteRune('█')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
