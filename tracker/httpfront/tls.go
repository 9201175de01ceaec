package httpfront

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Certificate is the certificate of a TLS listener with its key, from two files
// that may change while it is in use. All methods may be called by any goroutine.
type Certificate struct {
	certFile, keyFile string
	config            *tls.Config
	current           atomic.Pointer[tls.Certificate]

	mu   sync.Mutex // one load at a time
	seen [2]fileMark
}

// fileMark tells one version of a file from another.
type fileMark struct {
	modified time.Time
	size     int64
}

// LoadCertificate reads a chain of certificates and the key of the first, both
// in PEM.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	c.config = c.serverConfig()
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again. Connections that are open go on; new ones get the
// new certificate. When the files hold no pair that fits together, the old one
// stays in use and the error says why.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load(c.marks())
}

func (c *Certificate) load(seen [2]fileMark) error {
	c.seen = seen // also of bad files, which are reported once
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("load certificate: it expired on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	c.current.Store(&pair)
	return nil
}

// reloadChanged does what Reload does if a file has changed since, and reports
// whether it has.
func (c *Certificate) reloadChanged() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	marks := c.marks()
	if marks == c.seen {
		return false, nil
	}
	return true, c.load(marks)
}

// marks looks at the files. One that cannot be read has no mark.
func (c *Certificate) marks() (marks [2]fileMark) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			marks[i] = fileMark{info.ModTime(), info.Size()}
		}
	}
	return marks
}

// NotAfter is when the certificate in use expires.
func (c *Certificate) NotAfter() time.Time { return c.current.Load().Leaf.NotAfter }

// serverConfig returns the settings of a TLS server. The defaults of crypto/tls are
// good; TLS 1.2 is the least that clients of the last ten years speak. HTTP/2 is
// not offered: a client has one announce to make, and the protocol's ways to
// keep a server busy would come with it.
func (c *Certificate) serverConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}

// Listener returns a listener that puts TLS over the connections of l, with the
// certificate that is current when each comes. It is for Front.Serve, which limits
// how long handshakes take and how many there are at a time.
func (c *Certificate) Listener(l net.Listener) net.Listener { return tls.NewListener(l, c.config) }

// checkFiles is how often Watch looks at the files.
const checkFiles = 10 * time.Second

// Watch reloads the files when they change, until ctx ends. A pair that is
// written file by file does not fit together in between: it is loaded at the next
// look. Nothing is logged when log is nil.
func (c *Certificate) Watch(ctx context.Context, log *zap.Logger) {
	if log == nil {
		log = zap.NewNop()
	}
	ticker := time.NewTicker(checkFiles)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := c.reloadChanged()
		switch {
		case err != nil:
			log.Warn("the certificate is not replaced", zap.Error(err))
		case changed:
			log.Info("certificate replaced", zap.Time("not_after", c.NotAfter()))
		}
	}
}

// errManyHandshakes is the end of a connection that comes while too many others
// have not finished their handshake.
var errManyHandshakes = errors.New("too many handshakes at a time")

// handshake finishes the handshake of a connection, whose deadline is set. It is
// the most expensive thing that a stranger can ask for, so only a part of the
// connections may be at it: a flood leaves the others alone.
func (c *conn) handshake(stream *tls.Conn) error {
	if !c.owner.beginHandshake(c.network) {
		return errManyHandshakes
	}
	defer c.owner.endHandshake(c.network)
	return stream.Handshake()
}

// The shares of handshakes in all connections, and of one address in all handshakes:
// a few silent clients are not to keep everybody else out.
const (
	handshakeShare = 4
	addrShare      = 8
)

// beginHandshake reports whether a client of that network may begin a handshake. The
// zero network, of proxies, has no bound of its own.
func (s *conns) beginHandshake(network netip.Addr) bool {
	most := max(1, cap(s.places)/handshakeShare)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shaking >= most || network.IsValid() && s.shakingBy[network] >= max(1, most/addrShare) {
		return false
	}
	s.shaking++
	s.shakingBy[network]++
	return true
}

func (s *conns) endHandshake(network netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shaking--
	if s.shakingBy[network]--; s.shakingBy[network] == 0 {
		delete(s.shakingBy, network)
	}
}
