package people

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
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
	r.LoggedIn, r.Name, r.DisplayName = true, n.self.name, n.displayName()
	r.Account, r.Device, r.DeviceLabel = textKey(n.self.accountKey()), textKey(n.self.deviceKey()), n.self.certificate.Label
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

// directoryFor returns the directory that a program names, or the one that is known.
func (n *Node) directoryFor(named string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case named != "":
		return named, nil
	case n.self != nil && n.self.directory != "":
		return n.self.directory, nil
	case n.opt.Directory != "":
		return n.opt.Directory, nil
	}
	return "", fail(failed, api.NoDirectory)
}

// Register implements p2pv1connect.PeopleHandler.
func (n *Node) Register(ctx context.Context, r *connect.Request[p2pv1.RegisterRequest]) (*connect.Response[p2pv1.RegisterResponse], error) {
	url, err := n.directoryFor(r.Msg.Directory)
	if err != nil {
		return nil, err
	}
	if err := directory.CheckName(r.Msg.Name); err != nil {
		return nil, failure(err)
	}
	if s, err := n.me(); err == nil && s.name != "" {
		return nil, fail(failed, api.LoggedIn, "name", s.name)
	}
	n.setDirectory(url, r.Msg.DeviceLabel)
	if err := n.ensure(ctx); err != nil {
		return nil, failure(err)
	}
	s, err := n.me()
	if err != nil {
		return nil, err
	}
	client, err := directory.New(directory.Options{URL: url, Device: s.device, Log: n.log})
	if err != nil {
		return nil, failure(err)
	}
	extra, err := n.heirloom(ctx, s)
	if err != nil {
		return nil, failure(err)
	}
	if err := client.Register(ctx, r.Msg.Name, []byte(r.Msg.Password), s.account, extra, s.certificate); err != nil {
		return nil, n.named(err, r.Msg.Name)
	}
	if err := n.loggedIn(ctx, s, r.Msg.Name, url); err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.RegisterResponse{Me: n.whoami()}), nil
}

// named is failure for an error about a name, or of the directory, which it names.
func (n *Node) named(err error, name string) error {
	switch {
	case errors.Is(err, directory.ErrTaken):
		return fail(exists, api.NameTaken, "name", name)
	case errors.Is(err, directory.ErrNoPerson):
		return fail(missing, api.NoSuchPerson, "who", name)
	case errors.Is(err, directory.ErrFull):
		return fail(full, api.MailboxFull, "who", name)
	case errors.Is(err, directory.ErrUnavailable), errors.Is(err, directory.ErrUntrusted):
		return fail(away, api.Unreachable, "url", n.directoryView().Url, "problem", err.Error())
	}
	return failure(err)
}

func (n *Node) setDirectory(url, label string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.opt.Directory == "" {
		n.opt.Directory = url
	}
	if label != "" {
		n.opt.Label = label
	}
}

// loggedIn remembers the account at the directory, and begins the session.
func (n *Node) loggedIn(ctx context.Context, s *self, name, url string) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	n.mu.Lock()
	s.name, s.directory, s.loggedOut = name, url, false
	err := s.save(n.archive)
	asleep := n.node == nil
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if asleep {
		if err := n.begin(ctx, s); err != nil {
			return err
		}
	}
	n.attend()
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	if a != nil {
		select { // so that the answer says how it stands
		case <-a.first:
		case <-ctx.Done():
		}
	}
	n.tellDirectory()
	return nil
}

// Login implements p2pv1connect.PeopleHandler.
func (n *Node) Login(ctx context.Context, r *connect.Request[p2pv1.LoginRequest]) (*connect.Response[p2pv1.LoginResponse], error) {
	url, err := n.directoryFor(r.Msg.Directory)
	if err != nil {
		return nil, err
	}
	old, _ := n.me()
	device := identity.Secret{}
	if old != nil {
		device = old.device
	} else if device, err = identity.NewSecret(randomness); err != nil {
		return nil, failure(err)
	}
	client, err := directory.New(directory.Options{URL: url, Device: device, Log: n.log})
	if err != nil {
		return nil, failure(err)
	}
	got, err := client.Login(ctx, r.Msg.Name, []byte(r.Msg.Password))
	if err != nil {
		return nil, n.named(err, r.Msg.Name)
	}
	if old != nil {
		if old.accountKey() != got.Account.Key() {
			return nil, fail(failed, api.LoggedIn, "name", n.nameOf(old.accountKey()))
		}
		if err := client.Certify(ctx, old.certificate); err != nil {
			return nil, failure(err)
		}
		if err := n.loggedIn(ctx, old, got.Name, url); err != nil {
			return nil, failure(err)
		}
		return connect.NewResponse(&p2pv1.LoginResponse{Me: n.whoami()}), nil
	}
	if err := n.moveIn(ctx, client, got, device, url, r.Msg.DeviceLabel); err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&p2pv1.LoginResponse{Me: n.whoami()}), nil
}

