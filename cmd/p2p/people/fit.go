package people

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// fit makes what runs the same as the book has it: the rooms that are open, the bells that are rung, whom the
// directory tells of. It is called after every change of the book. The caller holds changing.
func (n *Node) fit(ctx context.Context) error {
	var err error
	with := n.accompanied()
	n.mu.Lock()
	var over []*conversation
	for id, c := range n.open {
		if p := n.book.places[swarmOf(id).String()]; p == nil || n.finished(p, c, with) {
			delete(n.open, id)
			over = append(over, c)
		}
	}
	n.mu.Unlock()
	for _, c := range over {
		err = errors.Join(err, n.parted(ctx, c))
		c.close(ctx)
	}
	for _, p := range n.wanted(with) {
		err = errors.Join(err, n.enter(ctx, p))
	}
	n.fitFiles()
	err = errors.Join(err, n.fitDoors(ctx))
	n.befriend()
	return err
}

// refit is fit for who does not hold changing. The person may have logged out since what it follows from was written: then nothing
// runs.
func (n *Node) refit(ctx context.Context) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	if !n.runs() {
		return nil
	}
	return n.fit(ctx)
}

// runs reports whether the profile has a person who is logged in, so that others are met.
func (n *Node) runs() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self != nil && n.node != nil
}

// accompanied reports whether another device of the account is connected.
func (n *Node) accompanied() bool {
	n.mu.Lock()
	own := n.own
	n.mu.Unlock()
	if own == nil {
		return false
	}
	path, _ := n.faces.in(own.id, n.accountOf())
	return path != p2pv1.Path_PATH_UNSPECIFIED
}

// accompany opens or closes what is open for the account's other devices alone. The clerk calls it.
func (n *Node) accompany(ctx context.Context) {
	if err := n.refit(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("cannot give the account's other devices what was said in rooms of before", zap.Error(err))
	}
}

// over reports whether the account has left a place, and somebody knows that.
func (p *place) over() bool { return p.Left && p.Farewell == (farewell{}) }

// wanted returns the places whose rooms are to be open and are not: one that was left is, too, until somebody else knows that, and for
// as long as another device of the account is with this one, which may lack what was said there.
func (n *Node) wanted(with bool) (all []*place) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.book.places {
		if !p.Room.IsZero() && n.open[p.Room] == nil && (!p.over() || with) && !n.book.blocked(p.With) {
			all = append(all, p)
		}
	}
	return all
}

// finished reports whether a room need not be open any more: it was left, and somebody knows, or nobody is to. The caller holds mu.
func (n *Node) finished(p *place, c *conversation, with bool) bool {
	switch k := n.book.contacts[p.With]; {
	case n.book.blocked(p.With):
		return true
	case c.past:
		return !with || !p.over() // else it is opened for everybody
	case !p.Left:
		return false
	case k != nil && k.refuted(): // he is told nothing
		return true
	case p.over() || len(c.talk.Members()) == 0:
		return true
	}
	return len(c.talk.Delivered(p.Farewell.event())) > 0
}

// parted remembers that others know that this person has left a room: it need not be opened for that again.
func (n *Node) parted(ctx context.Context, c *conversation) error {
	now := n.place(c.id)
	if now == nil || !now.Left || now.Farewell == (farewell{}) || n.isBlocked(now.With) {
		return nil
	}
	p := *now
	p.Farewell = farewell{}
	return n.write(ctx, record{Place: &p})
}

// enter opens the room of a place.
func (n *Node) enter(ctx context.Context, p *place) error {
	trackers := slices.Clone(p.Trackers)
	for _, t := range n.trackers() {
		if !slices.Contains(trackers, t) {
			trackers = append(trackers, t)
		}
	}
	if p.over() {
		trackers = nil // whose device is met in the own room is called
	}
	c, err := n.converse(ctx, p.Room, nil, trackers, false, p.over())
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.open[c.id] = c
	var addrs = n.faces.addrs(p.With)
	if k := n.book.contacts[p.With]; k != nil {
		addrs = append(addrs, k.Reach.Addrs...)
	}
	n.mu.Unlock()
	n.commence(ctx, c, p.With, p.Beginning)
	n.convene(c)
	if !c.past {
		c.swarm.AddPeers(append(addrs, p.Addrs...), false)
		n.revisit(c)
	}
	c.join(ctx)
	n.contradicted(c)
	n.clerk.do(func(ctx context.Context) {
		n.settle(ctx, c) // what was stored last may have come as this node ended
		n.followStored(ctx, c)
		n.admitted(ctx, c)
		n.sign(ctx, c)
	})
	return nil
}

