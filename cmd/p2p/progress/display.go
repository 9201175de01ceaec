package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Options are what New makes a Display from.
type Options struct {
	Out   io.Writer // where everything goes, usually stderr
	Style Style

	// Live is true for a terminal: lines are redrawn in place. Otherwise they
	// are plain and come every minute and on each 10 %.
	Live bool

	// Size is that of the terminal, asked at every drawing; nil = 80 columns and
	// 24 rows.
	Size func() (columns, rows int)

	Quiet bool // show no progress; Print and Write still write
}

// plainEvery is how often a plain line comes when nothing else calls for one.
const plainEvery = time.Minute

// Display shows progress and lets other output pass by it. All methods may be
// called from any goroutine.
type Display struct {
	o Options

	mu      sync.Mutex
	drawn   []string // the live lines on the screen, the cursor after the last
	pending []byte   // an unfinished line given to Write
	plain   plainState
}

// plainState is what decides when the next plain line is due.
type plainState struct {
	started bool
	state   State
	tenth   int // of the last line: 0 to 10
	at      time.Time
}

// New returns a display that has drawn nothing yet.
func New(o Options) *Display {
	if o.Size == nil {
		o.Size = func() (int, int) { return 80, 24 }
	}
	return &Display{o: o}
}

// Show brings the display up to date: it redraws the live line, or writes a
// plain line if one is due at now.
func (d *Display) Show(now time.Time, s Snapshot) {
	d.ShowBlock(now, s, nil)
}

// ShowBlock is Show with further lines below the first on a terminal. They are
// cut to its width and height; elsewhere they are left out.
func (d *Display) ShowBlock(now time.Time, s Snapshot, below []string) {
	if d.o.Quiet {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.o.Live {
		if d.plain.due(now, s) {
			fmt.Fprintln(d.o.Out, d.o.Style.Plain(s, now))
		}
		return
	}
	columns, rows := d.o.Size()
	lines := []string{d.o.Style.Line(s, columns)}
	for _, line := range below {
		if len(lines) >= rows-1 {
			break // what has scrolled away cannot be redrawn
		}
		lines = append(lines, clipColoured(line, columns-1))
	}
	d.redraw(lines)
}

// due reports whether a plain line should be written, and notes that it was.
// The first call of a state writes nothing: there is no progress to report.
func (p *plainState) due(now time.Time, s Snapshot) bool {
	tenth := int(s.stage() * 10)
	if !p.started || p.state != s.State {
		*p = plainState{started: true, state: s.State, tenth: tenth, at: now}
		return false
	}
	if now.Sub(p.at) < plainEvery && (tenth <= p.tenth || s.State == Seeding) {
		return false
	}
	p.tenth, p.at = tenth, now
	return true
}

// Status writes s once as a line that stays, whatever is due: the answer to
// SIGUSR1.
func (d *Display) Status(now time.Time, s Snapshot) {
	d.Print(d.o.Style.Plain(s, now))
}

// Print writes one line above the live lines.
func (d *Display) Print(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.above([]byte(line + "\n"))
}

// Write implements io.Writer for a log: whole lines go above the live lines,
// an unfinished one waits for its end. It always takes all of p.
func (d *Display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	end := bytes.LastIndexByte(p, '\n')
	if end < 0 {
		d.pending = append(d.pending, p...)
		return len(p), nil
	}
	d.above(append(d.pending, p[:end+1]...))
	d.pending = append([]byte(nil), p[end+1:]...)
	return len(p), nil
}

// Sync implements zapcore.WriteSyncer; there is nothing to flush.
func (d *Display) Sync() error { return nil }

// Clear takes the live lines off the screen. The display may go on.
func (d *Display) Clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.redraw(nil)
}

func (d *Display) above(text []byte) {
	if len(d.drawn) == 0 {
		d.o.Out.Write(text) // an error here has nobody left to be told
		return
	}
	lines := d.drawn
	var b strings.Builder
	d.erase(&b)
	b.Write(text)
	d.draw(&b, lines)
	io.WriteString(d.o.Out, b.String())
}

func (d *Display) redraw(lines []string) {
	if len(lines) == 0 && len(d.drawn) == 0 {
		return
	}
	var b strings.Builder
	d.erase(&b)
	d.draw(&b, lines)
	io.WriteString(d.o.Out, b.String())
}

// erase moves the cursor to the start of the block and clears all below it.
func (d *Display) erase(b *strings.Builder) {
	if n := len(d.drawn); n > 1 {
		fmt.Fprintf(b, "\x1b[%dA", n-1)
	}
	if len(d.drawn) > 0 {
		b.WriteString("\r\x1b[J")
	}
	d.drawn = nil
}

func (d *Display) draw(b *strings.Builder, lines []string) {
	b.WriteString(strings.Join(lines, "\n"))
	d.drawn = lines
}
