package directory

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"p2p/peer/identity"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

// Register gives the account a name at the service, and a password with which other devices log
// in: the account's key is kept there sealed under it, and up to MaxExtra bytes of extra with it.
// Certificate is that of the first device. Errors: ErrTaken, *NameError, ErrWeakPassword, ErrTooLong,
// *SlowError, ErrUnavailable. An account that registers again gets another password, and another
// name if it is another. It takes a moment and 64 MiB: see dirwire.FairCost.
func (c *Client) Register(ctx context.Context, name string, password []byte, account identity.Secret, extra []byte, cert identity.Certificate) error {
	if err := CheckName(name); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	secrets, err := c.secrets(ctx, password, account, extra)
	if err != nil {
		return wrapped("register", err)
	}
	_, err = prove[dirwire.Empty](ctx, c, account, dirwire.MethodRegister, dirwire.Register{
		Account: account.Key(), Name: name, Secrets: secrets, Certificate: cert.AppendTo(nil),
	})
	return wrapped("register", err)
}

// secrets returns what the service is to keep about a password.
func (c *Client) secrets(ctx context.Context, password []byte, account identity.Secret, extra []byte) (dirwire.Secrets, error) {
	if err := strong(password); err != nil {
		return dirwire.Secrets{}, err
	}
	key, err := c.key(ctx)
	if err != nil {
		return dirwire.Secrets{}, err
	}
	return newSecrets(password, c.least, contents{account, key.Print(), extra})
}

func wrapped(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", verb, explained(err))
}

// LoginResult is what the vault of an account held.
type LoginResult struct {
	Name    string // as the person writes it
	Account identity.Secret
	Extra   []byte // the caller's own
}

// Login opens the vault of the account of that name. Errors: ErrNoPerson, ErrPassword, *SlowError,
// ErrUntrusted, ErrUnavailable, and *AnotherKeyError when the device that has sealed the vault knew the service by another
// key: so who stands before a new device alone is found out. A key in the URL counts for more. A vault of an older program, which
// names no key, is replaced by one that does, if the service takes it: whoever stands between at that first contact is not found out, and
// nor is who shows such a vault again that he has from before. It takes as much as Register does, and twice that for an old vault.
func (c *Client) Login(ctx context.Context, name string, password []byte) (LoginResult, error) {
	var v dirwire.Vault
	keys, _, err := c.knock(ctx, name, password, func(begun dirwire.Begun, keys stretched) (err error) {
		body := dirwire.Append(nil, dirwire.Named{Name: name})
		v, err = proveWith[dirwire.Vault](ctx, c, keys.proof, dirwire.MethodLogin, begun.Challenge, body)
		return err
	})
	if err != nil {
		return LoginResult{}, wrapped("log in", err)
	}
	held, err := keys.unlock(v.Vault, v.Account)
	switch {
	case err != nil:
	case held.service == dirseal.Print{}:
		if err := c.Seal(ctx, name, password, held.account, held.extra); err != nil {
			c.log.Info("the vault of an older program stays as it is", zap.Error(err))
		}
	default:
		err = c.vouched(held.service)
	}
	if err != nil {
		return LoginResult{}, fmt.Errorf("log in: %w", err)
	}
	return LoginResult{v.Name, held.account, held.extra}, nil
}

// vouched compares the key of the service with the one that a vault names.
func (c *Client) vouched(service dirseal.Print) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.named && c.print != service {
		return &AnotherKeyError{c.print.String()}
	}
	return nil
}

// knock makes keys of the password of a name, and has try use them with a challenge.
func (c *Client) knock(ctx context.Context, name string, password []byte, try func(dirwire.Begun, stretched) error) (keys stretched, begun dirwire.Begun, err error) {
	for range tries {
		before := begun
		if begun, err = ask[dirwire.Begun](ctx, c, dirwire.MethodBegin, dirwire.Named{Name: name}); err != nil {
			return keys, begun, err
		}
		if !begun.Cost.Within(c.least) {
			return keys, begun, fmt.Errorf("%w: it would make a guess of the password cheap, or too dear to make at all", ErrUntrusted)
		}
		if string(before.Salt) != string(begun.Salt) || before.Cost != begun.Cost {
			if keys, err = stretch(password, begun.Salt, begun.Cost); err != nil {
				return keys, begun, err
			}
		}
		if err = try(begun, keys); !is(err, dirwire.CodeProof) {
			break
		}
	}
	return keys, begun, err
}

