package presence_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
)

func TestItIsSpokenInRoomsAndByDevicesAlone(t *testing.T) {
	e := presence.New(presence.Options{Self: func() presence.State { return presence.State{} }})
	if e.Name() != "p2_pres" || !ext.Guarded(e).Secure() {
		t.Error("plain peers hear of it, or under another name")
	}
	if e.Open(ext.Torrent{}) != nil || e.Open(ext.Torrent{Room: true, Private: true}) != nil {
		t.Error("it is there in the swarm of a file, or at a doorbell")
	}
	e.Changed() // no room is open
	if len(e.Present()) != 0 {
		t.Error("somebody is in no room")
	}
}

func TestWhoConnectsIsToldWhoWeAreAndMeasuredAtOnce(t *testing.T) {
	r := newRig(t)
	r.self.Away = true
	p := r.joins(101)
	for _, c := range p.Classes {
		if c != ext.Chat {
			t.Errorf("sent with class %d", c)
		}
	}
	if want := (state{Away: 1, Name: "Me", Certificates: []string{string(r.self.Certificates[0].AppendTo(nil))}}).payload(t); p.Sent[0] != want {
		t.Errorf("sent %q, want %q", p.Sent[0], want)
	}
	if names, pings := p.heard(); len(names) != 1 || len(pings) != 1 {
		t.Errorf("sent %q and %d pings", names, len(pings))
	}
}

func TestAPeerIsKnownOnceItsCertificateIsThereAndGoneWhenItsConnectionIs(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	r.expect()
	own, other := certify(t, 2, 101, time.Hour, false), certify(t, 2, 102, time.Hour, true)
	p.must(tells(t, "李雷", own, other))
	r.expect("李雷")
	s := r.told[0]
	if s.Device != p.Who || s.Account != secret(t, 2).Key() || s.Addr != p.From || s.Listen != p.Home || !s.Since.Equal(noon) || s.Gone ||
		!slices.Equal(s.State.Certificates, []identity.Certificate{own, other}) {
		t.Errorf("told %+v", s)
	}
	p.Detach()
	r.expect()
	if len(r.told) != 2 || !r.told[1].Gone || r.told[1].Account != s.Account {
		t.Errorf("told %+v", r.told[1:])
	}
	r.joins(103).Detach() // who never said anything
	if len(r.told) != 2 {
		t.Error("somebody is gone who was not there")
	}
}

func TestALaterCertificateReplacesAnEarlierOneAndARevocationWins(t *testing.T) {
	r := newRig(t)
	own := certify(t, 2, 101, time.Hour, false)
	old, revoked := certify(t, 2, 102, time.Hour, false), certify(t, 2, 102, time.Minute, true)
	same, sameRevoked := certify(t, 2, 103, time.Hour, false), certify(t, 2, 103, time.Hour, true)
	p := r.joins(101)
	p.must(tells(t, "A", revoked, old, own, sameRevoked, same))
	if got := r.told[0].State.Certificates; !slices.Equal(got, []identity.Certificate{revoked, own, sameRevoked}) {
		t.Errorf("%+v", got)
	}
	// A device that was certified anew after it was revoked is one again.
	again := r.joins(102)
	again.must(tells(t, "B", certify(t, 2, 102, time.Minute, true), certify(t, 2, 102, time.Second, false)))
	r.expect("A", "B")
}

