package chat_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/exttest"
)

// setHistory changes how much a joiner gets.
func (d *device) setHistory(n int) (room.Event, room.Change) {
	d.w.t.Helper()
	c := room.Change{Op: room.SetRoom, Options: d.talk.Options()}
	c.Options.History = n
	e, err := d.talk.Change(context.Background(), c)
	d.w.must(err)
	return e, c
}

// finds returns how many entries a search gives.
func (d *device) finds(text string) int {
	d.w.t.Helper()
	found, _, err := d.archive.Search(context.Background(), history.Query{Text: text})
	d.w.must(err)
	return len(found)
}

func TestWhatWasWithheldComesWhenTheRoomBecomesMoreGenerous(t *testing.T) {
	for after, want := range map[int]string{-1: "1 2 3 4 5", 2: "- - 3 4 5", 0: "- - - - 5"} {
		bubble(t, func(w *world) {
			ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
			ann.create(room.Options{Name: "room", History: 0})
			ann.invite(bob)
			for _, text := range []string{"1", "2", "3", "4"} {
				ann.say("%s", text)
			}
			ann.invite(carl)
			w.connect(bob, carl)
			bob.say("5")
			w.pass(time.Second)
			if got := carl.lines(); got != "- - - - 5" {
				t.Fatalf("at first carl shows %q", got)
			}
			carl.finds("nothing") // the index has passed them
			unread := func(want int) {
				t.Helper()
				if n, _, err := carl.archive.Unread(context.Background(), carl.talk.ID()); err != nil || n != want {
					t.Errorf("with %d %d are unread, not %d: %v", after, n, want, err)
				}
			}
			unread(1)
			carl.took()
			ann.setHistory(after)
			w.pass(time.Second)
			if got := carl.lines(); got != want {
				t.Errorf("with %d carl shows %q, not %q", after, got, want)
			}
			told := carl.took()
			if got, want := len(told.Filled), 4-strings.Count(want, "-"); got != want || len(told.Added) != 1 {
				t.Errorf("with %d carl is told of %d bodies, not %d, and of %d new events", after, got, want, len(told.Added))
			}
			unread(5 - strings.Count(want, "-"))
			if got, want := carl.finds("4"), strings.Count(want, "4"); got != want {
				t.Errorf("with %d it is found %d times, not %d", after, got, want)
			}
		})
	}
}

// Whoever is there when the room changes does not have them either; ann, who has, comes to one of the two, and it goes on.
func TestWhatWasWithheldComesThroughAnotherAsSoonAsHeHasIt(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl, dora := w.person("ann"), w.person("bob"), w.person("carl"), w.person("dora")
		ann.create(room.Options{Name: "room", History: 0})
		ann.say("first")
		for _, d := range []*device{bob, carl, dora} {
			ann.invite(d)
		}
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.SetRole, Account: bob.account.Key(), Role: room.Owner})
		w.must(err)
		w.settle()
		for _, d := range []*device{bob, carl, dora} {
			w.cut(ann, d)
		}
		w.connect(bob, carl)
		w.connect(carl, dora)
		bob.setHistory(-1)
		w.pass(time.Second)
		if got := carl.lines() + dora.lines(); got != "--" {
			t.Fatalf("carl and dora show %q", got)
		}
		w.connect(ann, bob)
		w.pass(time.Second)
		for _, d := range w.devices {
			if got := d.lines(); got != "first" {
				t.Errorf("%s shows %q", d.name, got)
			}
		}
	})
}

func TestWhoDoesNotAnswerDoesNotKeepOthersFromIt(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: 0})
		ann.invite(bob)
		ann.say("first")
		ann.invite(carl)
		w.settle()
		w.cut(ann, carl)
		p, say := w.raw(carl, bob)
		e, change := ann.setHistory(-1)
		say(room.Message{Events: []room.Sent{{Event: e, Body: change.AppendTo(nil)}}})
		w.settle()
		if asked := wants(t, p); len(asked) != 1 {
			t.Fatalf("bob is asked for %d", len(asked))
		}
		w.connect(ann, carl)
		w.pass(5 * time.Second)
		if got := carl.lines(); got != "-" {
			t.Errorf("all are asked at once: carl shows %q", got)
		}
		w.pass(6 * time.Second)
		if got := carl.lines(); got != "first" {
			t.Errorf("carl shows %q", got)
		}
	})
}

// raw is a connection of a device that does what a test says.
func (w *world) raw(to, as *device) (*exttest.Peer, func(room.Message)) {
	w.next++
	p := &exttest.Peer{Number: w.next, Who: as.secret.Key(), From: netip.MustParseAddrPort("10.9.9.9:1")}
	h := to.swarm.Attach(time.Now(), p)
	say := func(m room.Message) { w.must(h.Handle(time.Now(), append([]byte{1, 0}, m.AppendTo(nil)...))) }
	say(room.Message{Hello: true})
	w.settle()
	p.Take()
	return p, say
}

