package directory

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// The buckets of a directory.
const (
	aboutBucket    = "people"          // "service" -> its id, "key" -> its dirseal.Private
	namesBucket    = "people-names"    // dirwire.Name.Key -> claim
	accountsBucket = "people-accounts" // account -> account
	lettersBucket  = "people-letters"  // recipient.sender -> letter
)

// Errors that callers branch on, besides those of the ledger.
var (
	errNoPerson = &dirwire.Failure{Code: dirwire.CodeNoPerson}
	errTaken    = &dirwire.Failure{Code: dirwire.CodeTaken}
	errFull     = &dirwire.Failure{Code: dirwire.CodeFull}
)

// book is who has which name. What it says is read from the ledger each time, so all nodes say the same.
type book struct {
	about, names, accounts ledger.Bucket
}

func newBook(l ledger.Ledger) *book {
	return &book{about: ledger.Late(l, aboutBucket), names: ledger.Late(l, namesBucket), accounts: ledger.Late(l, accountsBucket)}
}

// claim is what a name is worth: an account has it if its record names it too. A claim without that is one of
// a node that died in between; after claimFor it may be replaced.
type claim struct {
	Account identity.Key `json:"account"`
	At      int64        `json:"at"` // seconds since 1970
}

// claimFor is far longer than a request can take.
const claimFor = 5 * time.Minute

// account is the record of one.
type account struct {
	Name         string          `json:"name"`
	Secrets      dirwire.Secrets `json:"secrets"`
	Certificates [][]byte        `json:"certificates"` // one for each device, the latest
}

// who is who a service is: all of its nodes.
type who struct {
	id     dirwire.Service
	key    dirseal.Private
	public []byte // the answer for it
}

// attempts is how often a change is tried again when another node was faster.
const attempts = 8

// who returns who the service is, and draws that when there is none.
func (b *book) who(ctx context.Context) (who, error) {
	var id dirwire.Service
	rand.Read(id[:])
	kept, err := b.settle(ctx, "service", id[:])
	if err != nil {
		return who{}, err
	}
	if len(kept) != len(id) {
		return who{}, errors.New("the id of the directory is damaged")
	}
	id = dirwire.Service(kept)
	drawn, err := dirseal.NewPrivate()
	if err != nil {
		return who{}, err
	}
	raw, err := drawn.Bytes()
	if err != nil {
		return who{}, fmt.Errorf("keep the key of the directory: %w", err)
	}
	if kept, err = b.settle(ctx, "key", raw); err != nil {
		return who{}, err
	}
	key, err := dirseal.ParsePrivate(kept)
	if err != nil {
		return who{}, fmt.Errorf("the key of the directory is damaged: %w", err)
	}
	return who{id, key, dirwire.Append(nil, dirwire.PublicKey{Key: key.Public().Bytes()})}, nil
}

// settle returns what is kept about the service, which is what the first node has drawn.
func (b *book) settle(ctx context.Context, key string, drawn []byte) ([]byte, error) {
	_, err := b.about.Create(ctx, key, drawn)
	if !errors.Is(err, ledger.ErrExists) {
		return drawn, err
	}
	e, err := b.about.Get(ctx, key)
	return e.Value, err
}

// account returns the record of an account, or errNoPerson.
func (b *book) account(ctx context.Context, k identity.Key) (a account, r ledger.Revision, err error) {
	e, err := b.accounts.Get(ctx, k.String())
	if errors.Is(err, ledger.ErrMissing) {
		return a, 0, errNoPerson
	}
	if err == nil {
		err = json.Unmarshal(e.Value, &a)
	}
	if err != nil {
		return a, 0, fmt.Errorf("read an account: %w", err)
	}
	return a, e.Revision, nil
}

// find returns who has a name, or errNoPerson: also when only a name that looks like it is taken.
func (b *book) find(ctx context.Context, name dirwire.Name) (identity.Key, account, error) {
	c, _, err := b.claim(ctx, name)
	if err != nil {
		return identity.Key{}, account{}, err
	}
	a, _, err := b.account(ctx, c.Account)
	if err != nil {
		return identity.Key{}, account{}, err
	}
	if has, err := dirwire.ParseName(a.Name); err != nil || !has.Same(name) {
		return identity.Key{}, account{}, errNoPerson
	}
	return c.Account, a, nil
}

func (b *book) claim(ctx context.Context, name dirwire.Name) (c claim, r ledger.Revision, err error) {
	e, err := b.names.Get(ctx, name.Key())
	if errors.Is(err, ledger.ErrMissing) {
		return c, 0, errNoPerson
	}
	if err == nil {
		err = json.Unmarshal(e.Value, &c)
	}
	if err != nil {
		return c, 0, fmt.Errorf("read a name: %w", err)
	}
	return c, e.Revision, nil
}

