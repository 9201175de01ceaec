package presence_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
	"p2p/piece"
	"p2p/torrentfile/benc"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// secret returns the same key for the same seed.
func secret(t testing.TB, seed byte) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Seeds: accounts from 1 on, devices from 100 on.
func certify(t testing.TB, account, device byte, age time.Duration, revoked bool) identity.Certificate {
	t.Helper()
	c, err := identity.Certify(secret(t, account), secret(t, device).Key(), "phone", noon.Add(-age), revoked)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rig is presence in one room, among peers that a test plays by hand.
type rig struct {
	t        *testing.T
	now      time.Time
	self     presence.State
	ext      *presence.Extension
	instance ext.Instance
	loop     exttest.Loop
	told     []presence.Seen
	n        int
}

// player is a peer that a test plays.
type player struct {
	*exttest.Peer
	ext.Handler
	rig *rig
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: noon, self: presence.State{Name: "Me", Certificates: []identity.Certificate{certify(t, 1, 100, time.Hour, false)}}}
	r.ext = presence.New(presence.Options{
		Self: func() presence.State { return r.self },
		Tell: func(s presence.Seen) { r.told = append(r.told, s) },
	})
	r.instance = r.ext.Open(ext.Torrent{Room: true, Do: r.loop.Do})
	return r
}

// joins connects the device of a seed.
func (r *rig) joins(device byte) *player {
	r.n++
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.n)}), 6881)
	p := &player{rig: r, Peer: &exttest.Peer{Number: piece.PeerKey(r.n), Who: secret(r.t, device).Key(), From: at, Home: at}}
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

// must is says for what breaks no rule.
func (p *player) must(payload string) {
	p.rig.t.Helper()
	if err := p.says(payload); err != nil {
		p.rig.t.Fatal(err)
	}
}

// heard returns the names in the states that the peer was sent, and its pings.
func (p *player) heard() (names []string, pings []string) {
	p.rig.t.Helper()
	for _, payload := range p.Take() {
		switch payload[0] {
		case 0:
			var s state
			if err := benc.Unmarshal([]byte(payload[1:]), &s, benc.Limits{}); err != nil {
				p.rig.t.Fatal(err)
			}
			names = append(names, s.Name)
		case 1:
			pings = append(pings, payload[1:])
		}
	}
	return names, pings
}

// state is a state as the other side writes it.
type state struct {
	Away         int      `bencode:"a,omitempty"`
	Certificates []string `bencode:"c"`
	Card         string   `bencode:"d,omitempty"`
	Near         string   `bencode:"k,omitempty"`
	Name         string   `bencode:"n,omitempty"`
}

func (s state) payload(t testing.TB) string {
	t.Helper()
	b, err := benc.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return "\x00" + string(b)
}

// tells is the state of somebody with those certificates.
func tells(t testing.TB, name string, certs ...identity.Certificate) string {
	t.Helper()
	s := state{Name: name}
	for _, c := range certs {
		s.Certificates = append(s.Certificates, string(c.AppendTo(nil)))
	}
	return s.payload(t)
}

// card is an account's word for its name.
func card(t testing.TB, account byte, name string) identity.Card {
	t.Helper()
	c, err := identity.Introduce(secret(t, account), name, noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shows is tells with a card.
func shows(t testing.TB, c string, cert identity.Certificate) string {
	t.Helper()
	return state{Certificates: []string{string(cert.AppendTo(nil))}, Card: c}.payload(t)
}

// present returns the names of those who are there.
func (r *rig) present() (names []string) {
	for _, s := range r.ext.Present() {
		names = append(names, s.State.Name)
	}
	return names
}

func (r *rig) expect(names ...string) {
	r.t.Helper()
	if got := r.present(); !slices.Equal(got, names) {
		r.t.Errorf("present are %q, want %q", got, names)
	}
}
