// Package tracker is the peer registry's rules: what an announce does to a
// swarm, what the asker is told, and how often it may ask.
//
//	httpfront ─┐                       ┌─ memory
//	           ├─> Service ──> Store ──┤
//	udpfront ──┘   (Policy)            └─ others that pass storetest
//
// A front turns packets into a Request, whose address is the one that the packet
// came from. The Service admits it (Policy), clamps what it asks for, and makes
// one call to the Store, which applies the announce and returns the swarm in a
// single atomic step: two peers that arrive together always learn of each
// other from the later one. The Service adds the interval. All work for a request is
// done before its answer is returned, so a stop between two requests loses nothing.
//
// Package serve puts a whole tracker together on one port number.
//
// # Peers on the tracker's own machine
//
// Only the source address counts as a peer's address: with ip= of BEP 3,
// anybody could aim a swarm at a victim. A peer that announces over the loopback interface is
// therefore handed out as 127.0.0.1, which suits other peers on this machine
// and nobody else. There are three ways to be reachable all the same, best
// first:
//
//   - Announce to an address of the machine that others use too. The source
//     address is then that address.
//   - Options.TrustLoopback: a request from a loopback address may state its
//     own with ip=. BEP 3 calls it "generally used for the origin if it's on
//     the same machine as the tracker". Not for a tracker behind a proxy on the
//     same machine that is not listed as one: there, every client looks local.
//   - In the same process, call Service.Announce with the address to hand out.
//
// # What strangers try
//
// threats_test.go has a table of it, with the tests that show what becomes of each.
package tracker
