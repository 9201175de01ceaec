package people

import (
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
)

// surroundings is what beat knows of the machine: where it is, and how its clocks go.
type surroundings struct {
	began time.Time           // any moment before the first look
	addrs map[netip.Addr]bool // that it has; nil = not known
	last  moment
	owes  bool          // it has moved, and nobody was told
	until time.Duration // as ran; before, moves have been counted
}

// moment is one on all clocks of a machine.
type moment struct {
	wall time.Time     // as people see it, and set it
	ran  time.Duration // as the process does: nobody sets it, and on Linux it stands still in sleep
	boot time.Duration // nobody sets it, and it goes on in sleep; zero where there is none
}

// now returns this moment; since is any before.
func now(since time.Time) moment {
	t := time.Now()
	return moment{t.Round(0), t.Sub(since), sinceBoot()}
}

// clockJump is by how much the clock must have been set for a person to be told: times beside messages are
// wrong then, or were. Nothing else depends on it.
const clockJump = time.Minute

// sleptFor is for how long nothing must have been done for it to count as sleep: of the machine, or of the
// process. Others take a device for gone that is silent for 15 s.
const sleptFor = 10 * time.Second

// pass lets time pass, and returns for how long this machine slept meanwhile, and by how much its clock was set. Where no
// clock sees sleep, a clock that went forward is taken for that: machines sleep each day, and are set
// hardly ever.
func (s *surroundings) pass(now moment) (slept, set time.Duration) {
	was := s.last
	s.last = now
	if was.wall.IsZero() {
		return 0, 0
	}
	wall, passed := now.wall.Sub(was.wall), now.ran-was.ran
	switch {
	case now.boot > 0:
		passed = now.boot - was.boot
	case wall > passed:
		passed = wall
	}
	if slept = passed - beatEvery; slept < sleptFor {
		slept = 0
	}
	if set = wall - passed; set.Abs() < clockJump {
		set = 0
	}
	return slept, set
}

// moved takes in which addresses the machine has, and reports whether one of them is new. That some are gone is no
// news: a network that comes back may be the one that it was, with all connections. Nor are addresses for the next
// cable alone: each container and virtual machine that is started brings one.
func (s *surroundings) moved(addrs map[netip.Addr]bool) (moved bool) {
	for a := range addrs {
		moved = moved || s.addrs != nil && !s.addrs[a] && !a.IsLinkLocalUnicast() && !a.IsLoopback()
	}
	s.addrs = addrs
	return moved
}

// moveEvery is how often new addresses make all be done anew that follows from them, at most and in the long run: what comes and
// goes all the time must not become a storm. It may be moveBurst times at once, for the addresses of a network come one after
// the other, and the first may not be the one that leads to others.
const (
	moveEvery = 30 * time.Second
	moveBurst = 3
)

// moves takes in that the machine has slept, or has moved, and reports whether what follows from that is to be done now.
func (s *surroundings) moves(slept, moved bool) bool {
	s.owes = s.owes || slept || moved
	s.until = max(s.until, s.last.ran)
	if !s.owes || !slept && s.until-s.last.ran > (moveBurst-1)*moveEvery {
		return false
	}
	s.owes, s.until = false, min(s.until, s.last.ran+(moveBurst-1)*moveEvery)+moveEvery
	return true
}

// look returns all addresses of this machine, nil if it does not say.
func (n *Node) look() map[netip.Addr]bool {
	ours := ownPrefixes()
	if ours == nil {
		return nil
	}
	n.faces.stands(ours)
	all := make(map[netip.Addr]bool, len(ours))
	for _, p := range ours {
		all[p.Addr()] = true
	}
	return all
}

// ownPrefixes returns all addresses of this machine with their networks, nil if it does not say.
func ownPrefixes() []netip.Prefix {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	all := make([]netip.Prefix, 0, len(list))
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, netip.PrefixFrom(p.Addr().Unmap().WithZone(""), p.Bits()))
		}
	}
	return all
}

// lookEach is after how many beats the Node looks for new addresses. Machines that come back to one network together look at
// moments of their own, for their nodes began at different ones, and do not fall upon the directory all at once.
const lookEach = 3

// surroundedBy takes in what has become of the machine since the last beat.
func (n *Node) surroundedBy(s *surroundings, count int) {
	slept, set := s.pass(now(s.began))
	if set != 0 {
		n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_CLOCK, ByMillis: set.Milliseconds()}}})
	}
	moved := false
	if slept > 0 || count%lookEach == 0 {
		if addrs := n.look(); addrs != nil {
			moved = s.moved(addrs)
		}
	}
	if s.moves(slept > 0, moved) {
		n.log.Info("on another network, or awake again", zap.Bool("network", moved), zap.Duration("slept", slept))
		n.moveTo(s.addrs)
	}
}

// moveTo has everybody found again who was reached from where this machine was before. addrs is not changed any more.
func (n *Node) moveTo(addrs map[netip.Addr]bool) {
	n.mu.Lock()
	node, attended := n.node, n.attended
	n.mu.Unlock()
	if node != nil && addrs != nil {
		node.Moved(func(a netip.Addr) bool { return addrs[a] })
	}
	n.clerk.do(n.revisitAll)
	if attended != nil {
		attended.show(n.presence())
		attended.client.Retry()
	}
}
