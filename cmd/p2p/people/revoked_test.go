package people_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
	"p2p/tracker/ledger"
)

// The desk is away while the phone is made the account's, and hears of it from the directory alone.
func TestADeviceThatWasRevokedBeforeItWasMetIsOut(t *testing.T) {
	w := newTown(t)
	desk := w.settle("alice")
	desk.close()
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	phone.close()
	desk = w.open(desk.dir)
	eventually(t, "the desk has a session", func() bool { return desk.me().Directory.Connected })
	ask(t, desk.ListDevices, &p2pv1.ListDevicesRequest{})
	ask(t, desk.RevokeDevice, &p2pv1.RevokeDeviceRequest{Device: "phone"})
	phone = w.open(phone.dir)
	eventually(t, "the phone is told", func() bool { return phone.me().Directory.Problem.GetKey() == api.DeviceRevoked })
	_, _ = phone.CreateRoom(t.Context(), connect.NewRequest(&p2pv1.CreateRoomRequest{Name: "thieves"})) // it has no history to write to, or has
	if _, err := phone.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"})); phone.reason(err) != api.RevokedHere {
		t.Errorf("a device that was revoked asks for a contact: %v", err)
	}
	for _, c := range ask(t, phone.ListConversations, &p2pv1.ListConversationsRequest{}).Conversations {
		if _, err := phone.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: c.Id, Text: "hello"})); phone.reason(err) != api.RevokedHere {
			t.Errorf("it writes to %s: %v", c.Name, err)
		}
	}
	if err := phone.login("alice"); phone.reason(err) != api.RevokedHere {
		t.Errorf("it logs in again: %v", err)
	}
	itself := ask(t, phone.ListDevices, &p2pv1.ListDevicesRequest{}).Devices
	if !slices.ContainsFunc(itself, func(d *p2pv1.Device) bool { return d.ThisOne && d.Revoked && !d.Online }) {
		t.Errorf("of itself it says %v", itself)
	}
	ask(t, phone.Logout, &p2pv1.LogoutRequest{})
	phone.close()
	phone = w.open(phone.dir) // nobody asks the directory now
	if d := phone.me().Directory; !d.LoggedOut || d.Problem.GetKey() != api.DeviceRevoked {
		t.Errorf("after a logout it says %v", d)
	}
	if _, err := phone.CreateRoom(t.Context(), connect.NewRequest(&p2pv1.CreateRoomRequest{Name: "thieves"})); phone.reason(err) != api.RevokedHere {
		t.Errorf("after a logout it makes a room: %v", err)
	}
	if err := phone.login("alice"); phone.reason(err) != api.RevokedHere {
		t.Errorf("after a logout it logs in again: %v", err)
	}
	for range 2 {
		_, err := phone.Login(t.Context(), connect.NewRequest(&p2pv1.LoginRequest{Name: "alice", Password: password, DeviceLabel: "another"}))
		if phone.reason(err) != api.RevokedHere {
			t.Errorf("under another name it logs in: %v", err)
		}
		if d := phone.me().Directory; d.Connected {
			t.Errorf("it has a session: %v", d)
		}
		ask(t, phone.Logout, &p2pv1.LogoutRequest{})
	}
	if got := desk.rooms(); len(got) > 0 {
		t.Errorf("the desk has %v from it", got)
	}
	all := ask(t, desk.ListDevices, &p2pv1.ListDevicesRequest{}).Devices
	if !slices.ContainsFunc(all, func(d *p2pv1.Device) bool { return d.Label == "phone" && d.Revoked && !d.Online }) || len(all) != 2 {
		t.Errorf("alice's devices are %v", all)
	}
	ask(t, phone.Logout, &p2pv1.LogoutRequest{Forget: true})
	if err := phone.login("alice"); err != nil {
		t.Errorf("as a new device: %v", err)
	}
}

// Whoever has stolen a phone waits for that.
func TestADirectoryThatHasLostItsDataIsToldAgainWhichDevicesWereRevoked(t *testing.T) {
	l := new(ledger.Memory)
	w := town{t, startTracker(t), startDirectoryOn(t, l)}
	turn := w.stand(t)
	desk := w.settle("alice")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	phone.close()
	eventually(t, "the desk knows the phone", func() bool { return len(ask(t, desk.ListDevices, &p2pv1.ListDevicesRequest{}).Devices) == 2 })
	ask(t, desk.RevokeDevice, &p2pv1.RevokeDeviceRequest{Device: "phone"})
	turn(startDirectoryOn(t, deserted(t, l)))
	eventually(t, "the desk is told", func() bool { return desk.me().Directory.Problem.GetKey() == api.AccountUnknown })
	ask(t, desk.Register, &p2pv1.RegisterRequest{Name: "alice", Password: password})
	phone = w.open(phone.dir)
	_ = phone.login("alice")
	eventually(t, "the phone is told", func() bool { return phone.me().Directory.Problem.GetKey() == api.DeviceRevoked })
}

