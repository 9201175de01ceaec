package chat_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/exttest"
	"p2p/piece"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) { f(newWorld(t, 1)) })
}

func TestWhatOneWritesTheOtherShows(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.say("one")
		ann.invite(bob)
		bob.took()
		ann.say("two")
		w.settle()
		e := bob.say("three")
		w.settle()
		for _, d := range w.devices {
			if got := d.lines(); got != "one two three" {
				t.Errorf("%s shows %q", d.name, got)
			}
		}
		c := bob.took()
		if len(c.Added) != 2 || c.Added[1].Event.ID != e.ID || !c.Added[0].Line || c.Recount {
			t.Errorf("bob was told %+v", c)
		}
		if p := ann.talk.Peers(); len(p) != 1 || p[0].Device != bob.secret.Key() || p[0].Account != bob.account.Key() {
			t.Errorf("ann's peers are %v", p)
		}
		if account, member := ann.talk.Knows(bob.secret.Key()); !member || account != bob.account.Key() || !bob.talk.Joined() {
			t.Error("ann does not know bob's device")
		}
	})
}

func TestDeliveredMeansStoredOnTheOtherDeviceAndIsKept(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.invite(carl)
		w.cut(ann, carl)
		w.connect(bob, carl)
		ann.took()
		e := ann.say("hello")
		if len(ann.talk.Delivered(&e)) != 0 {
			t.Error("delivered before anything was sent")
		}
		w.settle()
		if got := ann.talk.Delivered(&e); len(got) != 1 || !got[bob.account.Key()] || len(ann.took().Delivered) == 0 {
			t.Errorf("delivered to %v, only bob has acknowledged it", got)
		}
		carl.say("I have read that") // ann hears so through bob alone, who first waits whether carl tells her
		w.pass(time.Second)
		if got := ann.talk.Delivered(&e); len(got) != 2 {
			t.Errorf("delivered to %v, carl has answered", got)
		}
		ann.restart(id)
		if got := ann.talk.Delivered(&e); len(got) != 2 {
			t.Errorf("after a restart delivered to %v", got)
		}
	})
}

func TestAMessageReachesWhoWasOfflineThroughAnother(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.invite(carl)
		w.cut(ann, carl)
		ann.say("hello")
		w.settle()
		w.cut(ann, bob)
		w.connect(bob, carl)
		w.settle()
		if got := carl.lines(); got != "hello" {
			t.Errorf("carl shows %q", got)
		}
	})
}

// Ann's own words came to bob through carl first, and were left to carl; then carl has gone.
func TestWhatWasLeftToAnotherIsSentWhenHeDoesNot(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.invite(carl)
		w.connect(bob, carl)
		w.settle()
		for i := range 3 {
			w.link(ann, bob).Deaf = true
			ann.say("%d", i)
			for range 3 {
				synctest.Wait()
				ann.loop.Run(time.Now())
				w.deliver(w.link(ann, carl))
				synctest.Wait()
				carl.loop.Run(time.Now())
				w.deliver(w.link(carl, bob))
			}
			w.link(ann, bob).Deaf = false
			w.pass(time.Second)
		}
		w.cut(ann, carl)
		w.cut(bob, carl)
		ann.say("3")
		w.pass(time.Second)
		if got := bob.lines(); got != "0 1 2 3" {
			t.Errorf("bob shows %q", got)
		}
	})
}

func TestAJoinerGetsAsMuchHistoryAsTheRoomDecides(t *testing.T) {
	for history, want := range map[int]string{-1: "1 2 3 4 5", 2: "- - 3 4 5", 0: "- - - - 5", 100: "1 2 3 4 5"} {
		bubble(t, func(w *world) {
			ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
			ann.create(room.Options{Name: "room", History: history})
			ann.invite(bob)
			for _, text := range []string{"1", "2", "3", "4"} {
				ann.say("%s", text)
				w.settle()
			}
			ann.invite(carl)
			bob.say("5")
			w.settle()
			if got := carl.lines(); got != want {
				t.Errorf("with %d carl shows %q, not %q", history, got, want)
			}
			again := w.device("carl's second", carl.account)
			again.open(ann.talk.ID())
			w.connect(bob, again)
			w.settle()
			if got := again.lines(); got != want {
				t.Errorf("with %d his second device shows %q, not %q", history, got, want)
			}
		})
	}
}

func TestWhoIsRemovedLearnsThatAndNothingMore(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.Remove, Account: bob.account.Key()})
		w.must(err)
		ann.say("without bob")
		w.settle()
		if w.link(ann, bob) != nil || !bob.talk.Removed(bob.account.Key()) || bob.talk.Joined() || !ann.talk.Removed(bob.account.Key()) {
			t.Error("bob is still there, or does not know that he is not")
		}
		if _, err := bob.trySay("still here"); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("bob writes: %v", err)
		}
		w.connect(ann, bob)
		w.settle()
		if w.link(ann, bob) != nil || bob.lines() != "" {
			t.Errorf("he comes back, and hears %q", bob.lines())
		}
	})
}

