package room

import (
	"crypto/sha256"
	"fmt"

	"p2p/peer/identity"
)

// Kept is what a store keeps of a room besides the events that its Index answers with. It is
// much less than they are: Restore takes as long as the room has members, not as it has messages.
type Kept struct {
	Acts  []Act                 // by arrival
	Views [][]ID                // View of each view that an event was written in, in any order
	Logs  map[identity.Key]Mark // Log of each device
	Heads []ID                  // events that no other names
	Forks []Proof
}

// Act is a Create, Join or Admin event with its body.
type Act struct {
	Meta
	Body []byte
}

// Restore returns the room as it was when all of kept was written. Nothing is verified again: the events were
// when they came. What was held is not there any more, and is sent again by those who have it.
func Restore(id ID, index Index, kept Kept) (*Room, error) {
	r := New(id, index)
	tips := make(map[ID][]ID, len(kept.Views))
	for _, v := range kept.Views {
		tips[ViewName(v)] = v
	}
	for i := range kept.Acts {
		a := &kept.Acts[i]
		if err := r.restoreView(tips[a.View]); err != nil {
			return nil, err
		}
		if r.views[a.View] == nil {
			return nil, fmt.Errorf("restore: %w: the view of %v is not there", ErrMalformed, a.ID)
		}
		r.learn(a.Meta, a.Body)
	}
	for _, v := range kept.Views {
		if err := r.restoreView(v); err != nil {
			return nil, err
		}
	}
	for device, mark := range kept.Logs {
		r.marks[device] = mark
	}
	for _, head := range kept.Heads {
		r.heads[head] = true
	}
	for _, p := range kept.Forks {
		r.forks[p.A.Author] = fork{p.A.Seq, p}
	}
	r.forgetStates() // they were computed without the forks
	return r, nil
}

// restoreView makes the view with these tips.
func (r *Room) restoreView(tips []ID) error {
	for _, id := range tips {
		if r.acts[id] == nil {
			return fmt.Errorf("restore: %w: the change %v is not there", ErrMalformed, id)
		}
	}
	r.viewOf(tips)
	return nil
}

// ViewName returns the name of the view with these tips, in the order that View has them in.
func ViewName(tips []ID) ID {
	h := sha256.New()
	for _, id := range tips {
		h.Write(id[:])
	}
	return ID(h.Sum(nil))
}

// View returns the events that name a view, in order; those of an event that is in the room are
// always known. The slice is the room's.
func (r *Room) View(name ID) []ID {
	if v := r.views[name]; v != nil {
		return v.tips
	}
	return nil
}

// Log returns the last event of a device's log as this member continues it, whether the
// device has lied or not. Mark is what others are told.
func (r *Room) Log(device identity.Key) Mark { return r.marks[device] }

// Reread reads an encoded event without verifying it: for a store, which is given none that Parse has
// not verified. b is not kept.
func Reread(b []byte) (Event, error) {
	e, err := parse(b)
	if err != nil {
		return Event{}, err
	}
	e.ID = sha256.Sum256(b[:len(b)-len(e.Signature)])
	return e, nil
}
