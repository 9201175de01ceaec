package people_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/tracker/ledger"
)

func (p *person) me() *p2pv1.WhoamiResponse {
	p.t.Helper()
	return ask(p.t, p.Whoami, &p2pv1.WhoamiRequest{})
}

func (p *person) register(q *p2pv1.RegisterRequest) error {
	_, err := p.Register(p.t.Context(), connect.NewRequest(q))
	return err
}

func (p *person) login(name string) error {
	_, err := p.Login(p.t.Context(), connect.NewRequest(&p2pv1.LoginRequest{Name: name, Password: password}))
	return err
}

func TestAFailedRegistrationLeavesTheProfileFreeForAnotherAccount(t *testing.T) {
	w := newTown(t)
	w.settle("alice").close()
	p := w.open(filepath.Join(t.TempDir(), "laptop"))
	if err := p.register(&p2pv1.RegisterRequest{Name: "alice", Password: password}); p.reason(err) != api.NameTaken {
		t.Fatalf("a name that is taken: %v", err)
	}
	if err := p.login("alice"); err != nil {
		t.Fatal(err)
	}
	if me := p.me(); me.Name != "alice" || !me.Directory.Connected {
		t.Errorf("it is %v", me)
	}
	p.close()
	if me := w.open(p.dir).me(); me.Name != "alice" {
		t.Errorf("after a restart it is %v", me)
	}
}

func TestADirectoryAtWhichNobodyGotAnAccountIsNotThatOfTheProfile(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "laptop"))
	if err := p.register(&p2pv1.RegisterRequest{Name: "alice", Password: password, Directory: "http://127.0.0.1:1"}); err == nil {
		t.Fatal("nobody is there, and she has an account")
	}
	if err := p.register(&p2pv1.RegisterRequest{Name: "alice", Password: password}); p.reason(err) != api.NoDirectory {
		t.Errorf("the next command: %v", err)
	}
	if _, err := p.Login(t.Context(), connect.NewRequest(&p2pv1.LoginRequest{Name: "alice", Password: password, Directory: "http://127.0.0.1:1"})); err == nil {
		t.Fatal("nobody is there, and she is logged in")
	}
	if me := p.me(); len(me.Trackers) != 0 {
		t.Errorf("she is to be found under %v", me.Trackers)
	}
}

func TestAnAccountGetsAnotherPassword(t *testing.T) {
	w := newTown(t)
	alice := w.settle("alice")
	change := func(to string) error {
		_, err := alice.ChangePassword(t.Context(), connect.NewRequest(&p2pv1.ChangePasswordRequest{Password: to}))
		return err
	}
	if err := change("x"); alice.reason(err) != api.WeakPassword {
		t.Errorf("a short one: %v", err)
	}
	if err := change("another one"); err != nil {
		t.Fatal(err)
	}
	p := w.open(filepath.Join(t.TempDir(), "laptop"))
	if err := p.login("alice"); p.reason(err) != api.WrongPassword {
		t.Errorf("with the old one: %v", err)
	}
	ask(t, p.Login, &p2pv1.LoginRequest{Name: "alice", Password: "another one"})
	if p.me().Account != alice.me().Account || !alice.me().LoggedIn {
		t.Errorf("they are %v and %v", p.me(), alice.me())
	}
	alone := open(t, filepath.Join(t.TempDir(), "alone"))
	_, err := alone.ChangePassword(t.Context(), connect.NewRequest(&p2pv1.ChangePasswordRequest{Password: "another one"}))
	if alone.reason(err) != api.NoAccount {
		t.Errorf("without an account: %v", err)
	}
}

func TestKeysThatSomebodyKnowsAreNotReplaced(t *testing.T) {
	w := newTown(t)
	w.settle("alice")
	p := w.open(filepath.Join(t.TempDir(), "p"))
	p.name("bob")
	link := ask(t, p.Invite, &p2pv1.InviteRequest{}).Link
	before := p.me().Account
	if err := p.login("alice"); p.reason(err) != api.LoggedIn {
		t.Errorf("who has given out %s logs in as somebody else: %v", link, err)
	}
	if err := p.register(&p2pv1.RegisterRequest{Name: "bob", Password: password}); err != nil {
		t.Fatal(err)
	}
	if me := p.me(); me.Account != before {
		t.Error("a registration has replaced them")
	}
	if err := p.login("alice"); p.reason(err) != api.LoggedIn {
		t.Errorf("bob logs in as alice: %v", err)
	}
}