// moveIn makes this the device of an account that there is already.
func (n *Node) moveIn(ctx context.Context, client *directory.Client, got directory.LoginResult, device identity.Secret, url, label string) error {
	n.setDirectory(url, label)
	n.mu.Lock()
	label = n.opt.Label
	n.mu.Unlock()
	s, err := newSelf(got.Account, device, label, time.Now())
	if err != nil {
		return err
	}
	s.name, s.directory = got.Name, url
	n.archive.Belong(s.accountKey(), s.deviceKey())
	if s.own, err = n.inherit(ctx, got.Extra); err != nil {
		return err
	}
	if err := client.Certify(ctx, s.certificate); err != nil {
		return err
	}
	if err := s.save(n.archive); err != nil {
		return err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	return n.begin(ctx, s)
}

// Logout implements p2pv1connect.PeopleHandler.
func (n *Node) Logout(ctx context.Context, r *connect.Request[p2pv1.LogoutRequest]) (*connect.Response[p2pv1.LogoutResponse], error) {
	s, err := n.me()
	if err != nil {
		return nil, err
	}
	if s.name == "" && !r.Msg.Forget {
		return nil, fail(failed, api.NoAccount)
	}
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	if s.name != "" && r.Msg.Forget {
		client, err := n.clientOf(s, a)
		if err != nil {
			return nil, failure(err)
		}
		if err := n.revoke(ctx, client, s.deviceKey()); err != nil {
			return nil, n.named(err, s.name)
		}
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.end(ctx); err != nil {
		n.log.Warn("while leaving", zap.Error(err))
	}
	if r.Msg.Forget {
		return connect.NewResponse(&p2pv1.LogoutResponse{}), failure(n.reopen())
	}
	s.loggedOut = true
	err = s.save(n.archive)
	if err == nil {
		err = n.begin(ctx, s)
	}
	n.tellDirectory()
	return connect.NewResponse(&p2pv1.LogoutResponse{}), failure(err)
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
	n.mu.Lock()
	s.name = r.Msg.Name
	err = s.save(n.archive)
	n.away.shown = p2pv1.Presence_PRESENCE_UNSPECIFIED
	n.mu.Unlock()
	n.appear()
	return connect.NewResponse(&p2pv1.RenameResponse{}), failure(err)
}

// account returns who this is at the directory, and the client to ask it with.
func (n *Node) account() (*self, *directory.Client, error) {
	s, err := n.me()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case s.loggedOut:
		return nil, nil, fail(failed, api.LoggedOut)
	case s.name == "":
		return nil, nil, fail(failed, api.NoAccount)
	}
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	client, err := n.clientOf(s, a)
	return s, client, failure(err)
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
		r.Devices = append(r.Devices, &p2pv1.Device{
			Key: textKey(c.Device), Label: c.Label, Certified: c.Issued.UnixMilli(), Revoked: c.Revoked,
			ThisOne: c.Device == s.deviceKey(), Online: c.Device == s.deviceKey() || here[c.Device],
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
	var all []candidate[identity.Key]
	for _, c := range n.known.all(s.accountKey()) {
		all = append(all, candidate[identity.Key]{c.Label, textKey(c.Device), c.Device})
	}
	device, none, several := pick(r.Msg.Device, all)
	switch {
	case none:
		return nil, fail(missing, api.NoSuchDevice, "device", r.Msg.Device)
	case several:
		return nil, fail(invalid, api.Ambiguous, "who", r.Msg.Device)
	case device == s.deviceKey():
		return nil, fail(invalid, api.Yourself)
	}
	var client *directory.Client
	if s.name != "" {
		if _, client, err = n.account(); err != nil {
			return nil, err
		}
	}
	return connect.NewResponse(&p2pv1.RevokeDeviceResponse{}), failure(n.revoke(ctx, client, device))
}

// revoke takes a device's certificate back: at the directory, and in every room that it has joined, where
// what it wrote until now still counts.
func (n *Node) revoke(ctx context.Context, client *directory.Client, device identity.Key) error {
	s, err := n.me()
	if err != nil {
		return err
	}
	cert, err := identity.Certify(s.account, device, "", time.Now(), true)
	if err != nil {
		return err
	}
	if client != nil {
		if err := client.Certify(ctx, cert); err != nil {
			return err
		}
	}
	n.known.add(cert)
	all := n.every()
	n.mu.Lock()
	if n.own != nil {
		all = append(all, n.own)
	}
	n.mu.Unlock()
	for _, c := range all {
		if account, _ := c.talk.Knows(device); account != s.accountKey() || !c.talk.Joined() {
			continue
		}
		if _, err := c.talk.Change(ctx, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: device}}}); err != nil {
			n.log.Warn("cannot revoke a device in a room", zap.Error(err))
		}
		c.swarm.Review()
		c.near.Changed()
	}
	return nil
}

// historyFiles are what the history of a profile consists of.
var historyFiles = []string{"history", "history-wal", "history-shm", "history.words"}

// reopen makes the history anew, empty. The caller holds changing, and nothing runs.
func (n *Node) reopen() error {
	if err := n.archive.Close(); err != nil {
		return err
	}
	for _, name := range historyFiles {
		if err := os.Remove(filepath.Join(n.opt.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	archive, err := n.openArchive()
	if err != nil {
		return err
	}
	n.archive = archive
	return nil
}