func TestWhatProvesNothingBreaksARule(t *testing.T) {
	own := certify(t, 2, 101, time.Hour, false)
	forged := state{Certificates: []string{strings.Replace(string(own.AppendTo(nil)), own.Label, "phony"+own.Label[5:], 1)}}
	var many []identity.Certificate
	for i := range byte(presence.MaxCertificates) {
		many = append(many, certify(t, 2, 110+i, time.Hour, false))
	}
	for what, payload := range map[string]string{
		"nothing":                         "",
		"no dictionary":                   "\x00i1e",
		"no certificate":                  tells(t, "A"),
		"that of another device":          tells(t, "A", certify(t, 2, 102, time.Hour, false)),
		"a revoked one":                   tells(t, "A", certify(t, 2, 101, time.Hour, true)),
		"one that was revoked since":      tells(t, "A", own, certify(t, 2, 101, time.Minute, true)),
		"devices of two accounts":         tells(t, "A", own, certify(t, 3, 102, time.Hour, false)),
		"the device in two accounts":      tells(t, "A", own, certify(t, 3, 101, time.Hour, false)),
		"another's device, revoked":       tells(t, "A", own, certify(t, 3, 102, time.Hour, true)),
		"half a key of somebody near":     state{Certificates: []string{string(own.AppendTo(nil))}, Near: "1234"}.payload(t),
		"too many who are near":           state{Certificates: []string{string(own.AppendTo(nil))}, Near: strings.Repeat("12345678", presence.MaxNear+1)}.payload(t),
		"a forged one":                    forged.payload(t),
		"too many":                        tells(t, "A", append(many, own)...),
		"a name that is too long":         tells(t, strings.Repeat("x", presence.MaxName+1), own),
		"a name that is no text":          tells(t, "\xff", own),
		"a name that moves the cursor":    tells(t, "\x1b[2J", own),
		"a name that turns writing round": tells(t, "a\u202eb", own),
		"a card of another account":       shows(t, string(card(t, 3, "carol").AppendTo(nil)), own),
		"a card that nobody has signed":   shows(t, strings.Replace(string(card(t, 2, "alice").AppendTo(nil)), "alice", "carol", 1), own),
		"no card":                         shows(t, "alice", own),
		"a text that moves the cursor":    "\x00" + strings.TrimSuffix(tells(t, "A", own)[1:], "e") + "1:t4:\x1b[2Je",
		"far too much":                    "\x00d1:n5000:" + strings.Repeat("x", 5000) + "e",
		"very many tokens":                "\x00d1:cl" + strings.Repeat("0:", 200) + "ee",
	} {
		r := newRig(t)
		p := r.joins(101)
		if p.says(payload) == nil {
			t.Errorf("%s breaks no rule", what)
		}
		if r.expect(); len(r.told) > 0 {
			t.Errorf("%s: %+v", what, r.told)
		}
	}
}

func TestACardIsToldAsItIs(t *testing.T) {
	r, other := newRig(t), newRig(t)
	r.self.Card = card(t, 1, "alice")
	for _, payload := range r.joins(101).Take() {
		if payload[0] == 0 {
			other.joins(100).must(payload)
		}
	}
	if s := other.told[0].State; s.Card != r.self.Card {
		t.Errorf("told %+v", s.Card)
	}
}

func TestADeviceDoesNotChangeHandsWhileItIsConnected(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	p.must(tells(t, "A", certify(t, 2, 101, time.Hour, false)))
	if p.says(tells(t, "B", certify(t, 3, 101, time.Hour, false))) == nil {
		t.Error("it may")
	}
}

func TestWhatANewerVersionSaysIsPassedOver(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	p.must("\x03whatever")
	p.must("\xff")
	cert := certify(t, 2, 101, time.Hour, false).AppendTo(nil)
	p.must(fmt.Sprintf("\x00d1:cl%d:%se1:n1:A1:zli1eee", len(cert), cert))
	r.expect("A")
}

func TestAChangeIsToldToAllAtOnceAndOnlyOnce(t *testing.T) {
	r := newRig(t)
	a, b := r.joins(101), r.joins(102)
	a.Take()
	b.Take()
	r.self.Name = "Myself"
	for range 5 {
		r.ext.Changed()
	}
	if n := r.loop.Run(r.now); n != 1 {
		t.Errorf("%d calls were posted", n)
	}
	for _, p := range []*player{a, b} {
		if names, _ := p.heard(); !slices.Equal(names, []string{"Myself"}) {
			t.Errorf("told %q", names)
		}
	}
	r.ext.Changed() // and then it has not
	r.passes(time.Minute)
	if names, _ := a.heard(); len(names) > 0 {
		t.Errorf("told %q", names)
	}
}

func TestAChangeIsNotLostWhenTheRoomIsBusyOrAPeerReadsNothing(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	p.Take()
	r.loop.Close()
	r.self.Name = "Two"
	r.ext.Changed()
	p.Deaf = true
	r.passes(time.Second)
	p.Deaf = false
	r.passes(time.Second)
	if names, _ := p.heard(); !slices.Equal(names, []string{"Two"}) {
		t.Errorf("told %q", names)
	}
}

// Who types in his name changes it with each letter.
func TestManyChangesAreToldInFewMessagesAndTheLastIsToldAlways(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	p.Take()
	for i := range 100 {
		r.self.Name = "Me" + strings.Repeat("e", i%60)
		r.ext.Changed()
		r.passes(ext.TickEvery)
	}
	r.passes(10 * time.Second)
	names, _ := p.heard()
	if len(names) > 25 || names[len(names)-1] != r.self.Name {
		t.Errorf("%d messages, the last %q", len(names), names[len(names)-1])
	}
}

