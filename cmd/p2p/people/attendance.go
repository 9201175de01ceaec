package people

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/identity"
)

// attendance is the session with the directory.
type attendance struct {
	node   *Node
	url    string
	client *directory.Client
	cancel context.CancelFunc
	group  sync.WaitGroup

	lost   bool          // the session was, since it last began; owned by the client's goroutine
	untold error         // why the directory does not know that the session is over; set by leave
	first  chan struct{} // closed when it is known whether the directory answers
	once   sync.Once

	// Both are for the clerk alone.
	kept    kept
	upholds bool // the directory is to be told again which devices are revoked

	mu        sync.Mutex
	connected bool
	since     time.Time // when that began
	problem   *p2pv1.Reason
	misnamed  *p2pv1.Reason // the directory knows the account, and not by the name that it has here
	next      time.Time
	news      map[identity.Key]time.Time // who is to be compared with the directory, and when
	heeded    paces                      // how soon again
	estranged time.Time                  // when all were last to be compared since the directory is another one
	review    bool                       // that is to be done
	wake      chan struct{}
}

// attend begins the session with the directory, if there is an account at one. It does nothing when there is a
// session.
func (n *Node) attend() {
	n.mu.Lock()
	s := n.self
	if s == nil || s.name == "" || s.loggedOut || n.attended != nil {
		n.mu.Unlock()
		return
	}
	n.mu.Unlock()
	a, err := n.newAttendance(s)
	if err != nil {
		n.log.Error("the directory cannot be used", zap.String("url", s.directory), zap.Error(err))
		return
	}
	ctx, cancel := context.WithCancel(n.ctx)
	a.cancel = cancel
	n.mu.Lock()
	n.attended = a
	n.mu.Unlock()
	a.show(n.presence())
	n.befriend()
	a.group.Go(func() { a.watch(ctx) })
	a.group.Go(func() {
		err := a.client.Attend(ctx, directory.Attendance{Certificate: s.certificate, Tell: a.tell})
		if err != nil {
			a.note(false, problemOf(err), time.Time{})
			n.log.Error("the directory has ended the session", zap.Error(err))
		}
	})
}

func (n *Node) newAttendance(s *self) (*attendance, error) {
	client, err := directory.New(directory.Options{URL: s.directory, Device: s.device, Log: n.log})
	if err != nil {
		return nil, err
	}
	return &attendance{
		node: n, url: s.directory, client: client, first: make(chan struct{}), news: map[identity.Key]time.Time{}, heeded: newPaces(heedEvery, heedBurst), wake: make(chan struct{}, 1),
	}, nil
}

// leave ends the session: others see it at once.
func (a *attendance) leave(ctx context.Context) {
	a.cancel()
	a.group.Wait()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if a.untold = a.client.Goodbye(ctx); a.untold != nil {
		a.node.log.Debug("the directory was not told", zap.Error(a.untold))
	}
}

// show tells the directory how this person appears, and where he is.
func (a *attendance) show(p p2pv1.Presence) {
	addrs := a.node.addrs()
	var port uint16
	if len(addrs) > 0 {
		port = addrs[0].Port()
	}
	a.client.Set(directory.Presence{
		Away: p != p2pv1.Presence_PRESENCE_ONLINE, Port: port, Addrs: addrs[:min(len(addrs), directory.MaxAddrs)],
	})
}

// note remembers how the session stands, and tells programs.
func (a *attendance) note(connected bool, problem *p2pv1.Reason, next time.Time) {
	a.mu.Lock()
	if connected {
		a.since = time.Now()
	}
	a.connected, a.problem, a.next = connected, problem, next
	a.mu.Unlock()
	a.once.Do(func() { close(a.first) })
	a.node.tellDirectory()
}

// misname notes whether nobody, or somebody else, has the name of the account at the directory: that was set back to before the account
// took the name, or another device has given it one that this device has not heard of. It is not known which, so nothing is done but say so.
func (a *attendance) misname(is bool, name string) {
	a.mu.Lock()
	was := a.misnamed
	a.misnamed = nil
	if is {
		a.misnamed = api.Problem(api.Misnamed, "name", name)
	}
	changed := (was != nil) != is
	a.mu.Unlock()
	if changed {
		a.node.tellDirectory()
	}
}

// tell is called by the client's goroutine.
func (a *attendance) tell(e directory.Event) {
	n := a.node
	switch e := e.(type) {
	case directory.Connected:
		a.note(true, nil, time.Time{})
		if a.lost { // so the tracker was away too, or this device
			a.lost = false
			n.clerk.do(func(context.Context) { n.again() })
		}
		n.unkept.Store(true)
		n.clerk.do(func(context.Context) { n.pin(a) })
		n.clerk.do(func(ctx context.Context) { n.uphold(ctx, a) })
		n.clerk.do(n.resend)
	case directory.Lost:
		a.lost = true
		a.note(false, problemOf(e.Err), e.NextTry)
		if errors.Is(e.Err, directory.ErrNoPerson) {
			a.estrange()
		}
		for _, k := range n.faces.blind() {
			n.clerk.do(func(ctx context.Context) { n.looks(ctx, k) })
		}
	case directory.Seen:
		a.seen(e)
	case directory.NewDevice:
		if n.known.add(e.Certificate) {
			n.clerk.do(func(context.Context) { n.newDevice(e.Certificate) })
		}
	case directory.Mail:
		n.clerk.do(func(ctx context.Context) { n.mail(ctx, a, e) })
	}
}