// heard returns what was sent on a raw connection, as far as each message fits into one frame.
func heard(t *testing.T, p *exttest.Peer) (all []room.Message) {
	t.Helper()
	for _, payload := range p.Take() {
		if payload[0] != 1 {
			continue
		}
		m, err := room.ParseMessage([]byte(payload[2:]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func answers(t *testing.T, p *exttest.Peer) (all []room.Sent) {
	for _, m := range heard(t, p) {
		all = append(all, m.Events...)
	}
	return all
}

func wants(t *testing.T, p *exttest.Peer) (all []room.ID) {
	for _, m := range heard(t, p) {
		all = append(all, m.Want...)
	}
	return all
}

func TestWhoAsksGetsOnlyWhatHeMayHaveAndIsNotHeardForAsLongAsThatTakes(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: 0})
		secret := ann.say("secret")
		ann.invite(bob)
		public := ann.say("public")
		w.settle()
		w.cut(ann, bob)
		p, say := w.raw(ann, bob)
		say(room.Message{Want: []room.ID{secret.ID, {1, 2, 3}, public.ID}})
		w.settle()
		got := answers(t, p)
		if len(got) != 2 || got[0].Event.ID != secret.ID || got[0].Body != nil || got[1].Body == nil {
			t.Errorf("he gets %d events: %v", len(got), fmt.Sprintf("%.200v", got))
		}
		many := room.Message{Want: slices.Repeat([]room.ID{public.ID}, 64)}
		for range 1000 {
			say(many)
		}
		n := 0
		for range 10 {
			w.pass(100 * time.Millisecond)
			n += len(answers(t, p))
		}
		if n < 5_000 || n > 20_000 || p.Closed != nil {
			t.Errorf("in a second %d questions are answered: %v", n, p.Closed)
		}
		carl := w.person("carl")
		ann.invite(carl) // meanwhile
		ann.say("hello")
		w.settle()
		if got := carl.lines(); got != "- - hello" {
			t.Errorf("carl shows %q", got)
		}
	})
}

func TestABodyThatIsNotTheSignedOneEndsTheConnection(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: 0})
		e := ann.say("true")
		ann.invite(bob)
		w.settle()
		w.cut(ann, bob)
		p, say := w.raw(bob, ann)
		say(room.Message{Events: []room.Sent{{Event: e, Body: []byte("lie")}}})
		w.settle()
		if p.Closed == nil || bob.lines() != "-" {
			t.Errorf("bob shows %q, and the connection is ended with %v", bob.lines(), p.Closed)
		}
	})
}

func TestWhoWasRemovedGetsNothingThatHeAsksFor(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		ann.create(room.Options{Name: "room", History: 0})
		e := ann.say("before he came")
		ann.invite(bob)
		w.settle()
		w.cut(ann, bob)
		p, say := w.raw(ann, bob)
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.Remove, Account: bob.account.Key()})
		w.must(err)
		ann.setHistory(-1)
		say(room.Message{Want: []room.ID{e.ID}})
		w.settle()
		for _, sent := range answers(t, p) {
			if sent.Event.Kind >= room.Content && sent.Body != nil {
				t.Error("he gets it")
			}
		}
	})
}

// questions counts the bodies that a device is asked for from now on.
func (w *world) questions(of *device) (take func() int) {
	n := 0
	w.hears = func(to *device, payload string) {
		if to != of || payload[0] != 1 {
			return
		}
		m, err := room.ParseMessage([]byte(payload[2:]))
		w.must(err)
		n += len(m.Want)
	}
	return func() int { defer func() { n = 0 }(); return n }
}

// Of an edit of a message that was deleted there is no body anywhere, and who came later does not know that it is one.
func TestABodyThatNobodyHasIsAskedForEverMoreSeldomUntilThereIsHope(t *testing.T) {
	bubble(t, func(w *world) {
		ctx := context.Background()
		ann, carl := w.person("ann"), w.person("carl")
		ann.create(room.Options{Name: "room", History: -1})
		said := ann.say("regretted")
		_, err := ann.talk.Write(ctx, body.KindEdit, (&body.Edit{Target: said.ID, New: body.Text{Text: "still"}}).AppendTo(nil))
		w.must(err)
		_, err = ann.talk.Write(ctx, room.Delete, body.Delete(said.ID))
		w.must(err)
		asked := w.questions(ann)
		meet := func(rest time.Duration) int {
			w.cut(ann, carl)
			w.pass(rest)
			w.connect(ann, carl)
			w.pass(time.Second)
			return asked()
		}
		ann.invite(carl)
		w.pass(time.Minute)
		if n := asked(); n == 0 {
			t.Fatal("carl does not ask at all")
		}
		if n := meet(0); n != 1 {
			t.Errorf("after his first minute carl asks %d times", n)
		}
		for range 5 {
			if n := meet(0); n > 0 {
				t.Fatalf("he asks again at once: %d", n)
			}
		}
		w.pass(time.Minute)
		if n := asked(); n != 1 {
			t.Errorf("in the next minute of one session he asks %d times", n)
		}
		total := 0
		for range 24 * 60 {
			total += meet(time.Minute)
		}
		if total < 140 || total > 160 {
			t.Errorf("in a day of new sessions he asks %d times", total)
		}
		ann.setHistory(100)
		w.settle()
		if n := asked(); n != 1 {
			t.Errorf("after a change of the room he asks %d times", n)
		}
	})
}

