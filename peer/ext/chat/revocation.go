package chat

import (
	"context"
	"fmt"
	"slices"

	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
)

// Who gives out a link into a room remembers the revocations that he knew. One that he did not know makes it void, whether it was
// written later or at the same time somewhere else: so no clock and no order of the two has to be believed. Only the device of
// who has given the link lets somebody in by it, so it is enough that this one knows, as soon as it has met any other member.
//
// maxRevocations is how many count, the last in the order of the room, so that what a link remembers is bounded however
// often somebody revokes: a link that is older than an earlier one is older than these.
const maxRevocations = 32

// Revoke makes all links into the room void that were given out before. It waits as Write does. The error is ErrNotAllowed for who
// is no moderator.
func (t *Talk) Revoke(ctx context.Context) error {
	_, err := t.Write(ctx, body.KindRevocation, body.Revocation())
	return err
}

// Revocations returns the last revocations, in the order of the room. It waits for a turn of the Talk.
func (t *Talk) Revocations(ctx context.Context) ([]room.ID, error) {
	var ids []room.ID
	_, err := t.submit(ctx, func(r *room.Room) (room.Event, room.Outcome, error) {
		all := slices.DeleteFunc(t.store.Hidden(body.KindRevocation), func(m room.Meta) bool { return !r.Moderated(&m) })
		slices.SortFunc(all, func(a, b room.Meta) int { return a.Compare(&b.Event) })
		for _, m := range all[max(0, len(all)-maxRevocations):] {
			ids = append(ids, m.ID)
		}
		return room.Event{}, room.Outcome{}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	return ids, nil
}