// Seal replaces what the vault holds. The password must be the account's: ErrPassword.
func (c *Client) Seal(ctx context.Context, name string, password []byte, account identity.Secret, extra []byte) error {
	_, _, err := c.knock(ctx, name, password, func(begun dirwire.Begun, keys stretched) error {
		key, err := c.key(ctx)
		if err != nil {
			return err
		}
		vault, err := keys.lock(contents{account, key.Print(), extra})
		if err != nil {
			return err
		}
		secrets := dirwire.Secrets{Salt: begun.Salt, Cost: begun.Cost, Verifier: keys.proof.Key(), Vault: vault}
		body := dirwire.Append(nil, dirwire.Seal{Name: name, Secrets: secrets})
		_, err = proveWith[dirwire.Empty](ctx, c, keys.proof, dirwire.MethodSeal, begun.Challenge, body)
		return err
	})
	return wrapped("seal the vault", err)
}

// SetPassword gives the account a new password and replaces what the vault holds. Who has the account's
// key needs no old password.
func (c *Client) SetPassword(ctx context.Context, password []byte, account identity.Secret, extra []byte) error {
	secrets, err := c.secrets(ctx, password, account, extra)
	if err != nil {
		return wrapped("set a password", err)
	}
	_, err = prove[dirwire.Empty](ctx, c, account, dirwire.MethodPassword, dirwire.Password{Account: account.Key(), Secrets: secrets})
	return wrapped("set a password", err)
}

// Certify tells the service of a device that the account has certified, or revoked: the certificate
// itself proves it. ErrNoPerson if the account is not registered, ErrFull, ErrRevoked where nothing certifies the device any more.
func (c *Client) Certify(ctx context.Context, cert identity.Certificate) error {
	_, err := ask[dirwire.Empty](ctx, c, dirwire.MethodCertify, dirwire.Certified{Certificate: cert.AppendTo(nil)})
	return wrapped("certify a device", err)
}

// Rename gives the account another name. The old one is free at once. ErrTaken, *NameError.
func (c *Client) Rename(ctx context.Context, account identity.Secret, name string) error {
	if err := CheckName(name); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	_, err := prove[dirwire.Empty](ctx, c, account, dirwire.MethodRename, dirwire.Rename{Account: account.Key(), Name: name})
	return wrapped("rename", err)
}

// Person is an account as the service knows it.
type Person struct {
	Name         string // as the person writes it
	Account      identity.Key
	Certificates []identity.Certificate // verified, those that revoke a device too
}

// Find returns who has that name, whatever its case and width: ErrNoPerson.
func (c *Client) Find(ctx context.Context, name string) (Person, error) {
	m, err := ask[dirwire.Person](ctx, c, dirwire.MethodFind, dirwire.Named{Name: name})
	if err != nil {
		return Person{}, wrapped("find", err)
	}
	asked, err := dirwire.ParseName(name)
	if err != nil {
		return Person{}, fmt.Errorf("find: %w", ErrNoPerson)
	}
	// The name is shown to people: it is not to be another, nor to steer their terminal.
	got, err := dirwire.ParseName(m.Name)
	if err != nil || !got.Same(asked) {
		return Person{}, fmt.Errorf("find: %w: it answered with another name", ErrUntrusted)
	}
	p := Person{Name: got.String(), Account: m.Account}
	for _, raw := range m.Certificates {
		if cert, ok := c.certificate(raw, m.Account); ok {
			p.Certificates = append(p.Certificates, cert)
		}
	}
	return p, nil
}

// certificate reads one that the service says an account has made.
func (c *Client) certificate(raw []byte, account identity.Key) (identity.Certificate, bool) {
	cert, err := identity.ParseCertificate(raw)
	if err != nil || cert.Account != account {
		c.log.Debug("the directory shows a certificate that is none", zap.Error(err))
		return cert, false
	}
	return cert, true
}
