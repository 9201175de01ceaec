package terminal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
	"p2p/peer/identity"
)

// Who was removed and is a contact again has two conversations of one name.
func TestANameMeansTheConversationThatGoesOn(t *testing.T) {
	n := newFakeNode()
	n.convs = append(n.convs, &p2pv1.Conversation{Id: "c-old", Name: "Bo", Direct: true, With: account("bo"), Left: true, Active: at.UnixMilli()},
		&p2pv1.Conversation{Id: "r-old", Name: "field trip", Left: true})
	for range 20 { // the order of a map is another one each time
		st := stageOf(t, n, text.English(), 80, 24)
		if st.s.current.GetId() == "c-old" {
			t.Fatal("it begins with a conversation that is over")
		}
		for name, want := range map[string]string{"bo": "c-bo", "B": "c-bo", "field trip": "r-field", "c-old": "c-old"} {
			if got := st.s.find(name).GetId(); got != want {
				t.Fatalf("%s means %s, want %s", name, got, want)
			}
		}
	}
}

func TestWhatThisPersonCallsSomebodyComesBeforeWhatTheDirectoryDoes(t *testing.T) {
	n := newFakeNode()
	n.contacts[0].DirectoryName = "Bo"
	for range 20 {
		st := stageOf(t, n, text.English(), 80, 24)
		if got := st.s.contactNamed("bo").GetName(); got != "Bo" {
			t.Fatalf("bo means %s", got)
		}
	}
}

func TestWhatIsSaidOfBeingAwayIsAskedForAndShown(t *testing.T) {
	st := usual(t).keys("'/away back  at 5", "enter", "'/back", "enter")
	q := asked[*p2pv1.SetPresenceRequest](st)
	if len(q) != 2 || q[0].Text != "back at 5" || q[0].GetPresence() != p2pv1.Presence_PRESENCE_AWAY || q[1].Text != "" {
		t.Fatalf("asked %v", q)
	}
	c := proto.CloneOf(st.s.contacts[account("anna")])
	c.Presence, c.PresenceText = p2pv1.Presence_PRESENCE_AWAY, "lunch\x1b[2J"
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: c}})
	if len(st.s.told) != 1 || !strings.Contains(st.s.told[0].text(), "lunch") {
		t.Errorf("plain it tells %v", st.s.told)
	}
	if st.shows("Anna  away: “lunch"); strings.Contains(st.text(), "\x1b") {
		t.Error("a control sequence comes through")
	}
}

func TestARoomThatIsNewIsNotAskedForAloud(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: &p2pv1.Message{Id: "1", Conversation: "r-new", Number: 99}}})
	st.in(answer{request{&p2pv1.ListConversationsRequest{Where: "r-new"}, unasked{}}, nil, connect.NewError(connect.CodeNotFound, errors.New("none"))})
	if st.s.flash.text != "" {
		t.Errorf("it says %q", st.s.flash.text)
	}
}

func TestWhoIsLetInGoesOnInTheRoomWithWhatHeWasWriting(t *testing.T) {
	for _, first := range []bool{true, false} {
		st := usual(t).keys("'/join p2p:x", "enter")
		st.in(answer{request: request{ask: &p2pv1.JoinRoomRequest{}}, got: &p2pv1.JoinRoomResponse{Conversation: &p2pv1.Conversation{Id: "swarm", Waiting: "Anna"}}})
		st.keys("'half a thought")
		lab := &p2pv1.Conversation{Id: "r-lab", Name: "lab"}
		st.node.convs = append(st.node.convs, lab)
		if first { // either may be told first
			st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: lab}})
		}
		st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "swarm", Left: true, Became: "r-lab"}}})
		st.shows("# lab", "> half a thought")
		if st.s.conversations["swarm"] != nil {
			t.Error("what it was while it waited stays in the list")
		}
	}
}

func TestWithoutAnOpenConversationTheListIsPointedAt(t *testing.T) {
	st := usual(t)
	st.s.current = nil
	st.shows("No conversation is open.", "/open NAME")
}

