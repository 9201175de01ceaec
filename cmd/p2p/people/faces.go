package people

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
)

// faces is what is known of people besides their keys: how they call themselves, whether they are there, and how
// they are reached. Its methods may be called by any goroutine.
type faces struct {
	mu   sync.Mutex
	near map[contactPoint]glimpse          // by connection
	met  map[identity.Key]map[room.ID]bool // the same by device: the rooms where it is connected
	far  map[identity.Key]directory.Seen
	kept map[identity.Key]face
	news bool           // since it was kept
	here []netip.Prefix // the addresses of this machine, with their networks
	gaps map[identity.Key]gap
}

// face is what is remembered of somebody.
type face struct {
	Name string `json:"name,omitempty"`
	Seen int64  `json:"seen,omitempty"` // milliseconds
	Turn uint64 `json:"turn,omitempty"` // of the name, as he has signed it; zero for what only connections, links and requests say

	Haunts []netip.AddrPort `json:"haunts,omitempty"` // where his devices listened when they were met, the last one first
}

// maxHaunts is how many of these are remembered: a person has a few devices, each of which goes to and fro between a few networks.
const maxHaunts = 4

// haunt notes where somebody was met, and reports whether that is news.
func (k *face) haunt(at netip.AddrPort) bool {
	if !at.IsValid() || len(k.Haunts) > 0 && k.Haunts[0] == at {
		return false
	}
	others := slices.DeleteFunc(slices.Clone(k.Haunts), func(a netip.AddrPort) bool { return a == at })
	k.Haunts = append([]netip.AddrPort{at}, others[:min(len(others), maxHaunts-1)]...)
	return true
}

// contactPoint is a connection: a device in a room.
type contactPoint struct {
	room   room.ID
	device identity.Key
}

// glimpse is what a connection says.
type glimpse struct {
	account identity.Key
	away    bool
	text    string // what he says of it
	addr    netip.Addr
	listen  netip.AddrPort // where he is called; not valid if that is not known
	rtt     time.Duration
	near    []presence.Short // whom that device is connected with
}

// sight is how somebody is now.
type sight struct {
	presence p2pv1.Presence
	text     string // what he says of being away
	path     p2pv1.Path
	rtt      time.Duration
	seen     int64
	devices  map[identity.Key]bool // that are there
	apart    bool                  // he has been there for long, and nothing connects the two
}

func newFaces() *faces {
	return &faces{near: map[contactPoint]glimpse{}, met: map[identity.Key]map[room.ID]bool{}, far: map[identity.Key]directory.Seen{}, kept: map[identity.Key]face{}, gaps: map[identity.Key]gap{}}
}

// forget makes f empty: the node is another person's, or nobody's.
func (f *faces) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.near)
	clear(f.met)
	clear(f.far)
	clear(f.kept)
	clear(f.gaps)
	f.news = false
}

// meets notes what a connection says, and reports whether that changes how the account looks. Of how far away it is only the
// first word counts here: the rest is measured's.
func (f *faces) meets(at contactPoint, g glimpse, name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.near[at]
	before, known := f.look(g.account), was.rtt
	first := known == 0 && g.rtt > 0 || !slices.Equal(was.near, g.near)
	if known > 0 {
		g.rtt = known
	}
	f.near[at] = g
	if f.met[at.device] == nil {
		f.met[at.device] = map[room.ID]bool{}
	}
	f.met[at.device][at.room] = true
	k := f.kept[g.account]
	renamed := k.Turn == 0 && name != "" && k.Name != name
	if renamed {
		k.Name = name
	}
	if was.listen != g.listen && k.haunt(g.listen) || renamed {
		f.kept[g.account], f.news = k, true
	}
	return renamed || first || !before.like(f.look(g.account))
}

// meeting reports whether a connection has said whose it is.
func (f *faces) meeting(at contactPoint) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, here := f.near[at]
	return here
}

// encounter is a device that is connected somewhere.
type encounter struct {
	account identity.Key
	listen  netip.AddrPort
}

// elsewhere returns the devices that are connected, in other rooms than this one alone, and listen somewhere: each once, in however many
// rooms it is.
func (f *faces) elsewhere(id room.ID) (all []encounter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for device, rooms := range f.met {
		if rooms[id] {
			continue
		}
		for at := range rooms {
			if g := f.near[contactPoint{at, device}]; g.listen.IsValid() {
				all = append(all, encounter{g.account, g.listen})
				break
			}
		}
	}
	return all
}

// measured notes how long a round trip takes, and reports whether the account seems nearer or farther than before.
func (f *faces) measured(at contactPoint, rtt time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, here := f.near[at]
	if !here || rtt == 0 || !farther(g.rtt, rtt) {
		return false
	}
	before := f.look(g.account).rtt
	g.rtt = rtt
	f.near[at] = g
	return f.look(g.account).rtt != before
}

// leastStep is by how much a round trip must have changed for people to notice: on one machine it doubles all the time.
const leastStep = time.Millisecond

// farther reports whether people would call it another distance: by a quarter, and more than they can tell apart.
func farther(was, is time.Duration) bool {
	step := (is - was).Abs()
	return was == 0 || step > leastStep && step > was/4
}

