package people

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/identity"
)

// A contact is a key, and stays that one. Whom the directory names for his name is only compared with it, now and
// then: a difference is shouted about, and nothing is written to him until the person has decided (VerifyContact); in a room
// with others, unless the person says so (maySay).
//
// # What a directory that lies can do
//
// It can name another key for a name. That is never taken: it gets an alarm, and keeps two people from writing until
// they have compared their safety numbers; but no message and no trust.
//
// It can make an alarm of a true renaming, by giving the old name to somebody and denying the new one. It cannot hide
// a false key behind a renaming, since the card that says so is signed by the account that was there before
// (identity.Card), and an alarm ends by a card only if the directory itself names the old key for the new name.
// Who has posed as bob from the beginning, with the help of a directory that lied then, can end the alarm that
// is raised when it turns honest only by being known under another name, and the person is told exactly that.
//
// A card tells of a name at that account's directory, which may be another one: a name that this directory does not know, or
// knows as somebody else's, is not taken over.

// How often contacts are looked up at the directory. All of it is drawn at random around these, so
// that many who start together do not ask together.
const (
	lookEvery = 6 * time.Hour
	lookAgain = 2 * time.Minute // after the directory could not answer
	lookPause = time.Second     // between two contacts
	heedEvery = time.Minute     // a contact who says that he has another name
	heedFor   = 3 * time.Second // whom a person accepts, who waits for that
	// estrangeEvery is how often all are looked up at a directory that does not know this account.
	estrangeEvery = 10 * time.Minute
	heedBurst     = 3 // times, before that counts: he may have had one when he was met, and change it then
)

// firstLook is when they are looked up for the first time after the start.
var firstLook = 2 * time.Second

