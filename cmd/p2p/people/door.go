package people

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer"
	"p2p/peer/announce"
	"p2p/peer/ext"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/ext/presence"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// door is a doorbell: the account's own, or that of somebody whom this person wants something of.
type door struct {
	swarm     *peer.Gathering
	answering *knock.Answering // nil where this person rings
	errand    errand           // for which he rings

	// Both are guarded by the Node's mu.
	heard map[infohash.T]bool // links into rooms of which who was rung has said that he has the request
	told  string              // why nobody answers, as programs were told it last
}

func (d *door) close(ctx context.Context) { d.swarm.Close(ctx) }

// problem says why nobody has answered.
func (d *door) problem() *p2pv1.Reason {
	st := d.swarm.Stats()
	for _, t := range st.Trackers {
		if problem := trackerProblem(t); problem != nil {
			return problem
		}
	}
	if st.LastError == "" {
		return nil
	}
	if minutes := calledWithin(st.Trackers); minutes > 0 {
		return api.Problem(api.CallsBack, "minutes", strconv.Itoa(minutes))
	}
	return api.Problem(api.NobodyAnswers, "detail", st.LastError)
}

// callTime is what passes from when somebody hears of who rings until the two talk.
const callTime = 10 * time.Second

// calledWithin returns after how many minutes at most who is rung for has asked one of these trackers, which have told him of
// this person then; 0 for that he never hears. Versions that do not know peer.Room.Expecting may take as long as the interval.
func calledWithin(all []announce.Status) (minutes int) {
	for _, t := range all {
		if t.Answered.IsZero() {
			continue
		}
		within := int((max(t.Least, laterEvery) + callTime + time.Minute - 1) / time.Minute)
		if minutes == 0 || within < minutes {
			minutes = within
		}
	}
	return minutes
}

// errand is why somebody's bell is rung: at least one request, the most urgent first. One is said on each connection.
type errand struct {
	to       identity.Key
	ways     reach // to him, of all requests; without a token
	requests []knock.Request
}

// goesOnWith reports whether a bell that is rung for e need not be rung anew for what is wanted now. It need where another request is the most
// urgent, which would have to wait until a connection ends on which he was asked something else, a minute or two, and
// where another way leads to him.
func (e *errand) goesOnWith(now errand) bool {
	was, is := &e.requests[0], &now.requests[0]
	return was.Join == is.Join && was.Room == is.Room && was.Token == is.Token && covers(e.ways.Trackers, now.ways.Trackers) &&
		covers(e.ways.Addrs, now.ways.Addrs)
}

// eachFor is how long whoever answers a bell is asked the same: a connection lasts as long.
const eachFor = time.Minute

// maxWays is how many trackers, and how many addresses, one bell is rung at: those of the most urgent request come first.
const maxWays = 16

// covers reports whether all of some are among those that there are.
func covers[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(x T) bool { return !slices.Contains(all, x) })
}

// errands returns who is to be rung: contacts that were asked and have not answered, and hosts of rooms that
// this person has a link to. One errand for each person: the contact's request comes after those for rooms, since a link is answered at
// once, and a person may never; and the last link that was followed before the others.
func (n *Node) errands() map[infohash.T]errand {
	addrs, trackers := n.addrs(), n.trackers()
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[infohash.T]errand{}
	add := func(to identity.Key, r reach, q knock.Request) {
		if len(r.Trackers)+len(r.Addrs) == 0 {
			return
		}
		q.Name, q.Trackers, q.Addrs, q.Token = cut(n.displayName(), maxNameLen), first(trackers, maxTrackers), first(addrs, maxAddrs), r.Token
		e := all[doorOf(to)]
		e.to, e.requests = to, append(e.requests, q)
		e.ways.Trackers, e.ways.Addrs = union(e.ways.Trackers, r.Trackers, maxWays), union(e.ways.Addrs, r.Addrs, maxWays)
		all[doorOf(to)] = e
	}
	for _, p := range slices.SortedFunc(maps.Values(n.book.places), lastFirst) {
		if p.Join != nil && p.Farewell == (farewell{}) { // who asks for entry while others do not know that he has left is in, for them
			add(p.Host, *p.Join, knock.Request{Join: swarmFrom(p.Swarm)})
		}
	}
	for _, c := range n.book.contacts {
		if c.State == p2pv1.ContactState_CONTACT_STATE_ASKED {
			q := knock.Request{Note: c.Note, Room: c.Room, Resumes: n.book.resumes(c)}
			if p := n.book.places[swarmOf(c.Room).String()]; p != nil {
				q.Beginning = p.Beginning
			}
			add(c.Account, c.Reach, q)
		}
	}
	return all
}