// Carl hears of it and tells ann; she never had a word with bob since.
func TestWhoHasLeftHearsWhoKnowsThat(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.invite(carl)
		w.connect(ann, carl)
		w.connect(bob, carl)
		w.settle()
		w.cut(ann, bob)
		farewell, err := bob.talk.Change(context.Background(), room.Change{Op: room.Remove, Account: bob.account.Key()})
		w.must(err)
		w.settle()
		if known := bob.talk.Delivered(&farewell); !known[carl.account.Key()] || known[ann.account.Key()] {
			t.Errorf("when carl has parted with him, bob believes that %v know", known)
		}
		w.connect(ann, bob)
		w.settle()
		if known := bob.talk.Delivered(&farewell); !known[ann.account.Key()] {
			t.Errorf("when ann has, %v know", known)
		}
	})
}

// Bob was away when ann removed him, and she is away when he comes back: carl tells him, as the signed history has it.
func TestWhoWasRemovedWhileHeWasAwayIsToldByWhoeverIsThere(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.invite(carl)
		w.connect(ann, carl)
		w.connect(bob, carl)
		w.settle()
		bob.say("hello")
		w.settle()
		w.cut(ann, bob)
		w.cut(carl, bob)
		carl.say("he has gone")
		w.settle()
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.Remove, Account: bob.account.Key()})
		w.must(err)
		ann.say("without bob")
		w.settle()
		bob.say("where are you all?")
		w.settle()
		ann.close()

		w.connect(carl, bob)
		w.settle()
		if by := bob.talk.RemovedBy(bob.account.Key()); by != ann.account.Key() || bob.talk.Joined() {
			t.Errorf("bob believes that he was removed by %v", by)
		}
		if bob.lines() != "hello -" || carl.lines() != "hello he has gone without bob" {
			t.Errorf("bob has %q, carl %q", bob.lines(), carl.lines())
		}
		if w.link(carl, bob) != nil {
			t.Error("he is still connected")
		}
	})
}

func TestWhoWasRemovedIsToldSeldomAndHearsNothingByStaying(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		w.cut(ann, bob)
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.Remove, Account: bob.account.Key()})
		w.must(err)
		ann.say("without bob")
		w.settle()

		mute := &exttest.Peer{Number: 99, Who: bob.secret.Key(), From: netip.MustParseAddrPort("10.9.9.9:1")}
		ann.swarm.Attach(time.Now(), mute)
		w.pass(4 * time.Second)
		if mute.Closed != nil || len(mute.Take()) > 0 {
			t.Errorf("who says nothing yet is told something, or parted with: %v", mute.Closed)
		}
		w.pass(2 * time.Second)
		if mute.Closed == nil {
			t.Error("who says nothing may stay")
		}
		w.connect(ann, bob)
		synctest.Wait()
		bob.loop.Run(time.Now())
		hello := w.link(bob, ann).Take()
		w.cut(ann, bob)
		told := 0
		for i := range 10 { // his device says how far it is, and comes again at once
			p := &exttest.Peer{Number: piece.PeerKey(200 + i), Who: bob.secret.Key(), From: netip.MustParseAddrPort("10.9.9.9:1")}
			h := ann.swarm.Attach(time.Now(), p)
			for _, payload := range hello {
				w.must(h.Handle(time.Now(), []byte(payload)))
			}
			w.settle()
			told += len(p.Take())
			h.Detach()
		}
		if told != 4 {
			t.Errorf("he is told %d times", told)
		}
		w.pass(11 * time.Minute)
		w.connect(ann, bob)
		w.settle()
		if !bob.talk.Removed(bob.account.Key()) || bob.lines() != "" {
			t.Errorf("he does not know, or hears %q", bob.lines())
		}
	})
}

func TestChangesThatWouldHaveNoEffectAreRefused(t *testing.T) {
	bubble(t, func(w *world) {
		ctx := context.Background()
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1, Limit: 2})
		ann.invite(bob)
		add := room.Change{Op: room.Add, Account: carl.account.Key(), Role: room.Member}
		if _, err := ann.talk.Change(ctx, add); !errors.Is(err, chat.ErrFull) {
			t.Errorf("one too many: %v", err)
		}
		if _, err := bob.talk.Change(ctx, room.Change{Op: room.Remove, Account: ann.account.Key()}); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("a member removes the owner: %v", err)
		}
		e := ann.say("mine")
		w.settle()
		if _, err := bob.talk.Write(ctx, room.Delete, body.Delete(e.ID)); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("a member deletes another's: %v", err)
		}
		if _, err := bob.talk.Write(ctx, room.Admin, nil); !errors.Is(err, chat.ErrKind) {
			t.Errorf("administration as a text: %v", err)
		}
		carl.open(ann.talk.ID())
		if _, err := carl.trySay("hello"); !errors.Is(err, chat.ErrNotJoined) {
			t.Errorf("who has not joined writes: %v", err)
		}
		if err := carl.talk.Join(ctx, carl.certificate()); !errors.Is(err, chat.ErrNotAllowed) {
			t.Errorf("who is no member joins: %v", err)
		}
		bob.talk.Close()
		if _, err := bob.trySay("late"); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("closed, and still: %v", err)
		}
		_, err := ann.talk.Write(ctx, room.Delete, body.Delete(e.ID))
		w.must(err)
		if ann.lines() != "-" {
			t.Errorf("deleted, and still: %q", ann.lines())
		}
	})
}

