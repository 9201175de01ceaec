package people

import (
	"context"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/naming"
	"p2p/peer/directory"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Whoami implements p2pv1connect.PeopleHandler.
func (n *Node) Whoami(context.Context, *connect.Request[p2pv1.WhoamiRequest]) (*connect.Response[p2pv1.WhoamiResponse], error) {
	return connect.NewResponse(n.whoami()), nil
}

func (n *Node) whoami() *p2pv1.WhoamiResponse {
	r := &p2pv1.WhoamiResponse{
		Profile: n.opt.Dir, Downloads: n.opt.Downloads, Version: n.opt.Version, Encrypted: len(n.opt.Passphrase) > 0,
		Directory: n.directoryView(), Trackers: n.trackers(), Presence: n.presence(),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return r
	}
	r.PresenceText = n.away.text
	r.LoggedIn, r.Name, r.DisplayName = true, n.self.name, n.displayName()
	r.Account, r.Device, r.DeviceLabel = textKey(n.self.accountKey()), textKey(n.self.deviceKey()), n.self.certificate.Name(n.self.account)
	if n.node != nil {
		r.Listen = n.node.Addr().String()
	}
	return r
}

// Stop implements p2pv1connect.PeopleHandler.
func (n *Node) Stop(context.Context, *connect.Request[p2pv1.StopRequest]) (*connect.Response[p2pv1.StopResponse], error) {
	n.stop.Do(func() { close(n.done) })
	return connect.NewResponse(&p2pv1.StopResponse{}), nil
}

// Rename implements p2pv1connect.PeopleHandler.
func (n *Node) Rename(ctx context.Context, r *connect.Request[p2pv1.RenameRequest]) (*connect.Response[p2pv1.RenameResponse], error) {
	s, client, err := n.account()
	if err != nil {
		return nil, err
	}
	if err := client.Rename(ctx, s.account, r.Msg.Name); err != nil {
		return nil, n.named(err, r.Msg.Name)
	}
	if err := n.renamed(s, r.Msg.Name); err != nil {
		return nil, failure(err)
	}
	n.appear()
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	if a != nil {
		a.misname(false, r.Msg.Name)
	}
	return connect.NewResponse(&p2pv1.RenameResponse{}), nil
}

// ChangePassword implements p2pv1connect.PeopleHandler.
func (n *Node) ChangePassword(ctx context.Context, r *connect.Request[p2pv1.ChangePasswordRequest]) (*connect.Response[p2pv1.ChangePasswordResponse], error) {
	s, client, err := n.account()
	if err != nil {
		return nil, err
	}
	extra, err := n.heirloom(ctx, s)
	if err != nil {
		return nil, failure(err)
	}
	if err := client.SetPassword(ctx, []byte(r.Msg.Password), s.account, extra); err != nil {
		return nil, n.named(err, s.name)
	}
	return connect.NewResponse(&p2pv1.ChangePasswordResponse{}), nil
}

// account returns who this is at the directory, and the client to ask it with.
func (n *Node) account() (*self, *directory.Client, error) {
	s, err := n.me()
	if err != nil {
		return nil, nil, err
	}
	if err := n.shutOut(s); err != nil {
		return nil, nil, err
	}
	if s.name == "" {
		return nil, nil, fail(failed, api.NoAccount)
	}
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	client, err := n.clientOf(s, a)
	return s, client, failure(err)
}

// shutOut returns an error for who can do nothing but read what was said: whose device was revoked, or who has logged out.
func (n *Node) shutOut(s *self) error {
	switch {
	case n.outlawed(s):
		return fail(denied, api.RevokedHere)
	case s.loggedOut:
		return fail(failed, api.LoggedOut)
	}
	return nil
}

// outlawed reports whether this device was revoked: another device of the account has said so, or the directory.
func (n *Node) outlawed(s *self) bool {
	return s.revoked || n.known.revoked(s.deviceKey()) || n.directoryView().Problem.GetKey() == api.DeviceRevoked
}

// clientOf returns the client of a session, or one without.
func (n *Node) clientOf(s *self, a *attendance) (*directory.Client, error) {
	if a != nil {
		return a.client, nil
	}
	return directory.New(directory.Options{URL: s.directory, Device: s.device, Log: n.log})
}

// ListDevices implements p2pv1connect.PeopleHandler.
func (n *Node) ListDevices(ctx context.Context, _ *connect.Request[p2pv1.ListDevicesRequest]) (*connect.Response[p2pv1.ListDevicesResponse], error) {
	s, err := n.me()
	if err != nil {
		return nil, err
	}
	if s.name != "" {
		if _, client, err := n.account(); err == nil {
			if p, err := client.Find(ctx, s.name); err == nil && p.Account == s.accountKey() {
				for _, c := range p.Certificates {
					n.known.add(c)
				}
			} // without the directory, those that are known here
		}
	}
	here := n.faces.of(s.accountKey()).devices
	var r p2pv1.ListDevicesResponse
	for _, c := range n.known.all(s.accountKey()) {
		self := c.Device == s.deviceKey()
		gone := c.Revoked || self && n.outlawed(s) // the directory may be the only one who has said so
		r.Devices = append(r.Devices, &p2pv1.Device{
			Key: textKey(c.Device), Label: c.Name(s.account), Certified: c.Issued.UnixMilli(), Revoked: gone, ThisOne: self, Online: self && !gone || here[c.Device],
		})
	}
	return connect.NewResponse(&r), nil
}

// RevokeDevice implements p2pv1connect.PeopleHandler.
func (n *Node) RevokeDevice(ctx context.Context, r *connect.Request[p2pv1.RevokeDeviceRequest]) (*connect.Response[p2pv1.RevokeDeviceResponse], error) {
	s, err := n.me()
	if err != nil {
		return nil, err
	}
	var all []naming.Candidate[identity.Key]
	for _, c := range n.known.all(s.accountKey()) {
		k := naming.Candidate[identity.Key]{Name: c.Name(s.account), ID: textKey(c.Device), Is: c.Device}
		if c.Revoked {
			k.Rank = naming.Former
		}
		all = append(all, k)
	}
	hits, exact := naming.Pick(r.Msg.Device, all)
	switch {
	case len(hits) == 0:
		return nil, fail(missing, api.NoSuchDevice, "device", r.Msg.Device)
	case len(hits) > 1:
		return nil, ambiguous(r.Msg.Device, hits, exact)
	case hits[0].Is == s.deviceKey():
		return nil, fail(invalid, api.Yourself)
	}
	device := hits[0].Is
	var client *directory.Client
	if s.name != "" {
		if _, client, err = n.account(); err != nil {
			return nil, err
		}
	}
	untold, err := n.revoke(ctx, client, device)
	if err != nil {
		return nil, failure(err)
	}
	if untold != nil {
		n.clerk.do(n.upholdAgain)
	}
	return connect.NewResponse(&p2pv1.RevokeDeviceResponse{Untold: api.ReasonOf(n.named(untold, s.name))}), nil
}

// revoke takes a device's certificate back: in every room that it has joined, where what it wrote until now still counts, and at the
// directory; untold says why not there. Who has been robbed does not wait for a directory that is away.
func (n *Node) revoke(ctx context.Context, client *directory.Client, device identity.Key) (untold, err error) {
	s, err := n.me()
	if err != nil {
		return nil, err
	}
	cert, err := identity.Certify(s.account, device, cut(n.known.device(device).Name(s.account), identity.MaxLabel), time.Now(), true)
	if err != nil {
		return nil, err
	}
	n.known.add(cert)
	all := n.every()
	n.mu.Lock()
	if n.own != nil {
		all = append(all, n.own)
	}
	n.mu.Unlock()
	for _, c := range all {
		n.disown(ctx, c)
		c.swarm.Review()
		c.near.Changed()
	}
	if client != nil {
		untold = certify(ctx, client, cert)
	}
	if errors.Is(untold, directory.ErrNoPerson) { // one that has lost the account has nothing to take back
		untold = nil
	}
	return untold, nil
}

// uphold has the directory know which devices the account has revoked, and takes over which it knows to be: one that
// was set back to a backup, or begins anew, would have who holds a device that was lost be the account again, without a password. The clerk
// calls it at the beginning of each session.
func (n *Node) uphold(ctx context.Context, a *attendance) {
	s, err := n.me()
	if err != nil || s.name == "" || s.revoked {
		return
	}
	there, err := a.client.Find(ctx, s.name)
	nameless := errors.Is(err, directory.ErrNoPerson) || err == nil && there.Account != s.accountKey()
	if err != nil && !nameless {
		n.upholdAgain(ctx)
		return
	}
	if nameless { // it knows the account by its key, else there would be no session
		there = directory.Person{}
	}
	if now, err := n.me(); err != nil || now.name != s.name { // it has been given another name meanwhile
		n.upholdAgain(ctx)
		return
	}
	a.misname(nameless, s.name)
	for _, c := range there.Certificates {
		if c.Revoked && n.known.add(c) {
			n.newDevice(c)
		}
	}
	for _, c := range n.known.all(s.accountKey()) {
		if !c.Revoked || slices.ContainsFunc(there.Certificates, func(o identity.Certificate) bool { return o.Device == c.Device && o.Revoked }) {
			continue
		}
		if err := certify(ctx, a.client, c); err != nil && ctx.Err() == nil {
			n.log.Warn("the directory does not take that a device was revoked", zap.String("device", c.Device.Short()), zap.Error(err))
			n.upholdAgain(ctx)
			return
		}
	}
}

// upholdAgain has the directory told somewhat later, if the session lasts: the next one begins with it. The clerk calls it.
func (n *Node) upholdAgain(context.Context) {
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	if a == nil || a.upholds {
		return
	}
	a.upholds = true
	time.AfterFunc(around(lookAgain), func() {
		n.clerk.do(func(ctx context.Context) {
			a.upholds = false
			n.mu.Lock()
			lasts := n.attended == a
			n.mu.Unlock()
			if lasts && a.view().Connected {
				n.uphold(ctx, a)
			}
		})
	})
}

// outlaw believes another device of the account which says in a room that it has revoked this one: the directory may say so later, or
// never. From now on this device does nothing but show what was said.
func (n *Node) outlaw(added []history.Entry) {
	s, err := n.me()
	if err != nil || s.revoked || !slices.ContainsFunc(added, func(e history.Entry) bool { return revokes(&e, s) }) {
		return
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if s, err = n.still(s); err == nil {
		_, err = n.become(s, func(s *self) { s.revoked = true })
	}
	if err != nil {
		n.log.Warn("cannot note that this device was revoked", zap.Error(err))
	}
	n.tellDirectory()
}

// revokes reports whether an event is that the account of s has revoked its device. A moderator can revoke it too, for his room alone.
func revokes(e *history.Entry, s *self) bool {
	if e.Event.Kind != room.Admin || !e.Counts || e.Account != s.accountKey() || e.Event.Author == s.deviceKey() {
		return false
	}
	c, err := room.ParseChange(e.Body)
	return err == nil && c.Op == room.Revoke && c.Cuts[0].Device == s.deviceKey()
}

// disown has a room know which devices this account has revoked. It may hear of one after that, from whoever has met it: so
// this is done whenever more is known of a room.
func (n *Node) disown(ctx context.Context, c *conversation) {
	me := n.accountOf()
	for _, cert := range n.known.all(me) {
		account, comes := c.talk.Knows(cert.Device)
		if !cert.Revoked || !comes || account != me || !c.talk.Joined() || c.talk.Role(me) == room.Nobody {
			continue
		}
		_, err := c.talk.Change(ctx, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: cert.Device}}})
		if err != nil && ctx.Err() == nil {
			n.log.Warn("cannot revoke a device in a room", zap.Error(err))
		}
	}
}