// lastFirst orders places by when this person was told of them, or has followed a link into them.
func lastFirst(a, b *place) int {
	return cmp.Or(-cmp.Compare(a.Since, b.Since), strings.Compare(a.Swarm, b.Swarm))
}

func first[T any](all []T, n int) []T { return slices.Clone(all[:min(len(all), n)]) }

// fitDoors opens the doors that are wanted, and closes the others. The caller holds changing.
func (n *Node) fitDoors(ctx context.Context) error {
	wanted := n.errands()
	home := doorOf(n.accountOf())
	n.mu.Lock()
	var over []*door
	for hash, d := range n.doors {
		if e, stays := wanted[hash]; hash != home && (!stays || !d.errand.goesOnWith(e)) {
			over = append(over, d)
			delete(n.doors, hash)
		}
	}
	answering := n.doors[home] != nil
	n.mu.Unlock()
	for _, d := range over {
		d.close(ctx)
	}
	var err error
	if !answering {
		own := knock.NewDoor(knock.Door{Certificate: n.certificate, Answer: n.answer})
		at := peer.Room{Trackers: tiers(n.trackers()), Home: true, Expecting: n.expecting, Extensions: []ext.Extension{own}}
		err = n.openDoor(home, at, door{answering: own})
	}
	for hash, e := range wanted {
		n.mu.Lock()
		ringing := n.doors[hash] != nil
		n.mu.Unlock()
		if !ringing && hash != home {
			err = errors.Join(err, n.ring(hash, e))
		}
	}
	return err
}

// lookOut has trackers asked soon who is at this person's door: somebody will ring, and her router may let nobody in.
func (n *Node) lookOut() {
	if d := n.home(); d != nil {
		d.swarm.Again()
	}
}

// How often trackers that allow it are asked who is at this person's door, while she has given out a link that is good: her router
// may let nobody in, and who has just been given one often rings at once. Nobody else makes trackers answer more than ever: a door to
// which no good link leads is announced as any swarm is.
const (
	freshEvery = 20 * time.Second
	laterEvery = 50 * time.Second // who rings is called within a minute
	freshFor   = time.Hour
)

// expecting is peer.Room.Expecting of this person's door.
func (n *Node) expecting() time.Duration {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	every := time.Duration(0)
	for _, i := range n.book.invites {
		switch {
		case i.Void || now.UnixMilli() >= i.Until:
		case now.Sub(time.UnixMilli(i.Made)).Abs() < freshFor:
			return freshEvery
		default:
			every = laterEvery
		}
	}
	return every
}

// home returns this person's own door, nil while it is not open.
func (n *Node) home() *door {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return nil
	}
	return n.doors[doorOf(n.self.accountKey())]
}

// ring rings somebody's bell until fitDoors finds that nobody wants that any more, or something else.
func (n *Node) ring(hash infohash.T, e errand) error {
	began := time.Now()
	bell := knock.NewBell(knock.Bell{
		Certificate: n.certificate, Wanted: e.to,
		Request: func() knock.Request {
			all := e.requests
			if now, wanted := n.errands()[hash]; wanted {
				all = now.requests
			}
			return all[int(time.Since(began)/eachFor)%len(all)] // the same to all devices: any of them may be the one that can answer
		},
		Told: func(v knock.Visitor, a knock.Answer) {
			n.clerk.do(func(ctx context.Context) { n.answered(ctx, v, a) })
		},
	})
	return n.openDoor(hash, peer.Room{Trackers: tiers(e.ways.Trackers), Peers: e.ways.Addrs, Extensions: []ext.Extension{bell}}, door{errand: e})
}

// openDoor gathers where d is, and keeps it.
func (n *Node) openDoor(hash infohash.T, r peer.Room, d door) error {
	r.InfoHash, r.Doorbell = hash, true
	swarm, err := n.node.Gather(r)
	if err != nil {
		return err
	}
	d.swarm, d.heard = swarm, map[infohash.T]bool{}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.doors[hash] = &d
	return nil
}

// certificate is that of this device.
func (n *Node) certificate() identity.Certificate {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return identity.Certificate{}
	}
	return n.self.certificate
}

