package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/people"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/peer/ext/chat/history"
)

func TestTheNodeServesUntilItIsToldToStop(t *testing.T) {
	f := newFakePerson()
	env, p := withPerson(t, f, "--directory", "http://d.test:1", "--tracker", "udp://t.test:1", "--label", "laptop", "--downloads", "files")
	if o := f.options; o.Directory != "http://d.test:1" || o.Trackers[0] != "udp://t.test:1" || o.Label != "laptop" ||
		!filepath.IsAbs(o.Downloads) || o.Version != version || o.Listen.IsValid() {
		t.Errorf("it is opened with %+v", o)
	}
	_, errs := p2pWith(t, exitBusy, []string{"serve"}, env)
	oneLineSays(t, errs, "is running", "--stop")
	p2pWith(t, exitDone, []string{"serve", "--stop"}, env)
	if code := p.wait(); code != exitDone {
		t.Errorf("it ends with %d: %s", code, p.errs.String())
	}
	_, errs = p2pWith(t, exitNotFound, []string{"serve", "--stop"}, env)
	oneLineSays(t, errs, "no node")
}

// Whoever copies the profile right after it finds it whole.
func TestWhoStopsTheNodeWaitsUntilItsProfileIsClosed(t *testing.T) {
	f := newFakePerson()
	env, p := withPerson(t, f)
	profile := filepath.Dir(strings.TrimSpace(strings.TrimPrefix(p.errs.until(t, "node.sock"), "programs: ")))
	now, cancel := context.WithCancel(t.Context())
	cancel()
	var held error
	closed := make(chan struct{})
	f.closing = func() { held = api.Ended(now, profile); close(closed) }
	p2pWith(t, exitDone, []string{"serve", "--stop"}, env)
	select {
	case <-closed:
	default:
		t.Fatal("it does not wait")
	}
	if held == nil {
		t.Error("the profile is free while it is being closed")
	}
	if err := api.Ended(now, profile); err != nil {
		t.Errorf("it is not free when it was closed: %v", err)
	}
	p.wait()
}

// A node that was killed leaves its flags to the one that is started in its place.
func TestANodeThatIsStartedAgainHasTheFlagsOfTheOneBefore(t *testing.T) {
	dir := folder(t, map[string]string{"pass": "sesame"})
	pass := filepath.Join(dir, "pass")
	f := newFakePerson()
	env, p := withPerson(t, f, "-u", "500K", "--listen", ":7000", "--tracker", "udp://a.test:1", "--tracker", "udp://b.test:1", "--passphrase-file", pass, "--linger", "1h")
	profile := filepath.Dir(strings.TrimSpace(strings.TrimPrefix(p.errs.until(t, "node.sock"), "programs: ")))
	want := []string{"--listen=:7000", "--tracker=udp://a.test:1", "--tracker=udp://b.test:1", "--up-limit=500K", "--passphrase-file=" + pass, "--linger=1h"}
	if got := keptFlags(profile); !slices.Equal(got, want) {
		t.Fatalf("while it runs it keeps %q", got)
	}
	limit, tracked := f.options.UpLimit, f.options.Trackers
	p2pWith(t, exitDone, []string{"serve", "--stop"}, env)
	p.wait()
	if got := keptFlags(profile); len(got) > 0 {
		t.Errorf("after a good end %q are kept", got)
	}
	again := newFakePerson()
	withPerson(t, again, want...)
	if again.options.UpLimit != limit || !slices.Equal(again.options.Trackers, tracked) || again.options.Listen != f.options.Listen {
		t.Errorf("started again with them it is %+v", again.options)
	}
}

func TestANodeThatIsStartedAgainHasTheFlagsThatTheEnvironmentGaveTheOneBefore(t *testing.T) {
	for _, c := range []struct {
		env  setting
		want []string
	}{
		{withEnv(), []string{"--linger=0"}}, // it lives until it is told to stop
		{
			withEnv("P2P_UP_LIMIT", "500K", "P2P_SERVE_TRACKER", "udp://a.test:1 udp://b.test:1", "P2P_LINGER", "1h"),
			[]string{"--tracker=udp://a.test:1", "--tracker=udp://b.test:1", "--up-limit=500K", "--linger=1h"},
		},
	} {
		dir := t.TempDir()
		p := start(t, []string{"serve", "--profile", dir}, c.env, func(sh *shell) {
			sh.person = func(context.Context, people.Options) (person, error) { return newFakePerson(), nil }
		})
		p.errs.until(t, "node.sock")
		if got := keptFlags(dir); !slices.Equal(got, c.want) {
			t.Errorf("it keeps %q; want %q", got, c.want)
		}
		p.interrupt()
	}
}

func TestWhoWaitsForANodeThatHangsIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{text: text.English(), display: progress.New(progress.Options{Out: &out, Style: progress.Style{Text: text.English()}})}
		a.sayingWait("profile", func() { time.Sleep(silence - time.Millisecond) })
		if out.Len() > 0 {
			t.Errorf("one that is slow is said to hang: %s", &out)
		}
		a.sayingWait("profile", func() {
			time.Sleep(time.Hour)
			synctest.Wait()
			if said := out.String(); strings.Count(said, "the node of this profile does not answer yet") != 1 || !strings.Contains(said, api.LogPath("profile")) {
				t.Errorf("after an hour it has said %q", said)
			}
		})
	})
}

func TestANodeThatIsStartedAgainLivesAsLongAsTheOneBeforeUnlessSomebodySays(t *testing.T) {
	a := &app{shell: &shell{}, text: text.English()}
	half := profileFlags{linger: units.Duration(30 * time.Minute)}
	asked := profileFlags{linger: half.linger, asked: true}
	for _, c := range []struct {
		kept []string
		p    profileFlags
		want string
	}{
		{nil, half, "30m"},
		{[]string{"--linger=2h"}, half, "2h"},
		{[]string{"--linger=0"}, half, "0"},
		{[]string{"--linger=2h"}, asked, "30m"},
	} {
		dir := t.TempDir()
		if err := keepFlags(dir, c.kept); err != nil {
			t.Fatal(err)
		}
		args, err := a.serveArgs(dir, &c.p)
		if err != nil {
			t.Fatal(err)
		}
		serve, flags, err := a.rootCommand().Find(args)
		if err != nil {
			t.Fatal(err)
		}
		if err := serve.ParseFlags(flags); err != nil {
			t.Fatal(err)
		}
		if got := serve.Flags().Lookup("linger").Value.String(); got != c.want {
			t.Errorf("kept %q, said %v: it lives %s; want %s", c.kept, c.p.asked, got, c.want)
		}
	}
}