// pin remembers by what key the directory of the account is known, if it is not known by one: a profile of before knows none.
func (n *Node) pin(a *attendance) {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.me()
	if url := a.client.URL(); err == nil && s.directory == a.url && url != a.url {
		if _, err := n.become(s, func(s *self) { s.directory = url }); err != nil {
			n.lost("key of the directory", err)
		}
	}
}

// seen takes in where a friend is.
func (a *attendance) seen(e directory.Seen) {
	n := a.node
	var addrs []netip.AddrPort
	for _, d := range e.Devices {
		n.known.add(d.Certificate)
		if d.Certificate.Device != n.deviceOf() {
			addrs = append(addrs, d.Addrs...)
		}
	}
	changed := n.faces.told(e)
	n.clerk.do(func(ctx context.Context) {
		n.reachAt(e.Person, addrs)
		if changed {
			n.looks(ctx, e.Person)
		}
	})
}

func (n *Node) deviceOf() identity.Key {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return identity.Key{}
	}
	return n.self.deviceKey()
}

// newDevice warns of a device that the account has certified, or tells of one that it has revoked, and lets
// nobody in whom that concerns.
func (n *Node) newDevice(cert identity.Certificate) {
	if s, err := n.me(); err == nil && cert.Account == s.accountKey() && cert.Device != s.deviceKey() && !cert.Revoked {
		n.alert(p2pv1.Alert_KIND_NEW_DEVICE, cert.Account, cert.Name(s.account))
	}
	for _, c := range n.every() {
		c.swarm.Review()
		c.near.Changed()
	}
}

// mail takes in a letter, and answers for it: the directory forgets it only when what follows from it is stored.
func (n *Node) mail(ctx context.Context, a *attendance, m directory.Mail) {
	s, err := n.me()
	if err != nil {
		return
	}
	if m.From == s.accountKey() {
		n.recall(s, a, m)
		return
	}
	l, err := s.openLetter(m.From, m.Sealed)
	if err != nil {
		n.log.Warn("a letter that cannot be believed", zap.Error(err))
	} else {
		n.known.add(l.from)
		if err := n.received(ctx, m.From, l); err != nil {
			n.log.Warn("a letter waits", zap.Error(err))
			return // it comes again
		}
	}
	if err := a.client.Taken(ctx, m.ID); err != nil && ctx.Err() == nil {
		n.log.Debug("the directory was not told that a letter has come", zap.Error(err))
	}
}

// directoryView is how things stand with the directory, and with the trackers.
func (n *Node) directoryView() *p2pv1.Directory {
	d := n.sessionView()
	d.Trackers = n.trackerViews()
	return d
}

func (n *Node) sessionView() *p2pv1.Directory {
	n.mu.Lock()
	a, s, named := n.attended, n.self, n.directory
	n.mu.Unlock()
	d := &p2pv1.Directory{Url: cmp.Or(named, n.opt.Directory)}
	switch {
	case a != nil:
		d = a.view()
	case s != nil && s.directory != "":
		d = &p2pv1.Directory{Url: s.directory, LoggedOut: s.loggedOut}
	}
	if s != nil && s.revoked { // another device may have said so, before the directory does
		d.Problem = api.Problem(api.DeviceRevoked)
	}
	return d
}

// view is how the session stands.
func (a *attendance) view() *p2pv1.Directory {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := &p2pv1.Directory{Url: a.url, Connected: a.connected, Problem: a.problem}
	if a.connected && d.Problem == nil {
		d.Problem = a.misnamed
	}
	if !a.next.IsZero() {
		d.NextTry = a.next.UnixMilli()
	}
	return d
}

// keyless returns the address of a directory without what its key is known by.
func keyless(directory string) string {
	before, _, _ := strings.Cut(directory, "#")
	return before
}

// announceOf returns the announce URL of the tracker that a directory belongs to, without what the key of that is known by.
func announceOf(directory string) string {
	u, err := url.Parse(keyless(directory))
	if err != nil || u.Host == "" {
		return directory
	}
	if !strings.HasSuffix(u.Path, "/announce") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/announce"
	}
	return u.String()
}

// localAddrs returns addresses of this machine at which others may reach a port, those of local networks
// first; on a machine without a network, its loopback address.
func localAddrs(port uint16) []netip.AddrPort {
	list, err := net.InterfaceAddrs()
	if err != nil {
		list = nil
	}
	var all []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	var at []netip.AddrPort
	for _, ip := range callable(all) {
		at = append(at, netip.AddrPortFrom(ip, port))
	}
	return at[:min(len(at), maxAddrs)]
}

// callable returns those addresses of a machine at which others reach it, at the best. Two machines on one cable have link-local ones alone:
// those of IPv4 mean the same on both, those of IPv6 need the name of the other's interface.
func callable(all []netip.Addr) []netip.Addr {
	for _, good := range []func(netip.Addr) bool{
		netip.Addr.IsGlobalUnicast, func(a netip.Addr) bool { return a.Is4() && a.IsLinkLocalUnicast() },
	} {
		if found := slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return !good(a) }); len(found) > 0 {
			return found
		}
	}
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}
