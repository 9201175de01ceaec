package terminal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// sealedHello is that of a node whose history has a passphrase.
func sealedHello(st *stage, key byte) *p2pv1.Event {
	return &p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true, Seal: bytes.Repeat([]byte{key}, 32)}}}
}

// kept saves the file as the session last wanted it, and returns its bytes and what is read from it.
func (st *stage) kept(path string) (string, remembered) {
	st.t.Helper()
	for _, e := range slices.Backward(st.did) {
		if r, ok := e.(remembered); ok {
			if err := r.save(path); err != nil {
				st.t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				st.t.Fatal(err)
			}
			return string(b), loadMemory(path)
		}
	}
	st.t.Fatal("nothing was to be kept")
	return "", remembered{}
}

func TestWhatIsTypedWhileTheNodeIsAwayIsSealedAndOpenedWithItsKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.json")
	st := usual(t)
	st.in(sealedHello(st, 7), lost{err: errors.New("gone"), in: time.Second})
	st.keys("'/colour light", "enter", "'/mute", "enter", "'a secret plan", "enter", "'half a secret").in(pause{"c-anna", wording{draft: "half a secret"}})
	file, r := st.kept(path)
	if strings.Contains(file, "secret") || strings.Contains(file, "c-anna") || !strings.Contains(file, "light") {
		t.Errorf("in the file is %s", file)
	}
	again := usual(t).in(r)
	again.keys("'/colour dark", "enter") // before the key is known
	if _, r = again.kept(path); len(r.Sealed) == 0 || r.Colour != "dark" {
		t.Errorf("what was sealed is lost: %v", r)
	}
	again.in(sealedHello(again, 7)).shows("a secret plan ✓", "> half a secret")
	if !again.s.muted["c-anna"] {
		t.Error("what was muted is not")
	}
	if other := usual(t).in(r); other.in(sealedHello(other, 8)) == nil || len(asked[*p2pv1.SendRequest](other)) > 0 {
		t.Error("with another key something is sent")
	}
}

func TestAFileFromBeforeThePassphraseWasAskedForIsSealed(t *testing.T) {
	st := stageOf(t, newFakeNode(), text.English(), 80, 24)
	st.in(remembered{private: private{Drafts: map[string]string{"c-elsewhere": "a secret"}}})
	st.in(sealedHello(st, 7))
	file, r := st.kept(filepath.Join(t.TempDir(), "terminal.json"))
	if p, ok := r.open(bytes.Repeat([]byte{7}, 32)); strings.Contains(file, "secret") || !ok || p.Drafts["c-elsewhere"] != "a secret" {
		t.Errorf("in the file is %s, with %v", file, p)
	}
}

func TestAFileIsSealedWhenItsProfileIsEncryptedAndOpenedWhenItIsDecrypted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.json")
	key, other := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	if err := Reseal(path, nil, key); err != nil || len(loadMemory(path).Sealed) > 0 {
		t.Errorf("where there is no file: %v", err)
	}
	r := remembered{Colour: "light", private: private{
		Muted: []string{"c-a"}, Drafts: map[string]string{"c-a": "a secret"}, Unsent: map[string][]kept{"c-a": {{Key: "1", Text: "a secret"}}},
	}}
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	reseal := func(was, is []byte) (string, remembered) {
		t.Helper()
		if err := Reseal(path, was, is); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), loadMemory(path)
	}
	file, sealed := reseal(nil, key)
	if p, ok := sealed.open(key); !ok || strings.Contains(file, "secret") || sealed.Colour != "light" || p.Unsent["c-a"][0].Text != "a secret" {
		t.Errorf("in the file is %s", file)
	}
	// Before the key is known, a session adds to it.
	sealed.private = private{Muted: []string{"c-a", "c-b"}, Drafts: map[string]string{"c-b": "a later secret"}, Unsent: map[string][]kept{"c-a": {{Key: "2"}}}}
	if err := sealed.save(path); err != nil {
		t.Fatal(err)
	}
	if file, _ := reseal(key, key); strings.Contains(file, "secret") {
		t.Errorf("in the file is %s", file)
	}
	_, open := reseal(key, nil)
	if len(open.Sealed) > 0 || !slices.Equal(open.Muted, []string{"c-a", "c-b"}) || open.Drafts["c-a"] != "a secret" || open.Drafts["c-b"] != "a later secret" ||
		len(open.Unsent["c-a"]) != 2 || open.Colour != "light" {
		t.Errorf("opened it is %+v", open)
	}
	reseal(nil, key)
	if _, lost := reseal(other, other); len(lost.Sealed) > 0 || lost.Colour != "light" {
		t.Errorf("what was sealed with another key is kept: %+v", lost)
	}
}