func TestWhatTheDirectoryWasNotToldIsSaid(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	if _, errs := p2pWith(t, exitDone, []string{"account", "logout", "--forget"}, env); errs != "" {
		t.Errorf("it says %q", errs)
	}
	f.untold = api.Problem(api.Unreachable, "url", "http://d.test", "problem", api.Rejected)
	_, errs := p2pWith(t, exitDone, []string{"account", "logout", "--forget"}, env)
	oneLineSays(t, errs, "has forgotten all", "http://d.test", "p2p account revoke def")
	out, _ := p2pWith(t, exitDone, []string{"account", "logout", "--forget", "-j"}, env)
	if o := object(t, out); o["message_type"] != "logout" || o["untold"].(map[string]any)["key"] != api.Unreachable {
		t.Errorf("it prints %s", out)
	}
}

func TestWhatIsAskedForOfARoomOrContactIsOneThing(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	_, errs := p2pWith(t, exitUsage, []string{"room", "set", "lab"}, env)
	oneLineSays(t, errs, "nothing to change", "--limit")
	_, errs = p2pWith(t, exitUsage, []string{"contact", "verify", "bob", "--same", "--new"}, env)
	oneLineSays(t, errs, "give one of them")
}

func TestANodeThatLingersEndsByItself(t *testing.T) {
	_, p := withPerson(t, newFakePerson(), "--linger", "1s")
	if code := p.wait(); code != exitDone {
		t.Errorf("it ends with %d: %s", code, p.errs.String())
	}
}

// transfers is a node of which nothing else is known.
type transfers struct {
	p2pv1connect.UnimplementedPeopleHandler
	all []*p2pv1.Transfer
}

func (t *transfers) ListTransfers(context.Context, *connect.Request[p2pv1.ListTransfersRequest]) (*connect.Response[p2pv1.ListTransfersResponse], error) {
	return answer(&p2pv1.ListTransfersResponse{Transfers: t.all})
}

func TestANodeLingersForAFileThatIsSoSlowThatItsRateIsZeroBetweenBlocks(t *testing.T) {
	slow, other := &p2pv1.Transfer{Uploaded: 16 << 10}, &p2pv1.Transfer{Done: 1 << 20}
	m := moved{node: &transfers{all: []*p2pv1.Transfer{slow, other}}}
	m.since(t.Context())
	for _, c := range []struct {
		what string
		do   func()
		want bool
	}{
		{"nothing", func() {}, false},
		{"a block went", func() { slow.Uploaded += 16 << 10 }, true},
		{"nothing more", func() {}, false},
		{"a piece came", func() { other.Done += 256 << 10 }, true},
		{"a block is coming", func() { other.DownRate = 1000 }, true},
		{"none is", func() { other.DownRate = 0 }, false},
		{"a file is hashed", func() { slow.State = p2pv1.Transfer_STATE_HASHING }, true},
	} {
		c.do()
		if got := m.since(t.Context()); got != c.want {
			t.Errorf("%s: on its way: %v", c.what, got)
		}
	}
}

func TestTheNodeTellsProgramsWhereItIs(t *testing.T) {
	f := newFakePerson()
	dir := t.TempDir()
	p := start(t, []string{"serve", "-j", "--profile", dir, "--api", "127.0.0.1:0", "--listen", ":7000"}, func(sh *shell) {
		sh.person = func(_ context.Context, o people.Options) (person, error) { f.options = o; return f, nil }
	})
	m := object(t, p.out.until(t, "\n"))
	if m["command"] != "serve" || m["profile"] != dir || !strings.HasPrefix(m["url"].(string), "http://127.0.0.1:") || read(t, m["token_file"].(string)) == "" {
		t.Errorf("it says %v", m)
	}
	if f.options.Listen.String() != "[::]:7000" {
		t.Errorf("it listens on %v", f.options.Listen)
	}
	if code := p.interrupt(); code != exitDone {
		t.Errorf("it ends with %d: %s", code, p.errs.String())
	}
}

func TestAnEncryptedHistoryWantsItsPassphrase(t *testing.T) {
	open := func(sh *shell) {
		sh.person = func(_ context.Context, o people.Options) (person, error) {
			if string(o.Passphrase) != "sesame" {
				return nil, fmt.Errorf("open profile: %w", history.ErrPassphrase)
			}
			return newFakePerson(), nil
		}
	}
	dir := folder(t, map[string]string{"pass": "sesame\nand more", "wrong": "x"})
	args := []string{"serve", "--profile", filepath.Join(dir, "p")}
	for _, flags := range [][]string{nil, {"--passphrase-file", filepath.Join(dir, "wrong")}} {
		_, errs := p2pWith(t, exitRefused, append(args, flags...), open)
		oneLineSays(t, errs, "passphrase", "--passphrase-file")
	}
	for _, how := range []struct {
		flags []string
		set   setting
	}{
		{[]string{"--passphrase-file", filepath.Join(dir, "pass")}, withInput("")},
		{[]string{"--passphrase-file", "-"}, withInput("sesame\n")},
		{nil, func(sh *shell) { sh.secret = func(string) (string, error) { return "sesame", nil } }},
	} {
		p := start(t, append(args, how.flags...), open, how.set)
		p.errs.until(t, "node.sock")
		if code := p.interrupt(); code != exitDone {
			t.Errorf("%v: %d", how.flags, code)
		}
	}
}

