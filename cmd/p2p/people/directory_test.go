package people_test

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
	"p2p/tracker/directory"
	"p2p/tracker/ledger"
)

// startDirectory runs a directory on loopback and returns its URL.
func startDirectory(t *testing.T) string {
	t.Helper()
	return startDirectoryOn(t, new(ledger.Memory))
}

// deserted returns a ledger of the same directory, with the same key, that knows nobody.
func deserted(t *testing.T, l *ledger.Memory) *ledger.Memory {
	t.Helper()
	empty := new(ledger.Memory)
	from, err := l.Bucket(t.Context(), "people")
	if err != nil {
		t.Fatal(err)
	}
	to, err := empty.Bucket(t.Context(), "people")
	if err != nil {
		t.Fatal(err)
	}
	key, err := from.Get(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Create(t.Context(), "key", key.Value); err != nil {
		t.Fatal(err)
	}
	return empty
}

// copied returns a ledger that holds what the directory's holds now.
func copied(t *testing.T, l *ledger.Memory) *ledger.Memory {
	t.Helper()
	same := new(ledger.Memory)
	for _, name := range []string{"people", "people-names", "people-accounts", "people-letters"} {
		from, err := l.Bucket(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		to, err := same.Bucket(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = from.Watch(ctx, func(c ledger.Change) {
			if c.Synced {
				cancel()
			} else if _, err := to.Create(t.Context(), c.Key, c.Value); err != nil {
				t.Error(err)
			}
		})
		if cancel(); err != nil {
			t.Fatal(err)
		}
	}
	return same
}

// stand puts an address before the directory of a town, at which another one answers after turn.
func (w *town) stand(t *testing.T) (turn func(to string)) {
	t.Helper()
	var at atomic.Pointer[url.URL]
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at.Load()) },
	})
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	turn = func(to string) {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		at.Store(u)
		proxy.CloseClientConnections()
	}
	turn(w.directory)
	w.directory = proxy.URL
	return turn
}

func startDirectoryOn(t *testing.T, l *ledger.Memory) string {
	t.Helper()
	d, err := directory.New(directory.Options{Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	s := httptest.NewServer(d)
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return s.URL
}

// town is a tracker and a directory.
type town struct {
	t                  *testing.T
	tracker, directory string
}

func newTown(t *testing.T) town { return town{t, startTracker(t), startDirectory(t)} }

// open opens the node of a profile in the town.
func (w town) open(dir string) *person {
	w.t.Helper()
	n, err := people.Open(w.t.Context(), people.Options{
		Dir: dir, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Trackers: []string{w.tracker}, Directory: w.directory, Label: filepath.Base(dir),
		Version: "test", Log: logger(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p := &person{n, w.t, dir}
	w.t.Cleanup(p.close)
	return p
}

const password = "correct horse"

// settle registers somebody in the town.
func (w town) settle(name string) *person {
	w.t.Helper()
	p := w.open(filepath.Join(w.t.TempDir(), name))
	ask(w.t, p.Register, &p2pv1.RegisterRequest{Name: name, Password: password})
	ask(w.t, p.SetPresence, &p2pv1.SetPresenceRequest{Presence: p2pv1.Presence_PRESENCE_ONLINE.Enum()})
	return p
}

func (p *person) reason(err error) string { return api.ReasonOf(err).GetKey() }

func TestPeopleFindEachOtherByName(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	if _, err := bob.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "zoe"})); bob.reason(err) != api.NoSuchPerson {
		t.Errorf("who is not there: %v", err)
	}
	eventually(t, "alice is there to be asked", func() bool {
		return ask(t, alice.Whoami, &p2pv1.WhoamiRequest{}).Directory.Connected && ask(t, bob.Whoami, &p2pv1.WhoamiRequest{}).Directory.Connected
	})
	r := ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "Alice", Note: "hello"})
	if !r.Delivered || r.Contact.Name != "alice" {
		t.Errorf("the request is %v", r)
	}
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "both have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
	bob.say("alice", "there you are")
	eventually(t, "alice has it", alice.has("bob", "there you are"))
	eventually(t, "bob sees alice", func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_ONLINE })
	ask(t, alice.Logout, &p2pv1.LogoutRequest{})
	eventually(t, "bob sees her go", func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_OFFLINE })
	if got := alice.texts("bob"); !slices.Equal(got, []string{"there you are"}) {
		t.Errorf("logged out, alice reads %q", got)
	}
	if _, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "x"})); alice.reason(err) != api.LoggedOut {
		t.Errorf("logged out, alice writes: %v", err)
	}
	if !alice.me().Directory.LoggedOut {
		t.Error("nobody is told that she has logged out")
	}
	ask(t, alice.Login, &p2pv1.LoginRequest{Name: "alice", Password: password})
	alice.say("bob", "back")
	eventually(t, "bob has it", bob.has("alice", "there you are", "back"))
}

