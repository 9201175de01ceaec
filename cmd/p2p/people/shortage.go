package people

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/space"
	"p2p/cmd/p2p/units"
)

// Others fill a disk too, while a download is under way that had room when it began. It pauses then: what was verified stays, and it
// goes on by itself when there is room again. It leaves messages what they need, if it can: it pauses before the last is gone.

// How long it is waited before there is another look. A disk that says that it has room and is full again at once, as where there is a
// quota, of which nobody tells how much is left, is tried more and more seldom.
const (
	roomFirst = 2 * time.Second
	roomLast  = time.Minute
)

// shortage is what one transfer knows of the disk that it waits for.
type shortage struct {
	wait time.Duration
	had  int64 // bytes of it that were there the last time
}

// errScarce is that a download has left little room.
var errScarce = errors.New("the rest of the disk is left to messages")

// wantsRoom reports whether a transfer that has ended with that error may go on when there is room.
func wantsRoom(err error) bool { return errors.Is(err, errScarce) || space.Full(err) }

// scarce reports whether a download takes the room that messages need.
func (x *exchange) scarce(t *transfer) bool {
	x.mu.Lock()
	left := t.left()
	x.mu.Unlock()
	room, known := x.room(filepath.Dir(t.Path))
	return known && left > 0 && room < reserve
}

// scarceEvery is how often that is looked at while a download moves: what comes meanwhile over 1 Gbit/s is less than the reserve.
const scarceEvery = beatEvery / 10

// awaitRoom pauses a transfer until there is room for the rest of it. It reports false when ctx ends before.
func (x *exchange) awaitRoom(ctx context.Context, t *transfer, s *shortage) bool {
	x.shut(context.WithoutCancel(ctx), t) // it is to keep what it can
	x.mu.Lock()
	s.next(t.Have)
	t.lacks = api.Problem(api.DiskFull)
	if lacks := x.lacking(t); lacks != nil {
		t.lacks = lacks
	}
	if ctx.Err() == nil { // else it has got another state
		t.state = p2pv1.Transfer_STATE_WAITING
	}
	x.node.log.Warn("a file waits for room on the disk", zap.String("path", t.Path), zap.Int64("needs", t.left()), zap.Duration("looks in", s.wait))
	x.mu.Unlock()
	x.tell()
	for {
		select {
		case <-ctx.Done():
			x.mu.Lock()
			t.lacks = nil
			x.mu.Unlock()
			return false
		case <-time.After(s.wait):
			if x.claimRoom(t) {
				return true
			}
		}
	}
}

// next sets how long it is waited, for a transfer of which so much is there.
func (s *shortage) next(have int64) {
	if s.wait = min(2*s.wait, roomLast); s.wait == 0 || have > s.had {
		s.wait = roomFirst
	}
	s.had = have
}

// claimRoom has a transfer that waits for room take it, and reports whether there is enough.
func (x *exchange) claimRoom(t *transfer) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if lacks := x.lacking(t); lacks != nil {
		t.lacks = lacks
		return false
	}
	t.lacks = nil
	if t.state == p2pv1.Transfer_STATE_WAITING && t.info != nil {
		t.state, t.checked = p2pv1.Transfer_STATE_CHECKING, 0
	}
	x.node.log.Info("a file goes on: there is room on the disk", zap.String("path", t.Path))
	return true
}

// lacking says what room a transfer that waits for it lacks, nil for none. The caller holds mu.
func (x *exchange) lacking(t *transfer) *p2pv1.Reason {
	dir, left := filepath.Dir(t.Path), t.left()
	spare, known := x.spare(dir)
	if spare = max(spare, 0); !known || left <= spare {
		return nil
	}
	return api.Problem(api.LittleRoom, "dir", dir, "size", units.FormatBytes(left), "free", units.FormatBytes(spare))
}
