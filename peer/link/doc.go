// Package link joins a net.Conn to the loop of a torrent: one goroutine reads
// frames and puts the payload of blocks straight to the place where they will
// be hashed and written; one writes what is in the outbox, the urgent first.
//
// A Link knows how bytes flow and nothing of policy. What it reads goes to the
// loop as Batches over one bounded channel, which is the back-pressure: a loop
// that falls behind lets the sockets fill. What it is to write comes through
// methods that never block.
package link
