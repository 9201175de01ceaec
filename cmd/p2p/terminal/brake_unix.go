//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// brake stops the program as Ctrl+Z does elsewhere, and knows when others have: a shell takes the terminal back as it had it, so that a program
// which draws on all of it would find its keys shown, and its screen gone. One goroutine at a time.
type brake struct{ continues chan os.Signal }

// newBrake tells, until it is let go, that the program goes on after others have stopped it (a continued). That they want to stop it is not
// taken from them: Go would not give the signal back, and the program could not stop itself.
func newBrake(tell func(any)) *brake {
	b := &brake{make(chan os.Signal, 1)}
	b.hold()
	go func() {
		for range b.continues {
			tell(continued{})
		}
	}()
	return b
}

func (b *brake) hold() { signal.Notify(b.continues, unix.SIGCONT) }

// stopTime is how long it takes to know of a program that it was not stopped: one that no shell could let go on never is.
const stopTime = 200 * time.Millisecond

// stop stops the program, with all of its job, until it is let go on.
func (b *brake) stop() {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, unix.SIGCONT)
	defer signal.Stop(goesOn)
	signal.Stop(b.continues) // this is no other
	defer b.hold()
	if unix.Kill(0, unix.SIGTSTP) != nil {
		return
	}
	select {
	case <-goesOn:
	case <-time.After(stopTime):
	}
}

func (b *brake) letGo() {
	signal.Stop(b.continues)
	close(b.continues)
}