// What one side may say is less than what the other may hear, whatever the network does in between.
func TestAnHonestPeerIsNeverCutOffForWhatItTells(t *testing.T) {
	sender, receiver := newRig(t), newRig(t)
	out, in := sender.joins(101), receiver.joins(100)
	for i := range 600 {
		sender.self.Name = strings.Repeat("x", i%60)
		sender.ext.Changed()
		sender.passes(ext.TickEvery)
		receiver.passes(ext.TickEvery)
		if i%28 == 0 { // the connection had stood still for 14 s
			for _, payload := range out.Take() {
				in.must(payload)
			}
		}
	}
}

func TestWithoutACertificateNothingIsTold(t *testing.T) {
	r := newRig(t)
	certs := r.self.Certificates
	r.self.Certificates = nil
	p := r.joins(101)
	r.passes(time.Minute)
	if names, _ := p.heard(); len(names) > 0 {
		t.Errorf("told %q", names)
	}
	r.self.Certificates = certs
	r.ext.Changed()
	r.passes(time.Second)
	if names, _ := p.heard(); len(names) != 1 {
		t.Errorf("told %q", names)
	}
}

func TestWhatWeTellKeepsTheBoundsWhateverItIs(t *testing.T) {
	r, other := newRig(t), newRig(t)
	r.self.Name = "\x1b" + strings.Repeat("名", 100)
	for i := range byte(40) {
		r.self.Certificates = append(r.self.Certificates, certify(t, 1, 150+i, time.Hour, i%2 == 0))
	}
	r.self.Certificates = append(r.self.Certificates, r.self.Certificates...)
	r.self.Card = card(t, 1, strings.Repeat("x", identity.MaxCardName))
	r.self.Text = strings.Repeat("文", presence.MaxText)
	for _, payload := range r.joins(101).Take() {
		if payload[0] == 0 {
			other.joins(100).must(payload)
		}
	}
	if s := other.told[0].State; len(s.Certificates) != presence.MaxCertificates || len(s.Name) > presence.MaxName || s.Text == "" || len(s.Text) > presence.MaxText {
		t.Errorf("%d certificates, name %q, text %q", len(s.Certificates), s.Name, s.Text)
	}
}

