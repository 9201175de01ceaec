package people

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// A device that comes to an account gets the book from another one. The last one may be lost, and who knew the account then would be
// known to nobody of it. So each account leaves a letter for itself at the directory: whom it knows, and in which rooms it is. It waits there
// for the next device; nobody takes it away, and a newer one takes its place.
//
// It is sealed for the account, as all letters are, and of a size that says little; that the account has sent it the directory
// proves by the signature of a device. It holds as much as there is space for: those whose keys are in doubt, to whom a device that had
// forgotten it would write, and then the conversations in which something was said last; then whom the account has asked, since who
// accepts it answers to nobody else. What
// it says is believed of what the book says nothing of, and so late that a device of the account that is there has told the book before.

// keepsake is what that letter says.
type keepsake struct {
	Contacts []contact `json:"contacts,omitempty"`
	Places   []place   `json:"places,omitempty"` // those of contacts go without saying
	Name     string    `json:"name,omitempty"`
}

const (
	keepsakePurpose = "keepsake"
	maxKeepsake     = directory.MaxSealed - identity.SealedOverhead // compressed
	keepsakeStep    = 1 << 10                                       // of its size
	maxKept         = 64 << 10                                      // not compressed

	keepAfter   = 15 * time.Second    // of a session in which nothing was heard of the letter that waits
	keepAgain   = 10 * 24 * time.Hour // before the directory forgets it
	keepsakeTry = time.Minute         // until another one is sent

	keepsakeLook = 3600 // after how many beats it is looked how old it is
)

// recallAfter is how long the account's other devices have to tell the book.
var recallAfter = 5 * time.Second

// kept is the letter that waits at the directory, as far as is known. It belongs to the clerk.
type kept struct {
	sum  [sha256.Size]byte // of what it says
	sent time.Time         // zero for none
	next time.Time         // not before that another one is sent
}

// keepsakeOf returns what a book says, those of whom there is most to lose first, which is the doubt about a key: last says when something was said in a conversation.
func (b *book) keepsakeOf(usual []string, last func(room.ID) int64) keepsake {
	k := keepsake{Name: b.name}
	for _, c := range b.sorted() {
		if c.toKeep() {
			k.Contacts = append(k.Contacts, b.toKeep(c))
		}
	}
	for _, p := range b.places {
		if !p.Left && p.Join == nil && !p.Room.IsZero() && p.With.IsZero() {
			kept := place{Room: p.Room, Host: p.Host, Name: p.Name}
			if !slices.Equal(p.Trackers, usual) {
				kept.Trackers = p.Trackers
			}
			k.Places = append(k.Places, kept)
		}
	}
	slices.SortStableFunc(k.Contacts, func(x, y contact) int {
		switch {
		case x.doubtful() && !y.doubtful():
			return -1
		case y.doubtful() && !x.doubtful():
			return 1
		case x.State != y.State && x.State == p2pv1.ContactState_CONTACT_STATE_ASKED:
			return 1
		case x.State != y.State && y.State == p2pv1.ContactState_CONTACT_STATE_ASKED:
			return -1
		}
		return cmp.Compare(last(y.Room), last(x.Room))
	})
	slices.SortFunc(k.Places, func(x, y place) int {
		return cmp.Or(cmp.Compare(last(y.Room), last(x.Room)), bytes.Compare(x.Room[:], y.Room[:]))
	})
	return k
}

// toKeep returns what is kept of a contact. Of one who was asked it is the whole request: the next device sends it again, in the place of
// the one that waits for him.
func (b *book) toKeep(c *contact) contact {
	k := contact{
		Account: c.Account, Name: c.Name, His: c.His, Named: c.Named, Directory: c.Directory, State: c.State, Room: c.Room, Before: c.Before,
		Verified: c.Verified, Differs: c.Differs, Changed: c.Changed, Other: c.Other, Replaced: c.Replaced,
	}
	switch k.State {
	case p2pv1.ContactState_CONTACT_STATE_REMOVED:
		k.Room = room.ID{} // older builds open a conversation for each
	case p2pv1.ContactState_CONTACT_STATE_ASKED:
		k.Note, k.Asked, k.Reach = c.Note, c.Asked, c.Reach
		if p := b.places[swarmOf(c.Room).String()]; p != nil {
			k.Beginning = p.Beginning
		}
	}
	return k
}

