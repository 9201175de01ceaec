package knock_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

func TestWhoIsRungForSpeaksFirstAndTakesARequest(t *testing.T) {
	d := newDoor(t)
	p := d.joins(200)
	if sent := p.Take(); !slices.Equal(sent, []string{shows(home(t))}) {
		t.Fatalf("said %q", sent)
	}
	p.must(rings(certify(t, 2, 200, false), string(whole().AppendTo(nil))))
	if len(d.taken) != 1 || !reflect.DeepEqual(d.taken[0], whole()) || d.from[0].Account != secret(t, 2).Key() || d.from[0].Addr != p.From {
		t.Errorf("%+v from %+v", d.taken, d.from)
	}
	join := whole().Join
	if sent := p.Take(); !slices.Equal(sent, []string{fmt.Sprintf("\x02d1:j20:%s1:vi1ee", join[:])}) {
		t.Errorf("answered %q", sent)
	}
}

func TestAnAnswerSaysWhichRoomAndWhereItIs(t *testing.T) {
	d, b := newDoor(t), newBell(t)
	d.reply = knock.Answer{
		Verdict: knock.Accepted, Why: knock.Full, Limit: 2, Room: [32]byte{7}, Addrs: whole().Addrs,
	}
	b.request.Join = whole().Join
	guest, host := d.joins(200), b.joins(100)
	host.must(guest.Take()[0])
	guest.must(host.Take()[0])
	host.must(guest.Take()[0])
	d.reply.Join = b.request.Join
	if len(b.told) != 1 || !reflect.DeepEqual(b.told[0], d.reply) {
		t.Errorf("told %+v, want %+v", b.told, d.reply)
	}
}

func TestNobodyRingsInAnothersName(t *testing.T) {
	for what, payload := range map[string]string{
		"another device's certificate": rings(certify(t, 2, 201, false), "de"),
		"a revoked certificate":        rings(certify(t, 2, 200, true), "de"),
		"no certificate":               "\x01d1:rdee",
		"half a certificate":           "\x01d1:c3:abc1:rdee",
		"no request":                   rings(certify(t, 2, 200, false), "0:"),
		"a request that is none":       rings(certify(t, 2, 200, false), "d1:n1:\x07e"),
		"nothing":                      "",
		"no dictionary":                "\x01",
		"shows who lives here":         shows(home(t)),
		"an answer":                    answers(knock.Accepted),
	} {
		d := newDoor(t)
		p := d.joins(200)
		p.Take()
		if p.says(payload) == nil || len(d.taken) > 0 || len(p.Take()) > 0 {
			t.Errorf("%s breaks no rule, is taken, or answered", what)
		}
	}
}

func TestAConnectionHasOneRequest(t *testing.T) {
	d := newDoor(t)
	p := d.joins(200)
	p.must(rings(certify(t, 2, 200, false), "de"))
	if p.says(rings(certify(t, 2, 200, false), "de")) == nil || len(d.taken) != 1 {
		t.Error("it has two")
	}
}

func TestWhoSaysNothingDoesNotStandInTheDoor(t *testing.T) {
	d := newDoor(t)
	p := d.joins(200)
	d.passes(2 * knock.WaitFor)
	if p.Closed == nil {
		t.Error("it stands there")
	}
}

func TestNobodyIsAnsweredWhileNobodyLivesHere(t *testing.T) {
	d := newDoor(t)
	d.certificate = identity.Certificate{}
	p := d.joins(200)
	d.passes(time.Second)
	if len(p.Sent) > 0 {
		t.Errorf("said %q", p.Sent)
	}
	d.certificate = home(t)
	d.passes(time.Second)
	if len(p.Sent) != 1 {
		t.Errorf("said %q", p.Sent)
	}
}

func TestWhoStandsAtTheDoorHearsWhatThePersonHasDecided(t *testing.T) {
	d := newDoor(t)
	p, other := d.joins(200), d.joins(201)
	p.must(rings(certify(t, 2, 200, false), "de"))
	other.must(rings(certify(t, 3, 201, false), "de"))
	p.Take()
	other.Take()
	d.Tell(secret(t, 2).Key(), knock.Answer{Verdict: knock.Accepted})
	d.loop.Run(d.now)
	if sent := p.Take(); !slices.Equal(sent, []string{answers(knock.Accepted)}) || len(other.Take()) > 0 {
		t.Errorf("told %q", sent)
	}
	knock.NewDoor(knock.Door{}).Tell(secret(t, 2).Key(), knock.Answer{}) // no door is open
}

// once rings on a connection of its own and returns what was answered.
func (d *door) once(account, device uint64, from netip.Addr) string {
	p := d.joinsFrom(device, from)
	p.Take()
	p.must(rings(certify(d.t, account, device, false), "de"))
	p.Detach()
	return p.Take()[0]
}