// answer says what a visitor is told. What he asks is stored first: the clerk does that, and who rings again
// is told what has become of it. The door's goroutine calls it.
func (n *Node) answer(v knock.Visitor, r knock.Request) knock.Answer {
	n.known.add(v.Certificate)
	now := time.Now().UnixMilli()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.book.blocked(v.Account) || n.self == nil || v.Account == n.self.accountKey() {
		return knock.Answer{Verdict: knock.Received} // he is to notice nothing
	}
	if !r.Join.IsZero() {
		if n.answersLater(r) {
			afterAll := time.Duration(len(n.siblings())+1) * turnTime // each of which may let him in at its turn
			time.AfterFunc(afterAll, func() { n.clerk.do(func(context.Context) { n.answerLate(v, r) }) })
			return knock.Answer{Verdict: knock.Received}
		}
		return n.answerJoin(v, r, now)
	}
	k := n.book.contacts[v.Account]
	switch {
	case k != nil && k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && k.Room == room.ID(r.Room):
		return knock.Answer{Verdict: knock.Accepted}
	case k != nil && k.State == p2pv1.ContactState_CONTACT_STATE_REMOVED && k.Room == room.ID(r.Room):
		return knock.Answer{Verdict: knock.Refused}
	}
	l := letter{Kind: asks, Room: room.ID(r.Room), Name: r.Name, Note: r.Note, Trackers: r.Trackers, Addrs: r.Addrs, Beginning: r.Beginning, Resumes: r.Resumes, from: v.Certificate, token: r.Token}
	ask := func(ctx context.Context) {
		n.asking.Lock()
		defer n.asking.Unlock()
		if err := n.asked(ctx, v.Account, l); err != nil && ctx.Err() == nil {
			n.log.Warn("a request waits", zap.Error(err))
		}
	}
	if n.unheardOf(r.Token) {
		time.AfterFunc(turnTime, func() { n.clerk.do(ask) })
	} else {
		n.clerk.do(ask)
	}
	return knock.Answer{Verdict: knock.Received} // and more when the person, or the clerk, has decided
}

// unheardOf reports whether another device of the account may have given out a link that this one does not know: what this one says of
// it before it has heard would be wrong. The caller holds mu.
func (n *Node) unheardOf(t identity.Token) bool {
	return t != identity.Token{} && n.book.invites[t] == nil && len(n.siblings()) > 0
}

// siblings returns the other devices of the account. The caller holds mu.
func (n *Node) siblings() (all []identity.Key) {
	for _, c := range n.known.all(n.self.accountKey()) {
		if !c.Revoked && c.Device != n.self.deviceKey() {
			all = append(all, c.Device)
		}
	}
	return all
}

// missed reports whether some of the account's devices are not connected with this one. The caller holds mu.
func (n *Node) missed() bool {
	here := n.own.near.Present()
	return slices.ContainsFunc(n.siblings(), func(device identity.Key) bool {
		return !slices.ContainsFunc(here, func(s presence.Seen) bool { return s.Device == device })
	})
}

// answersLater reports whether another device of the account may have given out the link, or be in the room, of which this one has not
// heard yet. Who is refused does not ring again, so nobody is before this one must know. The caller holds mu.
func (n *Node) answersLater(r knock.Request) bool {
	if n.unheardOf(r.Token) {
		return true
	}
	p := n.book.places[r.Join.String()]
	if p == nil || p.Room.IsZero() || p.Left {
		return false
	}
	c := n.open[p.Room]
	return c == nil || !c.talk.Known()
}

// answerLate answers who had to wait for what other devices know. While one of them is away that may know more, he goes on waiting.
func (n *Node) answerLate(v knock.Visitor, r knock.Request) {
	n.mu.Lock()
	if n.self == nil || n.own == nil || n.book.blocked(v.Account) || n.answersLater(r) && n.missed() {
		n.mu.Unlock()
		return
	}
	a := n.answerJoin(v, r, time.Now().UnixMilli())
	n.mu.Unlock()
	if a.Verdict != knock.Received {
		a.Join = r.Join
		n.tellVisitor(v.Account, a)
	}
}

// answerJoin lets somebody into a room who has a link to it, or says why not. The caller holds mu.
func (n *Node) answerJoin(v knock.Visitor, r knock.Request, now int64) knock.Answer {
	p := n.book.places[r.Join.String()]
	if p == nil || p.Room.IsZero() {
		return knock.Answer{Verdict: knock.Refused}
	}
	if ok, why := n.book.admits(r.Token, p.Room, now); !ok {
		return knock.Answer{Verdict: knock.Refused, Why: why}
	}
	c := n.open[p.Room]
	switch {
	case p.Left:
		return knock.Answer{Verdict: knock.Refused, Why: knock.Powerless}
	case c == nil || !c.talk.Known():
		return knock.Answer{Verdict: knock.Received}
	case c.talk.Role(v.Account) != room.Nobody:
		c.await(v)
		return knock.Answer{Verdict: knock.Accepted, Room: p.Room, Addrs: c.addrs()}
	case c.expelled(v.Account): // and does not come back by a link
		return knock.Answer{Verdict: knock.Refused, Why: knock.Removed}
	case !c.mayInvite(n.self.accountKey()):
		return knock.Answer{Verdict: knock.Refused, Why: knock.Powerless}
	case len(c.talk.Members()) >= c.talk.Options().Limit:
		return c.isFull()
	}
	n.faces.called(v.Account, cut(r.Name, maxNameLen))
	time.AfterFunc(n.turn(), func() { n.clerk.do(func(ctx context.Context) { n.letIn(ctx, c, v, r.Token) }) })
	return knock.Answer{Verdict: knock.Received} // he is told when it is so
}

