package directory

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// Broadcast carries messages between the nodes of a service; each may be lost. Its methods may be called
// by any goroutine.
type Broadcast interface {
	// Publish sends a message, of at most a quarter of a megabyte, to all other nodes, and keeps nothing of it.
	Publish(message []byte) error
	// Subscribe calls tell for the messages of the others until stop is called: one after the other, those of
	// one node in its order.
	Subscribe(tell func(message []byte)) (stop func(), err error)
}

// Nodes tell each other which devices are with them, and their friends. An update replaces what was known
// of a device; one that has left is told so. Updates are numbered; a beat every beatEvery has the number of the last
// one. Who finds one missing, or meets a node, asks it for everything: it begins a round, tells of all its devices, and
// ends the round, and what was not spoken of in it is gone. A node that is silent for nodeFor has
// crashed, and its devices are let go.
const (
	beatEvery  = time.Second
	nodeFor    = 10 * time.Second
	askEvery   = time.Second // of one node
	flushEvery = 50 * time.Millisecond
	// maxNodes bounds the nodes that are known; maxMessage, roughly, the bytes of a message.
	maxNodes   = 64
	maxMessage = 128 << 10
)

// message is what a node says, in JSON.
type message struct {
	Node   nodeID   `json:"node"`
	Number uint64   `json:"number"`           // of the updates in it, or, without any, of the last ones
	Ask    []nodeID `json:"ask,omitempty"`    // to begin a round; 0 stands for all
	Begin  bool     `json:"begin,omitempty"`  // of a round
	End    bool     `json:"end,omitempty"`    // of a round
	Update []update `json:"update,omitempty"` // never with Ask
}

// update is a device.
type update struct {
	Account     identity.Key     `json:"account"`
	Device      identity.Key     `json:"device"`
	Left        int64            `json:"left,omitempty"` // milliseconds since 1970, of one that has; then nothing follows
	Certificate []byte           `json:"certificate,omitempty"`
	Opened      uint64           `json:"opened,omitempty"`
	Away        bool             `json:"away,omitempty"`
	Addrs       []netip.AddrPort `json:"addrs,omitempty"`
	Friends     []byte           `json:"friends,omitempty"` // 32 bytes each, sorted
}

// gossip is what a Directory knows of other nodes, and has to tell them. It is guarded by its mu.
type gossip struct {
	number uint64 // of the last updates
	nodes  map[nodeID]*node
	out    map[deviceRef]struct{}
	asks   map[nodeID]struct{} // nodes to ask
	asked  bool                // somebody wants everything
	wake   chan struct{}
}

type deviceRef struct{ account, device identity.Key }

type node struct {
	number uint64
	heard  time.Time
	asked  time.Time
	round  uint64
	whole  bool // nothing of the round is missing
	behind bool // something is missing, until a whole round has come
}

func newGossip() gossip {
	return gossip{
		nodes: make(map[nodeID]*node), out: make(map[deviceRef]struct{}), asks: map[nodeID]struct{}{0: {}}, wake: make(chan struct{}, 1),
	}
}

// gossipOf tells the others of a device of this node, whatever its state is then. The caller holds mu.
func (d *Directory) gossipOf(dev *device) {
	if d.opts.Broadcast == nil || dev.node != d.id {
		return
	}
	d.gossip.out[deviceRef{dev.person.key, dev.certificate.Device}] = struct{}{}
	d.gossip.rouse()
}

func (g *gossip) rouse() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// tellOthers publishes what there is to tell until ctx ends.
func (d *Directory) tellOthers(ctx context.Context) {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		d.flush()
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			d.say(message{})
		case <-d.gossip.wake:
			select { // so that several changes are one message
			case <-ctx.Done():
				return
			case <-time.After(flushEvery):
			}
		}
	}
}

// flush publishes updates, and what others have asked for, and asks.
func (d *Directory) flush() {
	d.mu.Lock()
	var ask []nodeID
	now := time.Now()
	for id := range d.gossip.asks {
		n := d.gossip.nodes[id]
		if n != nil && now.Sub(n.asked) < askEvery {
			continue // with the next beat
		}
		if n != nil {
			n.asked = now
		}
		delete(d.gossip.asks, id)
		ask = append(ask, id)
	}
	everything := d.gossip.asked
	d.gossip.asked = false
	refs := d.gossip.out
	d.gossip.out = make(map[deviceRef]struct{})
	if everything {
		for _, s := range d.hall.sessions {
			refs[deviceRef{s.device.person.key, s.device.certificate.Device}] = struct{}{}
		}
	}
	d.mu.Unlock()
	if len(ask) > 0 {
		d.say(message{Ask: ask})
	}
	if everything {
		d.say(message{Begin: true})
	}
	var list []update
	size := 0
	for ref := range refs {
		u := d.updateOf(ref)
		list = append(list, u)
		if size += 512 + 2*len(u.Friends); size > maxMessage {
			d.say(message{Update: list})
			list, size = nil, 0
		}
	}
	if len(list) > 0 {
		d.say(message{Update: list})
	}
	if everything {
		d.say(message{End: true})
	}
}

