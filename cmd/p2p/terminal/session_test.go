package terminal

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func usual(t testing.TB) *stage { return newStage(t, text.English(), 80, 24) }

func has[E effect](st *stage) bool {
	return slices.ContainsFunc(st.did, func(e effect) bool { _, ok := e.(E); return ok })
}

func TestWhatIsTypedIsSentAndShown(t *testing.T) {
	st := usual(t).keys("'hello 世界", "ctrl+j", "'second", "enter")
	sent := asked[*p2pv1.SendRequest](st)
	if len(sent) != 1 || sent[0].Text != "hello 世界\nsecond" || sent[0].Where != "c-anna" || sent[0].Key == "" {
		t.Fatalf("sent %v", sent)
	}
	st.shows("hello 世界", "second ✓")
	if c := st.s.current; len(c.pending) != 0 || !st.s.composer.editor.empty() {
		t.Errorf("%d messages still wait, the input has %q", len(c.pending), st.s.composer.editor.text())
	}
}

func TestADraftIsKeptWhenThePersonPausesAndGoesWhenItIsSent(t *testing.T) {
	st := usual(t).keys("'half a thou")
	if written, _ := st.lies(); len(written) != 0 {
		t.Errorf("at every key is kept %q", written)
	}
	var last pause
	for _, e := range st.did {
		if a, ok := e.(after); ok {
			if p, ok := a.in.(pause); ok {
				last = p
			}
		}
	}
	st.in(last)
	if written, _ := st.lies(); !slices.Equal(written, []string{"half a thou"}) {
		t.Fatalf("kept are %q", written)
	}
	st.keys("'ght", "enter")
	if written, onTheirWay := st.lies(); len(written)+len(onTheirWay) != 0 {
		t.Errorf("kept are %q and %q", written, onTheirWay)
	}
}

// Who writes without a pause has at most a fifth of a second of it lost when the program is killed.
func TestADraftIsKeptWhileSomebodyWritesWithoutAPause(t *testing.T) {
	st := usual(t)
	kept := 0
	st.did = nil
	for range 20 {
		st.now = st.now.Add(50 * time.Millisecond)
		st.keys("'x")
		if has[unsent](st) {
			kept, st.did = kept+1, nil
		}
	}
	if written, _ := st.lies(); kept != 4 || len(written) != 1 || len(written[0]) < 16 {
		t.Errorf("kept %d times are %q", kept, written)
	}
}

func TestEveryConversationKeepsWhatWasBeingWritten(t *testing.T) {
	st := usual(t).keys("'to Anna", "alt+down")
	if got := st.s.composer.editor.text(); got != "" {
		t.Errorf("the next conversation begins with %q", got)
	}
	st.keys("'other", "alt+up").shows("> to Anna")
	st.keys("alt+down").shows("> other")
}

func TestAMessageSurvivesThatTheNodeIsAway(t *testing.T) {
	st := usual(t)
	st.in(lost{err: errors.New("gone"), in: time.Second}).keys("'first", "enter", "'second", "enter")
	if len(asked[*p2pv1.SendRequest](st)) != 0 {
		t.Error("something was sent to a node that is away")
	}
	st.shows("waits until the node answers", "the node does not answer, next try in 1s")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true}}})
	var order []string
	for _, q := range asked[*p2pv1.SendRequest](st) {
		order = append(order, q.Text)
	}
	if !slices.Equal(order, []string{"first", "second"}) {
		t.Errorf("sent %v", order)
	}
	st.shows("first ✓", "second ✓")
}

func TestANodeThatIsStartedAgainIsSaidAndWhatIsTypedWaitsForIt(t *testing.T) {
	st := usual(t)
	st.in(revival{}).shows("starting the node…")
	if plain := st.s.told; len(plain) != 1 {
		t.Errorf("told %v", plain)
	}
	st.in(revival{})
	if len(st.s.told) != 0 {
		t.Error("it is told twice")
	}
	st.keys("'hello", "enter")
	if !has[wake](st) || len(asked[*p2pv1.SendRequest](st)) != 0 {
		t.Error("nobody is told that the person needs the node, or it is asked before it is there")
	}
	st.in(lost{err: &api.StartError{Log: "/x/node.log", Tail: "wrong passphrase", Err: errors.New("exit status 24")}, in: time.Second})
	st.shows("does not start: wrong", "passphrase [log: /x/node.log]", "next try in 1s")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true}}}).shows("the node answers again", "hello ✓")
}

func TestOfAPersonWhoWasForgottenNothingStaysOnTheScreen(t *testing.T) {
	st := usual(t).keys("'half a thought")
	st.node.me, st.node.contacts, st.node.convs = &p2pv1.WhoamiResponse{}, nil, nil
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me}}})
	if screen := st.text(); strings.Contains(screen, "Anna") || strings.Contains(screen, "half a thought") || strings.Contains(screen, "mia") {
		t.Errorf("it shows\n%s", screen)
	}
	st.node.me = &p2pv1.WhoamiResponse{Name: "zed", Account: account("zed")}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{Url: "http://d", Connected: true}}})
	st.shows("zed")
}

