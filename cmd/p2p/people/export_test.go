package people

import (
	"context"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// ForgeDelete says in a room that a message is deleted, with no right to it. The Talk takes that from its own program only as long as it does
// not know the message.
func (n *Node) ForgeDelete(ctx context.Context, where, message string) error {
	c, _, err := n.room(ctx, where)
	if err != nil {
		return err
	}
	id, err := parseID(message)
	if err != nil {
		return err
	}
	_, err = c.talk.Write(ctx, room.Delete, body.Delete(id))
	return err
}

// ForgeReaction puts any text to a message, as programs did before a reaction was an emoji.
func (n *Node) ForgeReaction(ctx context.Context, where, message, text string) error {
	c, _, err := n.room(ctx, where)
	if err != nil {
		return err
	}
	id, err := parseID(message)
	if err != nil {
		return err
	}
	_, err = c.talk.Write(ctx, body.KindReaction, (&body.Reaction{Target: id, Emoji: text}).AppendTo(nil))
	return err
}

// Begins reports whether the beginning of the conversation with somebody can be told to him again.
func (n *Node) Begins(ctx context.Context, with identity.Key, conversation string) bool {
	id, err := parseID(conversation)
	if err != nil {
		return false
	}
	_, err = n.beginning(n.beginningIn(ctx, id), id, with)
	return err == nil
}

// ForgetBeginnings has requests go out as those of versions do that send no beginning along.
func (n *Node) ForgetBeginnings(ctx context.Context) error {
	for _, p := range n.places() {
		p.Beginning = nil
		if err := n.write(ctx, record{Place: &p}); err != nil {
			return err
		}
	}
	return nil
}

// RemindSoon has devices told again of rooms without the time that they have to come by themselves.
func RemindSoon(t *testing.T) {
	before := remindAfter
	remindAfter = 10 * time.Millisecond
	t.Cleanup(func() { remindAfter = before })
}

// TellsCopies reports whether files in a folder tell that they are copies.
func TellsCopies(dir string) bool { return birthOf(dir) != "" }

// Admits reports whether a device may connect in the conversation with that id.
func (n *Node) Admits(conversation, device string) (bool, error) {
	id, err := parseID(conversation)
	if err != nil {
		return false, err
	}
	k, err := identity.ParseKey(device)
	c := n.conversation(id)
	return err == nil && c != nil && c.admits(k), err
}

// RecallSoon has what an account has left for its devices believed without the time that others have to say more.
func RecallSoon(t *testing.T) {
	before := recallAfter
	recallAfter = 10 * time.Millisecond
	t.Cleanup(func() { recallAfter = before })
}

// KeepBook leaves with the directory what the account's next device is to know.
func (n *Node) KeepBook(ctx context.Context) error {
	kept := make(chan error, 1)
	n.clerk.do(func(ctx context.Context) {
		n.mu.Lock()
		a := n.attended
		n.mu.Unlock()
		kept <- n.keep(ctx, a)
	})
	select {
	case err := <-kept:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Rung reports whether somebody stands at the door.
func (n *Node) Rung() bool {
	d := n.home()
	return d != nil && len(d.swarm.Stats().Guests) > 0
}

// Mark tells all who listen what is nothing but a mark: who has heard it twice has heard whatever was told before. Once is not enough:
// of what the history has to tell, some may come behind one event, and none behind two.
func (n *Node) Mark(mark string) {
	for range 2 {
		n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Typing{Typing: &p2pv1.Typing{Conversation: mark}}})
	}
}

// Signed returns how somebody calls himself in what he has signed and this node has: others have it from there when he is gone.
func (n *Node) Signed(account string) string {
	k, err := identity.ParseKey(account)
	if err != nil {
		return ""
	}
	return n.faces.signed(k)
}

// LookLate has contacts not looked up because a node has begun: what is found out is found out by what happens.
func LookLate(t *testing.T) {
	before := firstLook
	firstLook = time.Hour
	t.Cleanup(func() { firstLook = before })
}

// TurnSoon has devices of an account leave each other hardly any time.
func TurnSoon(t *testing.T) {
	before := turnTime
	turnTime = 10 * time.Millisecond
	t.Cleanup(func() { turnTime = before })
}

// Unsettle has somebody a contact, whatever the conversation with him says.
func (n *Node) Unsettle(ctx context.Context, who string) error {
	k, err := n.who(who)
	if err != nil {
		return err
	}
	k.State = p2pv1.ContactState_CONTACT_STATE_FRIEND
	return n.write(ctx, record{Contact: &k})
}

// Prepares has the next run prepare a file for a conversation, as if this one had been ended while it did.
func (n *Node) Prepares(ctx context.Context, conversation, path string) error {
	id, err := parseID(conversation)
	if err != nil {
		return err
	}
	w := &preparation{Room: id, Path: path, kept: true}
	if err := n.files.begin(w, nil); err != nil {
		return err
	}
	n.files.mu.Lock()
	defer n.files.mu.Unlock()
	w.cancel = func(error) {}
	return nil
}

// SignSoon has programs that ask for it given signs of life without delay. With stalls, the disk never answers in time.
func SignSoon(t *testing.T, stalls bool) {
	every, stall := signEvery, stallTime
	if signEvery = 10 * time.Millisecond; stalls {
		stallTime = 0
	}
	t.Cleanup(func() { signEvery, stallTime = every, stall })
}

// Unfollow has the next run find a room in the book as it was before this device was told of it last: it was not there, or had been left.
// Since when it was there it does not know, as if the clock of who has told it was fast.
func (n *Node) Unfollow(ctx context.Context, where string, left bool) error {
	p, err := n.where(where)
	if err != nil {
		return err
	}
	p.Left, p.Gone, p.Since = left, !left, 0
	return n.write(ctx, record{Place: &p})
}

// Invited reports whether somebody was told of a room since a time, in milliseconds.
func (n *Node) Invited(ctx context.Context, who, where string, since int64) (bool, error) {
	k, err := n.who(who)
	if err != nil {
		return false, err
	}
	p, err := n.where(where)
	if err != nil {
		return false, err
	}
	return n.invited(ctx, n.conversation(k.Room), p.Room, since)
}

// LedBackHalf has a conversation with somebody who is asked stand in the book, as it does for a moment when he has led back into it.
func (n *Node) LedBackHalf(ctx context.Context, who, conversation string) error {
	k, err := n.who(who)
	if err != nil {
		return err
	}
	id, err := parseID(conversation)
	if err != nil {
		return err
	}
	return n.write(ctx, record{Place: &place{Room: id, Swarm: swarmOf(id).String(), With: k.Account, Trackers: n.trackers(), Since: time.Now().UnixMilli()}})
}
