package chat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Errors of a Talk. Those that wrap ErrStore also wrap what the history said: errors.Is(err, syscall.ENOSPC) tells
// that the disk is full.
var (
	ErrClosed     = errors.New("the conversation is closed here")
	ErrNotJoined  = errors.New("this device has not joined the room")
	ErrNotAllowed = errors.New("the role does not allow it")
	ErrFull       = errors.New("the room has as many members as it may have")
	ErrKind       = errors.New("this kind of event is not for Write")
	ErrStore      = errors.New("the history cannot be written")
)

// Options are what a Talk needs.
type Options struct {
	Device  identity.Secret // of this program, that of the archive's Options
	Account identity.Key    // whose device it is, that of the archive's Options
	// Owner says whose a device is that has not joined the room yet, from the certificates that are known; zero
	// for unknown: such a device waits at the door, heard by nobody, until Review, for as long as strangerWait. It
	// is called by the goroutine of the Talk. Nil knows none, and nobody waits.
	Owner func(device identity.Key) identity.Key
	// Shuns reports whether nothing is to go to the devices of an account, nor to be heard of them, until Review: they may be
	// connected, and what they say waits, as does what is said here. It is called as Owner is. Nil shuns nobody.
	Shuns func(account identity.Key) bool
	// Clock gives the time that is written into events, a label; nil for time.Now.
	Clock func() time.Time
	Log   *zap.Logger // nil for none
	// Tell is told what happens, one Change at a time, by the goroutine of the Talk, which waits for it: it must
	// be quick, and must not call methods that say that they wait. Nil for nobody.
	Tell func(Change)
	// Said is told what others say that is no event yet, as Tell is. Nil for nobody.
	Said func(Said)
	// Meets reports whether a device that is connected here says that it is connected with an account in this room: it hears by
	// itself what that has stored and read. It is called by the goroutine of the Talk, and must be quick. Nil for nobody does.
	Meets func(device, account identity.Key) bool
}

// Talk is one conversation on this device. Its methods may be called by any goroutine.
type Talk struct {
	id      room.ID
	archive *history.Archive
	o       Options
	log     *zap.Logger

	sources  atomic.Uint64 // numbers of sessions given out
	requests chan *request
	wake     chan struct{}
	quit     chan struct{}
	done     chan struct{}
	closed   atomic.Bool
	view     atomic.Pointer[view]
	peers    atomic.Pointer[[]PeerState]
	stored   deliveries
	given    given
	mail     mailbox

	// For the goroutine alone.
	store     *history.Log // nil while it cannot be written
	trouble   trouble
	links     []*link // in the order in which they came
	limits    map[identity.Key]limit
	fresh     map[room.ID][]byte // bodies of the last commit
	marks     ownMarks
	kept      map[identity.Key]room.ID // the read marks of others, as the archive has them
	typing    ownTyping
	typers    map[identity.Key]bool // that Tell was told
	clock     clock
	receipts  receipts
	asking    asking
	farewells map[identity.Key]*ext.Allowance // how often devices of former members may still be told that they are
	covered   map[room.ID]uint64              // how much of this device's log recent events stand upon
	recalls   map[recalled]bool
	told      Change // at the next turn
}

// recalled is which device was asked for what another one wrote.
type recalled struct{ from, of identity.Key }

// mailbox is what other goroutines leave for that of the Talk. It does not grow with what they
// say, but for the connections, whose number the swarm bounds.
type mailbox struct {
	mu      sync.Mutex
	arrived []*link
	review  bool    // Owner knows more than before
	read    room.ID // by this person, zero for nothing new
	typing  *bool   // nil for nothing new
}

// Create makes a room, in which this device is the first, and opens it. The certificate of the birth is this
// device's.
func Create(ctx context.Context, archive *history.Archive, o Options, birth room.Birth) (*Talk, error) {
	t := prepare(archive, o)
	wall := t.wall()
	for {
		e, body, err := room.Found(o.Device, birth, wall)
		if err != nil {
			return nil, fmt.Errorf("create a room: %w", err)
		}
		// Two rooms that are made alike within a millisecond would be the same one.
		if _, there, err := archive.Event(ctx, e.ID); err != nil {
			return nil, fmt.Errorf("create a room: %w", err)
		} else if there {
			wall++
			continue
		}
		t.id = e.ID
		if t.store, err = archive.Room(ctx, e.ID); err != nil {
			return nil, fmt.Errorf("create a room: %w", err)
		}
		out, err := t.store.Room.Receive(e, body, 0)
		if err != nil {
			return nil, fmt.Errorf("create a room: %w", err)
		}
		if err := t.store.Commit(out); err != nil {
			return nil, fmt.Errorf("create a room: %w: %w", ErrStore, err)
		}
		t.told = Change{Added: append([]history.Entry(nil), t.store.Committed()...), Recount: true}
		return t, t.begin(ctx)
	}
}

