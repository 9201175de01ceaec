package httpfront_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"p2p/tracker/httpfront"
)

// pair is a certificate that signs itself, with its key, in files.
type pair struct{ cert, key string }

func newPair(t *testing.T) pair {
	dir := t.TempDir()
	return pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// write fills the files, and returns what a client trusts.
func (p pair) write(t *testing.T, serial int64, notAfter time.Time) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "tracker"}, DNSNames: []string{"tracker"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: notAfter,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, p.cert, "CERTIFICATE", cert)
	writePEM(t, p.key, "PRIVATE KEY", keyDER)
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

var farAway = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)

func load(t *testing.T, p pair) *httpfront.Certificate {
	t.Helper()
	c, err := httpfront.LoadCertificate(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serveTLS starts a front behind TLS on a socket.
func serveTLS(t *testing.T, c *httpfront.Certificate) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serveOn(t, c.Listener(l), newFront()))
	return l.Addr().String()
}

// dialTLS opens a connection and returns the serial number of the certificate.
func dialTLS(t *testing.T, addr string, c *tls.Config) (*tls.Conn, int64) {
	t.Helper()
	c.ServerName = "tracker"
	conn, err := tls.Dial("tcp", addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestAnnouncesAreServedOverTLS(t *testing.T) {
	files := newPair(t)
	roots := files.write(t, 1, farAway)
	addr := serveTLS(t, load(t, files))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, _ := dialTLS(t, addr, &tls.Config{RootCAs: roots, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
		if state := conn.ConnectionState(); state.Version != version || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("version %x, protocol %q", state.Version, state.NegotiatedProtocol)
		}
		c := newClient(t, conn)
		for range 3 {
			if body := c.ask(announceTarget(1)); !strings.HasPrefix(body, "d8:complete") {
				t.Errorf("answer is %q", body)
			}
		}
		if body := c.ask("/healthz"); body != "ok\n" { // by net/http
			t.Errorf("healthz is %q", body)
		}
		c.closed()
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	files := newPair(t)
	roots := files.write(t, 1, farAway)
	addr := serveTLS(t, load(t, files))
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, ServerName: "tracker", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		conn.Close()
		t.Error("a connection of TLS 1.1")
	}
}

func TestANewCertificateIsUsedWithoutClosingAnything(t *testing.T) {
	files := newPair(t)
	oldRoots := files.write(t, 1, farAway)
	certificate := load(t, files)
	addr := serveTLS(t, certificate)
	conn, serial := dialTLS(t, addr, &tls.Config{RootCAs: oldRoots})
	if serial != 1 {
		t.Fatalf("certificate %d", serial)
	}
	before := newClient(t, conn)
	before.ask(announceTarget(1))

	newRoots := files.write(t, 2, farAway.AddDate(0, 0, -1))
	if err := certificate.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, serial := dialTLS(t, addr, &tls.Config{RootCAs: newRoots}); serial != 2 {
		t.Errorf("a new connection gets certificate %d", serial)
	}
	if got := certificate.NotAfter(); !got.Equal(farAway.AddDate(0, 0, -1)) {
		t.Errorf("it expires on %v", got)
	}
	before.ask(announceTarget(1))
}

func TestABadPairLeavesTheOldInUse(t *testing.T) {
	other := newPair(t)
	other.write(t, 9, farAway)
	for name, spoil := range map[string]func(t *testing.T, p pair){
		"nonsense":      func(t *testing.T, p pair) { writePEM(t, p.cert, "CERTIFICATE", []byte("x")) },
		"no file":       func(t *testing.T, p pair) { remove(t, p.key) },
		"not a pair":    func(t *testing.T, p pair) { replace(t, p.key, other.key) },
		"empty":         func(t *testing.T, p pair) { truncate(t, p.cert) },
		"the key twice": func(t *testing.T, p pair) { replace(t, p.cert, p.key) },
		"expired":       func(t *testing.T, p pair) { p.write(t, 3, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		t.Run(name, func(t *testing.T) {
			files := newPair(t)
			roots := files.write(t, 1, farAway)
			certificate := load(t, files)
			addr := serveTLS(t, certificate)
			spoil(t, files)
			if err := certificate.Reload(); err == nil || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("error is %v", err)
			}
			if _, serial := dialTLS(t, addr, &tls.Config{RootCAs: roots}); serial != 1 {
				t.Errorf("certificate %d", serial)
			}
			if _, err := httpfront.LoadCertificate(files.cert, files.key); err == nil {
				t.Error("a tracker starts with it")
			}
		})
	}
}

func remove(t *testing.T, name string) {
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, name string) {
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, name, with string) {
	text, err := os.ReadFile(with)
	if err == nil {
		err = os.WriteFile(name, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchLoadsWhatHasChanged(t *testing.T) {
	files := newPair(t)
	files.write(t, 1, farAway)
	certificate := load(t, files)
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); certificate.Watch(ctx, zap.New(core)) }()
		time.Sleep(time.Minute + time.Second) // from now on not at the moment of a look
		if logs.Len() != 0 {
			t.Errorf("without a change: %v", logs.All())
		}
		truncate(t, files.cert)
		time.Sleep(time.Minute)
		if got := logs.TakeAll(); len(got) != 1 || got[0].Level != zap.WarnLevel {
			t.Errorf("after a bad change: %v", got) // once, not every time it looks
		}
		files.write(t, 2, farAway.AddDate(0, 0, -1))
		time.Sleep(time.Minute)
		if got := logs.TakeAll(); len(got) != 1 || !certificate.NotAfter().Equal(farAway.AddDate(0, 0, -1)) {
			t.Errorf("after a good change: %v, %v", got, certificate.NotAfter())
		}
		cancel()
		<-ended
	})
}

func TestHandshakesAreFewAndShort(t *testing.T) {
	files := newPair(t)
	roots := files.write(t, 1, farAway)
	certificate := load(t, files)
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		front := httpfront.New(newService(), httpfront.Options{MaxConns: 8}) // two handshakes at a time
		defer serveOn(t, certificate.Listener(p), front)()
		begin := time.Now()
		silent := []net.Conn{p.dial("192.0.2.1:1"), p.dial("192.0.2.2:1")}
		synctest.Wait()
		third := p.dial("192.0.2.3:1")
		if _, err := third.Read(make([]byte, 1)); err != io.EOF || time.Since(begin) != 0 {
			t.Errorf("a third is told %v after %v", err, time.Since(begin))
		}
		for _, conn := range silent {
			if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("one that says nothing is closed after %v", took)
		}
		conn := tls.Client(p.dial("192.0.2.3:1"), &tls.Config{RootCAs: roots, ServerName: "tracker"})
		newClient(t, conn).ask(announceTarget(1))
	})
}

func TestOneAddressDoesNotTakeAllHandshakes(t *testing.T) {
	files := newPair(t)
	roots := files.write(t, 1, farAway)
	certificate := load(t, files)
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		front := httpfront.New(newService(), httpfront.Options{MaxConns: 64, MaxConnsPerAddr: 64}) // sixteen handshakes, two of an address
		defer serveOn(t, certificate.Listener(p), front)()
		for range 20 {
			defer p.dial("192.0.2.1:1").Close() // and says nothing
		}
		synctest.Wait()
		conn := tls.Client(p.dial("192.0.2.2:1"), &tls.Config{RootCAs: roots, ServerName: "tracker"})
		newClient(t, conn).ask(announceTarget(1))
	})
}

func TestPlainTextOnATLSPortIsNotServed(t *testing.T) {
	files := newPair(t)
	files.write(t, 1, farAway)
	conn := dial(t, serveTLS(t, load(t, files)))
	if _, err := io.WriteString(conn, get(announceTarget(1))); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if strings.Contains(string(got), "HTTP") {
		t.Errorf("%q, %v", got, err)
	}
}