func TestALongComplaintIsReadToItsEnd(t *testing.T) {
	st := usual(t)
	st.s.tell(strings.Repeat("word ", 30)+"end", true)
	st.shows(" end ─")
	small := newStage(t, text.English(), 40, 10)
	small.s.tell(strings.Repeat("word ", 30)+"end", true)
	if lines := strings.Split(small.text(), "\n"); len(lines) != 10 {
		t.Errorf("%d lines in a window of 10", len(lines))
	}
}

func TestAnEmojiThatThereIsNotIsNoReaction(t *testing.T) {
	st := usual(t).keys("up", "+", "':nosuch", "enter")
	if q := asked[*p2pv1.ReactRequest](st); len(q) != 0 {
		t.Fatalf("reacted with %q", q[0].Emoji)
	}
	st.keys("'/react well done", "enter")
	if q := asked[*p2pv1.ReactRequest](st); len(q) != 0 {
		t.Fatalf("reacted with %q", q[0].Emoji)
	}
	st.shows("well done is no emoji").keys("up", "+", "':tad", "tab", "enter")
	if q := asked[*p2pv1.ReactRequest](st); len(q) != 1 || q[0].Emoji != "🎉" {
		t.Errorf("reactions %v", q)
	}
}

func TestALinkStandsAboveItsPicture(t *testing.T) {
	st := usual(t)
	st.in(answer{request: request{ask: &p2pv1.InviteRequest{}}, got: &p2pv1.InviteResponse{Link: "p2p:aaaa?t=http", Qr: strings.Repeat("█████\n", 40)}})
	st.shows("p2p:aaaa?t=http", "The first who uses a link", "No tracker is set", "Enter: the QR code")
	for _, l := range st.s.told {
		if strings.Contains(l.text(), "█") {
			t.Error("plain, the picture is read out")
		}
	}
}

func TestAnInvitationSaysWhoInvites(t *testing.T) {
	st := usual(t)
	m := st.node.add("c-anna", "anna", "", at, func(m *p2pv1.Message) {
		m.Notice = &p2pv1.Notice{Kind: p2pv1.Notice_KIND_INVITED, Me: true, Text: "lab"}
	})
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}}).shows("Anna invited you to the room lab")
}

func TestThatTheDirectoryIsBackIsSaidToWhomItsLossWasSaid(t *testing.T) {
	n := newFakeNode()
	n.me.Directory.Connected = false
	st := stageOf(t, n, text.English(), 80, 24)
	tell := func(connected bool) {
		d := &p2pv1.Directory{Url: "http://d", Connected: connected}
		if !connected {
			d.Problem = &p2pv1.Reason{Key: api.Rejected}
		}
		st.in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: d}})
	}
	if tell(true); st.s.flash.text != "" {
		t.Errorf("at the start it says %q", st.s.flash.text)
	}
	tell(false)
	st.shows("the directory is not reached")
	tell(true)
	st.shows("the directory is reached again")
}

func TestArgumentsAreInTheWordsOfThePerson(t *testing.T) {
	st := newStage(t, text.Chinese(), 80, 24).keys("'/kick", "enter")
	if !strings.Contains(st.s.flash.text, "/kick 名字") {
		t.Errorf("it says %q", st.s.flash.text)
	}
	st.clear().keys("'/help role", "enter").shows("/role 名字 owner|moderator|member")
}

func TestWhereATransferStandsIsShownAfterTheNodeWasAway(t *testing.T) {
	st := usual(t).shows("39%", "2 sources")
	m := st.s.current.lastItem()
	now := &p2pv1.Transfer{InfoHash: "aa", Message: m.GetId(), Conversation: "c-anna", File: m.GetFile(), State: p2pv1.Transfer_STATE_DOWNLOADING, Done: 900 << 20, Sources: 1}
	st.in(answer{request: request{ask: &p2pv1.ListTransfersRequest{}}, got: &p2pv1.ListTransfersResponse{Transfers: []*p2pv1.Transfer{now}}})
	st.shows("87%", "1 source\n")
}

