package main

import (
	"context"
	"io"
	"os"
	"os/signal"

	"golang.org/x/term"

	"p2p/cmd/p2p/people"
)

// shell is what the process was given by whoever started it. The program looks
// at nothing else of the outside, so a test can start it inside itself.
type shell struct {
	args      []string // without the program's name
	in        io.Reader
	out, errs io.Writer
	env       func(name string) string
	outTTY    bool
	errTTY    bool                       // stderr is a terminal that can move its cursor
	size      func() (columns, rows int) // of the terminal behind stderr
	locale    string                     // of the system, where the environment does not tell

	// stops and statuses deliver the signals that end the program and those
	// that ask how it stands, until the function that comes with them is called.
	stops    func() (<-chan os.Signal, func())
	statuses func() (<-chan os.Signal, func())
	exit     func(code int) // leaves at once

	// secret asks for a password at the terminal; nil: there is none.
	secret func(prompt string) (string, error)

	// person opens the node of a profile.
	person func(context.Context, people.Options) (person, error)

	// hungUp reports whether the terminal behind stderr is gone; nil: it cannot go.
	hungUp func() bool
}

func processShell() *shell {
	ansi := enableANSI() && os.Getenv("TERM") != "dumb"
	return &shell{
		args:     os.Args[1:],
		in:       os.Stdin,
		out:      os.Stdout,
		errs:     os.Stderr,
		env:      os.Getenv,
		outTTY:   term.IsTerminal(int(os.Stdout.Fd())),
		errTTY:   term.IsTerminal(int(os.Stderr.Fd())) && ansi,
		size:     terminalSize,
		locale:   systemLocale(),
		stops:    func() (<-chan os.Signal, func()) { return listen(stopSignals()) },
		statuses: func() (<-chan os.Signal, func()) { return listen(statusSignals) },
		exit:     os.Exit,
		secret:   terminalSecret(),
		person:   openPerson,
		hungUp:   terminalGone(),
	}
}

// terminalGone returns what tells whether the terminal that the process was
// started in has been closed; nil when there was none.
func terminalGone() func() bool {
	fd := int(os.Stderr.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	return func() bool { return !term.IsTerminal(fd) } // it then answers with an error of input and output
}

func terminalSize() (columns, rows int) {
	columns, rows, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil || columns < 1 || rows < 1 {
		return 80, 24
	}
	return columns, rows
}

func listen(signals []os.Signal) (<-chan os.Signal, func()) {
	if len(signals) == 0 {
		return nil, func() {}
	}
	c := make(chan os.Signal, 2)
	signal.Notify(c, signals...)
	return c, func() { signal.Stop(c) }
}
