//go:build unix

package robust

import (
	"bytes"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirseal/sealtest"
	"p2p/tracker/dirwire"
)

// liar stands before a directory, from the beginning. When told to, it passes mallory's key off as bob's.
type liar struct {
	url   string
	lying atomic.Bool
}

func newLiar(t *testing.T, directory string) *liar {
	t.Helper()
	to, err := url.Parse(directory)
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{}
	honest := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Host, r.Out.URL.Scheme = to.Host, to.Scheme }}
	s := httptest.NewServer(sealtest.New(t, honest, func(asked *dirseal.Request) func(*dirseal.Answer) {
		if !l.lying.Load() || asked.Method != dirwire.MethodFind {
			return nil
		}
		asked.Body = bytes.ReplaceAll(asked.Body, []byte(`"bob"`), []byte(`"mallory"`))
		return func(a *dirseal.Answer) { a.Body = bytes.ReplaceAll(a.Body, []byte(`"mallory"`), []byte(`"bob"`)) }
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// register gives a person an account.
func register(t *testing.T, name, directory string) *person {
	t.Helper()
	p := newPerson(t, name, "--directory", directory)
	ask(t, p.Register, &p2pv1.RegisterRequest{Name: name, Password: "correct horse"})
	drive.Eventually(t, soon, name+" is not at the directory", func() bool {
		return ask(t, p.Whoami, &p2pv1.WhoamiRequest{}).Directory.Connected
	})
	return p
}

// TestADirectoryThatLiesAboutAKeyGainsNothing passes mallory off as bob. Alice, who knows bob, is warned and talks to bob as before;
// carol, who does not, gets to know somebody whose safety number is not the one that bob reads to her.
func TestADirectoryThatLiesAboutAKeyGainsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	tracker := startTracker(t, "127.0.0.1:0").Started(soon)
	l := newLiar(t, strings.TrimSuffix(tracker.Announce[0], "/announce"))
	alice, bob, carol, mallory := register(t, "alice", l.url), register(t, "bob", l.url), register(t, "carol", l.url), register(t, "mallory", l.url)
	ask(t, alice.AddContact, &p2pv1.AddContactRequest{Who: "bob"})
	accept(t, bob, "alice")
	alice.sees("bob", online)
	number := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true}).SafetyNumber

	l.lying.Store(true)
	for _, call := range []func() error{
		func() error {
			_, err := alice.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"}))
			return err
		},
		func() error { _, err := alice.say("bob", "secret"); return err },
	} {
		if err := call(); api.ReasonOf(err).GetKey() != api.KeyChanged {
			t.Errorf("another key for bob is answered with %v", err)
		}
	}
	drive.Eventually(t, soon, "alice is not warned", func() bool { return len(alice.alerts(p2pv1.Alert_KIND_KEY_CHANGED)) > 0 })
	if c := alice.contact("bob"); c.ChangedKey == "" || c.Verified || c.Account != account(t, bob) {
		t.Errorf("bob is now %v", c)
	}

	ask(t, carol.AddContact, &p2pv1.AddContactRequest{Who: "bob"})
	c := carol.contact("bob")
	if c.Account != account(t, mallory) {
		t.Fatalf("the test does not lie: carol knows %v", c)
	}
	accept(t, mallory, "carol")
	carol.sees("mallory", online) // as he calls himself when they meet: the directory's name for him is what he was called
	l.lying.Store(false)
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: "carol"})
	drive.Eventually(t, soon, "the true bob does not reach carol", func() bool { return carol.contact("bob-2").Account == account(t, bob) })
	hers, his := ask(t, carol.VerifyContact, &p2pv1.VerifyContactRequest{Who: c.Account}), ask(t, bob.VerifyContact, &p2pv1.VerifyContactRequest{Who: "carol"})
	if hers.SafetyNumber == his.SafetyNumber {
		t.Error("mallory has the safety number of bob")
	}

	// Alice and bob compare once more, and the matter is settled.
	if again := ask(t, alice.VerifyContact, &p2pv1.VerifyContactRequest{Who: "bob", Same: true}); again.SafetyNumber != number {
		t.Errorf("the safety number has become %s", again.SafetyNumber)
	}
	alice.says("bob", "it was not you, then")
	bob.hears("alice", "it was not you, then")
}

func account(t *testing.T, p *person) string {
	t.Helper()
	return ask(t, p.Whoami, &p2pv1.WhoamiRequest{}).Account
}

// accept waits for somebody to ask to be a contact, and says yes.
func accept(t *testing.T, p *person, who string) {
	t.Helper()
	drive.Eventually(t, soon, p.name+" is not asked", func() bool {
		return p.contact(who).State == p2pv1.ContactState_CONTACT_STATE_ASKS
	})
	ask(t, p.AnswerContact, &p2pv1.AnswerContactRequest{Who: who, Answer: p2pv1.AnswerContactRequest_ANSWER_ACCEPT})
}