func TestWhoRingsAgainAndAgainHearsWhatHeWasToldLast(t *testing.T) {
	d := newDoor(t)
	for i := range 50 {
		if got := d.once(2, 200, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})); got != answers(knock.Received) {
			t.Fatalf("time %d: %q", i, got)
		}
	}
	if n := len(d.taken); n != 8 {
		t.Errorf("the person was asked %d times", n)
	}
	d.Tell(secret(t, 2).Key(), knock.Answer{Verdict: knock.Accepted})
	d.loop.Run(d.now)
	if got := d.once(2, 200, netip.AddrFrom4([4]byte{10, 0, 0, 1})); got != answers(knock.Accepted) {
		t.Errorf("%q", got)
	}
	d.passes(time.Hour)
	d.once(2, 200, netip.AddrFrom4([4]byte{10, 0, 0, 1}))
	if n := len(d.taken); n != 9 {
		t.Errorf("an hour later: asked %d times", n)
	}
}

func TestOneAddressDoesNotKeepTheBellForItself(t *testing.T) {
	d := newDoor(t)
	subnet := netip.MustParseAddr("2001:db8:1:2::").As16()
	busy := 0
	for i := range uint64(60) {
		subnet[15] = byte(i)
		if d.once(1000+i, 2000+i, netip.AddrFrom16(subnet)) == answers(knock.Busy) {
			busy++
		}
	}
	if len(d.taken) != 24 || busy != 36 {
		t.Errorf("asked %d times, %d were told to come later", len(d.taken), busy)
	}
	if got := d.once(2, 200, netip.MustParseAddr("192.0.2.1")); got != answers(knock.Received) {
		t.Errorf("somebody else: %q", got)
	}
}

func TestAllStrangersTogetherAreBounded(t *testing.T) {
	d := newDoor(t)
	for i := range uint64(400) {
		d.once(1000+i, 2000+i, netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
	}
	if n := len(d.taken); n != 120 {
		t.Errorf("asked %d times", n)
	}
	d.passes(10 * time.Minute)
	for i := range uint64(400) {
		d.once(3000+i, 4000+i, netip.AddrFrom4([4]byte{192, 1, byte(i >> 8), byte(i)}))
	}
	if n := len(d.taken); n != 150 {
		t.Errorf("ten minutes later: %d times", n)
	}
}

// What he was told about one thing is no answer to another.
func TestAnAnswerIsAboutWhatWasAsked(t *testing.T) {
	d := newDoor(t)
	d.reply = knock.Answer{Verdict: knock.Refused, Why: knock.Expired}
	join := whole().Join
	room := fmt.Sprintf("d1:j20:%se", join[:])
	ring := func(request string) (*player, string) {
		p := d.joins(200)
		p.Take()
		p.must(rings(certify(t, 2, 200, false), request))
		return p, p.Take()[0]
	}
	refused := fmt.Sprintf("\x02d1:j20:%s1:vi3e1:wi2ee", join[:])
	for range 20 { // the last of them from memory
		if _, got := ring(room); got != refused {
			t.Fatalf("told %q, want %q", got, refused)
		}
	}
	p, got := ring("de")
	if got != answers(knock.Busy) {
		t.Errorf("about something else: %q", got)
	}
	d.Tell(secret(t, 2).Key(), knock.Answer{Verdict: knock.Accepted, Join: whole().Join})
	d.loop.Run(d.now)
	if sent := p.Take(); len(sent) > 0 {
		t.Errorf("told %q", sent)
	}
}

func TestAnAnswerOfANewerVersionIsOneWithoutAReason(t *testing.T) {
	b := newBell(t)
	host := b.joins(100)
	host.must(shows(home(t)))
	host.must("\x02d1:vi3e1:wi99ee")
	if len(b.told) != 1 || !reflect.DeepEqual(b.told[0], knock.Answer{Verdict: knock.Refused}) {
		t.Errorf("told %+v", b.told)
	}
	for _, bad := range []string{"\x02d1:li-1e1:vi4ee", "\x02d1:li1048577e1:vi4ee", "\x02d1:j3:abc1:vi4ee"} {
		p := newBell(t).joins(100)
		p.must(shows(home(t)))
		if p.says(bad) == nil {
			t.Errorf("%q breaks no rule", bad)
		}
	}
}

func FuzzHandle(f *testing.F) {
	cert := certify(f, 2, 200, false)
	f.Add([]byte(rings(cert, string(whole().AppendTo(nil)))), true)
	f.Add([]byte(shows(home(f))), false)
	f.Add([]byte(answers(knock.Accepted)), false)
	f.Fuzz(func(t *testing.T, payload []byte, atDoor bool) {
		asked, told := 0, 0
		var e ext.Extension = knock.NewBell(knock.Bell{
			Wanted: secret(t, 1).Key(), Certificate: func() identity.Certificate { return cert },
			Request: func() knock.Request { return knock.Request{} }, Told: func(knock.Visitor, knock.Answer) { told++ },
		})
		who := secret(t, 100).Key()
		if atDoor {
			who = cert.Device
			e = knock.NewDoor(knock.Door{
				Certificate: func() identity.Certificate { return home(t) },
				Answer:      func(knock.Visitor, knock.Request) knock.Answer { asked++; return knock.Answer{Verdict: knock.Received} },
			})
		}
		p := &exttest.Peer{Who: who}
		h := e.Open(doorbell(&exttest.Loop{})).Attach(noon, p)
		first := h.Handle(noon, payload)
		second := h.Handle(noon, payload)
		if asked > 1 || told > 1 || first != nil && asked+told > 0 && second == nil {
			t.Error(fmt.Sprint(asked, told, first, second))
		}
	})
}