// A node that hangs, on a disk that stalls, takes what it is given and answers nothing.
func TestWhatANodeThatHangsHasNotConfirmedIsKeptUntilItHas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.json")
	st := usual(t)
	st.hangs = true
	st.keys("'into the void", "enter", "'and more")
	st.in(pause{"c-anna", wording{draft: "and more"}})
	st.in(overdue{})
	for _, e := range st.did {
		if r, ok := e.(remembered); ok {
			t.Errorf("before the node had time to answer, %v is kept", r.private)
		}
	}
	st.now = st.now.Add(ackTime)
	st.in(overdue{})
	_, r := st.kept(path)
	if u := r.Unsent["c-anna"]; len(u) != 1 || u[0].Text != "into the void" || !u[0].Doubt || r.Drafts["c-anna"] != "and more" {
		t.Errorf("kept are %v, %v", u, r.Drafts)
	}
	st.hangs = false
	for _, q := range st.waiting {
		st.in(callNode(t, st.node, q))
	}
	if _, r := st.kept(path); len(r.Unsent)+len(r.Drafts) > 0 {
		t.Errorf("the node has it all, and kept are %v, %v", r.Unsent, r.Drafts)
	}
}

func TestAConversationWhoseFirstPageWasNotReadIsAskedForAgain(t *testing.T) {
	st := usual(t)
	st.s.current.loaded, st.s.current.items = false, nil
	st.in(answer{request: request{ask: &p2pv1.ListMessagesRequest{Where: "c-anna"}}, err: errors.New("the disk stalls")})
	asks := len(asked[*p2pv1.ListMessagesRequest](st))
	st.in(retry{"c-anna"})
	if n := len(asked[*p2pv1.ListMessagesRequest](st)); n != asks+1 || !st.s.current.loaded {
		t.Errorf("asked %d times, then %d", asks, n)
	}
}

func TestWordsThatNobodyHasHeardAreBackWhereTheyWereWritten(t *testing.T) {
	st := usual(t).keys("'and now")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
		Kind: p2pv1.Alert_KIND_UNHEARD, Name: "Anna", Text: "said\noffline\x1b[2J", Conversation: "c-anna", Reason: api.Problem(api.Unheard, "where", "Anna", "count", "2"),
	}}})
	st.shows("nobody in Anna will see")
	if got := st.s.composer.editor.text(); !strings.HasPrefix(got, "said\noffline") || !strings.HasSuffix(got, "and now") || strings.Contains(got, "\x1b") {
		t.Errorf("the input has %q", got)
	}
	if d := asked[*p2pv1.SaveDraftRequest](st); len(d) == 0 || !strings.HasPrefix(d[len(d)-1].Text, "said\noffline") {
		t.Errorf("saved are %v", d)
	}
}

// The node keeps one draft for all windows: what is sent in one of them clears it.
func TestADraftIsSavedAgainWhenSomethingWasSentInAnotherWindow(t *testing.T) {
	st := usual(t).keys("'the first window", "alt+down", "alt+up")
	if got := st.node.drafts["c-anna"]; got != "the first window" {
		t.Fatalf("the draft is %q", got)
	}
	m := st.node.add("c-anna", "mia", "short", at, nil)
	st.node.drafts["c-anna"] = ""
	st.did = nil
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	if !slices.ContainsFunc(st.did, func(e effect) bool { a, ok := e.(after); return ok && a.in == any(elsewhere{"c-anna"}) }) {
		t.Fatal("that something was sent elsewhere is not noticed")
	}
	if st.in(elsewhere{"c-anna"}); st.node.drafts["c-anna"] != "the first window" {
		t.Errorf("the draft is %q", st.node.drafts["c-anna"])
	}
	st.keys("enter")
	m = st.s.current.lastItem().Message
	if st.did = nil; !m.GetMine() || m.GetText() != "the first window" {
		t.Fatalf("the last message is %v", m)
	}
	for _, e := range st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}}).did {
		if a, ok := e.(after); ok {
			if _, again := a.in.(elsewhere); again {
				t.Error("what was sent here counts as sent elsewhere")
			}
		}
	}
	if st.node.drafts["c-anna"] != "" {
		t.Errorf("after it was sent the draft is %q", st.node.drafts["c-anna"])
	}
}