func TestAFolderThatGetsItsNamesIsStillOnItsWay(t *testing.T) {
	st := usual(t)
	m := st.s.current.lastItem()
	f := &p2pv1.File{Name: m.GetFile().GetName(), Size: m.GetFile().GetSize(), Files: 900, InfoHash: "aa"}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
		InfoHash: "aa", Message: m.GetId(), Conversation: "c-anna", File: f, State: p2pv1.Transfer_STATE_FINISHING, Done: f.Size, FilesDone: 12,
	}}})
	st.shows("finishing: 12 of 900 files", "1 file 100%")
}

// A shell may offer a folder while the terminal is open: what is hashed is not shown as hashed for ever, whatever becomes of it.
func TestWhatIsHashedIsShownUntilSomethingBecameOfIt(t *testing.T) {
	st := usual(t)
	tell := func(state p2pv1.Transfer_State, hash string, done int64) {
		f := &p2pv1.File{Name: "src3", Size: 1000, InfoHash: hash, Folder: hash != ""}
		st.in(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{
			InfoHash: hash, Conversation: "c-anna", Path: "/home/me/src3", State: state, Done: done, File: f,
		}}})
	}
	files := func() *stage { return st.keys("esc", "'/files", "enter") }
	for name, end := range map[string]func(){
		"shared":    func() { tell(p2pv1.Transfer_STATE_SHARING, "bb", 1000) },
		"cancelled": func() { tell(p2pv1.Transfer_STATE_CANCELLED, "", 0) },
		"lost":      func() { st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.s.me}}}) },
	} {
		tell(p2pv1.Transfer_STATE_HASHING, "", 600)
		tell(p2pv1.Transfer_STATE_HASHING, "", 900)
		files().shows("src3", "90% read")
		st.keys("esc", "'/cancel src3", "enter")
		end()
		if files(); strings.Contains(st.text(), "90%") {
			t.Errorf("%s: it shows\n%s", name, st.text())
		}
	}
}

func TestWhoHasLoggedOutIsToldSoAndNotThatTheDirectoryIsAway(t *testing.T) {
	st := usual(t)
	tell := func(d *p2pv1.Directory) {
		d.Url = "http://d"
		st.in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: d}})
	}
	tell(&p2pv1.Directory{LoggedOut: true})
	st.shows("you are logged out", " logged out ")
	st.s.flash.text = ""
	tell(&p2pv1.Directory{})
	if st.shows("connecting to the directory…"); st.s.flash.text != "" {
		t.Errorf("it says %q", st.s.flash.text)
	}
	tell(&p2pv1.Directory{Problem: &p2pv1.Reason{Key: api.DeviceRevoked}})
	if st.shows("no directory (the account has revoked this device)"); st.s.counting() {
		t.Error("it counts down to nothing")
	}
}

func TestTheStatusLineNamesATrackerThatIsOfNoUse(t *testing.T) {
	st := usual(t)
	tell := func(all ...*p2pv1.Tracker) {
		st.in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Trackers: all}}})
	}
	good := &p2pv1.Tracker{Url: "http://good.example/announce", Answers: true}
	silent := &p2pv1.Tracker{Url: "http://gone.example:6969/announce", Problem: &p2pv1.Reason{Key: api.TrackerSilent}}
	refuses := &p2pv1.Tracker{Url: "udp://no.example:1", Problem: &p2pv1.Reason{Key: api.TrackerRefuses}}
	tell(silent)
	st.shows("tracker gone.example:6969 does not answer")
	tell(refuses)
	st.shows("tracker no.example:1 refuses")
	tell(good, silent)
	if strings.Contains(st.text(), "tracker") {
		t.Errorf("one answers, and it shows\n%s", st.text())
	}
}

func TestARequestIsToldWithItsNoteAndWhatCanBeDone(t *testing.T) {
	st := usual(t)
	tell := func(state p2pv1.ContactState, note string) {
		st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{Account: account("eve"), Name: "Eve", State: state, Note: note}}})
	}
	tell(p2pv1.ContactState_CONTACT_STATE_ASKS, "from the\x1b[2J market")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_REQUEST, Account: account("eve"), Text: "from the market"}}})
	st.shows("Eve wants to talk with you, and says “from the", "/accept")
	tell(p2pv1.ContactState_CONTACT_STATE_FRIEND, "")
	st.shows("Eve is a contact now")
	tell(p2pv1.ContactState_CONTACT_STATE_ASKED, "")
	tell(p2pv1.ContactState_CONTACT_STATE_FRIEND, "")
	st.shows("Eve has accepted")
}

