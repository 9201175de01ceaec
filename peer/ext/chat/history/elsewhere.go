package history

import (
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A read mark is a place in the order, and says nothing of what stands before it and came late. So the devices of an account tell each
// other too what was here when they read: of each log the seq up to which it was. A log comes in its order, so that is all.

// maxLogs bounds Seen: those in which something arrived last.
const maxLogs = 2048

// Seen returns what of the others' logs had arrived when the archive's account read a room here last, by device.
func (a *Archive) Seen(ctx context.Context, id room.ID) (map[identity.Key]uint64, error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("what was read: %w", err)
	}
	seen := map[identity.Key]uint64{}
	err = a.read.rows(ctx, `SELECT d.device, e.seq FROM devices d JOIN marks m ON m.room = d.room AND m.account = ?2
		JOIN events e ON e.n = (SELECT n FROM events INDEXED BY logs WHERE author = d.n AND +n <= m.seen ORDER BY seq DESC LIMIT 1)
		WHERE d.room = ?1 AND d.account <> ?2 ORDER BY e.n DESC LIMIT 0+?3`, []any{number, a.owner.Load().account[:], maxLogs},
		func(scan func(...any) error) error {
			var device []byte
			var seq int64
			err := scan(&device, &seq)
			if err == nil && len(device) == identity.KeySize {
				seen[identity.Key(device)] = uint64(seq)
			}
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("what was read: %w", err)
	}
	return seen, nil
}

// MarkElsewhere notes that the archive's account has read a room on another device up to the event of that id, when seen was there (Seen).
// What came late here counts as read up to the first that was not there. It reports whether the mark moved, and whether anything
// that came late was read.
func (a *Archive) MarkElsewhere(id room.ID, seen map[identity.Key]uint64) (moved, late bool, err error) {
	account := a.owner.Load().account
	err = a.write.transaction(false, func() error {
		to, err := a.markAt(id)
		if err != nil || to.n == 0 {
			return err
		}
		from, err := a.markOf(account, to.room)
		if err != nil {
			return err
		}
		to.seen, late, err = a.seenHere(to, from.seen, seen)
		if err != nil {
			return err
		}
		if moved = !from.set || from.before(&to.readMark); !moved {
			to.n = from.n
		}
		return a.write.exec("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", to.room, account[:], to.n, to.seen)
	}, nil)
	if err != nil {
		return false, false, fmt.Errorf("mark as read: %w", err)
	}
	a.ink.wrote(1, false)
	return moved, late, nil
}

// seenHere returns up to which event, by arrival, all that came late was there elsewhere, and whether that is more than before.
func (a *Archive) seenHere(to placed, before int64, there map[identity.Key]uint64) (seen int64, more bool, err error) {
	seen, unseen := to.seen, false
	err = a.write.rows(`SELECT e.n, d.device, e.seq FROM events e INDEXED BY late JOIN devices d ON d.n = e.author
		WHERE e.room = ?1 AND e.late AND e.n > ?2 AND d.account <> ?3 ORDER BY e.n`, []any{to.room, before, a.owner.Load().account[:]},
		func(scan func(...any) error) error {
			var n, seq int64
			var device []byte
			if err := scan(&n, &device, &seq); err != nil || unseen {
				return err
			}
			if len(device) != identity.KeySize || uint64(seq) > there[identity.Key(device)] {
				seen, unseen = n-1, true
				return nil
			}
			more = true
			return nil
		})
	return seen, more, err
}
