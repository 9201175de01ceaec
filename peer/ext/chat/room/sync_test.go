package room_test

import (
	"bytes"
	"testing"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

func TestTheHelloOfALargeRoomIsSeveral(t *testing.T) {
	w := newWorld(t, 1, 1, 0)
	ann := w.people[0]
	kept := room.Kept{Logs: map[identity.Key]room.Mark{}}
	const devices = 10_000
	for i := range devices {
		kept.Logs[identity.Key{byte(i), byte(i >> 8), 1}] = room.Mark{Seq: 1, ID: room.ID{1}}
	}
	r, err := room.Restore(w.id, ann.shelf, kept)
	w.must(err)
	marks := 0
	parts := room.NewSession(r, ann.device.Key(), 1, ann.body).Hello()
	other := room.NewSession(room.New(w.id, newShelf()), identity.Key{}, 1, nil)
	for i, m := range parts {
		if n := len(m.AppendTo(nil)); n > room.MaxMessage {
			t.Fatalf("a message of %d bytes", n)
		}
		marks += len(m.Marks)
		_, _, err := other.Handle(recoded(t, m))
		w.must(err)
		if last := i == len(parts)-1; other.Met() != last {
			t.Errorf("after part %d of %d they have met: %v", i+1, len(parts), other.Met())
		}
	}
	if marks != devices {
		t.Errorf("%d of %d marks were told", marks, devices)
	}
}

func TestAnAnswerWithLongTextsFitsIntoMessages(t *testing.T) {
	w := newWorld(t, 1, 2, 0)
	ann := w.people[0]
	var ids []room.ID
	for range 64 {
		w.write(ann, room.Content, bytes.Repeat([]byte("x"), room.MaxBody))
		ids = append(ids, ann.wrote[len(ann.wrote)-1])
	}
	_, answers, err := room.NewSession(ann.room, ann.device.Key(), 1, ann.body).Handle(room.Message{Want: ids})
	w.must(err)
	events := 0
	for _, m := range answers {
		events += len(recoded(t, m).Events)
	}
	if events != len(ids) {
		t.Errorf("%d of %d events were given", events, len(ids))
	}
}

func TestWhatIsKnownIsNotVerifiedAgainAndWhatIsNotIs(t *testing.T) {
	w := newWorld(t, 1, 1, 0)
	ann := w.people[0]
	w.write(ann, room.Content, []byte("hello"))
	m, _ := ann.shelf.Find(ann.wrote[0])
	m.Signature[0] ^= 1
	forged := (&room.Message{Events: []room.Sent{{Event: m.Event}}}).AppendTo(nil)
	if _, err := room.ParseNews(forged, func(*room.Event) bool { return false }, room.InOrder); err == nil {
		t.Error("a forged event is taken for news")
	}
	if got, err := room.ParseNews(forged, func(e *room.Event) bool { return e.ID == m.ID }, room.InOrder); err != nil || got.Events[0].Event.ID != m.ID {
		t.Errorf("a known event is %+v: %v", got, err)
	}
	proof := (&room.Message{Proofs: []room.Proof{{A: m.Event, B: m.Event}}}).AppendTo(nil)
	if _, err := room.ParseNews(proof, func(*room.Event) bool { return true }, room.InOrder); err == nil {
		t.Error("a proof is not verified")
	}
}

// TestAmongManyEachEventGoesToEachOnce counts what members send to each other who are all connected.
func TestAmongManyEachEventGoesToEachOnce(t *testing.T) {
	w := newWorld(t, 1, 8, 0)
	for _, p := range w.people[1:] {
		w.change(w.people[0], room.Change{Op: room.Add, Account: p.account.Key(), Role: room.Member})
	}
	w.heal()
	for _, p := range w.people {
		w.write(p, room.Join, w.certify(p).AppendTo(nil))
	}
	round := func() int {
		before := w.carried
		for _, p := range w.people {
			w.write(p, room.Content, []byte(p.name))
			w.settle()
		}
		return w.carried - before
	}
	w.leaves = true
	for range 8 { // until all know on which way they hear of whom first
		round()
	}
	if got, once := round(), len(w.people)*(len(w.people)-1); got != once {
		t.Errorf("%d events were sent, %d are needed", got, once)
	}
}

// three returns ann, bob and carl, who are all connected, in a world in which all is left to others that can be, and where
// each knows from whom he hears what first.
func three(t *testing.T, seed uint64) (w *world, ann, bob, carl *person) {
	w = newWorld(t, seed, 3, 0)
	ann, bob, carl = w.people[0], w.people[1], w.people[2]
	for _, p := range w.people[1:] {
		w.change(ann, room.Change{Op: room.Add, Account: p.account.Key(), Role: room.Member})
	}
	w.heal()
	for _, p := range w.people {
		w.write(p, room.Join, w.certify(p).AppendTo(nil))
		w.heal()
	}
	w.leaves = true
	for range 6 {
		for _, p := range w.people {
			w.write(p, room.Content, []byte(p.name))
			w.settle()
		}
	}
	return w, ann, bob, carl
}

func (w *world) settle() {
	for w.deliver() {
	}
}

// Else two could each leave an event to the other, and who waits for it would wait for a timer.
func TestNobodyLeavesHisOwnEventsToOthers(t *testing.T) {
	for seed := range uint64(20) {
		w, _, bob, _ := three(t, seed)
		w.write(bob, room.Content, []byte("at once"))
		for _, p := range w.people {
			on := false
			for _, x := range w.wire[[2]*person{bob, p}] {
				on = on || len(x.message.Events) > 0
			}
			if on != (p != bob) {
				t.Errorf("seed %d: bob has sent it to %s: %v", seed, p.name, on)
			}
		}
	}
}

func TestWhatWasLeftToOthersIsSentOnceTheyHadTheirTime(t *testing.T) {
	w, ann, bob, carl := three(t, 1)
	to := ann.links[carl]
	w.write(bob, room.Content, []byte("both have it"))
	w.settle()
	for _, m := range carl.links[ann].Have() {
		_, _, err := to.Handle(recoded(t, m))
		w.must(err)
	}
	if to.Leave() {
		t.Fatal("ann leaves to bob what carl has said to have")
	}
	w.write(bob, room.Content, []byte("on its way to carl"))
	w.cut(bob, carl)
	w.settle()
	if !to.Leave() {
		t.Fatal("ann leaves nothing to bob")
	}
	if got := to.Next(room.Outcome{}, false); len(got) > 0 {
		t.Fatalf("ann sends before the time: %+v", got)
	}
	to.Reclaim()
	w.send(ann, carl, to.Next(room.Outcome{}, false)...)
	w.settle()
	if got, want := carl.room.Mark(bob.device.Key()), bob.room.Mark(bob.device.Key()); got != want {
		t.Errorf("carl has bob's log up to %d of %d", got.Seq, want.Seq)
	}
	w.write(bob, room.Content, []byte("next"))
	w.settle() // and this one goes at once: the shorter way is no more
	if got, want := carl.room.Mark(bob.device.Key()), bob.room.Mark(bob.device.Key()); got != want {
		t.Errorf("carl has bob's log up to %d of %d", got.Seq, want.Seq)
	}
}

func TestWhoIsAMemberSinceWhen(t *testing.T) {
	w := newWorld(t, 1, 2, 0)
	ann, bob := w.people[0], w.people[1]
	key := bob.account.Key()
	add := room.Change{Op: room.Add, Account: key, Role: room.Member}
	if e, ok := ann.room.Since(ann.account.Key()); !ok || e.Kind != room.Create {
		t.Errorf("the founder is a member since %v", e.ID)
	}
	w.change(ann, add)
	first := ann.wrote[len(ann.wrote)-1]
	if e, ok := ann.room.Since(key); !ok || e.ID != first {
		t.Errorf("since %v, %v", e.ID, ok)
	}
	w.heal()
	w.write(bob, room.Join, w.certify(bob).AppendTo(nil))
	w.heal()
	if ann.room.Ended(bob.device.Key()) || ann.room.Joined()[bob.device.Key()] != key {
		t.Error("his device has no business there")
	}
	w.change(ann, room.Change{Op: room.Remove, Account: key, Cuts: ann.room.Cuts(key)})
	if _, ok := ann.room.Since(key); ok || len(ann.room.Former()) != 1 || !ann.room.Ended(bob.device.Key()) {
		t.Errorf("removed, and still there; former are %v", ann.room.Former())
	}
	w.change(ann, add)
	if e, ok := ann.room.Since(key); !ok || e.ID == first || len(ann.room.Former()) != 0 {
		t.Errorf("added again since %v, %v", e.ID, ok)
	}
	w.change(ann, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: bob.device.Key(), Seq: 1}}})
	if !ann.room.Ended(bob.device.Key()) {
		t.Error("a revoked device goes on")
	}
}

// What ann writes upon bob's words reaches carl before these do: it waits there, and what she writes next comes all the same.
func TestWhoHadToWaitForCausesIsNotLeftBehind(t *testing.T) {
	tried := 0
	for seed := range uint64(20) {
		w, ann, bob, carl := three(t, seed)
		w.write(bob, room.Content, []byte("on its way to carl"))
		w.cut(bob, carl)
		w.settle()
		mark := bob.room.Mark(bob.device.Key())
		if ann.room.Mark(bob.device.Key()) != mark || carl.room.Mark(bob.device.Key()) == mark {
			continue
		}
		tried++
		for _, text := range []string{"upon that", "and on"} {
			w.write(ann, room.Content, []byte(text))
			w.settle()
		}
		if got, want := carl.room.Mark(ann.device.Key()), ann.room.Mark(ann.device.Key()); got != want {
			t.Errorf("seed %d: carl has ann's log up to %d of %d", seed, got.Seq, want.Seq)
		}
	}
	if tried == 0 {
		t.Error("it never came to that")
	}
}
