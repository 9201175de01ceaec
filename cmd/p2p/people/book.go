package people

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// record is what the devices of an account tell each other in their own room: the newest state of one contact,
// place or invite. Of two about the same one, the later in the room's order counts.
type record struct {
	Contact *contact  `json:"contact,omitempty"`
	Place   *place    `json:"place,omitempty"`
	Invite  *invite   `json:"invite,omitempty"`
	Name    *string   `json:"name,omitempty"` // how the account calls itself
	Told    *toldName `json:"told,omitempty"`
}

// contact is a person as the account knows him.
type contact struct {
	Account   identity.Key       `json:"account"`
	Name      string             `json:"name"`                // what the account calls him
	His       string             `json:"his,omitempty"`       // what he called himself when he got Name by that; empty: the account has given it
	Was       string             `json:"was,omitempty"`       // Name before he called himself otherwise
	Directory string             `json:"directory,omitempty"` // his name there
	State     p2pv1.ContactState `json:"state"`
	Room      room.ID            `json:"room"` // of the two
	Verified  bool               `json:"verified,omitempty"`
	Differs   bool               `json:"differs,omitempty"` // the person has found that the other one sees another safety number
	Named     int64              `json:"named,omitempty"`   // milliseconds of the card by which he got that name
	Changed   identity.Key       `json:"changed,omitzero"`  // what the directory names for his name now, and the person has not decided on
	Other     identity.Key       `json:"other,omitzero"`    // the same, and the person knows that this is somebody else
	Replaced  identity.Key       `json:"replaced,omitzero"` // the key that the person took for his in place of this one
	Before    p2pv1.ContactState `json:"before,omitempty"`  // State when he was blocked
	Note      string             `json:"note,omitempty"`    // what he, or the account, wrote with the request
	Asked     int64              `json:"asked,omitempty"`   // milliseconds
	Arrived   bool               `json:"arrived,omitempty"` // a device of his has said that it has the request
	Refused   int64              `json:"refused,omitempty"` // milliseconds; by the account, when it was last asked
	Late      identity.Key       `json:"late,omitzero"`     // who had used the link of the account with which he asks
	Reach     reach              `json:"reach,omitzero"`
	Resumes   bool               `json:"resumes,omitempty"`   // when he was asked the account knew of no other conversation with him
	Sought    int64              `json:"sought,omitempty"`    // milliseconds; when the account, which had him, has followed another link of his
	Beginning []byte             `json:"beginning,omitempty"` // of Room, as he has sent it with a request that waits
}

// reach is where somebody is to be found.
type reach struct {
	Trackers []string         `json:"trackers,omitempty"`
	Addrs    []netip.AddrPort `json:"addrs,omitempty"`
	Token    identity.Token   `json:"token,omitzero"` // of the link that led to him
}

// news reports whether r leads to somewhere, and was not known before.
func (r reach) news(before reach) bool {
	return len(r.Trackers)+len(r.Addrs) > 0 && (r.Token != before.Token || !slices.Equal(r.Trackers, before.Trackers) || !slices.Equal(r.Addrs, before.Addrs))
}

// place is a conversation that the account is in, or has left.
type place struct {
	Room     room.ID          `json:"room"`           // zero while only the link is known
	Swarm    string           `json:"swarm"`          // info-hash of the room: what a link names
	With     identity.Key     `json:"with,omitzero"`  // of a direct one
	Host     identity.Key     `json:"host,omitzero"`  // who let the account in, and is believed before the room is known
	Name     string           `json:"name,omitempty"` // before the room is known, and after it was left
	Trackers []string         `json:"trackers,omitempty"`
	Addrs    []netip.AddrPort `json:"addrs,omitempty"` // where members were
	Left     bool             `json:"left,omitempty"`
	Farewell farewell         `json:"farewell,omitzero"`
	Since    int64            `json:"since,omitempty"` // milliseconds
	Join     *reach           `json:"join,omitempty"`  // how to get in, while it has not happened; of a room that he was in before, until that says that he is in again
	Refused  *refusal         `json:"refused,omitempty"`
	Gone     bool             `json:"gone,omitempty"` // there is nothing to read, and it is listed no more

	Beginning []byte `json:"beginning,omitempty"` // of a direct one: for those devices of the account that have not met anybody there
}

// refusal is why a link did not lead into a room.
type refusal struct {
	Reason string `json:"reason"` // one of package api
	Limit  int    `json:"limit,omitempty"`
}

// farewell names the event by which the account left a room.
type farewell struct {
	Device identity.Key `json:"device,omitzero"`
	Seq    uint64       `json:"seq,omitempty"`
}

// event returns as much of that event as says whether it was delivered.
func (f farewell) event() *room.Event {
	return &room.Event{Header: room.Header{Author: f.Device, Seq: f.Seq}}
}

// invite is a link that the account has given out.
type invite struct {
	Token identity.Token `json:"token"`
	Room  room.ID        `json:"room,omitzero"`  // zero: to the account itself
	Made  int64          `json:"made,omitempty"` // milliseconds
	Until int64          `json:"until"`          // milliseconds
	Void  bool           `json:"void,omitempty"`
	Known []room.ID      `json:"known,omitempty"` // revocations in Room when it was made: any other one makes it void
	Used  identity.Key   `json:"used,omitzero"`   // whom one to the account itself has let in: it lets in nobody else
}

// book is what an account's devices agree on. It is guarded by its Node.
type book struct {
	at       map[string]history.Position // where the record that counts stands, by what it is about
	name     string
	told     toldName
	looks    map[string][]*contact // by the skeletons of their names; nil: to be made anew
	contacts map[identity.Key]*contact
	places   map[string]*place // by Swarm
	invites  map[identity.Token]*invite
}