// The node dies between the commit and the answer, and the next one does not know the key.
func TestAMessageWhoseAnswerWasLostIsLookedForBeforeItIsSentAgain(t *testing.T) {
	for _, committed := range []bool{true, false} {
		st := usual(t)
		st.node.add("c-anna", "mia", "once", at, nil) // the same was said before
		st.s.current.Last = st.node.messages["c-anna"][len(st.node.messages["c-anna"])-1]
		st.s.current.pending = []outgoing{{key: "k1", text: "once", after: st.s.current.Last.GetNumber(), began: st.now}}
		q := &p2pv1.SendRequest{Where: "c-anna", Text: "once", Key: "k1"}
		if committed {
			st.node.add("c-anna", "mia", "once", at, nil)
		}
		st.in(lost{err: errors.New("gone"), in: time.Second}, answer{request{ask: q}, nil, connect.NewError(connect.CodeUnavailable, errors.New("broken pipe"))})
		st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true}}}, retry{"c-anna"})
		sent := asked[*p2pv1.SendRequest](st)
		if committed && len(sent) > 0 || !committed && (len(sent) != 1 || sent[0].Key != "k1") {
			t.Errorf("committed: %v, sent again: %v", committed, sent)
		}
		said := 0
		for _, m := range st.node.messages["c-anna"] {
			if m.GetText() == "once" {
				said++
			}
		}
		if said != 2 || len(st.s.current.pending) != 0 {
			t.Errorf("it is said %d times, and %d wait", said, len(st.s.current.pending))
		}
	}
}

func TestWhoWaitsForANodeThatDoesNotAnswerIsToldSo(t *testing.T) {
	st := usual(t).keys("'hello")
	ticks := false
	for _, e := range st.s.handle(st.now, key{name: "enter"}) { // and nobody answers
		a, later := e.(after)
		ticks = ticks || later && a.in == any(tick{})
	}
	if st.shows("… sending"); !ticks {
		t.Error("the screen stands still")
	}
	st.now = st.now.Add(7 * time.Second)
	st.s.handle(st.now, tick{})
	st.shows("… sending; the node has not answered for 7s")
}

func TestAMessageThatReachedNobodyIsSentAgainAtOnce(t *testing.T) {
	st := usual(t)
	st.s.current.pending = []outgoing{{key: "k1", text: "once", began: st.now}}
	q := &p2pv1.SendRequest{Where: "c-anna", Text: "once", Key: "k1"}
	st.in(answer{request{ask: q}, nil, connect.NewError(connect.CodeUnavailable, &net.OpError{Op: "dial", Err: errors.New("refused")})}, retry{"c-anna"})
	if sent := asked[*p2pv1.SendRequest](st); len(sent) != 1 || sent[0].Key != "k1" {
		t.Errorf("sent %v", sent)
	}
}

func TestATextThatIsRefusedGoesBackToTheInput(t *testing.T) {
	st := usual(t)
	st.s.current.pending = []outgoing{{key: "k", text: "too much", began: st.now}}
	q := &p2pv1.SendRequest{Where: "c-anna", Text: "too much", Key: "k"}
	st.in(answer{request{ask: q}, nil, connect.NewError(connect.CodePermissionDenied, errors.New("no"))})
	st.shows("> too much", "not sent")
}

func TestMessagesStandInTheOrderOfTheHistory(t *testing.T) {
	st := usual(t)
	c := st.s.current
	before := len(c.items)
	late := &p2pv1.Message{Id: "late", Conversation: "c-anna", Number: 100, Lamport: 3, Account: account("anna"), Device: "z", Written: at.Add(-20 * time.Minute).UnixMilli(), Text: "was offline", Late: true}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: late}})
	if at := c.index("late"); at != 3 || len(c.items) != before+1 {
		t.Errorf("it is number %d of %d", at, len(c.items))
	}
	st.in(resized{80, 40}).shows("came later")
}

func TestReadIsSaidOnlyWhenSomebodyLooks(t *testing.T) {
	st := usual(t)
	st.in(focus{false})
	st.did = nil
	m := st.node.add("c-anna", "anna", "are you there?", at, nil)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	if len(asked[*p2pv1.MarkReadRequest](st)) != 0 {
		t.Error("read without anybody who looks")
	}
	if !has[ring](st) {
		t.Error("nothing rings")
	}
	st.shows("─── unread ─")
	st.in(focus{true})
	if r := asked[*p2pv1.MarkReadRequest](st); len(r) != 1 || r[0].Message != m.Id {
		t.Errorf("read %v", r)
	}
	st.did = nil
	m = st.node.add("c-anna", "anna", "good", at, nil)
	if st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}}); has[ring](st) {
		t.Error("it rings for what is on the screen")
	}
}

// Who comes back to ten thousand messages is not called ten thousand times.
func TestManyMessagesRingOnceAndThenAltogether(t *testing.T) {
	st := usual(t)
	say := func(who string, n int) (rings []ring) {
		st.did = nil
		for range n {
			st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: st.node.add("c-"+who, who, "psst", at, nil)}})
		}
		return st.rings()
	}
	if got := say("bo", 400); len(got) != 1 || got[0].body != "psst" {
		t.Errorf("at once it rings %v", got)
	}
	if !has[after](st) {
		t.Fatal("what waits is forgotten")
	}
	st.did = nil
	st.now = st.now.Add(ringEvery)
	if got := st.in(bellRings{}).rings(); len(got) != 1 || got[0].title != "Bo" || !strings.Contains(got[0].body, "40") {
		t.Errorf("then it rings %v", got)
	}
	if got := append(say("bo", 1), say("chen", 2)...); len(got) > 0 {
		t.Errorf("a moment later it rings %v", got)
	}
	st.now = st.now.Add(ringEvery)
	if got := st.in(bellRings{}).rings(); len(got) != 1 || !strings.Contains(got[0].body, "Bo 40") || !strings.Contains(got[0].body, ", 陈晓 2") {
		t.Errorf("for two conversations it rings %v", got)
	}
	for _, c := range st.s.conversations {
		c.Unread = 0
	}
	say("bo", 1)
	st.s.conversations["c-bo"].Unread = 0
	st.now, st.did = st.now.Add(ringEvery), nil
	if got := st.in(bellRings{}).rings(); len(got) > 0 {
		t.Errorf("for what was read meanwhile it rings %v", got)
	}
}

