package directory_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
	"p2p/tracker/directory"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirseal/sealtest"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// honest is a liar that does not lie.
func honest(*dirseal.Request) func(*dirseal.Answer) { return nil }

// at has a client of its own for a URL.
func (p *person) at(s *service, url string) *client.Client {
	p.t.Helper()
	c, err := client.New(client.Options{URL: url, Device: p.device, HTTP: &http.Client{Transport: s}})
	if err != nil {
		p.t.Fatal(err)
	}
	return c.Cheap()
}

// tap is what goes over a wire.
type tap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *tap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(b)
}

// between passes what is said on, and has heard it.
func (w *tap) between(node http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(w)
		_, _ = io.WriteString(w, r.URL.String())
		body, _ := io.ReadAll(io.TeeReader(r.Body, w))
		q := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), bytes.NewReader(body))
		q.RemoteAddr = r.RemoteAddr
		answer := httptest.NewRecorder()
		node.ServeHTTP(answer, q)
		_ = answer.Header().Write(w)
		_, _ = w.Write(answer.Body.Bytes())
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	})
}

// The whole life of an account goes over http://, and whoever records it has neither names nor keys nor what could be guessed at.
func TestACaptureShowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, wire := alone(t), new(tap)
		s.node = wire.between(s.node)
		all := s.befriended(t, "alice", "bob")
		alice, bob := all[0], all[1]
		if _, err := alice.Send(t.Context(), bob.account.Key(), []byte("a letter that is sealed")); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.Login(t.Context(), "alice", []byte("wrong horse")); !errors.Is(err, client.ErrPassword) {
			t.Fatal(err)
		}
		if _, err := bob.Find(t.Context(), "nobody-there"); !errors.Is(err, client.ErrNoPerson) {
			t.Fatal(err)
		}
		if _, err := alice.Login(t.Context(), "alice", password); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		captured := wire.seen.String()
		if len(captured) < 10_000 || !strings.Contains(captured, dirwire.PathSealed) {
			t.Fatalf("the test hears only %d bytes", len(captured))
		}
		for _, secret := range []string{
			"alice", "bob", "nobody-there", "a letter that is sealed", "10.0.0.1", "name", "salt", "verifier", "vault", "friends", "certificate", "P2P ",
			"no_person", "password", "find", "attend", "login", "register", alice.account.Key().String(), bob.account.Key().String(), alice.device.Key().String(),
		} {
			if strings.Contains(captured, secret) {
				t.Errorf("a capture shows %q", secret)
			}
		}
	})
}

func TestAnotherKeyIsRefusedUntilTheRightOneIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		s.registered(t, "bob")
		alice := s.befriended(t, "alice")[0]
		right, wire := s.liar, new(tap)
		url := alice.URL()
		if !strings.HasPrefix(url, "http://directory.test/announce#") {
			t.Errorf("it is known as %q", url)
		}
		between := sealtest.New(t, wire.between(s.node), honest)
		s.stand(between)
		var other *client.AnotherKeyError
		if _, err := alice.Find(t.Context(), "bob"); !errors.As(err, &other) || !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("who stands between is asked: %v", err)
		}
		if _, err := alice.at(s, url).Find(t.Context(), "bob"); !errors.As(err, &other) {
			t.Errorf("after a restart he is asked: %v", err)
		}
		time.Sleep(time.Minute)
		if lost, ok := last[client.Lost](alice); !ok || !errors.As(lost.Err, &other) {
			t.Errorf("the session ends with %v", lost.Err)
		}
		if alice.URL() != url || wire.seen.Len() > 0 {
			t.Errorf("the directory is known as %q now, and %d bytes were passed on", alice.URL(), wire.seen.Len())
		}
		if _, err := alice.at(s, strings.Split(url, "#")[0]+"#"+other.Key).Find(t.Context(), "bob"); err != nil {
			t.Errorf("who names the other key himself: %v", err)
		}
		s.stand(right)
		alice.told()
		time.Sleep(5 * time.Minute)
		if _, ok := last[client.Connected](alice); !ok {
			t.Error("it does not go on when the right one is back")
		}
		if _, err := alice.Find(t.Context(), "bob"); err != nil {
			t.Error(err)
		}
	})
}

