package people_test

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// A script that keeps the cursor of the last event, whatever it was, goes on behind the last message.
func TestEveryEventHasTheCursorOfTheLastMessage(t *testing.T) {
	alice, _ := two(t)
	_, told := alice.hearsFrom(0)
	alice.say("bob", "one")
	last := alice.say("bob", "two").Number
	away := p2pv1.Presence_PRESENCE_AWAY
	ask(t, alice.SetPresence, &p2pv1.SetPresenceRequest{Presence: &away})
	eventually(t, "it is told who has got them, and that the conversation goes on", func() bool {
		marked, conversation, behind := false, false, false
		for _, e := range told() {
			m := e.GetMessage()
			marked = marked || m.GetNumber() == last && len(m.GetDeliveredTo()) > 0
			conversation = conversation || e.GetConversation() != nil && e.Cursor >= last
			behind = behind || e.GetHello() == nil && e.Cursor == 0
		}
		if behind {
			t.Fatalf("an event has no cursor: %v", told())
		}
		return marked && conversation
	})
}

func TestWhatIsDoneToAMessageIsToldWithWhoDidIt(t *testing.T) {
	alice, bob := two(t)
	said := alice.say("bob", "helo")
	eventually(t, "bob has it", func() bool { return slices.Contains(bob.texts("alice"), "helo") })
	_, told := bob.hearsFrom(0)
	change := func(kind p2pv1.Change_Kind) *p2pv1.Message {
		var m *p2pv1.Message
		eventually(t, kind.String()+" is told", func() bool {
			for _, e := range told() {
				if e.GetMessage().GetChange().GetKind() == kind {
					m = e.GetMessage()
				}
			}
			return m != nil
		})
		return m
	}
	ask(t, alice.Edit, &p2pv1.EditRequest{Message: said.Id, Text: "hello"})
	if m := change(p2pv1.Change_KIND_EDITED); m.Text != "hello" || m.Id != said.Id || m.Change.Name != "alice" || m.Change.Mine || m.Change.Written == 0 {
		t.Errorf("an edit is told as %v", m)
	}
	ask(t, bob.React, &p2pv1.ReactRequest{Message: said.Id, Emoji: "👍"})
	if c := change(p2pv1.Change_KIND_REACTED).Change; c.Emoji != "👍" || !c.Mine {
		t.Errorf("a reaction is told as %v", c)
	}
	ask(t, bob.React, &p2pv1.ReactRequest{Message: said.Id, Emoji: "👍", TakeBack: true})
	change(p2pv1.Change_KIND_TOOK_BACK)
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: said.Id})
	if m := change(p2pv1.Change_KIND_DELETED); !m.Deleted || m.Change.Name != "alice" {
		t.Errorf("a deletion is told as %v", m)
	}
}

func TestWhoListensHearsFromHisCursorOn(t *testing.T) {
	alice, _ := two(t)
	alice.say("bob", "one")
	two := alice.say("bob", "two")
	alice.say("bob", "three")
	for _, test := range []struct {
		cursor  int64
		resumed bool
		want    []string
	}{
		{-1, true, []string{"one", "two", "three", "last"}}, {two.Number, true, []string{"three", "last"}},
		{0, false, []string{"last"}}, {1 << 40, false, []string{"last"}},
	} {
		hello, told := alice.hearsFrom(test.cursor)
		if hello.Resumed != test.resumed {
			t.Errorf("from %d: resumed is %v", test.cursor, hello.Resumed)
		}
		last := alice.say("bob", "last")
		var got []string
		eventually(t, "the last is told", func() bool {
			got = nil
			for _, e := range told() {
				if m := e.GetMessage(); m.GetNumber() > hello.Cursor && m.GetText() != "" && !slices.Contains(got, m.Text) {
					got = append(got, m.Text)
				}
			}
			return slices.Contains(got, "last")
		})
		if !slices.Equal(got, test.want) {
			t.Errorf("from %d on she hears %q, not %q", test.cursor, got, test.want)
		}
		ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: last.Id})
	}
}
