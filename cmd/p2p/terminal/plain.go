package terminal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"p2p/cmd/p2p/api/p2pv1"
)

// maxLine is how long a line of the input may be, in bytes.
const maxLine = 1 << 20

// linesAhead is how many lines somebody may type before the first is heard: what he types is shown meanwhile.
const linesAhead = 64

// UnsentError is that some lines of an input, which is no terminal, could not be sent. Why was said for each.
type UnsentError struct{ Lines int }

// Error implements error.
func (e *UnsentError) Error() string { return fmt.Sprintf("%d lines could not be sent", e.Lines) }

// runPlain runs a session line by line: what happens is printed as sentences, what is typed is
// sent or is a command. When the input ends, so does the session, after the answers to what was asked.
func runPlain(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	p := &plain{ctx: ctx, o: o, way: newWay(o), session: newSession(o, randomKey), desk: newDesk(o.State), inputs: make(chan any, 64), theme: newTheme(None)}
	p.session.plain, p.session.width = true, 1<<16 // lines are wrapped by whoever shows them
	defer p.desk.getUp()
	console, release := openConsole(o)
	defer release()
	if p.console = console; console != nil {
		p.changed, p.session.console = console.changed, true
	}
	workers.Go(func() { follow(ctx, p.way, p.send) })
	lines := make(chan string, linesAhead)
	if console != nil {
		go console.readLines(ctx, o.In, lines) // not waited for: nothing ends a read of a terminal
	} else {
		go readLines(ctx, o.In, lines)
	}
	if o.State != "" {
		p.handle(loadMemory(o.State))
	}
	err := p.run(lines)
	if n := p.session.refusals; err == nil && n > 0 && !isTerminal(o.In) {
		err = &UnsentError{n}
	}
	return err
}

// plain is the shell around a session for pipes and screen readers.
type plain struct {
	ctx     context.Context
	o       Options
	console *console // nil: what is typed shows by itself
	changed <-chan struct{}
	way     *way
	session *session
	desk    *desk
	theme   *theme
	inputs  chan any
	asked   int       // requests without an answer
	inOrder []request // of these, those that must not overtake each other: the first was asked, the others wait for its answer
	shown   *conversation
	begun   bool // the node has told how things stand
	failed  error
	left    bool
}

func (p *plain) send(in any) {
	select {
	case p.inputs <- in:
	case <-p.ctx.Done():
	}
}

func (p *plain) run(lines <-chan string) error {
	for !p.left && p.failed == nil {
		ready := lines
		switch {
		case p.begun:
		case p.idle():
			p.begun = true
			p.printAll(p.session.greet())
		default:
			ready = nil // it is not known yet who there is, and to whom a line would go
		}
		if len(p.inOrder) > 0 && p.session.linked {
			ready = nil // what it asks for must not overtake them either; a node that hangs is not waited for
		}
		select {
		case <-p.ctx.Done():
			return nil
		case in := <-p.inputs:
			p.take(in)
		case <-p.changed:
			if len(lines) == 0 { // else it is told behind the lines
				p.handle(typing{p.console.text()})
			}
		case text, ok := <-ready:
			if !ok {
				lines = nil
				p.finish()
				continue
			}
			p.handle(typed{strings.TrimRight(text, "\r\n")})
			if p.console != nil && len(lines) == 0 {
				p.handle(typing{p.console.text()})
			}
		}
	}
	return p.failed
}

// take handles what has come from elsewhere than the input.
func (p *plain) take(in any) {
	a, answered := in.(answer)
	if answered {
		p.asked--
	}
	if answered && ordered(a.ask) {
		if p.inOrder = p.inOrder[1:]; len(p.inOrder) > 0 {
			p.ask(p.inOrder[0])
		}
	}
	p.handle(in)
}

// ask asks the node on a goroutine of its own.
func (p *plain) ask(r request) { go func() { p.send(call(p.ctx, p.way, r)) }() }

// idle reports whether the node has answered all that it was asked.
func (p *plain) idle() bool { return p.session.linked && p.asked == 0 }

// finish waits for the answers to what was asked, and ends.
func (p *plain) finish() {
	for !p.idle() || p.waiting() {
		select {
		case <-p.ctx.Done():
			return
		case in := <-p.inputs:
			p.take(in)
		}
	}
	p.handle(key{name: "ctrl+c"})
}

// waiting reports whether a message, or a change of one, has not been confirmed by the node.
func (p *plain) waiting() bool {
	for _, c := range p.session.conversations {
		if len(c.pending)+len(c.changes) > 0 {
			return true
		}
	}
	return false
}

// handle passes an input on, prints what is said, and does what is to be done.
func (p *plain) handle(in any) {
	if e, ok := in.(*p2pv1.Event); ok && e.GetSaid() != nil {
		return // what was read out cannot go away again
	}
	effects := p.session.handle(time.Now(), in)
	p.opened()
	p.printAll(p.session.told)
	for _, e := range effects {
		p.do(e)
	}
}

// opened reads out the conversation that is open, when all that is unread in it is there.
func (p *plain) opened() {
	s := p.session
	if c := s.current; c != p.shown && c != nil && c.loaded && !c.seeking() {
		p.shown = c
		p.printAll(s.readOut(c))
	}
}

func (p *plain) printAll(lines []line) {
	for _, l := range lines {
		p.print(l)
	}
}

// print writes a line of the session; what has several lines is set apart by blanks.
func (p *plain) print(l line) {
	text := strings.ReplaceAll(l.text(), "\n", "\n    ")
	switch {
	case p.failed != nil:
	case p.console != nil:
		p.failed = p.console.print(text)
	default:
		_, p.failed = fmt.Fprintln(p.o.Out, text)
	}
}

func (p *plain) do(e effect) {
	switch e := e.(type) {
	case request:
		p.asked++
		if ordered(e.ask) {
			if p.inOrder = append(p.inOrder, e); len(p.inOrder) > 1 {
				return
			}
		}
		p.ask(e)
	case after:
		if _, fades := e.in.(fade); !fades {
			time.AfterFunc(e.wait, func() { p.send(e.in) })
		}
	case ring:
		if p.o.Bell && isTerminal(p.o.Out) {
			io.WriteString(p.o.Out, "\a")
		}
	case unsent:
		p.keep(p.desk.lay(e))
	case seek:
		p.handle(p.desk.take(e))
	case putBack:
		p.console.begin(e.text)
	case prefer:
		p.keep(e.do(p.o.State))
	case wake:
		p.way.want()
	case quit:
		p.left = true
	}
}

// keep tells that something could not be kept.
func (p *plain) keep(err error) {
	if err != nil {
		p.handle(saved{err})
	}
}

// readLines passes the lines of in on until it ends.
func readLines(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		select {
		case lines <- scan.Text():
		case <-ctx.Done():
			return
		}
	}
}

// isTerminal reports whether a reader or writer is one.
func isTerminal(file any) bool {
	f, ok := file.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
