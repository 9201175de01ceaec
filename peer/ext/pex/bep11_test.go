package pex_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/pex"
)

// Each test of this file quotes the sentence of BEP 11 or BEP 27 that it checks.

// "PEX introduces a new message ut_pex via the extension protocol".
func TestTheNameIsThatOfTheStandard(t *testing.T) {
	if n := (pex.Extension{}).Name(); n != "ut_pex" {
		t.Errorf("named %q", n)
	}
}

// BEP 27: "it [...] MUST ONLY initiate connections to peers returned from the
// private tracker."
func TestThereIsNoPeerExchangeOnAPrivateTorrent(t *testing.T) {
	if i := (pex.Extension{}).Open(ext.Torrent{Private: true}); i != nil {
		t.Error("the extension is there")
	}
}

// "added: <one or more contacts in IPv4 compact format (string)>
// added.f: <optional, bit-flags, 1 byte per added IPv4 peer (string)>
// added6: <one or more contacts IPv6 compact format (string)>"
func TestThePayloadIsThatOfTheStandard(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	r.joins("203.0.113.2:80", false).HasAll = true
	r.joins("[2001:db8::5]:6882", false).WeDid = false
	r.passes(3 * time.Second)
	want := "d5:added6:\xcb\x00\x71\x02\x00\x507:added.f1:\x12" +
		"6:added618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x1a\xe28:added6.f1:\x00e"
	if got := p.Take(); len(got) != 1 || got[0] != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// "A peer must only be included in an added field once a connection is
// successfully established and included in the dropped field once it is
// disconnected. Once a peer has been added a client must ensure to send the
// corresponding dropped event when appropriate."
func TestWhoLeavesIsDropped(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	q := r.joins("203.0.113.2:6881", false)
	v6 := r.joins("[2001:db8::5]:6882", false)
	r.passes(3 * time.Second)
	one(t, p)
	r.leaves(q)
	r.leaves(v6)
	r.joins("203.0.113.4:6881", false)
	r.passes(time.Minute)
	m := one(t, p)
	if !slices.Equal(m.added, []string{"203.0.113.4:6881"}) || !slices.Equal(m.dropped, []string{"203.0.113.2:6881", "[2001:db8::5]:6882"}) {
		t.Errorf("added %v, dropped %v", m.added, m.dropped)
	}
}

// "Clients must batch updates to send no more than 1 PEX message per minute."
func TestAPeerHearsAtMostOneMessageAMinute(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	messages := 0
	for host := range hosts(600) { // somebody comes every second
		r.joins(host, false)
		r.passes(time.Second)
		if n := len(p.Take()); n > 0 {
			messages++
			if n > 1 {
				t.Fatal("two messages in a second")
			}
		}
	}
	if messages < 9 || messages > 11 {
		t.Errorf("%d messages in ten minutes", messages)
	}
}

// "Except for the initial PEX message the combined amount of added v4/v6
// contacts should not exceed 50 entries. The same applies to dropped entries."
func TestAMessageHasAtMost50OfEach(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	for host := range hosts(120) {
		r.joins(host, false)
	}
	heard := map[string]bool{}
	for range 3 {
		r.passes(time.Minute)
		m := one(t, p)
		if len(m.added) > 50 || len(m.flags) != len(m.added) {
			t.Fatalf("%d added with %d flags", len(m.added), len(m.flags))
		}
		for _, a := range m.added {
			if heard[a] {
				t.Fatalf("%s was added twice", a)
			}
			heard[a] = true
		}
	}
	if len(heard) != 120 {
		t.Errorf("%d of 120 were told after three minutes", len(heard))
	}
	for len(r.peers) > 1 {
		r.leaves(r.peers[1])
	}
	for _, want := range []int{50, 50, 20} {
		r.passes(time.Minute)
		if m := one(t, p); len(m.dropped) != want {
			t.Fatalf("%d dropped, want %d", len(m.dropped), want)
		}
	}
}

// "Added or removed contacts must not contain duplicates." "An added contact must
// not be dropped in the same message." "Transient connect-disconnect or
// disconnect-reconnect events may be elided".
func TestWhoComesBackIsNotMentioned(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	q := r.joins("203.0.113.2:6881", false)
	r.joins("203.0.113.3:6881", false)
	r.joins("203.0.113.3:6881", false) // the same peer, twice
	r.passes(3 * time.Second)
	if m := one(t, p); len(m.added) != 2 {
		t.Errorf("added %v", m.added)
	}
	r.leaves(q)
	r.passes(5 * time.Second)
	r.joins("203.0.113.2:6881", false)
	r.passes(2 * time.Minute)
	if m := p.Take(); len(m) != 0 {
		t.Errorf("sent %q", m)
	}
}

// "Messages must contain at least one of the following fields: added, added6,
// dropped, dropped6."
func TestNothingIsSentWhenThereIsNothingToTell(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	r.passes(5 * time.Minute)
	if m := p.Take(); len(m) != 0 {
		t.Errorf("sent %q", m)
	}
}

// "Clients may disconnect peers that egregiously violate these constraints."
func TestAPeerThatFloodsIsCutOff(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	for i := range 100 {
		if _, err := r.hears(p, says("203.0.113.9:6881")); err != nil {
			if i < 2 {
				t.Errorf("cut off after %d messages", i)
			}
			return
		}
	}
	t.Error("a hundred messages at once are accepted")
}

// "there should be some tolerance to clients that send a PEX message just under a
// minute since the last PEX message" (the conventions that BEP 11 grew out of).
func TestAPeerThatSendsEvery50SecondsIsNotCutOff(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	for range 500 {
		if _, err := r.hears(p, says("203.0.113.9:6881")); err != nil {
			t.Fatal(err)
		}
		r.passes(50 * time.Second)
	}
}

// "Duplicate IP addresses (e.g. with different ports) should be ignored."
func TestTheSecondPortOfAnAddressIsIgnored(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	got, err := r.hears(p, says("203.0.113.9:6881", "203.0.113.9:6882", "203.0.113.10:6881"))
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	lan := r.joins("10.0.0.1:6881", true) // where one machine has many peers in tests and at LAN parties
	if got, err = r.hears(lan, says("10.0.0.9:6881", "10.0.0.9:6882")); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

// "An attacker might try to sabotage a swarm by flooding it with bogus or other
// uncooperative peers."
func TestAPeerCannotFillTheAddressBook(t *testing.T) {
	r := newRig(t)
	p := r.joins("203.0.113.1:6881", true)
	total := 0
	for minute := range 60 {
		var list []string
		for host := range hosts(150) {
			list = append(list, strings.Replace(host, ".7:", "."+string(rune('0'+minute%10))+":", 1))
		}
		got, err := r.hears(p, says(list...))
		if err != nil {
			t.Fatal(err)
		}
		total += len(got)
		r.passes(time.Minute)
	}
	if total > 100+60*50 {
		t.Errorf("%d addresses of one peer in an hour", total)
	}
}

// "PEX may also be used to cause a distributed denial of service attack by
// inducing bittorrent clients to perform connection attempts to victim IP
// ranges."
func TestAddressesThatNobodyShouldDialAreIgnored(t *testing.T) {
	r := newRig(t)
	internet := r.joins("203.0.113.1:6881", true)
	internet.Says.YourIP = netip.MustParseAddr("198.51.100.77")
	r.joins("192.168.1.5:6881", true)
	r.joins("127.0.0.1:7000", true)
	for _, c := range []struct {
		addr                  string
		fromNet, fromLAN, own bool
	}{
		{"203.0.113.9:6881", true, true, true},
		{"[2001:db8::9]:6881", true, true, true},
		{"192.168.1.9:6881", false, true, true},
		{"100.64.0.9:6881", false, true, true},
		{"[fd00::9]:6881", false, true, true},
		{"127.0.0.1:6889", false, false, true},
		{"[::1]:6889", false, false, true},
		{"[::ffff:127.0.0.1]:6889", false, false, true},
		{"[64:ff9b::7f00:1]:6889", false, false, true},
		{"203.0.113.9:0", false, false, false},
		{"203.0.113.9:443", false, false, false},
		{"0.0.0.0:6881", false, false, false},
		{"0.1.2.3:6881", false, false, false},
		{"224.0.0.1:6881", false, false, false},
		{"255.255.255.255:6881", false, false, false},
		{"[fe80::1]:6881", false, false, false},
		{"[::]:6881", false, false, false},
		{"198.51.100.1:6881", false, false, false}, // we listen there
		{"198.51.100.77:6881", false, true, true},  // what the first peer sees us as
		{"198.51.100.77:6882", true, true, true},   // somebody else behind the same NAT
	} {
		for i, from := range []struct {
			name string
			ok   bool
		}{{"the internet", c.fromNet}, {"the LAN", c.fromLAN}, {"this machine", c.own}} {
			got, err := r.hears(r.peers[i], says(c.addr))
			if err != nil {
				t.Fatal(err)
			}
			if (len(got) == 1) != from.ok {
				t.Errorf("%s told by a peer in %s: %v", c.addr, from.name, got)
			}
			r.passes(time.Minute)
		}
	}
}
