package people

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/peer"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/torrentfile/infohash"
)

// Options of a Node.
type Options struct {
	// Dir is the folder of the profile; it is made when it is not there.
	Dir string
	// Listen is the address for peers; zero = all of this machine's, on the port of last time.
	Listen netip.AddrPort
	// Trackers are the URLs of those under which this person is found. They are kept in the profile for the Nodes after this one;
	// none = those that are kept, or else that of the directory; "none" alone takes back those that are kept.
	Trackers []string
	// Directory is the URL of the directory for who registers or logs in without naming one.
	Directory string
	// Downloads is where accepted files go, Dir/files when empty.
	Downloads string
	// DownLimit and UpLimit bound what files take, in bytes per second; 0 = no limit.
	DownLimit, UpLimit int64
	// Passphrase opens the history, and seals a new one; empty = it is not encrypted.
	Passphrase []byte
	// Marks is the folder for what is noted of devices outside of their profiles, so that one that was set back to a backup, or copied,
	// is noticed; empty = nothing is. Profiles share it.
	Marks string
	// Label is what a new device is called; empty = the name of the machine.
	Label string
	// Version is that of the program.
	Version string
	Log     *zap.Logger // nil = none
}

// Node is one person on one device. It implements p2pv1connect.PeopleHandler; all its methods may be called by
// any goroutine.
type Node struct {
	p2pv1connect.UnimplementedPeopleHandler

	opt     Options
	log     *zap.Logger
	archive *history.Archive
	hub     hub
	clerk   clerk
	ctx     context.Context // ends with the Node
	cancel  context.CancelFunc
	group   sync.WaitGroup
	done    chan struct{} // closed when somebody asks the Node to stop
	stop    sync.Once

	editing  sync.Mutex    // held by who edits a message: what it says is looked at before
	sealing  sync.Mutex    // held by who makes the key of programs
	asking   sync.Mutex    // held by who makes another contact of one in the book; before changing
	giving   sync.Mutex    // held by who gives words back; before mu
	drafting sync.Mutex    // held by who changes a draft; after giving, before mu
	changing sync.Mutex    // held by who makes what runs fit the book; before mu
	mu       sync.Mutex    // guards all that follows
	self     *self         // nil while the profile belongs to nobody; it does not change, another takes its place (become)
	node     *peer.Node    // nil as well
	own      *conversation // of the account's devices
	book     *book
	open     map[room.ID]*conversation // the others that are open
	doors    map[infohash.T]*door      // where this person answers, or rings
	known    *certificates
	cards    map[identity.Key]identity.Card // the last of each contact that was seen
	faces    *faces                         // what is known of people from their connections and the directory
	files    *exchange
	attended *attendance // nil without a directory
	away     manner
	typing   map[room.ID]map[identity.Key]bool
	drafts   map[room.ID]string
	full     bool                          // the history cannot be written
	stale    map[room.ID]bool              // conversations of which programs are to be told, with or without marks
	ticks    map[room.ID]map[room.ID]ticks // that programs were told of the last messages; the inner ones are for the clerk alone
	unread   map[room.ID]unread
	calling  paces         // of contacts who call themselves otherwise
	askers   paces         // of those who ask to be contacts again
	telling  *rate.Limiter // of how this person calls himself
	untold   atomic.Bool   // others are to be told that later
	unkept   atomic.Bool   // the directory is to keep what the book says
	anew     int           // how often something was taken out of unread, to be counted anew

	directory, label string   // that programs have named last, for who registers or logs in
	chosen           []string // trackers, see nameTrackers
	announced        []string // announces as they were when the node began

	noted   int64  // what leaveMark has noted last
	renewed string // why this is another device than the profile had, a reason of package api
}

var _ p2pv1connect.PeopleHandler = (*Node)(nil)

