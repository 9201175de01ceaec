package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func TestWhoListensFromCursorZeroHearsAllThatIsKept(t *testing.T) {
	for said, want := range map[string]int64{"": 0, "0": -1, "41": 41} {
		f := newFakePerson()
		env, _ := withPerson(t, f)
		args := []string{"chat", "listen"}
		if said != "" {
			args = append(args, "--cursor", said)
		}
		p := start(t, args, env)
		f.events <- &p2pv1.Event{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Conversation: "1", Number: 50, Name: "bob", Text: "hello"}}}
		p.out.until(t, "hello")
		if r := f.last().(*p2pv1.EventsRequest); r.Cursor != want {
			t.Errorf("with %q it asks from %d on, not %d", said, r.Cursor, want)
		}
		p.interrupt()
	}
	_, errs := p2p(t, exitUsage, "chat", "listen", "--cursor=-2")
	oneLineSays(t, errs, "--cursor -2")
}

func TestACursorThatIsNotKnownIsTold(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	p := start(t, []string{"chat", "listen", "--cursor", "4711"}, env)
	p.errs.until(t, "no message 4711 here")
	p.interrupt()
}

func TestWhatIsToldAgainIsPrintedOnce(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	p := start(t, []string{"chat", "listen"}, env)
	bob := func(presence p2pv1.Presence, seen int64) {
		f.events <- &p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{
			Account: "b", Name: "bob", State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Presence: presence, LastSeen: seen,
		}}}
	}
	directory := func() {
		f.events <- &p2pv1.Event{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Url: "http://d.test", Connected: true}}}
	}
	for i := range int64(4) {
		bob(p2pv1.Presence_PRESENCE_AWAY, i)
		directory()
	}
	for i := range int64(2) {
		bob(p2pv1.Presence_PRESENCE_OFFLINE, 1000+i)
	}
	bob(p2pv1.Presence_PRESENCE_AWAY, 0)
	f.events <- &p2pv1.Event{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Conversation: "1", Number: 50, Name: "bob", Text: "hello"}}}
	got := p.out.until(t, "hello")
	if strings.Count(got, "bob: away") != 2 || strings.Count(got, "bob: ") != 4 || strings.Count(got, "d.test") != 1 {
		t.Errorf("it prints:\n%s", got)
	}
	p.interrupt()
}

func TestWhoWaitsAtATerminalIsToldForWhat(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	terminal := func(sh *shell) { sh.errTTY = true }
	for _, args := range [][]string{{"contact", "add", "bob"}, {"room", "join", "p2p:x"}} {
		_, errs := p2pWith(t, exitWaiting, append(args, "--wait", "1s"), env, terminal)
		if !strings.Contains(errs, "waiting 1s") {
			t.Errorf("%v: it says %q", args, errs)
		}
		_, errs = p2pWith(t, exitWaiting, append(args, "--wait", "1s"), env)
		if strings.Contains(errs, "waiting 1s") {
			t.Errorf("%v: in a pipe it says %q", args, errs)
		}
	}
}

// A node that does not come up because of a passphrase, or a full disk, ends the command as it ended itself.
func TestACommandEndsAsTheNodeThatDidNotStart(t *testing.T) {
	if code, err := strconv.Atoi(os.Getenv("P2P_TEST_EXIT")); err == nil {
		os.Exit(code)
	}
	a := &app{text: text.English()}
	for ended, want := range map[int]int{exitRefused: exitRefused, exitDiskFull: exitDiskFull, exitUsage: exitOther, exitOther: exitOther} {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("P2P_TEST_EXIT=%d", ended))
		err := a.nodeFailure(t.Context(), &api.StartError{Log: "log", Tail: "why", Err: cmd.Run()})
		if code, _ := diagnose(err); code != want {
			t.Errorf("of a node that ended with %d it makes %d, not %d: %v", ended, code, want, err)
		}
	}
}

func TestWhatOneDidOneselfIsSaidAsSuch(t *testing.T) {
	f := newFakePerson()
	mine := func(kind p2pv1.Notice_Kind) *p2pv1.Message {
		return &p2pv1.Message{Id: kind.String(), Name: "alice", Mine: true, Notice: &p2pv1.Notice{Kind: kind, Name: "bob", Text: "lab", Role: p2pv1.Role_ROLE_OWNER}}
	}
	for kind := p2pv1.Notice_KIND_CREATED; kind <= p2pv1.Notice_KIND_INVITED; kind++ {
		f.messages = append(f.messages, mine(kind))
	}
	env, _ := withPerson(t, f)
	for lang, want := range map[string][]string{"en": {"you joined", "you brought in bob", "you gave bob the role owner", "you invited bob to the room lab"}, "zh": {"我加入了"}} {
		out, _ := p2pWith(t, exitDone, []string{"chat", "log", "lab"}, env, withEnv("P2P_LANG", lang))
		for _, part := range append(want, "—") {
			if !strings.Contains(out, part) {
				t.Errorf("it lacks %q:\n%s", part, out)
			}
		}
		if strings.Contains(out, "me ") || strings.Contains(out, "you has") || strings.Contains(out, "alice") {
			t.Errorf("it says:\n%s", out)
		}
	}
}

func TestWhatASystemSaysOfAFileIsTranslated(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	there := filepath.Join(folder(t, map[string]string{"there": "x"}), "there")
	for lang, want := range map[string]string{"en": "exists already", "zh": "已存在"} {
		_, errs := p2pWith(t, exitExists, []string{"chat", "export", "--out", there}, env, withEnv("P2P_LANG", lang))
		oneLineSays(t, errs, there, want)
		if strings.Contains(errs, "file exists") {
			t.Errorf("it says %s", errs)
		}
	}
	_, errs := p2pWith(t, exitNotFound, []string{"account", "password", "--password-file", there + "x"}, env, withEnv("P2P_LANG", "zh"))
	oneLineSays(t, errs, "没有文件", there+"x")
}

func TestWhoListensToANodeThatHangsIsToldSo(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		a := &app{shell: &shell{out: &out}, text: text.English()}
		a.globals.json = asJSON
		l := listener{app: a, names: map[string]string{}, out: map[string]string{}, people: map[string]string{}}
		for _, err := range []error{
			l.silent(true), l.silent(false), // a script has no cursor yet
			l.hear(&p2pv1.Event{Cursor: 41, What: &p2pv1.Event_Typing{}}), l.silent(true), l.silent(false),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		want := strings.Repeat("the node does not answer; who is there is not known\nthe node answers again\n", 2)
		if asJSON {
			want = `"typing","cursor":41,"detail":{"account":"","conversation":"","name":"","typing":false}}` + "\n" + `"node","cursor":41,"detail":{"answers":false}}` + "\n" + `"node","cursor":41,"detail":{"answers":true}}` + "\n"
		}
		if got := strings.ReplaceAll(out.String(), `{"message_type":"event","kind":`, ""); got != want {
			t.Errorf("JSON: %v. It prints\n%s\nwant\n%s", asJSON, got, want)
		}
	}
}