// changed is what follows from a change of a conversation. The clerk calls it.
func (n *Node) changed(ctx context.Context, c *conversation, change chat.Change) {
	if len(change.Proofs) > 0 {
		n.contradicted(c)
	}
	n.outlaw(change.Added)
	if c.own {
		n.ownChanged(ctx, c, change)
		return
	}
	c.join(ctx)
	if change.Recount {
		n.disown(ctx, c)
		c.swarm.Review()
		n.convene(c)
		n.files.review()
		n.fitFiles()
		n.settle(ctx, c)
		n.admitted(ctx, c)
		n.membership(ctx, c, change)
	}
	n.warn(c, change)
	n.tellUndone(c, change.Undone)
	n.unheardOfFormer(ctx, c, change)
	for _, t := range change.Typing {
		n.tellTyping(c, t)
	}
	n.follow(ctx, c, change.Added)
	n.files.withdrawn(ctx, change.Added)
	n.signed(ctx, change.Added)
	if n.enters(change.Added) {
		n.sign(ctx, c)
	}
	n.tellAgain(ctx, slices.Concat(change.Turned, change.Filled))
	n.recountUnread(c, &change)
	n.tellRoom(c.id, len(change.Delivered) > 0 || len(change.Read) > 0)
	if len(change.Delivered) > 0 {
		n.tidy(ctx, c)
	}
}

// ownChanged takes over what another device of the account has written.
func (n *Node) ownChanged(ctx context.Context, c *conversation, change chat.Change) {
	news := n.read(change.Added)
	if change.Recount {
		c.join(ctx)
		n.disown(ctx, c)
		c.swarm.Review()
	}
	if !news {
		return
	}
	n.unkept.Store(true)
	if err := n.refit(ctx); err != nil {
		n.log.Warn("cannot follow the account's other devices", zap.Error(err))
	}
	n.review() // somebody may be blocked now
	n.tellContacts()
	n.tellConversations()
}

// settle draws the consequences of who is in a room: who was asked to be a contact has accepted when he joins,
// and is none any more when he leaves.
func (n *Node) settle(ctx context.Context, c *conversation) {
	p := n.place(c.id)
	if p == nil || p.With.IsZero() {
		return
	}
	n.asking.Lock()
	defer n.asking.Unlock()
	k, known := n.contact(p.With)
	if !known || k.Room != c.id {
		return
	}
	switch joined := len(c.talk.Devices(p.With)) > 0; {
	case k.State == p2pv1.ContactState_CONTACT_STATE_ASKED && joined && c.talk.Role(p.With) != room.Nobody:
		k.State = p2pv1.ContactState_CONTACT_STATE_FRIEND
		n.rewrite(ctx, record{Contact: &k}) // first: who is alerted looks, and acts upon it
		n.alert(p2pv1.Alert_KIND_ANSWERED, p.With, "")
	case k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && c.talk.Removed(p.With):
		k.State = p2pv1.ContactState_CONTACT_STATE_REMOVED
		if n.soughtSince(ctx, c, k) && n.askAnew(ctx, k) {
			return
		}
		n.rewrite(ctx, record{Contact: &k})
		n.shout(p2pv1.Alert_KIND_REMOVED, p.With, "", n.deserted(c, *p))
	}
}

// soughtSince reports whether this person has followed another link of a contact who had left the conversation of the two before,
// which nobody had heard here. By the clocks of both, for nothing else orders a link and an event: where they are wrong, who has removed
// this person after he followed a link, which nobody has used since, may have him back; or he is told that he was removed, and follows
// it again.
func (n *Node) soughtSince(ctx context.Context, c *conversation, k contact) bool {
	if k.Sought == 0 {
		return false
	}
	all, err := n.archive.Before(ctx, c.id, history.End, page)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(e history.Entry) bool {
		return e.Counts && e.Account == k.Account && e.Event.Wall <= uint64(k.Sought) && changesMember([]history.Entry{e}, k.Account)
	})
}

// askAnew asks one who has removed this person and has given out another link since: nobody would, now that it was followed. The caller
// holds asking.
func (n *Node) askAnew(ctx context.Context, k contact) bool {
	k, err := n.wantAs(ctx, k, k)
	if err != nil {
		if ctx.Err() == nil {
			n.log.Warn("cannot ask somebody again whose link was followed", zap.Error(err))
		}
		return false
	}
	_, _ = n.post(ctx, k.Account, n.request(k)) // it has logged why not
	n.tellContacts()
	n.tellRoom(k.Room, false)
	return true
}

