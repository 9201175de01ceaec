package directory

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/dirseal"
	"p2p/tracker/ledger"
)

// Options of a Directory.
type Options struct {
	// Ledger keeps names, accounts and letters. It is required.
	Ledger ledger.Ledger
	// Broadcast reaches the other nodes of the same ledger; nil when there are none.
	Broadcast Broadcast
	// Volatile says that the ledger lies in this process's memory, so that its entries must be bounded too.
	Volatile bool
	// MaxMemory bounds, roughly, what all of it takes, in bytes; 1 GiB when zero.
	MaxMemory int64
	// MaxWaiting is how many of them may wait for events at a time, each with a connection; 1024 when
	// zero. Others hear of events with the next heartbeat.
	MaxWaiting int
	// Log gets trouble, and by what the key of the service is known, never a name, a key of a person or an address; nothing is
	// logged when nil.
	Log *zap.Logger
}

// Directory is one node of the service. It is an http.Handler for the paths below dirwire.Prefix;
// whoever serves it puts the address of the client into RemoteAddr. Run must be running for it to
// be of use. Any goroutine may call its methods.
type Directory struct {
	opts     Options
	log      *zap.Logger
	limits   limits
	id       nodeID
	book     *book
	mailbox  *mailbox
	tickets  *tickets
	paces    *paces
	counters Counters
	waiting  chan struct{} // a token for each that waits for events
	stopped  chan struct{} // closed when nobody may wait any longer
	stop     sync.Once
	known    atomic.Pointer[who]

	mu     sync.Mutex
	hall   hall
	gossip gossip
}

// New returns a Directory. It touches nothing yet: the ledger may still be away.
func New(o Options) (*Directory, error) {
	if o.Ledger == nil {
		return nil, errors.New("a directory needs a ledger")
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 1024
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	l := limitsOf(o.MaxMemory, o.Volatile)
	d := &Directory{
		opts: o, log: o.Log, limits: l, id: newNodeID(), book: newBook(o.Ledger), mailbox: newMailbox(o.Ledger, l.letters), tickets: newTickets(),
		paces: newPaces(l.kept), waiting: make(chan struct{}, o.MaxWaiting), stopped: make(chan struct{}),
	}
	d.hall = newHall(l, d.gossipOf)
	d.gossip = newGossip()
	return d, nil
}

// nodeID tells the nodes of a service apart, and the starts of one.
type nodeID uint64

func newNodeID() nodeID {
	var b [8]byte
	rand.Read(b[:])
	return nodeID(binary.BigEndian.Uint64(b[:]) | 1)
}

// Run does what is not asked for, until ctx ends: it lets leases end, listens to the ledger and to
// other nodes. Then it releases all who wait, as Release does, and returns nil. It is called once.
func (d *Directory) Run(ctx context.Context) error {
	defer d.Release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	if b := d.opts.Broadcast; b != nil {
		stop, err := b.Subscribe(d.hear)
		if err != nil {
			return fmt.Errorf("directory: listen to the other nodes: %w", err)
		}
		defer stop()
		group.Go(func() { d.tellOthers(ctx) })
	}
	group.Go(func() { _, _ = d.who(ctx) }) // so that the log says it; whoever asks tries again
	group.Go(func() { d.follow(ctx, d.book.accounts, func() {}, d.accountChanged) })
	group.Go(func() { d.follow(ctx, d.mailbox.letters, d.mailbox.reset, d.letterChanged) })
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	expire := time.NewTicker(time.Hour)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-sweep.C:
			d.endLeases(now)
		case now := <-expire.C:
			d.mailbox.expire(ctx, now)
		}
	}
}

// Release lets all who wait for events go with an answer, and nobody wait any more: it is called before a server
// shuts down, which waits for them.
func (d *Directory) Release() { d.stop.Do(func() { close(d.stopped) }) }

// followAgain is how long follow waits after a watch has failed.
const followAgain = 2 * time.Second

// follow tells the changes of a bucket until ctx ends, also when the ledger was away; begin is called before
// everything is told, from the start, and again after a failure.
func (d *Directory) follow(ctx context.Context, b ledger.Bucket, begin func(), tell func(ledger.Change)) {
	for {
		begin()
		err := b.Watch(ctx, tell)
		if ctx.Err() != nil {
			return
		}
		d.log.Warn("the directory cannot watch the ledger", zap.Error(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(followAgain):
		}
	}
}

// who returns who this directory is, drawn by whichever node is the first.
func (d *Directory) who(ctx context.Context) (*who, error) {
	if w := d.known.Load(); w != nil {
		return w, nil
	}
	w, err := d.book.who(ctx)
	if err != nil {
		return nil, err
	}
	if d.known.CompareAndSwap(nil, &w) {
		d.log.Info("the directory of people is known by its key", zap.Stringer("key", w.key.Public().Print()))
	}
	return &w, nil
}

// Key returns by what the key of this directory is known. Errors are those of the ledger.
func (d *Directory) Key(ctx context.Context) (dirseal.Print, error) {
	w, err := d.who(ctx)
	if err != nil {
		return dirseal.Print{}, err
	}
	return w.key.Public().Print(), nil
}

// Counters are figures of a Directory, for its operator.
type Counters struct {
	Requests, Refused, Failed     atomic.Uint64 // refused with a Failure; failed for want of the ledger
	Registered, Logins, BadLogins atomic.Uint64
	Opened, Expired               atomic.Uint64 // sessions
	Letters                       atomic.Uint64 // accepted
	Gaps                          atomic.Uint64 // times that messages of another node were missing
}

// Counters returns the counters.
func (d *Directory) Counters() *Counters { return &d.counters }

// Figures are what there is at the moment.
type Figures struct {
	People, Devices int // that are there, at all nodes
	Sessions        int // at this node
	Waiting         int // for events
	Letters         int
}

// Figures returns the figures.
func (d *Directory) Figures() Figures {
	f := Figures{Waiting: len(d.waiting), Letters: d.mailbox.count()}
	d.mu.Lock()
	defer d.mu.Unlock()
	f.Sessions = len(d.hall.sessions)
	f.People, f.Devices = d.hall.present()
	return f
}

var _ http.Handler = (*Directory)(nil)