func TestPasswordsAreNeverOnTheCommandLine(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	typed := func(words ...string) setting {
		return func(sh *shell) {
			sh.secret = func(string) (string, error) {
				if len(words) == 0 {
					return "", errors.New("asked too often")
				}
				word := words[0]
				words = words[1:]
				return word, nil
			}
		}
	}
	file := filepath.Join(folder(t, map[string]string{"p": "from file\r\n"}), "p")
	for _, c := range []struct {
		flags []string
		set   setting
		want  string
	}{
		{nil, typed("secret", "secret"), "secret"},
		{[]string{"--password-file", "-"}, withInput("piped\n"), "piped"},
		{[]string{"--password-file", file}, typed(), "from file"},
	} {
		out, _ := p2pWith(t, exitDone, append([]string{"account", "register", "alice", "-j"}, c.flags...), env, c.set)
		if r := f.last().(*p2pv1.RegisterRequest); r.Name != "alice" || r.Password != c.want || object(t, out)["name"] != "alice" {
			t.Errorf("%v: %v, %s", c.flags, r, out)
		}
	}
	if out, errs := p2pWith(t, exitDone, []string{"account", "register", "alice", "-q", "--password-file", file}, env); out+errs != "" {
		t.Errorf("who wants to hear no more than he must hears %q and %q", out, errs)
	}
	for _, set := range []setting{typed("one", "two"), typed(""), withInput("piped\n")} {
		_, errs := p2pWith(t, exitUsage, []string{"account", "register", "alice"}, env, set)
		oneLineSays(t, errs, "password")
	}
	_, errs := p2pWith(t, exitRefused, []string{"account", "login", "alice"}, env, typed("wrong"))
	oneLineSays(t, errs, "password is wrong")
}

func TestWhoWaitsForAPasswordToBeStretchedAtATerminalIsToldSo(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	terminal := func(sh *shell) { sh.errTTY = true }
	for _, c := range []struct {
		command []string
		set     setting
		code    int
		told    bool
	}{
		{[]string{"register", "alice"}, terminal, exitDone, true},
		{[]string{"login", "alice"}, terminal, exitRefused, true},
		{[]string{"register", "alice", "-q"}, terminal, exitDone, false},
		{[]string{"register", "alice", "-j"}, terminal, exitDone, false},
		{[]string{"register", "alice"}, func(*shell) {}, exitDone, false},
	} {
		_, errs := p2pWith(t, c.code, append([]string{"account"}, append(c.command, "--password-file", "-")...), env, withInput("sesame\n"), c.set)
		if told := strings.Contains(errs, "making a key of the password"); told != c.told {
			t.Errorf("%v: it says %q", c.command, errs)
		}
	}
}

func TestNoSuchPersonAndNotOnlineAreToldApart(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	f.arrives = true
	_, errs := p2pWith(t, exitDone, []string{"contact", "add", "bob", "--note", "hi", "--as", "Bob"}, env)
	oneLineSays(t, errs, "has reached bob")
	if r := f.last().(*p2pv1.AddContactRequest); r.Note != "hi" || r.Name != "Bob" {
		t.Errorf("asked %v", r)
	}
	f.arrives = false
	_, errs = p2pWith(t, exitWaiting, []string{"contact", "add", "bob", "--wait", "0"}, env)
	oneLineSays(t, errs, "bob is not online", "waits")
	out, errs := p2pWith(t, exitWaiting, []string{"contact", "add", "bob", "-j", "--wait", "0"}, env)
	if o := object(t, out); o["delivered"] != false || o["contact"].(map[string]any)["state"] != "asked" || object(t, errs)["code"] != float64(exitWaiting) {
		t.Errorf("%s%s", out, errs)
	}
	_, errs = p2pWith(t, exitUsage, []string{"contact", "add", " "}, env)
	oneLineSays(t, errs, "NAME|LINK", "0")
	f.sayNot = api.Fail(connect.CodeNotFound, api.NoSuchPerson, "who", "bob\x1b[2J")
	_, errs = p2pWith(t, exitNotFound, []string{"contact", "add", "bob"}, env)
	oneLineSays(t, errs, "there is no bob")
	if strings.Contains(errs, "\x1b") {
		t.Errorf("it prints %q", errs)
	}
}

func TestWhoIsFoundByTheWayAndAnswersCountsAsReached(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	f.events <- &p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{Account: "another", State: p2pv1.ContactState_CONTACT_STATE_FRIEND}}}
	f.events <- &p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{Account: "key of bob", State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Name: "Bob"}}}
	_, errs := p2pWith(t, exitDone, []string{"contact", "add", "bob", "--wait", "1m"}, env)
	oneLineSays(t, errs, "has reached Bob")
}

func TestANewLinkOfAContactTellsWhereToLookForHim(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	f.moved = true
	told := func(p p2pv1.Presence) *p2pv1.Event {
		return &p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{
			Account: "key of bob", State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Name: "bob", Presence: p,
		}}}
	}
	f.events <- told(p2pv1.Presence_PRESENCE_OFFLINE)
	_, errs := p2pWith(t, exitWaiting, []string{"contact", "add", "bob", "--wait", "0"}, env)
	oneLineSays(t, errs, "a contact already", "not there", "also looked for")
	f.events <- told(p2pv1.Presence_PRESENCE_OFFLINE)
	f.events <- told(p2pv1.Presence_PRESENCE_ONLINE)
	_, errs = p2pWith(t, exitDone, []string{"contact", "add", "bob", "--wait", "1m"}, env)
	oneLineSays(t, errs, "a contact already, and there")
}

// A link that was used, or revoked, leads to him too; but he is asked.
func TestARequestThatHasArrivedCountsAsReachedThoughNobodyHasAnswered(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	told := func(arrived bool) *p2pv1.Event {
		return &p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{
			Account: "key of bob", State: p2pv1.ContactState_CONTACT_STATE_ASKED, Name: "Bob", Arrived: arrived,
		}}}
	}
	f.events <- told(false)
	f.events <- told(true)
	out, errs := p2pWith(t, exitDone, []string{"contact", "add", "bob", "--wait", "1m", "-j"}, env)
	if o := object(t, out); o["delivered"] != true || o["contact"].(map[string]any)["arrived"] != true {
		t.Errorf("%s%s", out, errs)
	}
	a := &app{text: text.English()}
	if said := a.contactState(told(true).GetContact()); !strings.Contains(said, "has the request") {
		t.Errorf("the list says %q", said)
	}
	silent := told(false).GetContact()
	silent.Problem = api.Problem(api.NobodyAnswers, "detail", "10.0.0.1:1: timeout")
	if said := a.contactState(silent); !strings.Contains(said, "no answer yet") || !strings.Contains(said, "nobody answers at the known addresses") {
		t.Errorf("the list says %q", said)
	}
	silent.Problem = api.Problem(api.CallsBack, "minutes", "16")
	if said := a.contactState(silent); !strings.Contains(said, "no answer yet") || !strings.Contains(said, "calls you instead, within 16 min") {
		t.Errorf("the list says %q", said)
	}
}

