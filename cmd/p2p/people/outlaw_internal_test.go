package people

import (
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

func TestOnlyItsOwnAccountTellsADeviceThatItIsRevoked(t *testing.T) {
	secret := func() identity.Secret {
		s, err := identity.NewSecret(randomness)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, err := newSelf(secret(), secret(), "phone", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	says := func(account, device, revoked identity.Key, counts bool) *history.Entry {
		c := room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: revoked}}}
		return &history.Entry{Event: room.Event{Header: room.Header{Kind: room.Admin, Author: device}}, Account: account, Body: c.AppendTo(nil), Counts: counts}
	}
	me, phone, desk, other := s.accountKey(), s.deviceKey(), secret().Key(), secret().Key()
	for name, c := range map[string]struct {
		e    *history.Entry
		want bool
	}{
		"the desk revokes the phone":                     {says(me, desk, phone, true), true},
		"a moderator does, for his room":                 {says(other, desk, phone, true), false},
		"the desk revokes another device":                {says(me, desk, other, true), false},
		"what says so does not count":                    {says(me, desk, phone, false), false},
		"the phone itself says so, as its person leaves": {says(me, phone, phone, true), false},
		"a text is no revocation":                        {&history.Entry{Event: room.Event{Header: room.Header{Kind: room.Content, Author: desk}}, Account: me, Counts: true}, false},
	} {
		if got := revokes(c.e, s); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
