package people

import (
	"errors"
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// The first conversation finds out that there is room when somebody writes in it, which may be never.
func TestThereIsRoomAgainWhereverSomethingCouldBeWritten(t *testing.T) {
	n := &Node{book: newBook()}
	l := n.hub.listen(false)
	defer n.hub.leave(l)
	one, other, full := &conversation{}, &conversation{}, errors.New("full")
	n.warn(one, chat.Change{Trouble: full})
	n.warn(other, chat.Change{Recount: true})
	n.warn(other, chat.Change{Trouble: full})
	n.warn(other, chat.Change{Added: []history.Entry{{}}})
	n.warn(one, chat.Change{Recovered: true, Filled: []room.ID{{}}})
	n.warn(one, chat.Change{Trouble: full})
	var told []p2pv1.Alert_Kind
	for len(l.events) > 0 {
		told = append(told, (<-l.events).GetAlert().GetKind())
	}
	if want := []p2pv1.Alert_Kind{p2pv1.Alert_KIND_DISK_FULL, p2pv1.Alert_KIND_DISK_AGAIN, p2pv1.Alert_KIND_DISK_FULL}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
