package room

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"p2p/peer/identity"
)

// Meta is what an Index knows of an event without its body.
type Meta struct {
	Event
	Account identity.Key // of the author
	View    ID           // name of the view that it was written in
}

// Index is where the events of a Room lie. It answers at once; a database keeps what is asked often in
// memory.
type Index interface {
	// Find returns the event of that id.
	Find(id ID) (Meta, bool)
	// At returns the event of a device with that number, the first that came if
	// there are several.
	At(device identity.Key, seq uint64) (Meta, bool)
	// Add takes a new event. Body is nil if it was withheld; it is the index's own.
	Add(m Meta, body []byte)
	// Fill takes the body of an event that is there without it, and reports whether it is: not if the body is there too, or
	// was deleted. It is the index's own.
	Fill(e *Event, body []byte) bool
	// Lacking returns up to n events from Content on whose bodies were withheld, from some position on, in order.
	Lacking(from Position, n int) []Meta
}

// Mark is how far a log is known.
type Mark struct {
	Seq uint64
	ID  ID
}

// Proof is two events that one device signed with one number, upon the same predecessor.
type Proof struct{ A, B Event }

// Errors of Receive, besides those of events. All of them mean that who sent the event has lied
// or passes lies on.
var (
	ErrOtherRoom = errors.New("the event is of another room")
	ErrLamport   = errors.New("the event does not follow from its causes")
	ErrStranger  = errors.New("the author is not known to the room")
)

// Outcome is what an event has changed. The caller commits it before it says to
// anybody that it has the event.
type Outcome struct {
	Added []Meta // events that now are in the room, in the order of their causes
	// Recount says that what counts may have changed for older events too: who is a
	// member, what was withdrawn.
	Recount bool
	Proofs  []Proof // found now, to be passed on
	Filled  []ID    // events that were here, and whose bodies have come now
	// Bare is where the first of those in Added stands that came without its body, or of older ones that have lost theirs and are to have it
	// again, as the index says; zero for none.
	Bare Position
}

// Add takes over what happened after o.
func (o *Outcome) Add(other Outcome) {
	o.Added = append(o.Added, other.Added...)
	o.Recount = o.Recount || other.Recount
	o.Proofs = append(o.Proofs, other.Proofs...)
	o.Filled = append(o.Filled, other.Filled...)
	if other.Bare != (Position{}) {
		o.bare(other.Bare)
	}
}

// Room is one room as one member sees it. It is for one goroutine.
type Room struct {
	id    ID
	index Index

	marks map[identity.Key]Mark
	heads map[ID]bool // events that no other names

	accounts map[identity.Key]identity.Key // of each device
	acts     map[ID]*act
	numbered []*act                 // by number
	adds     map[identity.Key][]int // numbers of the acts that added an account
	revoked  map[identity.Key]bool  // devices that an act ends, whether it counts or not
	views    map[ID]*view
	states   map[ID]*state
	recent   []ID  // names of states, oldest first
	current  *view // of all acts

	forks  map[identity.Key]fork
	kept   identity.Key // the account whose withdrawn events are taken in
	wanted map[ID]bool  // events of forked devices that somebody has built upon, or that prove
	held   waiting
}

// fork is where a device's log splits.
type fork struct {
	seq   uint64
	proof Proof
}

// New returns the room of that id with nothing in it. The id is known from a link, or from
// Sign of the Create event.
func New(id ID, index Index) *Room {
	r := &Room{
		id: id, index: index, marks: make(map[identity.Key]Mark), heads: make(map[ID]bool),
		accounts: make(map[identity.Key]identity.Key), acts: make(map[ID]*act), adds: make(map[identity.Key][]int),
		revoked: make(map[identity.Key]bool),
		views:   make(map[ID]*view), states: make(map[ID]*state), forks: make(map[identity.Key]fork), wanted: make(map[ID]bool),
		held: newWaiting(),
	}
	r.current = r.viewOf(nil)
	return r
}

// ID returns the room's name.
func (r *Room) ID() ID { return r.id }

