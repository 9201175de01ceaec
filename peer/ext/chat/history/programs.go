package history

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

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

// OfKind returns all events of one kind that count in a room, in order. It is for those for programs, 48 or above, and for what people
// say that is no text (room.Content), which is rare.
func (a *Archive) OfKind(ctx context.Context, id room.ID, kind room.Kind) ([]Entry, error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	index, bounds := "hidden", "e.kind >= 48"
	if kind < 48 {
		index, bounds = "rare", "e.kind > 16 AND e.kind < 32"
	}
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e INDEXED BY "+index+entryTables+
		"WHERE e.room = ? AND "+bounds+" AND e.kind = ? AND e.counts ORDER BY e.lamport, d.device", number, int64(kind))
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	return all, nil
}

// Hidden returns the events of one kind for programs, 48 or above, whether they count or not, by arrival. An error is kept, and
// Commit returns it.
func (l *Log) Hidden(kind room.Kind) []room.Meta {
	return l.found("SELECT "+metaColumns+" FROM events e INDEXED BY hidden WHERE e.room = ? AND e.kind >= 48 AND e.kind = ? ORDER BY e.n", l.n, int64(kind))
}

// Newest returns the up to n lines of one kind, of all rooms, that count, were not deleted and arrived last, the last first. It is
// for what people say that is no text (room.Content), which is rare.
func (a *Archive) Newest(ctx context.Context, kind room.Kind, n int) ([]Entry, error) {
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e INDEXED BY rare"+entryTables+`WHERE e.kind > 16 AND e.kind < 32 AND e.kind = ? AND
		e.line AND e.counts AND e.gone = 0 ORDER BY e.n DESC LIMIT 0+?`, int64(kind), min(n, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return all, nil
}

// Starting returns up to n lines that count and whose ids begin with the hexadecimal digits of start, in any order. Where an
// archive has a passphrase, whoever asks first waits some microseconds for each event that there is, unless ctx ends (starts).
func (a *Archive) Starting(ctx context.Context, start string, n int) (all []Entry, err error) {
	start = strings.ToLower(start)
	var low, high room.ID
	rest := 2*len(low) - len(start)
	if rest < 0 {
		return nil, nil
	}
	if _, err := hex.Decode(low[:], []byte(start+strings.Repeat("0", rest))); err != nil {
		return nil, nil // no id begins so
	}
	hex.Decode(high[:], []byte(start+strings.Repeat("f", rest))) //nolint:errcheck // as low could be
	if a.box.plain() {
		all, err = a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+"WHERE e.key BETWEEN ? AND ? AND e.line AND e.counts LIMIT 0+?", low[:], high[:], n)
	} else {
		all, err = a.startingSealed(ctx, low, high, n)
	}
	if err != nil {
		return nil, fmt.Errorf("look for an id: %w", err)
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

// Written returns how many events of a device are here, in all rooms. It never gets less.
func (a *Archive) Written(ctx context.Context, device identity.Key) (n int64, err error) {
	if _, err := a.read.row(ctx, "SELECT coalesce(sum(last), 0) FROM devices WHERE device = ?", []any{device[:]}, &n); err != nil {
		return 0, fmt.Errorf("read history: %w", err)
	}
	return n, nil
}

// Unheard returns what a device has written in a room and does not count, its edits too, whose number is larger than after, in the order
// in which it came: at most 1,000.
func (a *Archive) Unheard(ctx context.Context, id room.ID, device identity.Key, after int64) ([]Entry, error) {
	number, err := a.roomNumber(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+`WHERE e.author = (SELECT n FROM devices WHERE room = ? AND device = ?)
		AND e.n > ? AND e.kind >= 16 AND NOT e.counts AND NOT e.gone ORDER BY e.n LIMIT 0+?`, number, device[:], after, maxPage)
	if err != nil {
		return nil, fmt.Errorf("read room %v: %w", id, err)
	}
	return all, nil
}
