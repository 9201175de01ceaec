//go:build unix

package robust

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// person is somebody whose node is a process. Its methods belong to the goroutine of the test, except where
// they say so.
type person struct {
	t     *testing.T
	name  string
	dir   string // profile
	at    string // where the node listens for peers
	flags []string
	node  *drive.Process
	*api.Client

	heard sync.WaitGroup
	mu    sync.Mutex
	told  []*p2pv1.Event // by all nodes so far
}

// newPerson starts the node of a new profile, which listens at the same address whenever it runs.
func newPerson(t *testing.T, name string, flags ...string) *person {
	t.Helper()
	return newPersonAt(t, name, filepath.Join(t.TempDir(), name), flags...)
}

// newPersonAt is newPerson with a profile in folder dir.
func newPersonAt(t *testing.T, name, dir string, flags ...string) *person {
	t.Helper()
	p := &person{t: t, name: name, dir: dir, at: drive.Addr(t), flags: flags}
	t.Cleanup(func() { p.kill() })
	p.start()
	ask(t, p.SetPresence, &p2pv1.SetPresenceRequest{DisplayName: &name})
	return p
}

// start starts the node, or starts it again, and listens to what it tells, as a program does in which somebody reads.
func (p *person) start() {
	p.t.Helper()
	args := append([]string{"serve", "-j", "-v", "--profile", p.dir, "--listen", p.at}, p.flags...)
	p.node = drive.Start(p.t, drive.Command{Name: "node of " + p.name, Path: binary, Args: args, Env: []string{"P2P_LANG=en", "XDG_STATE_HOME=" + p.dir}})
	p.node.Started(soon)
	var err error
	if p.Client, err = api.Dial(p.t.Context(), p.dir); err != nil {
		p.t.Fatal(err)
	}
	events, err := p.Events(p.t.Context(), connect.NewRequest(&p2pv1.EventsRequest{PresenceFollows: true}))
	if err != nil {
		p.t.Fatal(err)
	}
	p.heard.Go(func() {
		for events.Receive() {
			p.mu.Lock()
			p.told = append(p.told, events.Msg())
			p.mu.Unlock()
		}
		events.Close()
	})
}

// kill ends the node in the hard way.
func (p *person) kill() {
	p.node.Kill()
	p.heard.Wait()
	p.Client.Close()
}

// stop ends the node as it is meant to.
func (p *person) stop() {
	p.t.Helper()
	ask(p.t, p.Stop, &p2pv1.StopRequest{})
	p.node.WantExit(0, soon)
	p.kill()
}

// alerts returns the alerts of a kind that the nodes have raised.
func (p *person) alerts(kind p2pv1.Alert_Kind) (all []*p2pv1.Alert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.told {
		if a := e.GetAlert(); a.GetKind() == kind {
			all = append(all, a)
		}
	}
	return all
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

// say sends a message. Any goroutine may call it.
func (p *person) say(where, text string) (*p2pv1.Message, error) {
	r, err := p.Send(p.t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: where, Text: text}))
	if err != nil {
		return nil, err
	}
	return r.Msg.Message, nil
}

// says is say for what must not fail.
func (p *person) says(where, text string) *p2pv1.Message {
	p.t.Helper()
	m, err := p.say(where, text)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// messages returns all that people have said in a conversation, in its order.
func (p *person) messages(where string) (all []*p2pv1.Message) {
	p.t.Helper()
	for before := ""; ; {
		r := ask(p.t, p.ListMessages, &p2pv1.ListMessagesRequest{Where: where, Before: before, Limit: 500})
		all = append(r.Messages, all...)
		if !r.MoreBefore {
			break
		}
		before = r.Messages[0].Id
	}
	return slices.DeleteFunc(all, func(m *p2pv1.Message) bool { return m.Notice != nil })
}

// texts returns the texts of messages.
func texts(all []*p2pv1.Message) (list []string) {
	for _, m := range all {
		list = append(list, m.Text)
	}
	return list
}

// hears waits until a person has a message.
func (p *person) hears(where, text string) {
	p.t.Helper()
	p.hearsWithin(soon, where, text)
}

func (p *person) hearsWithin(limit time.Duration, where, text string) {
	p.t.Helper()
	drive.Eventually(p.t, limit, fmt.Sprintf("%s has no message %q", p.name, text), func() bool {
		return slices.Contains(texts(p.messages(where)), text)
	})
}

func (p *person) contact(name string) *p2pv1.Contact {
	p.t.Helper()
	for _, c := range ask(p.t, p.ListContacts, &p2pv1.ListContactsRequest{}).Contacts {
		if c.Name == name {
			return c
		}
	}
	return &p2pv1.Contact{}
}

// sees waits until a contact is there, or is not.
func (p *person) sees(name string, presence p2pv1.Presence) {
	p.t.Helper()
	drive.Eventually(p.t, soon, fmt.Sprintf("%s does not see that %s is %v", p.name, name, presence), func() bool {
		return p.contact(name).Presence == presence
	})
}

const (
	online  = p2pv1.Presence_PRESENCE_ONLINE
	offline = p2pv1.Presence_PRESENCE_OFFLINE
)

// befriend makes contacts of two people, who are connected then.
func befriend(t *testing.T, a, b *person) {
	t.Helper()
	link := ask(t, a.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, b.AddContact, &p2pv1.AddContactRequest{Who: link, Name: a.name})
	a.sees(b.name, online)
	b.sees(a.name, online)
}

// newPair returns alice and bob, who are contacts and have met at a tracker.
func newPair(t *testing.T) (alice, bob *person) {
	t.Helper()
	tracker := startTracker(t, "127.0.0.1:0").Started(soon)
	alice, bob = newPerson(t, "alice", "--tracker", tracker.Announce[0]), newPerson(t, "bob", "--tracker", tracker.Announce[0])
	befriend(t, alice, bob)
	return alice, bob
}

// transfer returns how a file is that a message offers.
func (p *person) transfer(message string) *p2pv1.Transfer {
	p.t.Helper()
	for _, x := range ask(p.t, p.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers {
		if x.Message == message {
			return x
		}
	}
	return &p2pv1.Transfer{}
}

// transferred waits until a file is there, as long as more of it comes, and returns where it is.
func (p *person) transferred(message string) (path string) {
	p.t.Helper()
	for done := int64(-1); ; {
		var x *p2pv1.Transfer
		drive.Eventually(p.t, soon, p.name+" does not get more of the file", func() bool {
			x = p.transfer(message)
			if x.State == p2pv1.Transfer_STATE_FAILED {
				p.t.Fatal(x.Problem.GetKey(), x.Problem.GetWith())
			}
			return x.State == p2pv1.Transfer_STATE_DONE || x.Done > done
		})
		if x.State == p2pv1.Transfer_STATE_DONE {
			return x.Path
		}
		done = x.Done
	}
}
