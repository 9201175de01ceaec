package terminal

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

var update = flag.Bool("update", false, "write the golden screens anew; look at them before you commit them")

// stage is a session with the answers of a fake node, without a shell.
type stage struct {
	t    testing.TB
	s    *session
	node *fakeNode
	now  time.Time
	did  []effect
	desk *desk // of the profile in its folder

	hangs   bool // the node takes requests and answers none
	waiting []request
}

// newStage opens the conversation with Anna.
func newStage(t testing.TB, say *text.Catalogue, width, height int) *stage {
	n := newFakeNode()
	story(n)
	return stageOf(t, n, say, width, height)
}

func stageOf(t testing.TB, n *fakeNode, say *text.Catalogue, width, height int) *stage {
	return stageIn(t, t.TempDir(), n, say, width, height)
}

// stageIn is stageOf for a profile that others have, too.
func stageIn(t testing.TB, profile string, n *fakeNode, say *text.Catalogue, width, height int) *stage {
	s := newSession(Options{Text: say, Where: "c-anna"}, randomKey)
	s.loc = time.UTC
	st := &stage{t: t, s: s, node: n, now: at, desk: newDesk(profile)}
	t.Cleanup(st.desk.getUp)
	return st.in(loadMemory(profile), resized{width, height}).begins()
}

// begins has the node tell how things stand.
func (st *stage) begins() *stage {
	return st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, EditsOnce: !st.node.older}}})
}

// plainly returns a program of the same profile that reads lines.
func (st *stage) plainly() *stage {
	again := &stage{t: st.t, s: newSession(Options{Text: st.s.say, Where: "c-anna"}, randomKey), node: st.node, now: at, desk: newDesk(filepath.Dir(st.desk.dir))}
	again.s.plain = true
	st.t.Cleanup(again.desk.getUp)
	return again.begins()
}

// kill ends the program as kill -9 does.
func (st *stage) kill() { st.desk.getUp() }

// again returns a program of the same profile that begins after this one was killed.
func (st *stage) again() *stage {
	st.t.Helper()
	st.kill()
	return st.beside()
}

// beside returns a program of the same profile that begins while this one runs.
func (st *stage) beside() *stage {
	return stageIn(st.t, filepath.Dir(st.desk.dir), st.node, st.s.say, st.s.width, st.s.height)
}

// lies returns what lies in the folder of the profile that was typed: each text that is being written, and those that are on their way.
func (st *stage) lies() (written []string, onTheirWay []string) {
	st.t.Helper()
	err := eachSheet(filepath.Dir(st.desk.dir), func(path string) error {
		b, _, err := readSheet(path)
		sh, ok := decodeSheet(b, st.s.seal)
		if !ok {
			st.t.Errorf("%s cannot be read", path)
		}
		if text := sh.told(); text != "" {
			written = append(written, text)
		}
		for _, k := range sh.Unsent {
			onTheirWay = append(onTheirWay, k.Text)
		}
		for _, k := range sh.Edits {
			onTheirWay = append(onTheirWay, k.Text)
		}
		return err
	})
	if err != nil {
		st.t.Fatal(err)
	}
	slices.Sort(written)
	return written, onTheirWay
}

// in gives inputs to the session and answers its requests at once.
func (st *stage) in(inputs ...any) *stage {
	for _, in := range inputs {
		for _, e := range st.s.handle(st.now, in) {
			st.did = append(st.did, e)
			st.keep(e)
			r, asks := e.(request)
			if !asks {
				continue
			}
			if st.hangs {
				st.waiting = append(st.waiting, r)
				continue
			}
			st.in(callNode(st.t, st.node, r))
		}
	}
	return st
}

// keep does what is to be done in the folder of the profile.
func (st *stage) keep(e effect) {
	st.t.Helper()
	var err error
	switch e := e.(type) {
	case unsent:
		if err = st.desk.lay(e); errors.Is(err, errOtherKey) {
			st.in(saved{err})
			return
		}
	case seek:
		st.in(st.desk.take(e))
	case prefer:
		err = e.do(filepath.Dir(st.desk.dir))
	}
	if err != nil {
		st.t.Fatal(err)
	}
}

// keys presses keys; a word of one letter or in quotes is typed.
func (st *stage) keys(names ...string) *stage {
	for _, n := range names {
		if text, ok := strings.CutPrefix(n, "'"); ok {
			for _, r := range text {
				st.in(key{string(r), string(r)})
			}
			continue
		}
		st.in(key{name: n})
	}
	return st
}

