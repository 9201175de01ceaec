package room

import (
	"bytes"
	"cmp"
	"container/heap"
	"maps"
	"slices"

	"p2p/peer/identity"
)

// act is an event that changes who may do what: Create or Admin.
type act struct {
	event   Event
	account identity.Key // of the author
	birth   Birth        // of Create
	change  Change       // of Admin
	view    *view        // that it was written in
	number  int          // in the order of arrival here
}

// view is a set of acts, closed under causes: those that an event has in its past.
type view struct {
	name ID
	tips []ID     // those that are in no other's past, ascending; they name all the others
	past []uint64 // one bit for each act, by number
}

// removal is the end of an account's membership, or of a device.
type removal struct {
	account identity.Key
	device  identity.Key // of Revoke; zero for all devices of the account
	cuts    map[identity.Key]uint64
	by      int  // number of the act
	again   bool // the account was added again,
	after   int  // by the act of this number
}

// state is what a set of acts comes to.
type state struct {
	options  Options
	least    int // of options.History, at all times
	members  map[identity.Key]Role
	entered  []identity.Key // the members, who has been here longest first
	removals []removal
}

func (s *state) clone() *state {
	return &state{s.options, s.least, maps.Clone(s.members), slices.Clone(s.entered), slices.Clone(s.removals)}
}

// lastOwner reports whether an account is the only owner of all.
func (s *state) lastOwner(account identity.Key) bool {
	for k, role := range s.members {
		if role == Owner && k != account {
			return false
		}
	}
	return s.members[account] == Owner
}

// inherit gives a room that has members and no owner one: nobody could ever let anybody in again. The last owner can only go by
// his own will, also when several go at once and each takes another for the last. Of the rest it is the one with the highest
// role, of these the one who has been here longest.
func (s *state) inherit() {
	var heir identity.Key
	for _, k := range s.entered {
		if s.members[k] > s.members[heir] {
			heir = k
		}
	}
	if !heir.IsZero() {
		s.members[heir] = Owner
	}
}

// may reports whether an account may make a change.
func (s *state) may(account identity.Key, c *Change, accounts map[identity.Key]identity.Key) bool {
	role := s.members[account]
	other := s.members[c.Account]
	switch c.Op {
	case Add:
		if other != Nobody || len(s.members) >= s.options.Limit {
			return false
		}
		return role == Owner || role == Moderator && c.Role == Member || role == Member && s.options.Open && c.Role == Member
	case Remove:
		return other != Nobody && (account == c.Account || role >= Moderator && role > other || role == Owner)
	case SetRole:
		return role == Owner && other != Nobody && (c.Role == Owner || !s.lastOwner(c.Account))
	case SetRoom:
		return role == Owner
	case Revoke:
		owner := accounts[c.Cuts[0].Device]
		return role != Nobody && (owner == account || role >= Moderator && role > s.members[owner])
	}
	return false
}

// apply makes the change of a, if its author may.
func (s *state) apply(a *act, r *Room) {
	if a.event.Kind == Create {
		s.options, s.least = a.birth.Options, a.birth.Options.History
		s.members[a.account] = Owner
		s.entered = append(s.entered, a.account)
		return
	}
	c := &a.change
	if !s.may(a.account, c, r.accounts) {
		return
	}
	switch c.Op {
	case Add:
		s.members[c.Account] = c.Role
		s.entered = append(s.entered, c.Account)
		for i := range s.removals {
			if gone := &s.removals[i]; gone.account == c.Account && gone.device.IsZero() && !gone.again {
				gone.again, gone.after = true, a.number
			}
		}
	case Remove:
		delete(s.members, c.Account)
		s.entered = slices.DeleteFunc(s.entered, func(k identity.Key) bool { return k == c.Account })
		s.inherit()
		s.removals = append(s.removals, removal{account: c.Account, cuts: cutsOf(c.Cuts), by: a.number})
	case SetRole:
		s.members[c.Account] = c.Role
	case SetRoom:
		s.options = c.Options
		if n := c.Options.History; n >= 0 && (s.least < 0 || n < s.least) {
			s.least = n
		}
	case Revoke:
		device := c.Cuts[0].Device
		s.removals = append(s.removals, removal{account: r.accounts[device], device: device, cuts: cutsOf(c.Cuts), by: a.number})
	}
}

func cutsOf(cuts []Cut) map[identity.Key]uint64 {
	m := make(map[identity.Key]uint64, len(cuts))
	for _, c := range cuts {
		m[c.Device] = c.Seq
	}
	return m
}

// cut reports whether an event of a device is behind a removal.
func (s *state) cut(account, device identity.Key, seq uint64, in *view) bool {
	for i := range s.removals {
		r := &s.removals[i]
		if r.account != account || !r.device.IsZero() && r.device != device || seq <= r.cuts[device] {
			continue
		}
		if !r.again || !in.has(r.after) {
			return true
		}
	}
	return false
}

