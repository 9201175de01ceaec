package chat_test

import (
	"testing"
	"time"

	"p2p/peer/ext/chat/room"
)

// given returns who was given an event by name, of all but its author.
func (d *device) given(e room.Event) (names string) {
	for _, o := range d.w.devices {
		if o != d && d.talk.Given(o.account.Key(), &e) {
			names += o.name + " "
		}
	}
	return names
}

func TestWhoHasTheHeaderOfAMessageAloneWasNotGivenIt(t *testing.T) {
	for history, want := range map[int][3]string{-1: {"bob carl ", "bob carl ", "bob carl "}, 1: {"bob ", "bob carl ", "bob carl "}, 0: {"bob ", "bob ", "bob carl "}} {
		bubble(t, func(w *world) {
			ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
			id := ann.create(room.Options{Name: "room", History: history})
			ann.invite(bob)
			all := []room.Event{ann.say("one"), ann.say("two")}
			if got := ann.given(all[0]); got != "bob " {
				t.Errorf("before carl comes %q were given it", got)
			}
			ann.invite(carl)
			all = append(all, ann.say("three"))
			w.pass(time.Second)
			check := func(when string) {
				for i, e := range all {
					if got := ann.given(e); got != want[i] {
						t.Errorf("with a history of %d %s %q were given message %d, not %q", history, when, got, i+1, want[i])
					}
				}
			}
			check("")
			ann.setHistory(-1) // what carl gets now, from whoever is there, nobody tells
			w.pass(time.Second)
			check("after it was changed")
			ann.restart(id)
			check("after a restart")
		})
	}
}

// Who is less generous from now on does not take back what was given.
func TestWhatSomebodyWasThereForWasGivenToHim(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		e := ann.say("one")
		ann.setHistory(0)
		ann.invite(carl)
		if got := ann.given(e); got != "bob " {
			t.Errorf("%q were given it", got)
		}
	})
}