// expelled reports whether somebody was removed from the room by another.
func (c *conversation) expelled(account identity.Key) bool {
	by := c.talk.RemovedBy(account)
	return !by.IsZero() && by != account
}

// out says why somebody is not in the room who was added to it, nil for by his own will.
func (c *conversation) out(account identity.Key) *p2pv1.Reason {
	switch by := c.talk.RemovedBy(account); {
	case by == account:
		return nil
	case by.IsZero() && len(c.talk.Members()) < c.talk.Options().Limit: // there is a place: who has brought him in had no right to, any more
		return api.Problem(api.BroughtInVain)
	case by.IsZero():
		return api.Problem(api.RoomFull, "limit", strconv.Itoa(c.talk.Options().Limit))
	default:
		return api.Problem(api.RemovedBy, "who", c.node.nameOf(by))
	}
}

// deserted says that the other one of two has gone, whom nothing reaches any more; nil if he has not, or this person has too.
func (n *Node) deserted(c *conversation, p place) *p2pv1.Reason {
	if p.With.IsZero() || p.Left || !c.talk.Removed(p.With) {
		return nil
	}
	return api.Problem(api.RemovedYou, "who", n.nameOf(p.With))
}

// isFull refuses the one too many.
func (c *conversation) isFull() knock.Answer {
	return knock.Answer{Verdict: knock.Refused, Why: knock.Full, Limit: c.talk.Options().Limit}
}

// turnTime is how long a device leaves to another one of the account to do what each of them would do.
var turnTime = 2 * time.Second

// turn returns for how long to wait until others of the account's devices, which are asked the same, have done it: what two
// do at once stands in the history twice. The caller holds mu.
func (n *Node) turn() (wait time.Duration) {
	me := n.self.deviceKey()
	for device := range n.faces.of(n.self.accountKey()).devices {
		if device.Compare(me) < 0 {
			wait += turnTime
		}
	}
	return wait
}

// letIn adds somebody to a room who has a link of this person, and tells him. Others may have come, or the rules have changed,
// since he rang.
func (n *Node) letIn(ctx context.Context, c *conversation, v knock.Visitor, by identity.Token) {
	account := v.Account
	void, err := n.revoked(ctx, c, by)
	if err == nil && !void && c.talk.Role(account) == room.Nobody {
		_, err = c.talk.Change(ctx, room.Change{Op: room.Add, Account: account, Role: room.Member})
	}
	answer := knock.Answer{Verdict: knock.Accepted, Room: c.id, Addrs: c.addrs()}
	switch {
	case err == nil && !void, c.talk.Role(account) != room.Nobody: // another device has let him in
	case void:
		answer = knock.Answer{Verdict: knock.Refused, Why: knock.Revoked}
	case errors.Is(err, chat.ErrFull):
		answer = c.isFull()
	case errors.Is(err, chat.ErrNotAllowed):
		answer = knock.Answer{Verdict: knock.Refused, Why: knock.Powerless}
	default: // he rings again
		if ctx.Err() == nil {
			n.log.Warn("cannot let somebody in who has a link", zap.Error(err))
		}
		return
	}
	answer.Join = swarmOf(c.id)
	n.tellVisitor(account, answer)
	if answer.Verdict == knock.Accepted {
		c.await(v)
		c.swarm.Again() // he may come by another address, and the room may not be asked about for half an hour
	}
}

// await has somebody called in a room whom its door has told that he is in: he comes now, and this person's router may let nobody
// in. He is called where he was when he rang, by the address of that connection.
func (c *conversation) await(v knock.Visitor) {
	if v.Listen.IsValid() {
		c.swarm.Expect([]netip.AddrPort{v.Listen})
	}
}

// revoked reports whether somebody has made the links into a room void since this one was given out.
func (n *Node) revoked(ctx context.Context, c *conversation, t identity.Token) (bool, error) {
	now, err := c.talk.Revocations(ctx)
	if err != nil {
		return false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	i := n.book.invites[t]
	return i == nil || i.Void || slices.ContainsFunc(now, func(id room.ID) bool { return !slices.Contains(i.Known, id) }), nil
}

// tellVisitor tells somebody who may still stand at the door what has become of his request.
func (n *Node) tellVisitor(account identity.Key, a knock.Answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return
	}
	if d := n.doors[doorOf(n.self.accountKey())]; d != nil {
		d.answering.Tell(account, a)
	}
}
