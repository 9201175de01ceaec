package robust

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// TestWhoIsReachedThroughAnotherIsSeenToHaveReadIt has three people on three machines, of which two do not reach each other.
func TestWhoIsReachedThroughAnotherIsSeenToHaveReadIt(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	if !ownNetwork(t) {
		return
	}
	hub(t, "10.9.0.1/16")
	machines := []*machine{plugIn(t, "alice", "10.9.1.1/16"), plugIn(t, "bob", "10.9.2.1/16"), plugIn(t, "carl", "10.9.3.1/16")}
	for _, apart := range []string{"alice", "carl"} {
		run(t, "ip", "link", "set", apart, "type", "bridge_slave", "isolated", "on")
	}
	tracker := startTracker(t, "10.9.0.1:6969").Started(soon)
	var all []*person
	for _, m := range machines {
		all = append(all, m.person("--tracker", tracker.Announce[0]))
	}
	alice, bob, carl := all[0], all[1], all[2]
	befriend(t, bob, alice)
	befriend(t, bob, carl)
	ask(t, bob.CreateRoom, &p2pv1.CreateRoomRequest{Name: "room", Invite: []string{alice.name, carl.name}})
	for _, p := range []*person{alice, carl} {
		drive.Eventually(t, soon, p.name+" is not in the room", func() bool {
			_, err := p.say("room", p.name+" is here")
			return err == nil
		})
	}
	for _, p := range []*person{alice, carl} {
		for _, o := range all {
			o.hears("room", p.name+" is here")
		}
	}

	m := alice.says("room", "hello")
	carl.hears("room", "hello")
	key := func(p *person) string { return ask(t, p.Whoami, &p2pv1.WhoamiRequest{}).Account }
	last := func() *p2pv1.Message {
		for _, o := range alice.messages("room") {
			if o.Id == m.Id {
				return o
			}
		}
		return &p2pv1.Message{}
	}
	drive.Eventually(t, soon, "alice does not see that carl has it", func() bool { return slices.Contains(last().DeliveredTo, key(carl)) })
	if slices.Contains(last().ReadBy, key(carl)) {
		t.Error("alice sees that carl has read it, and he has not")
	}
	ask(t, carl.MarkRead, &p2pv1.MarkReadRequest{Where: "room"})
	drive.Eventually(t, soon, "alice does not see that carl has read it", func() bool { return slices.Contains(last().ReadBy, key(carl)) })
	if slices.Contains(last().ReadBy, key(bob)) {
		t.Error("alice sees that bob has read it, and he has not")
	}
}
