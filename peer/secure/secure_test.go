package secure_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/identity"
	"p2p/peer/secure"
)

func device(t *testing.T, seed byte) *secure.Device {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	d, err := secure.NewDevice(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ends is what both sides of a handshake say.
type ends struct {
	dialled, accepted      *secure.Conn
	dialError, acceptError error
	seen                   *tap
}

// meet makes caller dial called, and want the device that has wanted.
func meet(t *testing.T, caller, called *secure.Device, wanted identity.Key, lets func(identity.Key) bool) ends {
	t.Helper()
	a, b := net.Pipe()
	e := ends{seen: &tap{Conn: a}}
	var wg sync.WaitGroup
	wg.Go(func() {
		e.dialled, e.dialError = caller.Dial(t.Context(), e.seen, wanted)
		if e.dialError == nil && lets != nil && !lets(caller.Key()) { // in TLS 1.3, who dials is done before he is judged
			_, e.dialError = e.dialled.Read(make([]byte, 1))
		}
	})
	wg.Go(func() {
		e.accepted, e.acceptError = called.Accept(t.Context(), b, nil, lets)
		if e.acceptError == nil && wanted != called.Key() { // who dials ends it, which is seen by reading
			_, e.acceptError = e.accepted.Read(make([]byte, 1))
		}
	})
	wg.Wait()
	return e
}

// tap keeps what passes.
type tap struct {
	net.Conn
	mu   sync.Mutex
	both bytes.Buffer
}

func (c *tap) keep(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.both.Write(b)
}

func (c *tap) Write(b []byte) (int, error) { c.keep(b); return c.Conn.Write(b) }
func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.keep(b[:n])
	return n, err
}

func TestTwoDevicesProveTheirKeysToEachOther(t *testing.T) {
	a, b := device(t, 1), device(t, 2)
	e := meet(t, a, b, b.Key(), func(k identity.Key) bool { return k == a.Key() })
	if e.dialError != nil || e.acceptError != nil {
		t.Fatalf("%v, %v", e.dialError, e.acceptError)
	}
	defer e.dialled.NetConn().Close()
	defer e.accepted.NetConn().Close()
	if e.dialled.Peer() != b.Key() || e.accepted.Peer() != a.Key() {
		t.Errorf("they see %v and %v", e.dialled.Peer(), e.accepted.Peer())
	}
	if v := e.dialled.ConnectionState().Version; v != tls.VersionTLS13 {
		t.Errorf("version is %x", v)
	}
}

func TestACaptureShowsNeitherContentNorKeys(t *testing.T) {
	a, b := device(t, 1), device(t, 2)
	e := meet(t, a, b, b.Key(), nil)
	if e.dialError != nil || e.acceptError != nil {
		t.Fatalf("%v, %v", e.dialError, e.acceptError)
	}
	secret := []byte("meet me at the harbour at midnight")
	go func() { _, _ = e.dialled.Write(secret) }()
	got := make([]byte, len(secret))
	if _, err := io.ReadFull(e.accepted, got); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%q, %v", got, err)
	}
	ka, kb := a.Key(), b.Key()
	for name, b := range map[string][]byte{"the content": secret, "the caller's key": ka[:], "the called one's key": kb[:]} {
		if bytes.Contains(e.seen.both.Bytes(), b) {
			t.Errorf("the capture shows %s", name)
		}
	}
	if e.seen.both.Bytes()[0] != secure.Record {
		t.Errorf("the first byte is %#x", e.seen.both.Bytes()[0])
	}
	e.dialled.NetConn().Close()
	e.accepted.NetConn().Close()
}

func TestADeviceThatWasNotWantedIsRefused(t *testing.T) {
	a, b, c := device(t, 1), device(t, 2), device(t, 3)
	e := meet(t, a, b, c.Key(), nil)
	if !errors.Is(e.dialError, secure.ErrStranger) || e.acceptError == nil {
		t.Errorf("who dials a stranger: %v; who was dialled: %v", e.dialError, e.acceptError)
	}
	e = meet(t, a, b, b.Key(), func(k identity.Key) bool { return k == c.Key() })
	if !errors.Is(e.acceptError, secure.ErrStranger) {
		t.Errorf("who is called by a stranger: %v", e.acceptError)
	}
	if e.dialError == nil {
		t.Error("the stranger was let in")
	}
}

func TestWhoHasNoEd25519KeyIsRefused(t *testing.T) {
	b := device(t, 2)
	private, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*tls.Config{
		"no certificate":    {},
		"an ECDSA key":      {Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}},
		"no ALPN":           {NextProtos: nil},
		"an older protocol": {MaxVersion: tls.VersionTLS12},
	} {
		config.InsecureSkipVerify = true
		if name != "no ALPN" {
			config.NextProtos = []string{"p2p/1"}
		}
		x, y := net.Pipe()
		go func() {
			c := tls.Client(x, config)
			_ = c.Handshake()
			_, _ = c.Read(make([]byte, 1))
			c.Close()
		}()
		if c, err := b.Accept(t.Context(), y, nil, nil); err == nil {
			t.Errorf("who has %s was let in as %v", name, c.Peer())
		}
	}
}

func TestAHandshakeThatStallsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		defer x.Close()
		begin := time.Now()
		_, err := device(t, 1).Accept(t.Context(), y, nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != secure.Timeout {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if _, err := y.Write([]byte{0}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection is still open: %v", err)
		}
	})
}
