package people

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// Register implements p2pv1connect.PeopleHandler.
func (n *Node) Register(ctx context.Context, r *connect.Request[p2pv1.RegisterRequest]) (*connect.Response[p2pv1.RegisterResponse], error) {
	before, err := n.note(r.Msg.Directory, r.Msg.DeviceLabel)
	if err != nil {
		return nil, err
	}
	a, err := n.register(ctx, r)
	if err != nil && !ruled(err) {
		n.unname(ctx, before)
	}
	return a, err
}

func (n *Node) register(ctx context.Context, r *connect.Request[p2pv1.RegisterRequest]) (*connect.Response[p2pv1.RegisterResponse], error) {
	url, err := n.directoryURL()
	if err != nil {
		return nil, err
	}
	if err := directory.CheckName(r.Msg.Name); err != nil {
		return nil, namedAt(url, err, r.Msg.Name)
	}
	if s, err := n.me(); err == nil && s.name != "" {
		if n.outlawed(s) {
			return nil, fail(denied, api.RevokedHere)
		}
		if !n.stranded(ctx, s, url) {
			return nil, fail(failed, api.LoggedIn, "name", s.name)
		}
	} else if err := n.ensure(ctx); err != nil {
		return nil, failure(err)
	}
	s, err := n.me()
	if err != nil {
		return nil, err
	}
	client, err := directory.New(directory.Options{URL: url, Device: s.device, Log: n.log})
	if err != nil {
		return nil, namedAt(url, err, r.Msg.Name)
	}
	extra, err := n.heirloom(ctx, s)
	if err != nil {
		return nil, failure(err)
	}
	if err := client.Register(ctx, r.Msg.Name, []byte(r.Msg.Password), s.account, extra, s.certificate); err != nil {
		return nil, namedAt(url, err, r.Msg.Name)
	}
	if err := n.loggedIn(ctx, s, r.Msg.Name, client.URL()); err != nil {
		return nil, failure(err)
	}
	n.hear(ctx)
	return connect.NewResponse(&p2pv1.RegisterResponse{Me: n.whoami()}), nil
}

// stranded reports whether the account of s has no directory any more: the one that it had knows it no more, since it has lost its
// data, or does not answer as itself, and url is another. The same keys get a name there then, for contacts know people by their
// keys; who is well where he is might want a second account, which is not for this profile.
func (n *Node) stranded(ctx context.Context, s *self, url string) bool {
	if n.sessionView().Connected {
		return false
	}
	gone, err := n.forgotten(ctx, s, s.directory)
	return gone || err != nil && url != s.directory
}

// forgotten reports whether a directory knows the account of s no more, or under its name another one.
func (n *Node) forgotten(ctx context.Context, s *self, url string) (bool, error) {
	client, err := directory.New(directory.Options{URL: url, Device: s.device, Log: n.log})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, strandTime)
	defer cancel()
	p, err := client.Find(ctx, s.name)
	if errors.Is(err, directory.ErrNoPerson) {
		return true, nil
	}
	return err == nil && p.Account != s.accountKey(), err
}

// strandTime bounds how long a directory is waited for that may not be there any more.
const strandTime = 5 * time.Second

// Login implements p2pv1connect.PeopleHandler.
func (n *Node) Login(ctx context.Context, r *connect.Request[p2pv1.LoginRequest]) (*connect.Response[p2pv1.LoginResponse], error) {
	before, err := n.note(r.Msg.Directory, r.Msg.DeviceLabel)
	if err != nil {
		return nil, err
	}
	a, err := n.login(ctx, r)
	if err != nil && !ruled(err) {
		n.unname(ctx, before)
	}
	return a, err
}