func TestContactsAreShownWithoutTricks(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	out, _ := p2pWith(t, exitDone, []string{"contact", "list"}, env)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 5 || strings.Contains(out, "\x1b") || !strings.Contains(lines[1], "wants to be a contact") || !strings.Contains(lines[2], "2020-05-04 03:02") ||
		!strings.Contains(lines[3], "direct, 12.3 ms") || !strings.Contains(lines[3], "verified") {
		t.Errorf("contact list:\n%s", out)
	}
	out, _ = p2pWith(t, exitDone, []string{"chat", "who", "--color", "always"}, env)
	lines = strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "\x1b[32mbob") || !strings.HasPrefix(lines[2], "\x1b[90mcarol") {
		t.Errorf("chat who:\n%q", out)
	}
	out, _ = p2pWith(t, exitDone, []string{"chat", "who", "-j"}, env)
	if all := objects(t, out); len(all) != 2 || all[0]["presence"] != "online" || all[0]["rtt_micros"] != float64(12345) || all[1]["path"] != "" {
		t.Errorf("chat who -j:\n%s", out)
	}
	out, _ = p2pWith(t, exitDone, []string{"account", "whoami"}, env)
	if !strings.Contains(out, "laptop") || strings.Contains(out, "\x1b") {
		t.Errorf("whoami:\n%s", out)
	}
}

func TestOnlyWhatIsGivenOfARoomIsChanged(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	p2pWith(t, exitDone, []string{"room", "set", "lab", "--history", "none"}, env)
	if r := f.last().(*p2pv1.ChangeRoomRequest); r.GetHistory() != -1 || r.Limit != nil || r.Open != nil || r.Name != nil || r.RevokeLinks {
		t.Errorf("asked %v", r)
	}
	out, _ := p2pWith(t, exitDone, []string{"room", "list"}, env)
	if !strings.Contains(out, "2/50") || strings.Contains(out, "bob") {
		t.Errorf("room list:\n%s", out)
	}
	out, _ = p2pWith(t, exitDone, []string{"room", "members", "lab", "-j"}, env)
	if all := objects(t, out); len(all) != 2 || all[0]["role"] != "owner" {
		t.Errorf("room members:\n%s", out)
	}
	_, errs := p2pWith(t, exitUsage, []string{"room", "role", "lab", "bob", "king"}, env)
	oneLineSays(t, errs, "king", "moderator")
	_, errs = p2pWith(t, exitUsage, []string{"room", "kick", "lab"}, env)
	oneLineSays(t, errs, "ROOM WHO", "got 1")
}

func TestTheHelpOfRoomsSaysWhatHappens(t *testing.T) {
	help, _ := p2p(t, exitDone, "room", "set", "--help")
	if strings.Contains(help, "default all") || strings.Contains(help, "default 50") || strings.Contains(help, "INT32") {
		t.Errorf("what is not given is not changed, and it says:\n%s", help)
	}
}

func TestAWordThatIsNoCommandIsToldWhichThereAre(t *testing.T) {
	for _, words := range [][]string{{"account", "foo"}, {"account", "foo", "--profile", "work"}, {"account", "--profile", "work", "foo"}, {"account", "foo", "--password-file", "-"}} {
		_, errs := p2p(t, exitUsage, words...)
		oneLineSays(t, errs, `no command "foo"`, "register, login, logout", "whoami")
	}
	for words, want := range map[string]string{"room foo --profile work": "create", "contact foo --profile work": "invite", "tracker key foo": "add"} {
		_, errs := p2p(t, exitUsage, strings.Fields(words)...)
		oneLineSays(t, errs, `no command "foo"`, want)
	}
	_, errs := p2p(t, exitUsage, "account", "whoam", "--profile", "work")
	oneLineSays(t, errs, `did you mean "whoami"`)
	env, _ := withPerson(t, newFakePerson())
	_, errs = p2pWith(t, exitNotFound, []string{"chat", "nobody"}, env)
	oneLineSays(t, errs, "no conversation nobody", "send, log, listen")
}

func TestTheHelpHasWordsForWhatFlagsTake(t *testing.T) {
	allCommands(t, func(words []string, _ *cobra.Command) {
		help, _ := p2p(t, exitDone, append(words, "--help")...)
		for _, wrong := range []string{" INT", " UINT", " FLOAT", " STRING", "(default 0)"} {
			if strings.Contains(help, wrong) {
				t.Errorf("p2p %v --help has%s", words, wrong)
			}
		}
	})
}

func TestWhoJoinsByALinkIsInOrHearsWhyNot(t *testing.T) {
	join := func(code int, r *p2pv1.Conversation, flags ...string) (out, errs string) {
		f := newFakePerson()
		env, _ := withPerson(t, f)
		if f.joined = r; r != nil {
			f.events <- &p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: r}}
		}
		return p2pWith(t, code, append([]string{"room", "join", "p2p:x"}, flags...), env)
	}
	_, errs := join(exitWaiting, nil, "--wait", "1s")
	oneLineSays(t, errs, "asked alice to let you in")
	for want, r := range map[string]*p2pv1.Conversation{
		"alice is not reached yet; it goes on by itself": {Wait: p2pv1.Conversation_WAIT_CALLING},
		"alice is not reached yet: nobody answers at the known addresses; who is behind a router calls you instead, within 1 min": {
			Wait: p2pv1.Conversation_WAIT_CALLING, Problem: api.Problem(api.CallsBack, "minutes", "1"),
		},
		"alice has let you in; waiting for a connection": {Wait: p2pv1.Conversation_WAIT_ADMITTED},
	} {
		if key, args := api.Waiting(text.English(), r, "alice"); !strings.HasPrefix(text.English().Say(key, args...), want) {
			t.Errorf("%v is said as %q", r, text.English().Say(key, args...))
		}
	}
	for reason, want := range map[*p2pv1.Reason]struct {
		code int
		says string
	}{
		{Key: api.RoomFull, With: map[string]string{"limit": "12"}}: {exitFull, "the room is full: its limit is 12"},
		{Key: api.LinkExpired}: {exitRefused, "this link has expired; ask for a new one"},
		{Key: api.LinkRevoked}: {exitRefused, "was taken back"},
	} {
		_, errs := join(want.code, &p2pv1.Conversation{Id: "behind the link", Left: true, Reason: reason})
		oneLineSays(t, errs, want.says)
	}
	out, _ := join(exitDone, &p2pv1.Conversation{Id: "the room", Name: "lab"}, "-j")
	if m := object(t, out); m["name"] != "lab" {
		t.Errorf("it says %v", m)
	}
}

