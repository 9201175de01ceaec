package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	startTimeout = 60 * time.Second      // for a seeder or server to be ready
	farewell     = 5 * time.Second       // for a process to end when it is asked to
	sampleEvery  = 20 * time.Millisecond // how often the memory of a young process is looked at
	sampleSeldom = time.Second           // and that of an old one
	keptErrors   = 4 << 10               // bytes of a process's stderr
	maxLine      = 1 << 20               // of a process's stdout
)

// command is a program to run.
type command struct {
	path  string
	args  []string
	dir   string   // working folder; "" = ours
	env   []string // added to the environment
	stdin bool     // it ends when its stdin does, which is how stop tells it
}

// process is a program that runs, or has run. It is killed when the context of
// its start ends.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer // nil for a program that does not care
	out   lines
	errs  tail
	begin time.Time

	ended chan struct{}
	end   time.Time // set before ended is closed, as the next two
	err   error
	peak  int64 // bytes; 0 = not known
}

// start runs c. onLine, which may be nil, is called for each line of its stdout,
// on a goroutine of the process.
func start(ctx context.Context, c command, onLine func([]byte)) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, c.path, c.args...), ended: make(chan struct{})}
	p.out.each = onLine
	p.cmd.Dir, p.cmd.Env = c.dir, environment(c.env)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	p.cmd.WaitDelay = time.Second
	setGroup(p.cmd)
	if c.stdin {
		w, err := p.cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		p.stdin = w
	}
	p.begin = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	exited, sampled := make(chan struct{}), make(chan int64, 1)
	go func() { sampled <- samplePeak(p.cmd.Process.Pid, exited) }()
	go func() {
		p.err = p.cmd.Wait()
		p.end = time.Now()
		close(exited)
		if p.peak = <-sampled; p.peak == 0 {
			p.peak = maxRSS(p.cmd.ProcessState)
		}
		close(p.ended)
	}()
	return p, nil
}

// environment is ours without the variables that would set flags of p2p: a user
// who limits uploads that way still wants to know how fast the program is.
func environment(added []string) []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(strings.ToUpper(pair), "P2P_") {
			env = append(env, pair)
		}
	}
	return append(env, added...)
}

// samplePeak follows the peak of a process's memory until exited is closed.
// What the system tells at the end would do, but on Linux it includes the peak
// of the parent, which the child was for a moment.
func samplePeak(pid int, exited <-chan struct{}) int64 {
	begin, again := time.Now(), time.NewTimer(sampleEvery)
	defer again.Stop()
	peak := int64(0)
	for {
		select {
		case <-exited:
			return peak
		case <-again.C:
			if u, ok := liveUsage(pid); ok {
				peak = max(peak, u.Peak)
			}
			// What is read is the highest so far. Who looks at many processes often has them wait for that.
			again.Reset(min(max(sampleEvery, time.Since(begin)/20), sampleSeldom))
		}
	}
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait returns when the process has ended, with an error unless it did well.
func (p *process) wait() error {
	<-p.ended
	if p.err != nil {
		return p.failure()
	}
	return nil
}

// failure says why the process ended. It must have.
func (p *process) failure() error {
	name := filepath.Base(p.cmd.Path)
	if p.err == nil {
		return fmt.Errorf("%s ended too early", name)
	}
	if said := strings.TrimSpace(p.errs.String()); said != "" {
		return fmt.Errorf("%s: %w: %s", name, p.err, said)
	}
	return fmt.Errorf("%s: %w", name, p.err)
}

// stop asks the process to end, kills it if it does not, and waits for it.
func (p *process) stop() {
	if p.stdin != nil {
		p.stdin.Close() // it may have gone already
	} else if p.cmd.Process.Signal(os.Interrupt) != nil { // Windows has no such signal
		p.cmd.Process.Kill()
	}
	patience := time.NewTimer(farewell)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		p.kill()
	}
}

// kill ends the process at once and waits for it.
func (p *process) kill() {
	p.cmd.Process.Kill() // an error means that it has ended
	<-p.ended
}

// Usage is what a process has used.
type Usage struct {
	CPU  time.Duration // user and system time together
	Peak int64         // bytes of memory at the most; 0 = not known
}

// total is the usage of a process that has ended.
func (p *process) total() Usage {
	s := p.cmd.ProcessState
	return Usage{s.UserTime() + s.SystemTime(), p.peak}
}

// lines hands the lines that are written to it to each. Lines that are longer
// than maxLine are dropped.
type lines struct {
	each func([]byte)
	rest []byte
}

func (l *lines) Write(b []byte) (int, error) {
	if l.each == nil {
		return len(b), nil
	}
	for part := range bytes.Lines(b) {
		l.rest = append(l.rest, part...)
		if part[len(part)-1] == '\n' {
			l.each(l.rest)
			l.rest = l.rest[:0]
		} else if len(l.rest) > maxLine {
			l.rest = l.rest[:0]
		}
	}
	return len(b), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - keptErrors; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
