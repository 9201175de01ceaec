package chat_test

import (
	"context"
	"testing"
	"time"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
)

// Whoever deletes something after he was removed, and cannot know that, has deleted nothing: all others go on reading it.
func TestADeletionThatDoesNotCountTakesNothingFromWhoHasWrittenIt(t *testing.T) {
	bubble(t, func(w *world) {
		ctx := context.Background()
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		remove := func(d *device, e room.Event) {
			t.Helper()
			_, err := d.talk.Write(ctx, room.Delete, body.Delete(e.ID))
			w.must(err)
		}
		secret, spam := bob.say("secret"), bob.say("spam")
		_, err := bob.talk.Write(ctx, body.KindEdit, (&body.Edit{Target: secret.ID, New: body.Text{Text: "Secret"}}).AppendTo(nil))
		w.must(err)
		w.settle()
		w.cut(ann, bob)
		remove(ann, spam)
		_, err = ann.talk.Change(ctx, room.Change{Op: room.Remove, Account: bob.account.Key()})
		w.must(err)
		remove(bob, secret)
		remove(bob, spam)
		if got := bob.lines(); got != "- -" {
			t.Fatalf("bob, who has deleted all, shows %q", got)
		}
		bob.took()
		w.connect(ann, bob)
		w.pass(time.Second)
		undone := bob.took().Undone
		if len(undone) != 1 || undone[0].Target != secret.ID || undone[0].Account != bob.account.Key() {
			t.Errorf("bob is told that these were not deleted: %v", undone)
		}
		bob.restart(id)
		ann.invite(bob)
		w.pass(time.Second)
		for _, d := range []*device{ann, bob} {
			if got := d.lines(); got != "secret -" {
				t.Errorf("%s shows %q", d.name, got)
			}
			now, err := d.archive.About(ctx, secret.ID)
			w.must(err)
			if len(now) == 0 || now[0].Body == nil {
				t.Errorf("%s lacks the edit: %v", d.name, now)
			}
			if got := d.finds("secret"); got == 0 {
				t.Errorf("%s does not find it", d.name)
			}
		}
		remove(bob, secret)
		w.settle()
		for _, d := range []*device{ann, bob} {
			if got := d.lines(); got != "- -" {
				t.Errorf("when bob has deleted it again %s shows %q", d.name, got)
			}
		}
	})
}
