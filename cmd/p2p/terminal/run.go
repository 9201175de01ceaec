package terminal

import (
	"context"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/text"
)

// Options says what a session talks to, and how it looks. Client and Text are needed.
type Options struct {
	Client p2pv1connect.PeopleClient
	// Attach finds the node that runs, or starts one, and returns a client of it; nil: a node that is gone is only waited for.
	// One call at a time; it may be any goroutine's.
	Attach func(context.Context) (p2pv1connect.PeopleClient, error)
	Where  string // id of the conversation to begin with; empty: the one that was active last

	In  io.Reader // default os.Stdin
	Out io.Writer // default os.Stdout
	Env []string  // as of os.Environ: TERM, TERM_PROGRAM, COLORTERM, NO_COLOR; default none

	Text   *text.Catalogue
	Plain  bool   // line by line; chosen too when TERM is dumb, or In or Out is no terminal
	Colour Colour // default Auto
	Bell   bool   // ring for a message that is not seen
	Notify Notify // tell the desktop about it, default Auto
	State  string // folder of the profile, for what this program remembers from one session to the next; empty: nothing is
}

// Colour is a scheme of colours.
type Colour int

// The schemes. Auto asks the terminal whether its background is dark; NO_COLOR in
// the environment stands above all.
const (
	Auto Colour = iota
	Dark
	Light
	Contrast
	None
)

// Colours are the schemes by the names that people give them.
var Colours = map[string]Colour{"auto": Auto, "dark": Dark, "light": Light, "contrast": Contrast, "none": None}

// Notify is the control sequence by which a terminal is asked to tell the desktop something.
type Notify int

// NotifyAuto goes by TERM and TERM_PROGRAM.
const (
	NotifyAuto Notify = iota
	NotifyOff
	NotifyOSC9   // iTerm2, WezTerm, kitty, ghostty, Windows Terminal
	NotifyOSC777 // urxvt, foot, VTE
)

// Run talks with the node until the person leaves or ctx ends, and returns nil then.
// It gives the terminal back as it was. An error is one of the terminal, that In or
// Out failed, or an *UnsentError; that the node cannot be reached is said on the screen, and tried again.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	if o.isPlain() {
		return runPlain(ctx, o)
	}
	return runScreen(ctx, o)
}

func (o Options) withDefaults() Options {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.env("NO_COLOR") != "" {
		o.Colour = None
	}
	if o.Notify == NotifyAuto {
		o.Notify = notifyFor(o.env("TERM"), o.env("TERM_PROGRAM"))
	}
	return o
}

func (o Options) isPlain() bool {
	return o.Plain || isDumb(o.env("TERM"), runtime.GOOS) || !isTerminal(o.Out) || !isTerminal(o.In)
}

// isDumb reports whether nothing is known of a terminal but that it shows lines. On Windows none says what it is.
func isDumb(term, system string) bool {
	return term == "dumb" || term == "" && system != "windows"
}

// env returns a variable of the environment; as in every shell, the last one counts.
func (o Options) env(name string) string {
	for _, v := range slices.Backward(o.Env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// notifyFor chooses the sequence that a terminal is known to understand. One that
// is not known gets none: some print what they do not understand.
func notifyFor(term, program string) Notify {
	osc9 := []string{"iTerm.app", "WezTerm", "ghostty"}
	osc777 := []string{"rxvt-unicode", "foot"}
	has := func(names []string, name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return name != "" && strings.HasPrefix(name, n) })
	}
	switch {
	case has(osc9, program), strings.Contains(term, "kitty"), strings.Contains(term, "ghostty"):
		return NotifyOSC9
	case has(osc777, term), program == "vte":
		return NotifyOSC777
	}
	return NotifyOff
}
