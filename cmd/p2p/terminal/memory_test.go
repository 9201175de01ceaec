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
)

// sealedHello is that of a node whose history has a passphrase.
func sealedHello(st *stage, key byte) *p2pv1.Event {
	return &p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true, Seal: bytes.Repeat([]byte{key}, 32)}}}
}

// files returns the bytes of all files in the folder of the profile.
func (st *stage) files() string { return filesIn(st.t, filepath.Dir(st.desk.dir)) }

func filesIn(t testing.TB, profile string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(profile, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.WriteString(path + "\n")
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestWhatIsTypedIsSealedAndOpenedWithTheKeyOfTheNode(t *testing.T) {
	st := usual(t)
	st.in(sealedHello(st, 7), lost{err: errors.New("gone"), in: time.Second})
	st.keys("'/colour light", "enter", "'/mute", "enter", "'a secret plan", "enter", "'half a secret").in(pause{"c-anna", wording{draft: "half a secret"}})
	if files := st.files(); strings.Contains(files, "secret") || strings.Contains(files, "c-anna") || !strings.Contains(files, "light") {
		t.Errorf("in the files is %s", files)
	}
	other := st.again()
	if other.in(sealedHello(other, 8)); len(asked[*p2pv1.SendRequest](other)) > 0 || !other.s.composer.editor.empty() {
		t.Error("with another key something is sent, or written")
	}
	again := other.again()
	again.keys("'/colour dark", "enter") // before the key is known
	again.in(sealedHello(again, 7)).shows("a secret plan ✓", "> half a secret")
	if !again.s.muted["c-anna"] {
		t.Error("what was muted is not")
	}
	if r := loadMemory(filepath.Dir(again.desk.dir)); r.Colour != "dark" {
		t.Errorf("remembered is %v", r)
	}
}

func TestWhatIsTypedBeforeTheKeyIsKnownIsSealedThen(t *testing.T) {
	st := usual(t).keys("'/mute", "enter", "'a secret").in(pause{"c-anna", wording{draft: "a secret"}})
	if st.in(sealedHello(st, 7)); strings.Contains(st.files(), "secret") {
		t.Errorf("in the files is %s", st.files())
	}
	again := st.again()
	again.in(sealedHello(again, 7)).shows("> a secret")
	if strings.Contains(again.files(), "c-anna") {
		t.Errorf("in the files is %s", again.files())
	}
}

// The passphrase is taken away while a terminal waits for the node, and its key with it.
func TestWhatIsTypedLiesOpenWhenThereIsNoPassphraseAnyMore(t *testing.T) {
	st := usual(t)
	st.in(sealedHello(st, 7)).writes("a secret")
	profile := filepath.Dir(st.desk.dir)
	if err := Reseal(profile, st.s.seal, nil); err != nil {
		t.Fatal(err)
	}
	st.writes(" or two").again().shows("> a secret or two") // killed before the node has told it
	st = usual(t)
	st.in(sealedHello(st, 7)).writes("a secret").begins().again().shows("> a secret")
}

// The passphrase is given while a terminal waits for the node.
func TestWhatIsTypedIsSealedAgainWhenThereIsAPassphraseAgain(t *testing.T) {
	st := usual(t).writes("a secret")
	profile, key := filepath.Dir(st.desk.dir), bytes.Repeat([]byte{7}, 32)
	for _, is := range [][]byte{nil, key} {
		if err := Reseal(profile, key, is); err != nil {
			t.Fatal(err)
		}
	}
	if st.in(sealedHello(st, 7)).writes(" or two"); strings.Contains(st.files(), "secret") {
		t.Errorf("in the files is %s", st.files())
	}
	if err := Reseal(profile, key, nil); err != nil { // and the history is begun anew, with a passphrase
		t.Fatal(err)
	}
	if st.writes(" or three").in(sealedHello(st, 8)); strings.Contains(st.files(), "secret") {
		t.Errorf("in the files is %s", st.files())
	}
	again := st.again()
	again.in(sealedHello(again, 8)).shows("> a secret or two or three")
}

// The passphrase is taken away and another one given while a terminal waits for the node: with the key that it has, nobody could read what
// it lays over what was sealed anew.
func TestWhatWasTypedIsNotLostToATerminalThatHasAnotherKey(t *testing.T) {
	st := usual(t)
	st.in(sealedHello(st, 7)).writes("a secret")
	profile, key := filepath.Dir(st.desk.dir), bytes.Repeat([]byte{8}, 32)
	if err := errors.Join(Reseal(profile, st.s.seal, nil), Reseal(profile, key, key)); err != nil {
		t.Fatal(err)
	}
	st.writes(" or two").shows("cannot keep what you type: the passphrase")
	if files := st.files(); strings.Contains(files, "secret") {
		t.Errorf("in the files is %s", files)
	}
	again := st.again()
	again.in(sealedHello(again, 8)).shows("> a secret")

	st = usual(t)
	st.in(sealedHello(st, 7)).writes("a secret")
	profile = filepath.Dir(st.desk.dir)
	if err := errors.Join(Reseal(profile, st.s.seal, nil), Reseal(profile, key, key)); err != nil {
		t.Fatal(err)
	}
	st.writes(" or two").in(sealedHello(st, 8)) // and the node is back before it dies
	again = st.again()
	again.in(sealedHello(again, 8)).shows("> a secret or two")
}

func TestOneIsToldOnceOfTextsThatCannotBeRead(t *testing.T) {
	st := usual(t)
	st.in(sealedHello(st, 7)).writes("a secret")
	again := st.again()
	again.in(sealedHello(again, 8)).shows("1 text begun here cannot be read")
	again.in(fade{again.s.flash.serial}, sealedHello(again, 8))
	if strings.Contains(again.s.flash.text, "cannot be read") {
		t.Errorf("it is said again: %s", again.s.flash.text)
	}
}

// The disk is full when the node tells the key of a history that was begun anew, without anybody having set a passphrase.
func TestAKeyThatCouldNotBeNotedIsNotedLater(t *testing.T) {
	d := newDesk(t.TempDir())
	defer d.getUp()
	was, is := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	lay(t, d, sheet{name: "A", Draft: "text"})
	if err := d.lay(unsent{sheets: []sheet{{name: "A", Draft: "text"}}, seal: was, told: true}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.dir, keyName)
	if err := errors.Join(os.Rename(path, path+"-"), os.Mkdir(path, 0o700)); err != nil { // it cannot be replaced
		t.Fatal(err)
	}
	u := unsent{sheets: []sheet{{name: "A", Draft: "text"}}, seal: is, told: true}
	if d.lay(u) == nil {
		t.Error("nobody was told that the key could not be noted")
	}
	if err := errors.Join(os.Remove(path), os.Rename(path+"-", path)); err != nil {
		t.Fatal(err)
	}
	u.told = false
	if err := d.lay(u); err != nil {
		t.Fatal(err)
	}
	d.getUp()
	next := newDesk(filepath.Dir(d.dir))
	defer next.getUp()
	if got := next.take(seek{seal: is}); len(got.sheets) != 1 {
		t.Errorf("the next one has %v", got)
	}
}

func TestWhatIsKeptIsSealedWhenItsProfileIsEncryptedAndOpenedWhenItIsDecrypted(t *testing.T) {
	dir := t.TempDir()
	key, other := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	if err := Reseal(dir, nil, key); err != nil || filesIn(t, dir) != "" {
		t.Errorf("where there is no file: %v, %s", err, filesIn(t, dir))
	}
	d := newDesk(dir)
	if err := d.lay(unsent{sheets: []sheet{{name: "A", Conversation: "c-a", Draft: "a secret"}}}); err != nil {
		t.Fatal(err)
	}
	if err := (remembered{Colour: "light", private: private{Muted: []string{"c-a"}}}).save(dir, nil); err != nil {
		t.Fatal(err)
	}
	reseal := func(was, is []byte) string {
		t.Helper()
		if err := Reseal(dir, was, is); err != nil {
			t.Fatal(err)
		}
		return filesIn(t, dir)
	}
	if files := reseal(nil, key); strings.Contains(files, "secret") || strings.Contains(files, "c-a") || !strings.Contains(files, "light") {
		t.Errorf("in the files is %s", files)
	}
	if err := d.lay(unsent{sheets: []sheet{{name: "B", Conversation: "c-a", Draft: "a later secret"}}}); err != nil { // before its terminal knows the key
		t.Fatal(err)
	}
	if files := reseal(key, key); strings.Contains(files, "secret") {
		t.Errorf("in the files is %s", files)
	}
	if files := reseal(key, nil); !strings.Contains(files, "a secret") || !strings.Contains(files, "a later secret") || !strings.Contains(files, "c-a") {
		t.Errorf("opened they are %s", files)
	}
	reseal(nil, key)
	if files := reseal(other, other); strings.Contains(files, "c-a") || !strings.Contains(files, "light") {
		t.Errorf("with another key they are %s", files)
	}
	d.getUp()
	if err := Forget(dir); err != nil || strings.Contains(filesIn(t, dir), "json") {
		t.Errorf("forgotten: %v, and there is %s", err, filesIn(t, dir))
	}
}

func TestWhatIsChosenInOneTerminalDoesNotUndoWhatWasChosenInAnother(t *testing.T) {
	st := usual(t)
	other := st.beside()
	st.keys("'/mute", "enter")
	other.keys("'/open Bo", "enter", "'/mute", "enter", "'/colour light", "enter")
	st.keys("'/mute", "enter", "'/mute", "enter")
	if r := loadMemory(filepath.Dir(st.desk.dir)); r.Colour != "light" || !slices.Equal(r.Muted, []string{"c-anna", "c-bo"}) {
		t.Errorf("remembered is %+v", r)
	}
}

// Builds before December 2026 kept what was typed in the one file, sealed where there is a passphrase.
func TestWhatAnOlderBuildKeptIsThere(t *testing.T) {
	for _, key := range [][]byte{nil, bytes.Repeat([]byte{7}, 32)} {
		st := usual(t)
		profile := filepath.Dir(st.desk.dir)
		old := remembered{private: private{Muted: []string{"c-bo"}, typedBefore: typedBefore{
			Drafts: map[string]string{"c-anna": "half a thought", "c-bo": "to Bo"}, Unsent: map[string][]kept{"c-bo": {{Key: "1", Text: "said in vain"}}},
		}}}
		if err := old.save(profile, key); err != nil {
			t.Fatal(err)
		}
		again := st.again()
		if key != nil {
			again.in(sealedHello(again, 7))
		}
		again.shows("> half a thought").keys("'/open Bo", "ctrl+a", "ctrl+k").keys("'/open Bo", "enter").shows("> to Bo", "said in vain ✓")
		if r := loadMemory(profile); !r.typedBefore.empty() || key == nil && !slices.Equal(r.Muted, []string{"c-bo"}) {
			t.Errorf("in the old place is still %+v", r)
		}
	}
}

// A node that hangs, on a disk that stalls, takes what it is given and answers nothing.
func TestWhatANodeThatHangsHasNotConfirmedIsKeptUntilItHas(t *testing.T) {
	st := usual(t)
	st.hangs = true
	st.keys("'into the void", "enter", "'and more")
	st.in(pause{"c-anna", wording{draft: "and more"}})
	if written, onTheirWay := st.lies(); !slices.Equal(onTheirWay, []string{"into the void"}) || !slices.Equal(written, []string{"and more"}) || !st.s.current.own().Unsent[0].Doubt {
		t.Errorf("kept are %q, %q", written, onTheirWay)
	}
	st.hangs = false
	for _, q := range st.waiting {
		st.in(callNode(t, st.node, q))
	}
	if _, onTheirWay := st.lies(); len(onTheirWay) > 0 {
		t.Errorf("the node has it all, and kept are %q", onTheirWay)
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

func unheard(st *stage, text string) *p2pv1.Event {
	st.node.drafts["c-anna"] = text
	return &p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
		Kind: p2pv1.Alert_KIND_UNHEARD, Name: "Anna", Text: text, Conversation: "c-anna", Reason: api.Problem(api.Unheard, "where", "Anna", "count", "2"),
	}}}
}

func TestWordsThatNobodyHasHeardAreBackWhereTheyWereWrittenInOneTerminal(t *testing.T) {
	st := usual(t).keys("'and now")
	other := st.beside()
	told := unheard(st, "said\noffline\x1b[2J")
	st.in(told).shows("nobody in Anna will see")
	other.in(told).shows("nobody in Anna will see")
	if got := st.s.composer.editor.text(); !strings.HasPrefix(got, "said\noffline") || !strings.HasSuffix(got, "and now") || strings.Contains(got, "\x1b") {
		t.Errorf("the input has %q", got)
	}
	if got := other.s.composer.editor.text(); got != "" || st.node.drafts["c-anna"] != "" {
		t.Errorf("the other terminal has %q, and the node %q", got, st.node.drafts["c-anna"])
	}
	if written, _ := st.lies(); len(written) != 1 || !strings.HasPrefix(written[0], "said\noffline") {
		t.Errorf("kept are %q", written)
	}
}

// The terminal is killed when the node has given the words away, and when it has not.
func TestWordsThatNobodyHasHeardOutliveWhoWasGivenThem(t *testing.T) {
	for _, given := range []bool{true, false} {
		st := usual(t).keys("'and now")
		told := unheard(st, "said offline")
		for _, e := range st.s.handle(st.now, told) {
			r := e.(request)
			st.hangs = true
			st.in(callNode(t, st.node, r))
			break
		}
		if given {
			st.in(callNode(t, st.node, st.waiting[0])) // and the answer does not come
		}
		if st.again().shows("> said offline", "  and now"); st.node.drafts["c-anna"] != "" {
			t.Errorf("the node still keeps %q", st.node.drafts["c-anna"])
		}
	}
}

func TestWhatATerminalLeftThatWasKilledWhileItWroteIsForgottenToo(t *testing.T) {
	profile := t.TempDir()
	d := newDesk(profile)
	defer d.getUp()
	lay(t, d, sheet{name: "A", Draft: "a secret"})
	for _, half := range []string{filepath.Join(d.dir, ".1-A.json-123"), filepath.Join(profile, ".terminal.json-123")} {
		if err := os.WriteFile(half, []byte("a secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Forget(profile); err != nil {
		t.Error(err)
	}
	if files := filesIn(t, profile); strings.Contains(files, "secret") {
		t.Errorf("in the files is %s", files)
	}
}
