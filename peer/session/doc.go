// Package session is the state machine of one connection to a peer: choke,
// interest, bitfield, have, request, piece, and how many requests are kept in
// flight.
//
// It is pure. A Conn has no goroutine, lock, clock, socket or logger: messages
// and the time go in, Events come out, and the same inputs always give the same
// outputs. What it may ask the peer for, it draws from the shared piece.Queue
// of its torrent. One goroutine, the loop of the torrent, owns the queue and
// every Conn on it.
//
//	            messages, ticks                 events
//	link ──> Loop ──> Core ──> Conn.Handle ──> []Event ──> Loop ──> link
//	                             │    ^
//	                     Arrived v    │ Next
//	                         piece.Queue
package session