// rings returns how the person was called.
func (st *stage) rings() (all []ring) {
	for _, e := range st.did {
		if r, is := e.(ring); is {
			all = append(all, r)
		}
	}
	return all
}

func TestAnotherConversationRingsUnlessItIsMuted(t *testing.T) {
	st := usual(t)
	say := func() *stage {
		st.did = nil
		m := st.node.add("c-bo", "bo", "psst", at, nil)
		return st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
	}
	if !has[ring](say()) {
		t.Error("it does not ring")
	}
	st.keys("'/open Bo", "enter", "'/mute", "enter", "'/open Anna", "enter")
	if !has[prefer](st) {
		t.Error("that it is muted is not kept")
	}
	if has[ring](say()) {
		t.Error("it rings although it is muted")
	}
}

func TestAKeyThatChangedStopsSendingUntilItWasSeen(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_KEY_CHANGED, Account: account("anna"), Name: "Anna"}}})
	st.shows("THE KEY OF Anna HAS CHANGED").keys("'secret", "enter")
	if len(asked[*p2pv1.SendRequest](st)) != 0 {
		t.Fatal("sent to a key that nobody has looked at")
	}
	st.shows("> secret", "nothing is sent before")
	st.keys("ctrl+y", "enter")
	if len(asked[*p2pv1.SendRequest](st)) != 1 {
		t.Error("not sent after it was seen")
	}
}

func TestThatAKeyHasChangedStandsBeforeWarningsThatAreOlder(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_CLOCK, ByMillis: 3_600_000}}})
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_KEY_CHANGED, Account: account("anna"), Name: "Anna", Text: "another"}}})
	st.shows("THE KEY OF Anna HAS CHANGED", "2 warnings")
}

// Also when the node found it out while no program was open.
func TestWhoseKeyIsInDoubtIsShownUntilThePersonHasDecided(t *testing.T) {
	st := usual(t)
	anna := func(changed string) *p2pv1.Contact {
		c := proto.CloneOf(st.s.contacts[account("anna")])
		c.ChangedKey = changed
		return c
	}
	st.in(answer{request: request{ask: &p2pv1.ListContactsRequest{}}, got: &p2pv1.ListContactsResponse{Contacts: []*p2pv1.Contact{anna("another")}}})
	st.shows("THE KEY OF Anna HAS CHANGED", "1 warning", "ANOTHER KEY").keys("ctrl+y", "'secret", "enter")
	if len(asked[*p2pv1.SendRequest](st)) != 0 {
		t.Fatal("that it was seen is not enough")
	}
	st.shows("> secret", "nothing is sent: whose key is it? /verify Anna")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: anna("another")}}).shows("nothing is sent: whose key is it? /verify Anna")
	if len(st.s.alerts) != 0 {
		t.Error("it is told again")
	}
	st.in(answer{request: request{ask: &p2pv1.VerifyContactRequest{}}, got: &p2pv1.VerifyContactResponse{
		SafetyNumber: "11111", NewSafetyNumber: "22222", Contact: anna("another"),
	}}).shows("11111", "22222", "/verify Anna new").keys("esc")
	st.keys("ctrl+u", "'/verify Anna new", "enter")
	if q := asked[*p2pv1.VerifyContactRequest](st); len(q) != 1 || !q[0].NewKey || q[0].Same || q[0].Who != account("anna") {
		t.Errorf("asked %v", q)
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: anna("")}}).keys("esc", "'public", "enter")
	if len(asked[*p2pv1.SendRequest](st)) != 1 {
		t.Error("not sent after it was decided")
	}
}

func TestANameThatMovedIsTold(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
		Kind: p2pv1.Alert_KIND_RENAMED, Account: account("anna"), Name: "Anna",
		Reason: &p2pv1.Reason{Key: api.NameReassigned, With: map[string]string{"who": "Anna", "was": "anna", "now": "anna-maria"}},
	}}})
	st.shows("anna belongs to somebody else at the directory now; your", "goes by anna-maria")
}

func TestWhoDoesNotGetIntoARoomIsToldWhy(t *testing.T) {
	st := usual(t).keys("'/join p2p:x", "enter")
	st.in(answer{request: request{ask: &p2pv1.JoinRoomRequest{}}, got: &p2pv1.JoinRoomResponse{Conversation: &p2pv1.Conversation{Id: "swarm", Waiting: "Anna"}}})
	st.shows("asked Anna to let you in")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{
		Id: "swarm", Left: true, Reason: &p2pv1.Reason{Key: api.RoomFull, With: map[string]string{"limit": "12"}},
	}}})
	st.shows("You are not in this room: the room is full: its limit is 12", "─ the room is full: its limit is 12")
}

