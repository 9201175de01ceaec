package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/drive"
	"p2p/cmd/p2p/text"
)

// output collects what a session prints, and waits for words of it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newOutput() *output { return &output{more: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor waits until words were said; who waits for what may have been said before names the time with waitForTime.
func (o *output) waitFor(t *testing.T, words string) {
	t.Helper()
	o.waitForTime(t, words, 1)
}

// waitForTime waits until words were said n times.
func (o *output) waitForTime(t *testing.T, words string, n int) {
	t.Helper()
	deadline := time.After(patience)
	for strings.Count(o.String(), words) < n {
		select {
		case <-o.more:
		case <-deadline:
			t.Fatalf("it never says %q, for the time %d:\n%s", words, n, o)
		}
	}
}

func TestPlainModeReadsLinesAndPrintsSentences(t *testing.T) {
	n := newFakeNode()
	story(n)
	out := newOutput()
	in, typing := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(context.Background(), Options{Client: n.serve(t), Where: "c-anna", Text: text.English(), In: in, Out: out})
	}()
	out.waitFor(t, "Conversation: Anna")
	io.WriteString(typing, "hello from a pipe\n")
	out.waitFor(t, "mia: hello from a pipe")
	n.add("c-bo", "bo", "psst\nover here", n.now(), nil)
	out.waitFor(t, "Bo: psst\n    over here")
	n.add("c-anna", "anna", "indeed", n.now(), func(m *p2pv1.Message) { m.ReplyTo, m.ReplyName, m.ReplyText = "x", "mia", "hello from a pipe" })
	out.waitFor(t, "Anna: (to mia: hello from a pipe) indeed")
	n.add("c-anna", "anna", "so what", n.now(), func(m *p2pv1.Message) { m.ReplyTo = "gone" })
	out.waitFor(t, "Anna: (to a message that is not there) so what")
	n.changed("c-bo", 1, "Bo", p2pv1.Change_KIND_EDITED, func(m *p2pv1.Message) { m.Text = "here\nand there" })
	out.waitFor(t, "Bo: Bo edited the message of ")
	out.waitFor(t, ": here\n    and there")
	n.changed("c-anna", 1, "mia", p2pv1.Change_KIND_REACTED, func(m *p2pv1.Message) { m.Change.Emoji, m.Change.Mine = "👍", true })
	out.waitFor(t, "] mia put 👍 to a message by Anna, of")
	n.changed("c-anna", 2, "Anna", p2pv1.Change_KIND_REACTED, func(m *p2pv1.Message) { m.Change.Emoji = "🎉" })
	out.waitFor(t, "] Anna put 🎉 to your message of")
	n.changed("c-anna", 1, "Anna", p2pv1.Change_KIND_DELETED, func(m *p2pv1.Message) { m.Deleted = true })
	out.waitFor(t, "Anna deleted a message by Anna, of")
	io.WriteString(typing, "/who\n")
	out.waitFor(t, "Bo  away, LAN 0.4 ms")
	io.WriteString(typing, "/nonsense\n")
	out.waitFor(t, "there is no command /nonsense")
	typing.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\a") {
		t.Errorf("there are control sequences: %q", out)
	}
}

