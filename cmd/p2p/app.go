package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
)

// app is one run of the program: what it was given, and what its commands share
// once the flags are known.
type app struct {
	*shell
	text    *text.Catalogue
	globals globalFlags
	style   progress.Style // of stderr
	display *progress.Display
	log     *zap.Logger
	hangup  func() bool // does what SIGHUP asks for, or returns false: to stop; nil: to stop
	flush   func()      // of the log file, if any

	stopProfile func()
}

// globalFlags are the flags that every command has.
type globalFlags struct {
	quiet     bool
	verbose   int
	json      bool
	colour    string
	lang      string
	logLevel  string
	logFormat string
	logFile   string
	profile   string // of the CPU
}

// run is the whole program: it returns the exit code.
func run(sh *shell) int {
	catalogue, langErr := text.Choose(earlyFlag(sh, "lang"), sh.env, sh.locale)
	a := &app{shell: sh, text: catalogue, log: zap.NewNop(), flush: func() {}, stopProfile: func() {}}
	a.display = progress.New(progress.Options{Out: sh.errs})
	root := a.rootCommand()
	if langErr != nil {
		return a.finish(root, a.usage("usage.lang", earlyFlag(sh, "lang")))
	}
	cmd, err := root.ExecuteContextC(context.Background())
	a.flush()
	a.stopProfile()
	return a.finish(cmd, err)
}

// earlyFlag finds the value of a global flag before the command line is parsed:
// even the flags' own descriptions depend on the language.
func earlyFlag(sh *shell, name string) string {
	long := "--" + name
	for i, arg := range sh.args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, long+"="); ok {
			return value
		}
		if arg == long && i+1 < len(sh.args) {
			return sh.args[i+1]
		}
	}
	return sh.env(envName(name))
}

// wantsJSON reports whether errors are to be JSON, also when the command line
// could not be parsed.
func (a *app) wantsJSON() bool {
	if a.globals.json {
		return true
	}
	for _, arg := range a.args {
		switch arg {
		case "--":
			return false
		case "-j", "--json":
			return true
		}
	}
	return false
}

// setUp builds what depends on the flags: it runs between parsing and the
// command itself.
func (a *app) setUp(cmd *cobra.Command, _ []string) error {
	if err := a.applyEnvironment(cmd); err != nil {
		return err
	}
	colour, err := a.useColour()
	if err != nil {
		return err
	}
	a.style = progress.Style{Text: a.text, Colour: colour}
	a.display = progress.New(progress.Options{
		Out:   a.errs,
		Style: a.style,
		Live:  a.errTTY,
		Size:  a.size,
		Quiet: a.globals.quiet || a.globals.json,
	})
	if err := a.openLog(); err != nil {
		return err
	}
	return a.startProfile()
}

// useColour settles --color: auto is a terminal whose user has not set NO_COLOR
// (no-color.org: "when present and not an empty string").
func (a *app) useColour() (bool, error) {
	switch a.globals.colour {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return a.errTTY && a.env("NO_COLOR") == "", nil
	}
	return false, a.usage("usage.color", a.globals.colour)
}

// say prints a line for people on stderr, above the progress. It is silent with
// -q and -j.
func (a *app) say(key string, args ...any) {
	if !a.globals.quiet && !a.globals.json {
		a.display.Print(a.text.Say(key, args...))
	}
}
