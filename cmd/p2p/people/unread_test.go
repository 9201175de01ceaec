package people_test

import (
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestMentionsAreCountedUntilTheyAreReadOrTakenBack(t *testing.T) {
	alice, bob := two(t)
	ask(t, bob.MarkRead, &p2pv1.MarkReadRequest{Where: "alice"})
	counts := func(unread, mentions int32) func() bool {
		return func() bool {
			c := bob.conversation("alice")
			return c.Unread == unread && c.Mentions == mentions && c.Late == 0
		}
	}
	first := alice.say("bob", "@bob one")
	eventually(t, "one is counted", counts(1, 1))
	alice.say("bob", "@bob two")
	alice.say("bob", "three")
	eventually(t, "what came since is counted too", counts(3, 2))
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: first.Id})
	eventually(t, "what was taken back mentions nobody", func() bool { return bob.conversation("alice").Mentions == 1 })
	ask(t, bob.MarkRead, &p2pv1.MarkReadRequest{Where: "alice"})
	eventually(t, "what was read counts no more", counts(0, 0))
	alice.say("bob", "@bob four")
	eventually(t, "it begins anew", counts(1, 1))
}
