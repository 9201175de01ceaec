package room

import (
	"errors"
	"maps"
	"slices"

	"p2p/peer/identity"
)

// ErrNotJoined is that a device writes before its Join, or joins twice.
var ErrNotJoined = errors.New("the device has to join first, and once")

// Write makes the next event of a device of this program, and puts it into the room. Wall is
// the device's clock in milliseconds since 1970. What it returns goes to the store before it goes
// anywhere else: a device that forgets what it has signed signs the same number again, and
// is taken for a liar.
func (r *Room) Write(device identity.Secret, kind Kind, body []byte, wall uint64) (Event, Outcome, error) {
	mark := r.marks[device.Key()]
	if (mark.Seq == 0) != (kind == Join) {
		return Event{}, Outcome{}, ErrNotJoined
	}
	h := Header{Room: r.id, Seq: mark.Seq + 1, Prev: mark.ID, Deps: r.deps(mark.ID), Kind: kind, Wall: wall}
	for _, id := range append([]ID{mark.ID}, h.Deps...) {
		if m, ok := r.index.Find(id); ok {
			h.Lamport = max(h.Lamport, m.Lamport)
		}
	}
	h.Lamport++
	e, err := Sign(device, h, body)
	if err != nil {
		return Event{}, Outcome{}, err
	}
	out, err := r.Receive(e, body, 0)
	return e, out, err
}

// Found makes the event that creates a room, whose id is the event's. It is to be Received by
// the Room of that id.
func Found(device identity.Secret, birth Birth, wall uint64) (Event, []byte, error) {
	body := birth.AppendTo(nil)
	e, err := Sign(device, Header{Seq: 1, Lamport: 1, Kind: Create, Wall: wall}, body)
	return e, body, err
}

// Want lets an event in although its device has lied: others have built upon it, or it
// comes out of this member's own store.
func (r *Room) Want(id ID) { r.wanted[id] = true }

// deps returns the latest of what this member has seen, without prev. What a liar
// wrote is left out: who names it makes everybody fetch it.
func (r *Room) deps(prev ID) []ID {
	var heads []Meta
	for id := range r.heads {
		if m, ok := r.index.Find(id); ok && id != prev && !r.withdrawn(m.Author, m.Seq) {
			heads = append(heads, m)
		}
	}
	if len(heads) == 0 && prev.IsZero() {
		heads = r.beforeLiars()
	}
	slices.SortFunc(heads, func(a, b Meta) int { return b.Compare(&a.Event) })
	heads = heads[:min(len(heads), MaxDeps)]
	deps := make([]ID, len(heads))
	for i := range heads {
		deps[i] = heads[i].ID
	}
	slices.SortFunc(deps, compareIDs)
	return deps
}

// beforeLiars returns the latest of what liars have built upon: where all that is latest is theirs, a device that has not
// written yet begins there.
func (r *Room) beforeLiars() (last []Meta) {
	seen := map[ID]bool{}
	look := slices.Collect(maps.Keys(r.heads))
	for len(look) > 0 {
		id := look[len(look)-1]
		look = look[:len(look)-1]
		m, ok := r.index.Find(id)
		switch {
		case seen[id] || !ok:
		case r.withdrawn(m.Author, m.Seq):
			if look = append(look, m.Deps...); !m.Prev.IsZero() {
				look = append(look, m.Prev)
			}
		default:
			last = append(last, m)
		}
		seen[id] = true
	}
	return last
}