// name gives an account a name, and makes the rest of its record what change makes of it, in this order:
// the name first, since that is what others want too. A record that is not there is new.
func (b *book) name(ctx context.Context, k identity.Key, name dirwire.Name, change func(*account) error) error {
	fresh, err := b.take(ctx, k, name)
	if err != nil {
		return err
	}
	var before string
	err = b.change(ctx, k, true, func(a *account) error {
		before, a.Name = a.Name, name.String()
		return change(a)
	})
	switch {
	case err != nil && fresh:
		b.free(ctx, k, name)
	case err == nil && before != "":
		if old, bad := dirwire.ParseName(before); bad == nil && old.Key() != name.Key() {
			b.free(ctx, k, old)
		}
	}
	return err
}

// take claims a name for an account; fresh says that it was not the account's before.
func (b *book) take(ctx context.Context, k identity.Key, name dirwire.Name) (fresh bool, err error) {
	now := time.Now()
	value, err := json.Marshal(claim{k, now.Unix()})
	if err != nil {
		return false, err
	}
	for range attempts {
		_, err := b.names.Create(ctx, name.Key(), value)
		if !errors.Is(err, ledger.ErrExists) {
			return true, err
		}
		c, revision, err := b.claim(ctx, name)
		switch {
		case errors.Is(err, errNoPerson):
			continue // it has just become free
		case err != nil:
			return false, err
		case c.Account == k:
			return false, nil
		}
		idle, err := b.idle(ctx, c, name, now)
		if err != nil {
			return false, err
		}
		if !idle {
			return false, errTaken
		}
		_, err = b.names.Update(ctx, name.Key(), value, revision)
		if !errors.Is(err, ledger.ErrConflict) {
			return true, err
		}
	}
	return false, ledger.ErrConflict
}

// idle reports whether nobody stands behind a claim.
func (b *book) idle(ctx context.Context, c claim, name dirwire.Name, now time.Time) (bool, error) {
	if now.Sub(time.Unix(c.At, 0)) < claimFor {
		return false, nil
	}
	a, _, err := b.account(ctx, c.Account)
	if errors.Is(err, errNoPerson) {
		return true, nil
	}
	has, bad := dirwire.ParseName(a.Name)
	return err == nil && (bad != nil || has.Key() != name.Key()), err
}

// free gives up a name, if it is the account's. That it fails costs a name, for claimFor at most.
func (b *book) free(ctx context.Context, k identity.Key, name dirwire.Name) {
	c, revision, err := b.claim(ctx, name)
	if err == nil && c.Account == k {
		_ = b.names.Delete(ctx, name.Key(), revision)
	}
}

// errSame is what a change returns that changes nothing.
var errSame = errors.New("nothing changes")

// change makes of an account's record what f makes of it; create says that it may be new, else
// that is errNoPerson. f is called again when another node was faster.
func (b *book) change(ctx context.Context, k identity.Key, create bool, f func(*account) error) error {
	for range attempts {
		a, revision, err := b.account(ctx, k)
		if err != nil && !(create && errors.Is(err, errNoPerson)) {
			return err
		}
		if err := f(&a); errors.Is(err, errSame) {
			return nil
		} else if err != nil {
			return err
		}
		value, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if revision == 0 {
			_, err = b.accounts.Create(ctx, k.String(), value)
		} else {
			_, err = b.accounts.Update(ctx, k.String(), value, revision)
		}
		if !errors.Is(err, ledger.ErrConflict) && !errors.Is(err, ledger.ErrExists) {
			return err
		}
	}
	return ledger.ErrConflict
}

// certify adds a certificate, or replaces an older one about the same device. What revokes is never dropped, and nothing follows it:
// whoever has the device has the account's key too, and could certify it again.
func (a *account) certify(c identity.Certificate) error {
	raw := c.AppendTo(nil)
	for i, known := range a.Certificates {
		old, err := identity.ParseCertificate(known)
		if err != nil || old.Device != c.Device {
			continue
		}
		if !supersedes(c, old) {
			return errSame
		}
		a.Certificates[i] = raw
		return nil
	}
	if len(a.Certificates) >= dirwire.MaxDevices {
		return errFull
	}
	a.Certificates = append(a.Certificates, raw)
	return nil
}

func supersedes(c, old identity.Certificate) bool {
	return !old.Revoked && (c.Revoked || c.Issued.After(old.Issued))
}

// certificate returns what the account has said last about a device.
func (a *account) certificate(device identity.Key) (identity.Certificate, bool) {
	for _, raw := range a.Certificates {
		if c, err := identity.ParseCertificate(raw); err == nil && c.Device == device {
			return c, true
		}
	}
	return identity.Certificate{}, false
}