func TestARequestWaitsForWhoIsAway(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	dir := alice.dir
	eventually(t, "bob has a session", func() bool { return ask(t, bob.Whoami, &p2pv1.WhoamiRequest{}).Directory.Connected })
	alice.close()
	if r := ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"}); r.Delivered {
		t.Error("who is away has a request")
	}
	bob.close()
	again := w.open(dir)
	eventually(t, "alice is asked", func() bool { return again.contact("bob").State == asks })
	again.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	back := w.open(bob.dir)
	eventually(t, "bob knows", func() bool { return back.contact("alice").State == friend })
}

// Two routers may stand between them, so that neither ever sees the other join: what he has signed is enough.
func TestWhoHasAcceptedIsAContactThoughNobodyGetsThroughToHim(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	bob.close()
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	alice.close()
	back := w.open(bob.dir)
	eventually(t, "bob knows", func() bool { return back.contact("alice").State == friend })
}

func TestANameIsOnePersons(t *testing.T) {
	w := newTown(t)
	w.settle("alice")
	other := w.open(filepath.Join(t.TempDir(), "other"))
	_, err := other.Register(t.Context(), connect.NewRequest(&p2pv1.RegisterRequest{Name: "ALICE", Password: password}))
	if other.reason(err) != api.NameTaken {
		t.Errorf("a name twice: %v", err)
	}
	for name, want := range map[string]string{"a": api.BadName, "a b": api.BadName} {
		_, err := other.Register(t.Context(), connect.NewRequest(&p2pv1.RegisterRequest{Name: name, Password: password}))
		if with := api.ReasonOf(err).GetWith(); other.reason(err) != want || with["name"] != name || with["rule"] == "" || with["max"] != "32" {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err = other.Register(t.Context(), connect.NewRequest(&p2pv1.RegisterRequest{Name: "other", Password: "short"}))
	if other.reason(err) != api.WeakPassword {
		t.Errorf("a short password: %v", err)
	}
	ask(t, other.Register, &p2pv1.RegisterRequest{Name: "other", Password: password})
	ask(t, other.Rename, &p2pv1.RenameRequest{Name: "another"})
	if me := ask(t, other.Whoami, &p2pv1.WhoamiRequest{}); me.Name != "another" {
		t.Errorf("renamed it is %q", me.Name)
	}
}

// A second device has the contacts and conversations of the first as soon as they meet, and is itself at once.
func TestASecondDeviceIsTheSamePerson(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	befriend(t, alice, bob, "alice", "bob")
	alice.say("bob", "from the desk")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if _, err := phone.Login(t.Context(), connect.NewRequest(&p2pv1.LoginRequest{Name: "alice", Password: "wrong horse"})); phone.reason(err) != api.WrongPassword {
		t.Errorf("with a wrong password: %v", err)
	}
	me := ask(t, phone.Login, &p2pv1.LoginRequest{Name: "alice", Password: password}).Me
	if desk := ask(t, alice.Whoami, &p2pv1.WhoamiRequest{}); me.Account != desk.Account || me.Device == desk.Device {
		t.Errorf("the phone is %v, the desk %v", me, desk)
	}
	eventually(t, "the phone knows bob", func() bool { return phone.contact("bob").State == friend })
	eventually(t, "the phone has what was said", phone.has("bob", "from the desk"))
	phone.say("bob", "from the phone")
	eventually(t, "bob has both", bob.has("alice", "from the desk", "from the phone"))
	eventually(t, "the desk too", alice.has("bob", "from the desk", "from the phone"))
	if got := len(ask(t, alice.ListDevices, &p2pv1.ListDevicesRequest{}).Devices); got != 2 {
		t.Errorf("alice has %d devices", got)
	}
	alice.close()
	bob.say("alice", "which one is this?")
	eventually(t, "the phone answers for her", phone.has("bob", "from the desk", "from the phone", "which one is this?"))
}

func TestARevokedDeviceIsOut(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	befriend(t, alice, bob, "alice", "bob")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	ask(t, phone.Login, &p2pv1.LoginRequest{Name: "alice", Password: password})
	eventually(t, "the phone is in the room with bob", func() bool {
		return phone.contact("bob").State == friend && phone.conversation("bob").Role != p2pv1.Role_ROLE_UNSPECIFIED
	})
	phone.say("bob", "found a phone")
	eventually(t, "bob has it", bob.has("alice", "found a phone"))
	eventually(t, "the desk too", alice.has("bob", "found a phone"))
	ask(t, alice.RevokeDevice, &p2pv1.RevokeDeviceRequest{Device: "phone"})
	alice.say("bob", "it was stolen")
	eventually(t, "bob has it", bob.has("alice", "found a phone", "it was stolen"))
	// The thief's node may not know yet, and take it; nobody else does.
	_, _ = phone.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "send money"}))
	alice.say("bob", "never mind")
	eventually(t, "bob has what alice said, and nothing else", bob.has("alice", "found a phone", "it was stolen", "never mind"))
	eventually(t, "the thief is told that the device is none any more", func() bool {
		_, err := phone.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "send money"}))
		return phone.reason(err) == api.RevokedHere
	})
}
