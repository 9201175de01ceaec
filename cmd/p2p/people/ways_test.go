package people_test

import (
	"net"
	"path/filepath"
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// withoutTracker returns alice, and bob and carol, who are contacts of hers alone. They have nothing but each other's addresses.
func withoutTracker(t *testing.T) (alice, bob, carol *person) {
	t.Helper()
	for i, p := range []**person{&alice, &bob, &carol} {
		name := []string{"alice", "bob", "carol"}[i]
		*p = open(t, filepath.Join(t.TempDir(), name))
		(*p).name(name)
	}
	befriend(t, alice, bob, "alice", "bob")
	befriend(t, alice, carol, "alice", "carol")
	return alice, bob, carol
}

// reaches reports whether somebody is connected with how many others in a room.
func (p *person) reaches(where string, others int) func() bool {
	return func() bool {
		n := 0
		for _, m := range p.conversation(where).Members {
			if m.Path != p2pv1.Path_PATH_UNSPECIFIED && m.Path != p2pv1.Path_PATH_RELAYED {
				n++
			}
		}
		return n == others
	}
}

func TestWithoutATrackerWhoIsInvitedGetsInByTheConnectionThatThereIs(t *testing.T) {
	alice, bob, _ := withoutTracker(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
}

func TestMembersOfARoomIntroduceMembersToEachOther(t *testing.T) {
	alice, bob, carol := withoutTracker(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	for _, p := range []*person{bob, carol} {
		eventually(t, "the guests are in the room", func() bool { return slices.Contains(p.rooms(), "garden") })
	}
	eventually(t, "bob and carol are connected", func() bool { return bob.reaches("garden", 2)() && carol.reaches("garden", 2)() })
	alice.close()
	bob.say("garden", "can you hear me?")
	eventually(t, "carol has it from bob", carol.has("garden", "can you hear me?"))
}

// Bob and carol, who have each other, were never in the room at the same time, and alice, who knows both, is gone.
func TestAConnectionInOneRoomOpensTheOthersThatBothAreIn(t *testing.T) {
	alice, bob, carol := withoutTracker(t)
	befriend(t, carol, bob, "carol", "bob")
	atCarols, atBobs := carol.dir, bob.dir
	carol.close()
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "garden", Invite: []string{"bob", "carol"}})
	eventually(t, "bob is in the room", func() bool { return slices.Contains(bob.rooms(), "garden") })
	bob.close()
	carol = open(t, atCarols)
	eventually(t, "carol is in the room", func() bool { return slices.Contains(carol.rooms(), "garden") })
	alice.close()
	bob = open(t, atBobs)
	bob.say("garden", "can you hear me?")
	eventually(t, "carol has it from bob", carol.has("garden", "can you hear me?"))
}

// moves has somebody come back at another address, where nobody has called him ever: the one of before is taken.
func (p *person) moves() *person {
	p.t.Helper()
	was := p.linkOf().Addrs[0]
	p.close()
	if taken, err := net.Listen("tcp", was.String()); err == nil { // else somebody else has it by now
		p.t.Cleanup(func() { taken.Close() })
	}
	return open(p.t, p.dir)
}

// There is no tracker. Each knows where the other one was when alice asked bob. Bob moves, and finds her there; then she does, and has to
// find him where he never was before.
func TestTwoWhoHaveBothMovedFindEachOtherWhereTheyWereMetLast(t *testing.T) {
	bob, alice := open(t, filepath.Join(t.TempDir(), "bob")), open(t, filepath.Join(t.TempDir(), "alice"))
	alice.name("alice")
	bob.name("bob")
	befriend(t, bob, alice, "bob", "alice")
	bob = bob.moves()
	alice.say("bob", "where are you?")
	eventually(t, "bob has found alice", bob.has("alice", "where are you?"))
	alice = alice.moves()
	bob.say("alice", "and you?")
	eventually(t, "alice has found bob", alice.has("bob", "where are you?", "and you?"))
}
