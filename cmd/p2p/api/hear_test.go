package api_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/apitest"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// living is a node that gives a sign of life every two seconds, unless it hangs.
type living struct {
	p2pv1connect.UnimplementedPeopleHandler
	promises int32         // what its Hello says
	hangs    chan bool     // from now on or not
	dies     chan struct{} // ends its streams
	late     time.Duration // its Hello
}

func newLiving() *living {
	return &living{promises: 2000, hangs: make(chan bool), dies: make(chan struct{})}
}

func (l *living) Events(ctx context.Context, r *connect.Request[p2pv1.EventsRequest], s *connect.ServerStream[p2pv1.Event]) error {
	time.Sleep(l.late)
	h := &p2pv1.Hello{Cursor: 7}
	if r.Msg.Signs {
		h.SignMillis = l.promises
	}
	if err := s.Send(&p2pv1.Event{Cursor: 7, What: &p2pv1.Event_Hello{Hello: h}}); err != nil {
		return err
	}
	signs := time.NewTicker(2 * time.Second)
	defer signs.Stop()
	for hangs := h.SignMillis == 0; ; {
		select {
		case hangs = <-l.hangs:
		case <-l.dies:
			return connect.NewError(connect.CodeUnavailable, errors.New("it died"))
		case <-ctx.Done():
			return ctx.Err()
		case <-signs.C:
			if hangs {
				continue
			}
			if err := s.Send(&p2pv1.Event{Cursor: 7}); err != nil {
				return err
			}
		}
	}
}

// listens listens to a node in virtual time, and returns what it has heard so far as words.
func listens(t *testing.T, l *living, busy time.Duration) (heard func() []string, ended <-chan error) {
	var words []string
	end := make(chan error, 1)
	begin := time.Now()
	note := func(what string) error {
		words = append(words, what+" "+time.Since(begin).Truncate(time.Second).String())
		time.Sleep(busy)
		return nil
	}
	tell := func(e *p2pv1.Event) error {
		if e.GetHello() == nil {
			return note("something else")
		}
		return note("hello")
	}
	silent := func(is bool) error {
		if is {
			return note("silent")
		}
		return note("again")
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { end <- api.Hear(ctx, apitest.Client(l), &p2pv1.EventsRequest{}, tell, silent) }()
	return func() []string {
		synctest.Wait()
		return slices.Clone(words)
	}, end
}

func said(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("it is told %q; want %q", got, want)
	}
}

func TestANodeThatHangsIsFoundOutAndGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving()
		heard, ended := listens(t, l, 0)
		time.Sleep(time.Hour)
		said(t, heard(), "hello 0s")
		l.hangs <- true
		time.Sleep(8 * time.Second)
		said(t, heard(), "hello 0s", "silent 1h0m7s")
		time.Sleep(time.Hour)
		l.hangs <- false
		time.Sleep(2 * time.Second)
		said(t, heard(), "hello 0s", "silent 1h0m7s", "again 2h0m10s")
		l.hangs <- true
		time.Sleep(time.Minute)
		if got := heard(); len(got) != 4 {
			t.Errorf("the second time it is told %q", got)
		}
		close(l.dies)
		if err := <-ended; connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("it ends with %v", err)
		}
	})
}

func TestANodeThatDoesNotBeginIsFoundOutAndIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving()
		l.late = time.Minute
		heard, _ := listens(t, l, 0)
		time.Sleep(2 * time.Minute)
		said(t, heard(), "silent 7s", "again 1m0s", "hello 1m0s")
	})
}

func TestANodeThatPromisesNoSignsIsNotTakenForOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving()
		l.promises = 0
		heard, _ := listens(t, l, 0)
		time.Sleep(time.Hour)
		said(t, heard(), "hello 0s")
	})
}

// A screen that somebody has stopped with Ctrl+S takes nothing.
func TestATimeInWhichNobodyListenedIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard, _ := listens(t, newLiving(), time.Minute)
		time.Sleep(time.Hour)
		said(t, heard(), "hello 0s")
	})
}

// Ctrl+Z, and a laptop that sleeps: the clock goes on, and nobody looks.
func TestAProgramThatWasStoppedDoesNotTakeItsOwnAbsenceForThatOfTheNode(t *testing.T) {
	now := time.Now()
	p := api.NewPulse(6*time.Second, now)
	for range 5 {
		now = now.Add(time.Second)
		p.Look(now)
	}
	now = now.Add(time.Hour)
	if p.Look(now) {
		t.Error("its own absence counts")
	}
	for i := range 7 {
		now = now.Add(time.Second)
		if p.Look(now) != (i == 6) {
			t.Errorf("silence is told, or not, %d seconds after it has come back", i+1)
		}
	}
}
