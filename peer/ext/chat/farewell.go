package chat

import (
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Who was removed while he was away would learn it from nobody: whoever knows does not let him in. So a device of his
// may connect once in a while, to say how far it is and to be sent what leads up to the removal: signed events, which
// it believes for what they are. It gets nothing that people wrote, nothing of what came after, and is not heard.
// What this costs is bounded, for a former member may be an angry one.
const (
	farewellWait  = 5 * time.Second  // for him to say how far he is
	farewellEvery = 10 * time.Minute // for one device, in the long run
	farewellBurst = 4                // for one of two connections is cut, when each side calls the other, or it breaks
	maxFarewell   = 8 << 10          // events; who has missed more is not told
	maxFarewells  = 1 << 10          // devices that are remembered
)

// owesFarewell reports whether a device may be told now that its account was removed.
func (t *Talk) owesFarewell(now time.Time, account, device identity.Key) bool {
	if _, former := t.view.Load().former[account]; !former || account == t.o.Account || t.store.Room.Revoked(device) {
		return false
	}
	if t.farewells[device] == nil {
		if len(t.farewells) >= maxFarewells {
			clear(t.farewells)
		}
		t.farewells[device] = &ext.Allowance{Most: farewellBurst, Every: farewellEvery}
	}
	return t.farewells[device].Has(now)
}

// farewell takes how far a former member's device is, sends what it lacks, and parts.
func (t *Talk) farewell(now time.Time, l *link, b []byte) error {
	m, err := room.ParseNews(b, func(*room.Event) bool { return true }, room.InOrder) // no event of his is taken
	if err != nil || !m.Hello {
		return err
	}
	if l.has == nil {
		l.has = make(map[identity.Key]room.Mark)
	}
	for device, mark := range m.Marks {
		if t.store.Room.Mark(device).Seq > 0 { // so that it does not grow with what he says
			l.has[device] = mark
		}
	}
	if m.More {
		return nil
	}
	if told := t.farewells[l.state.Device]; told == nil || !told.Take(now) {
		t.part(l, errStranger)
		return nil
	}
	lacks, _ := t.store.Room.Farewell(l.whose(), l.has, maxFarewell)
	l.say(t.heardOf(l.whose(), room.Batches(lacks, t.withoutWords)))
	t.part(l, errStranger)
	return nil
}

// heardOf has messages say how far the logs of a former member are here: he may have left, and wait for somebody to know that.
func (t *Talk) heardOf(account identity.Key, messages []room.Message) []room.Message {
	marks := map[identity.Key]room.Mark{}
	for _, device := range t.Devices(account) {
		if mark := t.store.Room.Mark(device); mark.Seq > 0 {
			marks[device] = mark
		}
	}
	switch last := len(messages) - 1; {
	case len(marks) == 0:
	case last < 0:
		messages = []room.Message{{Marks: marks}}
	default:
		messages[last].Marks = marks
	}
	return messages
}

// withoutWords is the room.Bodies for who is to learn how the room stands, and nothing that was said.
func (t *Talk) withoutWords(m *room.Meta) []byte {
	if m.Kind < room.Content {
		return t.body(m)
	}
	return nil
}
