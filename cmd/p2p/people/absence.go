package people

import (
	"cmp"
	"context"
	"slices"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
)

// A file goes among those who are in its conversation. Who is there no more neither gets nor gives it: he is told why, instead of waiting
// for nobody, and it goes on by itself when he is back. What he has got is his.

// absence says why this person is in a conversation no more, nil for that he is.
func (n *Node) absence(id room.ID) *p2pv1.Reason {
	p, c, me := n.place(id), n.conversation(id), n.accountOf()
	switch {
	case p == nil:
		return api.Problem(api.RoomClosed)
	case p.Left && !p.With.IsZero():
		return api.Problem(api.YouRemoved, "who", n.nameOf(p.With))
	case p.Left:
		return n.youLeft(*p)
	case n.isBlocked(p.With):
		return api.Problem(api.Blocked, "who", n.nameOf(p.With))
	case c == nil || !c.talk.Known():
		return nil
	case p.With.IsZero() && c.talk.Removed(me):
		return cmp.Or(c.out(me), n.youLeft(*p))
	}
	return n.deserted(c, *p)
}

func (n *Node) youLeft(p place) *p2pv1.Reason {
	return api.Problem(api.YouLeft, "where", n.nameOfPlace(p))
}

// fitFiles has files end and go on as this person, and who gives them, are in their conversations. It does not wait.
func (n *Node) fitFiles() { n.clerk.do(n.files.fit) }

// fit is fitFiles. The clerk calls it.
func (x *exchange) fit(ctx context.Context) {
	x.accepting.Lock()
	defer x.accepting.Unlock()
	x.mu.Lock()
	var all []*transfer
	for _, t := range x.all {
		if t.cancel != nil || t.away {
			all = append(all, t)
		}
	}
	x.mu.Unlock()
	slices.SortFunc(all, func(a, b *transfer) int { return cmp.Compare(a.Path, b.Path) })
	for _, t := range all {
		switch why := cmp.Or(x.node.absence(t.Room), x.unheard(ctx, t)); {
		case why != nil:
			x.halt(ctx, t)
			x.mu.Lock()
			t.absent(why)
			x.mu.Unlock()
		case x.isAway(t):
			if err := x.seekFor(ctx, t); err != nil {
				x.node.log.Warn("cannot go on with a file", zap.String("path", t.Path), zap.Error(err))
			}
		}
		x.lookForGiver(ctx, t)
	}
	x.tell()
}

// unheard says that nobody sees the message with which this person offers something, nil for all others: he had been removed before it
// arrived, and nobody will, though he is back; unless the removal turns out not to count either.
func (x *exchange) unheard(ctx context.Context, t *transfer) *p2pv1.Reason {
	if !t.Mine {
		return nil
	}
	if e, found, err := x.node.archive.Event(ctx, x.messageOf(t)); err != nil || !found || e.Counts {
		return nil
	}
	return api.Problem(api.OfferUnheard)
}

func (x *exchange) isAway(t *transfer) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return t.away
}

// absent notes that nothing is done for a transfer until this person is back. The caller holds the mutex.
func (t *transfer) absent(why *p2pv1.Reason) {
	t.away = true
	switch {
	case !t.Fetched:
		t.state, t.problem = p2pv1.Transfer_STATE_FAILED, why
	case absent(t.Path):
		t.state, t.problem, t.Have = p2pv1.Transfer_STATE_GONE, problemOf(errVanished), 0
	default:
		t.state, t.problem, t.Have = p2pv1.Transfer_STATE_DONE, nil, t.Size
	}
}

// rememberAbsent is resume for a transfer in whose conversation this person is no more.
func (x *exchange) rememberAbsent(d deal, info []byte, why *p2pv1.Reason) {
	t := newTransfer(d, info)
	t.absent(why)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all[d.Hash] = t
}

// seekFor has a transfer sought as its message says, if its conversation is open.
func (x *exchange) seekFor(ctx context.Context, t *transfer) error {
	c := x.node.conversation(t.Room)
	if c == nil {
		return errNoRoom
	}
	e, found, err := x.node.archive.Event(ctx, x.messageOf(t))
	if err != nil {
		return err
	}
	if !found {
		return errGone
	}
	f, err := body.ParseFile(e.Body)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	t.away = false
	x.seek(c, t, f)
	return nil
}

// lookForGiver notes whether who offers a download is still in the room.
func (x *exchange) lookForGiver(ctx context.Context, t *transfer) {
	c := x.node.conversation(t.Room)
	if c == nil || !c.talk.Known() || t.Mine {
		return
	}
	e, found, err := x.node.archive.Event(ctx, x.messageOf(t))
	if err != nil || !found {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	t.giverGone = c.talk.Role(e.Account) == room.Nobody
}

// messageOf returns the message that offers a transfer: it may become another.
func (x *exchange) messageOf(t *transfer) room.ID {
	x.mu.Lock()
	defer x.mu.Unlock()
	return t.Message
}
