package room

import (
	"slices"

	"p2p/peer/identity"
)

// Farewell returns what somebody lacks, who has the logs that far, to know that he is no member any more: the event
// that removed him and all that it stands upon, which he would have got as a member; nothing that came later. Where
// there never was a place for him it is how all that have come stand there now. Causes come first. False if these are more
// than most events.
func (r *Room) Farewell(account identity.Key, have map[identity.Key]Mark, most int) (lacks []Meta, ok bool) {
	next := slices.Clone(r.current.tips)
	if removal, removed := r.Removal(account); removed {
		next = []ID{removal.ID}
	}
	upto := make(map[identity.Key]uint64) // a log is closed: who needs one event of it needs all before
	for len(next) > 0 {
		m, here := r.index.Find(next[len(next)-1])
		next = next[:len(next)-1]
		from := max(upto[m.Author], have[m.Author].Seq)
		if !here || m.Seq <= from {
			continue
		}
		upto[m.Author] = m.Seq
		for seq := from + 1; seq <= m.Seq; seq++ {
			e, here := r.index.At(m.Author, seq)
			if !here {
				break
			}
			if len(lacks) == most {
				return nil, false
			}
			lacks = append(lacks, e)
			next = append(next, e.Deps...)
		}
	}
	slices.SortFunc(lacks, func(a, b Meta) int { return a.Compare(&b.Event) })
	return lacks, true
}

// Batches returns events as messages to somebody, in order.
func Batches(events []Meta, bodies Bodies) (messages []Message) {
	var m Message
	bytes := 0
	for i := range events {
		body := bodies(&events[i])
		m.Events = append(m.Events, Sent{events[i].Event, body})
		if bytes += len(body); len(m.Events) == maxBatch || bytes >= maxBatchBytes {
			messages, m, bytes = append(messages, m), Message{}, 0
		}
	}
	if len(m.Events) > 0 {
		messages = append(messages, m)
	}
	return messages
}

// Revoked reports whether a device was revoked, whose account may be a member still.
func (r *Room) Revoked(device identity.Key) bool {
	return slices.ContainsFunc(r.stateOf(r.current).removals, func(gone removal) bool { return gone.device == device })
}
