package chat

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Bounds of what waits at a connection. A session has at most four batches on its way, of less than half a MiB
// each, and answers less than it hears: who goes beyond that floods, or does not read.
const (
	maxWaiting  = 8 << 20         // bytes, in each direction
	maxStranger = room.MaxMessage // bytes, from a device of which it is not known whose it is
	maxFrames   = 4096
	// perTurn is how many bytes of one connection are taken at a time, so that one who catches up on a long history
	// does not keep others waiting.
	perTurn = 64 << 10
)

// allowance is for read marks, typing, and sessions that begin anew.
var allowance = ext.Allowance{Most: 32, Every: 200 * time.Millisecond}

var (
	errFlood = errors.New("it sends faster than it can be stored")
	errSlow  = errors.New("it does not read what it asks for")
	errNews  = errors.New("it tells too often what it reads and types")
)

const errStranger ext.Unwelcome = "it is no device of a member"

// link is a connection on which p2_chat is spoken. It stands between two goroutines: that of the torrent, which
// must not wait, and that of the Talk, which waits for the disk. What they exchange is under the mutex.
type link struct {
	peer   ext.Peer // for the goroutine of the torrent
	swarm  *swarm
	state  PeerState // fixed, but for Account, which is the Talk's
	number uint64    // of the session: no other link has it

	mu     sync.Mutex
	known  bool     // it is a member's
	in     [][]byte // frames that came
	inSize int
	out    [][]byte // frames to be sent
	size   int
	over   bool  // the connection has ended
	why    error // it is to end for, when all of out was sent

	// For the goroutine of the Talk.
	session  *room.Session
	parts    assembly
	hello    [][]byte                // of a session that the other end has begun in this turn: to be sent after the commit,
	answers  []room.Message          // and these
	reading  room.ID                 // a read mark for an event that is not here yet
	read     room.ID                 // the read mark that came last
	seen     map[identity.Key]uint64 // what was there when it was read, nil for it was not told
	toldSeen map[identity.Key]uint64 // the same, as the other end was told of this person
	typing   time.Time               // until when its person counts as typing, zero for not
	news     ext.Allowance
	sayings  ext.Allowance
	check    check
	receipts receiptsOf
	asked    bool                       // for bodies, in this session,
	deep     bool                       // and for more than the room gives,
	rests    bool                       // and it has answered all
	paid     time.Time                  // when what it has asked for is paid off
	deaf     time.Time                  // until when it is not heard, since it owes too much; zero for it is
	until    time.Time                  // it waits for somebody to know whose it is, or is shunned; zero for not
	haveAt   time.Time                  // when it is told what is here, zero when there is nothing to tell
	sendAt   time.Time                  // when it is sent what others have not sent, zero when nothing is left to others
	leave    time.Time                  // until when it may say how far it is, to hear that its account was removed; zero for not
	has      map[identity.Key]room.Mark // what it has said of that
	ended    bool                       // nothing more is heard of it, or said to it
	gone     bool                       // the connection has ended
}

// Handle implements ext.Handler.
func (l *link) Handle(_ time.Time, payload []byte) error {
	frame := append([]byte(nil), payload...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.swarm.talk.isClosed() {
		return ErrClosed
	}
	most := maxStranger
	if l.known {
		most = maxWaiting
	}
	if len(l.in) >= saidBehind && len(frame) > 0 && frame[0] == frameSaid {
		return nil
	}
	if len(l.in) >= maxFrames || l.inSize+len(frame) > most {
		return errFlood
	}
	l.in, l.inSize = append(l.in, frame), l.inSize+len(frame)
	l.swarm.talk.poke()
	return nil
}

// Detach implements ext.Handler.
func (l *link) Detach() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.swarm.forget(l)
	l.swarm.talk.poke()
}

// isOver reports whether the connection has ended.
func (l *link) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// take returns what has come, about perTurn bytes of it, and whether there is more.
func (l *link) take() (frames [][]byte, over, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.in) && size < perTurn {
		size += len(l.in[n])
		n++
	}
	frames, l.in = l.in[:n:n], l.in[n:]
	l.inSize -= size
	return frames, l.over, len(l.in) > 0
}

// send queues frames for the goroutine of the torrent. It is called by that of the Talk.
func (l *link) send(frames ...[]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.why != nil {
		return
	}
	for _, f := range frames {
		l.out, l.size = append(l.out, f), l.size+len(f)
	}
	if l.size > maxWaiting {
		l.out, l.size, l.why = nil, 0, errSlow
	}
}

// end has the connection closed when all was sent.
func (l *link) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why == nil {
		l.why = why
	}
}

// flush sends what there is room for. It is called by the goroutine of the torrent.
func (l *link) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.out) > 0 {
		if !l.peer.Send(ext.Chat, l.out[0]) {
			return // a Tick tries again
		}
		l.size -= len(l.out[0])
		l.out[0] = nil
		l.out = l.out[1:]
	}
	l.out = nil
	if l.why != nil && !l.over {
		l.over = true
		l.peer.Close(fmt.Errorf("chat: %w", l.why))
	}
}

// trust notes that it is known whose the device is.
func (l *link) trust() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = true
}

// whose returns the account behind the connection, zero while it is not known.
func (l *link) whose() identity.Key { return l.state.Account }
