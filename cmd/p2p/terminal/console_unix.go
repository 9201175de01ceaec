//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package terminal

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// openConsole has keys come as they are typed, unseen, from where o reads, and returns what shows them; release gives the terminal back as it
// was. Ctrl+C and Ctrl+Z stay what they are. Without a terminal that shows what is typed by itself there is no console.
func openConsole(o Options) (c *console, release func()) {
	none := func() {}
	in, isFile := o.In.(interface{ Fd() uintptr })
	out, outFile := o.Out.(interface{ Fd() uintptr })
	if !isFile || !outFile || !isTerminal(o.In) || !isTerminal(o.Out) {
		return nil, none
	}
	fd := int(in.Fd())
	was, err := unix.IoctlGetTermios(fd, readTermios)
	if err != nil || was.Lflag&unix.ICANON == 0 || was.Lflag&unix.ECHO == 0 {
		return nil, none
	}
	now := *was
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	now.Cc[unix.VQUIT] = noKey // by Ctrl+\ the program would end in these modes, and tell its goroutines
	if unix.IoctlSetTermios(fd, writeTermios, &now) != nil {
		return nil, none
	}
	c = &console{out: o.Out, changed: make(chan struct{}, 1), dumb: o.env("TERM") == "dumb" || o.env("TERM") == "", columns: func() int {
		if width, _, err := term.GetSize(int(out.Fd())); err == nil {
			return width
		}
		return 80
	}}
	resumed, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(resumed, unix.SIGCONT)
	go func() { // the shell has had the terminal meanwhile
		defer close(done)
		for range resumed {
			_ = unix.IoctlSetTermios(fd, writeTermios, &now)
			c.again()
		}
	}()
	return c, func() {
		signal.Stop(resumed)
		close(resumed)
		<-done
		c.end()
		_ = unix.IoctlSetTermios(fd, writeTermios, was)
	}
}
