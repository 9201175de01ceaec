package terminal

import (
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// big adds an offer of big.bin to the conversation with Bo, and how far it is here.
func big(n *fakeNode, who, hash string, state p2pv1.Transfer_State) *p2pv1.Message {
	return n.add("c-bo", who, "", at, func(m *p2pv1.Message) {
		m.File = &p2pv1.File{Name: "big.bin", Size: 100, Files: 1, InfoHash: hash}
		m.Transfer = &p2pv1.Transfer{InfoHash: hash, Message: m.Id, File: m.File, State: state, Path: "/d/" + hash}
	})
}

func TestGetTakesTheNewestOfferThatIsNotHere(t *testing.T) {
	const done, sharing, offered = p2pv1.Transfer_STATE_DONE, p2pv1.Transfer_STATE_SHARING, p2pv1.Transfer_STATE_OFFERED
	type offer struct {
		who, hash string
		state     p2pv1.Transfer_State
	}
	for _, c := range []struct {
		name   string
		offers []offer
		want   string // hash of what is accepted, or what is said
	}{
		{"big.bin", []offer{{"bo", "theirs", offered}, {"mia", "mine", sharing}}, "theirs"},
		{"big.bin", []offer{{"bo", "old", offered}, {"bo", "new", offered}}, "new"},
		{"", []offer{{"bo", "old", offered}, {"bo", "new", done}}, "old"},
		{"BIG.bin", []offer{{"bo", "old", offered}, {"bo", "new", done}, {"mia", "mine", sharing}}, "old"},
		{"big.bin", []offer{{"mia", "of my other device", offered}}, "of my other device"},
		{"big.bin", []offer{{"bo", "theirs", done}}, "big.bin is here already: /d/theirs"},
		{"", []offer{{"mia", "mine", sharing}}, "no file is offered here"},
		{"other.bin", []offer{{"bo", "theirs", offered}}, "no file called other.bin is offered here"},
	} {
		n := newFakeNode()
		hashes := map[string]string{}
		for _, o := range c.offers {
			hashes[big(n, o.who, o.hash, o.state).Id] = o.hash
		}
		st := stageOf(t, n, text.English(), 100, 24).keys("'/open Bo", "enter", "'"+strings.TrimSpace("/get "+c.name), "enter")
		got := strings.TrimSpace(st.s.flash.text)
		if q := asked[*p2pv1.AcceptRequest](st); len(q) == 1 {
			got = hashes[q[0].Message]
		}
		if got != c.want {
			t.Errorf("/get %s of %v is %q, not %q", c.name, c.offers, got, c.want)
		}
	}
}

// Who has lines read out sees no gauge.
func TestThatADownloadHasBegunIsSaid(t *testing.T) {
	n := newFakeNode()
	m := big(n, "bo", "h", p2pv1.Transfer_STATE_DOWNLOADING)
	st := stageOf(t, n, text.English(), 80, 24)
	st.in(answer{request: request{ask: &p2pv1.AcceptRequest{}}, got: &p2pv1.AcceptResponse{Transfer: m.Transfer}}).shows("downloading big.bin")
}

func TestACommandThatLacksWhatItNeedsSaysWhat(t *testing.T) {
	for line, want := range map[string]string{
		"/cancel": "no file is on its way", "/help foo": "there is no command /foo", "/remove zzz": "nobody here is called zzz", "/block zzz": "nobody here is called zzz",
		"/mute now": "want /mute", "/ok foo": "want /ok", "/invite zzz": "want /invite", "/delete zzz": "want /delete", "/log x": "want /log",
	} {
		n := newFakeNode()
		n.contacts = n.contacts[:3] // nobody asks
		st := stageOf(t, n, text.English(), 160, 24).keys("'"+line, "enter").shows(want)
		if len(asked[*p2pv1.DeleteRequest](st)) > 0 || st.s.panel != nil {
			t.Errorf("%s does something", line)
		}
	}
	st := usual(t).keys("'/block p2p:hello", "enter").shows("blocks")
	if st.s.unsure.name == "" {
		t.Error("a link is taken for a name")
	}
}