// What comes from a pipe is all sent before the program ends.
func TestPlainModeSendsAllBeforeItEnds(t *testing.T) {
	n := newFakeNode()
	err := Run(context.Background(), Options{
		Client: n.serve(t), Where: "c-bo", Text: text.English(), In: strings.NewReader("one\ntwo\nthree\n"), Out: io.Discard, State: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range n.messages["c-bo"] {
		got = append(got, m.GetText())
	}
	if strings.Join(got, " ") != "one two three" {
		t.Errorf("sent %v", got)
	}
}

// A script has to know that not all of what it wrote was sent.
func TestPlainModeFailsWhenALineOfAPipeCannotBeSent(t *testing.T) {
	n := newFakeNode()
	err := Run(context.Background(), Options{
		Client: n.serve(t), Where: "c-bo", Text: text.English(), In: strings.NewReader("one\n" + strings.Repeat("x", maxMessage+1) + "\n\xff\n"), Out: io.Discard,
	})
	if e, ok := errors.AsType[*UnsentError](err); !ok || e.Lines != 2 {
		t.Errorf("it ends with %v", err)
	}
	if all := n.messages["c-bo"]; len(all) != 1 || all[0].GetText() != "one" {
		t.Errorf("sent %v", all)
	}
}

func TestAnOutputThatIsGoneEndsPlainMode(t *testing.T) {
	n := newFakeNode()
	story(n)
	in, _ := io.Pipe()
	r, w := io.Pipe()
	r.Close()
	if err := Run(context.Background(), Options{Client: n.serve(t), Where: "c-anna", Text: text.English(), In: in, Out: w}); err == nil {
		t.Error("nobody reads it, and it goes on")
	}
}

// serveAt starts a server at an address.
func serveAt(t *testing.T, address string, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Listener.Close()
	s.Listener = listen(t, address)
	s.Start()
	return s
}

// vanish ends a server as a process ends that is killed. Who comes back at once must not get in before the door is shut.
func vanish(s *httptest.Server) {
	s.Listener.Close()
	s.CloseClientConnections()
}

// The node is restarted in the middle: what was said meanwhile is shown, once, and what was typed meanwhile is sent.
func TestTheStreamGoesOnWhereItWasWhenTheNodeComesBack(t *testing.T) {
	n := newFakeNode()
	story(n)
	_, handler := p2pv1connect.NewPeopleHandler(n)
	address := drive.Addr(t)
	server := serveAt(t, address, handler)
	out := newOutput()
	in, typing := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Client: p2pv1connect.NewPeopleClient(server.Client(), server.URL), Where: "c-anna", Text: text.English(), In: in, Out: out})
	}()
	out.waitFor(t, "Conversation: Anna")
	vanish(server)
	out.waitFor(t, "the node does not answer")
	n.add("c-anna", "anna", "said meanwhile", n.now(), nil)
	io.WriteString(typing, "typed meanwhile\n")
	again := serveAt(t, address, handler)
	defer func() { stop(); <-done; again.CloseClientConnections(); again.Close() }()
	out.waitFor(t, "the node answers again")
	out.waitFor(t, "Anna: said meanwhile")
	out.waitFor(t, "mia: typed meanwhile")
	if c := strings.Count(out.String(), "said meanwhile"); c != 1 {
		t.Errorf("it is said %d times", c)
	}
}

// mortal is a node that dies, and that attach starts again.
type mortal struct {
	node    *fakeNode
	handler http.Handler
	mu      sync.Mutex
	server  *httptest.Server // nil while it is dead
	starts  int
}

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server != nil {
		vanish(m.server)
		m.server = nil
	}
}

// stop ends it as one ends that was asked to: who listens is told, and nobody comes in any more, also not by a connection that
// was made before and never used.
func (m *mortal) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server.Listener.Close()
	m.node.stopStreams()
	m.server.Close()
	m.server = nil
}

func (m *mortal) attach(context.Context) (p2pv1connect.PeopleClient, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server == nil {
		m.node.resume()
		m.server = httptest.NewServer(m.handler)
		m.starts++
	}
	return p2pv1connect.NewPeopleClient(m.server.Client(), m.server.URL), nil
}

func TestANodeThatDiesIsStartedAndOneThatWasStoppedOnlyWhenThePersonNeedsIt(t *testing.T) {
	n := newFakeNode()
	story(n)
	m := &mortal{node: n}
	_, m.handler = p2pv1connect.NewPeopleHandler(n)
	client, _ := m.attach(t.Context())
	out := newOutput()
	in, typing := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Client: client, Attach: m.attach, Where: "c-anna", Text: text.English(), In: in, Out: out})
	}()
	defer func() { stop(); <-done; m.die() }()
	out.waitFor(t, "Conversation: Anna")
	m.die()
	out.waitFor(t, "it is started again")
	out.waitFor(t, "the node answers again")
	io.WriteString(typing, "after its death\n")
	out.waitFor(t, "mia: after its death")
	if m.starts != 2 {
		t.Errorf("it was started %d times", m.starts)
	}
	m.stop()
	out.waitFor(t, "the node was stopped, or does not start; Enter starts it")
	if m.starts != 2 {
		t.Error("it is started though somebody has stopped it")
	}
	io.WriteString(typing, "after it was stopped\n")
	out.waitFor(t, "mia: after it was stopped")
}

