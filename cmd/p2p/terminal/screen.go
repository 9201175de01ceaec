package terminal

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// runScreen runs a session on a terminal.
func runScreen(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	s := &screen{ctx: ctx, o: o, way: newWay(o), session: newSession(o, randomKey), desk: newDesk(o.State), queue: make(chan request, 256)}
	s.session.clipboard = true
	s.background = Dark
	s.theme = newTheme(s.scheme())
	program := tea.NewProgram(s, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Env))
	workers.Go(func() { follow(ctx, s.way, func(in any) { program.Send(in) }) })
	workers.Go(func() { s.callInOrder(program.Send) })
	go s.desk.run(func(err error) { program.Send(saved{err}) }) // not waited for: the disk may stall
	s.brake = newBrake(func(in any) { program.Send(in) })
	defer s.brake.letGo()
	_, err := program.Run()
	close(s.queue)
	s.saveLast()
	s.desk.leave()
	if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil
	}
	return err
}

// leaveTime is how long a person who leaves waits for a node that hangs.
const leaveTime = 2 * time.Second

// saveLast waits for what is under way: the message of a person who leaves is sent before he has left.
func (s *screen) saveLast() {
	saved := make(chan struct{})
	go func() {
		s.last.Wait()
		close(saved)
	}()
	select {
	case <-saved:
	case <-s.ctx.Done():
	case <-time.After(leaveTime):
	}
}

// screen is the shell around a session for bubbletea: it turns messages into inputs and effects into commands.
type screen struct {
	ctx        context.Context
	o          Options
	way        *way
	session    *session
	desk       *desk
	brake      *brake
	stopping   bool // it gives the terminal to the shell
	theme      *theme
	drawn      Colour // the scheme of theme
	background Colour // Dark or Light, as the terminal says
	queue      chan request
	last       sync.WaitGroup
}

// Init asks for the colour of the background, and recalls what the last session left.
func (s *screen) Init() tea.Cmd {
	recall := func() tea.Msg { return loadMemory(s.o.State) }
	if s.o.State == "" {
		recall = nil
	}
	return tea.Batch(tea.RequestBackgroundColor, recall)
}

// Update passes an input on and does what comes out.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.BackgroundColorMsg:
		s.background = Light
		if msg.IsDark() {
			s.background = Dark
		}
		return s, nil
	case tea.InterruptMsg:
		return s, s.handle(key{name: "ctrl+c"})
	case continued:
		return s, tea.Exec(aside(func() {}), nil)
	case resumed:
		s.stopping = false
		return s, nil
	}
	if in := input(msg); in != nil {
		return s, s.handle(in)
	}
	return s, nil
}

// input returns what a message of bubbletea is to the session, or nil.
func input(msg tea.Msg) any {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return key{msg.Keystroke(), msg.Text}
	case tea.PasteMsg:
		return paste{msg.Content}
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft {
			return click{msg.X, msg.Y}
		}
	case tea.MouseWheelMsg:
		if by := map[tea.MouseButton]int{tea.MouseWheelUp: -3, tea.MouseWheelDown: 3}[msg.Button]; by != 0 {
			return wheel{msg.X, msg.Y, by}
		}
	case tea.WindowSizeMsg:
		return resized{msg.Width, msg.Height}
	case tea.FocusMsg:
		return focus{true}
	case tea.BlurMsg:
		return focus{false}
	case tea.ModeReportMsg: // bubbletea draws by the same rule
		if msg.Mode == ansi.ModeUnicodeCore && (msg.Value.IsSet() || msg.Value.IsReset() || msg.Value.IsPermanentlySet()) {
			return metric{ansi.GraphemeWidth}
		}
	default:
		return msg // one of the session's own, or one that it does not know
	}
	return nil
}

func (s *screen) handle(in any) tea.Cmd {
	var commands []tea.Cmd
	for _, e := range s.session.handle(time.Now(), in) {
		if cmd := s.command(e); cmd != nil {
			commands = append(commands, cmd)
		}
	}
	return tea.Batch(commands...)
}

// command returns what does an effect.
func (s *screen) command(e effect) tea.Cmd {
	switch e := e.(type) {
	case request:
		if ordered(e.ask) {
			s.last.Add(1)
			select {
			case s.queue <- e:
				return nil
			default: // the node hangs
				s.last.Done()
			}
		}
		return func() tea.Msg { return s.call(e) }
	case after:
		return tea.Tick(e.wait, func(time.Time) tea.Msg { return e.in })
	case ring:
		if seq := e.sequence(s.o); seq != "" {
			return tea.Raw(seq)
		}
	case copyText:
		return tea.SetClipboard(e.text)
	case unsent:
		s.desk.later(e)
	case seek:
		return func() tea.Msg { return s.desk.take(e) }
	case prefer:
		err := e.do(s.o.State) // at once: of two the later must stay
		return func() tea.Msg { return saved{err} }
	case wake:
		s.way.want()
	case lookUp:
		return func() tea.Msg { return e.look() }
	case quit:
		return tea.Quit
	case repaint:
		return tea.ClearScreen
	case suspend:
		return s.stop()
	}
	return nil
}

// stop gives the terminal to the shell until that lets the program go on.
func (s *screen) stop() tea.Cmd {
	if s.stopping {
		return nil
	}
	s.stopping = true
	return tea.Exec(aside(s.brake.stop), func(error) tea.Msg { return resumed{} })
}

// callInOrder does the requests that must not overtake each other.
func (s *screen) callInOrder(tell func(tea.Msg)) {
	for r := range s.queue {
		tell(s.call(r))
		s.last.Done()
	}
}

// call does a request, with which a text leaves its sheet when that is laid.
func (s *screen) call(r request) answer {
	if leavesSheet(r.ask) {
		s.desk.settle(layTime)
	}
	return call(s.ctx, s.way, r)
}

func (s *screen) scheme() Colour {
	c := s.session.scheme
	if s.o.Colour == None {
		return None
	}
	if c == Auto {
		return s.background
	}
	return c
}

// View draws the session.
func (s *screen) View() tea.View {
	if c := s.scheme(); c != s.drawn || s.theme == nil {
		s.theme, s.drawn = newTheme(c), c
	}
	f := s.session.draw(s.theme)
	v := tea.NewView(f.content)
	v.AltScreen, v.ReportFocus, v.MouseMode, v.WindowTitle = true, true, tea.MouseModeCellMotion, f.title
	if f.cursor {
		v.Cursor = tea.NewCursor(f.x, f.y)
		v.Cursor.Shape, v.Cursor.Blink = tea.CursorBar, false
	}
	return v
}
