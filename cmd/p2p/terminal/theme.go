package terminal

import (
	"hash/fnv"
	"image/color"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// style is how a span looks: what it is, and marks on it. The theme says what colour that is.
type style struct {
	role                            role
	bold, italic, underline, strike bool
	chosen                          bool // lies on the background of what is selected
	onBar                           bool // lies on that of the header
}

type role uint8

const (
	normal role = iota
	faint       // what stands back: times, hints, rules
	online
	away
	offline
	accent // links, keys, what can be acted on
	code
	quote
	badge // unread
	mention
	failure
	shout   // an alert
	bar     // the header and the status line
	picture // a QR code: its light modules
	namesFrom
)

// nameColours is how many colours the names of people are told apart by.
const nameColours = 6

// nameRole returns the colour of a person, the same on every screen.
func nameRole(account string) role {
	h := fnv.New32a()
	h.Write([]byte(account))
	return namesFrom + role(h.Sum32()%nameColours)
}

// theme draws styles. It remembers each style that it has made.
type theme struct {
	fore, back map[role]color.Color
	chosen     color.Color
	plain      bool // no colour at all: what is selected is shown in reverse
	made       map[style]ansi.Style
}

func indexed(n uint8) color.Color { return ansi.IndexedColor(n) }

// newTheme returns the theme of a scheme; Auto has been decided before.
func newTheme(c Colour) *theme {
	t := &theme{made: map[style]ansi.Style{}, fore: map[role]color.Color{}, back: map[role]color.Color{}}
	var fore [bar + 1]uint8 // of 256; those of presence are green, yellow and grey on a terminal of 16 too, where the nearest is taken
	var names [nameColours]uint8
	switch c {
	case None:
		t.plain = true
		return t
	case Light:
		fore = [...]uint8{normal: 0, faint: 243, online: 28, away: 100, offline: 245, accent: 25, code: 90, quote: 240, badge: 25, mention: 160, failure: 160, shout: 231, bar: 238}
		names = [...]uint8{25, 90, 130, 29, 125, 61}
		t.chosen, t.back[bar], t.back[shout] = indexed(153), indexed(254), indexed(160)
	case Contrast:
		fore = [...]uint8{normal: 15, faint: 7, online: 10, away: 11, offline: 7, accent: 14, code: 15, quote: 15, badge: 11, mention: 11, failure: 9, shout: 15, bar: 15}
		names = [...]uint8{14, 11, 10, 15, 14, 11}
		t.chosen, t.back[bar], t.back[shout] = indexed(4), indexed(0), indexed(1)
	default:
		fore = [...]uint8{normal: 0, faint: 243, online: 77, away: 185, offline: 242, accent: 75, code: 180, quote: 248, badge: 117, mention: 213, failure: 203, shout: 231, bar: 252}
		names = [...]uint8{75, 141, 215, 79, 211, 150}
		t.chosen, t.back[bar], t.back[shout] = indexed(238), indexed(236), indexed(160)
	}
	for r, n := range fore {
		if role(r) != normal || c == Contrast { // otherwise the terminal's own colour of text
			t.fore[role(r)] = indexed(n)
		}
	}
	t.fore[picture], t.back[picture] = indexed(231), indexed(16)
	for i, n := range names {
		t.fore[namesFrom+role(i)] = indexed(n)
	}
	return t
}

func (t *theme) style(s style) ansi.Style {
	made, ok := t.made[s]
	if ok {
		return made
	}
	for _, attribute := range []struct {
		on  bool
		add func(ansi.Style) ansi.Style
	}{
		{s.bold || s.role == shout || s.role == badge || s.role == mention, ansi.Style.Bold},
		{s.italic, func(a ansi.Style) ansi.Style { return a.Italic(true) }},
		{s.underline, func(a ansi.Style) ansi.Style { return a.Underline(true) }},
		{s.strike, func(a ansi.Style) ansi.Style { return a.Strikethrough(true) }},
		{t.plain && (s.chosen || s.onBar || s.role == shout || s.role == bar), func(a ansi.Style) ansi.Style { return a.Reverse(true) }},
		{t.plain && s.role == faint && !s.chosen, ansi.Style.Faint},
	} {
		if attribute.on {
			made = attribute.add(made)
		}
	}
	if c := t.fore[s.role]; c != nil {
		made = made.ForegroundColor(c)
	}
	back := t.back[s.role]
	if s.onBar {
		back = t.back[bar]
	}
	if s.chosen && t.chosen != nil {
		back = t.chosen
	}
	if back != nil {
		made = made.BackgroundColor(back)
	}
	t.made[s] = made
	return made
}

// draw writes a line with the control sequences of its styles.
func (t *theme) draw(b *strings.Builder, l line) {
	for _, s := range l {
		if st := t.style(s.style); len(st) > 0 {
			b.WriteString(st.String())
			b.WriteString(s.text)
			b.WriteString(ansi.ResetStyle)
		} else {
			b.WriteString(s.text)
		}
	}
}
