package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/peer/announce"
	"p2p/peer/swarm"
	"p2p/piece/store"
	"p2p/torrentfile/infohash"
)

const (
	// restAfter is how long a torrent stays awake when the last connection is over:
	// who comes back soon does not wait for the disk again.
	restAfter = time.Minute
	// DefaultMaxAwake is how many Sleepers are awake at once when nobody says
	// otherwise.
	DefaultMaxAwake = 500
)

// ErrCrowded is why a peer is sent away that would wake a torrent: as many as
// allowed are awake, and all are at work.
var ErrCrowded = errors.New("as many torrents as allowed are at work")

// Dormant describes a complete torrent that sleeps for as long as nobody wants it.
// Then it costs two or three kilobytes, most of them for its trackers, and its turn
// with those: no goroutine, no open file, no hashes of pieces.
type Dormant struct {
	InfoHash infohash.T
	// Trackers are tiers of announce URLs; they are not kept.
	Trackers [][]string
	// Prompt says that a person waits for it: its first announce comes before
	// those of the others.
	Prompt bool
	// Open reads the torrent and opens its content, which must be verified and
	// complete: for Meta, Store and Have; the rest is ignored. It is called on a
	// goroutine of the Node each time that somebody wants the torrent, who waits for
	// it. The Node closes the Store when the torrent goes back to sleep.
	Open func(ctx context.Context) (Torrent, error)
	// Lost is called, once, when the torrent cannot be shared any more: Open has
	// failed, or its files have. Nobody is let in from then on, but the trackers
	// are told only by Sleeper.Close. Lost runs on a goroutine of the Node and must
	// not wait for Close. nil = not called.
	Lost func(err error)
}

// Sleeper is a Dormant of a Node. Its methods may be called from any goroutine.
type Sleeper struct {
	node      *Node
	hash      infohash.T
	key       uint32
	open      func(context.Context) (Torrent, error)
	lost      func(error)
	announcer *announce.Announcer // nil without trackers

	mu     sync.Mutex // held while it wakes up
	loop   *swarm.Loop
	stop   context.CancelFunc // of loop
	last   chan struct{}      // closed when the newest loop has ended and its files are closed; nil = there was none
	guests int                // connections about to be handed over: it may not fall asleep
	sent   int64              // payload sent by loops that have ended
	called []visit            // whom it has dialled in its sleep
	err    error              // why nobody is let in
}

// AddDormant begins to share a torrent in its sleep.
func (n *Node) AddDormant(d Dormant) (*Sleeper, error) {
	n.mu.Lock()
	switch {
	case n.closed:
		n.mu.Unlock()
		return nil, ErrClosed
	case n.has(d.InfoHash):
		n.mu.Unlock()
		return nil, fmt.Errorf("add torrent %v: %w", d.InfoHash, ErrAdded)
	}
	s := &Sleeper{node: n, hash: d.InfoHash, key: n.rng.Uint32(), open: d.Open, lost: d.Lost}
	if len(d.Trackers) > 0 {
		s.announcer = n.trackers.NewAnnouncer(d.Trackers, s)
	}
	n.sleepers[s.hash] = s
	n.mu.Unlock()
	if s.announcer != nil && d.Prompt {
		n.announces.AddPrompt(s.announcer)
	} else if s.announcer != nil {
		n.announces.Add(s.announcer)
	}
	return s, nil
}

// Close ends the sharing, waits until all files are closed, and tells the
// trackers, as long as ctx allows.
func (s *Sleeper) Close(ctx context.Context) {
	s.node.forget(s)
	if last := s.end(); last != nil {
		<-last
	}
	s.farewell(ctx)
}

// end lets nobody in any more. What it returns, if not nil, is closed when
// everything that was open is closed.
func (s *Sleeper) end() (last <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = ErrClosed
	}
	if s.stop != nil {
		s.stop()
	}
	return s.last
}

// farewell tells the trackers that we leave.
func (s *Sleeper) farewell(ctx context.Context) {
	if s.announcer == nil {
		return
	}
	if err := s.announcer.Stop(ctx); err != nil {
		s.node.log.Debug("tell the trackers", zap.Stringer("torrent", s.hash), zap.Error(err))
	}
}

