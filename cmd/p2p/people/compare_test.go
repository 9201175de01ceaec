package people_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/people"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirseal/sealtest"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// lie stands before the directory of a town, from the beginning, and while it is told to passes one person off as another.
func (w *town) lie(t *testing.T) (lies *atomic.Bool) {
	to, err := url.Parse(w.directory)
	if err != nil {
		t.Fatal(err)
	}
	lies = new(atomic.Bool)
	honest := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	s := httptest.NewServer(sealtest.New(t, honest, func(asked *dirseal.Request) func(*dirseal.Answer) {
		if !lies.Load() || asked.Method != dirwire.MethodFind {
			return nil
		}
		asked.Body = bytes.ReplaceAll(asked.Body, []byte(`"bob"`), []byte(`"mallory"`))
		return func(a *dirseal.Answer) { a.Body = bytes.ReplaceAll(a.Body, []byte(`"mallory"`), []byte(`"bob"`)) }
	}))
	t.Cleanup(s.Close)
	w.directory = s.URL
	return lies
}

// listens returns the alerts of a kind that somebody is told from now on.
func (p *person) listens() func(p2pv1.Alert_Kind) []*p2pv1.Alert {
	p.t.Helper()
	events := p.hears()
	return func(kind p2pv1.Alert_Kind) (some []*p2pv1.Alert) {
		for _, e := range events() {
			if a := e.GetAlert(); a != nil && a.Kind == kind {
				some = append(some, a)
			}
		}
		return some
	}
}

// hears returns what somebody is told from now on: whenever it is called, all of it until then.
func (p *person) hears() func() []*p2pv1.Event {
	p.t.Helper()
	_, told := p.hearsFrom(0)
	return told
}

// hearsFrom returns what somebody is told from a cursor on, and before that.
func (p *person) hearsFrom(cursor int64) (*p2pv1.Hello, func() []*p2pv1.Event) {
	p.t.Helper()
	path, handler := p2pv1connect.NewPeopleHandler(p.Node)
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	server := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(p.t.Context())
	stream, err := p2pv1connect.NewPeopleClient(server.Client(), server.URL).Events(ctx, connect.NewRequest(&p2pv1.EventsRequest{Cursor: cursor}))
	if err != nil || !stream.Receive() {
		p.t.Fatal(err)
	}
	hello := stream.Msg().GetHello()
	var mu sync.Mutex
	var all []*p2pv1.Event
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for stream.Receive() {
			mu.Lock()
			all = append(all, stream.Msg())
			mu.Unlock()
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		<-ended
		server.Close()
	})
	node := p.Node
	return hello, func() []*p2pv1.Event {
		mark := fmt.Sprint(markPrefix, marks.Add(1))
		node.Mark(mark)
		eventually(p.t, "what was told is heard", func() bool {
			select {
			case <-ended:
				return true
			default:
			}
			mu.Lock()
			defer mu.Unlock()
			heard := 0
			for _, e := range all {
				if e.GetTyping().GetConversation() == mark {
					heard++
				}
			}
			return heard == 2
		})
		mu.Lock()
		defer mu.Unlock()
		return slices.DeleteFunc(slices.Clone(all), func(e *p2pv1.Event) bool {
			return strings.HasPrefix(e.GetTyping().GetConversation(), markPrefix)
		})
	}
}

// marks counts those by which it is known that all is heard.
var marks atomic.Int64

const markPrefix = "mark "

// acquaint makes contacts of two by name.
func acquaint(t *testing.T, a, b *person, nameOfA, nameOfB string) {
	t.Helper()
	for _, p := range []*person{a, b} {
		eventually(t, "there is a session", func() bool { return ask(t, p.Whoami, &p2pv1.WhoamiRequest{}).Directory.Connected })
	}
	ask(t, a.AddContact, &p2pv1.AddContactRequest{Who: nameOfB})
	eventually(t, "he is asked", func() bool { return b.contact(nameOfA).State == asks })
	b.answer(nameOfA, p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "both have each other", func() bool { return a.contact(nameOfB).State == friend && b.contact(nameOfA).State == friend })
	met(a, b, nameOfA, nameOfB)
}

