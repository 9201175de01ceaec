package people_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// Somebody stands between who was not there at first. He is refused, with a word about it, also after a restart and at a login;
// only the person can say that his key is the right one.
func TestADirectoryWithAnotherKeyIsToldNothingUntilThePersonSaysSo(t *testing.T) {
	w := newTown(t)
	before := w.directory
	turn := w.stand(t)
	alice := w.settle("alice")
	home := alice.me().Directory.Url
	if !strings.HasPrefix(home, w.directory+"#") {
		t.Fatalf("the directory is %s", home)
	}
	between := town{t, w.tracker, before}
	between.lie(t)
	turn(between.directory)
	refused := func(err error) bool {
		with := api.ReasonOf(err).GetWith()
		return alice.reason(err) == api.Unreachable && with["problem"] == api.AnotherKey && with["key"] != "" && with["url"] == w.directory
	}
	login := func(p *person, url string) error {
		_, err := p.Login(t.Context(), connect.NewRequest(&p2pv1.LoginRequest{Name: "alice", Password: password, Directory: url}))
		return err
	}
	eventually(t, "she is told", func() bool { return alice.me().Directory.Problem.GetKey() == api.AnotherKey })
	alice.close()
	alice = w.open(alice.dir)
	eventually(t, "she is told after a restart", func() bool { return alice.me().Directory.Problem.GetKey() == api.AnotherKey })
	if _, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"})); !refused(err) {
		t.Errorf("he is asked for bob: %v", err)
	}
	if err := login(alice, w.directory+"/announce"); api.ReasonOf(err).GetWith()["problem"] != api.AnotherKey {
		t.Errorf("she logs in at the address: %v", err)
	}
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := login(phone, w.directory); !refused(err) || phone.me().LoggedIn {
		t.Errorf("a device that has never been there: %v", err)
	}
	other := alice.me().Directory.Problem.GetWith()["key"]
	if err := login(alice, w.directory+"#"+other); err != nil || alice.me().Directory.Url != w.directory+"#"+other || !alice.me().Directory.Connected {
		t.Errorf("she says that it is right: %v, %v", err, alice.me().Directory)
	}
	turn(before)
	if err := login(alice, home); err != nil || alice.me().Directory.Url != home {
		t.Errorf("back at the right one: %v, %v", err, alice.me().Directory)
	}
	if err := login(phone, w.directory+"#"+other); !refused(err) {
		t.Errorf("a device that has never been there, but names the key: %v", err)
	}
	if err := login(phone, w.directory+"#x"); phone.reason(err) != api.BadDirectory {
		t.Errorf("a key that is none: %v", err)
	}
}

// wiretap passes connections on to an address, and keeps what goes over them.
type wiretap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(b)
}

// tap puts a wiretap before the directory of a town.
func (w *town) tap(t *testing.T) *wiretap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to, wire := strings.TrimPrefix(w.directory, "http://"), new(wiretap)
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		l.Close()
		cancel() // connections that nobody uses any more stay for a while
		group.Wait()
	})
	group.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				context.AfterFunc(ctx, func() { way[0].Close() })
				group.Go(func() {
					_, _ = io.Copy(io.MultiWriter(way[1], wire), way[0])
					in.Close()
					out.Close()
				})
			}
		}
	})
	w.directory = "http://" + l.Addr().String()
	return wire
}

// All that two people and a second device say to the directory goes over http://.
func TestACaptureOfTheWireToTheDirectoryShowsNobody(t *testing.T) {
	w := newTown(t)
	wire := w.tap(t)
	alice, bob := w.settle("alice-of-the-test"), w.settle("bob-of-the-test")
	acquaint(t, alice, bob, "alice-of-the-test", "bob-of-the-test")
	phone := w.open(filepath.Join(t.TempDir(), "phone"))
	if err := phone.login("alice-of-the-test"); err != nil {
		t.Fatal(err)
	}
	alice.say("bob-of-the-test", "text of the test")
	eventually(t, "he has it", bob.has("alice-of-the-test", "text of the test"))
	secrets := []string{"of-the-test", "text of the test", "phone", "salt", "vault", "verifier", "friends", "certificate", "Authorization"}
	for _, p := range []*person{alice, bob, phone} {
		me := p.me()
		for _, key := range []string{me.Account, me.Device} {
			k, err := identity.ParseKey(key)
			if err != nil {
				t.Fatal(err)
			}
			raw := k[:]
			secrets = append(secrets, key, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw))
		}
		p.close()
	}
	wire.mu.Lock()
	defer wire.mu.Unlock()
	captured := wire.seen.Bytes()
	if len(captured) < 20_000 || !bytes.Contains(captured, []byte("/people/1/sealed")) {
		t.Fatalf("the test hears only %d bytes", len(captured))
	}
	for _, secret := range secrets {
		if bytes.Contains(captured, []byte(secret)) {
			t.Errorf("a capture shows %q", secret)
		}
	}
}
