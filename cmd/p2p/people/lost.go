package people

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// An offer lasts as long as the file at its path is what it was. When it is not, the person who offered it is told, once, and so are
// the others, who would wait for it in vain: by package offer, since the swarm of the file has ended.

// lost reports whether it is an offer of this person whose file is not any more what it was. The caller holds mu.
func (t *transfer) lost() bool {
	return t.Mine && t.state == p2pv1.Transfer_STATE_FAILED && (t.problem.GetKey() == api.FileChanged || t.problem.GetKey() == api.FileGone)
}

// lostIn returns the offers in a room that are lost.
func (x *exchange) lostIn(id room.ID) (all []infohash.T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for h, t := range x.all {
		if t.Room == id && t.lost() {
			all = append(all, h)
		}
	}
	return all
}

// regret tells everybody that an offer is lost.
func (x *exchange) regret(t *transfer, problem *p2pv1.Reason) {
	if c := x.node.conversation(t.Room); c != nil {
		c.offers.Regret(t.Hash)
	}
	if x.noteLost(t, true) { // else it was told in an earlier run
		x.node.shout(p2pv1.Alert_KIND_OFFER_LOST, identity.Key{}, t.Path, api.Problem(api.OfferLost, "path", t.Path, "problem", problem.GetKey()))
	}
}

// noteLost keeps whether the person has been told that an offer is lost, and reports whether that is news.
func (x *exchange) noteLost(t *transfer, lost bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.Lost == lost {
		return false
	}
	t.Lost = lost
	if err := x.keep(); err != nil {
		x.node.log.Warn("a file is not kept", zap.String("path", t.Path), zap.Error(err))
	}
	return true
}

// hear takes in that a device says that a file is lost. It counts when it was his who has the device to offer it.
func (x *exchange) hear(id room.ID, device identity.Key, h infohash.T) {
	x.mu.Lock()
	t := x.all[h]
	waits := t != nil && t.Room == id && !t.Mine && !t.giverLost
	x.mu.Unlock()
	if !waits {
		return
	}
	x.node.clerk.do(func(ctx context.Context) {
		e, found, err := x.node.archive.Event(ctx, t.Message)
		if err != nil || !found || x.node.known.owner(device) != e.Account {
			return
		}
		x.mu.Lock()
		t.giverLost = true
		x.mu.Unlock()
		x.tell()
	})
}

// notThere reports whether an error is that a file is not any more what it was.
func notThere(err error) bool { return errors.Is(err, errVanished) || errors.Is(err, errChanged) }