func around(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// finding is what is known of the names of a contact.
type finding struct {
	holder    identity.Key  // whom the directory names for the name that the book has; zero for nobody
	card      identity.Card // how he says himself that he is called; zero if he has not
	confirmed bool          // the directory names him for that
	name      string        // what is on the card, as the directory writes it
}

// tidings is what a finding comes to.
type tidings int

const (
	nothing    tidings = iota
	renamed            // he has another name, and nobody the old one
	reassigned         // he has another name, and somebody else the old one
	keyChanged         // his name has another key
)

// learn takes a finding over, and reports what it comes to, and whether k is another now.
func (k *contact) learn(f finding) (t tidings, differs bool) {
	if f.confirmed && f.card.Issued.UnixMilli() > k.Named {
		was := k.Directory
		k.Named, differs = f.card.Issued.UnixMilli(), true
		if !strings.EqualFold(was, f.name) {
			k.Directory, k.Changed, k.Other = f.name, identity.Key{}, identity.Key{}
			switch {
			case was == "":
				return nothing, true
			case !f.holder.IsZero() && f.holder != k.Account:
				return reassigned, true
			}
			return renamed, true
		}
	}
	switch {
	case f.holder == k.Account && !k.Other.IsZero():
		k.Other, differs = identity.Key{}, true
	case f.holder.IsZero(), f.holder == k.Account, f.holder == k.Other, f.holder == k.Changed:
	default:
		k.Changed = f.holder
		return keyChanged, true
	}
	return nothing, differs
}

// watched reports whether k is somebody whose key matters. One who asks may be met before it is written down that he
// was accepted.
func (k *contact) watched() bool {
	switch k.State {
	case p2pv1.ContactState_CONTACT_STATE_FRIEND, p2pv1.ContactState_CONTACT_STATE_ASKED, p2pv1.ContactState_CONTACT_STATE_ASKS:
		return true
	}
	return false
}

// knownAs is k's name at the directory, unless it is doubtful, or known, that another has it.
func (k *contact) knownAs() string {
	if !k.Changed.IsZero() || !k.Other.IsZero() {
		return ""
	}
	return k.Directory
}

// lookUp asks the directory about a contact.
func (n *Node) lookUp(ctx context.Context, client *directory.Client, k *contact) (f finding, err error) {
	if k.Directory != "" {
		p, err := n.holder(ctx, client, k.Directory)
		if err != nil {
			return f, err
		}
		f.holder = p.Account
	}
	n.mu.Lock()
	f.card = n.cards[k.Account]
	n.mu.Unlock()
	if f.card.IsZero() || f.card.Issued.UnixMilli() <= k.Named {
		return f, nil
	}
	p, err := n.holder(ctx, client, f.card.Name)
	f.confirmed, f.name = p.Account == k.Account, p.Name
	return f, err
}

// holder returns who has a name, without an account for nobody.
func (n *Node) holder(ctx context.Context, client *directory.Client, name string) (directory.Person, error) {
	p, err := client.Find(ctx, name)
	if errors.Is(err, directory.ErrNoPerson) {
		return directory.Person{}, nil
	}
	for _, c := range p.Certificates {
		n.known.add(c)
	}
	return p, err
}

// take takes over what was found out about a contact who had that name, and shouts if it must.
func (n *Node) take(ctx context.Context, account identity.Key, name string, f finding) error {
	n.asking.Lock()
	defer n.asking.Unlock()
	k, known := n.contact(account)
	if !known || !k.watched() || k.Directory != name {
		return nil // much has happened meanwhile
	}
	t, differs := k.learn(f)
	if !differs {
		return nil
	}
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	n.tellDoubt(account)
	n.review()
	n.callBack(account)
	if !strings.EqualFold(k.Directory, name) {
		n.suspect(account, k.Directory)
	}
	switch t {
	case keyChanged:
		n.log.Warn("a contact's name has another key at the directory", zap.String("name", k.Directory), zap.Stringer("pinned", k.Account), zap.Stringer("named", k.Changed))
		n.shoutKey(k)
	case renamed:
		n.shoutName(k, api.Renamed, name)
	case reassigned:
		n.shoutName(k, api.NameReassigned, name)
	}
	return nil
}

// suspect has those compared soon who are known by a name that somebody else comes with: either he is called like a contact, or
// the contact has another key now.
func (n *Node) suspect(newcomer identity.Key, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.attended == nil {
		return
	}
	for _, k := range n.book.namesakes(name, newcomer) {
		n.attended.heed(k.Account)
	}
}

// poses returns the contact whose name the directory gives to somebody else, and whom that one may pose as: the person has not decided yet.
func (n *Node) poses(newcomer identity.Key) (as contact, doubtful bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range n.book.contacts {
		if k.Changed == newcomer && k.watched() {
			return *k, true
		}
	}
	return contact{}, false
}

// notPosing compares those who are called like somebody who is to be a contact, and returns an error if he has the key that the
// directory names for one of them now. A directory that does not answer keeps nobody out: they are compared when it does.
func (n *Node) notPosing(ctx context.Context, newcomer contact) error {
	n.mu.Lock()
	a := n.attended
	all := n.book.namesakes(cmp.Or(newcomer.Directory, newcomer.His), newcomer.Account)
	n.mu.Unlock()
	if a != nil {
		ctx, cancel := context.WithTimeout(ctx, heedFor)
		defer cancel()
		for _, k := range all {
			f, err := n.lookUp(ctx, a.client, &k)
			if err != nil {
				break
			}
			if err := n.take(ctx, k.Account, k.Directory, f); err != nil {
				return failure(err)
			}
		}
	}
	return n.unlikeAny(newcomer.Account)
}

// unlikeAny returns an error for somebody who may pose as a contact: the person is to decide whose key it is (VerifyContact) first.
func (n *Node) unlikeAny(newcomer identity.Key) error {
	if k, doubtful := n.poses(newcomer); doubtful {
		return fail(failed, api.KeyChanged, "who", k.Name)
	}
	return nil
}

func (n *Node) shoutKey(k contact) {
	n.shout(p2pv1.Alert_KIND_KEY_CHANGED, k.Account, k.Changed.Short(), api.Problem(api.KeyChanged, "who", k.Name))
}

func (n *Node) shoutName(k contact, key, was string) {
	n.shout(p2pv1.Alert_KIND_RENAMED, k.Account, k.Directory, api.Problem(key, "who", k.Name, "was", was, "now", k.Directory))
}

// introduced takes in how an account says that it is called. Any goroutine may call it.
func (n *Node) introduced(card identity.Card) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch k := n.book.contacts[card.Account]; {
	case n.self == nil:
	case card.Account == n.self.accountKey():
		if card.Issued.After(n.self.card.Issued) && n.self.name != "" {
			n.clerk.do(func(ctx context.Context) { n.adopt(card) })
		}
	case k != nil && k.watched() && card.Issued.After(n.cards[card.Account].Issued):
		n.cards[card.Account] = card
		if n.attended != nil && card.Issued.UnixMilli() > k.Named {
			n.attended.heed(card.Account)
		}
	}
}

