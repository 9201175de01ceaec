package people

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

// received takes in a letter that is genuine.
func (n *Node) received(ctx context.Context, from identity.Key, l letter) error {
	if n.isBlocked(from) {
		return nil
	}
	switch l.Kind {
	case asks:
		n.asking.Lock()
		defer n.asking.Unlock()
		return n.asked(ctx, from, l)
	case accepts:
		if c := n.conversation(l.Room); c != nil {
			c.swarm.Expect(l.Addrs)
		}
	}
	n.asking.Lock()
	defer n.asking.Unlock()
	k, known := n.contact(from)
	switch {
	case !known && l.Kind == accepts && !l.Room.IsZero(): // a device has asked him that is lost: what he has accepted he would ask for
		return n.asked(ctx, from, l)
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && k.Room == l.Room && l.Kind == refuses && !n.hasMet(k): // he has thought better of it
	case !known || k.State != p2pv1.ContactState_CONTACT_STATE_ASKED:
		return nil
	case k.Room != l.Room && l.Kind == accepts:
		return n.resume(ctx, k, l)
	case k.Room != l.Room:
		return nil
	}
	k.State = p2pv1.ContactState_CONTACT_STATE_REFUSED
	if l.Kind == accepts { // he has signed it: that he has joined the room would say no more, and nobody may ever get through to see it
		k.State = p2pv1.ContactState_CONTACT_STATE_FRIEND
	}
	err := n.write(ctx, record{Contact: &k})
	if err == nil {
		n.alert(p2pv1.Alert_KIND_ANSWERED, from, "")
		n.tellContact(from)
		err = n.refit(ctx)
	}
	return err
}

// hasMet reports whether a contact has ever been in the conversation of the two, as far as is known here: then what he does there counts.
func (n *Node) hasMet(k contact) bool {
	c := n.conversation(k.Room)
	return c != nil && len(c.talk.Devices(k.Account)) > 0
}

func (n *Node) isBlocked(k identity.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.book.blocked(k)
}

// asked takes in that somebody wants to be a contact. For who has a link from this person, and is the first who uses it, she
// need not be asked. The caller holds asking.
func (n *Node) asked(ctx context.Context, from identity.Key, l letter) error {
	k, known := n.contact(from)
	n.mu.Lock()
	invited, late := n.book.redeems(l.token, from, time.Now().UnixMilli())
	n.mu.Unlock()
	if _, doubtful := n.poses(from); doubtful {
		invited = false // whoever has the link: that he has another's name is for the person to decide
	}
	redeemed := invited
	switch {
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_ASKS && !invited:
		return n.askedAgain(ctx, k, l)
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_REMOVED && !invited && k.wasRefused(time.Now()):
		n.tellVisitor(from, knock.Answer{Verdict: knock.Refused})
		_, _ = n.post(ctx, from, letter{Kind: refuses, Room: l.Room})
		return nil
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && k.Room == l.Room: // the answer has not reached him
		n.commence(ctx, n.conversation(k.Room), from, l.Beginning)
		_, _ = n.post(ctx, from, letter{Kind: accepts, Room: k.Room})
		return nil
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && l.Resumes:
		if redeemed {
			if err := n.redeem(ctx, l.token, from); err != nil {
				return err
			}
		}
		n.leadBack(ctx, k, l)
		return nil
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_BLOCKED,
		known && k.Room == l.Room && (k.State != p2pv1.ContactState_CONTACT_STATE_ASKS || !invited):
		return nil // it came twice
	case known && k.State == p2pv1.ContactState_CONTACT_STATE_ASKED, known && k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND:
		// Both have asked, or he has lost his contacts and asks anew. Both sides know both rooms, and take
		// the one with the smaller name, unless only his is left.
		if k.State == p2pv1.ContactState_CONTACT_STATE_ASKED && bytes.Compare(k.Room[:], l.Room[:]) < 0 {
			return nil
		}
		invited = true
	}
	was := k
	n.faces.called(from, l.Name)
	if !known || k.Name == "" {
		k.Name = n.freeName(l.Name, from)
		k.His = cmp.Or(l.Name, k.Name)
	}
	k.Account, k.Room, k.Note, k.Asked, k.Late = from, l.Room, l.Note, time.Now().UnixMilli(), late
	k.Reach, k.Beginning = reach{Trackers: l.Trackers, Addrs: l.Addrs}, n.begun(from, l)
	k.State = p2pv1.ContactState_CONTACT_STATE_ASKS
	if !invited {
		return n.requested(ctx, k, l)
	}
	if redeemed { // first: a link that lets two in is worse than one that has let in nobody
		if err := n.redeem(ctx, l.token, from); err != nil {
			return err
		}
	}
	return n.agree(ctx, was, k, l)
}

// requested leaves a request to the person.
func (n *Node) requested(ctx context.Context, k contact, l letter) error {
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	n.alert(p2pv1.Alert_KIND_REQUEST, k.Account, l.Note)
	n.tellContact(k.Account)
	n.suspect(k.Account, l.Name)
	return nil
}