func TestAMessageCanBeChosenAndActedOn(t *testing.T) {
	st := usual(t).keys("up", "up")
	it := st.s.chosen()
	if it.GetText() != "done, it verifies" {
		t.Fatalf("chosen %q", it.GetText())
	}
	st.keys("e", "ctrl+u", "'done!", "enter")
	if q := asked[*p2pv1.EditRequest](st); len(q) != 1 || q[0].Text != "done!" || q[0].Message != it.GetId() {
		t.Errorf("edits %v", q)
	}
	st.keys("up", "up", "d")
	if len(asked[*p2pv1.DeleteRequest](st)) != 0 {
		t.Error("deleted at the first stroke")
	}
	st.shows("once more d").now = st.now.Add(twice)
	st.keys("d")
	if q := asked[*p2pv1.DeleteRequest](st); len(q) != 1 {
		t.Errorf("deletes %v", q)
	}
	st.keys("k", "r", "'indeed", "enter")
	if q := asked[*p2pv1.SendRequest](st); len(q) != 1 || q[0].ReplyTo != st.s.current.items[3].GetId() {
		t.Errorf("replies %v", q)
	}
	st.keys("up").keys("'1").rests()
	if q := asked[*p2pv1.ReactRequest](st); len(q) != 1 || q[0].Emoji != "👍" {
		t.Errorf("reactions %v", q)
	}
	st.keys("k", "'a").rests()
	if q := asked[*p2pv1.AcceptRequest](st); len(q) != 1 {
		t.Errorf("accepts %v", q)
	}
}

func TestTabCompletesCommandsNamesAndEmoji(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"/verif", "/verify "}, {"/open an", "/open Anna "}, {"a :tada", "a 🎉 "}, {"/open 陈", "/open 陈晓 "},
		{"/verify an", "/verify Anna "}, {"/verify Anna di", "/verify Anna differ "}, {"/colour co", "/colour contrast "}, {"/help und", "/help und"}, {"/help unb", "/help unblock "},
		{"/nick an", "/nick an"}, {"/unblock An", "/unblock An"}, {"/accept d", "/accept Dana "}, {"/refuse An", "/refuse An"}, {"/invite r", "/invite room "}, {"/members a", "/members a"},
	} {
		st := usual(t).keys("'"+c.typed, "tab")
		if got := st.s.composer.editor.text(); got != c.want {
			t.Errorf("%q becomes %q; want %q", c.typed, got, c.want)
		}
	}
	for _, typed := range []string{"/open Anna ", "/open Anna", "/remove Anna "} { // more is nobody's name
		st := usual(t).keys("'"+typed, "tab", "tab", "tab")
		if got := st.input(); strings.TrimSpace(got) != strings.TrimSpace(typed) {
			t.Errorf("%q, completed on and on, becomes %q", typed, got)
		}
	}
	if got := usual(t).keys("'/open field t", "tab").input(); got != "/open field trip " {
		t.Errorf("a name of two words becomes %q", got)
	}
	st := usual(t).keys("'/open field", "enter", "'hi @b", "tab")
	if got := st.s.composer.editor.text(); got != "hi @Bo " {
		t.Errorf("a name is %q", got)
	}
	st = usual(t).keys("'/open field", "enter", "'/role b", "tab", "'mo", "tab")
	if got := st.s.composer.editor.text(); got != "/role Bo moderator " {
		t.Errorf("a member and his role are %q", got)
	}
	st = usual(t).keys("'/re", "tab", "tab")
	if got := st.s.composer.editor.text(); got != "/refuse" {
		t.Errorf("the second choice is %q", got)
	}
	st = usual(t).keys("'so :smile:")
	if got := st.s.composer.editor.text(); got != "so 😄" {
		t.Errorf("between colons there is %q", got)
	}
}

func TestCommandsAskTheNode(t *testing.T) {
	st := usual(t)
	for _, line := range []string{
		"/add zoe hello there", "/accept", "/invite", "/room book club 12", "/join p2p:x", "/verify Bo same", "/send /tmp/some file", "/away", "/nick M",
		"/search a b", "/get", "/block Bo", "/devices", "/reply yes", "/react :heart:",
	} {
		st.keys("esc", "'"+line, "enter")
	}
	st.s.openNamed("field")
	st.keys("'/kick bo", "enter", "'/role 陈晓 moderator", "enter", "'/bring Anna", "enter", "'/title new", "enter", "'/leave", "enter")
	st.now = st.now.Add(twice)
	st.keys("'/leave", "enter")
	for _, c := range []struct {
		what string
		ok   bool
	}{
		{"add", asked[*p2pv1.AddContactRequest](st)[0].Note == "hello there"},
		{"accept", asked[*p2pv1.AnswerContactRequest](st)[0].Who == account("dana")},
		{"room", asked[*p2pv1.CreateRoomRequest](st)[0].Name == "book club" && asked[*p2pv1.CreateRoomRequest](st)[0].Limit == 12},
		{"verify", asked[*p2pv1.VerifyContactRequest](st)[0].Who == account("bo") && asked[*p2pv1.VerifyContactRequest](st)[0].Same},
		{"send", asked[*p2pv1.OfferRequest](st)[0].Path == "/tmp/some file"},
		{"away", asked[*p2pv1.SetPresenceRequest](st)[0].GetPresence() == p2pv1.Presence_PRESENCE_AWAY},
		{"kick", asked[*p2pv1.ChangeMemberRequest](st)[0].Who == account("bo")},
		{"role", asked[*p2pv1.ChangeMemberRequest](st)[1].Role == p2pv1.Role_ROLE_MODERATOR && asked[*p2pv1.ChangeMemberRequest](st)[1].Who == account("chen")},
		{"title", asked[*p2pv1.ChangeRoomRequest](st)[0].GetName() == "new"},
		{"react", asked[*p2pv1.ReactRequest](st)[0].Emoji == "❤️" || asked[*p2pv1.ReactRequest](st)[0].Emoji == "❤"},
		{"leave", len(asked[*p2pv1.LeaveRoomRequest](st)) == 1},
	} {
		if !c.ok {
			t.Errorf("/%s asks for something else", c.what)
		}
	}
}

