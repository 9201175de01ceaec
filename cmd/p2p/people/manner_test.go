package people_test

import (
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/presence"
)

const (
	itself = p2pv1.Presence_PRESENCE_UNSPECIFIED
	absent = p2pv1.Presence_PRESENCE_AWAY
	there  = p2pv1.Presence_PRESENCE_ONLINE
)

func (p *person) be(presence p2pv1.Presence) *p2pv1.WhoamiResponse {
	p.t.Helper()
	return ask(p.t, p.SetPresence, &p2pv1.SetPresenceRequest{Presence: presence.Enum()}).Me
}

// Nobody listens here, so that who says nothing is away by himself.
func TestWhatIsNotNamedOfAPresenceStaysAsItIs(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	p.name("alice")
	name := "Alice"
	if me := ask(t, p.SetPresence, &p2pv1.SetPresenceRequest{DisplayName: &name}).Me; me.Presence != there || me.DisplayName != name {
		t.Errorf("with another name she is %v, %v", me.Presence, me.DisplayName)
	}
	if me := p.be(absent); me.Presence != absent || me.DisplayName != name {
		t.Errorf("away she is %v, %v", me.Presence, me.DisplayName)
	}
	p.be(there)
	if me := p.be(itself); me.Presence != absent {
		t.Errorf("left to itself it is %v", me.Presence)
	}
	for _, no := range []p2pv1.Presence{p2pv1.Presence_PRESENCE_OFFLINE, 17} {
		if _, err := p.SetPresence(t.Context(), connect.NewRequest(&p2pv1.SetPresenceRequest{Presence: &no})); p.reason(err) != api.Invalid {
			t.Errorf("%v: %v", no, err)
		}
	}
}

func TestWhatAPersonHasSetOutlivesTheNode(t *testing.T) {
	alice, bob := two(t)
	alice.be(there)
	ask(t, alice.SaveDraft, &p2pv1.SaveDraftRequest{Where: "bob", Text: "dear b"})
	alice.close()
	again := open(t, alice.dir)
	if me := ask(t, again.Whoami, &p2pv1.WhoamiRequest{}); me.Presence != there || me.DisplayName != "alice" {
		t.Errorf("a restart made %v of her, %v", me.Presence, me.DisplayName)
	}
	if c := again.conversation("bob"); c.Draft != "dear b" {
		t.Errorf("her draft is %q", c.Draft)
	}
	bob.be(itself)
	bob.close()
	if me := ask(t, open(t, bob.dir).Whoami, &p2pv1.WhoamiRequest{}); me.Presence != absent {
		t.Errorf("a restart made %v of who is as programs show him", me.Presence)
	}
}

func TestContactsSeeWhatIsSaidOfBeingAway(t *testing.T) {
	alice, bob := two(t)
	away := func(text string) error {
		_, err := alice.SetPresence(t.Context(), connect.NewRequest(&p2pv1.SetPresenceRequest{Presence: absent.Enum(), Text: text}))
		return err
	}
	if err := away("back at 5"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "bob reads it", func() bool {
		c := bob.contact("alice")
		return c.Presence == absent && c.PresenceText == "back at 5"
	})
	for _, no := range []string{"two\nlines", "\x1b[2J", strings.Repeat("x", presence.MaxText+1)} {
		if err := away(no); alice.reason(err) != api.BadPresenceText {
			t.Errorf("%q: %v", no, err)
		}
	}
	if _, err := alice.SetPresence(t.Context(), connect.NewRequest(&p2pv1.SetPresenceRequest{Presence: there.Enum(), Text: "busy"})); alice.reason(err) != api.Invalid {
		t.Errorf("a text of who is there: %v", err)
	}
	name := "Alice"
	if me := ask(t, alice.SetPresence, &p2pv1.SetPresenceRequest{DisplayName: &name}).Me; me.PresenceText != "back at 5" {
		t.Errorf("with another name it is %q", me.PresenceText)
	}
	dir, trackers := alice.dir, alice.conversationTrackers()
	alice.close()
	alice = open(t, dir, trackers...)
	eventually(t, "bob reads it after a restart", func() bool { return bob.contact("alice").PresenceText == "back at 5" })
	alice.be(there)
	eventually(t, "it is over when she is there", func() bool {
		c := bob.contact("alice")
		return c.Presence == there && c.PresenceText == ""
	})
	alice.be(absent)
	eventually(t, "and not there again when she is away again", func() bool {
		c := bob.contact("alice")
		return c.Presence == absent && c.PresenceText == ""
	})
}

func TestWhatIsWrongWithANoteOrANameIsSaid(t *testing.T) {
	alice, _ := two(t)
	for want, q := range map[string]*p2pv1.AddContactRequest{
		api.BadNote: {Who: "carol", Note: "two\nlines"}, api.BadNickname: {Who: "carol", Name: strings.Repeat("x", 65)},
	} {
		if _, err := alice.AddContact(t.Context(), connect.NewRequest(q)); alice.reason(err) != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	long := strings.Repeat("x", 65)
	if _, err := alice.SetPresence(t.Context(), connect.NewRequest(&p2pv1.SetPresenceRequest{DisplayName: &long})); alice.reason(err) != api.BadNickname {
		t.Errorf("a long name: %v", err)
	}
}

// Two programs put what the node kept into their inputs: one of them has it then, and what came there meanwhile stays.
func TestADraftIsTakenByOneProgram(t *testing.T) {
	alice, _ := two(t)
	save := func(text, replaces string) bool {
		return ask(t, alice.SaveDraft, &p2pv1.SaveDraftRequest{Where: "bob", Text: text, Replaces: &replaces}).Changed
	}
	ask(t, alice.SaveDraft, &p2pv1.SaveDraftRequest{Where: "bob", Text: "dear b"})
	if save("", "dear b") || !save("", "dear b") {
		t.Error("it is given to nobody, or to two")
	}
	if save("anew", "") || !save("", "dear b") || alice.conversation("bob").Draft != "anew" {
		t.Errorf("the draft is %q", alice.conversation("bob").Draft)
	}
}
