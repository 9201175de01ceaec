package terminal

import (
	"slices"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// "Online is green, away yellow, offline grey", on the console and over ssh as well.
func TestPresenceHasItsColoursOnATerminalOf16(t *testing.T) {
	for _, scheme := range []Colour{Dark, Light, Contrast} {
		for r, want := range map[role][]ansi.BasicColor{
			online: {ansi.Green, ansi.BrightGreen}, away: {ansi.Yellow, ansi.BrightYellow}, offline: {ansi.White, ansi.BrightBlack},
		} {
			if got := colorprofile.ANSI.Convert(newTheme(scheme).fore[r]); !slices.Contains(want, got.(ansi.BasicColor)) {
				t.Errorf("in scheme %v the colour of role %d is %v of 16, want one of %v", scheme, r, got, want)
			}
		}
	}
}
