package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/space"
	"p2p/cmd/p2p/text"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// The exit codes: aria2's numbers for what aria2 has numbers for. Scripts
// depend on them, so none ever changes its meaning.
const (
	exitDone       = 0
	exitOther      = 1
	exitUsage      = 2
	exitNotFound   = 3
	exitNetwork    = 6
	exitUnfinished = 7
	exitDiskFull   = 9
	exitBusy       = 11
	exitExists     = 13
	exitIO         = 17
	exitRefused    = 24
	exitNotBencode = 25
	exitInvalid    = 26
	exitMagnet     = 27
	exitMismatch   = 32
	exitPortBusy   = 41
	exitWaiting    = 42
	exitFirst      = 43
	exitFull       = 44
	exitDoubt      = 45
	exitUnknown    = 46
	exitSignal     = 128 // plus the number of the signal: 130, 143
	exitPipe       = exitSignal + 13
)

// causes gives each error its exit code and, as a key of the catalogue, the
// advice that follows it. The first row that fits wins.
var causes = []struct {
	fits func(error) bool
	code int
	hint string
}{
	{isErrno([]syscall.Errno{syscall.EPIPE}), exitPipe, ""},
	{outputLost, exitDiskFull, "hint.output_lost"},
	{space.Full, exitDiskFull, "hint.disk_full"},
	{isErrno(portBusyErrnos), exitPortBusy, "hint.port_busy"},
	{is(torrentfile.ErrMagnet), exitMagnet, "hint.magnet"},
	{is(torrentfile.ErrNotBencode), exitNotBencode, "hint.not_bencode"},
	{is(torrentfile.ErrV2Only), exitInvalid, "hint.v2_only"},
	{as[*torrentfile.InvalidError], exitInvalid, "hint.invalid"},
	{is(store.ErrBusy), exitBusy, "hint.busy"},
	{as[*store.ExistsError], exitExists, "hint.exists_differs"},
	{is(fs.ErrExist), exitExists, ""},
	{is(fs.ErrNotExist), exitNotFound, "hint.not_found"},
	{cannotListen, exitNetwork, "hint.listen"},
	{as[*net.OpError], exitNetwork, "hint.network"},
	{as[*net.DNSError], exitNetwork, "hint.network"},
	{is(fs.ErrPermission), exitIO, "hint.permission"},
	{isErrno([]syscall.Errno{syscall.EROFS}), exitIO, "hint.read_only"},
	{as[*fs.PathError], exitIO, ""},
	{as[*os.LinkError], exitIO, ""},
	{is(context.DeadlineExceeded), exitUnfinished, ""},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// outputLost reports whether stdout leads to a disk that is full. What the command was to do may be done: to send it again would send it twice.
func outputLost(err error) bool {
	e, ok := errors.AsType[*fs.PathError](err)
	return ok && e.Op == "write" && e.Path == os.Stdout.Name() && space.Full(err)
}

// cannotListen reports whether an address could not be listened on: it is not one
// of this machine, or the port is one for the administrator.
func cannotListen(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "listen"
}

func isErrno(numbers []syscall.Errno) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(numbers, func(n syscall.Errno) bool { return errors.Is(err, n) })
	}
}

// failure is an error that already says, in the reader's language, what is wrong
// and what to do about it.
type failure struct {
	code int
	text string
	err  error // what is behind it; may be nil
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.err }

// fail makes a failure whose text is the message of key.
func (a *app) fail(code int, key string, args ...any) error {
	f := &failure{code: code, text: a.text.Say(key, args...)}
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			f.err = err
		}
	}
	return f
}

// usage makes the failure for a command line that cannot be followed.
func (a *app) usage(key string, args ...any) error { return a.fail(exitUsage, key, args...) }

// interrupted is the error of work that a signal cut short.
type interrupted struct{ signal os.Signal }

func (i *interrupted) Error() string { return i.signal.String() }

// signalCode returns the exit code that shells give for a signal. A hang-up
// counts as a request to terminate.
func signalCode(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok && n != syscall.SIGHUP {
		return exitSignal + int(n)
	}
	return exitSignal + int(syscall.SIGTERM)
}

// diagnose returns the exit code of err and the advice that goes with it.
func diagnose(err error) (code int, hint string) {
	if err == nil {
		return exitDone, ""
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code, ""
	}
	if i, ok := errors.AsType[*interrupted](err); ok {
		return signalCode(i.signal), "hint.interrupted"
	}
	for _, cause := range causes {
		if cause.fits(err) {
			return cause.code, cause.hint
		}
	}
	return exitOther, ""
}

// exitError is the last line on stderr of a run with -j that failed.
type exitError struct {
	MessageType string `json:"message_type"`
	Code        int    `json:"code"`
	Message     string `json:"message"`
	// Reason is the node's, for programs to branch on, and With what it comes with.
	Reason string            `json:"reason,omitempty"`
	With   map[string]string `json:"with,omitempty"`
}

// finish reports err, if there is one, and returns the exit code: one line on
// stderr that says what is wrong and what to do. What is wrong may quote
// strangers, so it is made safe to print.
func (a *app) finish(cmd *cobra.Command, err error) int {
	code, hint := diagnose(err)
	a.display.Clear()
	if code == exitDone || code == exitPipe { // who closed the pipe knows
		return code
	}
	message := oneLine(a.words(err))
	if code > exitSignal {
		message = a.text.Say("interrupted")
	}
	if hint != "" {
		message = a.text.Say("hint.after", message, a.text.Say(hint))
	}
	if a.wantsJSON() {
		reason := api.ReasonOf(err)
		writeJSON(a.errs, exitError{"exit_error", code, message, reason.GetKey(), reason.GetWith()}) // nobody is left to be told
		return code
	}
	fmt.Fprintf(a.errs, "%s %s\n", a.style.Bad(cmd.CommandPath()+":"), message)
	return code
}

func oneLine(s string) string {
	return text.Printable(strings.Join(strings.Fields(s), " "))
}
