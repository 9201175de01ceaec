package chat_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
)

// withdrawn returns what another device has written that does not count, as far as it is here.
func (d *device) withdrawn(by *device) string {
	d.w.t.Helper()
	all, err := d.archive.Unheard(context.Background(), d.talk.ID(), by.secret.Key(), 0)
	d.w.must(err)
	var texts []string
	for i := range all {
		if t, err := body.ParseText(all[i].Body); err == nil {
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, " ")
}

// A person whose device was set back is to say again what is withdrawn, so what others have read of it comes back to him, and to nobody else.
func TestWhatADeviceWroteThatContradictedItselfComesBackToTheOthersOfItsAccount(t *testing.T) {
	bubble(t, func(w *world) {
		ann, bob, carl, dora := w.person("ann"), w.person("bob"), w.person("carl"), w.person("dora")
		id := ann.create(room.Options{Name: "room", History: -1})
		for _, d := range []*device{bob, carl, dora} {
			ann.invite(d)
		}
		w.settle()
		w.cut(ann, carl)
		w.cut(ann, dora)
		for _, text := range []string{"1", "2", "3"} {
			bob.say("%s", text)
		}
		w.settle()
		w.cut(ann, bob)
		for range 3 {
			bob.forget(id)
		}
		bob.say("one")
		w.connect(bob, carl)
		w.settle()
		w.cut(bob, carl)
		w.connect(ann, carl)
		w.pass(time.Second)
		w.connect(ann, dora)
		w.pass(time.Second)
		if got := ann.lines() + carl.lines() + dora.lines(); got != "" {
			t.Fatalf("what is withdrawn is shown: %q", got)
		}

		again := w.device("again", bob.account)
		again.open(id)
		w.connect(carl, again)
		w.settle()
		w.must(again.talk.Join(context.Background(), again.certificate()))
		w.connect(ann, again)
		w.pass(time.Second)
		if got := again.withdrawn(bob); !strings.Contains(got, "1 2 3") {
			t.Errorf("to bob's next device comes back %q", got)
		}
		if got := again.lines(); got != "" {
			t.Errorf("there it is shown: %q", got)
		}
		if got := dora.withdrawn(bob); strings.Contains(got, "2") {
			t.Errorf("dora is given %q", got)
		}
		again.say("1 2 3")
		w.pass(time.Second)
		for _, d := range []*device{ann, carl, dora, again} {
			if got := d.lines(); got != "1 2 3" {
				t.Errorf("%s shows %q", d.name, got)
			}
		}
	})
}