// Mark returns how far a device's log is known, and where it splits no further than
// that: what lies behind nobody needs to be told.
func (r *Room) Mark(device identity.Key) Mark {
	mark := r.marks[device]
	f, forked := r.forks[device]
	if !forked || mark.Seq < f.seq {
		return mark
	}
	if f.seq == 1 {
		return Mark{}
	}
	return Mark{f.seq - 1, f.proof.A.Prev}
}

// Clock returns the marks of all devices that have written.
func (r *Room) Clock() map[identity.Key]Mark {
	clock := make(map[identity.Key]Mark, len(r.marks))
	for device := range r.marks {
		if mark := r.Mark(device); mark.Seq > 0 {
			clock[device] = mark
		}
	}
	return clock
}

// Receive takes an event that Parse has verified, with its body, or nil if that was withheld.
// from tells sources apart, so that no one of them can fill the memory for what has to wait.
func (r *Room) Receive(e Event, body []byte, from uint64) (Outcome, error) {
	if err := r.belongs(&e, body); err != nil {
		return Outcome{}, err
	}
	if r.Knows(&e) {
		return r.fill(&e, body), nil
	}
	var out Outcome
	queue := []held{{event: e, body: body, from: from}}
	var first error
	for len(queue) > 0 {
		h := queue[0]
		queue = queue[1:]
		added, err := r.take(h, &out)
		if err != nil && first == nil {
			first = err
		}
		if added {
			queue = append(queue, r.held.release(h.event.ID)...)
		}
	}
	return out, first
}

// Knows reports whether an event is in the room. An index knows how far each log goes: for an event that is new, it need
// not look.
func (r *Room) Knows(e *Event) bool {
	other, taken := r.index.At(e.Author, e.Seq)
	if !taken || other.ID == e.ID {
		return taken
	}
	_, known := r.index.Find(e.ID) // another one of a liar
	return known
}

// belongs checks what can be told from the event alone.
func (r *Room) belongs(e *Event, body []byte) error {
	switch {
	case e.Kind == Create && e.ID != r.id, e.Kind != Create && e.Room != r.id:
		return ErrOtherRoom
	case body != nil && !e.Owns(body):
		return ErrBody
	case body == nil && e.Kind < Content:
		return fmt.Errorf("%w: it was withheld", ErrBody)
	}
	return nil
}

// take puts an event into the room if its causes are there, and holds it otherwise.
func (r *Room) take(h held, out *Outcome) (added bool, err error) {
	e := &h.event
	if r.Knows(e) {
		return false, nil
	}
	if other, taken := r.index.At(e.Author, e.Seq); taken && other.Prev == e.Prev {
		r.condemn(proofOf(other.Event, *e), out)
	}
	if r.withdrawn(e.Author, e.Seq) && !r.wanted[e.ID] && !r.keeps(e.Author) {
		return false, nil // nobody needs it
	}
	causes, missing := r.causes(e)
	if len(missing) > 0 {
		r.held.add(h, missing)
		for _, id := range missing {
			r.wanted[id] = true
		}
		return false, nil
	}
	m, err := r.judge(e, h.body, causes)
	if err != nil {
		return false, err
	}
	r.enter(m, h.body, causes)
	out.Added = append(out.Added, m)
	if h.body == nil && e.Kind >= Content {
		out.bare(e.Position())
	}
	out.Recount = out.Recount || e.Kind < Content
	return true, nil
}

// keeps reports whether a device is of the account that Keep was told.
func (r *Room) keeps(device identity.Key) bool {
	account, joined := r.accounts[device]
	return joined && account == r.kept
}

