package history

import (
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
)

// Newcomer reports whether e, the first event of a device, is the first of all devices of its account that counts in the room: the
// account has not been there before.
func (a *Archive) Newcomer(ctx context.Context, e *Entry) (bool, error) {
	id := e.Event.In()
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return false, fmt.Errorf("read room %v: %w", id, err)
	}
	var one int
	before, err := a.read.row(ctx, `SELECT 1 FROM devices d JOIN events e INDEXED BY logs ON e.author = d.n AND e.seq = 1 WHERE d.room = ?1 AND d.account = ?2 AND
		e.counts AND e.lamport <= ?3 AND (e.lamport < ?3 OR d.device < ?4) LIMIT 1`,
		[]any{number, e.Account[:], int64(e.Event.Lamport), e.Event.Author[:]}, &one)
	if err != nil {
		return false, fmt.Errorf("read room %v: %w", id, err)
	}
	return !before, nil
}

// actsPage is how many acts are looked at at a time.
const actsPage = 64

// OptionsBefore returns what a room was like before an event that changed it, as the order of the room has it; false if the beginning
// is not here.
func (a *Archive) OptionsBefore(ctx context.Context, e *Entry) (o room.Options, known bool, err error) {
	id, at := e.Event.In(), e.Position()
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return o, false, fmt.Errorf("read room %v: %w", id, err)
	}
	for {
		all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e INDEXED BY acts"+entryTables+`WHERE e.room = ?1 AND e.kind < 4 AND e.kind <> ?5 AND e.counts AND
			e.lamport <= ?2 AND (e.lamport < ?2 OR d.device < ?3) ORDER BY e.lamport DESC, d.device DESC LIMIT 0+?4`,
			number, int64(at.Lamport), at.Device[:], actsPage, int64(room.Join))
		if err != nil {
			return o, false, fmt.Errorf("read room %v: %w", id, err)
		}
		for i := range all {
			if all[i].Event.Kind == room.Create {
				b, err := room.ParseBirth(all[i].Body)
				return b.Options, err == nil, nil
			}
			if c, err := room.ParseChange(all[i].Body); err == nil && c.Op == room.SetRoom {
				return c.Options, true, nil
			}
		}
		if len(all) < actsPage {
			return o, false, nil
		}
		at = all[len(all)-1].Position()
	}
}