func (n *Node) login(ctx context.Context, r *connect.Request[p2pv1.LoginRequest]) (*connect.Response[p2pv1.LoginResponse], error) {
	url, err := n.directoryURL()
	if err != nil {
		return nil, err
	}
	device, err := identity.NewSecret(randomness)
	if err != nil {
		return nil, failure(err)
	}
	client, err := directory.New(directory.Options{URL: url, Device: device, Log: n.log})
	if err != nil {
		return nil, namedAt(url, err, r.Msg.Name)
	}
	got, err := client.Login(ctx, r.Msg.Name, []byte(r.Msg.Password))
	if err != nil {
		return nil, n.notLoggedIn(ctx, url, err, r.Msg.Name)
	}
	if old, none := n.me(); none == nil && old.accountKey() == got.Account.Key() {
		if n.outlawed(old) { // for good: a directory of before would take another certificate
			return nil, fail(denied, api.RevokedHere)
		}
		if old, err = n.certifyAgain(ctx, client, old, r.Msg.DeviceLabel); err == nil {
			err = n.loggedIn(ctx, old, got.Name, client.URL())
		}
	} else {
		err = n.moveIn(ctx, client, got, device)
	}
	if err != nil {
		return nil, namedAt(url, err, r.Msg.Name)
	}
	n.hear(ctx)
	if s, err := n.me(); err == nil && n.outlawed(s) {
		return nil, fail(denied, api.RevokedHere)
	}
	return connect.NewResponse(&p2pv1.LoginResponse{Me: n.whoami()}), nil
}

// notLoggedIn is namedAt for a login: a directory that has lost this person knows neither name nor password, where both are right.
func (n *Node) notLoggedIn(ctx context.Context, url string, err error, name string) error {
	s, none := n.me()
	if none != nil || s.name == "" || !errors.Is(err, directory.ErrNoPerson) && !errors.Is(err, directory.ErrPassword) {
		return namedAt(url, err, name)
	}
	mine, bad := dirwire.ParseName(s.name)
	other, worse := dirwire.ParseName(name)
	if bad != nil || worse != nil || !mine.Same(other) {
		return namedAt(url, err, name)
	}
	if lost, _ := n.forgotten(ctx, s, url); lost {
		return fail(missing, api.AccountLost, "url", keyless(url), "name", name, "at", url)
	}
	return namedAt(url, err, name)
}