// It knows the account by its key, and the name that it had then.
func TestADirectoryThatWasSetBackBeforeARenameIsToldOfRevocationsAndThePersonOfTheName(t *testing.T) {
	l := new(ledger.Memory)
	w := town{t, startTracker(t), startDirectoryOn(t, l)}
	turn := w.stand(t)
	desk := w.settle("alice")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	phone.close()
	eventually(t, "the desk knows the phone", func() bool { return len(ask(t, desk.ListDevices, &p2pv1.ListDevicesRequest{}).Devices) == 2 })
	before := copied(t, l)
	ask(t, desk.Rename, &p2pv1.RenameRequest{Name: "alicia"})
	ask(t, desk.RevokeDevice, &p2pv1.RevokeDeviceRequest{Device: "phone"})
	turn(startDirectoryOn(t, before))
	eventually(t, "the person is told", func() bool {
		d := desk.me().Directory
		return d.Connected && d.Problem.GetKey() == api.Misnamed && d.Problem.With["name"] == "alicia"
	})
	phone = w.open(phone.dir)
	eventually(t, "the phone is told", func() bool { return phone.me().Directory.Problem.GetKey() == api.DeviceRevoked })
	ask(t, desk.Rename, &p2pv1.RenameRequest{Name: "alicia"})
	if d := desk.me().Directory; d.Problem != nil {
		t.Errorf("after another rename she is told %v", d.Problem)
	}
}

func TestADeviceIsRevokedThoughTheDirectoryIsAwayWhichHearsOfItLater(t *testing.T) {
	w := newTown(t)
	there := w.directory
	turn := w.stand(t)
	desk, bob := w.settle("alice"), w.settle("bob")
	befriend(t, desk, bob, "alice", "bob")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the phone has what the desk has", func() bool {
		_, err := phone.ListMessages(t.Context(), connect.NewRequest(&p2pv1.ListMessagesRequest{Where: "bob"}))
		return err == nil && phone.contact("bob").State == friend
	})
	phone.say("bob", "from the phone")
	eventually(t, "bob has it", bob.has("alice", "from the phone"))
	phone.close()
	turn("http://127.0.0.1:1")
	eventually(t, "the directory is away", func() bool { return !desk.me().Directory.Connected })
	if r := ask(t, desk.RevokeDevice, &p2pv1.RevokeDeviceRequest{Device: "phone"}); r.Untold == nil {
		t.Error("she is not told that the directory does not know yet")
	}
	eventually(t, "bob knows that it was revoked", func() bool { return len(bob.notices("alice", p2pv1.Notice_KIND_DEVICE_REVOKED)) > 0 })
	turn(there)
	phone = w.open(phone.dir)
	eventually(t, "the phone is told", func() bool { return phone.me().Directory.Problem.GetKey() == api.DeviceRevoked })
}

func TestAllIsForgottenHereThoughTheDirectoryDoesNotAnswer(t *testing.T) {
	w := newTown(t)
	to, err := url.Parse(w.directory)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
	w.directory = proxy.URL
	alice := w.settle("alice")
	proxy.CloseClientConnections()
	proxy.Close()
	out := ask(t, alice.Logout, &p2pv1.LogoutRequest{Forget: true})
	if out.Untold.GetKey() != api.Unreachable || out.Untold.With["url"] != w.directory {
		t.Errorf("it says %v", out.Untold)
	}
	if me := alice.me(); me.LoggedIn || me.Account != "" {
		t.Errorf("she is still %v", me)
	}
}

func TestWhatIsNoAddressOfADirectoryIsNotRemembered(t *testing.T) {
	w := newTown(t)
	p := w.open(filepath.Join(t.TempDir(), "p"))
	q := &p2pv1.RegisterRequest{Name: "bob", Password: password, Directory: "garbage"}
	if err := p.register(q); p.reason(err) != api.BadDirectory {
		t.Errorf("a directory that is none: %v", err)
	}
	q.Directory = ""
	if err := p.register(q); err != nil {
		t.Errorf("with that of the options: %v", err)
	}
}

