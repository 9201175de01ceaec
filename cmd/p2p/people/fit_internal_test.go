package people

import (
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// The clerk may come to what was written before that when the person is gone.
func TestWhoHasLoggedOutEntersNoRoom(t *testing.T) {
	n := &Node{self: &self{account: secretOf(t, 1), loggedOut: true}, book: newBook(), faces: newFaces(), open: map[room.ID]*conversation{}}
	n.book.apply(record{Place: &place{Room: room.ID{1}, Swarm: swarmOf(room.ID{1}).String()}}, history.Position{Lamport: 1})
	if err := n.refit(t.Context()); err != nil || len(n.open) > 0 {
		t.Errorf("%d rooms are open, %v", len(n.open), err)
	}
}
