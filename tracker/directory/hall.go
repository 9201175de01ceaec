package directory

import (
	"cmp"
	"container/list"
	"crypto/rand"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// A device attends every heartbeat; its lease ends when it has not for leaseFor, which is looked at every
// sweepEvery: with what a message takes to the other nodes, friends see it go within 15 s.
const (
	heartbeat  = 5 * time.Second
	leaseFor   = 13 * time.Second
	sweepEvery = 500 * time.Millisecond
)

// maxPerAccount is how many devices of an account may be there, at one node.
const maxPerAccount = 16

// hall is who is there. It belongs to a Directory, whose mu is held for all of its methods.
type hall struct {
	people     map[identity.Key]*person
	sessions   map[sessionID]*session
	past       *list.List // of *person without devices, who left first in front
	friendKeys int
	limits     limits
	changedOf  func(*device) // is told of devices that come, change or go
}

func newHall(l limits, changedOf func(*device)) hall {
	return hall{limits: l, changedOf: changedOf, people: make(map[identity.Key]*person), sessions: make(map[sessionID]*session), past: list.New()}
}

// person is an account that is there, or was.
type person struct {
	key     identity.Key
	devices map[identity.Key]*device
	// What is left of who has left: friends of the last device, and the place in past.
	friends []identity.Key
	left    time.Time
	place   *list.Element
}

// device is one that is there.
type device struct {
	person      *person
	certificate identity.Certificate
	raw         []byte // the certificate
	node        nodeID // that has its session
	session     *session
	opened      uint64 // milliseconds since 1970, later than that of the session before it
	round       uint64 // of its node's gossip, in which it was last spoken of
	away        bool
	addrs       []netip.AddrPort
	friends     []identity.Key // sorted
}

type sessionID [dirwire.SessionSize]byte

// session is what a device at this node attends with.
type session struct {
	id      sessionID
	device  *device
	until   time.Time // its lease
	counts  counts
	newest  uint64                                // count of the last attend
	replace chan struct{}                         // closed when another attend, or the end, lets the one that waits go
	wake    chan struct{}                         // holds one when there is something to tell
	number  uint64                                // of the last answer
	told    news                                  // what it told, until it is known to have come
	news    news                                  // to be told
	known   map[identity.Key]identity.Certificate // of the own account's devices, that need not be told
}

// news is what is to be told, without its state, which is looked up then: so a slow client takes no
// more memory than it has friends.
type news struct {
	people  map[identity.Key]struct{}
	letters map[identity.Key]struct{} // senders
	devices map[identity.Key]struct{} // of the own account
}

func newNews() news {
	return news{make(map[identity.Key]struct{}), make(map[identity.Key]struct{}), make(map[identity.Key]struct{})}
}

func (n news) empty() bool { return len(n.people)+len(n.letters)+len(n.devices) == 0 }

func (n news) add(other news) {
	for k := range other.people {
		n.people[k] = struct{}{}
	}
	for k := range other.letters {
		n.letters[k] = struct{}{}
	}
	for k := range other.devices {
		n.devices[k] = struct{}{}
	}
}

// likes reports whether one of a person's devices names another as a friend; of who has left, the last one.
func (p *person) likes(k identity.Key) bool {
	if p == nil {
		return false
	}
	if len(p.devices) == 0 {
		return contains(p.friends, k)
	}
	for _, d := range p.devices {
		if contains(d.friends, k) {
			return true
		}
	}
	return false
}

func contains(sorted []identity.Key, k identity.Key) bool {
	_, found := slices.BinarySearchFunc(sorted, k, identity.Key.Compare)
	return found
}

// sortedKeys returns a list that is the caller's own, sorted and without repetitions.
func sortedKeys(list []identity.Key) []identity.Key {
	own := slices.Clone(list)
	slices.SortFunc(own, identity.Key.Compare)
	return slices.Clip(slices.Compact(own))
}

// present returns how many are there.
func (h *hall) present() (people, devices int) {
	for _, p := range h.people {
		if len(p.devices) > 0 {
			people++
			devices += len(p.devices)
		}
	}
	return people, devices
}

// person returns the person of a key, new when nothing is known.
func (h *hall) person(k identity.Key) *person {
	p := h.people[k]
	if p == nil {
		p = &person{key: k, devices: make(map[identity.Key]*device)}
		h.people[k] = p
	}
	return p
}

// enter lets a device in, in the place of what it was before. Who is its friend is told.
func (h *hall) enter(k identity.Key, d *device) {
	p := h.person(k)
	d.person = p
	if p.place != nil {
		h.past.Remove(p.place)
		h.friendKeys -= len(p.friends)
		p.place, p.friends = nil, nil
	}
	if old := p.devices[d.certificate.Device]; old != nil {
		h.end(old.session)
		h.friendKeys -= len(old.friends)
	}
	p.devices[d.certificate.Device] = d
	h.friendKeys += len(d.friends)
	h.changed(d)
}

// leave lets a device go, at a time. Who is its friend is told.
func (h *hall) leave(d *device, at time.Time) {
	p := d.person
	if p.devices[d.certificate.Device] != d {
		return
	}
	h.end(d.session)
	h.changedOf(d)
	var friends []identity.Key
	for _, other := range p.devices {
		friends = append(friends, other.friends...)
	}
	delete(p.devices, d.certificate.Device)
	if len(p.devices) > 0 {
		h.friendKeys -= len(d.friends)
	} else {
		p.friends, p.left = d.friends, at
		p.place = h.past.PushBack(p)
	}
	for h.past.Len() > h.limits.past {
		h.forget(h.past.Front().Value.(*person))
	}
	h.tell(p, friends)
}

// forget drops a person who has left.
func (h *hall) forget(p *person) {
	h.past.Remove(p.place)
	h.friendKeys -= len(p.friends)
	delete(h.people, p.key)
}

// end ends a session, if there is one.
func (h *hall) end(s *session) {
	if s == nil || h.sessions[s.id] != s {
		return
	}
	delete(h.sessions, s.id)
	close(s.replace)
}

// befriend replaces the list of a device, sorted. It reports whether there was room.
func (h *hall) befriend(d *device, list []identity.Key) bool {
	for h.friendKeys-len(d.friends)+len(list) > h.limits.friendKeys {
		if h.past.Len() == 0 {
			return false
		}
		h.forget(h.past.Front().Value.(*person))
	}
	old := d.friends
	h.friendKeys += len(list) - len(old)
	d.friends = list
	h.changedOf(d)
	h.tell(d.person, old)
	h.tell(d.person, list)
	if s := d.session; s != nil {
		for _, k := range list {
			s.news.people[k] = struct{}{}
		}
		s.rouse()
	}
	return true
}

// changed tells the friends of a person of a device that has come or changed.
func (h *hall) changed(d *device) {
	h.changedOf(d)
	for _, other := range d.person.devices {
		h.tell(d.person, other.friends)
	}
}

// tell makes a person's state news for those of a list who call him a friend: others would only learn
// that he knows them.
func (h *hall) tell(p *person, list []identity.Key) {
	for _, k := range list {
		friend := h.people[k]
		if friend == nil || !friend.likes(p.key) {
			continue
		}
		for _, d := range friend.devices {
			if d.session != nil {
				d.session.news.people[p.key] = struct{}{}
				d.session.rouse()
			}
		}
	}
}

func (s *session) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// view returns what a person may know of another: nothing, unless both call each other friends.
func (h *hall) view(viewer *person, k identity.Key) dirwire.Friend {
	f := dirwire.Friend{Person: k}
	p := h.people[k]
	if p == nil || !viewer.likes(k) || !p.likes(viewer.key) {
		return f
	}
	if len(p.devices) == 0 {
		f.LastSeen = p.left.UnixMilli()
		return f
	}
	for _, d := range p.devices {
		f.Devices = append(f.Devices, dirwire.Device{Certificate: d.raw, Addrs: d.addrs, Away: d.away, Since: int64(d.opened)})
	}
	slices.SortFunc(f.Devices, func(a, b dirwire.Device) int { return cmp.Compare(a.Since, b.Since) })
	return f
}

// open makes a session for a device at this node, and ends the one that it had.
func (h *hall) open(node nodeID, c identity.Certificate, now time.Time) *session {
	s := &session{until: now.Add(leaseFor), replace: make(chan struct{}), wake: make(chan struct{}, 1), told: newNews(), news: newNews(), known: make(map[identity.Key]identity.Certificate)}
	rand.Read(s.id[:])
	d := &device{certificate: c, raw: c.AppendTo(nil), node: node, session: s, opened: uint64(now.UnixMilli())}
	s.device = d
	if p := h.people[c.Account]; p != nil {
		if old := p.devices[c.Device]; old != nil {
			d.opened = max(d.opened, old.opened+1) // whatever the clock of another node said
		} else if first, count := oldest(p, node); count >= maxPerAccount {
			h.leave(first, now)
		}
	}
	h.sessions[s.id] = s
	h.enter(c.Account, d)
	return s
}

// oldest returns the device of a person that is at a node for the longest time, and how many are there.
func oldest(p *person, node nodeID) (first *device, count int) {
	for _, d := range p.devices {
		if d.node != node {
			continue
		}
		if count++; first == nil || d.opened < first.opened {
			first = d
		}
	}
	return first, count
}
