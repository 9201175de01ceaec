package simnet

import (
	"container/heap"
	"time"
)

// event is something that will happen at a known time. Events at the same time
// happen in the order in which they were made.
type event struct {
	at    time.Time
	seq   uint64
	fn    func() // called with Net.mu held
	index int    // in the heap; -1 when it has happened or was cancelled
}

// events is what will happen in a network, and the one timer that makes it.
type events struct {
	queue   eventQueue
	lastSeq uint64
	timer   *time.Timer
	running bool // run will arm the timer when it is through
}

// after makes fn happen in d, with Net.mu held.
func (n *Net) after(d time.Duration, fn func()) *event {
	return n.at(time.Now().Add(max(d, 0)), fn)
}

// at makes fn happen at t, with Net.mu held.
func (n *Net) at(t time.Time, fn func()) *event {
	es := &n.events
	es.lastSeq++
	e := &event{at: t, seq: es.lastSeq, fn: fn, index: -1}
	if n.closed {
		return e
	}
	heap.Push(&es.queue, e)
	if es.queue[0] == e && !es.running {
		n.arm()
	}
	return e
}

// cancel keeps e from happening. It accepts nil and what has happened already.
func (n *Net) cancel(e *event) {
	if e != nil && e.index >= 0 {
		heap.Remove(&n.events.queue, e.index)
	}
}

// arm sets the timer to the first event.
func (n *Net) arm() {
	es := &n.events
	if len(es.queue) == 0 {
		return
	}
	d := max(time.Until(es.queue[0].at), 0)
	if es.timer == nil {
		es.timer = time.AfterFunc(d, n.run)
		return
	}
	es.timer.Reset(d)
}

// run makes everything happen whose time has come.
func (n *Net) run() {
	n.mu.Lock()
	defer n.mu.Unlock()
	es := &n.events
	es.running = true
	for len(es.queue) > 0 && !es.queue[0].at.After(time.Now()) {
		heap.Pop(&es.queue).(*event).fn()
	}
	es.running = false
	n.arm()
}

// stop forgets all events.
func (es *events) stop() {
	es.queue = nil
	if es.timer != nil {
		es.timer.Stop()
	}
}

// eventQueue is a heap.Interface, first event first.
type eventQueue []*event

func (q eventQueue) Len() int { return len(q) }

func (q eventQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].seq < q[j].seq
}

func (q eventQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *eventQueue) Push(x any) {
	e := x.(*event)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	e.index = -1
	*q = old[:len(old)-1]
	return e
}
