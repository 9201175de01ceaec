package talk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/bench/lab"
)

// patience is for what takes moments.
const patience = 2 * time.Minute

// Options are what a Crowd needs.
type Options struct {
	Self  string // path of the p2p program
	Dir   string // where the folder for the profiles is made
	Files string // where the folder for transfers is made
	// People is how many there are, at least 2. The first one has all others as contacts; the others have only him.
	People int
	// Line is how fast each of them may send files, in bytes a second; 0 = as fast as the machine can.
	Line int64
}

// Crowd is people, each with a node, of whom the first does the talking. Its methods are for one goroutine.
type Crowd struct {
	o       Options
	folders [2]*lab.Folder
	dir     string // of the profiles: one of them
	files   string // of transfers: the other
	tracker *lab.Daemon
	people  []*person
	probe   atomic.Pointer[probe] // what is being measured
}

// person is one of a Crowd.
type person struct {
	number int
	dir    string // profile
	daemon *lab.Daemon
	client *api.Client
	direct string // id of the conversation with the first one
	quiet  context.CancelFunc
	ended  chan struct{} // closed when the listener has ended
}

// Gather starts the nodes and makes contacts of them. The processes do not outlive ctx; the caller must call Close.
func Gather(ctx context.Context, o Options) (*Crowd, error) {
	c := &Crowd{o: o}
	err := c.open(ctx)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Crowd) open(ctx context.Context) (err error) {
	for i, parent := range []string{c.o.Dir, c.o.Files} {
		if c.folders[i], err = lab.MakeFolder(parent); err != nil {
			return err
		}
	}
	c.dir, c.files = c.folders[0].Path, c.folders[1].Path
	home := netip.MustParseAddr("127.0.0.1")
	if c.tracker, err = lab.StartTracker(ctx, lab.Place{Self: c.o.Self, Host: home}); err != nil {
		return err
	}
	for i := range c.o.People {
		p := &person{number: i, dir: filepath.Join(c.dir, strconv.Itoa(i))}
		c.people = append(c.people, p)
		if err := c.start(ctx, p); err != nil {
			return err
		}
		name := fmt.Sprintf("person%d", i)
		there := &p2pv1.SetPresenceRequest{DisplayName: &name, Presence: p2pv1.Presence_PRESENCE_ONLINE.Enum()}
		if _, err := ask(ctx, p.client.SetPresence, there); err != nil {
			return err
		}
	}
	for _, p := range c.people[1:] {
		if err := c.befriend(ctx, p); err != nil {
			return fmt.Errorf("make contacts: %w", err)
		}
	}
	return nil
}

// start starts the node of a person, and listens.
func (c *Crowd) start(ctx context.Context, p *person) (err error) {
	place := lab.Place{Self: c.o.Self, Host: netip.MustParseAddr("127.0.0.1"), Dir: p.dir}
	if p.daemon, err = lab.StartNode(ctx, place, "http://"+c.tracker.Addr.String()+"/announce", c.o.Line); err != nil {
		return err
	}
	if p.client, err = api.Dial(ctx, p.dir); err != nil {
		return err
	}
	ctx, p.quiet = context.WithCancel(ctx)
	stream, err := p.client.Events(ctx, connect.NewRequest(&p2pv1.EventsRequest{PresenceFollows: true}))
	if err != nil {
		return err
	}
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		for stream.Receive() {
			m := stream.Msg().GetMessage()
			if m == nil {
				m = stream.Msg().GetSaid() // is on the screen too
			}
			if x := c.probe.Load(); x != nil && m != nil {
				x.saw(p.number, m.Text, time.Now())
			}
		}
		stream.Close() // its error is the end
	}()
	return nil
}

// stop ends the node of a person.
func (p *person) stop() {
	if p.quiet != nil {
		p.quiet()
	}
	if p.ended != nil {
		<-p.ended
	}
	if p.client != nil {
		p.client.Close()
	}
	if p.daemon != nil {
		p.daemon.Stop()
	}
	p.quiet, p.ended, p.client, p.daemon = nil, nil, nil, nil
}

