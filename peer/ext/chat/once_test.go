package chat_test

import (
	"context"
	"sync"
	"testing"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
)

// once writes a text under a key.
func (d *device) once(key, text string) room.ID {
	b := body.Text{Text: text}
	e, err := d.talk.WriteOnce(context.Background(), key, body.KindText, b.AppendTo(nil))
	d.w.must(err)
	return e.ID
}

func TestWhatIsWrittenAgainUnderOneKeyIsThereOnce(t *testing.T) {
	bubble(t, func(w *world) {
		ann := w.person("ann")
		first := ann.create(room.Options{Name: "first", Limit: 5})
		ids := make([]room.ID, 5) // at once: some go into one commit
		var group sync.WaitGroup
		for i := range ids {
			group.Go(func() { ids[i] = ann.once("key", "one") })
		}
		group.Wait()
		ann.restart(first)
		ids = append(ids, ann.once("key", "one"), ann.once("key", "and whatever else"))
		for _, id := range ids {
			if id != ids[0] || id.IsZero() {
				t.Errorf("it is %v, and was %v", id, ids[0])
			}
		}
		ann.once("other", "two")
		ann.once("", "three")
		ann.once("", "three")
		if got := ann.lines(); got != "one two three three" {
			t.Errorf("there is %q", got)
		}
		ann.talk.Close()
		ann.create(room.Options{Name: "second", Limit: 5})
		if id := ann.once("key", "elsewhere"); id == ids[0] || ann.lines() != "elsewhere" {
			t.Errorf("in another room it is %v: %q", id, ann.lines())
		}
	})
}