func TestAnotherNameLeavesSomebodyAwayAndBackFollowsThePersonAgain(t *testing.T) {
	st := usual(t).keys("'/away", "enter", "'/nick Mia", "enter").shows("others see you as Mia, away")
	if q := asked[*p2pv1.SetPresenceRequest](st); len(q) != 2 || q[0].DisplayName != nil || q[1].Presence != nil {
		t.Errorf("asked %v", q)
	}
	st.keys("'/back", "enter").shows("others see you as Mia, online")
	if q := asked[*p2pv1.SetPresenceRequest](st)[2]; q.Presence == nil || q.GetPresence() != p2pv1.Presence_PRESENCE_UNSPECIFIED {
		t.Errorf("/back asks for %v", q)
	}
}

func TestWhatIsWrongWithACommandIsSaid(t *testing.T) {
	for line, want := range map[string]string{
		"/nonsense": "there is no command /nonsense", "/add": "want /add NAME|LINK", "/kick bo": "this is a conversation of two", "/open nobody": "nobody here is called nobody",
		"/re x": "there is no command /re",
	} {
		usual(t).keys("'"+line, "enter").shows(want)
	}
}

func TestATextThatBeginsWithASlashAndIsNoCommandIsSaidAsItIs(t *testing.T) {
	comment := "/* block comment\n * of a C file\n */\nint main()"
	for text, want := range map[string]string{
		"//not a command": "/not a command", "//help": "/help", "//": "/", comment: comment, "// Package foo\n// does.": "// Package foo\n// does.", "/usr/bin/env: bad interpreter": "/usr/bin/env: bad interpreter",
		"/// doc": "/// doc", "/ by itself": "/ by itself", "/path\n/other": "/path\n/other", "/1": "/1", "// and": "// and",
	} {
		st := usual(t).in(paste{text}).keys("enter")
		if q := asked[*p2pv1.SendRequest](st); len(q) != 1 || q[0].Text != want || st.input() != "" {
			t.Errorf("%q sends %v", text, q)
		}
	}
	st := usual(t).in(paste{"/reply one\ntwo"}).keys("enter")
	if q := asked[*p2pv1.SendRequest](st); len(q) != 1 || q[0].Text != "one\ntwo" || q[0].ReplyTo == "" {
		t.Errorf("a reply of two lines sends %v", q)
	}
}

func TestACommandThatIsNotDoneStaysInTheInput(t *testing.T) {
	for _, line := range []string{"/rely a long answer", "/kick", "/leave now", "/lea", "/"} {
		if st := usual(t).keys("'"+line, "enter"); st.input() != line || len(asked[*p2pv1.SendRequest](st)) > 0 {
			t.Errorf("of %q stays %q", line, st.input())
		}
	}
	for _, line := range []string{"/reply a long answer", "/edit another one", "/me waves"} {
		st := usual(t)
		st.s.current.items, st.s.current.Left = nil, true
		st.keys("'"+line, "enter")
		if written, _ := st.killed().lies(); !slices.Equal(written, []string{line}) || st.s.composer.mode != writing {
			t.Errorf("of %q, which is refused, stays %q", line, written)
		}
	}
	if st := usual(t).keys("'a thought", "ctrl+a", "ctrl+k", "'/leave", "enter"); st.input() != "" {
		t.Errorf("what asks for it once more leaves %q, which a held key would do", st.input())
	}
}

func TestAGraveQuestionIsNotRememberedForEver(t *testing.T) {
	for name, meanwhile := range map[string]func(st *stage){
		"a message": func(st *stage) { st.now = st.now.Add(twice); st.keys("'no, I stay", "enter") },
		"a while":   func(st *stage) { st.now = st.now.Add(sureTime) },
	} {
		st := usual(t).keys("'/open field", "enter", "'/leave", "enter")
		if meanwhile(st); len(asked[*p2pv1.LeaveRoomRequest](st.keys("'/leave", "enter"))) > 0 {
			t.Errorf("after %s it is done", name)
		}
		st.now = st.now.Add(twice)
		if len(asked[*p2pv1.LeaveRoomRequest](st.keys("'/leave", "enter"))) != 1 {
			t.Errorf("after %s it is not done when it is asked for twice", name)
		}
	}
}

