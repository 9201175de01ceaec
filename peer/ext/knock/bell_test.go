package knock_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

func TestWhoRingsSaysNothingBeforeTheOtherHasShownWhoHeIs(t *testing.T) {
	b := newBell(t)
	p := b.joins(100)
	b.passes(knock.WaitFor / 2)
	if sent := p.Take(); len(sent) > 0 {
		t.Fatalf("said %q", sent)
	}
	p.must(shows(home(t)))
	want := rings(certify(t, 2, 200, false), string(b.request.AppendTo(nil)))
	if sent := p.Take(); !slices.Equal(sent, []string{want}) {
		t.Errorf("said %q, want %q", sent, want)
	}
	b.passes(time.Minute)
	if p.Closed != nil || len(p.Take()) > 0 {
		t.Error("it does not wait for the answer")
	}
}

func TestWhoIsNotTheOneIsToldNothing(t *testing.T) {
	forged := home(t).AppendTo(nil)
	forged[50] ^= 1
	for what, payload := range map[string]string{
		"another account":              shows(certify(t, 3, 100, false)),
		"another device's certificate": shows(certify(t, 1, 101, false)),
		"a revoked certificate":        shows(certify(t, 1, 100, true)),
		"a forged certificate":         "\x00" + string(forged),
		"no certificate":               "\x00",
		"nothing":                      "",
		"a request of his own":         rings(certify(t, 3, 100, false), "de"),
		"an answer to no request":      answers(knock.Accepted),
	} {
		b := newBell(t)
		p := b.joins(100)
		if err := p.says(payload); err == nil || len(p.Take()) > 0 || len(b.told) > 0 {
			t.Errorf("%s is answered, or told, or breaks no rule", what)
		}
	}
}

// Each of them could be anybody, so neither says anything, and both hang up.
func TestTwoWhoRingPartInSilence(t *testing.T) {
	a, b := newBell(t), newBell(t)
	atA, atB := a.joins(201), b.joins(200)
	for range 20 {
		a.passes(ext.TickEvery)
		b.passes(ext.TickEvery)
	}
	for _, p := range []*player{atA, atB} {
		if len(p.Sent) > 0 || p.Closed == nil {
			t.Errorf("said %q, closed %v", p.Sent, p.Closed)
		}
	}
}

func TestTheAnswerIsToldAndTheConnectionEndsUnlessItMayChange(t *testing.T) {
	for _, v := range []knock.Verdict{knock.Received, knock.Accepted, knock.Refused, knock.Busy} {
		b := newBell(t)
		p := b.joins(100)
		p.must(shows(home(t)))
		p.must(answers(v))
		if len(b.told) != 1 || b.told[0].Verdict != v || b.by[0].Certificate != home(t) || b.by[0].Listen != p.Home {
			t.Errorf("told %+v by %+v", b.told, b.by)
		}
		if (p.Closed == nil) != (v == knock.Received) {
			t.Errorf("after %d: closed %v", v, p.Closed)
		}
	}
}

func TestWhoRingsAndIsReceivedHearsWhatBecomesOfIt(t *testing.T) {
	b := newBell(t)
	p := b.joins(100)
	p.must(shows(home(t)))
	p.must(answers(knock.Received))
	p.must(answers(knock.Accepted))
	if len(b.told) != 2 || p.Closed == nil {
		t.Errorf("told %+v", b.told)
	}
}

func TestAHostWhoBreaksRulesIsLeft(t *testing.T) {
	for what, payload := range map[string]string{
		"shows himself twice": shows(home(t)), "no dictionary": "\x02", "verdict 0": answers(0), "verdict 9": answers(9),
		"a short room":         "\x02d1:r3:abc1:vi2ee",
		"half an address":      "\x02d1:a3:abc1:vi2ee",
		"a very long answer":   "\x02d1:vi2e1:z2000:" + strings.Repeat("x", 2000) + "e",
		"asks where he is due": rings(home(t), "de"),
	} {
		b := newBell(t)
		p := b.joins(100)
		p.must(shows(home(t)))
		if p.says(payload) == nil || len(b.told) > 0 {
			t.Errorf("%s breaks no rule, or is told", what)
		}
	}
	b := newBell(t)
	p := b.joins(100)
	p.must(shows(home(t)))
	for range 100 {
		if p.says(answers(knock.Received)) != nil {
			return
		}
	}
	t.Error("a hundred answers are taken")
}

func TestWithoutAnAccountNobodyRings(t *testing.T) {
	bell := knock.NewBell(knock.Bell{
		Wanted: secret(t, 1).Key(), Certificate: func() identity.Certificate { return identity.Certificate{} },
	})
	p := &exttest.Peer{Who: secret(t, 100).Key()}
	if err := bell.Open(doorbell(&exttest.Loop{})).Attach(noon, p).Handle(noon, []byte(shows(home(t)))); err == nil || len(p.Sent) > 0 {
		t.Errorf("said %q", p.Sent)
	}
}

func TestItIsSpokenAtDoorbellsAndByDevicesAlone(t *testing.T) {
	for _, e := range []ext.Extension{knock.NewDoor(knock.Door{}), knock.NewBell(knock.Bell{})} {
		if e.Name() != "p2_knock" || !e.(ext.Guarded).Secure() {
			t.Error("plain peers hear of it, or under another name")
		}
		if i := e.Open(ext.Torrent{Room: true}); i != nil && !reflect.ValueOf(i).IsNil() {
			t.Error("it is there in a room of members")
		}
		if i := e.Open(ext.Torrent{Private: true}); i != nil && !reflect.ValueOf(i).IsNil() {
			t.Error("it is there in a private torrent")
		}
	}
}