// note remembers what a program has named, and returns the directory that was named before: unname goes back to it, for this one
// may be mistyped. What is no address at all is not remembered.
func (n *Node) note(url, label string) (before string, err error) {
	if url != "" {
		if _, err := directory.New(directory.Options{URL: url, Log: n.log}); err != nil {
			return "", namedAt(url, err, "")
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	before = n.directory
	if url != "" {
		n.directory = url
	}
	if label != "" {
		n.label = label
	}
	return before, nil
}

// ruled reports whether a directory has answered, which is one then: that a name is taken there, or a password wrong, is no reason
// to name it once more.
func ruled(err error) bool {
	switch api.ReasonOf(err).GetKey() {
	case api.NameTaken, api.NoSuchPerson, api.AccountLost, api.WrongPassword, api.WeakPassword:
		return true
	}
	return false
}

// unname goes back to the directory that was named before one at which nobody has got an account: this person would announce
// himself there, and the next command ask there.
func (n *Node) unname(ctx context.Context, before string) {
	n.changing.Lock()
	defer n.changing.Unlock()
	n.mu.Lock()
	n.directory = before
	n.mu.Unlock()
	if err := n.beFound(ctx); err != nil {
		n.log.Warn("while going back to the directory of before", zap.Error(err))
	}
}

// directoryURL returns the directory that was named last, else that of the account, else that of the options. That of the account
// comes with the key that it is known by (directory.Client.URL), unless another one was named: only the person can say that
// another is right.
func (n *Node) directoryURL() (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	named, own := n.directory, ""
	if n.self != nil {
		own = n.self.directory
	}
	switch {
	case own != "" && (named == "" || named == keyless(named) && announceOf(named) == announceOf(own)):
		return own, nil
	case named != "":
		return named, nil
	case n.opt.Directory != "":
		return n.opt.Directory, nil
	}
	return "", fail(failed, api.NoDirectory)
}

// become keeps what change makes of s, and makes it this person. A self does not change: who has one reads it
// without a lock. The caller holds changing.
func (n *Node) become(s *self, change func(*self)) (*self, error) {
	next := *s
	change(&next)
	if err := next.save(n.archive); err != nil {
		return s, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.self = &next
	return &next, nil
}

// still returns who this is if he is the person that s was. The caller holds changing.
func (n *Node) still(s *self) (*self, error) {
	now, err := n.me()
	if err == nil && now.accountKey() != s.accountKey() {
		err = fail(failed, api.LoggedIn, "name", n.nameOf(now.accountKey()))
	}
	return now, err
}

// loggedIn remembers the account at the directory, and begins the session.
func (n *Node) loggedIn(ctx context.Context, s *self, name, url string) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.still(s)
	if err != nil {
		return err
	}
	s, err = n.become(s, func(s *self) { s.name, s.directory, s.loggedOut, s.revoked = name, url, false, false })
	if err != nil {
		return err
	}
	n.mu.Lock()
	asleep := n.node == nil
	moved := n.attended != nil && n.attended.url != url || !slices.Equal(n.announced, n.announces())
	n.mu.Unlock()
	if moved && !asleep { // what runs is to be found at other trackers from now on
		if err := n.end(ctx); err != nil {
			n.log.Warn("while moving to another directory", zap.Error(err))
		}
	}
	if moved || asleep {
		if err := n.begin(ctx, s); err != nil {
			return err
		}
	}
	n.attend()
	return nil
}

// renamed remembers the name that the directory has given.
func (n *Node) renamed(s *self, name string) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.still(s)
	if err != nil {
		return err
	}
	if _, err := n.become(s, func(s *self) { s.name = name }); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away.shown = p2pv1.Presence_PRESENCE_UNSPECIFIED // others are told
	return nil
}

// moveIn makes this the device of an account that there is already.
func (n *Node) moveIn(ctx context.Context, client *directory.Client, got directory.LoginResult, device identity.Secret) error {
	n.mu.Lock()
	label := n.label
	n.mu.Unlock()
	s, err := newSelf(got.Account, device, label, time.Now())
	if err != nil {
		return err
	}
	s.name, s.directory = got.Name, client.URL()
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.mayVacate(); err != nil {
		return err
	}
	if err := certify(ctx, client, s.certificate); err != nil {
		return err
	}
	if err := n.vacate(ctx); err != nil {
		return err
	}
	n.archive.Belong(s.accountKey(), s.deviceKey())
	if s.own, err = n.inherit(ctx, got.Extra); err != nil {
		return err
	}
	if err := s.save(n.archive); err != nil {
		return err
	}
	return n.begin(ctx, s)
}

// certifyAgain tells the directory of a device that it may know already, and calls it otherwise if a program wants that.
func (n *Node) certifyAgain(ctx context.Context, client *directory.Client, s *self, label string) (*self, error) {
	cert := s.certificate
	if label = cut(label, identity.MaxLabel); label != "" && label != cert.Name(s.account) {
		at := time.Now()
		if next := cert.Issued.Add(time.Second); at.Before(next) {
			at = next // the later of two counts
		}
		var err error
		if cert, err = identity.Certify(s.account, s.deviceKey(), label, at, false); err != nil {
			return s, err
		}
	}
	if err := certify(ctx, client, cert); err != nil || cert == s.certificate {
		return s, err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.still(s)
	if err != nil {
		return s, err
	}
	n.known.add(cert)
	return n.become(s, func(s *self) { s.certificate = cert })
}

// certify tells the directory of a device.
func certify(ctx context.Context, client *directory.Client, cert identity.Certificate) error {
	err := client.Certify(ctx, cert)
	switch {
	case errors.Is(err, directory.ErrFull):
		return fail(full, api.DevicesFull)
	case errors.Is(err, directory.ErrRevoked):
		return fail(denied, api.RevokedHere)
	}
	return err
}

// mayVacate returns an error unless the profile is free for another account: it is nobody's, or of keys
// that have no name and know nobody, such as a registration leaves that has failed. The caller holds changing.
func (n *Node) mayVacate() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil || n.self.name == "" && n.book.empty() {
		return nil
	}
	return fail(failed, api.LoggedIn, "name", n.nameFor(n.self.accountKey()))
}

// vacate makes the profile nobody's, and takes all away that it holds. The caller holds changing.
func (n *Node) vacate(ctx context.Context) error {
	if n.accountOf().IsZero() {
		return nil
	}
	s, _ := n.me()
	if err := n.end(ctx); err != nil {
		n.log.Warn("while leaving", zap.Error(err))
	}
	n.unmark(s)
	err := n.archive.Erase()
	n.hub.cutAll() // numbers of messages begin anew
	return err
}

// hear waits until it is known whether the directory answers, so that what a program is told says so. Nobody
// else waits meanwhile.
func (n *Node) hear(ctx context.Context) {
	n.mu.Lock()
	a := n.attended
	n.mu.Unlock()
	if a != nil {
		select {
		case <-a.first:
		case <-ctx.Done():
		}
	}
	n.tellDirectory()
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
	var out p2pv1.LogoutResponse
	if s.name != "" && r.Msg.Forget {
		if err := n.resign(ctx, s, a); err != nil {
			out.Untold = api.ReasonOf(n.named(err, s.name)) // what is here goes all the same
		}
	}
	if err := n.loggedOut(ctx, s, r.Msg.Forget); err != nil {
		return nil, failure(err)
	}
	if a != nil && a.untold != nil && !r.Msg.Forget {
		out.Untold = api.ReasonOf(n.named(a.untold, s.name))
	}
	n.tellDirectory()
	return connect.NewResponse(&out), nil
}

// resignTime bounds how long a person who wants all forgotten here waits for the directory.
const resignTime = 5 * time.Second

// resign takes the certificate of this device back.
func (n *Node) resign(ctx context.Context, s *self, a *attendance) error {
	client, err := n.clientOf(s, a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, resignTime)
	defer cancel()
	untold, err := n.revoke(ctx, client, s.deviceKey())
	return cmp.Or(err, untold)
}

// loggedOut ends what is connected; what was said can still be read, unless all is to be forgotten.
func (n *Node) loggedOut(ctx context.Context, s *self, forget bool) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	s, err := n.still(s)
	if err != nil {
		return err
	}
	if forget {
		return n.vacate(ctx)
	}
	gone := n.outlawed(s) // the directory is not asked any more
	if s, err = n.become(s, func(s *self) { s.loggedOut, s.revoked = true, gone }); err != nil {
		return err
	}
	err = n.end(ctx)
	return errors.Join(err, n.begin(ctx, s))
}

// named is failure for an error about a name, or of the directory, which it names.
func (n *Node) named(err error, name string) error { return namedAt(n.directoryView().Url, err, name) }

// namedAt is named for a directory that may be another than that of the session.
func namedAt(url string, err error, name string) error {
	broken, _ := errors.AsType[*directory.NameError](err)
	switch {
	case broken != nil:
		return fail(invalid, api.BadName, "name", name, "rule", api.RuleOf(broken.Rule),
			"min", strconv.Itoa(dirwire.MinName), "max", strconv.Itoa(dirwire.MaxName))
	case errors.Is(err, directory.ErrTaken):
		return fail(exists, api.NameTaken, "name", name)
	case errors.Is(err, directory.ErrNoPerson):
		return fail(missing, api.NoSuchPerson, "who", name)
	case errors.Is(err, directory.ErrFull):
		return fail(full, api.MailboxFull, "who", name)
	case errors.Is(err, directory.ErrURL):
		return fail(invalid, api.BadDirectory, "url", url)
	case errors.Is(err, directory.ErrUnavailable), errors.Is(err, directory.ErrUntrusted), errors.Is(err, errHeirloom):
		return unreachable(url, err)
	}
	return failure(err)
}
