package chat

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
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

func TestWhoIsBehindIsNotSentMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{swarm: &swarm{do: func(func(time.Time)) bool { return true }}, out: [][]byte{{frameRead}}}
		defer sendUnless([][]byte{{frameSaid}}, []*link{l})()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(l.out) != 1 {
			t.Errorf("%d frames wait", len(l.out))
		}
	})
}

func TestLittleIsSaidAheadOfACommit(t *testing.T) {
	bodies := map[room.ID][]byte{}
	written := func(kind room.Kind, b []byte) *request {
		r := &request{}
		r.event.Kind, r.event.ID = kind, room.ID{byte(len(bodies))}
		bodies[r.event.ID] = b
		return r
	}
	bodyOf := func(m *room.Meta) []byte { return bodies[m.ID] }
	text := func(text body.Text) *request { return written(body.KindText, text.AppendTo(nil)) }
	short, long, answer := body.Text{Text: "hello"}, body.Text{Text: strings.Repeat("x", saidLong+1)}, body.Text{Text: "hello", ReplyTo: room.ID{1}}
	all := []*request{text(long), text(answer), written(body.KindReaction, nil), text(short)}
	if got := sayings(all, bodyOf); len(got) != 1 || string(got[0][1+len(room.ID{}):]) != "hello" {
		t.Errorf("%q is said", got)
	}
	for range 100 {
		all = append(all, text(short))
	}
	if got := sayings(all, bodyOf); len(got) != saidMost {
		t.Errorf("%d are said", len(got))
	}
}

// FuzzSaid checks that what is read is what was written.
func FuzzSaid(f *testing.F) {
	f.Add((&Said{Text: "hello"}).frame()[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSaid(b); err == nil && !bytes.Equal(s.frame()[1:], b) {
			t.Errorf("%x was read from %x", s.frame()[1:], b)
		}
	})
}
