package directory

import (
	"context"
	"errors"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

func (d *Directory) doHello(_ context.Context, q request) (any, error) {
	return dirwire.Challenge{Service: q.service[:], Challenge: d.tickets.issue()}, nil
}

func (d *Directory) doFind(ctx context.Context, q request) (any, error) {
	k, a, err := d.named(ctx, q)
	if err != nil {
		return nil, err
	}
	return dirwire.Person{Name: a.Name, Account: k, Certificates: a.Certificates}, nil
}

// named returns who has the name that the body holds. It says that nobody has, to whoever asks: names are there to be
// found, and register tells it too.
func (d *Directory) named(ctx context.Context, q request) (identity.Key, account, error) {
	m, err := dirwire.Parse[dirwire.Named](q.Body)
	if err != nil {
		return identity.Key{}, account{}, err
	}
	name, err := dirwire.ParseName(m.Name)
	if err != nil {
		return identity.Key{}, account{}, errNoPerson
	}
	if err := slow(d.paces.questions, address(q.source)); err != nil {
		return identity.Key{}, account{}, err
	}
	return d.book.find(ctx, name)
}

func (d *Directory) doBegin(ctx context.Context, q request) (any, error) {
	_, a, err := d.named(ctx, q)
	if err != nil {
		return nil, err
	}
	return dirwire.Begun{
		Challenge: dirwire.Challenge{Service: q.service[:], Challenge: d.tickets.issue()}, Salt: a.Secrets.Salt, Cost: a.Secrets.Cost,
	}, nil
}

// guess checks a password, of which there are few tries for each name and from each address. A good one does not count.
func (d *Directory) guess(q request, name dirwire.Name, verifier identity.Key) error {
	if err := slow(d.paces.triers, address(q.source)); err != nil {
		return err
	}
	if err := slow(d.paces.tries, name.Key()); err != nil {
		return err
	}
	err := d.proven(q, verifier)
	switch {
	case errors.Is(err, identity.ErrSignature):
		d.counters.BadLogins.Add(1)
		return &dirwire.Failure{Code: dirwire.CodePassword}
	case err == nil:
		d.paces.tries.refund(name.Key())
		d.paces.triers.refund(address(q.source))
	}
	return err
}

func (d *Directory) doLogin(ctx context.Context, q request) (any, error) {
	k, a, err := d.named(ctx, q)
	if err != nil {
		return nil, err
	}
	name, err := dirwire.ParseName(a.Name)
	if err != nil {
		return nil, err
	}
	if err := d.guess(q, name, a.Secrets.Verifier); err != nil {
		return nil, err
	}
	d.counters.Logins.Add(1)
	return dirwire.Vault{Name: a.Name, Account: k, Vault: a.Secrets.Vault}, nil
}

func (d *Directory) doRegister(ctx context.Context, q request) (any, error) {
	m, err := dirwire.Parse[dirwire.Register](q.Body)
	if err != nil {
		return nil, err
	}
	name, err := dirwire.ParseName(m.Name)
	if err != nil {
		return nil, err
	}
	c, err := identity.ParseCertificate(m.Certificate)
	if err != nil {
		return nil, err
	}
	if c.Account != m.Account {
		return nil, dirwire.ErrMalformed
	}
	if err := slow(d.paces.newcomers, address(q.source)); err != nil {
		return nil, err
	}
	if err := d.proven(q, m.Account); err != nil {
		return nil, err
	}
	if most := d.limits.accounts; most > 0 && d.counters.Registered.Load() >= uint64(most) {
		return nil, errFull
	}
	err = d.book.name(ctx, m.Account, name, func(a *account) error {
		a.Secrets = m.Secrets
		if err := a.certify(c); err != nil && !errors.Is(err, errSame) {
			return err
		}
		return nil
	})
	if err == nil {
		d.counters.Registered.Add(1)
	}
	return dirwire.Empty{}, err
}

func (d *Directory) doSeal(ctx context.Context, q request) (any, error) {
	m, err := dirwire.Parse[dirwire.Seal](q.Body)
	if err != nil {
		return nil, err
	}
	name, err := dirwire.ParseName(m.Name)
	if err != nil {
		return nil, errNoPerson
	}
	if err := slow(d.paces.questions, address(q.source)); err != nil {
		return nil, err
	}
	k, a, err := d.book.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := d.guess(q, name, a.Secrets.Verifier); err != nil {
		return nil, err
	}
	return d.secrets(ctx, k, m.Secrets)
}

func (d *Directory) doPassword(ctx context.Context, q request) (any, error) {
	m, err := dirwire.Parse[dirwire.Password](q.Body)
	if err != nil {
		return nil, err
	}
	if err := d.proven(q, m.Account); err != nil {
		return nil, err
	}
	return d.secrets(ctx, m.Account, m.Secrets)
}

func (d *Directory) secrets(ctx context.Context, k identity.Key, s dirwire.Secrets) (any, error) {
	if err := slow(d.paces.changes, k.String()); err != nil {
		return nil, err
	}
	return dirwire.Empty{}, d.book.change(ctx, k, false, func(a *account) error {
		a.Secrets = s
		return nil
	})
}

func (d *Directory) doRename(ctx context.Context, q request) (any, error) {
	m, err := dirwire.Parse[dirwire.Rename](q.Body)
	if err != nil {
		return nil, err
	}
	name, err := dirwire.ParseName(m.Name)
	if err != nil {
		return nil, err
	}
	if err := d.proven(q, m.Account); err != nil {
		return nil, err
	}
	if err := slow(d.paces.newcomers, address(q.source)); err != nil {
		return nil, err
	}
	if _, _, err := d.book.account(ctx, m.Account); err != nil {
		return nil, err // else a name would be taken for nobody
	}
	return dirwire.Empty{}, d.book.name(ctx, m.Account, name, func(*account) error { return nil })
}

func (d *Directory) doCertify(ctx context.Context, q request) (any, error) {
	c, err := certificateOf(q)
	if err != nil {
		return nil, err
	}
	if err := slow(d.paces.questions, address(q.source)); err != nil {
		return nil, err
	}
	a, err := d.certify(ctx, c)
	if err != nil {
		return nil, err
	}
	if latest, ok := a.certificate(c.Device); ok && latest.Revoked && !c.Revoked {
		return nil, errRevoked
	}
	return dirwire.Empty{}, nil
}

func certificateOf(q request) (identity.Certificate, error) {
	m, err := dirwire.Parse[dirwire.Certified](q.Body)
	if err != nil {
		return identity.Certificate{}, err
	}
	return identity.ParseCertificate(m.Certificate)
}

// certify adds a certificate to its account, and returns the record with it.
func (d *Directory) certify(ctx context.Context, c identity.Certificate) (account, error) {
	var known account
	err := d.book.change(ctx, c.Account, false, func(a *account) error {
		err := a.certify(c)
		known = *a
		if err == nil {
			err = slow(d.paces.changes, c.Account.String())
		}
		return err
	})
	return known, err
}

func (d *Directory) doOpen(ctx context.Context, q request) (any, error) {
	c, err := certificateOf(q)
	if err != nil {
		return nil, err
	}
	if err := d.proven(q, c.Device); err != nil {
		return nil, err
	}
	a, err := d.certify(ctx, c)
	if err != nil {
		return nil, err
	}
	latest, ok := a.certificate(c.Device)
	if !ok || latest.Revoked {
		return nil, errRevoked
	}
	opened, err := d.openSession(latest, certificates(a))
	if err != nil {
		return nil, err
	}
	// What has changed since the record was read has found no session: to tell, or to end.
	if a, _, err = d.book.account(ctx, c.Account); err != nil {
		return nil, err
	}
	d.certificates(c.Account, certificates(a))
	if _, _, gone := d.session(opened.Session); gone != nil {
		return nil, errRevoked
	}
	return opened, nil
}

var errRevoked = &dirwire.Failure{Code: dirwire.CodeRevoked}

// certificates returns all of an account's.
func certificates(a account) (all []identity.Certificate) {
	for _, raw := range a.Certificates {
		if c, err := identity.ParseCertificate(raw); err == nil {
			all = append(all, c)
		}
	}
	return all
}

func (d *Directory) doAttend(ctx context.Context, q request) (any, error) {
	s, count, err := d.attended(q)
	if err != nil {
		return nil, err
	}
	m, err := dirwire.Parse[dirwire.Attend](q.Body)
	if err != nil {
		return nil, err
	}
	return d.attend(ctx, s, count, m, q.source)
}

func (d *Directory) doSend(ctx context.Context, q request) (any, error) {
	s, _, err := d.attended(q)
	if err != nil {
		return nil, err
	}
	m, err := dirwire.Parse[dirwire.Send](q.Body)
	if err != nil {
		return nil, err
	}
	c := s.device.certificate
	if err := dirwire.VerifyLetter(c.Device, m.To, m.Sealed, m.Signature); err != nil {
		return nil, err
	}
	if wait := max(d.paces.letters.take(c.Account.String()), d.paces.pairs.take(letterKey(m.To, c.Account))); wait > 0 {
		return nil, &dirwire.Failure{Code: dirwire.CodeTooMany, RetryMS: wait.Milliseconds() + 1}
	}
	if _, _, err := d.book.account(ctx, m.To); err != nil {
		return nil, err
	}
	l := dirwire.Letter{From: c.Account, Certificate: s.device.raw, Signature: m.Signature, Sealed: m.Sealed}
	if err := d.mailbox.put(ctx, m.To, l); err != nil {
		return nil, err
	}
	d.counters.Letters.Add(1)
	return dirwire.Sent{Online: d.online(m.To)}, nil
}

func (d *Directory) doTaken(ctx context.Context, q request) (any, error) {
	s, _, err := d.attended(q)
	if err != nil {
		return nil, err
	}
	m, err := dirwire.Parse[dirwire.Taken](q.Body)
	if err != nil {
		return nil, err
	}
	return dirwire.Empty{}, d.mailbox.taken(ctx, s.device.certificate.Account, m.ID)
}

func (d *Directory) doGoodbye(_ context.Context, q request) (any, error) {
	s, _, err := d.attended(q)
	if err != nil {
		return nil, err
	}
	d.goodbye(s)
	return dirwire.Empty{}, nil
}
