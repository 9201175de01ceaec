package people_test

import (
	"context"
	"path/filepath"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/apitest"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

// streams opens a stream of events and returns what comes, one after the other.
func (p *person) streams(ctx context.Context, signs bool) (next func() *p2pv1.Event) {
	p.t.Helper()
	s, err := apitest.Client(p.Node).Events(ctx, connect.NewRequest(&p2pv1.EventsRequest{Cursor: -1, Signs: signs}))
	if err != nil {
		p.t.Fatal(err)
	}
	return func() *p2pv1.Event {
		if !s.Receive() {
			return nil
		}
		return s.Msg()
	}
}

func isSign(e *p2pv1.Event) bool { return e != nil && e.What == nil }

func TestWhoAsksForSignsOfLifeGetsThemAndNobodyElse(t *testing.T) {
	people.SignSoon(t, false)
	alice := open(t, filepath.Join(t.TempDir(), "alice"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asks, other := alice.streams(ctx, true), alice.streams(ctx, false)
	if h := asks().GetHello(); h.GetSignMillis() != 10 {
		t.Fatalf("it promises a sign each %d ms", h.GetSignMillis())
	}
	if h := other().GetHello(); h == nil || h.SignMillis != 0 {
		t.Fatalf("who has not asked is greeted with %v", h)
	}
	room := ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "den"}).Conversation.Id
	last := alice.say(room, "hello").Number
	told := false
	for e := asks(); !isSign(e) || e.Cursor < last; e = asks() {
		if e == nil {
			t.Fatal("the stream has ended")
		}
		told = told || e.GetMessage().GetNumber() == last
	}
	if !told {
		t.Error("a sign has the cursor of a message that was not told")
	}
	heard := make(chan bool)
	go func() {
		signs := false
		for e := other(); e != nil; e = other() {
			signs = signs || isSign(e)
		}
		heard <- signs
	}()
	cancel()
	if <-heard {
		t.Error("who has not asked gets signs of life")
	}
}

// Else it would be told that people come and go by a node that keeps nothing of what they say.
func TestANodeWhoseDiskDoesNotAnswerGivesNoSignOfLife(t *testing.T) {
	people.SignSoon(t, true)
	alice := open(t, filepath.Join(t.TempDir(), "alice"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asks, other := alice.streams(ctx, true), alice.streams(ctx, false)
	asks()
	other()
	away := p2pv1.Presence_PRESENCE_AWAY
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "den"})
	ask(t, alice.SetPresence, &p2pv1.SetPresenceRequest{Presence: &away})
	for e := other(); e.GetConversation() == nil; e = other() {
		if e == nil {
			t.Fatal("it is told nothing")
		}
	}
	heard := make(chan *p2pv1.Event)
	go func() { heard <- asks() }()
	cancel()
	if e := <-heard; e != nil && e.GetMessage() == nil { // what is read is read
		t.Errorf("it is told %v", e)
	}
}