func TestTheDirectoryThatWasNamedLastCounts(t *testing.T) {
	w := newTown(t)
	w.settle("alice")
	p := open(t, filepath.Join(t.TempDir(), "p"))
	q := &p2pv1.RegisterRequest{Name: "bob", Password: password}
	if err := p.register(q); p.reason(err) != api.NoDirectory {
		t.Errorf("without a directory: %v", err)
	}
	q.Directory = "http://127.0.0.1:1"
	if err := p.register(q); p.reason(err) != api.Unreachable || api.ReasonOf(err).With["url"] != q.Directory {
		t.Errorf("a mistyped directory: %v", err)
	}
	link := ask(t, p.Invite, &p2pv1.InviteRequest{}).Link // so that the keys stay
	q.Directory = w.directory
	if err := p.register(q); err != nil {
		t.Fatal(err)
	}
	me := p.me()
	if !strings.HasPrefix(me.Directory.Url, w.directory+"#") || !me.Directory.Connected || len(me.Trackers) != 1 || me.Trackers[0] != w.directory+"/announce" {
		t.Errorf("whose link was %s is %v", link, me)
	}
	other := open(t, filepath.Join(t.TempDir(), "other"))
	if err := other.register(&p2pv1.RegisterRequest{Name: "alice", Password: password, Directory: w.directory}); other.reason(err) != api.NameTaken {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := other.register(&p2pv1.RegisterRequest{Name: "carol", Password: password}); err != nil {
		t.Errorf("with the directory of the last time: %v", err)
	}
}

// losses are what a directory may become that knows an account no more, by what its people are told of it.
var losses = map[string]func(*testing.T, *ledger.Memory) string{
	api.AnotherKey:     func(t *testing.T, _ *ledger.Memory) string { return startDirectory(t) },
	api.AccountUnknown: func(t *testing.T, l *ledger.Memory) string { return startDirectoryOn(t, deserted(t, l)) },
}

// Whether a directory was replaced, or has only forgotten everybody: who is there is told, and can begin anew.
func TestWhatADirectoryHasLostCanBeForgotten(t *testing.T) {
	for problem, next := range losses {
		l := new(ledger.Memory)
		w := town{t, startTracker(t), startDirectoryOn(t, l)}
		turn := w.stand(t)
		alice := w.settle("alice")
		turn(next(t, l))
		eventually(t, "she is told", func() bool { return alice.me().Directory.Problem.GetKey() == problem })
		ask(t, alice.Logout, &p2pv1.LogoutRequest{Forget: true})
		if me := alice.me(); me.LoggedIn {
			t.Errorf("she is still %v", me)
		}
		if err := alice.register(&p2pv1.RegisterRequest{Name: "alice", Password: password}); err != nil || !alice.me().Directory.Connected {
			t.Errorf("%s: once more: %v", problem, err)
		}
	}
}

// Her keys are what others know her by: with another entry for them all goes on.
func TestWhoseDirectoryHasLostHerRegistersTheSameKeysAgain(t *testing.T) {
	for problem, next := range losses {
		l := new(ledger.Memory)
		w := town{t, startTracker(t), startDirectoryOn(t, l)}
		turn := w.stand(t)
		alice, bob := w.settle("alice"), open(t, filepath.Join(t.TempDir(), "bob"), w.tracker)
		bob.name("bob")
		befriend(t, alice, bob, "alice", "bob")
		account := alice.me().Account
		if err := alice.register(&p2pv1.RegisterRequest{Name: "alicia", Password: password}); alice.reason(err) != api.LoggedIn {
			t.Errorf("who is well where she is registers again: %v", err)
		}
		now := next(t, l)
		turn(now)
		var told *p2pv1.Reason
		eventually(t, "she is told", func() bool {
			told = alice.me().Directory.Problem
			return told.GetKey() == problem
		})
		if problem == api.AnotherKey {
			now += "#" + told.With["key"]
		} else {
			now = ""
		}
		ask(t, alice.Logout, &p2pv1.LogoutRequest{}) // which is no way out of it, and no harm
		_, err := alice.Login(t.Context(), connect.NewRequest(&p2pv1.LoginRequest{Name: "alice", Password: password, Directory: now}))
		if alice.reason(err) != api.AccountLost {
			t.Errorf("%s: a login is answered with %v", problem, err)
		}
		if err := alice.register(&p2pv1.RegisterRequest{Name: "alice", Password: password, Directory: now}); err != nil || !alice.me().Directory.Connected {
			t.Errorf("%s: once more: %v", problem, err)
		}
		if me := alice.me(); me.Account != account || alice.contact("bob").State != friend {
			t.Errorf("%s: she is %v", problem, me)
		}
		alice.say("bob", "it is still me")
		eventually(t, "bob has it", bob.has("alice", "it is still me"))
	}
}

func TestADeviceThatLogsInAgainIsTheSameOneByWhateverNameItIsCalled(t *testing.T) {
	w := newTown(t)
	alice := w.settle("alice")
	was := alice.me()
	ask(t, alice.Logout, &p2pv1.LogoutRequest{})
	login := &p2pv1.LoginRequest{Name: "alice", Password: password, DeviceLabel: "tablet"}
	if me := ask(t, alice.Login, login).Me; me.Device != was.Device || me.DeviceLabel != "tablet" {
		t.Errorf("it was %s, %q, and is %s, %q", was.Device, was.DeviceLabel, me.Device, me.DeviceLabel)
	}
	alice.close()
	alice = w.open(alice.dir)
	if me := alice.me(); me.Device != was.Device || me.DeviceLabel != "tablet" {
		t.Errorf("after a restart it is %s, %q", me.Device, me.DeviceLabel)
	}
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another device knows both", func() bool { return len(ask(t, phone.ListDevices, &p2pv1.ListDevicesRequest{}).Devices) == 2 })
	for _, d := range ask(t, phone.ListDevices, &p2pv1.ListDevicesRequest{}).Devices {
		if d.Key == was.Device && (d.Label != "tablet" || d.Revoked) {
			t.Errorf("to another device it is %v", d)
		}
	}
}

// It takes two seconds: so long may a directory take to be told.
func TestWhoLogsOutDoesNotWaitForADirectoryThatHangs(t *testing.T) {
	w := newTown(t)
	answering := w.directory
	turn := w.stand(t)
	alice := w.settle("alice")
	eventually(t, "she is there", func() bool { return alice.me().Directory.Connected })
	let := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		close(let)
		hangs.Close()
	})
	turn(hangs.URL)
	patience, cancel := context.WithTimeout(t.Context(), 8*time.Second) // any other request waits for 10 s
	defer cancel()
	a, err := alice.Logout(patience, connect.NewRequest(&p2pv1.LogoutRequest{}))
	if err != nil || a.Msg.Untold.GetWith()["problem"] != api.TimedOut || patience.Err() != nil {
		t.Errorf("it says %v, %v, %v", a, err, patience.Err())
	}
	if me := alice.me(); !me.Directory.LoggedOut || me.Name != "alice" {
		t.Errorf("she is %v", me)
	}
	turn(answering)
	if err := alice.login("alice"); err != nil || alice.me().Directory.LoggedOut {
		t.Errorf("when it answers again: %v", err)
	}
}

