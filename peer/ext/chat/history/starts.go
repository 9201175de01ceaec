package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"p2p/peer/ext/chat/room"
)

// starts knows the events of an archive with a passphrase by how their ids begin, which the database has in sealed headers alone.
// Whoever looks for one first waits until all are opened, some microseconds each; from then on only what has come since is. It
// takes 16 bytes for an event.
type starts struct {
	mu     sync.Mutex
	upto   int64   // number of the last event that it knows
	sorted []start // by id
	recent []start // what came since, in no order
}

// start is the first bytes of an id, and the number of the event.
type start struct {
	id uint64
	n  int64
}

func startOf(id room.ID, n int64) start { return start{binary.BigEndian.Uint64(id[:]), n} }

// How starts grows.
const (
	startsAtOnce = 1000 // events are opened, and others wait that long
	mostRecent   = 1024 // are looked through one by one
)

// read takes the next events in, and reports whether there may be more.
func (x *starts) read(ctx context.Context, a *Archive) (more bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var page []start
	err = a.read.rows(ctx, "SELECT n, key, header FROM events WHERE n > ? ORDER BY n LIMIT 0+?", []any{x.upto, startsAtOnce}, func(scan func(...any) error) error {
		var s stored
		if err := errors.Join(ctx.Err(), scan(&s.n, &s.key, &s.header)); err != nil {
			return err
		}
		e, err := a.event(&s)
		page = append(page, startOf(e.ID, s.n))
		return err
	})
	if err != nil || len(page) == 0 {
		return false, err
	}
	x.recent, x.upto = append(x.recent, page...), page[len(page)-1].n
	return len(page) == startsAtOnce, nil
}

// between returns the numbers of the events whose ids begin from low to high.
func (x *starts) between(low, high room.ID) (numbers []int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.recent) > mostRecent {
		x.sorted, x.recent = append(x.sorted, x.recent...), nil
		slices.SortFunc(x.sorted, func(a, b start) int { return cmp.Compare(a.id, b.id) })
	}
	first, last := startOf(low, 0).id, startOf(high, 0).id
	at, _ := slices.BinarySearchFunc(x.sorted, first, func(s start, id uint64) int { return cmp.Compare(s.id, id) })
	for ; at < len(x.sorted) && x.sorted[at].id <= last; at++ {
		numbers = append(numbers, x.sorted[at].n)
	}
	for _, s := range x.recent {
		if first <= s.id && s.id <= last {
			numbers = append(numbers, s.n)
		}
	}
	return numbers
}

// forget is for when the numbers will be those of other events.
func (x *starts) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.upto, x.sorted, x.recent = 0, nil, nil
}

// startingSealed is Starting for an archive with a passphrase.
func (a *Archive) startingSealed(ctx context.Context, low, high room.ID, n int) (all []Entry, err error) {
	for more := true; more; {
		if more, err = a.starts.read(ctx, a); err != nil {
			return nil, err
		}
	}
	for _, number := range a.starts.between(low, high) {
		if len(all) >= n {
			break
		}
		found, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+"WHERE e.n = ? AND e.line AND e.counts", number)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if id := found[i].Event.ID; bytes.Compare(low[:], id[:]) <= 0 && bytes.Compare(id[:], high[:]) <= 0 {
				all = append(all, found[i])
			}
		}
	}
	return all, nil
}