// toKeep reports whether an account is to know of a contact though all its devices are lost: it has him, has asked him, has blocked
// him, or doubts a key of his, which rooms may still have.
func (k *contact) toKeep() bool {
	switch k.State {
	case p2pv1.ContactState_CONTACT_STATE_FRIEND, p2pv1.ContactState_CONTACT_STATE_ASKED, p2pv1.ContactState_CONTACT_STATE_BLOCKED:
		return true
	case p2pv1.ContactState_CONTACT_STATE_REMOVED:
		return k.doubtful()
	}
	return false
}

// sort makes two that say the same be the same.
func (k *keepsake) sort() {
	slices.SortFunc(k.Contacts, func(x, y contact) int { return x.Account.Compare(y.Account) })
	slices.SortFunc(k.Places, func(x, y place) int { return bytes.Compare(x.Room[:], y.Room[:]) })
}

// pack returns as much of k as there is space for.
func (k keepsake) pack() ([]byte, error) {
	for {
		short := keepsake{slices.Clone(k.Contacts), slices.Clone(k.Places), k.Name}
		short.sort()
		text, err := json.Marshal(short)
		if err != nil {
			return nil, fmt.Errorf("write keepsake: %w", err)
		}
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestCompression)
		if err == nil {
			_, err = w.Write(text)
		}
		if err == nil {
			err = w.Close()
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("write keepsake: %w", err)
		case b.Len() <= maxKeepsake && len(text) <= maxKept:
			size := min(maxKeepsake, (b.Len()+keepsakeStep-1)/keepsakeStep*keepsakeStep)
			return append(b.Bytes(), make([]byte, size-b.Len())...), nil
		case len(k.Contacts) > 0 && k.Contacts[len(k.Contacts)-1].State == p2pv1.ContactState_CONTACT_STATE_ASKED: // the longest, and the least
			k.Contacts = k.Contacts[:len(k.Contacts)-1]
		case len(k.Places) > 0 && len(k.Places) >= len(k.Contacts)/2:
			k.Places = k.Places[:len(k.Places)-1]
		default:
			k.Contacts = k.Contacts[:len(k.Contacts)-1]
		}
	}
}

// unpack reads what pack returns. The error wraps errLetter.
func unpack(b []byte) (k keepsake, err error) {
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxKept))
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil {
		return keepsake{}, fmt.Errorf("%w: %w", errLetter, err)
	}
	if !isName(k.Name) {
		return keepsake{}, fmt.Errorf("%w: its name cannot be shown", errLetter)
	}
	for i := range k.Contacts {
		c := &k.Contacts[i]
		inRoom := c.State == p2pv1.ContactState_CONTACT_STATE_FRIEND || c.State == p2pv1.ContactState_CONTACT_STATE_ASKED
		if c.Account.IsZero() || c.Room.IsZero() && inRoom || !isName(c.Name) || !isName(c.His) || !plain(c.Directory, maxNameLen) ||
			!plain(c.Note, 4*maxNote) || len(c.Beginning) > maxBeginning {
			return keepsake{}, fmt.Errorf("%w: a contact in it is none", errLetter)
		}
	}
	for i := range k.Places {
		if p := &k.Places[i]; p.Room.IsZero() || !plain(p.Name, room.MaxName) || slices.ContainsFunc(p.Trackers, func(t string) bool { return !announceURL(t) }) {
			return keepsake{}, fmt.Errorf("%w: a room in it is none", errLetter)
		}
	}
	return k, nil
}

// keepBook leaves the letter, if the one that waits says something else. The clerk calls it.
func (n *Node) keepBook(ctx context.Context) {
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	if a == nil || !a.heardLong(keepAfter) {
		return
	}
	if err := n.keep(ctx, a); err != nil && ctx.Err() == nil {
		n.log.Debug("the directory does not keep whom this person knows", zap.Error(err))
	}
}

// heardLong reports whether there is a session for so long that what waits has come.
func (a *attendance) heardLong(least time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.connected && time.Since(a.since) >= least
}