func TestAPingIsAnswered(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	p.Take()
	p.must("\x01abcdefgh")
	if got := p.Take(); !slices.Equal(got, []string{"\x02abcdefgh"}) {
		t.Errorf("%q", got)
	}
	p.must("\x01abc")
	if got := p.Take(); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func TestTheRoundTripIsTheShortestOfTheLastFive(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	p.must(tells(t, "A", certify(t, 2, 101, time.Hour, false)))
	for i, c := range []struct{ took, rtt time.Duration }{
		{30, 30}, {20, 20}, {90, 20}, {90, 20}, {90, 20}, {90, 20}, {95, 90}, {1, 1},
	} {
		_, pings := p.heard()
		for ; len(pings) == 0; _, pings = p.heard() {
			r.passes(ext.TickEvery)
		}
		p.must("\x02wrong123") // which means nothing
		r.now = r.now.Add(c.took * time.Millisecond)
		p.must("\x02" + pings[0])
		p.must("\x02" + pings[0]) // twice means nothing
		if s := r.ext.Present()[0]; s.RTT != c.rtt*time.Millisecond || s.Newest != c.took*time.Millisecond {
			t.Errorf("round %d: %v and %v, want %v and %v", i, s.RTT, s.Newest, c.rtt*time.Millisecond, c.took*time.Millisecond)
		}
	}
	if len(r.told) != 2 || r.told[1].RTT == 0 {
		t.Errorf("%d were told: it is told when it is measured first", len(r.told))
	}
}

func TestAPeerThatDoesNotAnswerIsAskedAgainWithoutHaste(t *testing.T) {
	r := newRig(t)
	p := r.joins(101)
	r.passes(time.Minute)
	if _, pings := p.heard(); len(pings) < 4 || len(pings) > 5 || pings[0] == pings[1] {
		t.Errorf("%d pings in a minute", len(pings))
	}
}

// Neither knows the other's device, and both show themselves to members alone.
func TestTwoStrangersWhoKnowTheRoomMeetAndOthersLearnNothing(t *testing.T) {
	type side struct {
		peer    *exttest.Peer
		handler ext.Handler
		told    []presence.Seen
	}
	meet := func(ours, theirs string) (a, b side) {
		sides := []*side{&a, &b}
		for i, secretOf := range []string{ours, theirs} {
			own, account := byte(100+i), byte(1+i)
			s := sides[i]
			s.peer = &exttest.Peer{Who: secret(t, byte(101-i)).Key()}
			s.handler = presence.New(presence.Options{
				Self: func() presence.State {
					return presence.State{Certificates: []identity.Certificate{certify(t, account, own, time.Hour, false)}}
				},
				Welcome: func(_, account identity.Key) bool { return !account.IsZero() },
				Secret:  []byte(secretOf),
				Tell:    func(seen presence.Seen) { s.told = append(s.told, seen) },
			}).Open(ext.Torrent{Room: true, Do: new(exttest.Loop).Do}).Attach(noon, s.peer)
		}
		for range 4 {
			for i, s := range sides {
				for _, payload := range s.peer.Take() {
					if payload[0] == 0 && ours != theirs {
						t.Errorf("a stranger is told %q", payload)
					}
					if err := sides[1-i].handler.Handle(noon, []byte(payload)); err != nil {
						t.Error(err)
					}
				}
			}
		}
		return a, b
	}
	if a, b := meet("room", "room"); len(a.told) == 0 || len(b.told) == 0 || a.told[0].Account != secret(t, 2).Key() || b.told[0].Account != secret(t, 1).Key() {
		t.Errorf("they see %+v and %+v", a.told, b.told)
	}
	if a, b := meet("room", "another"); len(a.told)+len(b.told) > 0 {
		t.Errorf("they see %+v and %+v", a.told, b.told)
	}
	a, _ := meet("room", "another")
	shown := append([]byte{3}, make([]byte, 32)...)
	if err := a.handler.Handle(noon, shown); err != nil || len(a.peer.Take()) > 0 {
		t.Errorf("a pass that is none: %v", err)
	}
}

// Another extension has something to tell him.
func TestWhoIsNotWelcomeLingersOnlyIfHeMayAndIsToldNothing(t *testing.T) {
	for _, lingers := range []bool{true, false} {
		var told int
		e := presence.New(presence.Options{
			Self: func() presence.State {
				return presence.State{Certificates: []identity.Certificate{certify(t, 1, 100, time.Hour, false)}}
			},
			Welcome: func(identity.Key, identity.Key) bool { return false },
			Linger:  func(account identity.Key) bool { return lingers && account == secret(t, 2).Key() },
			Tell:    func(presence.Seen) { told++ },
		})
		p := &exttest.Peer{Who: secret(t, 101).Key()}
		i := e.Open(ext.Torrent{Room: true, Do: new(exttest.Loop).Do})
		h := i.Attach(noon, p)
		err := h.Handle(noon, []byte(tells(t, "A", certify(t, 2, 101, time.Hour, false))))
		if (err == nil) != lingers || told > 0 || len(p.Take()) > 0 {
			t.Errorf("%v: %v, told %d times", lingers, err, told)
		}
		if i.(ext.Ticker).Tick(noon.Add(5 * time.Second)); p.Closed == nil {
			t.Error("he stays")
		}
	}
}

func TestAPeerThatFloodsIsCutOff(t *testing.T) {
	own := certify(t, 2, 101, time.Hour, false)
	for what, payload := range map[string]string{"states": tells(t, "A", own), "pings": "\x01abcdefgh", "pongs": "\x02abcdefgh", "others": "\x09"} {
		r := newRig(t)
		p := r.joins(101)
		n := 0
		for n < 100 && p.says(payload) == nil {
			n++
		}
		if n < 5 || n == 100 {
			t.Errorf("%s: %d at once are accepted", what, n)
		}
	}
}

func TestADeviceSaysWithWhomItIsConnected(t *testing.T) {
	r := newRig(t)
	r.joins(101).must(state{Certificates: []string{string(certify(t, 2, 101, time.Hour, false).AppendTo(nil))}, Near: "1234567887654321"}.payload(t))
	if got := r.ext.Present()[0].State.Near; len(got) != 2 || string(got[0][:]) != "12345678" || string(got[1][:]) != "87654321" {
		t.Errorf("it is connected with %q", got)
	}
}

func FuzzHandle(f *testing.F) {
	own := certify(f, 2, 101, time.Hour, false)
	f.Add([]byte(tells(f, "A", own)))
	f.Add([]byte(tells(f, "A", own, certify(f, 2, 102, time.Hour, true))))
	f.Add([]byte("\x01abcdefgh"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var told []presence.Seen
		e := presence.New(presence.Options{
			Self: func() presence.State { return presence.State{} },
			Tell: func(s presence.Seen) { told = append(told, s) },
		})
		p := &exttest.Peer{Who: own.Device}
		h := e.Open(ext.Torrent{Room: true}).Attach(noon, p)
		err := h.Handle(noon, payload)
		if err != nil && len(told) > 0 || len(told) > 1 {
			t.Fatalf("told %+v, %v", told, err)
		}
		for _, s := range told {
			if s.Account != own.Account || len(s.State.Name) > presence.MaxName || len(s.State.Certificates) > presence.MaxCertificates {
				t.Errorf("%+v", s)
			}
		}
	})
}