func (v *view) has(number int) bool {
	return number/64 < len(v.past) && v.past[number/64]&(1<<(number%64)) != 0
}

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// viewOf returns the view that these acts, and what they have in their past, make;
// always the same one for the same acts.
func (r *Room) viewOf(acts []ID) *view {
	tips := slices.Clone(acts)
	slices.SortFunc(tips, compareIDs)
	tips = slices.Compact(tips)
	tips = slices.DeleteFunc(tips, func(id ID) bool {
		n := r.acts[id].number
		return slices.ContainsFunc(acts, func(other ID) bool { return r.acts[other].view.has(n) })
	})
	name := ViewName(tips)
	if v := r.views[name]; v != nil {
		return v
	}
	v := &view{name: name, tips: tips}
	for _, id := range tips {
		a := r.acts[id]
		v.add(a.number)
		for i, word := range a.view.past {
			v.grow(i)
			v.past[i] |= word
		}
	}
	r.views[name] = v
	return v
}

func (v *view) grow(word int) {
	for len(v.past) <= word {
		v.past = append(v.past, 0)
	}
}

func (v *view) add(number int) {
	v.grow(number / 64)
	v.past[number/64] |= 1 << (number % 64)
}

// knows reports whether an account was ever added by the acts of v, whether that
// counted or not. Unlike what the acts come to, it can never change.
func (r *Room) knows(v *view, account identity.Key) bool {
	return slices.ContainsFunc(r.adds[account], v.has)
}

// cachedStates is how many states are kept. Events are looked at in their order, in
// which the state wanted next is one of the last, or one act further.
const cachedStates = 32

// stateOf returns what the acts of v come to. It must not be changed.
func (r *Room) stateOf(v *view) *state {
	if s := r.states[v.name]; s != nil {
		return s
	}
	s := r.replay(v)
	if len(r.recent) >= cachedStates {
		delete(r.states, r.recent[0])
		r.recent = slices.Delete(r.recent, 0, 1)
	}
	r.states[v.name], r.recent = s, append(r.recent, v.name)
	return s
}

// forgetStates is called when an act was withdrawn, or it turned out whose device one is about: nothing that was computed
// holds.
func (r *Room) forgetStates() {
	clear(r.states)
	r.recent = r.recent[:0]
}

// replay applies the acts of v in the one order that depends on them alone: causes
// first; of those that do not know of each other the one whose author had the higher
// role when he wrote it; then as events are ordered.
func (r *Room) replay(v *view) *state {
	var above []*act // acts that stand on all the others, the last first
	for len(v.tips) == 1 && r.states[v.name] == nil {
		a := r.acts[v.tips[0]]
		above, v = append(above, a), a.view
	}
	var s *state
	if known := r.states[v.name]; known != nil {
		s = known.clone()
	} else {
		s = r.merge(v)
	}
	for _, a := range slices.Backward(above) {
		if !r.withdrawn(a.event.Author, a.event.Seq) {
			s.apply(a, r)
		}
	}
	return s
}

// merge replays a view with several tips, or with none.
func (r *Room) merge(v *view) *state {
	s := &state{members: make(map[identity.Key]Role)}
	queue := r.queueOf(v)
	for queue.Len() > 0 {
		a := heap.Pop(queue).(*act)
		if !r.withdrawn(a.event.Author, a.event.Seq) {
			s.apply(a, r)
		}
		queue.done(a)
	}
	return s
}

// queue holds the acts of a view whose causes have been applied, the next on top.
type queue struct {
	ready   []*act
	roles   map[*act]Role
	waiting map[ID]int    // number of tips that an act still waits for
	then    map[ID][]*act // who waits for an act
}

// queueOf returns the queue of all acts of v.
func (r *Room) queueOf(v *view) *queue {
	q := &queue{roles: make(map[*act]Role), waiting: make(map[ID]int), then: make(map[ID][]*act)}
	for _, a := range r.numbered {
		if !v.has(a.number) {
			continue
		}
		if a.event.Kind != Create {
			q.roles[a] = r.stateOf(a.view).members[a.account]
		}
		for _, tip := range a.view.tips {
			q.then[tip] = append(q.then[tip], a)
		}
		if q.waiting[a.event.ID] = len(a.view.tips); len(a.view.tips) == 0 {
			q.ready = append(q.ready, a)
		}
	}
	heap.Init(q)
	return q
}

// done puts those into the queue that have waited for a alone.
func (q *queue) done(a *act) {
	for _, b := range q.then[a.event.ID] {
		if q.waiting[b.event.ID]--; q.waiting[b.event.ID] == 0 {
			heap.Push(q, b)
		}
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (q *queue) Len() int { return len(q.ready) }
func (q *queue) Less(i, j int) bool {
	a, b := q.ready[i], q.ready[j]
	return cmp.Or(-cmp.Compare(q.roles[a], q.roles[b]), a.event.Compare(&b.event)) < 0
}
func (q *queue) Swap(i, j int) { q.ready[i], q.ready[j] = q.ready[j], q.ready[i] }
func (q *queue) Push(a any)    { q.ready = append(q.ready, a.(*act)) }
func (q *queue) Pop() any {
	last := q.ready[len(q.ready)-1]
	q.ready = q.ready[:len(q.ready)-1]
	return last
}
