package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// aloud runs a session in plain mode that opens a conversation, until the test ends; lines are typed into it.
func aloud(t *testing.T, n *fakeNode, where string, say *text.Catalogue) (*output, func(string)) {
	out := newOutput()
	in, typing := io.Pipe()
	done := make(chan error, 1)
	client := n.serve(t)
	go func() {
		done <- Run(context.Background(), Options{Client: client, Where: where, Text: say, In: in, Out: out})
	}()
	t.Cleanup(func() {
		if typing.Close(); <-done != nil {
			t.Error("the session has failed")
		}
	})
	return out, func(line string) { io.WriteString(typing, line+"\n") }
}

// nodeWith is a node on which Bo has said a number of things, of which the last are unread.
func nodeWith(said, unread int) *fakeNode {
	n := newFakeNode()
	for i := range said {
		n.add("c-bo", "bo", fmt.Sprintf("word %d.", i), at, nil)
	}
	n.convs[1].Unread = int32(unread)
	return n
}

func TestPlainModeReadsOutAllThatIsUnreadBeforeItCountsAsRead(t *testing.T) {
	for _, unread := range []int{33, 700} {
		n := nodeWith(1000, unread)
		out, _ := aloud(t, n, "c-bo", text.English())
		first := 1000 - unread
		out.waitFor(t, "word 999.")
		said := out.String()
		if !strings.Contains(said, "\nunread\n[") {
			t.Errorf("of %d unread it does not say that they are:\n%.300s", unread, said)
		}
		for i := range 1000 {
			if is := strings.Contains(said, fmt.Sprintf(": word %d.", i)); is != (i >= first) {
				t.Fatalf("of %d unread, that it says word %d is %v", unread, i, is)
			}
		}
	}
}

func TestPlainModeGoesBackToTheFirstMessage(t *testing.T) {
	n := nodeWith(130, 0)
	out, typed := aloud(t, n, "c-bo", text.English())
	out.waitFor(t, "There is more before this: /log")
	out.waitFor(t, ": word 120.")
	for from := 100; from > -20; from -= 20 {
		if strings.Contains(out.String(), fmt.Sprintf(": word %d.", from+19)) {
			t.Fatalf("word %d is said too early", from+19)
		}
		typed("/log")
		out.waitFor(t, fmt.Sprintf(": word %d.", max(from, 0)))
		out.waitFor(t, fmt.Sprintf(": word %d.", from+19))
	}
	typed("/log")
	out.waitFor(t, "that was the first message")
	typed("/log 2")
	out.waitForTime(t, ": word 129.", 2)
	typed("/unread")
	out.waitForTime(t, "Dana wants to talk with you", 2)
	if said := out.String(); strings.Count(said, ": word 129.") != 2 || strings.Count(said, ": word 128.") != 2 || strings.Count(said, ": word 127.") != 1 {
		t.Errorf("the last two are not said once more:\n%s", said)
	}
}

func TestPlainModeSaysAtTheStartWhatWaits(t *testing.T) {
	n := nodeWith(5, 3)
	n.convs[3].Unread = 2000
	out, typed := aloud(t, n, "c-anna", text.English())
	out.waitFor(t, "Unread: Bo 3, field trip 999+\n")
	out.waitFor(t, "Dana wants to talk with you, and says “we met at the conference”: /accept")
	typed("/open Bo")
	out.waitFor(t, "word 4.")
	typed("/unread")
	out.waitFor(t, "Unread: field trip 999+\n")
}

func TestPlainModeTellsANewPersonWhatCanBeDone(t *testing.T) {
	for _, say := range []*text.Catalogue{text.English(), text.Chinese()} {
		n := newFakeNode()
		n.contacts, n.convs = nil, nil
		out, _ := aloud(t, n, "", say)
		out.waitFor(t, "/invite")
	}
	n := newFakeNode()
	n.convs = nil // there are people, and nothing was said
	out, _ := aloud(t, n, "", text.English())
	out.waitFor(t, "No conversation is open: /open NAME")
}

// The node does not know any more how far this program has heard.
func TestPlainModeReadsOutWhatCameWhileNothingWasHeard(t *testing.T) {
	st := usual(t)
	st.s.plain = true
	st.in(lost{err: io.EOF, in: time.Second})
	st.node.add("c-anna", "anna", "said meanwhile", at, nil)
	st.s.told = nil
	said := 0
	for _, e := range st.s.handle(st.now, &p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: st.node.me}}}) {
		if r, ok := e.(request); ok {
			st.s.handle(st.now, callNode(t, st.node, r))
			for _, l := range st.s.told {
				said += strings.Count(l.text(), "said meanwhile")
			}
		}
	}
	if said != 1 {
		t.Errorf("it is said %d times", said)
	}
}

func TestAnOfferThatWasTakenBackIsReadOutAsThat(t *testing.T) {
	n := newFakeNode()
	n.add("c-bo", "bo", "", at, func(m *p2pv1.Message) { m.File = &p2pv1.File{Name: "big.bin", Size: 1 << 20, TakenBack: true} })
	out, _ := aloud(t, n, "c-bo", text.English())
	out.waitFor(t, "Bo: offers the file big.bin (1.0 MiB) (taken back)")
}
