package people_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
	"p2p/tracker/serve"
)

// patience ends a test that hangs; no test measures with it. On a machine without load nothing is waited for longer than 3 s: what
// is waits for a pause after something that failed, and should not have.
const patience = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// startTracker runs a tracker on loopback and returns its announce URL.
func startTracker(t *testing.T) string {
	t.Helper()
	s, err := serve.Listen("127.0.0.1:0", serve.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr().String() + "/announce"
}

// logger logs to stderr when a person wants to see what happens.
func logger() *zap.Logger {
	if os.Getenv("P2P_TEST_LOG") == "" {
		return zap.NewNop()
	}
	l, _ := zap.NewDevelopment()
	return l
}

// person is a Node and shorter ways to ask it.
type person struct {
	*people.Node
	t   *testing.T
	dir string
}

// open opens the node of a profile, which ends with the test.
func open(t *testing.T, dir string, trackers ...string) *person {
	t.Helper()
	return openNoting(t, dir, "", trackers...)
}

// openNoting is open for a node that notes in a folder how far it has come.
func openNoting(t *testing.T, dir, marks string, trackers ...string) *person {
	t.Helper()
	return openWith(t, people.Options{Dir: dir, Trackers: trackers, Marks: marks})
}

// openWith is open with some options.
func openWith(t *testing.T, o people.Options) *person {
	t.Helper()
	o.Listen, o.Label, o.Version, o.Log = netip.MustParseAddrPort("127.0.0.1:0"), filepath.Base(o.Dir), "test", logger()
	n, err := people.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{n, t, o.Dir}
	t.Cleanup(p.close)
	return p
}

func (p *person) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience) // whoever says no good-bye is still there to the others
	defer cancel()
	if p.Node == nil {
		return
	}
	if err := p.Node.Close(ctx); err != nil {
		p.t.Error(err)
	}
	p.Node = nil
}

// ask calls a method of a node that must not fail.
func ask[Q, A any](t *testing.T, call func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), q *Q) *A {
	t.Helper()
	r, err := call(t.Context(), connect.NewRequest(q))
	if err != nil {
		t.Fatal(err)
	}
	return r.Msg
}

func (p *person) name(name string) {
	p.t.Helper()
	ask(p.t, p.SetPresence, &p2pv1.SetPresenceRequest{DisplayName: &name, Presence: p2pv1.Presence_PRESENCE_ONLINE.Enum()})
}

func (p *person) contact(name string) *p2pv1.Contact {
	for _, c := range ask(p.t, p.ListContacts, &p2pv1.ListContactsRequest{}).Contacts {
		if c.Name == name {
			return c
		}
	}
	return &p2pv1.Contact{}
}

// called is contact for who may be called one thing or another.
func (p *person) called(name, other string) *p2pv1.Contact {
	if c := p.contact(name); c.Account != "" {
		return c
	}
	return p.contact(other)
}

func (p *person) say(where, text string) *p2pv1.Message {
	p.t.Helper()
	return ask(p.t, p.Send, &p2pv1.SendRequest{Where: where, Text: text}).Message
}

// texts returns what people have said in a conversation.
func (p *person) texts(where string) (all []string) {
	p.t.Helper()
	for _, m := range p.messages(where) {
		if m.Notice == nil {
			all = append(all, m.Text)
		}
	}
	return all
}

func (p *person) messages(where string) []*p2pv1.Message {
	p.t.Helper()
	return ask(p.t, p.ListMessages, &p2pv1.ListMessagesRequest{Where: where, Limit: 500}).Messages
}

func (p *person) conversation(where string) *p2pv1.Conversation {
	p.t.Helper()
	all := ask(p.t, p.ListConversations, &p2pv1.ListConversationsRequest{Where: where}).Conversations
	return all[0]
}

// befriend makes contacts of two people by a link.
func befriend(t *testing.T, a, b *person, nameOfA, nameOfB string) {
	t.Helper()
	link := ask(t, a.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, b.AddContact, &p2pv1.AddContactRequest{Who: link, Name: nameOfA})
	friend := p2pv1.ContactState_CONTACT_STATE_FRIEND
	eventually(t, "both have each other", func() bool {
		return a.contact(nameOfB).State == friend && b.contact(nameOfA).State == friend
	})
	met(a, b, nameOfA, nameOfB)
}

// met waits until two who have each other can write to each other.
func met(a, b *person, nameOfA, nameOfB string) {
	a.t.Helper()
	eventually(a.t, "both know the conversation", func() bool {
		return len(a.conversation(nameOfB).GetMembers()) == 2 && len(b.conversation(nameOfA).GetMembers()) == 2
	})
}

// two returns alice and bob, who have each other.
func two(t *testing.T) (alice, bob *person) {
	t.Helper()
	tracker := startTracker(t)
	alice, bob = open(t, filepath.Join(t.TempDir(), "alice"), tracker), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	befriend(t, alice, bob, "alice", "bob")
	return alice, bob
}

func TestTwoWhoExchangedALinkTalk(t *testing.T) {
	alice, bob := two(t)
	sent := alice.say("bob", "hello *bob*")
	if sent.Delivery < p2pv1.Delivery_DELIVERY_STORED {
		t.Errorf("sent as %v", sent)
	}
	eventually(t, "bob has it", func() bool { return len(bob.texts("alice")) == 1 })
	if got := bob.messages("alice"); got[len(got)-1].Text != "hello *bob*" || got[len(got)-1].Name != "alice" || got[len(got)-1].Id != sent.Id {
		t.Errorf("bob has %v", got)
	}
	eventually(t, "alice knows that it was delivered", func() bool {
		m := alice.messages("bob")
		return m[len(m)-1].Delivery == p2pv1.Delivery_DELIVERY_DELIVERED
	})
	if c := bob.conversation("alice"); c.Unread == 0 || !c.Direct {
		t.Errorf("bob's conversation is %v", c)
	}
	ask(t, bob.MarkRead, &p2pv1.MarkReadRequest{Where: "alice"})
	eventually(t, "alice knows that it was read", func() bool {
		m := alice.messages("bob")
		return m[len(m)-1].Delivery == p2pv1.Delivery_DELIVERY_READ
	})
	if c := bob.conversation("alice"); c.Unread != 0 {
		t.Errorf("%d are unread after all", c.Unread)
	}
	eventually(t, "alice sees bob", func() bool {
		c := alice.contact("bob")
		return c.Presence == p2pv1.Presence_PRESENCE_ONLINE && c.Path == p2pv1.Path_PATH_LOCAL && c.RttMicros > 0
	})
}