// rewrite is write and refit for the clerk, who has nobody to give an error to.
func (n *Node) rewrite(ctx context.Context, r record) {
	err := n.write(ctx, r)
	if err == nil {
		err = n.refit(ctx)
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("cannot write to the book", zap.Error(err))
	}
	n.tellContacts()
}

// follow does what messages from others ask this node to do: an invitation into a room from a contact.
func (n *Node) follow(ctx context.Context, c *conversation, added []history.Entry) {
	me := n.accountOf()
	for i := range added {
		e := &added[i]
		if e.Event.Kind != body.KindInvitation || e.Account == me || !e.Counts {
			continue
		}
		if p := n.place(c.id); p == nil || p.With != e.Account || !n.isFriend(e.Account) {
			continue
		}
		v, err := body.ParseInvitation(e.Body)
		if err != nil || v.Room == c.id {
			continue
		}
		if have := n.place(v.Room); have != nil && (!have.Left || have.Since >= int64(e.Event.Wall)) {
			if again := n.conversation(v.Room); again != nil && again.looksFor(e.Account) { // whom he may have removed before
				n.callThere(again, e.Account)
			}
			continue
		}
		n.rewrite(ctx, record{Place: &place{
			Room: v.Room, Swarm: swarmOf(v.Room).String(), Host: e.Account, Name: v.Name, Trackers: v.Trackers,
			Since: time.Now().UnixMilli(),
		}})
	}
}

// followStored follows those invitations that came into a conversation of two as this node ended. Of a room that this person has left since,
// he has been in it: it is followed only if it came after that.
func (n *Node) followStored(ctx context.Context, c *conversation) {
	if p := n.place(c.id); p == nil || p.With.IsZero() {
		return
	}
	all, err := n.archive.OfKind(ctx, c.id, body.KindInvitation)
	if err != nil {
		if ctx.Err() == nil {
			n.log.Warn("cannot look for invitations", zap.Error(err))
		}
		return
	}
	n.follow(ctx, c, slices.DeleteFunc(all, func(e history.Entry) bool { return n.leftSince(ctx, &e) }))
}

// leftSince reports whether this person has left the room of an invitation after that came, or it is not known whether: by the order in
// which this device has heard of both, for the clock of who has written it may be fast.
func (n *Node) leftSince(ctx context.Context, e *history.Entry) bool {
	v, err := body.ParseInvitation(e.Body)
	if err != nil {
		return true
	}
	if have := n.place(v.Room); have == nil || !have.Left {
		return false // follow sees to it
	}
	lines, err := n.archive.Before(ctx, v.Room, history.End, page)
	if err != nil {
		return true
	}
	me, left := n.accountOf(), int64(0)
	for i := range lines {
		if l := &lines[i]; l.Counts && l.Account == me && changesMember(lines[i:i+1], me) {
			left = max(left, l.N)
		}
	}
	return left == 0 || left > e.N
}

func (n *Node) isFriend(k identity.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.book.friend(k)
}

// warn tells of devices that were found to lie, and of a disk that takes nothing more.
func (n *Node) warn(c *conversation, change chat.Change) {
	for _, p := range change.Proofs {
		if s, err := n.me(); err == nil && p.A.Author == s.deviceKey() {
			continue // contradicted sees to it
		}
		account, _ := c.talk.Knows(p.A.Author)
		n.alert(p2pv1.Alert_KIND_DEVICE_LIES, account, p.A.Author.Short())
	}
	n.mu.Lock()
	was := n.full
	n.full = change.Trouble != nil || was && len(change.Added)+len(change.Filled) == 0 // wherever something was written, there is room
	full := n.full
	n.mu.Unlock()
	switch {
	case full && !was:
		n.alert(p2pv1.Alert_KIND_DISK_FULL, identity.Key{}, "")
	case was && !full:
		n.alert(p2pv1.Alert_KIND_DISK_AGAIN, identity.Key{}, "")
	}
}

// membership looks whether this person is still in a room. It may be another who was removed, and had brought him in: then nothing is
// said of himself.
func (n *Node) membership(ctx context.Context, c *conversation, change chat.Change) {
	s, err := n.me()
	if err != nil {
		return
	}
	out, about := c.talk.Removed(s.accountKey()), changesMember(change.Added, s.accountKey())
	turned := out != c.wasOut
	c.wasOut = out
	if !turned && !about {
		return
	}
	n.unheard(ctx, c, s.deviceKey())
	if out {
		n.regret(c, s.accountKey())
	}
}

