package chat_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
)

func (d *device) revocations() []room.ID {
	d.w.t.Helper()
	ids, err := d.talk.Revocations(context.Background())
	d.w.must(err)
	return ids
}

func TestAModeratorsRevocationReachesEverybodyAndHasALine(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		id := ann.create(room.Options{Name: "room", History: 0})
		ann.invite(bob)
		if err := bob.talk.Revoke(context.Background()); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("a member revokes links: %v", err)
		}
		w.must(ann.talk.Revoke(context.Background()))
		ann.say("hello")
		w.settle()
		if n := len(bob.revocations()); n != 1 || bob.lines() != "- hello" {
			t.Errorf("bob has %d, and sees %q", n, bob.lines())
		}
		ann.invite(carl) // gets no bodies of what was before
		w.settle()
		if !slices.Equal(carl.revocations(), ann.revocations()) {
			t.Errorf("carl, who came later, has %v, not %v", carl.revocations(), ann.revocations())
		}
		// What he may is of today, what he might have is not.
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.SetRole, Account: bob.account.Key(), Role: room.Owner})
		w.must(err)
		w.settle()
		_, err = bob.talk.Change(context.Background(), room.Change{Op: room.SetRole, Account: ann.account.Key(), Role: room.Member})
		w.must(err)
		w.settle()
		if n := len(bob.revocations()); n != 1 {
			t.Errorf("since ann is a member, %d count", n)
		}
		ann.restart(id)
		if n := len(ann.revocations()); n != 1 {
			t.Errorf("after a restart %d count", n)
		}
	})
}

func TestARevocationOfWhoIsNoModeratorDoesNotCount(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		demote := room.Change{Op: room.SetRole, Account: bob.account.Key(), Role: room.Moderator}
		_, err := ann.talk.Change(context.Background(), demote)
		w.must(err)
		w.settle()
		demote.Role = room.Member
		w.cut(ann, bob)
		_, err = ann.talk.Change(context.Background(), demote)
		w.must(err)
		w.must(bob.talk.Revoke(context.Background())) // he does not know yet
		w.connect(ann, bob)
		w.settle()
		if n := len(ann.revocations()); n != 1 {
			t.Errorf("that of a moderator, for all that he had seen, counts %d times", n)
		}
		if _, err := bob.talk.Write(context.Background(), body.KindRevocation, body.Revocation()); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("now that he knows: %v", err)
		}
	})
}

func TestTheLastRevocationsCount(t *testing.T) {
	bubble(t, func(w *world) {
		ann := w.person("ann")
		ann.create(room.Options{Name: "room", History: -1})
		for range 40 {
			w.must(ann.talk.Revoke(context.Background()))
		}
		first := ann.revocations()
		w.must(ann.talk.Revoke(context.Background()))
		if then := ann.revocations(); len(first) != 32 || len(then) != 32 || !slices.Equal(first[1:], then[:31]) {
			t.Errorf("%d count, and then %d", len(first), len(then))
		}
	})
}
