package terminal

import (
	"io"
	"time"
)

// continued is an input of the screen: the program goes on after another had stopped it, and the shell has had the terminal meanwhile.
type continued struct{}

// resumed is an input of the screen: the program goes on after it has stopped of itself.
type resumed struct{}

// aside is what bubbletea does while the terminal is as the shell wants it; then it takes the terminal anew, and draws all of the screen.
type aside func()

// clockTime is what bubbletea's last drawer has to stop its clock. It does so a moment after it was told to, and is not waited for: the next
// one has the same clock, which must not be stopped again when that has begun, or nothing would be drawn any more.
const clockTime = 100 * time.Millisecond

// Run does it.
func (a aside) Run() error {
	time.Sleep(clockTime)
	a()
	return nil
}

// SetStdin has nothing to set: nothing is read.
func (aside) SetStdin(io.Reader) {}

// SetStdout has nothing to set: nothing is written.
func (aside) SetStdout(io.Writer) {}

// SetStderr has nothing to set: nothing is written.
func (aside) SetStderr(io.Writer) {}
