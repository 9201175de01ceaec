package knock_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
	"p2p/piece"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// doorbell is the torrent of a door.
func doorbell(loop *exttest.Loop) ext.Torrent {
	return ext.Torrent{Room: true, Private: true, Do: loop.Do}
}

// secret returns the same key for the same seed.
func secret(t testing.TB, seed uint64) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// certify returns an account's certificate for a device, by their seeds.
func certify(t testing.TB, account, device uint64, revoked bool) identity.Certificate {
	t.Helper()
	c, err := identity.Certify(secret(t, account), secret(t, device).Key(), "phone", noon.Add(-time.Hour), revoked)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The account of seed 1 is rung for; its device has seed 100.
func home(t testing.TB) identity.Certificate { return certify(t, 1, 100, false) }

// rig is one side at a door, among peers that a test plays by hand.
type rig struct {
	t        *testing.T
	now      time.Time
	loop     exttest.Loop
	instance ext.Instance
	n        int
	calls    bool // it is who opens the connections
}

// player is a peer that a test plays.
type player struct {
	*exttest.Peer
	ext.Handler
	rig *rig
}

// joins connects a device.
func (r *rig) joins(device uint64) *player {
	r.n++
	return r.joinsFrom(device, netip.AddrFrom4([4]byte{10, byte(r.n >> 16), byte(r.n >> 8), byte(r.n)}))
}

func (r *rig) joinsFrom(device uint64, addr netip.Addr) *player {
	at := netip.AddrPortFrom(addr, 6881)
	p := &player{rig: r, Peer: &exttest.Peer{Number: piece.PeerKey(r.n), Who: secret(r.t, device).Key(), From: at, Home: at, WeDid: r.calls}}
	p.Handler = r.instance.Attach(r.now, p.Peer)
	return p
}

// passes lets time pass, tick by tick.
func (r *rig) passes(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(ext.TickEvery)
		r.instance.(ext.Ticker).Tick(r.now)
		r.loop.Run(r.now)
	}
}

// says has the peer say something.
func (p *player) says(payload string) error { return p.Handle(p.rig.now, []byte(payload)) }

func (p *player) must(payload string) {
	p.rig.t.Helper()
	if err := p.says(payload); err != nil {
		p.rig.t.Fatal(err)
	}
}

// shows is the message that shows a certificate.
func shows(c identity.Certificate) string { return "\x00" + string(c.AppendTo(nil)) }

// rings is the message with a request.
func rings(c identity.Certificate, request string) string {
	cert := c.AppendTo(nil)
	return fmt.Sprintf("\x01d1:c%d:%s1:r%se", len(cert), cert, request)
}

func answers(v knock.Verdict) string { return fmt.Sprintf("\x02d1:vi%dee", v) }

// door is somebody's door.
type door struct {
	rig
	*knock.Answering
	certificate identity.Certificate
	reply       knock.Answer
	taken       []knock.Request
	from        []knock.Visitor
}

func newDoor(t *testing.T) *door {
	d := &door{rig: rig{t: t, now: noon}, certificate: home(t), reply: knock.Answer{Verdict: knock.Received}}
	d.Answering = knock.NewDoor(knock.Door{
		Certificate: func() identity.Certificate { return d.certificate },
		Answer: func(v knock.Visitor, r knock.Request) knock.Answer {
			d.from, d.taken = append(d.from, v), append(d.taken, r)
			return d.reply
		},
	})
	d.instance = d.Open(doorbell(&d.loop))
	return d
}

// bell is one who rings at it: device 200 of account 2.
type bell struct {
	rig
	request knock.Request
	told    []knock.Answer
	by      []knock.Visitor
}

func newBell(t *testing.T) *bell {
	b := &bell{rig: rig{t: t, now: noon, calls: true}, request: knock.Request{Name: "李"}}
	b.instance = knock.NewBell(knock.Bell{
		Wanted: secret(t, 1).Key(), Certificate: func() identity.Certificate { return certify(t, 2, 200, false) },
		Request: func() knock.Request { return b.request },
		Told:    func(v knock.Visitor, a knock.Answer) { b.by, b.told = append(b.by, v), append(b.told, a) },
	}).Open(doorbell(&b.loop))
	return b
}