// A long history is loaded page by page, and what somebody reads does not move when a page or a message arrives.
func TestScrollingLoadsPagesWithoutLosingThePlace(t *testing.T) {
	n := newFakeNode()
	for i := range 1000 {
		n.add("c-anna", "anna", "line "+strings.Repeat("x", i%150)+" number "+time.Duration(i).String(), at.Add(time.Duration(i-1000)*time.Minute), nil)
	}
	st := stageOf(t, n, text.English(), 80, 24)
	seen := func() []string {
		var lines []string
		for _, v := range st.s.seen(st.s.current, st.s.place().list.height) {
			lines = append(lines, v.text())
		}
		return lines
	}
	for range 700 {
		before := seen()
		st.in(wheel{40, 10, -3})
		if now := seen(); len(now) == len(before) && !slices.Equal(now[3:], before[:len(before)-3]) && st.s.current.moreBefore {
			t.Fatalf("the wheel moved\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(now, "\n"))
		}
		before = seen()
		if len(st.s.current.items)%7 == 0 {
			m := n.add("c-anna", "anna", "meanwhile", at, nil)
			st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}})
			if now := seen(); !slices.Equal(now, before) {
				t.Fatalf("a message moved\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(now, "\n"))
			}
		}
	}
	for st.s.current.moreBefore {
		st.keys("pgup")
	}
	for range 400 {
		st.keys("pgup")
	}
	if got := st.s.current.scroll; got.at > 30 || got.follow {
		t.Errorf("at the beginning the last message seen is number %d", got.at)
	}
	st.shows("number 0s")
	st.keys("esc").shows("number 999ns")
}

func TestASearchLeadsToItsMessage(t *testing.T) {
	n := newFakeNode()
	for i := range 1000 {
		n.add("c-anna", "anna", "word"+strings.Repeat("y", i%7), at.Add(time.Duration(i-1000)*time.Minute), func(m *p2pv1.Message) {
			if i == 100 {
				m.Text = "the needle is here"
			}
		})
	}
	st := stageOf(t, n, text.English(), 80, 24)
	st.keys("ctrl+f", "'needle", "enter").shows("1 message with “needle”")
	st.keys("enter").shows("the needle is here")
	if it := st.s.chosen(); it.GetText() != "the needle is here" {
		t.Errorf("chosen is %q", it.GetText())
	}
	if c := st.s.current; !c.moreAfter || c.scroll.follow {
		t.Error("the end of the history counts as seen")
	}
	st.keys("esc", "esc").shows("wordyyyyy")
	if c := st.s.current; c.moreAfter || !c.scroll.follow {
		t.Error("Esc does not lead back to the newest message")
	}
}

// The node looks at so many messages at a time for a sign, of which it has no index.
func TestASearchGoesOnUntilItHasFoundSomething(t *testing.T) {
	st := usual(t)
	q := &p2pv1.SearchRequest{Query: "☕"}
	st.in(answer{request{q, nil}, &p2pv1.SearchResponse{Next: 7000}, nil})
	all := asked[*p2pv1.SearchRequest](st)
	if len(all) != 1 || all[0].Before != 7000 || all[0].Query != "☕" {
		t.Fatalf("after a page with nothing it asks %v", all)
	}
	st.in(answer{request{all[0], nil}, &p2pv1.SearchResponse{Messages: st.node.messages["c-anna"][:1], Next: 3000}, nil}).shows("the newest 1 messages with “☕”; more further down")
	if all := asked[*p2pv1.SearchRequest](st); len(all) != 1 {
		t.Errorf("with something to show it asks on: %v", all)
	}
}

func TestTypingIsToldSeldomAndShownForAWhile(t *testing.T) {
	st := usual(t).keys("'a long sentence")
	if q := asked[*p2pv1.TypingRequest](st); len(q) != 1 || !q[0].Typing {
		t.Errorf("told %v", q)
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Typing{Typing: &p2pv1.Typing{Conversation: "c-anna", Account: account("anna"), Typing: true}}})
	st.shows("Anna is typing…")
	st.now = st.now.Add(typingTime)
	st.in(expire{"c-anna", account("anna")})
	if strings.Contains(st.text(), "is typing") {
		t.Error("somebody types for ever")
	}
	st.keys("ctrl+u")
	if q := asked[*p2pv1.TypingRequest](st); len(q) != 2 || q[1].Typing {
		t.Errorf("told %v", q)
	}
}

// styling are the control sequences that this program writes itself.
var styling = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestNobodyWritesToTheTerminal(t *testing.T) {
	st := newStage(t, text.English(), 100, 40)
	evil := "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u009b31m\r\nnext"
	bad := &p2pv1.Reason{Key: api.Other, With: map[string]string{"detail": evil}}
	for _, c := range st.node.contacts {
		c.Name, c.Note, c.Problem = c.Name+evil, evil, bad
	}
	m := st.node.add("c-anna", "anna", evil, at, func(m *p2pv1.Message) {
		m.Name, m.ReplyTo, m.ReplyName, m.ReplyText = evil, "x", evil, evil
		m.File = &p2pv1.File{Name: evil, Size: 5}
		m.Transfer = &p2pv1.Transfer{State: p2pv1.Transfer_STATE_FAILED, Problem: bad, File: m.File}
		m.Reactions = []*p2pv1.Reaction{{Emoji: evil, Accounts: []string{evil}}}
	})
	notice := st.node.add("c-anna", "anna", "", at, func(m *p2pv1.Message) {
		m.Notice = &p2pv1.Notice{Kind: p2pv1.Notice_KIND_CHANGED, Name: evil, Text: evil}
	})
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: &p2pv1.WhoamiResponse{DisplayName: evil, Directory: &p2pv1.Directory{Url: "x", Problem: bad}}}}},
		&p2pv1.Event{What: &p2pv1.Event_Message{Message: m}}, &p2pv1.Event{What: &p2pv1.Event_Message{Message: notice}},
		&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_NEW_DEVICE, Name: evil, Text: evil}}},
		&p2pv1.Event{What: &p2pv1.Event_Typing{Typing: &p2pv1.Typing{Conversation: "c-anna", Account: evil, Typing: true}}})
	check := func(when string) {
		t.Helper()
		f := st.s.draw(newTheme(None))
		for _, s := range append(strings.Split(f.content, "\n"), f.title) {
			bare := styling.ReplaceAllString(s, "")
			if bare != clean(bare) {
				t.Errorf("%s the screen has %q", when, s)
			}
		}
	}
	check("at first")
	for _, keys := range [][]string{{"up"}, {"i"}, {"q", "r"}, {"esc", "'/members", "enter"}, {"esc", "'/who", "enter"}, {"esc", "'/files", "enter"}, {"esc", "ctrl+f", "'next", "enter"}, {"esc", "ctrl+b", "up", "up", "up", "up", "enter"}} {
		st.keys(keys...)
		check(strings.Join(keys, " "))
	}
	for _, e := range st.did {
		if r, ok := e.(ring); ok {
			for _, how := range []Notify{NotifyOSC9, NotifyOSC777} {
				if s := r.sequence(Options{Notify: how}); strings.Count(s, "\x1b") != 1 || strings.Count(s, "\x07") != 1 || strings.Contains(s, "\u009b") {
					t.Errorf("the desktop gets %q", s)
				}
			}
		}
	}
}