// Many programs ask while one logs out and in; the race detector watches.
func TestWhoeverAsksWhileAPersonLogsOutAndInDisturbsNobody(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	befriend(t, alice, bob, "alice", "bob")
	ask(t, alice.Rename, &p2pv1.RenameRequest{Name: "alicia"})
	ctx, stop := context.WithCancel(t.Context())
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for ctx.Err() == nil { // what they are answered depends on the moment
				_, _ = alice.Whoami(ctx, connect.NewRequest(&p2pv1.WhoamiRequest{}))
				_, _ = alice.Send(ctx, connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "x"}))
				_, _ = alice.ListConversations(ctx, connect.NewRequest(&p2pv1.ListConversationsRequest{}))
				_, _ = alice.ListDevices(ctx, connect.NewRequest(&p2pv1.ListDevicesRequest{}))
				_, _ = alice.Rename(ctx, connect.NewRequest(&p2pv1.RenameRequest{Name: "alicia"}))
				_, _ = alice.SetPresence(ctx, connect.NewRequest(&p2pv1.SetPresenceRequest{Presence: absent.Enum()}))
			}
		})
	}
	ask(t, alice.Logout, &p2pv1.LogoutRequest{})
	if err := alice.login("alicia"); err != nil {
		t.Error(err)
	}
	ask(t, alice.Logout, &p2pv1.LogoutRequest{Forget: true})
	stop()
	askers.Wait()
	if me := alice.me(); me.LoggedIn {
		t.Errorf("she is still %v", me)
	}
	if got := ask(t, alice.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations; len(got) > 0 {
		t.Errorf("of what was forgotten there is %v", got)
	}
	if err := alice.login("bob"); err != nil || alice.me().Name != "bob" {
		t.Errorf("as somebody else: %v", err)
	}
}
