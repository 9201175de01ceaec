package directory_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
	"p2p/peer/identity"
	"p2p/tracker/directory"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirseal/sealtest"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// service is a directory that is reached without a network, in the virtual time of a bubble.
type service struct {
	mu   sync.Mutex
	node http.Handler // nil while it is away
	from string       // the address that it sees
	// lie changes an answer before the client sees it; nil for none.
	lie  func(m dirwire.Method, body []byte) []byte
	liar *sealtest.Liar
	// plain answers instead of all that; nil for nothing.
	plain http.Handler
}

// newService returns a node as clients see it, which always do so through somebody who could lie.
func newService(t *testing.T, node http.Handler) *service {
	s := &service{node: node, from: "192.0.2.1:1000"}
	s.liar = sealtest.New(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		node := s.node
		s.mu.Unlock()
		if node != nil { // else it has gone meanwhile
			node.ServeHTTP(w, r)
		}
	}), func(asked *dirseal.Request) func(*dirseal.Answer) {
		s.mu.Lock()
		defer s.mu.Unlock()
		m, lie := asked.Method, s.lie
		if lie == nil {
			return nil
		}
		return func(a *dirseal.Answer) {
			if !a.Failed {
				a.Body = lie(m, a.Body)
			}
		}
	})
	return s
}

var errAway = errors.New("connection refused")

// RoundTrip implements http.RoundTripper.
func (s *service) RoundTrip(q *http.Request) (*http.Response, error) {
	s.mu.Lock()
	node, from, front := s.node, s.from, http.Handler(s.liar)
	if s.plain != nil {
		front = s.plain
	}
	s.mu.Unlock()
	if node == nil {
		return nil, errAway
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	in := httptest.NewRequestWithContext(q.Context(), q.Method, q.URL.String(), bytes.NewReader(body))
	in.Header, in.RemoteAddr = q.Header, from
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		front.ServeHTTP(w, in)
	}()
	select {
	case <-done:
	case <-q.Context().Done():
		return nil, q.Context().Err()
	}
	return w.Result(), nil
}

// set changes which node answers.
func (s *service) set(node http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node = node
}

// runNode runs a node until the test ends.
func runNode(t *testing.T, o directory.Options) *directory.Directory {
	t.Helper()
	d, err := directory.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// alone runs a directory of one node.
func alone(t *testing.T) *service {
	return newService(t, runNode(t, directory.Options{Ledger: new(ledger.Memory)}))
}

// person is somebody with a device.
type person struct {
	t       *testing.T
	name    string
	account identity.Secret
	device  identity.Secret
	cert    identity.Certificate
	*client.Client

	mu     sync.Mutex
	events []client.Event
	stop   func()
}

var random = rand.NewChaCha8([32]byte{1})

func secret(t *testing.T) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(random)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var password = []byte("correct horse")

// stranger returns somebody whom the directory does not know.
func (s *service) stranger(t *testing.T, name string) *person {
	t.Helper()
	return s.deviceOf(t, name, secret(t))
}

// deviceOf returns a new device of an account.
func (s *service) deviceOf(t *testing.T, name string, account identity.Secret) *person {
	t.Helper()
	return s.on(t, name, account, secret(t))
}

// on is deviceOf for a device that there is already.
func (s *service) on(t *testing.T, name string, account, device identity.Secret) *person {
	t.Helper()
	p := &person{t: t, name: name, account: account, device: device}
	p.cert = p.certify(p.device.Key(), time.Unix(1e9, 0), false)
	c, err := client.New(client.Options{URL: "http://directory.test/announce", Device: p.device, HTTP: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	p.Client = c.Cheap()
	return p
}

func (p *person) certify(device identity.Key, at time.Time, revoked bool) identity.Certificate {
	p.t.Helper()
	c, err := identity.Certify(p.account, device, p.name+"'s", at, revoked)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// registered returns somebody who has a name.
func (s *service) registered(t *testing.T, name string) *person {
	t.Helper()
	p := s.stranger(t, name)
	if err := p.Register(t.Context(), name, password, p.account, []byte("extra of "+name), p.cert); err != nil {
		t.Fatal(err)
	}
	return p
}

// attend begins to attend; leave ends it as a crash would.
func (p *person) attend() *person {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- p.Attend(ctx, client.Attendance{Certificate: p.cert, Tell: func(e client.Event) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events = append(p.events, e)
		}})
	}()
	var once sync.Once
	p.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, client.ErrRevoked) {
				p.t.Error(err)
			}
		})
	}
	p.t.Cleanup(p.stop)
	return p
}

// told returns what was told since the last call, once everything is quiet.
func (p *person) told() []client.Event {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.events
	p.events = nil
	return e
}

// last returns the last event of a kind that was told since the last call, if there is one.
func last[E client.Event](p *person) (e E, ok bool) {
	for _, each := range p.told() {
		if is, same := each.(E); same {
			e, ok = is, true
		}
	}
	return e, ok
}

// sees reports how often p was told of others, and how they are in the end: with how many devices.
func (p *person) sees() map[identity.Key]client.Seen {
	all := make(map[identity.Key]client.Seen)
	for _, e := range p.told() {
		if s, ok := e.(client.Seen); ok {
			all[s.Person] = s
		}
	}
	return all
}

// befriended are people who call each other friends and attend.
func (s *service) befriended(t *testing.T, names ...string) (all []*person) {
	t.Helper()
	var keys []identity.Key
	for _, name := range names {
		p := s.registered(t, name)
		all = append(all, p)
		keys = append(keys, p.account.Key())
	}
	for _, p := range all {
		p.Friends(keys)
		p.Set(client.Presence{Port: 7000, Addrs: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:7000")}})
		p.attend()
	}
	synctest.Wait()
	return all
}

func keysOf(all ...*person) (keys []identity.Key) {
	for _, p := range all {
		keys = append(keys, p.account.Key())
	}
	return keys
}