func TestReadMarksAreKeptAndTold(t *testing.T) {
	bubble(t, func(w *world) {
		ctx := context.Background()
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.say("one")
		w.cut(ann, bob)
		e := ann.say("two")
		w.connect(ann, bob)
		w.settle()
		second := w.device("bob's second", bob.account)
		second.open(id)
		w.connect(bob, second)
		w.connect(ann, second)
		w.settle()
		ann.took()
		second.took()
		w.must(bob.talk.Read(ctx, e.ID))
		w.pass(time.Second)
		if got := ann.took().Read; len(got) != 1 || got[0] != (chat.Read{Account: bob.account.Key(), Event: e.ID}) {
			t.Errorf("ann was told %v", got)
		}
		if n, _, err := second.archive.Unread(ctx, id); err != nil || n != 0 {
			t.Errorf("on his other device %d are unread: %v", n, err)
		}
		late := w.device("ann's second", ann.account)
		late.open(id)
		w.connect(late, second)
		w.settle()
		if reads, err := late.archive.Reads(ctx, id); err != nil || reads[bob.account.Key()].Event.ID != e.ID {
			t.Errorf("who comes later knows %v: %v", reads, err)
		}
	})
}

// Whoever is cut off says what stands before what the others have read by then.
func TestWhatCameLateIsReadOnAllDevicesOfAnAccount(t *testing.T) {
	bubble(t, func(w *world) {
		ctx := context.Background()
		ann, bob := w.person("ann"), w.person("bob")
		id := ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		second := w.device("bob's second", bob.account)
		second.open(id)
		w.connect(bob, second)
		w.settle()
		unread := func(d *device, want int, when string) {
			t.Helper()
			if n, _, err := d.archive.Unread(ctx, id); err != nil || n != want {
				t.Errorf("%s %d are unread of %s, want %d: %v", when, n, d.name, want, err)
			}
		}
		read := func() (e room.Event) {
			last, err := bob.archive.Before(ctx, id, room.End, 1)
			w.must(err)
			w.must(bob.talk.Read(ctx, last[0].Event.ID))
			w.pass(time.Second)
			return last[0].Event
		}
		w.cut(ann, bob)
		ann.say("late")
		for range 4 {
			bob.say("later")
		}
		w.settle()
		last := read()
		w.connect(ann, bob)
		w.settle()
		unread(bob, 1, "when it came")
		unread(second, 1, "when it came")
		second.took()
		if read().ID != last.ID {
			t.Fatal("it stands at the end")
		}
		unread(bob, 0, "after reading")
		unread(second, 0, "after reading on the other device")
		if got := second.took().Read; len(got) != 1 || got[0] != (chat.Read{Account: bob.account.Key(), Event: last.ID}) {
			t.Errorf("his other device was told %v", got)
		}

		w.cut(ann, bob)
		ann.say("one more that is late")
		for range 4 {
			bob.say("later")
		}
		read()
		w.cut(bob, second)
		w.connect(ann, second)
		w.settle()
		unread(second, 1, "of what the first has not got")
		w.cut(ann, second)
		w.connect(bob, second)
		w.pass(time.Second)
		unread(second, 1, "after the first has told again how far it was read")
		unread(bob, 1, "when the first has it too")
		read()
		unread(second, 0, "after the first was read")

		w.cut(bob, second)
		ann.say("goes to the first alone")
		w.connect(ann, bob)
		w.settle()
		read()
		w.connect(bob, second)
		w.pass(time.Second)
		unread(second, 0, "of what was read before it came")
	})
}

func TestTypingEndsByItself(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: -1})
		ann.invite(bob)
		ann.took()
		told := func(want ...bool) {
			t.Helper()
			got := ann.took().Typing
			if len(got) != len(want) {
				t.Fatalf("told %v, want %v", got, want)
			}
			for i := range got {
				if got[i] != (chat.Typing{Account: bob.account.Key(), On: want[i]}) {
					t.Errorf("told %v, want %v", got, want)
				}
			}
		}
		w.pass(time.Second)
		bob.talk.Typing(true)
		w.settle()
		told(true)
		for range 5 {
			w.pass(4 * time.Second)
			bob.talk.Typing(true)
		}
		told()
		w.pass(7 * time.Second)
		told(false)
		bob.talk.Typing(true)
		w.settle()
		told(true)
		bob.say("said")
		w.settle()
		told(false)
		w.pass(4 * time.Second)
		bob.talk.Typing(true)
		w.settle()
		w.cut(ann, bob)
		w.settle()
		told(true, false)
	})
}