func TestTheMouseChoosesAndScrolls(t *testing.T) {
	st := usual(t)
	st.in(click{3, 5}) // Bo
	if got := st.s.title(st.s.current); got != "Bo" {
		t.Errorf("a click opened %s", got)
	}
	st.in(click{3, 4}, click{30, 16})
	if it := st.s.chosen(); it.GetText() != "done, it verifies" {
		t.Errorf("a click chose %q", it.GetText())
	}
}

func TestAClickInTheInputMovesTheCursor(t *testing.T) {
	st := usual(t).keys("'a 世界 of", "ctrl+j", "'words", "up", "up")
	place := st.s.place().input
	st.in(click{place.x + 5, place.y}).keys("'!").shows("> a 世!界 of")
	st.in(click{place.x + 40, place.y + 1}).keys("'?").shows("  words?")
	st.keys("f1").in(click{place.x, place.y}).keys("'>").shows("> >a 世!界 of")
}

func TestTheListFollowsAgainWhenAConversationIsOpened(t *testing.T) {
	n := newFakeNode()
	story(n)
	for i := range 40 {
		n.convs = append(n.convs, &p2pv1.Conversation{Id: fmt.Sprintf("r-%d", i), Name: fmt.Sprintf("room %02d", i), Active: int64(i)})
	}
	st := stageOf(t, n, text.English(), 80, 24)
	for range 5 {
		st.in(wheel{3, 5, 3})
	}
	if st.keys("'/open 陈晓", "enter"); !strings.Contains(st.text(), "○ 陈晓") || strings.Count(st.text(), "陈晓") < 3 {
		t.Errorf("who is talked with is out of sight:\n%s", st.text())
	}
}

// The node is away and the program is killed: the next one has what was typed, and sends it once.
func TestNothingTypedIsLostWhenNodeAndProgramAreGone(t *testing.T) {
	st := usual(t)
	st.in(lost{err: errors.New("gone"), in: time.Second}).keys("'said in vain", "enter", "'half a", "esc")
	st.in(pause{"c-anna", wording{draft: "half a"}})
	written, onTheirWay := st.lies()
	if !slices.Equal(onTheirWay, []string{"said in vain"}) || !slices.Equal(written, []string{"half a"}) {
		t.Fatalf("kept are %q and %q", written, onTheirWay)
	}
	again := st.again().shows("said in vain ✓", "> half a")
	if q := asked[*p2pv1.SendRequest](again); len(q) != 1 || q[0].Key != st.s.conversations["c-anna"].pending[0].key {
		t.Errorf("sent %v", q)
	}
	if _, onTheirWay := again.lies(); len(onTheirWay) > 0 {
		t.Errorf("kept is still %q", onTheirWay)
	}
}

func TestTabCompletesThePathOfWhatIsSent(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"report one.pdf", "report two.pdf", ".hidden", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	sep := string(filepath.Separator)
	for typed, want := range map[string]string{"rep": "report one.pdf", "da": "data" + sep, "": "data" + sep, ".h": ".hidden", "none": "none"} {
		st := usual(t)
		st.s.composer.editor.set("/send " + dir + sep + typed)
		st.keys("tab")
		for _, e := range st.did {
			if l, ok := e.(lookUp); ok {
				st.in(l.look())
			}
		}
		if got := st.s.composer.editor.text(); got != "/send "+dir+sep+want {
			t.Errorf("%q becomes %q; want %q", typed, got, want)
		}
	}
}

func TestAMessageCountsOnceWhicheverIsToldFirst(t *testing.T) {
	for _, first := range []string{"message", "conversation"} {
		st := usual(t)
		m := st.node.add("c-bo", "bo", "psst", at, nil)
		conversation := &p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: "c-bo", Name: "Bo", Direct: true, With: account("bo"), Unread: 1, Last: m}}}
		message := &p2pv1.Event{What: &p2pv1.Event_Message{Message: m}}
		if first == "message" {
			st.in(message, conversation)
		} else {
			st.in(conversation, message)
		}
		if n := st.s.conversations["c-bo"].GetUnread(); n != 1 {
			t.Errorf("with the %s first %d are unread", first, n)
		}
	}
}

