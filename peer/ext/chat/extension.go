package chat

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
)

// extension is p2_chat for the swarm of one room.
type extension struct{ talk *Talk }

// Name implements ext.Extension.
func (extension) Name() string { return "p2_chat" }

// Secure implements ext.Guarded: what is said here is for devices that have proven who they are.
func (extension) Secure() bool { return true }

// Open implements ext.Extension.
func (e extension) Open(t ext.Torrent) ext.Instance { return &swarm{talk: e.talk, do: t.Do} }

// swarm is p2_chat on the torrent of the room.
type swarm struct {
	talk   *Talk
	do     func(func(time.Time)) bool
	posted atomic.Bool // a flush waits in do

	mu    sync.Mutex
	links []*link
}

// Attach implements ext.Instance.
func (s *swarm) Attach(_ time.Time, p ext.Peer) ext.Handler {
	l := &link{peer: p, swarm: s, number: s.talk.sources.Add(1), news: allowance, sayings: saidAllowance}
	l.receipts = receiptsOf{has: map[identity.Key]uint64{}, behind: map[identity.Key]bool{}, allowance: receiptAllowance}
	l.state = PeerState{Device: p.Device(), Addr: p.Addr()}
	s.mu.Lock()
	s.links = append(s.links, l)
	s.mu.Unlock()
	s.talk.arrive(l)
	return l
}

func (s *swarm) forget(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = slices.DeleteFunc(s.links, func(o *link) bool { return o == l })
}

// Tick implements ext.Ticker: what found no room is tried again.
func (s *swarm) Tick(time.Time) { s.flush() }

// post has all links flushed soon. Any goroutine may call it; it posts once
// for whatever is sent until then, so that many rooms do not fill what may be posted.
func (s *swarm) post() {
	if s.posted.Swap(true) {
		return
	}
	if !s.do(func(time.Time) { s.flush() }) {
		s.posted.Store(false) // the next Tick does it
	}
}

// flush is called by the goroutine of the torrent.
func (s *swarm) flush() {
	s.posted.Store(false)
	s.mu.Lock()
	links := slices.Clone(s.links)
	s.mu.Unlock()
	for _, l := range links {
		l.flush()
	}
}