// causes returns the events that e names, and the ids of those that are not there.
func (r *Room) causes(e *Event) (found []Meta, missing []ID) {
	ids := e.Deps
	if !e.Prev.IsZero() {
		ids = append([]ID{e.Prev}, ids...)
	}
	for _, id := range ids {
		if m, ok := r.index.Find(id); ok {
			found = append(found, m)
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing
}

// judge checks what follows from the causes of e.
func (r *Room) judge(e *Event, body []byte, causes []Meta) (Meta, error) {
	top := uint64(0)
	for i := range causes {
		top = max(top, causes[i].Lamport)
	}
	if e.Lamport != top+1 {
		return Meta{}, ErrLamport
	}
	if e.Seq > 1 && (causes[0].Author != e.Author || causes[0].Seq != e.Seq-1) {
		return Meta{}, fmt.Errorf("%w: its predecessor is another's", ErrLamport)
	}
	if e.Kind != Create && len(causes) == 0 {
		return Meta{}, fmt.Errorf("%w: it has none", ErrLamport)
	}
	account, err := r.author(e, body)
	if err != nil {
		return Meta{}, err
	}
	v := r.viewAfter(causes)
	if e.Kind != Create && !r.knows(v, account) {
		return Meta{}, ErrStranger
	}
	if e.Kind == Admin {
		if _, err := ParseChange(body); err != nil {
			return Meta{}, err
		}
	}
	return Meta{Event: *e, Account: account, View: v.name}, nil
}

// author returns the account behind a device: the one that its first event has a
// certificate of.
func (r *Room) author(e *Event, body []byte) (identity.Key, error) {
	var c identity.Certificate
	switch e.Kind {
	case Create:
		b, err := ParseBirth(body)
		if err != nil {
			return identity.Key{}, err
		}
		c = b.Certificate
	case Join:
		var err error
		if c, err = identity.ParseCertificate(body); err != nil {
			return identity.Key{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	default:
		return r.accounts[e.Author], nil
	}
	if c.Device != e.Author || c.Revoked {
		return identity.Key{}, fmt.Errorf("%w: its certificate is for another device", ErrStranger)
	}
	if known, ok := r.accounts[e.Author]; ok && known != c.Account {
		return identity.Key{}, fmt.Errorf("%w: its device is another account's", ErrStranger)
	}
	return c.Account, nil
}

// viewAfter returns the view of who has seen all of these events.
func (r *Room) viewAfter(causes []Meta) *view {
	var acts []ID
	for i := range causes {
		if m := &causes[i]; m.Kind == Create || m.Kind == Admin {
			acts = append(acts, m.ID)
		} else {
			acts = append(acts, r.views[m.View].tips...)
		}
	}
	return r.viewOf(acts)
}

// enter puts a judged event into the room.
func (r *Room) enter(m Meta, body []byte, causes []Meta) {
	r.index.Add(m, body)
	for i := range causes {
		delete(r.heads, causes[i].ID)
	}
	r.heads[m.ID] = true
	if mark := r.marks[m.Author]; m.Seq == mark.Seq+1 && (m.Seq == 1 || m.Prev == mark.ID) {
		r.marks[m.Author] = Mark{m.Seq, m.ID}
	}
	delete(r.wanted, m.ID)
	r.learn(m, body)
}

// learn remembers what an event changes in the rights of others.
func (r *Room) learn(m Meta, body []byte) {
	if m.Kind == Create || m.Kind == Join {
		if r.accounts[m.Author] = m.Account; r.revoked[m.Author] {
			r.forgetStates() // whoever revoked it before it joined had done so to nobody
		}
	}
	if m.Kind != Create && m.Kind != Admin {
		return
	}
	a := &act{event: m.Event, account: m.Account, view: r.views[m.View], number: len(r.numbered)}
	if m.Kind == Create {
		a.birth, _ = ParseBirth(body) // it was judged
		r.adds[m.Account] = append(r.adds[m.Account], a.number)
	} else if a.change, _ = ParseChange(body); a.change.Op == Add {
		r.adds[a.change.Account] = append(r.adds[a.change.Account], a.number)
	} else if a.change.Op == Revoke {
		r.revoked[a.change.Cuts[0].Device] = true
	}
	r.acts[m.ID] = a
	r.numbered = append(r.numbered, a)
	r.current = r.viewOf(append(slices.Clone(r.current.tips), m.ID))
}

// Counts reports whether an event of the room counts, as far as it is known today: its
// author was a member for all that he had seen, has not been removed before, and has not lied.
func (r *Room) Counts(m *Meta) bool {
	if r.withdrawn(m.Author, m.Seq) {
		return false
	}
	v := r.views[m.View]
	return m.Kind == Create || r.stateOf(v).members[m.Account] != Nobody && !r.stateOf(r.current).cut(m.Account, m.Author, m.Seq, v)
}

// Person is somebody in the room.
type Person struct {
	Account identity.Key
	Role    Role
}

// Members returns who is in the room now, by key.
func (r *Room) Members() []Person {
	var all []Person
	for account, role := range r.stateOf(r.current).members {
		all = append(all, Person{account, role})
	}
	slices.SortFunc(all, func(a, b Person) int { return a.Account.Compare(b.Account) })
	return all
}

// Options returns what the room is like now.
func (r *Room) Options() Options { return r.stateOf(r.current).options }

// LeastHistory returns the least that Options.History ever was: so much every joiner got, whoever gave it to him.
func (r *Room) LeastHistory() int { return r.stateOf(r.current).least }

// Role returns what an account may do now.
func (r *Room) Role(account identity.Key) Role { return r.stateOf(r.current).members[account] }

// May reports whether an account may make a change now.
func (r *Room) May(account identity.Key, c Change) bool {
	if c.Op == Revoke && len(c.Cuts) != 1 {
		return false
	}
	return r.stateOf(r.current).may(account, &c, r.accounts)
}

// Since returns the event by which an account became a member, the last if it did so several
// times; false if it never did, or is none any more.
func (r *Room) Since(account identity.Key) (since Event, ok bool) {
	if r.Role(account) == Nobody {
		return Event{}, false
	}
	for _, n := range r.adds[account] {
		a := r.numbered[n]
		m := Meta{Event: a.event, Account: a.account, View: a.view.name}
		if r.Counts(&m) && (!ok || since.Compare(&a.event) < 0) {
			since, ok = a.event, true
		}
	}
	return since, ok
}

// Former returns the accounts that somebody has added and that are no members now, by key.
func (r *Room) Former() []identity.Key {
	var all []identity.Key
	for account := range r.adds {
		if r.Role(account) == Nobody {
			all = append(all, account)
		}
	}
	slices.SortFunc(all, identity.Key.Compare)
	return all
}

// Removal returns the event that ended the membership of an account, the last if there were several; its own if it has
// left. False for a member, and for who was added when there was no place any more.
func (r *Room) Removal(account identity.Key) (removal Meta, ok bool) {
	for _, gone := range slices.Backward(r.stateOf(r.current).removals) {
		if gone.account == account && gone.device.IsZero() && !gone.again {
			a := r.numbered[gone.by]
			return Meta{Event: a.event, Account: a.account, View: a.view.name}, true
		}
	}
	return Meta{}, false
}

// Ended reports whether a device has no business in the room any more: its account is no member, or it
// was revoked.
func (r *Room) Ended(device identity.Key) bool {
	account := r.accounts[device]
	now := r.stateOf(r.current)
	return now.members[account] == Nobody || now.cut(account, device, maxNumber, r.current)
}

// Joined returns the devices that have joined, each with its account. The map is the caller's.
func (r *Room) Joined() map[identity.Key]identity.Key { return maps.Clone(r.accounts) }

// Devices returns the devices of an account that have joined, by key.
func (r *Room) Devices(account identity.Key) []identity.Key {
	var all []identity.Key
	for device, owner := range r.accounts {
		if owner == account {
			all = append(all, device)
		}
	}
	slices.SortFunc(all, identity.Key.Compare)
	return all
}

// Cuts returns the cuts of a removal that lets all count that is known of an account today.
func (r *Room) Cuts(account identity.Key) []Cut {
	var cuts []Cut
	for _, device := range r.Devices(account) {
		cuts = append(cuts, Cut{device, r.marks[device].Seq})
	}
	return cuts
}

// MayDelete reports whether m, a Delete event that counts, takes target back: it is the same
// account's, or its author was a moderator.
func (r *Room) MayDelete(m, target *Meta) bool {
	return m.Kind == Delete && target.Kind >= Content && (m.Account == target.Account && r.Counts(m) || r.Moderated(m))
}

// Moderated reports whether an event of the room counts and its author was a moderator, for all that he had seen.
func (r *Room) Moderated(m *Meta) bool {
	return r.Counts(m) && r.stateOf(r.views[m.View]).members[m.Account] >= Moderator
}