// The room of a request is made by one device, and may be gone with it.
func TestAskedAgainFromAnotherDeviceARequestLeadsSomewhere(t *testing.T) {
	w := newTown(t)
	desk, bob := w.settle("alice"), w.settle("bob")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the devices have met", func() bool {
		all := ask(t, desk.ListDevices, &p2pv1.ListDevicesRequest{}).Devices
		return len(all) == 2 && all[0].Online && all[1].Online
	})
	desk.close()
	ask(t, phone.AddContact, &p2pv1.AddContactRequest{Who: "bob"})
	eventually(t, "bob is asked", func() bool { return bob.contact("alice").State == asks })
	tablet := w.open(filepath.Join(t.TempDir(), "tablet"))
	if err := tablet.login("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the book says that bob was asked", func() bool { return tablet.contact("bob").State == asked })
	ask(t, phone.Logout, &p2pv1.LogoutRequest{Forget: true})
	ask(t, tablet.AddContact, &p2pv1.AddContactRequest{Who: "bob", Note: "it is me"})
	eventually(t, "bob has the new request", func() bool { return bob.contact("alice").Note == "it is me" })
	bob.answer("alice", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "both have each other", func() bool { return tablet.contact("bob").State == friend && bob.contact("alice").State == friend })
	tablet.say("bob", "hello")
	eventually(t, "they talk", bob.has("alice", "hello"))
}

func TestWhoAsksAgainMaySayWhy(t *testing.T) {
	w := newTown(t)
	alice, bob := w.settle("alice"), w.settle("bob")
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice"})
	eventually(t, "alice is asked", func() bool { return alice.contact("bob").State == asks })
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "alice", Note: "from the market"})
	eventually(t, "she reads why", func() bool { return alice.contact("bob").Note == "from the market" })
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_BLOCK)
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_UNBLOCK)
	if c := alice.contact("bob"); c.State != asks {
		t.Fatalf("when the block is taken back he is %v", c.State)
	}
	alice.answer("bob", p2pv1.AnswerContactRequest_ANSWER_ACCEPT)
	eventually(t, "both have each other", func() bool { return alice.contact("bob").State == friend && bob.contact("alice").State == friend })
}

func TestOfTwoDevicesOneLetsSomebodyIn(t *testing.T) {
	w := newTown(t)
	desk, bob := w.settle("alice"), w.settle("bob")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	ask(t, desk.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	eventually(t, "both devices are in the room, and see each other", func() bool {
		all := ask(t, phone.ListDevices, &p2pv1.ListDevicesRequest{}).Devices
		return slices.Contains(phone.rooms(), "garden") && len(all) == 2 && all[0].Online && all[1].Online
	})
	link := ask(t, desk.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	added := func() (n int) {
		for _, m := range bob.messages("garden") {
			if m.Notice.GetKind() == p2pv1.Notice_KIND_ADDED {
				n++
			}
		}
		return n
	}
	desk.say("garden", "welcome")
	phone.say("garden", "bob")
	eventually(t, "bob has what both devices say", func() bool { return len(bob.texts("garden")) == 2 })
	if n := added(); n != 1 {
		t.Errorf("he was let in %d times", n)
	}
}

// The device that is rung first knows nothing of the link, nor of the room.
func TestALinkOfAnotherDeviceThatIsAwayIsGoodWhenThatComes(t *testing.T) {
	people.TurnSoon(t)
	w := newTown(t)
	desk, bob := w.settle("alice"), w.settle("bob")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the devices see each other", func() bool {
		all := ask(t, desk.ListDevices, &p2pv1.ListDevicesRequest{}).Devices
		return len(all) == 2 && all[0].Online && all[1].Online
	})
	phone.close()
	ask(t, desk.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden"})
	link := ask(t, desk.Invite, &p2pv1.InviteRequest{Where: "garden"}).Link
	desk.close()
	phone = w.open(phone.dir)
	told := bob.listens()
	ask(t, bob.JoinRoom, &p2pv1.JoinRoomRequest{Link: link})
	eventually(t, "bob stands at the phone's door", phone.Rung)
	desk = w.open(desk.dir)
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	if refused := told(p2pv1.Alert_KIND_ANSWERED); len(refused) > 0 {
		t.Errorf("before that he was told %v", refused)
	}
}