// regret tells that this person was removed from a room, or that there never was a place for him: it may have happened
// while he was away.
func (n *Node) regret(c *conversation, me identity.Key) {
	p := n.place(c.id)
	if p == nil || p.Left || !p.With.IsZero() {
		return
	}
	if reason := c.out(me); reason != nil {
		n.shout(p2pv1.Alert_KIND_REMOVED, c.talk.RemovedBy(me), c.talk.Options().Name, reason)
	}
}

// changesMember reports whether one of these events adds an account to the room, removes it, or gives it another role.
func changesMember(added []history.Entry, account identity.Key) bool {
	return slices.ContainsFunc(added, func(e history.Entry) bool {
		if e.Event.Kind != room.Admin {
			return false
		}
		about, err := room.ParseChange(e.Body)
		return err == nil && about.Account == account
	})
}

// tidy closes a room that was left once somebody knows.
func (n *Node) tidy(ctx context.Context, c *conversation) {
	if p := n.place(c.id); p == nil || !p.Left {
		return
	}
	if err := n.refit(ctx); err != nil {
		n.log.Warn("cannot close a room", zap.Error(err))
	}
}

// befriend tells the directory whom this person knows.
func (n *Node) befriend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.attended == nil {
		return
	}
	friends := []identity.Key{n.self.accountKey()}
	for k := range n.book.contacts {
		if n.book.friend(k) {
			friends = append(friends, k)
		}
	}
	n.attended.client.Friends(friends)
}

// looks tells programs of somebody whose presence, name or way has changed. The clerk calls it.
func (n *Node) looks(_ context.Context, account identity.Key) {
	if _, known := n.contact(account); known {
		n.tellContact(account)
	}
	for _, c := range n.every() {
		if c.talk.Role(account) != room.Nobody {
			n.tellRoom(c.id, false)
			n.files.meets(c)
		}
	}
}

// beat does once a second what nobody asks for, until ctx ends.
func (n *Node) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	here := surroundings{began: time.Now(), addrs: n.look()}
	trouble := ""
	for count := 0; ; count++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := troubled(n.trackerViews()); now != trouble {
			trouble = now
			n.tellDirectory()
		}
		n.surroundedBy(&here, count)
		n.files.tell()
		if count%measureEvery == measureEvery-1 {
			n.measure()
		}
		if count%10 == 9 && n.changing.TryLock() { // who changes the person remembers by himself
			n.remember()
			n.leaveMark(ctx)
			n.changing.Unlock()
		}
		if count%10 == 9 {
			if n.unkept.Load() || count%keepsakeLook == keepsakeLook-1 {
				n.clerk.do(n.keepBook)
			}
			n.clerk.do(n.callAll)
			n.clerk.do(n.tellUnreached)
			n.clerk.do(n.tellApart)
			if n.untold.Load() {
				n.clerk.do(n.signAll)
			}
		}
		if count%revisitEach == revisitEach-1 {
			n.clerk.do(n.revisitAll)
		}
		n.appear()
	}
}

// revisitEach is after how many beats those who are not there are called again where they were met last: who does not answer for
// minutes is not called any more, and may come back when we have moved.
const revisitEach = 3600

// measureEvery is after how many beats the Node looks how far away people are: programs are not told more often.
const measureEvery = 10

// measure takes over how far away people are, and tells programs when they would notice.
func (n *Node) measure() {
	moved := map[identity.Key]bool{}
	for _, c := range n.every() {
		for _, s := range c.near.Present() {
			if n.faces.measured(contactPoint{c.id, s.Device}, s.RTT) {
				moved[s.Account] = true
			}
		}
	}
	for k := range moved {
		n.tellContact(k)
	}
}

// appear tells others when this person has come or gone: a program was opened, or the last one closed.
func (n *Node) appear() {
	n.mu.Lock()
	watched, _ := n.hub.watched()
	now := n.away.now(watched, 0)
	changed := n.self != nil && now != n.away.shown
	n.away.shown = now
	attended, all := n.attended, n.open
	var near []*conversation
	if changed {
		for _, c := range all {
			near = append(near, c)
		}
		if n.own != nil {
			near = append(near, n.own)
		}
	}
	n.mu.Unlock()
	for _, c := range near {
		c.near.Changed()
	}
	if changed {
		n.clerk.do(n.signAll)
	}
	if changed && attended != nil {
		attended.show(now)
	}
}