// keep is keepBook for who knows that what waits was heard.
func (n *Node) keep(ctx context.Context, a *attendance) error {
	now := time.Now()
	if now.Before(a.kept.next) {
		return nil
	}
	n.unkept.Store(false)
	usual := n.trackers()
	said := map[room.ID]int64{}
	for _, p := range n.places() {
		if last, err := n.archive.Before(ctx, p.Room, history.End, 1); err == nil && len(last) > 0 {
			said[p.Room] = int64(last[0].Event.Wall)
		}
	}
	n.mu.Lock()
	s, k := n.self, n.book.keepsakeOf(usual, func(id room.ID) int64 { return said[id] })
	n.mu.Unlock()
	if s == nil || len(k.Contacts)+len(k.Places) == 0 {
		return nil
	}
	b, err := k.pack()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	if sum == a.kept.sum && now.Sub(a.kept.sent).Abs() < keepAgain {
		return nil
	}
	a.kept.next = now.Add(keepsakeTry)
	sealed, err := s.accountKey().Seal(keepsakePurpose, b)
	if err == nil {
		_, err = a.client.Send(ctx, s.accountKey(), sealed)
	}
	if err != nil {
		n.unkept.Store(true)
		return err
	}
	a.kept.sum, a.kept.sent = sum, now
	return nil
}

// recall takes in the letter of the account to itself, which stays where it is.
func (n *Node) recall(s *self, a *attendance, m directory.Mail) {
	b, err := s.account.Open(keepsakePurpose, m.Sealed)
	var k keepsake
	if err == nil {
		k, err = unpack(b)
	}
	if err != nil {
		n.log.Info("what the account has left for its devices cannot be read", zap.Error(err))
		return
	}
	a.kept.sum, a.kept.sent = sha256.Sum256(b), m.Sent
	time.AfterFunc(recallAfter, func() {
		n.clerk.do(func(ctx context.Context) {
			if now, err := n.me(); err != nil || now.accountKey() != s.accountKey() {
				return
			}
			if err := n.remembers(ctx, k); err != nil && ctx.Err() == nil {
				n.log.Warn("cannot write to the book", zap.Error(err))
			}
		})
	})
}

// remembers writes into the book what a keepsake says of whom and what the book says nothing.
func (n *Node) remembers(ctx context.Context, k keepsake) error {
	n.asking.Lock()
	defer n.asking.Unlock()
	var all, people []record
	now := time.Now().UnixMilli()
	for i := range k.Contacts {
		c := k.Contacts[i]
		switch have, known := n.contact(c.Account); {
		case !known:
			begins := c.Beginning
			c.Beginning = nil
			people = append(people, record{Contact: &c})
			if !c.Room.IsZero() {
				k.Places = append(k.Places, place{Room: c.Room, With: c.Account, Beginning: begins})
			}
		case have.State == p2pv1.ContactState_CONTACT_STATE_ASKS && c.State == p2pv1.ContactState_CONTACT_STATE_ASKED: // both want it
			if n.place(c.Room) != nil || n.unlikeAny(c.Account) != nil { // this device knows that request, and what has become of it
				continue
			}
			if err := n.accept(ctx, have); err != nil {
				return err
			}
			n.alert(p2pv1.Alert_KIND_ANSWERED, c.Account, "")
		case have.State == p2pv1.ContactState_CONTACT_STATE_ASKED && c.State == p2pv1.ContactState_CONTACT_STATE_FRIEND: // the person was faster
			if err := n.resume(ctx, have, letter{Kind: accepts, Room: c.Room, Trackers: n.trackers()}); err != nil {
				return err
			}
		}
	}
	for i := range k.Places {
		p := k.Places[i]
		p.Swarm, p.Since = swarmOf(p.Room).String(), now
		if len(p.Trackers) == 0 {
			p.Trackers = n.trackers()
		}
		all = append(all, record{Place: &p})
	}
	if k.Name != "" {
		all = append(all, record{Name: &k.Name})
	}
	all = append(all, people...) // whose conversations there are by then
	n.mu.Lock()
	all = slices.DeleteFunc(all, func(r record) bool {
		_, known := n.book.at[r.subject()]
		return known
	})
	n.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	for _, r := range all {
		if err := n.write(ctx, r); err != nil {
			return err
		}
	}
	err := n.refit(ctx)
	n.tellContacts()
	n.tellConversations()
	return err
}
