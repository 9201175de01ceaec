package terminal

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/apitest"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func TestOfANodeThatHangsNobodyIsShownToBeThereUntilItGoesOn(t *testing.T) {
	st := usual(t).shows("● Anna", "◐ Bo")
	st.in(lost{err: api.ErrSilent}).keys("'half a thought", "enter", "'and more")
	st.shows("the node does not answer", "waits until the node answers", "> and more", "not known whether there")
	if screen := st.text(); strings.ContainsAny(screen, "●◐") || strings.Contains(screen, "next try") {
		t.Errorf("it shows\n%s", screen)
	}
	if len(asked[*p2pv1.SendRequest](st)) != 0 {
		t.Error("something was sent to a node that hangs")
	}
	st.in(goesOn{}).shows("● Anna", "◐ Bo", "the node answers again", "half a thought ✓", "> and more")
}

// A Hello has come in between, of a node that was started in the place of the one that hung.
func TestANodeThatGoesOnIsNoNewsToWhomAnotherOneAnswers(t *testing.T) {
	st := usual(t).in(lost{err: api.ErrSilent}, revival{})
	st.in(goesOn{}).shows("starting the node…")
	st.in(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: proto.CloneOf(st.node.me), Resumed: true}}})
	st.did = nil
	if st.in(goesOn{}); len(st.did) != 0 {
		t.Errorf("it does %v", st.did)
	}
}

// It tells no key anew, and what is typed would lie open from then on.
func TestWhatIsTypedStaysSealedWhenANodeThatHungGoesOn(t *testing.T) {
	st := usual(t)
	st.in(sealedHello(st, 7)).writes("a secret").in(lost{err: api.ErrSilent}, goesOn{}).writes(" or two")
	if files := st.files(); strings.Contains(files, "secret") {
		t.Errorf("in the files is %s", files)
	}
}

// mute is a node that hangs and goes on as a test says.
type mute struct {
	*fakeNode
	hangs chan bool
	going chan struct{} // closed while it goes on; its owner is the goroutine of the test, which changes it while nobody asks
}

func (m *mute) Events(ctx context.Context, _ *connect.Request[p2pv1.EventsRequest], s *connect.ServerStream[p2pv1.Event]) error {
	if err := s.Send(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Me: m.me, SignMillis: 2000}}}); err != nil {
		return err
	}
	signs := time.NewTicker(2 * time.Second)
	defer signs.Stop()
	for hangs := false; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case hangs = <-m.hangs:
		case <-signs.C:
			if hangs {
				continue
			}
			if err := s.Send(&p2pv1.Event{}); err != nil {
				return err
			}
		}
	}
}

func (m *mute) Send(ctx context.Context, q *connect.Request[p2pv1.SendRequest]) (*connect.Response[p2pv1.SendResponse], error) {
	select {
	case <-m.going:
		return m.fakeNode.Send(ctx, q)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// What is typed first waits in the node, and the rest here: nothing is asked of one that hangs.
func TestPlainModeSaysThatTheNodeHangsAlsoToWhomItOwesAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &mute{fakeNode: newFakeNode(), hangs: make(chan bool), going: make(chan struct{})}
		n.now = time.Now
		in, typed := io.Pipe()
		out := newOutput()
		ended := make(chan error, 1)
		go func() {
			ended <- Run(t.Context(), Options{Client: apitest.Client(n), In: in, Out: out, Text: text.English(), Where: "c-anna"})
		}()
		synctest.Wait()
		n.hangs <- true
		io.WriteString(typed, "first\n")
		time.Sleep(10 * time.Second)
		io.WriteString(typed, "second\n/who\n")
		synctest.Wait()
		if said := out.String(); strings.Count(said, "the node does not answer") != 1 || !strings.Contains(said, "○ Anna  not known whether there") {
			t.Errorf("after ten seconds it has said\n%s", said)
		}
		n.hangs <- false
		close(n.going)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		io.WriteString(typed, "/who\n")
		synctest.Wait()
		if said := out.String(); strings.Count(said, "the node answers again") != 1 || !strings.Contains(said, "● Anna  online") {
			t.Errorf("when it goes on it has said\n%s", said)
		}
		var sent []string
		for _, m := range n.messages["c-anna"] {
			sent = append(sent, m.Text)
		}
		if got := strings.Join(sent, " "); got != "first second" {
			t.Errorf("it has sent %q", got)
		}
		typed.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