// Close ends all processes and removes the folders.
func (c *Crowd) Close() error {
	var group sync.WaitGroup
	for _, p := range c.people {
		group.Go(p.stop)
	}
	group.Wait()
	if c.tracker != nil {
		c.tracker.Stop()
	}
	var errs []error
	for _, f := range c.folders {
		errs = append(errs, f.Remove())
	}
	return errors.Join(errs...)
}

// ask calls a method of a node.
func ask[Q, A any](ctx context.Context, call func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), q *Q) (*A, error) {
	r, err := call(ctx, connect.NewRequest(q))
	if err != nil {
		return nil, err
	}
	return r.Msg, nil
}

// until asks until something holds.
func until(ctx context.Context, what string, every time.Duration, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("in vain waited until %s", what))
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		done, err := holds()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// befriend makes contacts of the first person and p, and waits until they are connected.
func (c *Crowd) befriend(ctx context.Context, p *person) error {
	host := c.people[0]
	link, err := ask(ctx, host.client.Invite, &p2pv1.InviteRequest{})
	if err != nil {
		return err
	}
	if _, err := ask(ctx, p.client.AddContact, &p2pv1.AddContactRequest{Who: link.Link, Name: "host"}); err != nil {
		return err
	}
	return until(ctx, "two have each other", 20*time.Millisecond, func() (bool, error) {
		theirs, err := ask(ctx, p.client.ListContacts, &p2pv1.ListContactsRequest{})
		if err != nil || len(theirs.Contacts) != 1 || !near(theirs.Contacts[0]) {
			return false, err
		}
		p.direct = theirs.Contacts[0].Conversation
		ours, err := ask(ctx, host.client.ListContacts, &p2pv1.ListContactsRequest{})
		if err != nil {
			return false, err
		}
		for _, k := range ours.Contacts {
			if k.Conversation == p.direct && near(k) {
				return true, nil
			}
		}
		return false, nil
	})
}

// near reports whether a contact is connected.
func near(c *p2pv1.Contact) bool {
	return c.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && c.Path != p2pv1.Path_PATH_UNSPECIFIED
}

// Direct returns the conversation of the first two, and who hears it.
func (c *Crowd) Direct() Place { return Place{c.people[1].direct, []int{1}} }

// Place is a conversation and who, besides the first person, is in it.
type Place struct {
	Conversation string // id
	To           []int
}

// Room makes a room of all people, and waits until each is connected with each.
func (c *Crowd) Room(ctx context.Context) (Place, error) {
	p, invite := Place{}, []string(nil)
	for _, q := range c.people[1:] {
		p.To = append(p.To, q.number)
		invite = append(invite, fmt.Sprintf("person%d", q.number))
	}
	made, err := ask(ctx, c.people[0].client.CreateRoom, &p2pv1.CreateRoomRequest{Name: "everybody", Limit: int32(len(c.people)), Invite: invite})
	if err != nil {
		return p, fmt.Errorf("make a room: %w", err)
	}
	p.Conversation = made.Conversation.Id
	var group errgroup.Group
	for _, q := range c.people {
		group.Go(func() error {
			return until(ctx, "all are in the room", 100*time.Millisecond, func() (bool, error) { return q.meets(ctx, p.Conversation, len(c.people)) })
		})
	}
	return p, group.Wait()
}

// meets reports whether a person is connected with so many members of a room, himself among them.
func (p *person) meets(ctx context.Context, conversation string, members int) (bool, error) {
	all, err := ask(ctx, p.client.ListConversations, &p2pv1.ListConversationsRequest{})
	if err != nil {
		return false, err
	}
	for _, c := range all.Conversations {
		if c.Id != conversation {
			continue
		}
		met := 0
		for _, m := range c.Members {
			if m.Me || m.Path != p2pv1.Path_PATH_UNSPECIFIED {
				met++
			}
		}
		return met == members, nil
	}
	return false, nil
}
