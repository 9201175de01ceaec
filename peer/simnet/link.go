package simnet

import (
	"math"
	"time"
)

// Bounds of a segment on a link with limited bandwidth: about a millisecond of
// it, so that connections share it evenly, but at least what a packet carries.
const (
	minSegment = 1448     // bytes: an Ethernet frame without its headers
	maxSegment = 64 << 10 // bytes
)

// mark says what a segment means besides its bytes.
type mark uint8

const (
	data  mark = iota
	fin        // the end of the stream
	reset      // nobody reads the other direction any more
)

// segment is a run of bytes, or a mark without any, on its way.
type segment struct {
	mark  mark
	bytes []byte
}

// flow is one direction of one connection as it waits for a link.
type flow struct {
	queue []segment
	ready bool // it is in the ring of its link
	done  func(segment)
}

// take removes and returns the first segment, or limit bytes of it.
func (f *flow) take(limit int) segment {
	s := f.queue[0]
	if len(s.bytes) > limit {
		f.queue[0].bytes = s.bytes[limit:]
		s.bytes = s.bytes[:limit]
		return s
	}
	f.queue[0] = segment{}
	f.queue = f.queue[1:]
	return s
}

// link is the up-link or down-link of a host. It serves the flows that wait for
// it in turn, one segment each.
type link struct {
	net  *Net
	rate int64 // bytes a second; 0 means no limit
	ring []*flow
	busy bool // a segment is on the link
}

// push lets s wait at the end of f for its turn, after which f.done is called.
func (l *link) push(f *flow, s segment) {
	f.queue = append(f.queue, s)
	if !f.ready {
		f.ready = true
		l.ring = append(l.ring, f)
	}
	l.serve()
}

func (l *link) serve() {
	for !l.busy && len(l.ring) > 0 {
		f := l.ring[0]
		l.ring = l.ring[1:]
		if len(f.queue) == 0 { // its connection was reset
			f.ready = false
			continue
		}
		s := f.take(l.segmentLimit())
		if f.ready = len(f.queue) > 0; f.ready {
			l.ring = append(l.ring, f)
		}
		d := l.duration(len(s.bytes))
		if d == 0 {
			f.done(s)
			continue
		}
		l.busy = true
		l.net.after(d, func() {
			l.busy = false
			f.done(s)
			l.serve()
		})
	}
}

// segmentLimit returns the most bytes that are on the link at a time.
func (l *link) segmentLimit() int {
	if l.rate <= 0 {
		return math.MaxInt
	}
	return int(min(max(l.rate/1000, minSegment), maxSegment))
}

// duration returns how long n bytes occupy the link.
func (l *link) duration(n int) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	return time.Duration(int64(n) * int64(time.Second) / l.rate)
}
