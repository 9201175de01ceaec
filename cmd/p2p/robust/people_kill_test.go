//go:build unix

package robust

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// writer sends one message after the other until its node is killed.
type writer struct {
	from      *person
	to        string
	tried     int      // messages, of which each text is sent once
	confirmed []string // ids of those of which the node has said that they are sent
}

func (w *writer) run(t *testing.T) {
	for w.once(t) == nil {
	}
}

// once sends one message.
func (w *writer) once(t *testing.T) error {
	w.tried++
	return w.send(t)
}

// send sends the last message under its key.
func (w *writer) send(t *testing.T) error {
	text := fmt.Sprint(w.from.name, " ", w.tried-1)
	r, err := w.from.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: w.to, Text: text, Key: text}))
	if err != nil {
		return err
	}
	m := r.Msg.Message
	if m.Delivery < p2pv1.Delivery_DELIVERY_STORED {
		t.Errorf("%s has sent a message that is not stored", w.from.name)
	}
	w.confirmed = append(w.confirmed, m.Id)
	return nil
}

// again repeats the message whose answer was lost: the node may have it.
func (w *writer) again(t *testing.T) {
	if err := w.send(t); err != nil {
		t.Errorf("%s cannot send it again: %v", w.from.name, err)
	}
}

// TestWhatWasSentSurvivesAnyKill kills both nodes of a conversation while both write, at random moments. What was
// confirmed to a writer is there afterwards, what was not and is sent again is there once, and what he saw as delivered is on the other's disk.
func TestWhatWasSentSurvivesAnyKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	alice, bob := newPair(t)
	writers := []*writer{{from: alice, to: "bob"}, {from: bob, to: "alice"}}
	for range 8 {
		var group sync.WaitGroup
		for _, w := range writers {
			group.Go(func() { w.run(t) })
		}
		time.Sleep(time.Duration(random.Int64N(int64(500 * time.Millisecond))))
		first := random.IntN(2)
		victim, survivor := writers[first], writers[1-first]
		victim.from.kill()
		time.Sleep(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
		delivered := survivor.delivered()
		survivor.from.kill()
		group.Wait()

		victim.from.start() // alone: what it has now, it had when it was killed
		victim.wantsAll(t, "was confirmed", victim.confirmed)
		victim.wantsAll(t, "was delivered", delivered)
		victim.again(t)
		survivor.from.start()
		survivor.again(t)
		survivor.wantsAll(t, "was confirmed", survivor.confirmed)
		agree(t, alice, bob)
	}
	for _, w := range writers {
		if all := w.from.messages(w.to); len(all) != writers[0].tried+writers[1].tried {
			t.Errorf("%s has %d messages, of %d that were written, each until it was confirmed", w.from.name, len(all), writers[0].tried+writers[1].tried)
		}
		if lies := w.from.alerts(p2pv1.Alert_KIND_DEVICE_LIES); len(lies) > 0 {
			t.Errorf("%s was told: %v", w.from.name, lies)
		}
		t.Logf("%s: %d of %d messages were confirmed", w.from.name, len(w.confirmed), w.tried)
	}
}

// delivered returns the ids of a writer's messages that are shown as delivered.
func (w *writer) delivered() (all []string) {
	for _, m := range w.from.messages(w.to) {
		if m.Mine && m.Delivery >= p2pv1.Delivery_DELIVERY_DELIVERED {
			all = append(all, m.Id)
		}
	}
	return all
}

// wantsAll fails the test unless a writer's node has messages, each once.
func (w *writer) wantsAll(t *testing.T, what string, want []string) {
	t.Helper()
	have := map[string]int{}
	for _, m := range w.from.messages(w.to) {
		have[m.Id]++
	}
	lost := slices.DeleteFunc(slices.Clone(want), func(id string) bool { return have[id] == 1 })
	if len(lost) > 0 {
		t.Errorf("%s has lost %d messages of %d, of which each %s", w.from.name, len(lost), len(want), what)
	}
}

// agree waits until two people have the same messages in the same order.
func agree(t *testing.T, a, b *person) {
	t.Helper()
	drive.Eventually(t, soon, fmt.Sprintf("%s and %s do not agree", a.name, b.name), func() bool {
		return slices.Equal(texts(a.messages(b.name)), texts(b.messages(a.name)))
	})
}