func TestWhatIsFoundSaysWhereAndWhenItWasSaid(t *testing.T) {
	f := newFakePerson()
	now, before := time.Now(), time.Date(2020, 5, 4, 3, 2, 1, 0, time.Local)
	f.found = []*p2pv1.Message{
		{Id: strings.Repeat("5f3c", 16), Conversation: "1", Name: "bob", Text: "tea at five", Written: now.UnixMilli()},
		{Id: strings.Repeat("60aa", 16), Conversation: "2", Name: "bob", Text: "no tea", Written: before.UnixMilli()},
		{Id: strings.Repeat("70bb", 16), Conversation: "gone but not forgotten", Name: "zoe", Text: "tea?", Written: before.UnixMilli()},
	}
	env, _ := withPerson(t, f)
	out, _ := p2pWith(t, exitDone, []string{"chat", "search", "tea"}, env)
	want := "70bb70bb70bb gone but 2020-05-04 03:02 zoe: tea?\n" +
		"60aa60aa60aa bob 2020-05-04 03:02 bob: no tea\n" +
		"5f3c5f3c5f3c #lab " + now.Format("2006-01-02 15:04") + " bob: tea at five\n"
	if out != want {
		t.Errorf("it prints\n%swant\n%s", out, want)
	}
	out, _ = p2pWith(t, exitDone, []string{"chat", "search", "tea", "-j"}, env)
	if all := objects(t, out); len(all) != 3 || all[2]["id"] != f.found[0].Id {
		t.Errorf("with -j it prints %s", out)
	}
}

func TestMessagesAndFilesAreSent(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	out, _ := p2pWith(t, exitDone, []string{"chat", "send", "bob", "hello", "--reply", "m0", "-j"}, env)
	r := f.last().(*p2pv1.SendRequest)
	if r.Where != "bob" || r.Text != "hello" || r.ReplyTo != "m0" || r.Key == "" || object(t, out)["number"] != float64(1<<40) {
		t.Errorf("asked %v: %s", r, out)
	}
	p2pWith(t, exitDone, []string{"chat", "send", "bob", "-"}, env, withInput("two\nlines\n"))
	if again := f.last().(*p2pv1.SendRequest); again.Text != "two\nlines" || again.Key == r.Key {
		t.Errorf("asked %v", again)
	}
	p2pWith(t, exitDone, []string{"chat", "send", "bob", "--file", "a.bin", "look"}, env)
	if r := f.last().(*p2pv1.OfferRequest); !filepath.IsAbs(r.Path) || r.Text != "look" {
		t.Errorf("asked %v", r)
	}
	p2pWith(t, exitUsage, []string{"chat", "send", "bob"}, env)
	p2pWith(t, exitUsage, []string{"chat", "send", "bob", "--file", "x", "--reply", "y"}, env)
	p2pWith(t, exitUsage, []string{"chat", "send", "bob", "-"}, env, withInput(data(maxInput+1)))
}

// What was meant for somebody whose name was mistyped must not go to whoever was active last.
func TestChatWithNobodySendsNothing(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	if _, errs := p2pWith(t, exitNotFound, []string{"chat", "nobody", "--plain"}, env, withInput("a secret\n")); !strings.Contains(errs, "nobody") {
		t.Errorf("it says %q", errs)
	}
	for _, q := range f.asked {
		if _, sent := q.(*p2pv1.SendRequest); sent {
			t.Errorf("sent %v", q)
		}
	}
}

func TestTheShellCompletesNamesOfPeopleAndRooms(t *testing.T) {
	f := newFakePerson()
	f.transfers = []*p2pv1.Transfer{{Message: "5f3c", State: p2pv1.Transfer_STATE_WAITING}, {Message: "60aa", State: p2pv1.Transfer_STATE_OFFERED, File: &p2pv1.File{Name: "a.bin"}}}
	f.devices = []*p2pv1.Device{
		{Key: "aaaaaaaaaaaa", Label: "vm", ThisOne: true}, {Key: "bbbbbbbbbbbb", Label: "vm"}, {Key: "cccccccccccc", Label: "phone"},
		{Key: "dddddddddddd", Label: "old", Revoked: true},
	}
	env, node := withPerson(t, f)
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"chat", "cancel", ""}, "5f3c"}, {[]string{"chat", "accept", ""}, "60aa"},
		{[]string{"contact", "accept", ""}, ""}, {[]string{"contact", "unblock", ""}, "eve"}, {[]string{"contact", "block", ""}, "carol bob"},
		{[]string{"account", "revoke", ""}, "bbbbbbbb phone"}, {[]string{"room", "kick", "lab", ""}, "alice bob"},
		{[]string{"chat", "send", ""}, "carol bob lab"}, {[]string{"chat", "l"}, "log listen lab"}, {[]string{"room", "members", "l"}, "lab"}, {[]string{"contact", "verify", "b"}, "bob"},
		{[]string{"room", "role", "lab", "bob", "mo"}, "moderator"}, {[]string{"chat", "send", "bob", ""}, ""}, {[]string{"chat", "--scheme", "c"}, "contrast"},
		{[]string{"chat", "search", "tea", "--in", "l"}, "lab"},
	} {
		out, _ := p2pWith(t, exitDone, append([]string{"__complete"}, c.words...), env)
		var got []string
		for l := range strings.Lines(out) {
			if w, _, _ := strings.Cut(strings.TrimSpace(l), "\t"); !strings.HasPrefix(w, ":") && w != "" {
				got = append(got, w)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %q, want %q", c.words, got, c.want)
		}
	}
	node.interrupt()
	if out, _ := p2pWith(t, exitDone, []string{"__complete", "chat", "send", ""}, env); strings.Contains(out, "bob") {
		t.Errorf("a node was started: %q", out)
	}
}

