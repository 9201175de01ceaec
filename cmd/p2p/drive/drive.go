// Package drive runs the p2p binary, and the programs of other makers that it
// shares swarms with, as real processes. It is for tests alone.
//
// A process that a test started ends with the test, whatever happens, and a
// test that fails shows the end of what each of its processes wrote.
package drive

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// shown is how much of the output of a process a failed test shows, in bytes
// from its end.
const shown = 60 << 10

// BinaryEnv names a p2p binary to test in place of one that is built for it, such
// as one that was released.
const BinaryEnv = "P2P_TEST_BINARY"

// Build makes the p2p binary in folder dir, with the race detector if this
// program has it, and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	if name := os.Getenv(BinaryEnv); name != "" {
		return name, nil
	}
	name := filepath.Join(dir, "p2p")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	args := []string{"build", "-o", name}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "p2p/cmd/p2p")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build p2p: %w: %s", err, out)
	}
	return name, nil
}

// Command is a program to run.
type Command struct {
	Name string   // what the test calls it; "" = the program's own name
	Path string   // of the program, or its name in the PATH
	Args []string // without the program's name
	Dir  string   // working folder; "" = that of the test
	Env  []string // added to the environment of the test
	User uint32   // on Linux, who it runs as; 0 = as the test does
}

// Process is a program that runs, or has run. Its methods may be called from
// any goroutine of the test.
type Process struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	out   output // stdout
	errs  output // stderr
	ended chan struct{}
	begin time.Time
	took  time.Duration // set before ended is closed
}

// Start runs c. The process is killed when the test ends, if it has not ended
// before.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	if c.Name == "" {
		c.Name = filepath.Base(c.Path)
	}
	p := &Process{t: t, name: c.Name, ended: make(chan struct{}), begin: time.Now()}
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Dir, p.cmd.Env = c.Dir, append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.WaitDelay = 5 * time.Second // a child of its own may keep its stdout open
	tame(p.cmd, c.User)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", c.Name, err)
	}
	go func() {
		p.cmd.Wait() // the exit code tells
		p.took = time.Since(p.begin)
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s %s\n-- stdout\n%s\n-- stderr\n%s", p.name, strings.Join(p.cmd.Args[1:], " "), tail(p.Out()), tail(p.Errs()))
		}
	})
	return p
}

func tail(s string) string {
	if len(s) > shown {
		s = "[...]\n" + s[len(s)-shown:]
	}
	return strings.TrimRight(s, "\n")
}

// Out returns what the process has written on stdout so far.
func (p *Process) Out() string { return p.out.text() }

// Errs returns what the process has written on stderr so far.
func (p *Process) Errs() string { return p.errs.text() }

// Kill ends the process in the hard way, and waits until it is gone.
func (p *Process) Kill() {
	p.cmd.Process.Kill() // an error means that it has ended
	<-p.ended
}

// Signal sends s to the process. One that has ended does not mind.
func (p *Process) Signal(s os.Signal) { p.cmd.Process.Signal(s) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits until the process ends and returns its exit code, -1 for one that
// a signal killed, and how long it ran. It fails the test when that takes
// longer than limit.
func (p *Process) Wait(limit time.Duration) (code int, took time.Duration) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.t.Fatalf("%s has not ended after %v", p.name, limit)
	}
	return p.cmd.ProcessState.ExitCode(), p.took
}

// WantExit waits as Wait does, and fails the test if the exit code is another.
func (p *Process) WantExit(want int, limit time.Duration) (took time.Duration) {
	p.t.Helper()
	code, took := p.Wait(limit)
	if code != want {
		p.t.Fatalf("%s: exit code %d, want %d", p.name, code, want)
	}
	return took
}

// Await waits until the process has written text, on stdout or stderr. It fails
// the test when that takes longer than limit, or when the process ends before.
func (p *Process) Await(text string, limit time.Duration) {
	p.t.Helper()
	late := time.After(limit)
	for {
		out, errs := p.out.more(), p.errs.more()
		if strings.Contains(p.Out(), text) || strings.Contains(p.Errs(), text) {
			return
		}
		select {
		case <-out:
		case <-errs:
		case <-p.ended:
			if !strings.Contains(p.Out(), text) && !strings.Contains(p.Errs(), text) {
				p.t.Fatalf("%s has ended and did not write %q", p.name, text)
			}
			return
		case <-late:
			p.t.Fatalf("%s has not written %q after %v", p.name, text, limit)
		}
	}
}

// output collects what a process writes.
type output struct {
	mu   sync.Mutex
	b    []byte
	wake chan struct{} // closed at the next write
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b = append(o.b, b...)
	if o.wake != nil {
		close(o.wake)
		o.wake = nil
	}
	return len(b), nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.b)
}

// more returns a channel that is closed at the next write.
func (o *output) more() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wake == nil {
		o.wake = make(chan struct{})
	}
	return o.wake
}

// Eventually waits until done returns true, and fails the test when that takes
// longer than limit.
func Eventually(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	late := time.After(limit)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("after %v: %s", limit, what)
		}
	}
}