// A new device has no key to compare with, but the account has, in its vault.
func TestWhoStandsBeforeANewDeviceIsFoundOutAsItLogsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice := s.registered(t, "alice")
		right := s.liar
		s.stand(sealtest.New(t, s.node, honest))
		phone := s.deviceOf(t, "alice", alice.account)
		var other *client.AnotherKeyError
		if _, err := phone.Login(t.Context(), "alice", password); !errors.As(err, &other) || phone.URL() != "http://directory.test/announce#"+other.Key {
			t.Errorf("behind him: %v", err)
		}
		named := phone.at(s, phone.URL())
		if _, err := named.Login(t.Context(), "alice", password); err != nil {
			t.Errorf("behind him, whose key was named: %v", err)
		}
		if err := named.SetPassword(t.Context(), password, alice.account, nil); err != nil {
			t.Error(err)
		}
		if _, err := s.deviceOf(t, "alice", alice.account).Login(t.Context(), "alice", password); err != nil {
			t.Errorf("behind him, with a vault that was sealed there: %v", err)
		}
		s.stand(right)
		if _, err := s.deviceOf(t, "alice", alice.account).Login(t.Context(), "alice", password); !errors.As(err, &other) {
			t.Errorf("when he has gone: %v", err)
		}
		if err := alice.Seal(t.Context(), "alice", password, alice.account, nil); err != nil {
			t.Error(err)
		}
		if _, err := s.deviceOf(t, "alice", alice.account).Login(t.Context(), "alice", password); err != nil {
			t.Errorf("with a vault that was sealed without him: %v", err)
		}
	})
}

// The vaults of 29 November do not name the key of the service: who has such an account needs it on his next device too.
func TestAVaultThatNamesNoKeyIsReadAndMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice := s.registered(t, "alice")
		if err := alice.SetUnnamed(t.Context(), password, alice.account, []byte("extra of then")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.deviceOf(t, "alice", alice.account).Login(t.Context(), "alice", []byte("wrong horse")); !errors.Is(err, client.ErrPassword) {
			t.Errorf("with another password: %v", err)
		}
		for range 2 {
			got, err := s.deviceOf(t, "alice", alice.account).Login(t.Context(), "alice", password)
			if err != nil || got.Account.Key() != alice.account.Key() || string(got.Extra) != "extra of then" {
				t.Fatalf("%q, %v", got.Extra, err)
			}
		}
		s.stand(sealtest.New(t, s.node, honest))
		var other *client.AnotherKeyError
		if _, err := s.deviceOf(t, "alice", alice.account).Login(t.Context(), "alice", password); !errors.As(err, &other) {
			t.Errorf("who stands before the next device: %v", err)
		}
	})
}

// stand changes who stands before the directory.
func (s *service) stand(between *sealtest.Liar) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.liar = between
}

// What is said in clear may be said by anybody: it ends nothing, and nobody takes it for the directory's word.
func TestWhatIsSaidInClearIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice := s.befriended(t, "alice")[0]
		node := s.node
		for _, code := range []dirwire.Code{dirwire.CodeRevoked, dirwire.CodePassword, dirwire.CodeNoPerson, dirwire.CodeTaken, dirwire.CodeKey, dirwire.CodeMalformed} {
			s.set(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, dirwire.PathKey) {
					node.ServeHTTP(w, r)
					return
				}
				w.WriteHeader(code.Status())
				_, _ = w.Write(dirwire.Append(nil, dirwire.Failure{Code: code}))
			}))
			if _, err := alice.Find(t.Context(), "alice"); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("%s: %v", code, err)
			}
		}
		time.Sleep(time.Minute)
		s.set(node)
		alice.told()
		time.Sleep(5 * time.Minute)
		if _, ok := last[client.Connected](alice); !ok {
			t.Error("it has ended the session for good")
		}
	})
}

func TestAURLNamesAKeyOrNone(t *testing.T) {
	print := dirseal.Print{1, 2, 3}.String()
	for url, want := range map[string]string{
		"http://a": "http://a", "http://a/": "http://a/", "https://a:1/x/announce#" + print: "https://a:1/x/announce#" + print, "http://a/#" + print: "http://a/#" + print,
		"http://a#": "http://a", "http://a#x": "", "http://a#" + print + "x": "", "ftp://a#" + print: "",
	} {
		c, err := client.New(client.Options{URL: url})
		switch {
		case want == "" && !errors.Is(err, client.ErrURL):
			t.Errorf("%s: %v", url, err)
		case want != "" && (err != nil || c.URL() != want):
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestTheSameGoesOverHTTPS(t *testing.T) {
	server := httptest.NewTLSServer(runNode(t, directory.Options{Ledger: new(ledger.Memory)}))
	t.Cleanup(server.Close)
	p := &person{t: t, name: "alice", account: secret(t), device: secret(t)}
	p.cert = p.certify(p.device.Key(), time.Unix(1e9, 0), false)
	c, err := client.New(client.Options{URL: server.URL, Device: p.device, HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Cheap().Register(t.Context(), "alice", password, p.account, nil, p.cert); err != nil {
		t.Fatal(err)
	}
	if found, err := c.Find(t.Context(), "alice"); err != nil || found.Account != p.account.Key() {
		t.Errorf("%+v, %v", found, err)
	}
}