func TestARoomWithSomebodyInDoubtIsToldAndHeIsNamedToSendAllTheSame(t *testing.T) {
	f := newFakePerson()
	f.inDoubt = true
	env, _ := withPerson(t, f)
	for _, args := range [][]string{{"room", "list"}, {"room", "members", "lab"}} {
		if out, _ := p2pWith(t, exitDone, args, env); !strings.Contains(out, "KEY IN DOUBT") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	out, _ := p2pWith(t, exitDone, []string{"room", "members", "lab", "-j"}, env)
	if all := objects(t, out); len(all) != 2 || all[0]["in_doubt"] != false || all[1]["in_doubt"] != true {
		t.Errorf("room members -j:\n%s", out)
	}
	f.sayNot = api.Fail(connect.CodeFailedPrecondition, api.MemberInDoubt, "who", "bob")
	_, errs := p2pWith(t, exitDoubt, []string{"chat", "send", "lab", "hello"}, env)
	oneLineSays(t, errs, "the KEY of bob", "IN DOUBT", "contact verify", "--despite")
	_, errs = p2pWith(t, exitDoubt, []string{"chat", "send", "lab", "hello", "-j"}, env)
	if e := object(t, errs); e["reason"] != "member_in_doubt" || e["with"].(map[string]any)["who"] != "bob" || e["code"] != float64(exitDoubt) {
		t.Errorf("it says %s", errs)
	}
	f.sayNot = nil
	p2pWith(t, exitDone, []string{"chat", "send", "lab", "hello", "--despite", "bob", "--despite", "carol"}, env)
	if r := f.last().(*p2pv1.SendRequest); !slices.Equal(r.Despite, []string{"bob", "carol"}) {
		t.Errorf("asked %v", r)
	}
	p2pWith(t, exitDone, []string{"chat", "send", "lab", "--file", "a.bin", "--despite", "bob"}, env)
	if r := f.last().(*p2pv1.OfferRequest); !slices.Equal(r.Despite, []string{"bob"}) {
		t.Errorf("asked %v", r)
	}
}

func TestALogIsReadInPagesAndFollowed(t *testing.T) {
	f := newFakePerson()
	for i := range 500 {
		f.messages = append(f.messages, &p2pv1.Message{
			Id: fmt.Sprint("m", i), Conversation: "1", Number: int64(i + 1), Name: "bob", Text: fmt.Sprintf("text %d\n12:00:00 alice: I agree\x1b[1A", i),
		})
	}
	env, _ := withPerson(t, f)
	out, _ := p2pWith(t, exitDone, []string{"chat", "log", "lab", "-n", "450", "-j"}, env)
	if all := objects(t, out); len(all) != 450 || all[0]["id"] != "m50" || all[449]["id"] != "m499" {
		t.Errorf("there are %d messages", len(all))
	}
	p := start(t, []string{"chat", "log", "lab", "-n", "1", "--follow"}, env)
	got := p.out.until(t, "text 499")
	if strings.Contains(got, "\x1b") || !strings.Contains(got, "\n    12:00:00 alice:") {
		t.Errorf("a message poses as another: %q", got)
	}
	tell := func(conversation, said string, number int64) {
		f.events <- &p2pv1.Event{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Conversation: conversation, Number: number, Name: "carol", Text: said}}}
	}
	tell("1", "an old one has changed", 7)
	tell("2", "elsewhere", 501)
	tell("1", "news", 502)
	for kind := range int32(4) {
		for _, where := range []string{"1", "2"} {
			f.events <- &p2pv1.Event{Cursor: 503, What: &p2pv1.Event_Message{Message: &p2pv1.Message{
				Conversation: where, Number: 7, Name: "bob", Text: "better\nso", Deleted: kind == 1,
				Change: &p2pv1.Change{Kind: p2pv1.Change_Kind(kind + 1), Name: "carol\x1b", Mine: kind == 2, Emoji: "👍"},
			}}}
		}
	}
	got = p.out.until(t, "back from")
	if strings.Contains(got, "changed") || strings.Contains(got, "elsewhere") {
		t.Errorf("it follows with %q", got)
	}
	for _, want := range []string{
		"— carol� edited the message of -: better\n    so\n", "— carol� deleted a message by bob, of -\n",
		"— you put 👍 to a message by bob, of -: better\n", "— carol� took 👍 back from a message by bob",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("it does not say %q once: %q", want, got)
		}
	}
	if code := p.interrupt(); code != 130 {
		t.Errorf("it ends with %d: %s", code, p.errs.String())
	}
}

// A script that repeats what nobody has answered must not say it twice.
func TestWhatNoNodeHasAnsweredIsAskedForOnceMoreAndIsThenUnknown(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	p2pWith(t, exitDone, []string{"chat", "send", "bob", "hello", "--id", "k1"}, env)
	if r := f.last().(*p2pv1.SendRequest); r.Key != "k1" {
		t.Errorf("asked with the key %q", r.Key)
	}
	p2pWith(t, exitDone, []string{"chat", "send", "bob", "--file", "a.bin", "--id", "k2"}, env)
	if r := f.last().(*p2pv1.OfferRequest); r.Key != "k2" {
		t.Errorf("a file is asked for with the key %q", r.Key)
	}
	p2pWith(t, exitUsage, []string{"chat", "send", "bob", "hello", "--id", ""}, env)
	f.sayNot = connect.NewError(connect.CodeUnavailable, io.ErrUnexpectedEOF)
	f.asked = nil
	_, errs := p2pWith(t, exitUnknown, []string{"chat", "send", "bob", "hello"}, env)
	if len(f.asked) != 2 {
		t.Fatalf("it asked %d times", len(f.asked))
	}
	first, second := f.asked[0].(*p2pv1.SendRequest), f.asked[1].(*p2pv1.SendRequest)
	if first.Key == "" || first.Key != second.Key || !strings.Contains(errs, "--id "+first.Key) {
		t.Errorf("with %q, then %q: %s", first.Key, second.Key, errs)
	}
	_, errs = p2pWith(t, exitUnknown, []string{"chat", "send", "bob", "hello", "--id", "k3", "-j"}, env)
	if e := objects(t, errs)[0]; e["reason"] != api.OutcomeUnknown || e["with"].(map[string]any)["id"] != "k3" {
		t.Errorf("a program is told %v", e)
	}
	f.sayNot = api.Fail(connect.CodeUnavailable, api.Stopping)
	p2pWith(t, exitNetwork, []string{"chat", "send", "bob", "hello"}, env) // it says that it has not
}

func TestProgramsHearAllAndGoOnFromACursor(t *testing.T) {
	f := newFakePerson()
	env, node := withPerson(t, f)
	p := start(t, []string{"chat", "listen", "-j", "--cursor", "41", "--online"}, env)
	p.out.until(t, `"kind":"hello"`)
	if r := f.last().(*p2pv1.EventsRequest); r.Cursor != 41 || !r.PresenceFollows {
		t.Errorf("asked %v", r)
	}
	f.events <- &p2pv1.Event{Cursor: 42, What: &p2pv1.Event_Typing{Typing: &p2pv1.Typing{Name: "bob", Typing: true}}}
	all := objects(t, p.out.until(t, "bob"))
	if e := all[1]; e["message_type"] != "event" || e["kind"] != "typing" || e["cursor"] != float64(42) || e["detail"].(map[string]any)["typing"] != true {
		t.Errorf("it says %v", e)
	}
	node.interrupt()
	if code := p.wait(); code != exitNetwork {
		t.Errorf("without the node it ends with %d: %s", code, p.errs.String())
	}
}