// updateOf returns how a device is now.
func (d *Directory) updateOf(ref deviceRef) update {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := update{Account: ref.account, Device: ref.device}
	p := d.hall.people[ref.account]
	if p == nil || p.devices[ref.device] == nil || p.devices[ref.device].node != d.id {
		u.Left = time.Now().UnixMilli()
		if p != nil && !p.left.IsZero() {
			u.Left = p.left.UnixMilli()
		}
		return u
	}
	dev := p.devices[ref.device]
	u.Certificate, u.Opened, u.Away, u.Addrs = dev.raw, dev.opened, dev.away, dev.addrs
	for _, k := range dev.friends {
		u.Friends = append(u.Friends, k[:]...)
	}
	return u
}

// say publishes a message. Only one goroutine does.
func (d *Directory) say(m message) {
	m.Node = d.id
	d.mu.Lock()
	if len(m.Update) > 0 {
		d.gossip.number++
	}
	m.Number = d.gossip.number
	d.mu.Unlock()
	b, err := json.Marshal(m)
	if err == nil {
		err = d.opts.Broadcast.Publish(b)
	}
	if err != nil {
		d.log.Debug("the other nodes were not told", zap.Error(err)) // the number tells them
	}
}

// hear takes in a message of another node.
func (d *Directory) hear(b []byte) {
	var m message
	if json.Unmarshal(b, &m) != nil || m.Node == 0 || m.Node == d.id {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	g := &d.gossip
	n := g.nodes[m.Node]
	if n == nil {
		if len(g.nodes) >= maxNodes {
			return
		}
		n = &node{number: m.Number, behind: true}
		g.nodes[m.Node] = n
		g.want(m.Node)
	}
	n.heard = time.Now()
	next := n.number
	if len(m.Update) > 0 {
		next++
	}
	if m.Number > next {
		d.counters.Gaps.Add(1)
		g.want(m.Node)
		n.whole, n.behind = false, true
	}
	if beat := len(m.Update)+len(m.Ask) == 0 && !m.Begin && !m.End; beat && n.behind {
		g.want(m.Node) // the question may have been lost, or the answer
	}
	n.number = max(n.number, m.Number)
	for _, id := range m.Ask {
		if id == 0 || id == d.id {
			g.asked = true
			g.rouse()
		}
	}
	if m.Begin {
		n.round, n.whole = n.round+1, true
	}
	for _, u := range m.Update {
		d.takeIn(m.Node, n, u)
	}
	if m.End && n.whole {
		n.behind = false
		d.endRound(m.Node, n)
	}
}

func (g *gossip) want(id nodeID) {
	g.asks[id] = struct{}{}
	g.rouse()
}

// takeIn applies an update of a node.
func (d *Directory) takeIn(from nodeID, n *node, u update) {
	var old *device
	if p := d.hall.people[u.Account]; p != nil {
		old = p.devices[u.Device]
	}
	if u.Left != 0 {
		if old != nil && old.node == from {
			d.hall.leave(old, time.UnixMilli(u.Left))
		}
		return
	}
	c, err := identity.ParseCertificate(u.Certificate)
	if err != nil || c.Account != u.Account || c.Device != u.Device || len(u.Addrs) > dirwire.MaxAddrs+1 || len(u.Friends) > dirwire.MaxFriends*identity.KeySize {
		return
	}
	// A device that has moved from node to node is where it was last; of two starts of one moment all nodes
	// choose the same.
	if old != nil && old.node != from && (old.opened > u.Opened || old.opened == u.Opened && old.node > from) {
		return
	}
	friends := make([]identity.Key, 0, len(u.Friends)/identity.KeySize)
	for b := u.Friends; len(b) >= identity.KeySize; b = b[identity.KeySize:] {
		friends = append(friends, identity.Key(b[:identity.KeySize]))
	}
	next := &device{certificate: c, raw: u.Certificate, node: from, opened: u.Opened, round: n.round, away: u.Away, addrs: u.Addrs}
	if old != nil {
		next.friends = old.friends // until they are replaced, so that those who are no friends any more hear so
	}
	d.hall.enter(u.Account, next)
	d.hall.befriend(next, sortedKeys(friends))
}

// endRound lets the devices of a node go that it has not spoken of.
func (d *Directory) endRound(id nodeID, n *node) {
	d.leaveNode(id, time.Now(), func(dev *device) bool { return dev.round != n.round })
}

// endNodes forgets the nodes that are silent, and lets their devices go.
func (d *Directory) endNodes(now time.Time) {
	for id, n := range d.gossip.nodes {
		if now.Sub(n.heard) > nodeFor {
			delete(d.gossip.nodes, id)
			d.leaveNode(id, n.heard, func(*device) bool { return true })
		}
	}
}

func (d *Directory) leaveNode(id nodeID, at time.Time, which func(*device) bool) {
	for _, p := range d.hall.people {
		for _, dev := range p.devices {
			if dev.node == id && which(dev) {
				d.hall.leave(dev, at)
			}
		}
	}
}