func TestWhatWasChosenIsRememberedOrForgottenWhole(t *testing.T) {
	dir := t.TempDir()
	if r := loadMemory(dir); r.Muted != nil || r.Colour != "" {
		t.Errorf("without a file there is %v", r)
	}
	want := remembered{private: private{Muted: []string{"a", "b"}}, Colour: "light"}
	if err := want.save(dir, nil); err != nil {
		t.Fatal(err)
	}
	if r := loadMemory(dir); len(r.Muted) != 2 || r.Colour != "light" {
		t.Errorf("read %v", r)
	}
	if err := os.WriteFile(filepath.Join(dir, memoryName), []byte(`{"muted":["a"],"colour":7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := loadMemory(dir); r.Muted != nil {
		t.Errorf("a broken file gives %v", r)
	}
}

func TestTheEnvironmentChoosesHowToNotifyAndWhetherThereAreColours(t *testing.T) {
	for _, c := range []struct {
		env    []string
		notify Notify
		colour Colour
		plain  bool
	}{
		{[]string{"TERM=xterm-kitty"}, NotifyOSC9, Auto, true}, {[]string{"TERM=foot", "NO_COLOR=1"}, NotifyOSC777, None, true},
		{[]string{"TERM=xterm-256color", "TERM_PROGRAM=WezTerm"}, NotifyOSC9, Auto, true}, {[]string{"TERM=xterm"}, NotifyOff, Auto, true},
	} {
		o := Options{Env: c.env, Out: io.Discard}.withDefaults()
		if o.Notify != c.notify || o.Colour != c.colour || o.isPlain() != c.plain {
			t.Errorf("%v gives %+v", c.env, o)
		}
	}
}

func TestATerminalThatSaysNothingOfItselfIsDumb(t *testing.T) {
	for _, c := range []struct {
		term, system string
		want         bool
	}{{"", "linux", true}, {"dumb", "linux", true}, {"xterm", "linux", false}, {"", "windows", false}, {"dumb", "windows", true}} {
		if isDumb(c.term, c.system) != c.want {
			t.Errorf("%+v", c)
		}
	}
}

// What is printed line by line stands where it came, so it is said where it belongs.
func TestPlainModeSaysWhereALateMessageBelongs(t *testing.T) {
	n := newFakeNode()
	n.add("c-anna", "anna", "first", n.now(), nil)
	n.add("c-anna", "anna", "last", n.now().Add(time.Hour), nil)
	out := newOutput()
	in, typing := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(context.Background(), Options{Client: n.serve(t), Where: "c-anna", Text: text.English(), In: in, Out: out})
	}()
	out.waitFor(t, "Anna: last")
	late := func(m *p2pv1.Message) { m.Late, m.Lamport = true, n.messages["c-anna"][1].GetLamport() }
	n.add("c-anna", "anna", "between", n.now(), func(m *p2pv1.Message) { late(m); m.Device = "" })
	out.waitFor(t, "(came late, before Anna: last) Anna: between")
	n.add("c-bo", "bo", "elsewhere", n.now(), late)
	out.waitFor(t, "(came late) Bo: elsewhere")
	typing.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	out = newOutput()
	if err := Run(context.Background(), Options{Client: n.serve(t), Where: "c-anna", Text: text.English(), In: strings.NewReader(""), Out: out}); err != nil {
		t.Fatal(err)
	}
	out.waitFor(t, "(came late, before Anna: last) Anna: between")
}