func TestANodeThatWasStoppedIsStartedByEnter(t *testing.T) {
	st := usual(t)
	st.in(lost{errors.New("gone"), time.Second, false}, &p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me, Resumed: true}}})
	st.shows("the node answers again")
	st.in(lost{errors.New("stopping"), time.Second, true}).shows("the node is stopped; Enter starts it")
	if strings.Contains(st.text(), "answers again") {
		t.Error("it answers, and is stopped")
	}
	if st.keys("'h"); has[wake](st) {
		t.Error("it is started by what may become anything")
	}
	if st.keys("backspace", "enter"); !has[wake](st) {
		t.Error("Enter does not start it")
	}
}

// What cannot be undone is not done by an abbreviation, nor at once, nor because something else was answered with yes.
func TestWhatCannotBeUndoneIsAskedOnceMoreAndSaid(t *testing.T) {
	for _, c := range []struct {
		open, short, line, asks string
		done                    func(*stage) int
		answer                  proto.Message
		says                    string
	}{
		{"r-field", "/le", "/leave", "leaves field trip", func(st *stage) int { return len(asked[*p2pv1.LeaveRoomRequest](st)) }, &p2pv1.LeaveRoomResponse{}, "you have left field trip"},
		{"c-bo", "/remo Anna", "/remove Anna", "removes Anna", func(st *stage) int { return len(asked[*p2pv1.RemoveContactRequest](st)) }, &p2pv1.RemoveContactResponse{}, "Anna is no contact"},
		{"c-bo", "/blo Anna", "/block Anna", "blocks Anna", func(st *stage) int { return len(asked[*p2pv1.AnswerContactRequest](st)) }, &p2pv1.AnswerContactResponse{
			Contact: &p2pv1.Contact{Account: account("anna"), Name: "Anna", State: p2pv1.ContactState_CONTACT_STATE_BLOCKED},
		}, "Anna is blocked"},
	} {
		st := newStage(t, text.English(), 200, 24)
		st.s.open(st.s.conversations[c.open])
		type_ := func(line string) { st.clear().keys("'"+line, "enter") }
		type_(c.short)
		st.shows("write the whole word")
		type_(c.line)
		st.shows(c.asks)
		type_(c.line) // by a key that was held down
		if c.done(st) > 0 {
			t.Fatalf("%s is done though it was said twice at once", c.line)
		}
		st.now = st.now.Add(twice)
		type_("/who")
		type_(c.line)
		if c.done(st) > 0 {
			t.Fatalf("%s is done though something else came between", c.line)
		}
		st.now = st.now.Add(twice)
		type_(c.line)
		if c.done(st) != 1 {
			t.Fatalf("%s is not done though it was said twice", c.line)
		}
		var q proto.Message
		for _, e := range st.did {
			if r, ok := e.(request); ok {
				q = r.ask
			}
		}
		st.in(answer{request{ask: q}, c.answer, nil}).shows(c.says)
	}
}

func TestAComplaintGoesWithTheNextCommand(t *testing.T) {
	st := usual(t).keys("'/nonsense", "enter").shows("no command /nonsense").clear().keys("'/mute", "enter")
	if strings.Contains(st.text(), "nonsense") {
		t.Errorf("it stays:\n%s", st.text())
	}
}

func TestWhoWasThereJustNowIsNotSeenNowAgo(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: &p2pv1.Contact{
		Account: account("anna"), Name: "Anna", State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Conversation: "c-anna", LastSeen: at.Add(-time.Second).UnixMilli(),
		Presence: p2pv1.Presence_PRESENCE_OFFLINE,
	}}}).shows("offline, seen just now")
}

// Who has many rooms sees that there are more than he sees, and what is unread in them.
func TestALongListSaysWhatIsOutOfSight(t *testing.T) {
	st := usual(t)
	for i := range 30 {
		c := &p2pv1.Conversation{Id: fmt.Sprintf("r-%02d", i), Name: fmt.Sprintf("room%02d", i), Active: at.Add(time.Duration(-i) * time.Hour).UnixMilli()}
		if i == 25 {
			c.Unread = 7
		}
		st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}})
	}
	row := func(y int) string { return strings.Split(strings.Split(st.text(), "\n")[y], "│")[0] }
	st.keys("'/open room00", "enter")
	last := st.s.place().side.height - 1
	if got := strings.Fields(row(last)); len(got) != 2 || !strings.HasPrefix(got[0], "↓") || got[1] != "7" {
		t.Errorf("the last line is %q", row(last))
	}
	st.keys("'/open room29", "enter")
	if top := row(0); !strings.Contains(top, "↑") || strings.Contains(st.text(), "↓") || !strings.Contains(row(last), "room29") {
		t.Errorf("at the end the list is\n%s", st.text())
	}
	st.in(click{2, 0}).in(click{2, 0}).in(click{2, 0})
	if strings.Contains(row(0), "↑") || !strings.Contains(row(last), "↓") {
		t.Errorf("back at its beginning the list is\n%s", st.text())
	}
	st.in(click{2, last})
	if st.s.current.GetId() != "r-29" || !strings.Contains(row(0), "↑") {
		t.Errorf("a click on the line below opens %s:\n%s", st.s.current.GetId(), st.text())
	}
	name := strings.Fields(row(1))[1]
	if st.in(click{2, 1}); st.s.current.GetName() != name {
		t.Errorf("a click on %s opens %s", name, st.s.current.GetName())
	}
}
