// Package udpfront turns the packets of a UDP socket (BEP 15) into calls of a
// tracker.Service, and answers them.
//
// One loop reads a packet, does all work for it, writes the answer, and only
// then reads the next: no goroutine and no allocation per packet, and when the
// loop has ended nothing is left to do. Several Fronts may serve one Service,
// each with a socket of its own.
//
// UDP senders can forge their address, so the tracker works for nobody before
// the sender has shown, with a connection id, that answers reach it. Until then
// an answer is never longer than what it answers (connect), or there is none.
package udpfront
