package people

import (
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
)

func TestSomebodyIsReachedThroughOthersOnlyIfOneOfThemSaysThatHeIsConnected(t *testing.T) {
	me, bob, carol, dave := identity.Key{1}, identity.Key{2}, identity.Key{3}, identity.Key{4}
	near := nearOf([]presence.Seen{{Account: carol}, {Account: me}, {Account: dave}, {Account: carol}}, presence.ShortOf(me))
	if len(near) != 2 || near[0] != presence.ShortOf(carol) || near[1] != presence.ShortOf(dave) {
		t.Errorf("bob says that he is connected with %x", near)
	}
	present := []presence.Seen{{Account: bob, State: presence.State{Near: near}}}
	if !passOn(present, carol) {
		t.Error("carol is not reached through bob, who is connected with her")
	}
	if passOn(present, identity.Key{5}) || passOn(nil, carol) {
		t.Error("somebody is reached with whom nobody is connected")
	}
	for known, want := range map[p2pv1.Presence]p2pv1.Presence{
		p2pv1.Presence_PRESENCE_OFFLINE: p2pv1.Presence_PRESENCE_AWAY, p2pv1.Presence_PRESENCE_UNSPECIFIED: p2pv1.Presence_PRESENCE_AWAY,
		p2pv1.Presence_PRESENCE_ONLINE: p2pv1.Presence_PRESENCE_ONLINE,
	} {
		if got := through(known); got != want {
			t.Errorf("who is reached through others, and otherwise known as %v, is %v", known, got)
		}
	}
}