// parts notes that a connection is over.
func (f *faces) parts(at contactPoint, now time.Time) (account identity.Key, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, here := f.near[at]
	if !here {
		return g.account, false
	}
	delete(f.near, at)
	if delete(f.met[at.device], at.room); len(f.met[at.device]) == 0 {
		delete(f.met, at.device)
	}
	k := f.kept[g.account]
	k.Seen = now.UnixMilli()
	f.kept[g.account], f.news = k, true
	return g.account, true
}

// told notes what the directory says.
func (f *faces) told(s directory.Seen) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.look(s.Person)
	f.far[s.Person] = s
	if seen := s.LastSeen.UnixMilli(); !s.LastSeen.IsZero() && seen > f.kept[s.Person].Seen {
		k := f.kept[s.Person]
		k.Seen = seen
		f.kept[s.Person], f.news = k, true
	}
	return !before.like(f.look(s.Person))
}

// blind forgets what the directory said: it cannot be asked any more.
func (f *faces) blind() (who []identity.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, s := range f.far {
		if len(s.Devices) > 0 {
			who = append(who, k)
		}
	}
	clear(f.far)
	return who
}

// of returns how somebody is now.
func (f *faces) of(account identity.Key) sight {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.look(account)
}

// in returns how somebody is reached in one room.
func (f *faces) in(id room.ID, account identity.Key) (p2pv1.Path, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, rtt := p2pv1.Path_PATH_UNSPECIFIED, time.Duration(0)
	for at, g := range f.near {
		if at.room == id && g.account == account && (path == p2pv1.Path_PATH_UNSPECIFIED || g.rtt < rtt) {
			path, rtt = pathOf(g.addr, f.here), g.rtt
		}
	}
	return path, rtt
}

// name returns how somebody calls himself, empty if nobody knows.
func (f *faces) name(account identity.Key) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name := f.kept[account].Name; seen(name) {
		return name
	}
	return ""
}

// called notes what is said of how somebody calls himself, unless he has signed a name.
func (f *faces) called(account identity.Key, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k := f.kept[account]; name != "" && k.Turn == 0 && k.Name != name {
		k.Name = name
		f.kept[account], f.news = k, true
	}
}

// signs notes a name that somebody has signed in a room, and reports whether that is news: one that comes late, or again, changes
// nothing. Two devices of his may each take a name in one turn: all take the same of these for the later.
func (f *faces) signs(account identity.Key, n body.Name) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.kept[account]
	if n.Turn < k.Turn || n.Turn == k.Turn && n.Text <= k.Name {
		return false
	}
	differs := k.Name != n.Text
	k.Name, k.Turn = n.Text, n.Turn
	f.kept[account], f.news = k, true
	return differs
}

// signed returns the name that somebody has signed last, empty for none.
func (f *faces) signed(account identity.Key) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k := f.kept[account]; k.Turn > 0 && seen(k.Name) {
		return k.Name
	}
	return ""
}

// addrs returns where the directory has seen somebody.
func (f *faces) addrs(account identity.Key) (all []netip.AddrPort) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.far[account].Devices {
		all = append(all, d.Addrs...)
	}
	return all
}

// haunts returns where somebody was met last.
func (f *faces) haunts(account identity.Key) []netip.AddrPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept[account].Haunts // which is not changed any more
}

func (f *faces) look(account identity.Key) sight {
	s := sight{presence: p2pv1.Presence_PRESENCE_OFFLINE, seen: f.kept[account].Seen, devices: map[identity.Key]bool{}}
	there := func(device identity.Key, away bool) {
		s.devices[device] = true
		if away {
			s.presence = max(s.presence, p2pv1.Presence_PRESENCE_AWAY)
		} else {
			s.presence = p2pv1.Presence_PRESENCE_ONLINE
		}
	}
	for at, g := range f.near {
		if g.account != account {
			continue
		}
		there(at.device, g.away)
		s.text = max(s.text, g.text) // of several devices the same one each time
		if s.path == p2pv1.Path_PATH_UNSPECIFIED || g.rtt < s.rtt {
			s.path, s.rtt = pathOf(g.addr, f.here), g.rtt
		}
	}
	for _, d := range f.far[account].Devices {
		if !s.devices[d.Certificate.Device] { // what a connection says is newer
			there(d.Certificate.Device, d.Away)
		}
	}
	if s.presence != p2pv1.Presence_PRESENCE_AWAY {
		s.text = ""
	}
	s.apart = f.gaps[account].told && s.unreached()
	return s
}

// like reports whether two look the same to people; the round trip changes all the time.
func (s sight) like(o sight) bool {
	return s.presence == o.presence && s.text == o.text && s.path == o.path && maps.Equal(s.devices, o.devices)
}

// stands notes which addresses this machine has. ours is not changed any more.
func (f *faces) stands(ours []netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.here = ours
}

// pathOf says what kind of address somebody is reached at, from a machine with these addresses: one that no router need
// pass on is of the same network, though it may be good in the whole world.
func pathOf(a netip.Addr, ours []netip.Prefix) p2pv1.Path {
	a = a.Unmap().WithZone("")
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || slices.ContainsFunc(ours, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return p2pv1.Path_PATH_LOCAL
	}
	return p2pv1.Path_PATH_DIRECT
}

// keep returns what is to be remembered when that has changed since the last time.
func (f *faces) keep() (b []byte, changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.news {
		return nil, false, nil
	}
	f.news = false
	b, err = json.Marshal(f.kept)
	return b, true, err
}

// recall takes in what keep has returned.
func (f *faces) recall(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return json.Unmarshal(b, &f.kept)
}
