// Package secure puts TLS 1.3 around a connection between two devices that know
// each other by their keys. What runs inside is the same peer wire as outside.
//
// There is no certificate authority. Each side shows a certificate that it has signed
// itself with the Ed25519 key of its device and that says nothing else; what counts is
// the key in it, and the handshake proves that the other side has the private half (RFC 8446,
// section 4.4.3). Who dials names the one key that he wants; who is called looks up
// whether the key is one that he lets in. A tracker that lies about an address reaches
// a peer that cannot finish the handshake.
//
// Certificates are encrypted in TLS 1.3, there is no server name, no session is resumed, and the
// name of the protocol in ALPN is the same for everybody: somebody who listens learns that two
// addresses speak p2p, and how much. Somebody who dials learns the key of the device that
// answers, and no more, before he has shown his own.
package secure

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"p2p/peer/identity"
)

// Record is the first byte of every TLS connection: the type of a handshake record
// (RFC 8446, section 5.1). A plain peer's is 19.
const Record = 0x16

// protocol is what both sides must name in ALPN (RFC 7301).
const protocol = "p2p/1"

// Timeout is how long a handshake may take.
const Timeout = 10 * time.Second

// Errors of a handshake.
var (
	// ErrStranger is that the other side's key is not one that is wanted.
	ErrStranger = errors.New("the key is not one that was expected")
	// ErrNoKey is that the other side has shown no Ed25519 key.
	ErrNoKey = errors.New("the other side has shown no key")
)

// Conn is a connection whose other end has proven its key.
type Conn struct {
	*tls.Conn
	below *socket
	peer  identity.Key
}

// Peer returns the key of the other end's device.
func (c *Conn) Peer() identity.Key { return c.peer }

// BeforeWait has f called before Read waits for the other end, by the goroutine that reads; when it returns an error, Read
// does too. It is called by who reads.
func (c *Conn) BeforeWait(f func() error) { c.below.idle = f }

// Write writes p. It is for one goroutine at a time.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) <= recordMost {
		return c.Conn.Write(p)
	}
	return c.below.together(func() (int, error) { return c.Conn.Write(p) })
}

// Device is this end. Its methods may be called from any goroutine.
type Device struct {
	config *tls.Config
	key    identity.Key
}

// certificate never expires: a key that must not be used any more is revoked by its
// account, not by a date in a file that only its owner signs.
var (
	notBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) // RFC 5280, section 4.1.2.5: no well-defined end
)

// NewDevice returns the end that has this key.
func NewDevice(secret identity.Secret) (*Device, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notBefore, NotAfter: notAfter}
	private := secret.Private()
	// Ed25519 signs without randomness, so none is needed.
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &Device{key: secret.Key(), config: &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		NextProtos:             []string{protocol},
		SessionTicketsDisabled: true, // a resumed session would not prove the key again
		// Blocks come by the megabyte: small records at first would be for who shows what has come so far.
		DynamicRecordSizingDisabled: true,
		// The chain leads nowhere; VerifyConnection checks the key instead.
		InsecureSkipVerify: true,
		ClientAuth:         tls.RequireAnyClientCert,
	}}, nil
}

// Key returns the device's own key.
func (d *Device) Key() identity.Key { return d.key }

// Dial makes conn, which was dialled, a connection to the device with key want. It fails with
// ErrStranger, before anything is sent, when another one answers. It closes conn when it fails.
func (d *Device) Dial(ctx context.Context, conn net.Conn, want identity.Key) (*Conn, error) {
	return d.shake(ctx, conn, nil, tls.Client, func(key identity.Key) bool { return key == want })
}

// Call is Dial for who looks for any of several devices: those that wanted says yes to. It
// may be called on another goroutine.
func (d *Device) Call(ctx context.Context, conn net.Conn, wanted func(identity.Key) bool) (*Conn, error) {
	return d.shake(ctx, conn, nil, tls.Client, wanted)
}

// Accept makes conn, which was accepted and of which first was read already, a connection to a device that lets in says yes to,
// and fails with ErrStranger otherwise. lets may be nil, and everybody is let in who has a
// key. It closes conn when it fails.
func (d *Device) Accept(ctx context.Context, conn net.Conn, first []byte, lets func(identity.Key) bool) (*Conn, error) {
	if lets == nil {
		lets = func(identity.Key) bool { return true }
	}
	return d.shake(ctx, conn, first, tls.Server, lets)
}

func (d *Device) shake(ctx context.Context, conn net.Conn, first []byte, side func(net.Conn, *tls.Config) *tls.Conn, wanted func(identity.Key) bool) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	c := &Conn{below: newSocket(conn, first)}
	config := d.config.Clone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		key, err := keyOf(state)
		if err == nil && !wanted(key) {
			err = ErrStranger
		}
		c.peer = key
		return err
	}
	c.Conn = side(c.below, config)
	if err := c.Conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("secure connection: %w", err)
	}
	return c, nil
}

// keyOf returns the key that the other side has proven to have.
func keyOf(state tls.ConnectionState) (identity.Key, error) {
	if len(state.PeerCertificates) != 1 || state.NegotiatedProtocol != protocol {
		return identity.Key{}, ErrNoKey
	}
	public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(public) != identity.KeySize {
		return identity.Key{}, ErrNoKey
	}
	return identity.Key(public), nil
}
