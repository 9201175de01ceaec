// Package udpfront turns the packets of UDP sockets (BEP 15) into calls of a
// tracker.Service, and answers them.
//
//	Listen    one port, one socket for every core
//	Front     the loop of one socket: receive, answer, send
//	socket    batches with recvmmsg and sendmmsg on Linux, single packets elsewhere
//	handler   a packet and the time -> an answer or nothing; no sockets
//
// One loop reads what packets there are, does all work for them, writes the
// answers, and only then reads again: no goroutine and no allocation per packet,
// and when the loop has ended nothing is left to do. What several loops share is the
// store; counters and buffers are each one's own.
//
// UDP senders can forge their address, so the tracker works for nobody before
// the sender has shown, with a connection id, that answers reach it. Until then
// an answer is never longer than what it answers (connect), or there is none. Nothing
// waits for a send: an answer for which the system has no room is dropped.
//
// A socket that is bound to one address is some 7 % faster than one that is
// bound to all: of the latter the system has to say for every packet which address was
// asked, so that the answer comes from there.
package udpfront
