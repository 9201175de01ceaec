package people

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// An offer is taken back by who has made it, on any of his devices, or by who deletes its message. Both are events, which everybody
// has sooner or later, from whomever he meets; else people would wait for a file that nobody gives any more.

// takenBack says why what a message offers cannot be accepted any more, nil if it can.
func (n *Node) takenBack(ctx context.Context, e *history.Entry) (*p2pv1.Reason, error) {
	if e.Event.Kind != body.KindFile || e.Alone && !e.Gone {
		return nil, nil
	}
	back := func(by string) *p2pv1.Reason { return api.Problem(api.OfferBack, "who", by) }
	if e.Gone {
		var m p2pv1.Message
		err := n.viewer(ctx).deleter(&m, e)
		return back(cmp.Or(m.DeletedBy, n.nameOf(e.Account))), err
	}
	all, err := n.archive.About(ctx, e.Event.ID)
	if slices.ContainsFunc(all, func(a history.Entry) bool { return withdraws(&a, e) }) {
		return back(n.nameOf(e.Account)), nil
	}
	return nil, err
}

// withdraws reports whether a is that e, an offer, was taken back.
func withdraws(a, e *history.Entry) bool {
	return a.Event.Kind == body.KindWithdrawal && a.Account == e.Account && e.Event.Kind == body.KindFile
}

// takeBack takes an own offer back, and tells all members. Where this person may write no more it is only shared no more, and told is
// false.
func (n *Node) takeBack(ctx context.Context, e *history.Entry, h infohash.T) (told bool, err error) {
	c := n.conversation(e.Event.In())
	why, err := n.takenBack(ctx, e)
	told = why != nil
	if err == nil && !told && c != nil && c.talk.Joined() {
		_, err = c.talk.Write(ctx, body.KindWithdrawal, body.Withdrawal(e.Event.ID))
		if told = err == nil; errors.Is(err, chat.ErrNotAllowed) {
			err = nil
		}
	}
	if n.files.settle(ctx, e.Event.ID) {
		return told, stored(err)
	}
	return told, errors.Join(stored(err), n.files.stop(ctx, h))
}

// withdrawn takes in that offers may have been taken back. The clerk calls it.
func (x *exchange) withdrawn(ctx context.Context, added []history.Entry) {
	for i := range added {
		if e := &added[i]; e.Counts && (e.Event.Kind == room.Delete || e.Event.Kind == body.KindWithdrawal) {
			x.settle(ctx, e.Target)
		}
	}
}

// settle ends the transfer of what a message has offered, if that was taken back, which it reports. What is here already stays, and
// what another message offers goes on.
func (x *exchange) settle(ctx context.Context, message room.ID) bool {
	e, found, err := x.node.archive.Event(ctx, message)
	if err != nil || !found {
		return false
	}
	why, err := x.node.takenBack(ctx, &e)
	if err != nil || why == nil {
		return false
	}
	t := x.offeredBy(message)
	switch {
	case t == nil || x.goesOn(ctx, t):
	case t.Mine:
		err = x.stop(ctx, t.Hash)
	default:
		x.over(ctx, t, why)
	}
	if err != nil {
		x.node.log.Warn("an offer was not ended", zap.Error(err))
	}
	return true
}

// offeredBy returns the transfer of what a message offers, nil for none.
func (x *exchange) offeredBy(message room.ID) *transfer {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, t := range x.all {
		if t.Message == message {
			return t
		}
	}
	return nil
}

// goesOn makes a transfer that of another message that offers the same, and reports whether there is one. What this device shares is
// only gone on with for an offer of its own.
func (x *exchange) goesOn(ctx context.Context, t *transfer) bool {
	entries, err := x.node.archive.Newest(ctx, body.KindFile, offersMost)
	if err != nil {
		return false
	}
	for i := range entries {
		e := &entries[i]
		h, ok := offered(e)
		if !ok || h != t.Hash || e.Event.In() != t.Room || e.Event.ID == t.Message || t.Mine && e.Event.Author != x.device() {
			continue
		}
		if why, err := x.node.takenBack(ctx, e); err == nil && why == nil {
			x.mu.Lock()
			t.Message, t.giverLost = e.Event.ID, false
			err := x.keep()
			x.mu.Unlock()
			x.tell()
			return err == nil
		}
	}
	return false
}

func (x *exchange) device() (k identity.Key) {
	if self, err := x.node.me(); err == nil {
		k = self.deviceKey()
	}
	return k
}

// over ends a download that nothing will come of any more. One that is complete stays, and so does one that was cancelled.
func (x *exchange) over(ctx context.Context, t *transfer, why *p2pv1.Reason) {
	x.accepting.Lock()
	defer x.accepting.Unlock()
	x.mu.Lock()
	ended := t.Fetched || t.state == p2pv1.Transfer_STATE_CANCELLED
	x.mu.Unlock()
	if ended {
		return
	}
	x.halt(ctx, t)
	x.mu.Lock()
	if !t.Fetched { // its last byte may have come at that moment
		t.state, t.problem, t.away = p2pv1.Transfer_STATE_FAILED, why, false
	}
	x.mu.Unlock()
	x.tell()
}

// isMine reports whether a message offers what this account gives, and not what this device fetches from another one of it. What it has
// offered itself it may have fetched before, from somebody else.
func (x *exchange) isMine(e *history.Entry, h infohash.T) bool {
	device := x.device()
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.all[h]
	return e.Account == x.node.accountOf() && (t == nil || t.Mine || e.Event.Author == device)
}

// has reports whether all of what a message offers was fetched, and is there.
func (x *exchange) has(message room.ID) bool {
	t := x.offeredBy(message)
	x.mu.Lock()
	defer x.mu.Unlock()
	return t != nil && t.Fetched && t.state != p2pv1.Transfer_STATE_GONE && !absent(t.Path)
}
