package pex_test

import (
	"slices"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/pex"
	"p2p/peer/identity"
)

// lounge is a room whose members are the devices whose keys begin with 1.
func lounge(t *testing.T) *rig {
	return rigWith(t, pex.Extension{Among: func(d identity.Key) bool { return d[0] == 1 }}, ext.Torrent{Room: true})
}

// enters connects a device, a member's or not.
func (r *rig) enters(addr string, member bool) *exttest.Peer {
	p := r.joins(addr, true)
	p.Who = identity.Key{2, byte(p.Number)}
	if member {
		p.Who[0] = 1
	}
	return p
}

func TestMembersHearOfEachOtherAtOnceAndStrangersOfNobody(t *testing.T) {
	r := lounge(t)
	bob := r.enters("203.0.113.1:6881", true)
	stranger := r.enters("203.0.113.2:6881", false)
	plain := r.joins("203.0.113.3:6881", true)
	carol := r.enters("203.0.113.4:6881", true)
	r.passes(ext.TickEvery)
	if m := one(t, carol); !slices.Equal(m.added, []string{"203.0.113.1:6881"}) {
		t.Errorf("carol hears of %v", m.added)
	}
	if m := one(t, bob); !slices.Equal(m.added, []string{"203.0.113.4:6881"}) {
		t.Errorf("bob hears of %v", m.added)
	}
	r.enters("203.0.113.5:6881", true)
	r.passes(5 * time.Second)
	if m := one(t, carol); !slices.Equal(m.added, []string{"203.0.113.5:6881"}) {
		t.Errorf("later carol hears of %v", m.added)
	}
	r.passes(2 * time.Minute)
	if m := append(stranger.Take(), plain.Take()...); len(m) > 0 {
		t.Errorf("strangers hear %q", m)
	}
}

// One who shows later that he belongs here is told then; and one who is sent away is told nothing more.
func TestWhoTakesPartIsAskedEachTime(t *testing.T) {
	members := map[byte]bool{1: true}
	r := rigWith(t, pex.Extension{Among: func(d identity.Key) bool { return members[d[0]] }}, ext.Torrent{Room: true})
	bob, eve := r.enters("203.0.113.1:6881", true), r.enters("203.0.113.2:6881", false)
	r.passes(time.Minute)
	if m := append(bob.Take(), eve.Take()...); len(m) > 0 {
		t.Fatalf("they hear %q", m)
	}
	members[2] = true
	r.passes(5 * time.Second)
	if m := one(t, eve); !slices.Equal(m.added, []string{"203.0.113.1:6881"}) {
		t.Errorf("eve hears of %v", m.added)
	}
	bob.Take()
	members[2] = false
	r.enters("203.0.113.3:6881", true)
	r.passes(time.Minute)
	if m := eve.Take(); len(m) > 0 {
		t.Errorf("she still hears %q", m)
	}
}

func TestAStrangerInARoomIsNotBelieved(t *testing.T) {
	r := lounge(t)
	bob, stranger := r.enters("203.0.113.1:6881", true), r.enters("203.0.113.2:6881", false)
	if got, err := r.hears(stranger, says("203.0.113.9:6881")); err != nil || len(got) > 0 {
		t.Errorf("of a stranger it takes %v, %v", got, err)
	}
	if got, err := r.hears(bob, says("203.0.113.9:6881")); err != nil || len(got) != 1 {
		t.Errorf("of a member it takes %v, %v", got, err)
	}
}

func TestAmongDevicesPlainPeersDoNotHearOfIt(t *testing.T) {
	if (pex.Extension{}).Secure() || !(pex.Extension{Among: func(identity.Key) bool { return true }}).Secure() {
		t.Error("it is told to the wrong ones")
	}
}

// Who tells as fast as this program does keeps no rule too narrowly.
func TestTheOwnPaceIsNoFlood(t *testing.T) {
	r := lounge(t)
	bob := r.enters("203.0.113.1:6881", true)
	for range 1000 {
		if _, err := r.hears(bob, says()); err != nil {
			t.Fatal(err)
		}
		r.now = r.now.Add(5 * time.Second)
	}
}