func newBook() *book {
	return &book{at: map[string]history.Position{}, contacts: map[identity.Key]*contact{}, places: map[string]*place{}, invites: map[identity.Token]*invite{}}
}

// toldSubject is what a record of how others were told that the account is called is about.
const toldSubject = "told"

// subject returns what a record is about, empty for nothing that is known.
func (r record) subject() string {
	switch {
	case r.Contact != nil:
		return "contact " + r.Contact.Account.String()
	case r.Place != nil:
		return "place " + r.Place.Swarm
	case r.Invite != nil:
		return "invite " + string(r.Invite.Token[:])
	case r.Name != nil:
		return "name"
	case r.Told != nil:
		return toldSubject
	}
	return ""
}

// apply takes in a record that stands at a position of the own room, and reports whether it counts. Records
// may come in any order.
func (b *book) apply(r record, at history.Position) bool {
	about := r.subject()
	if have, known := b.at[about]; about == "" || known && !have.Less(at) {
		return false
	}
	b.at[about] = at
	switch {
	case r.Contact != nil:
		b.contacts[r.Contact.Account], b.looks = r.Contact, nil
	case r.Place != nil:
		b.places[r.Place.Swarm] = r.Place
		if r.Place.Gone {
			delete(b.places, r.Place.Swarm)
		}
	case r.Invite != nil:
		b.invites[r.Invite.Token] = r.Invite
	case r.Name != nil:
		b.name = *r.Name
	case r.Told != nil:
		b.told = *r.Told
	}
	return true
}

// parseRecord reads the body of an event of the own room.
func parseRecord(body []byte) (record, error) {
	var r record
	if err := json.Unmarshal(body, &r); err != nil {
		return record{}, fmt.Errorf("read record: %w", err)
	}
	return r, nil
}

func (r record) body() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write record: %w", err)
	}
	return b, nil
}

// sorted returns the contacts by name.
func (b *book) sorted() []*contact {
	return slices.SortedFunc(maps.Values(b.contacts), func(x, y *contact) int {
		return cmp.Or(cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name)), x.Account.Compare(y.Account))
	})
}

// free returns name, or if another contact has it, or was called so, name with a number.
func (b *book) free(name string, but identity.Key) string {
	taken := func(s string) bool {
		for k, c := range b.contacts {
			if k != but && (strings.EqualFold(c.Name, s) || strings.EqualFold(c.Was, s)) {
				return true
			}
		}
		return false
	}
	try := name
	for n := 2; taken(try); n++ {
		try = fmt.Sprintf("%s-%d", name, n)
	}
	return try
}

// namesakes returns copies of those whose key matters, but for one, who have a name at the directory, and are called like name here or there.
func (b *book) namesakes(name string, but identity.Key) (all []contact) {
	looks := dirwire.Skeleton(name)
	for account, k := range b.contacts {
		if looks == "" || account == but || !k.watched() || k.Directory == "" {
			continue
		}
		if slices.ContainsFunc([]string{k.Directory, k.Name, k.Was}, func(s string) bool { return dirwire.Skeleton(s) == looks }) {
			all = append(all, *k)
		}
	}
	return all
}

// empty reports whether the account knows nobody, is nowhere, and has invited nobody.
func (b *book) empty() bool { return len(b.contacts)+len(b.places)+len(b.invites) == 0 }

// friend reports whether the two have each other.
func (b *book) friend(k identity.Key) bool {
	c := b.contacts[k]
	return c != nil && c.State == p2pv1.ContactState_CONTACT_STATE_FRIEND
}

// resumes reports whether the account knows of no other conversation with somebody than the one in which it asks him: he may know of one,
// from before this device was the account's. While a request lasts that stays what it was when it was made: the conversation that he
// leads back into stands in the book a moment before he is no more asked, and a request that denied then that it goes on in one would
// lead him out of it.
func (b *book) resumes(k *contact) bool {
	if k.Resumes {
		return true
	}
	for _, p := range b.places {
		if p.With == k.Account && p.Room != k.Room {
			return false
		}
	}
	return true
}

// blocked reports whether the account wants to hear nothing of somebody.
func (b *book) blocked(k identity.Key) bool {
	c := b.contacts[k]
	return c != nil && c.State == p2pv1.ContactState_CONTACT_STATE_BLOCKED
}

// admits reports whether a token lets somebody in: into a room, or as a contact if room is
// zero; and if not, why. Who has a token that was never given out for that hears nothing. Now is in milliseconds.
func (b *book) admits(t identity.Token, in room.ID, now int64) (ok bool, why knock.Why) {
	i := b.invites[t]
	switch {
	case t == identity.Token{} || i == nil || i.Room != in:
		return false, knock.Unsaid
	case i.Void:
		return false, knock.Revoked
	case now >= i.Until:
		return false, knock.Expired
	}
	return true, knock.Unsaid
}

// redeems reports whether the token of a link to the account lets somebody in without a question: the first who comes with it,
// and him again unless the two have parted since. Another is told apart from who has no good link: by is who was first. A
// link goes through many hands, and the account has meant one person.
func (b *book) redeems(t identity.Token, who identity.Key, now int64) (ok bool, by identity.Key) {
	if ok, _ := b.admits(t, room.ID{}, now); !ok {
		return false, identity.Key{}
	}
	k := b.contacts[who]
	switch used := b.invites[t].Used; {
	case used.IsZero():
		return true, identity.Key{}
	case used != who:
		return false, used
	}
	return k == nil || k.State != p2pv1.ContactState_CONTACT_STATE_REMOVED, identity.Key{}
}
