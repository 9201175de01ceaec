package chat_test

import (
	"slices"
	"testing"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Who may be somebody else is to get nothing that was said before the doubt, nor what waits for him.
func TestWhoIsShunnedHearsNothingAndIsHeardWhenThatIsOver(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.say("before")
		w.settle()
		shunned := false
		ann.shuns = func(k identity.Key) bool { return shunned && k == bob.account.Key() }
		ann.restart(id)
		w.connect(ann, bob)
		w.settle()

		shunned = true
		ann.talk.Review()
		w.settle()
		if w.link(ann, bob) != nil {
			t.Error("what was under way goes on")
		}
		ann.say("waits")
		said := []string{}
		w.hears = func(d *device, payload string) {
			if d == bob {
				said = append(said, payload)
			}
		}
		w.connect(ann, bob)
		bob.say("who is it?")
		w.pass(3 * time.Minute)
		if len(said) > 0 || w.link(ann, bob) == nil {
			t.Errorf("he is told %q", said)
		}
		if got := ann.lines(); got != "before waits" {
			t.Errorf("she shows %q", got)
		}
		shunned = false
		ann.talk.Review()
		w.pass(time.Second)
		if got := bob.lines(); got != ann.lines() || !slices.Contains([]string{"before waits who is it?", "before who is it? waits"}, got) {
			t.Errorf("he shows %q and she %q", got, ann.lines())
		}
	})
}
