package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one run of the program inside the test.
type process struct {
	t         *testing.T
	out, errs transcript
	signals   chan os.Signal
	status    chan os.Signal
	code      chan int
	ended     bool     // wait has returned
	left      chan int // what exit was called with
}

// transcript collects output and wakes those who wait for some of it.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	close(w.changed)
	w.changed = make(chan struct{})
	return len(p), nil
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// until waits for part to be written.
func (w *transcript) until(t *testing.T, part string) string {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		w.mu.Lock()
		s, changed := w.text.String(), w.changed
		w.mu.Unlock()
		if strings.Contains(s, part) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q was not written, only:\n%s", part, s)
		}
	}
}

// setting is what a test changes of a shell.
type setting func(*shell)

func withEnv(pairs ...string) setting {
	return func(sh *shell) {
		before := sh.env
		sh.env = func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return before(name)
		}
	}
}

func withInput(s string) setting {
	return func(sh *shell) { sh.in = strings.NewReader(s) }
}

// start runs the program with args. What is still running at the end of the test
// is interrupted then.
func start(t *testing.T, args []string, settings ...setting) *process {
	t.Helper()
	p := &process{
		t: t, signals: make(chan os.Signal, 2), status: make(chan os.Signal, 1),
		code: make(chan int, 1), left: make(chan int, 1),
	}
	p.out.changed, p.errs.changed = make(chan struct{}), make(chan struct{})
	state := filepath.Join(testRoot(t), "state")
	sh := &shell{
		args: append([]string{}, args...), // for nil cobra would take the test's own
		in:   strings.NewReader(""), out: &p.out, errs: &p.errs,
		env: func(name string) string {
			return map[string]string{"XDG_STATE_HOME": state, "LocalAppData": state}[name]
		},
		size:     func() (int, int) { return 80, 24 },
		stops:    func() (<-chan os.Signal, func()) { return p.signals, func() {} },
		statuses: func() (<-chan os.Signal, func()) { return p.status, func() {} },
		exit:     func(code int) { p.left <- code },
	}
	for _, set := range settings {
		set(sh)
	}
	go func() { p.code <- run(sh) }()
	t.Cleanup(func() {
		if !p.ended {
			p.interrupt()
		}
	})
	return p
}

var roots sync.Map

// testRoot is one temporary folder for each test.
func testRoot(t *testing.T) string {
	if dir, ok := roots.Load(t); ok {
		return dir.(string)
	}
	dir := t.TempDir()
	roots.Store(t, dir)
	return dir
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case code := <-p.code:
		p.ended = true
		return code
	case <-time.After(60 * time.Second):
		p.t.Fatalf("the program does not end\nstdout: %s\nstderr: %s", p.out.String(), p.errs.String())
		return 0
	}
}

// interrupt sends the signal of Ctrl-C and waits for the end.
func (p *process) interrupt() int {
	p.t.Helper()
	p.signals <- syscall.SIGINT
	return p.wait()
}

// p2p runs the program to its end and checks the exit code.
func p2p(t *testing.T, want int, args ...string) (out, errs string) {
	t.Helper()
	return p2pWith(t, want, args)
}

func p2pWith(t *testing.T, want int, args []string, settings ...setting) (out, errs string) {
	t.Helper()
	p := start(t, args, settings...)
	if code := p.wait(); code != want {
		t.Fatalf("p2p %q exits with %d; want %d\nstdout: %s\nstderr: %s", args, code, want, p.out.String(), p.errs.String())
	}
	return p.out.String(), p.errs.String()
}

// object reads one line of JSON.
func object(t *testing.T, line string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return v
}

// objects reads output that must be JSON lines and nothing else.
func objects(t *testing.T, out string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(out) {
		all = append(all, object(t, line))
	}
	return all
}

// folder makes files with the given contents, by path, and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// data returns n bytes in which no two pieces are alike.
func data(n int) string {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}

// oneLineSays checks that a failure is reported in one line that holds the parts.
func oneLineSays(t *testing.T, errs string, parts ...string) {
	t.Helper()
	if strings.Count(errs, "\n") != 1 || !strings.HasSuffix(errs, "\n") {
		t.Errorf("stderr is not one line:\n%s", errs)
	}
	for _, part := range parts {
		if !strings.Contains(errs, part) {
			t.Errorf("stderr lacks %q:\n%s", part, errs)
		}
	}
}