// agree accepts who asks, since the person has said already that she wants it. Was is what stood in the book before: of a request of her
// own nothing is left.
func (n *Node) agree(ctx context.Context, was, k contact, l letter) error {
	if err := n.accept(ctx, k); err != nil {
		return err
	}
	n.suspect(k.Account, l.Name)
	own := n.place(was.Room)
	if was.State != p2pv1.ContactState_CONTACT_STATE_ASKED || own == nil {
		return nil
	}
	if err := n.desert(ctx, own, l.Room); err != nil {
		return err
	}
	return n.refit(ctx)
}

// What is written of those who ask again stays in the history for good, so it has a pace for each, as at the door (package knock).
const (
	againBurst = 8
	againEvery = 5 * time.Minute
	// refusedFor is how long a refusal answers for the person: a link of hers, or her own request, ends it.
	refusedFor = 7 * 24 * time.Hour
)

// askedAgain takes in a request of one whose request waits already: that is no news, only what it says may be. What comes too fast is
// not taken in; who asks says it again with each session of his.
func (n *Node) askedAgain(ctx context.Context, k contact, l letter) error {
	note, beginning := cmp.Or(l.Note, k.Note), n.begun(k.Account, l)
	if k.Room == l.Room && len(beginning) == 0 {
		beginning = k.Beginning
	}
	if k.Room == l.Room && k.Note == note && bytes.Equal(k.Beginning, beginning) || !n.mayAskAgain(k.Account) {
		return nil
	}
	k.Room, k.Note, k.Reach, k.Beginning = l.Room, note, reach{Trackers: l.Trackers, Addrs: l.Addrs}, beginning
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	n.tellContact(k.Account)
	return nil
}

func (n *Node) mayAskAgain(account identity.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.askers.pace(account).Allow()
}

// wasRefused reports whether the person has refused k a while ago, and so does not want to be asked again.
func (k *contact) wasRefused(now time.Time) bool {
	return k.Refused > 0 && now.Sub(time.UnixMilli(k.Refused)).Abs() < refusedFor
}

// redeem writes down whom a link has let in.
func (n *Node) redeem(ctx context.Context, t identity.Token, who identity.Key) error {
	n.mu.Lock()
	i := *n.book.invites[t]
	n.mu.Unlock()
	if i.Used == who {
		return nil
	}
	i.Used = who
	return n.write(ctx, record{Invite: &i})
}

func (n *Node) freeName(name string, but identity.Key) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !seen(name) {
		name = but.Short()
	}
	return n.book.free(cut(name, maxNameLen-4), but)
}

// accept makes a contact of who asks: enters the room of the two, and tells him.
func (n *Node) accept(ctx context.Context, k contact) error {
	k.State, k.Refused = p2pv1.ContactState_CONTACT_STATE_FRIEND, 0
	p := place{
		Room: k.Room, Swarm: swarmOf(k.Room).String(), With: k.Account, Trackers: k.Reach.Trackers, Addrs: k.Reach.Addrs, Since: time.Now().UnixMilli(),
		Beginning: k.Beginning,
	}
	k.Beginning = nil
	if err := n.write(ctx, record{Place: &p}); err != nil {
		return err
	}
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	if err := n.refit(ctx); err != nil {
		return err
	}
	n.tellVisitor(k.Account, knock.Answer{Verdict: knock.Accepted})
	_, _ = n.post(ctx, k.Account, letter{Kind: accepts, Room: k.Room}) // that this person joins the room says it too
	n.tellContact(k.Account)
	n.tellRoom(k.Room, false)
	return nil
}

// post leaves a letter with the directory, and reports whether the other is there to take it. An error is none of
// the caller's: requests are sent again, and answers can be seen otherwise.
func (n *Node) post(ctx context.Context, to identity.Key, l letter) (online bool, err error) {
	n.mu.Lock()
	a, s := n.attended, n.self
	l.Name = cut(n.displayName(), maxNameLen)
	n.mu.Unlock()
	if a == nil {
		return false, errNoDirectory
	}
	l.Trackers, l.Addrs = first(n.trackers(), maxTrackers), first(n.addrs(), maxAddrs)
	sealed, err := s.sealLetter(to, l)
	if err != nil {
		return false, err
	}
	online, err = a.client.Send(ctx, to, sealed)
	if err != nil {
		n.log.Debug("a letter was not sent", zap.Error(err))
	}
	return online, err
}

// request returns the letter that asks somebody to be a contact.
func (n *Node) request(k contact) letter {
	l := letter{Kind: asks, Room: k.Room, Note: k.Note}
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.book.places[swarmOf(k.Room).String()]; p != nil {
		l.Beginning = p.Beginning
	}
	l.Resumes = n.book.resumes(&k)
	return l
}

// resend sends the requests again that have not been answered: a session with the directory has begun.
func (n *Node) resend(ctx context.Context) {
	n.mu.Lock()
	var open []contact
	for _, k := range n.book.contacts {
		if k.State == p2pv1.ContactState_CONTACT_STATE_ASKED {
			open = append(open, *k)
		}
	}
	n.mu.Unlock()
	for _, k := range open {
		_, _ = n.post(ctx, k.Account, n.request(k)) // it has logged why not
	}
}

// errNoDirectory is that a letter cannot be left anywhere.
var errNoDirectory = errors.New("no directory is used")
