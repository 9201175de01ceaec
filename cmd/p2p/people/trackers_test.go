package people_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// linkOf returns what a link of p says; trackers are those that it is to be found under from now on.
func (p *person) linkOf(trackers ...string) identity.Link {
	p.t.Helper()
	l, err := identity.ParseLink(ask(p.t, p.Invite, &p2pv1.InviteRequest{Trackers: trackers}).Link)
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

func TestATrackerThatIsOfNoUseIsSaid(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("d14:failure reason11:not for youe"))
	}))
	t.Cleanup(refusing.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	alice := open(t, t.TempDir())
	for url, want := range map[string]string{refusing.URL: api.TrackerRefuses, gone.URL: api.TrackerSilent, startTracker(t): ""} {
		alice.linkOf(url)
		all := alice.me().Directory.Trackers
		if len(all) != 1 || !strings.HasPrefix(all[0].Url, url) || all[0].Problem.GetKey() != want || all[0].Answers != (want == "") {
			t.Errorf("after a link under %s: %v", url, all)
		}
		if said := all[0].Problem.GetWith()["detail"]; want == api.TrackerRefuses && said != "not for you" {
			t.Errorf("the tracker says %q", said)
		}
	}
}

func TestWhoHasNoAccountIsFoundThroughTheTrackerThatHeNamedOnce(t *testing.T) {
	tracker := startTracker(t)
	dir := t.TempDir()
	alice, bob := open(t, filepath.Join(dir, "alice")), open(t, filepath.Join(dir, "bob"))
	if l := alice.linkOf(); len(l.Trackers) != 0 {
		t.Fatalf("nobody has named a tracker, and the link leads to %v", l.Trackers)
	}
	l := alice.linkOf(strings.TrimSuffix(tracker, "/announce")) // she runs already
	if !slices.Equal(l.Trackers, []string{tracker}) {
		t.Fatalf("the link leads to %v", l.Trackers)
	}
	l.Addrs = nil // she has moved, and only the tracker knows where to
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: l.String(), Name: "alice"})
	eventually(t, "both have each other", func() bool {
		return bob.contact("alice").State == p2pv1.ContactState_CONTACT_STATE_FRIEND
	})
	alice.close()
	alice = open(t, filepath.Join(dir, "alice"))
	if l := alice.linkOf(); !slices.Equal(l.Trackers, []string{tracker}) {
		t.Errorf("the next node makes a link that leads to %v", l.Trackers)
	}
	if l := alice.linkOf("none"); len(l.Trackers) != 0 {
		t.Errorf("she took it back, and the link leads to %v", l.Trackers)
	}
	alice.close()
	alice = open(t, filepath.Join(dir, "alice"))
	if l := alice.linkOf(); len(l.Trackers) != 0 {
		t.Errorf("she took it back, and the next node makes a link that leads to %v", l.Trackers)
	}
	_, err := alice.Invite(context.Background(), connect.NewRequest(&p2pv1.InviteRequest{Trackers: []string{"file:///etc/passwd"}}))
	if api.ReasonOf(err).GetKey() != api.BadTracker {
		t.Errorf("a tracker that is none: %v", err)
	}
}

// Both have moved, and the tracker that they shared is gone.
func TestANewLinkOfAContactLeadsToHimAgain(t *testing.T) {
	old, other := startTracker(t), startTracker(t)
	dir := t.TempDir()
	alice, bob := open(t, filepath.Join(dir, "alice"), old), open(t, filepath.Join(dir, "bob"), old)
	alice.name("alice")
	bob.name("bob")
	befriend(t, alice, bob, "alice", "bob")
	add := func(l identity.Link) *p2pv1.AddContactResponse {
		return ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: l.String()})
	}
	there := func() bool { return bob.contact("alice").Presence == p2pv1.Presence_PRESENCE_ONLINE }
	for _, leads := range []string{"to a tracker", "to an address"} {
		alice.close()
		eventually(t, "bob has lost alice", func() bool { return !there() })
		alice = open(t, filepath.Join(dir, "alice"), "none")
		if leads == "to a tracker" {
			l := alice.linkOf(other)
			l.Addrs = nil
			if r := add(l); !r.Sought {
				t.Errorf("the answer is %v", r)
			}
		} else {
			add(alice.linkOf())
		}
		eventually(t, "a link that leads "+leads+" does", there)
	}
	_, err := bob.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: bob.linkOf().String()}))
	if bob.reason(err) != api.Yourself {
		t.Errorf("his own link: %v", err)
	}
	same := alice.linkOf().String()
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: same})
	if _, err := bob.AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: same})); bob.reason(err) != api.AlreadyContact {
		t.Errorf("a link that says nothing new: %v", err)
	}
}