// Who takes each "message" takes it once, also his own, which are told again when they are delivered and read.
func TestProgramsTellAMessageFromOneThatHasChanged(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	p := start(t, []string{"chat", "listen", "-j"}, env)
	for _, n := range []int64{50, 50, 51, 50, 52, 52} {
		f.events <- &p2pv1.Event{Cursor: n, What: &p2pv1.Event_Message{Message: &p2pv1.Message{Id: fmt.Sprint(n), Number: n}}}
	}
	f.events <- &p2pv1.Event{Cursor: 52, What: &p2pv1.Event_Typing{Typing: &p2pv1.Typing{}}}
	var kinds []string
	for _, e := range objects(t, p.out.until(t, `"typing"`))[1:] {
		kinds = append(kinds, e["kind"].(string))
	}
	if got := strings.Join(kinds, " "); got != "message changed message changed message changed typing" {
		t.Errorf("they are of kind %s", got)
	}
	p.interrupt()
}

func TestPeopleReadWhatHappens(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	p := start(t, []string{"chat", "listen"}, env)
	for _, e := range []*p2pv1.Event{
		{}, // of a newer node
		{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Conversation: "1", Number: 9, Name: "bob", Text: "hello", Late: true}}},
		{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Conversation: "1", Number: 9, Name: "bob", Text: "hello again"}}},
		{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "1", Name: "den"}}},
		{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Conversation: "1", Number: 10, Mine: true, Name: "alice", File: &p2pv1.File{Name: "a\x1b.bin", Size: 2048}}}},
		{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{Name: "bob", Presence: p2pv1.Presence_PRESENCE_AWAY}}},
		{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Url: "http://d.test", Connected: true}}},
		{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Url: "http://d.test", Problem: api.Problem(api.Rejected, "detail", "dial tcp: refused")}}},
		{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_REQUEST, Name: "eve", Text: "let me in"}}},
		{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "2", Name: "garden", Left: true, Reason: api.Problem(api.RemovedBy, "who", "mallory")}}},
		{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "2", Name: "garden", Left: true, Reason: api.Problem(api.RemovedBy, "who", "mallory")}}},
		{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "3", Left: true, Reason: api.Problem(api.RoomFull, "limit", "7")}}},
		{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_RENAMED, Reason: api.Problem(api.NameReassigned, "who", "bob", "was", "bob", "now", "bobby")}}},
		{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_CALLED, Name: "robert", Text: "robert", Reason: api.Problem(api.CalledOtherwise, "was", "rob", "now", "robert")}}},
		{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_CLOCK, ByMillis: -3600_000}}},
		{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_DISK_AGAIN}}},
		{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_NEW_DEVICE, Name: "bob", Text: "a\x1bphone"}}},
	} {
		f.events <- e
	}
	got := p.out.until(t, "phone")
	for _, want := range []string{"[lab] ", "bob: hello  (arrived late)", "[den] ", "me: [file a\uFFFD.bin, 2.0 KiB]", "bob: away",
		"http://d.test is not reached: nothing answers at this address", "the history can be written once more", "set by 1h00m; the times", "ATTENTION: garden: mallory has removed you from the room\n",
		"ATTENTION: the room is full: its limit is 7\n", "your contact bob goes by bobby", "\nrob is called robert now\n", "ATTENTION: bob uses a new device: a\uFFFDphone"} {
		if !strings.Contains(got, want) {
			t.Errorf("it lacks %q:\n%s", want, got)
		}
	}
	if strings.Count(got, "mallory") != 1 || strings.Contains(got, "again") || strings.Contains(got, "let me in") || strings.Contains(got, "\x1b") {
		t.Errorf("it prints:\n%q", got)
	}
}

func TestTheHistoryIsExportedAndOverwritesNothing(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	out, _ := p2pWith(t, exitDone, []string{"chat", "export"}, env)
	file := filepath.Join(t.TempDir(), "h.jsonl")
	p2pWith(t, exitDone, []string{"chat", "export", "-o", file}, env)
	if out != "{\"n\":1}\n{\"n\":2}\n" || read(t, file) != out {
		t.Errorf("exported %q and %q", out, read(t, file))
	}
	p2pWith(t, exitExists, []string{"chat", "export", "-o", file}, env)
	for args, in := range map[string]string{"-": "\xff\x00", "\xff": ""} {
		_, errs := p2pWith(t, exitUsage, []string{"chat", "send", "bob", args}, env, withInput(in))
		oneLineSays(t, errs, "no text in UTF-8")
	}
	p2pWith(t, exitDone, []string{"chat", "send", "bob", "-"}, env, withInput("two\nlines\n"))
	if q := f.last().(*p2pv1.SendRequest); q.Text != "two\nlines" {
		t.Errorf("sent %q", q.Text)
	}
	p2pWith(t, exitUsage, []string{"chat", "export", "--text"}, env)
	p2pWith(t, exitDone, []string{"chat", "export", "bob"}, env)
	if q := f.last().(*p2pv1.ExportRequest); q.Where != "bob" || q.Messages {
		t.Errorf("asked %v", q)
	}
	text, _ := p2pWith(t, exitDone, []string{"chat", "export", "bob", "--text"}, env)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 4 || strings.Contains(text, "\x1b") || !strings.HasSuffix(lines[0], "  bob\ufffd[2J: two") || lines[1] != "    lines  (edited)" ||
		!strings.HasSuffix(lines[2], "  bob: [file a.bin, 5 B]  (read)") || !strings.HasSuffix(lines[3], "  — bob joined") {
		t.Errorf("to read it is\n%s", text)
	}
}

func TestAnotherVersionOfTheNodeIsTold(t *testing.T) {
	f := newFakePerson()
	f.version = "9.9.9"
	env, _ := withPerson(t, f)
	_, errs := p2pWith(t, exitDone, []string{"account", "whoami"}, env)
	oneLineSays(t, errs, "9.9.9", version, "serve --stop")
}