// The body comes to bob by another way, while carl is not there to be sent what bob owes him.
func TestWhoHadNothingToGiveIsAskedAgainInANewSession(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl := w.person("ann"), w.person("bob"), w.person("carl")
		ann.create(room.Options{Name: "room", History: 0})
		ann.say("first")
		ann.invite(bob)
		ann.invite(carl)
		_, err := ann.talk.Change(context.Background(), room.Change{Op: room.SetRole, Account: bob.account.Key(), Role: room.Owner})
		w.must(err)
		w.settle()
		w.cut(ann, bob)
		w.cut(ann, carl)
		w.connect(bob, carl)
		bob.setHistory(-1)
		w.pass(time.Second)
		w.cut(bob, carl)
		w.connect(ann, bob)
		w.pass(time.Second)
		w.connect(bob, carl)
		w.pass(clockAndRest)
		if got := carl.lines(); got != "first" {
			t.Errorf("carl shows %q", got)
		}
	})
}

// clockAndRest is the longest time until somebody is asked again who had nothing to give once.
const clockAndRest = 10*time.Second + 15*time.Second

// twoDevices are bob's, of which the second has joined, and met ann alone, when the room gives joiners nothing of what she
// said before, which bob has.
func (w *world) twoDevices() (ann, bob, second *device) {
	w.t.Helper()
	ann, bob = w.person("ann"), w.person("bob")
	second = w.device("bob's second", bob.account)
	ann.create(room.Options{Name: "room", History: -1})
	ann.say("1")
	ann.invite(bob)
	ann.setHistory(0)
	second.open(ann.talk.ID())
	w.connect(ann, second)
	w.settle()
	w.must(second.talk.Join(context.Background(), second.certificate()))
	w.settle()
	return ann, bob, second
}

func TestTheDevicesOfOneAccountGiveEachOtherWhatTheRoomGivesToNoJoiner(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, second := w.twoDevices()
		ann.say("2")
		w.settle()
		if got := second.lines(); got != "- 2" {
			t.Fatalf("from ann it has %q", got)
		}
		w.connect(bob, second)
		w.settle()
		if got := second.lines(); got != "1 2" {
			t.Errorf("from the other device it has %q", got)
		}
	})
}

// A connection that broke before the answer says nothing about what the device has.
func TestWhoCouldNotAnswerIsAskedAtOnceInTheNextSession(t *testing.T) {
	bubble(t, func(w *world) {
		_, bob, second := w.twoDevices()
		asked := w.questions(bob)
		count := w.hears
		for range 5 {
			w.hears = func(to *device, payload string) {
				if count(to, payload); asked() > 0 {
					w.link(bob, second).lose = true
					w.hears = nil
				}
			}
			w.connect(bob, second)
			w.settle()
			w.cut(bob, second)
			if w.hears != nil {
				t.Fatal("it does not ask")
			}
		}
		w.hears = count
		w.connect(bob, second)
		w.settle()
		if got := second.lines(); asked() != 1 || got != "1" {
			t.Errorf("from the other device it has %q", got)
		}
	})
}

// Both came at the same time: what neither has may be very much.
func TestADeviceOfOneAccountIsNotAskedInEverySessionForWhatTheRoomDoesNotGive(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob := w.person("ann"), w.person("bob")
		second := w.device("bob's second", bob.account)
		ann.create(room.Options{Name: "room", History: 0})
		for range 20 {
			ann.say("before")
		}
		ann.invite(bob)
		second.open(ann.talk.ID())
		w.connect(ann, second)
		w.settle()
		w.must(second.talk.Join(context.Background(), second.certificate()))
		w.settle()
		asked := w.questions(second)
		total := 0
		for i := range 4 * 60 {
			if i%10 == 0 {
				ann.setHistory(0) // there is hope, but not for more than the room gives
				w.settle()
			}
			w.connect(bob, second)
			w.pass(time.Minute)
			w.cut(bob, second)
			total += asked()
		}
		if total < 4*20 || total > 5*20 {
			t.Errorf("in four hours it is asked %d times", total)
		}
	})
}