// The directory loses everybody, and somebody is quick to take a name.
func TestWhoHasANameAtADirectoryThatIsAnotherOneIsFoundOutAtOnce(t *testing.T) {
	people.LookLate(t)
	l := new(ledger.Memory)
	w := town{t, startTracker(t), startDirectoryOn(t, l)}
	turn := w.stand(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	acquaint(t, alice, bob, "alice", "bob")
	alerts := alice.listens()
	other := startDirectoryOn(t, deserted(t, l))
	town{t, w.tracker, other}.settle("bob")
	turn(other)
	eventually(t, "she is warned", func() bool { return len(alerts(p2pv1.Alert_KIND_KEY_CHANGED)) > 0 })
	if key := alice.contact("bob").ChangedKey; key == "" || key == ask(t, bob.Whoami, &p2pv1.WhoamiRequest{}).Account {
		t.Errorf("she is warned of the key %q", key)
	}
}

// nothingGoes reports every way to tell somebody something, in a conversation whose other side is in doubt.
func (p *person) nothingGoes(who string, m *p2pv1.Message) (open []string) {
	path := filepath.Join(p.t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	ctx := p.t.Context()
	for what, err := range map[string]error{
		"send":   second(p.Send(ctx, connect.NewRequest(&p2pv1.SendRequest{Where: who, Text: "secret"}))),
		"offer":  second(p.Offer(ctx, connect.NewRequest(&p2pv1.OfferRequest{Where: who, Path: path}))),
		"edit":   second(p.Edit(ctx, connect.NewRequest(&p2pv1.EditRequest{Message: m.Id, Text: "secret"}))),
		"react":  second(p.React(ctx, connect.NewRequest(&p2pv1.ReactRequest{Message: m.Id, Emoji: "👍"}))),
		"type":   second(p.Typing(ctx, connect.NewRequest(&p2pv1.TypingRequest{Where: who, Typing: true}))),
		"read":   second(p.MarkRead(ctx, connect.NewRequest(&p2pv1.MarkReadRequest{Where: who}))),
		"accept": second(p.Accept(ctx, connect.NewRequest(&p2pv1.AcceptRequest{Message: m.Id}))),
		"make":   second(p.CreateRoom(ctx, connect.NewRequest(&p2pv1.CreateRoomRequest{Name: "x", Invite: []string{who}}))),
		"invite": second(p.ChangeMember(ctx, connect.NewRequest(&p2pv1.ChangeMemberRequest{Where: "garden", Who: who, Change: p2pv1.ChangeMemberRequest_CHANGE_ADD}))),
		"add":    second(p.AddContact(ctx, connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"}))),
	} {
		if p.reason(err) != api.KeyChanged {
			open = append(open, what)
		}
	}
	return open
}

func TestAKeyThatChangesIsNoticedWithoutBeingAskedForAndNothingGoesThere(t *testing.T) {
	w := newTown(t)
	lies := w.lie(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	mallory := w.settle("mallory")
	acquaint(t, alice, bob, "alice", "bob")
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	m := alice.say("bob", "before")

	lies.Store(true)
	alice.close()
	alice = w.open(alice.dir) // it compares at the start
	eventually(t, "alice is warned", func() bool { return alice.contact("bob").ChangedKey != "" })
	if c := alice.contact("bob"); c.Verified || c.Account != ask(t, bob.Whoami, &p2pv1.WhoamiRequest{}).Account {
		t.Errorf("bob is %v", c)
	}
	if open := alice.nothingGoes("bob", m); len(open) > 0 {
		t.Errorf("in doubt alice can %v", open)
	}
	v := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob"})
	if v.NewSafetyNumber == "" || v.NewSafetyNumber == v.SafetyNumber {
		t.Errorf("she is shown %v", v)
	}
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	alice.say("bob", "it is you")
	eventually(t, "bob has it", bob.has("alice", "before", "it is you"))

	// The key is known to be another's now: that is no news at the next start, and alice may get to know who that is.
	alice.close()
	alice = w.open(alice.dir)
	r := ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: "bob"})
	if r.Contact.Account != ask(t, mallory.Whoami, &p2pv1.WhoamiRequest{}).Account || r.Contact.Name == "bob" {
		t.Errorf("alice asks %v", r.Contact)
	}
	if c := alice.contact("bob"); c.ChangedKey != "" || !c.Verified {
		t.Errorf("bob is %v", c)
	}
}

func TestANewKeyIsTakenWhenThePersonSaysSo(t *testing.T) {
	w := newTown(t)
	lies := w.lie(t)
	alice, bob, mallory := w.settle("alice"), w.settle("bob"), w.settle("mallory") // whom bob is from now on, with another account
	acquaint(t, alice, bob, "alice", "bob")
	old := alice.contact("bob").Account
	if _, err := alice.VerifyContact(t.Context(), connect.NewRequest(&p2pv1.VerifyContactRequest{Who: "bob", NewKey: true})); alice.reason(err) != api.NoOtherKey {
		t.Errorf("there is no other key: %v", err)
	}
	lies.Store(true)
	if _, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"})); alice.reason(err) != api.KeyChanged {
		t.Fatalf("another key: %v", err)
	}
	shown := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob"}).NewSafetyNumber
	taken := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", NewKey: true})
	if taken.SafetyNumber != shown || !taken.Verified || taken.Contact.Name != "bob" || taken.Contact.Account == old {
		t.Errorf("she has %v", taken)
	}
	eventually(t, "the new bob is asked", func() bool { return mallory.contact("alice").State == asks })
	mallory.answer("alice", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "they have each other", func() bool { return alice.contact("bob").State == friend })
	alice.say("bob", "new key, old friend")
	eventually(t, "he has it", mallory.has("alice", "new key, old friend"))
	if admits, err := alice.Admits(bob.contact("alice").Conversation, bob.me().Device); err != nil || admits { // he may be whoever stood between
		t.Errorf("the old one may connect: %v, %v", admits, err)
	}
}

func TestAContactWithAnotherNameIsNotTakenForAnotherPerson(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	acquaint(t, alice, bob, "alice", "bob")
	eventually(t, "bob knows alice by name", func() bool { return bob.contact("alice").DirectoryName == "alice" })
	ask(t, bob.Rename, &p2pv1.RenameRequest{Name: "robert"})
	stranger := w.open(filepath.Join(t.TempDir(), "stranger"))
	ask(t, stranger.Register, &p2pv1.RegisterRequest{Name: "bob", Password: password})
	eventually(t, "alice learns his new name", func() bool { return alice.contact("robert").DirectoryName == "robert" })
	if c := alice.contact("robert"); c.ChangedKey != "" || c.Account != ask(t, bob.Whoami, &p2pv1.WhoamiRequest{}).Account {
		t.Errorf("bob is %v", c)
	}
	alice.say("robert", "a new name?")
	eventually(t, "he has it", bob.has("alice", "a new name?"))
	if r := ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: "bob"}); r.Contact.Name != "bob-2" { // bob is who she knew by that
		t.Errorf("the stranger is %v", r.Contact)
	}
}

