// Package simnet is a network in memory for tests that run in the virtual time
// of testing/synctest: hosts with addresses, connections between them that
// behave like TCP, and ways to make them fail.
//
//	net := simnet.New(simnet.Options{Seed: 1, Latency: 50 * time.Millisecond})
//	defer net.Close()
//	a, b := net.Host(addrA), net.Host(addrB) // each is a Network
//
// A connection is a reliable, ordered stream of bytes each way. A byte waits for
// its turn on the sender's up-link, which all connections of that host share
// fairly; then it travels for the latency; then it waits for the receiver's
// down-link; then it can be read. At most a window of bytes is under way or
// unread, so a reader that stops reading stops the writer, and no connection is
// faster than one window per round trip.
//
// Close lets what was written arrive, followed by the end of the stream; who
// writes to a closed end is told so by an error. Kill and Down reset
// connections at once. A partition holds everything back, silently, until it is
// healed. A dial to a port where nobody listens is refused after a round trip;
// one to an address where no host is up gets no answer at all, as it mostly is
// with dead peers, and fails when its context or DialTimeout ends it.
//
// What happens in the network happens in one order, given by virtual time, by
// who was first and by the seed of the jitter. No goroutine belongs to a
// network; its timer runs its events. Waiting is done on channels and
// conditions, never on a lock, so that a bubble of synctest knows when to let
// time pass. A network and everything that uses it belong in one bubble; outside
// of one it runs in real time.
//
// Not modelled: loss and congestion, which a stream hides; packets without a
// connection; addresses and ports that a router translates; half-closing one's own side. And Close is
// kinder than some systems' TCP, which throws away what was written when it
// closes with bytes unread.
package simnet
