package chat

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat/body"
)

func TestWhatIsCommittedInTimeIsNotSaidAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frames := [][]byte{{frameSaid}}
		for _, took := range []time.Duration{0, saidAfter - 1, saidAfter + 1, time.Second} {
			l := &link{swarm: &swarm{do: func(func(time.Time)) bool { return true }}}
			end := sendUnless(frames, []*link{l})
			time.Sleep(took)
			synctest.Wait()
			end()
			time.Sleep(time.Second)
			synctest.Wait()
			if want := took > saidAfter; (len(l.out) == 1) != want {
				t.Errorf("a commit of %v: %d frames", took, len(l.out))
			}
		}
	})
}

// FuzzSaid checks that what is read is what was written.
func FuzzSaid(f *testing.F) {
	text := body.Text{Text: "hello"}
	f.Add((&Said{Lamport: 7, Body: text.AppendTo(nil)}).frame()[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		was := slices.Clone(b)
		s, err := parseSaid(b)
		if err == nil && !bytes.Equal(s.frame()[1:], was) {
			t.Errorf("%x was read from %x", s.frame()[1:], was)
		}
	})
}
