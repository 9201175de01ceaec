package chat

import (
	"slices"
	"sort"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A read mark is a place in the order. What stands before it may have come after it: to say that he has read that would be a lie
// about the one who was waited for. So an event is read by who has marked it or a later one when it was there, which he tells beside
// his mark: of each log up to which number it was. Both are beginnings of a log, and so is what he has read of it: one number, which only
// grows, whichever of his devices says it, and on whatever way.

// readOf notes what another account has read of what the devices of this one wrote: what stands up to its mark, and was there. It
// reports whether that is more than before.
func (t *Talk) readOf(account identity.Key, id room.ID, seen map[identity.Key]uint64) (more bool) {
	mark, here := t.store.Find(id)
	if !here {
		return false
	}
	if seen == nil {
		seen = t.under(id)
	}
	v := t.view.Load()
	for device, seq := range seen {
		if v.accounts[device] != t.o.Account {
			continue
		}
		k := history.Delivery{Account: account, Device: device, Read: t.upTo(device, seq, mark.Position())}
		stored, read := t.stored.raise(k, time.Now())
		if stored {
			t.told.Delivered = append(t.told.Delivered, k)
		}
		more = more || read
	}
	return more
}

// upTo returns the number of the last event of a log, up to seq, that does not stand after a place. A log stands in the order in which
// it was written.
func (t *Talk) upTo(device identity.Key, seq uint64, at room.Position) uint64 {
	seq = min(seq, t.store.Room.Mark(device).Seq)
	after := func(seq uint64) bool {
		m, here := t.store.At(device, seq)
		return !here || at.Less(m.Position())
	}
	if seq == 0 || !after(seq) {
		return seq
	}
	return uint64(sort.Search(int(seq), func(i int) bool { return after(uint64(i) + 1) }))
}

// maxUnder is how many events are looked at by under.
const maxUnder = 64

// under returns what of this account's logs an event stands upon, as far as is seen soon. Whoever has the one has the other, so it
// is what was there for sure when he read it, if he does not say what was: older builds tell the mark alone.
func (t *Talk) under(id room.ID) map[identity.Key]uint64 {
	seen := map[identity.Key]uint64{}
	way := []room.ID{id}
	for i := 0; i < min(len(way), maxUnder); i++ {
		m, here := t.store.Find(way[i])
		if !here {
			continue
		}
		if m.Account == t.o.Account {
			seen[m.Author] = max(seen[m.Author], m.Seq)
		}
		for _, id := range append([]room.ID{m.Prev}, m.Deps...) {
			if !id.IsZero() && !slices.Contains(way, id) {
				way = append(way, id)
			}
		}
	}
	return seen
}

// regard looks at the marks that were kept before it was kept what was read.
func (t *Talk) regard(kept []history.Delivery) {
	for account, id := range t.kept {
		known := func(k history.Delivery) bool { return k.Account == account && k.Read > 0 }
		if account != t.o.Account && !slices.ContainsFunc(kept, known) {
			t.readOf(account, id, nil)
		}
	}
}