// Open opens the conversation of that id, which is empty when the archive does not know it. Of one room there is one
// Talk at a time. It ends with Close, not with ctx.
func Open(ctx context.Context, archive *history.Archive, id room.ID, o Options) (*Talk, error) {
	t := prepare(archive, o)
	t.id = id
	var err error
	if t.store, err = archive.Room(ctx, id); err != nil {
		return nil, fmt.Errorf("open a conversation: %w", err)
	}
	if err := t.begin(ctx); err != nil {
		return nil, fmt.Errorf("open a conversation: %w", err)
	}
	return t, nil
}

func prepare(archive *history.Archive, o Options) *Talk {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Talk{
		archive: archive, o: o, log: o.Log,
		requests: make(chan *request), wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		limits: map[identity.Key]limit{}, typers: map[identity.Key]bool{}, kept: map[identity.Key]room.ID{}, covered: map[room.ID]uint64{}, recalls: map[recalled]bool{},
		receipts:  receipts{held: map[identity.Key]*held{}},
		farewells: map[identity.Key]*ext.Allowance{}, asking: asking{rests: map[identity.Key]rest{}, deep: map[identity.Key]time.Time{}},
	}
}

// begin reads what is kept beside the events, and starts the goroutine.
func (t *Talk) begin(ctx context.Context) error {
	reads, err := t.archive.Reads(ctx, t.id)
	if err != nil {
		return err
	}
	for account, mark := range reads {
		t.kept[account] = mark.Event.ID
	}
	t.marks.id = t.kept[t.o.Account]
	kept, err := t.archive.Delivered(ctx, t.id)
	if err != nil {
		return err
	}
	t.stored.restore(kept)
	t.peers.Store(&[]PeerState{})
	t.store.Room.Keep(t.o.Account)
	t.refresh()
	t.regard(kept)
	go t.run()
	return nil
}

// ID returns the room's id.
func (t *Talk) ID() room.ID { return t.id }

// Extension returns p2_chat for the swarm of this room.
func (t *Talk) Extension() ext.Extension { return extension{t} }

// Close ends the conversation on this device and waits for that; what was written is kept. It may be called more
// than once.
func (t *Talk) Close() {
	if !t.closed.Swap(true) {
		close(t.quit)
	}
	<-t.done
}

func (t *Talk) isClosed() bool { return t.closed.Load() }

func (t *Talk) wall() uint64 { return uint64(max(t.o.Clock().UnixMilli(), 0)) }

// poke has the goroutine look around. It never waits.
func (t *Talk) poke() {
	select {
	case t.wake <- struct{}{}:
	default: // it will see this too
	}
}

// Review has Owner and Shuns asked again about the devices that are connected: more is known of whose they are. It
// does not wait.
func (t *Talk) Review() {
	t.mail.mu.Lock()
	t.mail.review = true
	t.mail.mu.Unlock()
	t.poke()
}

// arrive takes a connection in.
func (t *Talk) arrive(l *link) {
	t.mail.mu.Lock()
	t.mail.arrived = append(t.mail.arrived, l)
	t.mail.mu.Unlock()
	t.poke()
}

// run is the goroutine of the Talk: it owns the history.Log and all sessions.
func (t *Talk) run() {
	defer close(t.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var first *request
		select {
		case <-t.quit:
			t.finish()
			return
		case first = <-t.requests:
		case <-t.wake:
		case <-timer.C:
		}
		t.turn(first)
		if at := t.deadline(); at.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(at))
		}
	}
}

// finish keeps what only memory has, and lets go of everybody.
func (t *Talk) finish() {
	t.save()
	for _, l := range t.links {
		l.end(ErrClosed)
		l.swarm.post()
	}
}