func TestProfilesAreNamedOrAreFolders(t *testing.T) {
	env := map[string]string{"XDG_DATA_HOME": "/data", "LocalAppData": `/data`}
	a := &app{shell: &shell{env: func(name string) string { return env[name] }}}
	for in, want := range map[string]string{"": "default", "work": "work", "小明_2.b-c": "小明_2.b-c"} {
		if got, err := a.profileDir(in); err != nil || got != filepath.Join(a.dataDir(), want) {
			t.Errorf("profile %q is %q (%v)", in, got, err)
		}
	}
	here := t.TempDir()
	t.Chdir(here)
	absolute := filepath.Join(t.TempDir(), "x y", "z")
	for in, want := range map[string]string{"./work": filepath.Join(here, "work"), "./../work": filepath.Join(filepath.Dir(here), "work"), absolute: absolute} {
		if got, err := a.profileDir(in); err != nil || got != want {
			t.Errorf("profile %q is %q (%v)", in, got, err)
		}
	}
	_, errs := p2p(t, exitUsage, "account", "whoami")
	oneLineSays(t, errs, "--profile")
}

// Somebody has given ../../etc, and had a profile there.
func TestAFolderOfSomethingElseDoesNotBecomeAProfile(t *testing.T) {
	here := folder(t, map[string]string{"etc/passwd": "root", "used/history": "", "begun/start.lock": "", "odd name/node.lock": ""})
	if err := os.Mkdir(filepath.Join(here, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(here, "empty"))
	a := &app{shell: &shell{env: func(string) string { return here }}, text: text.English()}
	for profile, want := range map[string]string{
		"../etc": "absolute", "etc/x": "absolute", "..": "absolute", "what?": "letters", "two words": "letters", ".hidden": "absolute",
		"./../etc": "no profile", filepath.Join(here, "etc"): "no profile",
	} {
		if dir, err := a.profileDir(profile); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %s, %v", profile, dir, err)
		}
	}
	for profile, want := range map[string]string{
		"../used": "used", "../begun": "begun", filepath.Join(here, "odd name"): "odd name", filepath.Join(here, "empty"): "empty", "./new": "empty/new",
	} {
		if dir, err := a.profileDir(profile); err != nil || dir != filepath.Join(here, want) {
			t.Errorf("%s is %s, %v", profile, dir, err)
		}
	}
}

func TestTimesAreThoseOfTheReader(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local)
	for in, want := range map[time.Time]string{now.Add(-time.Hour): "04:06:07", now.Add(-6 * time.Hour): "2026-03-03 23:06"} {
		if got := clock(in.UnixMilli(), now); got != want {
			t.Errorf("%v is shown as %q", in, got)
		}
	}
}

func TestAScriptDoesWithMessagesWhatTheTerminalDoes(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	away := p2pv1.Presence_PRESENCE_AWAY
	for _, c := range []struct {
		args []string
		asks proto.Message
		says string
	}{
		{[]string{"chat", "edit", "5f3c", "at nine"}, &p2pv1.EditRequest{Message: "5f3c", Text: "at nine"}, "changed"},
		{[]string{"chat", "delete", "5f3c"}, &p2pv1.DeleteRequest{Message: "5f3c"}, "deleted"},
		{[]string{"chat", "react", "5f3c", "👍"}, &p2pv1.ReactRequest{Message: "5f3c", Emoji: "👍"}, "done"},
		{[]string{"chat", "react", "--undo", "5f3c", "👍"}, &p2pv1.ReactRequest{Message: "5f3c", Emoji: "👍", TakeBack: true}, "done"},
		{[]string{"chat", "read", "lab"}, &p2pv1.MarkReadRequest{Where: "lab"}, "read"},
		{[]string{"account", "presence", "away", "at lunch"}, &p2pv1.SetPresenceRequest{Presence: &away, Text: "at lunch"}, "away"},
	} {
		_, errs := p2pWith(t, exitDone, c.args, env)
		oneLineSays(t, errs, c.says)
		if got, ok := f.last().(proto.Message); !ok || !proto.Equal(got, c.asks) {
			t.Errorf("%v asks %v", c.args, f.last())
		}
		if out, _ := p2pWith(t, exitDone, append(c.args, "-j"), env); object(t, out)["message_type"] == "" {
			t.Errorf("%v -j prints %s", c.args, out)
		}
	}
	for _, args := range [][]string{{"account", "presence", "asleep"}, {"account", "presence", "online", "text"}, {"chat", "edit", "5f3c"}} {
		p2pWith(t, exitUsage, args, env)
	}
}

func TestOfAMessageThatIsForNobodyItIsNotSaidThatItIsNotDelivered(t *testing.T) {
	a := &app{shell: &shell{}, text: text.English()}
	m := &p2pv1.Message{Mine: true, Delivery: p2pv1.Delivery_DELIVERY_STORED}
	if marks := a.messageMarks(m); marks != "" {
		t.Errorf("alone: %q", marks)
	}
	if m.Others = 1; a.messageMarks(m) != "  (not delivered yet)" {
		t.Errorf("to somebody: %q", a.messageMarks(m))
	}
}

func TestAnExportTellsOneselfFromAnotherOfThatNameAndHowFarMessagesHaveCome(t *testing.T) {
	f := newFakePerson()
	f.joined = &p2pv1.Conversation{Id: "1", Name: "lab", Members: []*p2pv1.Member{{Name: "Bob", Me: true}, {Name: "bob"}}}
	env, _ := withPerson(t, f)
	text, _ := p2pWith(t, exitDone, []string{"chat", "export", "behind the link", "--text"}, env)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 4 || !strings.HasSuffix(lines[2], "  bob (you): [file a.bin, 5 B]  (read)") || !strings.HasSuffix(lines[3], "  — bob joined") {
		t.Errorf("to read it is\n%s", text)
	}
}

func TestChatSaysWhatItTakes(t *testing.T) {
	if out, _ := p2p(t, exitDone, "chat", "--help"); !strings.Contains(out, "p2p chat [NAME|ROOM] ") {
		t.Errorf("the help says\n%s", out)
	}
	for args, want := range map[string]string{"a b": "want one argument, NAME|ROOM", "sen bob": "did you mean \"send\"?"} {
		if _, errs := p2p(t, exitUsage, append([]string{"chat"}, strings.Fields(args)...)...); !strings.Contains(errs, want) {
			t.Errorf("p2p chat %s says %s", args, errs)
		}
	}
}
