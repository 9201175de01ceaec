package history

import (
	"context"
	"fmt"
	"slices"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A read mark is a place in the order, and says nothing of what stands before it and came late. So who tells his mark tells too what was
// here when he read: of each log the seq up to which it was. A log comes in its order, so that is all.

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
// What is here and was not there has come late for this account; what came late counts as read up to the first line that was not read there.
// It reports whether the mark moved, and whether anything that came late was read.
func (a *Archive) MarkElsewhere(id room.ID, seen map[identity.Key]uint64) (moved, late bool, err error) {
	account, passed := a.owner.Load().account, int64(0)
	err = a.write.transaction(false, func() error {
		to, err := a.markAt(id)
		if err != nil || to.n == 0 {
			return err
		}
		from, err := a.markOf(account, to.room)
		if err != nil {
			return err
		}
		if moved = !from.set || from.before(&to.readMark); moved {
			if passed, err = a.passOver(from, to, seen); err != nil {
				return err
			}
			if passed > 0 {
				from.seen = min(from.seen, passed-1)
			}
		}
		if to.seen, late, err = a.seenHere(from, to, seen); err != nil {
			return err
		}
		if !moved {
			to.n = from.n
		}
		return a.write.exec("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", to.room, account[:], to.n, to.seen)
	}, func() {
		if passed > 0 {
			a.recent.add(nil, true)
			a.ends.add(nil, true)
		}
	})
	if err != nil {
		return false, false, fmt.Errorf("mark as read: %w", err)
	}
	a.ink.wrote(1, false)
	return moved, late, nil
}

// manyLogs is how many logs others tell of at least; of more, those that are not among them are taken for read.
const manyLogs = 256

// passOver has the lines of others from one mark to the next that were not there elsewhere be late ones, as they will be there, and
// returns the first one by arrival, 0 for there is none: the mark passes over them, and nobody has read them.
func (a *Archive) passOver(from, to placed, there map[identity.Key]uint64) (first int64, err error) {
	lacked := map[int64]uint64{} // by device: up to which number its log was there
	err = a.write.rows("SELECT n, device, last FROM devices WHERE room = ? AND account <> ?", []any{to.room, a.owner.Load().account[:]},
		func(scan func(...any) error) error {
			var n, last int64
			var device []byte
			err := scan(&n, &device, &last)
			if err != nil || len(device) != identity.KeySize {
				return err
			}
			if seq, told := there[identity.Key(device)]; seq < uint64(last) && (told || len(there) < manyLogs) {
				lacked[n] = seq
			}
			return nil
		})
	if err != nil {
		return 0, err
	}
	var all []int64
	for device, seq := range lacked {
		err := a.write.rows(`SELECT e.n FROM events e INDEXED BY logs JOIN devices d ON d.n = e.author WHERE e.author = ?1 AND e.seq > ?2 AND e.line AND NOT e.late AND
			(e.lamport > ?3 OR e.lamport = ?3 AND d.device > ?4) AND (e.lamport < ?5 OR e.lamport = ?5 AND d.device <= ?6)`,
			[]any{device, int64(seq), int64(from.position.Lamport), from.position.Device[:], int64(to.position.Lamport), to.position.Device[:]},
			func(scan func(...any) error) error {
				var n int64
				err := scan(&n)
				all = append(all, n)
				return err
			})
		if err != nil {
			return 0, err
		}
	}
	for _, n := range all {
		if err := a.write.exec("UPDATE events SET late = 1 WHERE n = ?", n); err != nil {
			return 0, err
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	return slices.Min(all), nil
}

// seenHere returns up to which event, by arrival, all that came late was read, here or elsewhere: it was there, and stands up to the mark there. It
// reports whether that is more than before. What stands behind both marks is not read anyway.
func (a *Archive) seenHere(from, to placed, there map[identity.Key]uint64) (seen int64, more bool, err error) {
	seen, unseen, last := to.seen, false, to.position
	if last.Less(from.position) {
		last = from.position
	}
	err = a.write.rows(`SELECT e.n, d.device, e.seq, e.lamport FROM events e INDEXED BY late JOIN devices d ON d.n = e.author
		WHERE e.room = ?1 AND e.late AND e.n > ?2 AND d.account <> ?3 AND (e.lamport < ?4 OR e.lamport = ?4 AND d.device <= ?5) ORDER BY e.n`,
		[]any{to.room, from.seen, a.owner.Load().account[:], int64(last.Lamport), last.Device[:]},
		func(scan func(...any) error) error {
			var n, seq, lamport int64
			var device []byte
			if err := scan(&n, &device, &seq, &lamport); err != nil || unseen {
				return err
			}
			if len(device) != identity.KeySize {
				return fmt.Errorf("%w: a key is too short", ErrForeign)
			}
			at := room.Position{Lamport: uint64(lamport), Device: identity.Key(device)}
			if uint64(seq) > there[at.Device] || to.position.Less(at) {
				seen, unseen = n-1, true
				return nil
			}
			more = true
			return nil
		})
	return seen, more, err
}