// Open opens the profile. The caller must call Close.
func Open(ctx context.Context, o Options) (*Node, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Downloads == "" {
		o.Downloads = filepath.Join(o.Dir, "files")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	if o.Marks != "" && emptied(o.Dir, o.Marks) {
		return nil, fmt.Errorf("open profile: %w", ErrEmptied)
	}
	n := &Node{opt: o, log: o.Log, done: make(chan struct{}), known: newCertificates(), faces: newFaces(), label: o.Label}
	n.files = newExchange(n)
	var err error
	n.archive, err = history.Open(historyPath(o.Dir), history.Options{Read: chat.Summarize, Passphrase: o.Passphrase})
	if err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	n.reset()
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.group.Go(func() { n.clerk.run(n.ctx) })
	n.group.Go(func() { n.beat(n.ctx) })
	err = n.nameTrackers(ctx, o.Trackers)
	if err == nil {
		err = n.wake(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open profile: %w", err), n.Close(ctx))
	}
	return n, nil
}

// reset makes n the node of nobody.
func (n *Node) reset() {
	n.self, n.node, n.own, n.attended, n.away, n.full, n.noted = nil, nil, nil, nil, manner{}, false, 0
	n.book, n.open, n.doors = newBook(), map[room.ID]*conversation{}, map[infohash.T]*door{}
	n.cards = map[identity.Key]identity.Card{}
	n.calling, n.askers = newPaces(heedEvery, heedBurst), newPaces(againEvery, againBurst)
	n.telling = rate.NewLimiter(rate.Every(heedEvery), nickBurst)
	n.typing, n.drafts, n.stale = map[room.ID]map[identity.Key]bool{}, map[room.ID]string{}, map[room.ID]bool{}
	n.ticks, n.unread = map[room.ID]map[room.ID]ticks{}, map[room.ID]unread{}
	n.known.forget()
	n.faces.forget()
	n.files.forget()
}

// Done is closed when a program has asked the Node to stop.
func (n *Node) Done() <-chan struct{} { return n.done }

// wake starts what the person of the profile needs, if there is one.
func (n *Node) wake(ctx context.Context) error {
	s, err := loadSelf(ctx, n.archive)
	if err != nil || s == nil {
		return err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	why, err := n.strayed(ctx, s.deviceKey())
	if err != nil {
		return err
	}
	if why != "" {
		if s, err = n.renew(s, why); err != nil {
			return err
		}
	}
	return n.begin(ctx, s)
}

// begin starts the node of s. The caller holds changing.
func (n *Node) begin(ctx context.Context, s *self) error {
	n.archive.Belong(s.accountKey(), s.deviceKey())
	n.mu.Lock()
	n.self = s
	n.known.add(s.certificate)
	n.mu.Unlock()
	if err := n.load(ctx); err != nil {
		return err
	}
	if s.loggedOut { // what was said can be read, and nobody is met
		return n.readBook(ctx)
	}
	device, err := secure.NewDevice(s.device)
	if err != nil {
		return err
	}
	node, err := n.listen(s, device)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.node, n.announced = node, n.announces()
	n.mu.Unlock()
	if s, err = n.openOwn(ctx, s); err != nil {
		return err
	}
	if port := node.Addr().Port(); port != s.port {
		if _, err := n.become(s, func(s *self) { s.port = port }); err != nil {
			return err
		}
	}
	n.mu.Lock()
	n.book.guess(n.faces.name)
	n.mu.Unlock()
	if err := n.fit(ctx); err != nil {
		return err
	}
	n.leaveMark(ctx)
	n.files.restore(ctx)
	n.attend()
	return nil
}

// listen opens the peer of s, if possible on the port of last time: who has kept the address finds
// it again.
func (n *Node) listen(s *self, device *secure.Device) (*peer.Node, error) {
	o := peer.Options{
		Listen: n.opt.Listen, Log: n.log, Client: "p2p " + n.opt.Version, Device: device, DownLimit: n.opt.DownLimit, UpLimit: n.opt.UpLimit,
	}
	if !o.Listen.IsValid() {
		o.Listen = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	if o.Listen.Port() == 0 && s.port != 0 {
		again := o
		again.Listen = netip.AddrPortFrom(o.Listen.Addr(), s.port)
		node, err := peer.Open(again)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return node, err
		}
	}
	return peer.Open(o)
}

// ensure makes keys for who uses the profile without an account at a directory.
func (n *Node) ensure(ctx context.Context) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	n.mu.Lock()
	s, label := n.self, n.label
	n.mu.Unlock()
	switch {
	case s == nil:
	case s.loggedOut:
		return n.shutOut(s)
	default:
		return nil
	}
	account, err := identity.NewSecret(randomness)
	if err != nil {
		return err
	}
	device, err := identity.NewSecret(randomness)
	if err != nil {
		return err
	}
	s, err = newSelf(account, device, label, time.Now())
	if err != nil {
		return err
	}
	return n.begin(ctx, s)
}

// me returns whose node this is.
func (n *Node) me() (*self, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self == nil {
		return nil, fail(failed, api.NoAccount)
	}
	return n.self, nil
}

// Close ends everything and waits for it, as long as ctx allows for words of farewell.
func (n *Node) Close(ctx context.Context) error {
	n.hub.close()
	n.cancel()
	n.group.Wait()
	n.changing.Lock()
	defer n.changing.Unlock()
	err := n.end(ctx)
	return errors.Join(err, n.archive.Close())
}

// farewellTime is how long trackers and the directory get to hear that this device is gone, those who are connected hear it first.
const farewellTime = 5 * time.Second

// end stops what begin has started. The caller holds changing.
func (n *Node) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, farewellTime)
	defer cancel()
	n.mu.Lock()
	attended, node, files := n.attended, n.node, n.files
	all, doors := slices.Collect(maps.Values(n.open)), slices.Collect(maps.Values(n.doors))
	if n.own != nil {
		all = append(all, n.own)
	}
	n.mu.Unlock()
	var group sync.WaitGroup
	if attended != nil {
		group.Go(func() { attended.leave(ctx) })
	}
	group.Go(func() { files.close(ctx) })
	for _, d := range doors {
		group.Go(func() { d.close(ctx) })
	}
	for _, c := range all {
		group.Go(func() { c.close(ctx) })
	}
	group.Wait()
	n.remember()
	n.leaveMark(ctx)
	n.mu.Lock()
	n.reset()
	n.mu.Unlock()
	if node == nil {
		return nil
	}
	return node.Close(ctx)
}
