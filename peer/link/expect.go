package link

import (
	"sync"
	"sync/atomic"

	"p2p/piece"
)

// Place is where the payload of one block is to be put. Several connections may
// be given the same Place in end game; State decides who writes there.
type Place struct {
	Dst   []byte // exactly the block
	State *atomic.Uint32
}

// The states of a Place. Only who turned vacant into landing may write to Dst,
// and only until it sets landed, or vacant again when the connection breaks.
const (
	vacant uint32 = iota
	landing
	landed
)

// verdict is what take says about a block that came.
type verdict uint8

const (
	unexpected verdict = iota
	taken              // somebody else is putting the same block to its place
	granted            // ours to put to its place
)

// expected is the list of blocks that a connection was asked for, oldest first,
// each with its Place. The loop adds and removes, the reader takes.
//
// Places are recycled. A place is claimed under the same lock under which the
// loop takes an expectation back, so once forget has returned, the reader will
// not touch that Place any more, unless it had claimed it before; and then the
// span is not complete and is not recycled.
type expected struct {
	mu   sync.Mutex
	list []expectation
	head int
}

type expectation struct {
	block piece.Block
	place Place
	live  bool
}

func (e *expected) add(b piece.Block, p Place) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.head > 64 && e.head > len(e.list)/2 {
		n := copy(e.list, e.list[e.head:])
		clear(e.list[n:])
		e.list, e.head = e.list[:n], 0
	}
	e.list = append(e.list, expectation{b, p, true})
}

// take removes the expectation of b and claims its place.
func (e *expected) take(b piece.Block) (Place, verdict) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.remove(b)
	switch {
	case !ok:
		return Place{}, unexpected
	case !p.State.CompareAndSwap(vacant, landing):
		return Place{}, taken
	}
	return p, granted
}

// forget removes the expectation of b, if it is there.
func (e *expected) forget(b piece.Block) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remove(b)
}

// forgetAll removes all.
func (e *expected) forgetAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.list)
	e.list, e.head = e.list[:0], 0
}

// remove finds b, nearly always at the first look: peers answer in order.
func (e *expected) remove(b piece.Block) (Place, bool) {
	for i := e.head; i < len(e.list); i++ {
		x := &e.list[i]
		if !x.live || x.block != b {
			continue
		}
		p := x.place
		*x = expectation{}
		for e.head < len(e.list) && !e.list[e.head].live {
			e.head++
		}
		if e.head == len(e.list) {
			e.list, e.head = e.list[:0], 0
		}
		return p, true
	}
	return Place{}, false
}