// Ctrl+B and a key are an answer, but who has not read on yet is not led away from that.
func TestTheListBeginsAtARequestUnlessSomethingUnreadIsOpen(t *testing.T) {
	st := usual(t)
	begins := func(what, at string) {
		t.Helper()
		st.keys("ctrl+b")
		if got := st.s.sidebar.chosen; got != at {
			t.Errorf("%s the list begins at %q, not at %q", what, got, at)
		}
		st.keys("ctrl+b")
	}
	open := st.s.current
	begins("while dana asks", account("dana"))
	open.Unread = 2
	begins("with something unread", open.GetWith())
	open.Unread, st.s.current = 0, nil
	begins("with nothing open", account("dana"))
	st.s.current = open
	delete(st.s.contacts, account("dana"))
	begins("with nobody who asks", open.GetWith())
}

func TestWhoHasNoAccountIsNotToldToWaitForTheDirectory(t *testing.T) {
	st := usual(t)
	st.s.me.Name = ""
	st.in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Url: "http://d"}}})
	if st.shows(" no account "); strings.Contains(st.text(), "connecting") {
		t.Error("it is connecting for ever")
	}
}

// The contact and the alert come in any order, and say the same.
func TestAKeyThatChangedIsShoutedOnce(t *testing.T) {
	key := identity.Key{1, 2, 3}
	contact := func(st *stage) any {
		c := proto.CloneOf(st.s.contacts[account("anna")])
		c.ChangedKey = key.String()
		return &p2pv1.Event{What: &p2pv1.Event_Contact{Contact: c}}
	}
	alert := func(*stage) any {
		return &p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
			Kind: p2pv1.Alert_KIND_KEY_CHANGED, Account: account("anna"), Name: "Anna", Text: key.Short(),
		}}}
	}
	for _, order := range [][]func(*stage) any{{contact, alert}, {alert, contact}} {
		st, said := usual(t), 0
		for _, in := range order {
			st.in(in(st))
			said += strings.Count(fmt.Sprint(texts(st.s.told)), "THE KEY OF Anna")
		}
		if said != 1 || len(st.s.alerts) != 1 {
			t.Errorf("it is said %d times, with %d alerts", said, len(st.s.alerts))
		}
	}
}

// What a shell has offered, it has told the person of: that is no warning to take note of in an open terminal.
func TestOnlyWhatWasLeftOutOfAnOfferMadeHereHasToBeTakenNoteOf(t *testing.T) {
	st := usual(t)
	out := []*p2pv1.LeftOut{{Path: "best\x1b", Kind: p2pv1.LeftOut_KIND_LINK}}
	tell := &p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_LEFT_OUT, Reason: api.LeftOutOf("/home/me/trip", out, 1)}}}
	if st.in(tell, tell).shows("trip is offered without", "best"); len(st.s.alerts) != 0 {
		t.Errorf("there are %d warnings", len(st.s.alerts))
	}
	m := st.s.current.lastItem().Message
	st.in(answer{request: request{ask: &p2pv1.OfferRequest{Path: "/home/me/trip"}}, got: &p2pv1.OfferResponse{Message: m, LeftOut: out, LeftOutCount: 1}})
	if st.shows("‼", "1 warning"); len(st.s.alerts) != 1 {
		t.Errorf("there are %d warnings", len(st.s.alerts))
	}
}

func TestThatTheDiskWasFullGoesAwayWithTheRoom(t *testing.T) {
	st := usual(t)
	tell := func(kind p2pv1.Alert_Kind) {
		st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: kind}}})
	}
	tell(p2pv1.Alert_KIND_DISK_FULL)
	tell(p2pv1.Alert_KIND_DISK_FULL) // of a stream that was opened again
	st.shows("The history cannot be written", "1 warning")
	tell(p2pv1.Alert_KIND_DISK_AGAIN)
	if st.shows("the history can be written once more"); len(st.s.alerts) != 0 {
		t.Errorf("%d alerts are left", len(st.s.alerts))
	}
}
