package history

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Belong says whose archive it is, as Options.Account and Options.Device do: for who keeps the keys in
// the settings of the archive itself, under its passphrase. It is called before the first Room.
func (a *Archive) Belong(account, device identity.Key) {
	a.owner.Store(&owner{account, device})
}

// owner is whose an archive is.
type owner struct{ account, device identity.Key }

// Less reports whether p stands before q.
func (p Position) Less(q Position) bool {
	return cmp.Or(cmp.Compare(p.Lamport, q.Lamport), bytes.Compare(p.Device[:], q.Device[:])) < 0
}

// OfKind returns all events of one kind of a room that count, in order. It is for rooms with few of
// them: what programs tell each other, and not people.
func (a *Archive) OfKind(ctx context.Context, id room.ID, kind room.Kind) ([]Entry, error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	all, err := a.entries(ctx, "SELECT "+entryColumns+` FROM devices d JOIN events e INDEXED BY logs ON e.author = d.n LEFT JOIN bodies b ON b.event = e.n
		WHERE d.room = ? AND e.kind = ? AND e.counts ORDER BY e.lamport, d.device`, number, int64(kind))
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	return all, nil
}

// Last returns the number of the event that arrived last, 0 when there is none.
func (a *Archive) Last(ctx context.Context) (n int64, err error) {
	if _, err := a.read.row(ctx, "SELECT coalesce(max(n), 0) FROM events", nil, &n); err != nil {
		return 0, fmt.Errorf("read history: %w", err)
	}
	return n, nil
}