// asked returns the requests of one type that were made, the last one last.
func asked[R any](st *stage) []R {
	var found []R
	for _, e := range st.did {
		if r, ok := e.(request); ok {
			if q, ok := r.ask.(R); ok {
				found = append(found, q)
			}
		}
	}
	return found
}

// screen returns what a terminal shows of the session.
func (st *stage) screen(c Colour) *vt.Emulator {
	e := vt.NewEmulator(st.s.width, st.s.height)
	f := st.s.draw(newTheme(c))
	if _, err := e.WriteString(strings.ReplaceAll(f.content, "\n", "\r\n")); err != nil {
		st.t.Fatal(err)
	}
	return e
}

func (st *stage) text() string { return st.screen(None).String() }

// shows fails the test unless the screen has all of words.
func (st *stage) shows(words ...string) *stage {
	st.t.Helper()
	screen := st.text()
	for _, w := range words {
		if !strings.Contains(screen, w) {
			st.t.Errorf("the screen lacks %q:\n%s", w, screen)
		}
	}
	return st
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if w := strings.ReplaceAll(string(want), "\r\n", "\n"); w != got {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, w)
	}
}

// trim takes away the blanks at the ends of lines, and ends the last one.
func trim(screen string) string {
	lines := strings.Split(screen, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestScreensLookAsTheyDid(t *testing.T) {
	for _, c := range []struct {
		name          string
		say           *text.Catalogue
		width, height int
		do            func(*stage)
	}{
		{"usual", text.English(), 80, 24, func(*stage) {}},
		{"large", text.English(), 120, 40, func(*stage) {}},
		{"small", text.English(), 40, 10, func(*stage) {}},
		{"tiny", text.English(), 20, 5, func(*stage) {}},
		{"chinese", text.Chinese(), 80, 24, func(st *stage) {
			st.keys("'你好，我在写一条很长的消息，看看换行和光标是不是都对，还有标点符号：应该没问题")
		}},
		{"help", text.English(), 100, 60, func(st *stage) { st.keys("f1") }},
		{"chosen", text.English(), 80, 24, func(st *stage) { st.keys("up", "up") }},
		{"found", text.English(), 80, 24, func(st *stage) { st.keys("ctrl+f", "'run", "enter") }},
		{"list", text.English(), 40, 12, func(st *stage) { st.keys("ctrl+b") }},
		{"alert", text.English(), 80, 24, func(st *stage) {
			st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_KEY_CHANGED, Account: account("anna"), Name: "Anna", Text: "The directory names another one."}}})
		}},
		{"away", text.English(), 80, 24, func(st *stage) {
			st.in(lost{err: os.ErrClosed, in: 3 * time.Second}).keys("'a message that waits", "enter")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newStage(t, c.say, c.width, c.height)
			c.do(st)
			golden(t, c.name, trim(st.text()))
		})
	}
}

// A terminal that counts columns by itself must come to the same places: a line that is one
// column too wide would push the rest of the screen down.
func TestEveryLineFitsTheWindow(t *testing.T) {
	st := newStage(t, text.Chinese(), 80, 24)
	st.node.add("c-anna", "anna", "family 👩‍👩‍👧 flag 🇨🇳 combining é a\u0301 ａ ｗｉｄｅ |", at, nil)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: st.node.messages["c-anna"][len(st.node.messages["c-anna"])-1]}})
	for width := 10; width < 140; width += 7 {
		for height := 3; height < 40; height += 5 {
			st.in(resized{width, height})
			lines := strings.Split(st.s.draw(newTheme(None)).content, "\n")
			if len(lines) > height {
				t.Fatalf("%d lines at %dx%d", len(lines), width, height)
			}
			for i, l := range lines {
				if w := st.s.m.StringWidth(l); w > width {
					t.Fatalf("line %d is %d columns wide at %dx%d: %q", i, w, width, height, l)
				}
			}
		}
	}
}

func TestSchemesDifferAndNoColourHasNone(t *testing.T) {
	st := newStage(t, text.English(), 80, 24)
	seen := map[string]Colour{}
	for _, c := range []Colour{Dark, Light, Contrast, None} {
		content := st.s.draw(newTheme(c)).content
		if other, ok := seen[content]; ok {
			t.Errorf("scheme %d looks as scheme %d", c, other)
		}
		seen[content] = c
		if coloured := strings.Contains(content, "38;5;"); coloured == (c == None) {
			t.Errorf("scheme %d has colours: %v", c, coloured)
		}
	}
}