// adopt takes over the name that another device of the account has got for it.
func (n *Node) adopt(card identity.Card) {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.me()
	if err != nil || s.accountKey() != card.Account || !card.Issued.After(s.card.Issued) {
		return
	}
	if _, err := n.become(s, func(s *self) { s.name, s.card = card.Name, card }); err != nil {
		n.lost("name", err)
		return
	}
	n.mu.Lock()
	n.away.shown = p2pv1.Presence_PRESENCE_UNSPECIFIED // others are told
	a := n.attended
	n.mu.Unlock()
	if a != nil {
		a.misname(false, card.Name)
	}
	n.appear()
}

// heed has somebody looked up of whom there is news: soon, but after heedBurst times not more often than every heedEvery.
// It never waits.
func (a *attendance) heed(account identity.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, waits := a.news[account]; waits {
		return
	}
	now := time.Now()
	a.news[account] = now.Add(a.heeded.pace(account).ReserveN(now, 1).DelayFrom(now))
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// estrange has all contacts compared now. Directories forget nobody: one that does not know this account is another one,
// at the address of the first, and has other people under the names that it had.
func (a *attendance) estrange() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.estranged) < estrangeEvery {
		return
	}
	a.estranged, a.review = time.Now(), true
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// takeReview reports whether all are to be compared now, once.
func (a *attendance) takeReview() (now bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, a.review = a.review, false
	return now
}

// takeNews returns those of whom there is news and whose time has come, and when that of the next one does; zero for
// no other.
func (a *attendance) takeNews(now time.Time) (due []identity.Key, next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for account, at := range a.news {
		switch {
		case !now.Before(at):
			due = append(due, account)
			delete(a.news, account)
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	return due, next
}

// watch compares the contacts with the directory until ctx ends: all of them soon after the start and then every few
// hours, and one at once of whom there is news.
func (a *attendance) watch(ctx context.Context) {
	pace := rate.NewLimiter(rate.Every(lookPause), 3)
	var queue []identity.Key
	round := time.Now().Add(around(firstLook))
	for {
		due, next := a.takeNews(time.Now())
		queue = append(due, queue...)
		if a.takeReview() {
			round = time.Now()
		}
		if len(queue) == 0 && !time.Now().Before(round) {
			queue, round = a.node.watchedContacts(), time.Now().Add(around(lookEvery))
		}
		if len(queue) == 0 {
			if next.IsZero() || round.Before(next) {
				next = round
			}
			select {
			case <-ctx.Done():
				return
			case <-a.wake:
			case <-time.After(time.Until(next)):
			}
			continue
		}
		if pace.Wait(ctx) != nil {
			return
		}
		if err := a.compare(ctx, queue[0]); err != nil && ctx.Err() == nil {
			a.node.log.Debug("contacts were not compared", zap.Error(err))
			queue, round = nil, time.Now().Add(around(lookAgain))
			continue
		}
		queue = queue[1:]
	}
}

// compare looks one contact up. What follows from it the clerk does.
func (a *attendance) compare(ctx context.Context, account identity.Key) error {
	n := a.node
	k, known := n.contact(account)
	if !known || !k.watched() {
		return nil
	}
	f, err := n.lookUp(ctx, a.client, &k)
	if err != nil {
		return err
	}
	n.clerk.do(func(ctx context.Context) {
		if err := n.take(ctx, account, k.Directory, f); err != nil && ctx.Err() == nil {
			n.log.Warn("cannot write to the book", zap.Error(err))
		}
	})
	return nil
}

// watchedContacts returns those whose key matters, in any order.
func (n *Node) watchedContacts() (all []identity.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for account, k := range n.book.contacts {
		if k.watched() {
			all = append(all, account)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// sameKey looks once more at a contact who has the name of p and is not p: he has another name now, or the person
// is warned, and does not get to know p by the way.
func (n *Node) sameKey(ctx context.Context, client *directory.Client, p directory.Person) error {
	n.mu.Lock()
	var all []contact
	for _, k := range n.book.contacts {
		if k.watched() && strings.EqualFold(k.Directory, p.Name) && k.Account != p.Account {
			all = append(all, *k)
		}
	}
	n.mu.Unlock()
	for _, k := range all {
		f, err := n.lookUp(ctx, client, &k)
		if err != nil {
			return n.named(err, p.Name)
		}
		if err := n.take(ctx, k.Account, k.Directory, f); err != nil {
			return failure(err)
		}
		if now, _ := n.contact(k.Account); now.Changed == p.Account {
			if k.Changed == now.Changed { // it was shouted before
				n.shoutKey(now)
			}
			return fail(failed, api.KeyChanged, "who", now.Name)
		}
	}
	return nil
}
