package directory

import (
	"context"
	"net"
	"net/netip"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// Cheap makes passwords cost next to nothing.
func (c *Client) Cheap() *Client {
	c.least = dirwire.Cost{Time: 1, Memory: 64, Threads: 1}
	return c
}

// PauseAfter is pauseAfter.
func PauseAfter(failures int, err error, random float64) time.Duration {
	return pauseAfter(failures, err, random)
}

// Host gives the client's directory addresses, and what is at them.
func (c *Client) Host(lookup func() []netip.Addr, dial func(ctx context.Context, at netip.Addr) (net.Conn, error)) {
	c.dialer.lookup = func(context.Context, string, string) ([]netip.Addr, error) { return lookup(), nil }
	c.dialer.dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		return dial(ctx, netip.MustParseAddrPort(address).Addr())
	}
}

// Connect opens a connection as a request does, and closes it.
func (c *Client) Connect(ctx context.Context) error {
	conn, err := c.dialer.DialContext(ctx, "tcp", "directory.test:80")
	if err == nil {
		err = conn.Close()
	}
	return err
}

// Leave is leave.
func (c *Client) Leave() { c.leave() }

// SetUnnamed is SetPassword of a program of before 30 November 2026: its vault does not name the key of the service.
func (c *Client) SetUnnamed(ctx context.Context, password []byte, account identity.Secret, extra []byte) error {
	s := dirwire.Secrets{Salt: make([]byte, dirwire.SaltSize), Cost: c.least}
	keys, err := stretch(password, s.Salt, s.Cost)
	if err != nil {
		return err
	}
	aead, err := chacha20poly1305.NewX(keys.seal)
	if err != nil {
		return err
	}
	plain := append(append([]byte{1}, account.Seed()...), extra...)
	nonce := make([]byte, aead.NonceSize())
	s.Verifier, s.Vault = keys.proof.Key(), aead.Seal(nonce, nonce, plain, vaultFor(account.Key()))
	_, err = prove[dirwire.Empty](ctx, c, account, dirwire.MethodPassword, dirwire.Password{Account: account.Key(), Secrets: s})
	return err
}