// enter wakes the torrent, if it is asleep, and keeps it awake until leave is
// called, which somebody who got no error must do.
func (s *Sleeper) enter(ctx context.Context) (*swarm.Loop, error) {
	s.mu.Lock()
	for s.loop == nil && s.last != nil { // it is just closing its files
		last := s.last
		s.mu.Unlock()
		<-last
		s.mu.Lock()
		if s.last == last {
			s.last = nil
		}
	}
	loop, err := s.wake(ctx)
	if err == nil {
		s.guests++
	}
	tell := err != nil && s.fail(err)
	s.mu.Unlock()
	if tell {
		s.lost(err)
	}
	return loop, err
}

func (s *Sleeper) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guests--
}

// fail notes that the torrent cannot be shared any more. It reports whether lost
// is to be called, without the lock.
func (s *Sleeper) fail(err error) (tell bool) {
	passing := errors.Is(err, ErrCrowded) || errors.Is(err, ErrClosed) || errors.Is(err, store.ErrBusy) || errors.Is(err, context.Canceled)
	if passing || s.err != nil {
		return false
	}
	s.err = err
	return s.lost != nil
}

// wake returns the loop of the torrent, a new one if there is none.
func (s *Sleeper) wake(ctx context.Context) (*swarm.Loop, error) {
	switch {
	case s.err != nil:
		return nil, s.err
	case s.loop != nil:
		return s.loop, nil
	}
	if err := s.node.awaken(s); err != nil {
		return nil, err
	}
	t, err := s.open(ctx)
	if err == nil && (t.Meta.InfoHash != s.hash || !t.Have.Full()) {
		err = errors.Join(errors.New("the torrent is another one or is not complete"), t.Store.Close())
	}
	if err != nil {
		s.node.asleep(s, 0)
		return nil, fmt.Errorf("wake torrent %v: %w", s.hash, err)
	}
	s.begin(t)
	return s.loop, nil
}

// begin makes the loop of the torrent.
func (s *Sleeper) begin(t Torrent) {
	ctx, cancel := context.WithCancel(context.Background())
	o := s.node.loopOptions(t, s.node.seed())
	var loop *swarm.Loop
	o.Dial = func(addr netip.AddrPort) { s.node.dial(ctx, s.hash, loop, addr) }
	o.Rest, o.RestAfter = func() bool { return s.rest(loop) }, restAfter
	loop = swarm.New(o)
	last := make(chan struct{})
	s.loop, s.stop, s.last = loop, cancel, last
	s.node.works(s, loop, cancel)
	s.node.wg.Go(func() {
		defer close(last)
		err := errors.Join(loop.Run(ctx), t.Store.Close())
		cancel()
		s.slept(loop, errors.Join(loop.Err(), err))
	})
	o.Log.Debug("torrent woke up")
}

// rest answers the loop, which has nothing to do: it may end unless somebody is
// about to be handed over.
func (s *Sleeper) rest(loop *swarm.Loop) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.guests > 0 || loop.Waits() {
		return false
	}
	s.settle(loop)
	return true
}

// settle notes that loop is no more, once.
func (s *Sleeper) settle(loop *swarm.Loop) {
	if s.loop == loop {
		s.sent += loop.Stats().Uploaded
		s.loop, s.stop = nil, nil
	}
}

// slept follows up on the end of a loop.
func (s *Sleeper) slept(loop *swarm.Loop, err error) {
	s.mu.Lock()
	s.settle(loop)
	tell := err != nil && s.fail(err)
	s.mu.Unlock()
	s.node.asleep(s, loop.Stats().Uploaded)
	if tell {
		s.lost(err)
	}
}

// Snapshot implements announce.Torrent.
func (s *Sleeper) Snapshot() announce.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := announce.Request{
		InfoHash: s.hash, PeerID: s.node.id, Port: s.node.addr.Port(), Key: s.key, Uploaded: s.sent, NumWant: 50,
	}
	if s.loop != nil {
		r.Uploaded += s.loop.Stats().Uploaded
	}
	return r
}

// Found implements announce.Torrent. Who is complete does not wake up for others
// who are. Of the rest, those that can be reached at all wake it.
func (s *Sleeper) Found(_ context.Context, _ string, r announce.Response) (others int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
	case s.loop != nil:
		s.loop.AddPeers(r.Peers, false)
	case r.Leechers != 0:
		s.visit(r.Peers, time.Now())
	}
	return s.node.others(r.Peers)
}