// Alice hears that the name has another key before she hears why: the alarm ends when she does.
func TestAnAlarmForARenamingEndsWhenTheContactSaysSo(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	acquaint(t, alice, bob, "alice", "bob")
	ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true})
	alice.close()
	ask(t, bob.Rename, &p2pv1.RenameRequest{Name: "robert"})
	bob.close()
	stranger := w.open(filepath.Join(t.TempDir(), "stranger"))
	ask(t, stranger.Register, &p2pv1.RegisterRequest{Name: "bob", Password: password})
	alice = w.open(alice.dir)
	eventually(t, "alice is warned", func() bool { return alice.contact("bob").ChangedKey != "" })
	events := alice.listens()
	bob = w.open(bob.dir)
	eventually(t, "the alarm ends", func() bool {
		c := alice.called("bob", "robert")
		return c.ChangedKey == "" && c.DirectoryName == "robert" && c.Verified
	})
	eventually(t, "alice is told", func() bool { return len(events(p2pv1.Alert_KIND_RENAMED)) > 0 })
	if said := events(p2pv1.Alert_KIND_RENAMED); len(said) != 1 || said[0].Reason.Key != api.NameReassigned ||
		said[0].Reason.With["was"] != "bob" || said[0].Reason.With["now"] != "robert" {
		t.Errorf("alice is told %v", said)
	}
	alice.say("bob", "there you are")
	eventually(t, "he has it", bob.has("alice", "there you are"))
}

// The second device of an account learns from the first by which name it is known.
func TestAllDevicesKnowTheNewName(t *testing.T) {
	w := newTown(t)
	desk := w.settle("alice")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	ask(t, phone.Login, &p2pv1.LoginRequest{Name: "alice", Password: password})
	ask(t, desk.Rename, &p2pv1.RenameRequest{Name: "alicia"})
	eventually(t, "the phone knows", func() bool { return ask(t, phone.Whoami, &p2pv1.WhoamiRequest{}).Name == "alicia" })
	phone.close()
	if me := ask(t, w.open(phone.dir).Whoami, &p2pv1.WhoamiRequest{}); me.Name != "alicia" || strings.Contains(me.DisplayName, "phone") {
		t.Errorf("after a restart it is %v", me)
	}
}
