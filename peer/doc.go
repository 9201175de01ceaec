// Package peer is a BitTorrent peer: one listener, one dialler, and a set of
// torrents that share them.
//
// # The life of a block
//
// A peer sends unchoke. Its connection's state machine (package session) asks
// the shared queue of the torrent (piece.Queue) for as many blocks as its
// pipeline is short of, and the loop (swarm.Loop) reserves the place where each
// will lie and puts the requests into the connection's outbox, where the writer
// (package link) sends all that wait there with one write.
//
// The payload comes back. The reader knows from the header which place is meant
// and lets the kernel copy the payload there, once; the loop only gets a
// descriptor, together with those of all blocks that came in the same wake-up.
// It tells the queue, which says whether the span is complete. A complete span
// goes to a worker (store.Line), which hashes it while it is still in the cache
// and writes it with one write. With the last span of a piece the worker knows
// whether the piece is right; the loop hears it, and tells all peers "have", or
// finds out who lied (swarm's blame).
//
// The other way, a request becomes a descriptor in the outbox; the writer takes
// those that lie behind one another, reads them with one read, and sends header
// and payload of all of them with one vectored write.
//
// # Who owns what
//
//	accept, dial     a connection until its handshakes are done, with a deadline
//	link reader      its read buffer; waits for the socket and the loop's inbox
//	link writer      its write buffer; waits for the socket and the disk
//	swarm.Loop       queue, sessions, choker, addresses; waits for nobody
//	swarm.Lobby      the peers of a magnet link, until the torrent is known, or those of a room
//	store.Line       the piece that each worker hashes
//	announce.Scheduler, one per Node: when each torrent is announced
//
// # Torrents that sleep
//
// A complete torrent that nobody is connected to needs none of that. As a Sleeper it
// is a small record: no goroutine, no timer, no open file, no hashes. It wakes when
// somebody greets the listener with its info-hash, or when a downloader that its
// trackers name answers a call; the torrent file is read again then, the content
// opened, and a Loop begins. A minute after the last connection the Loop ends and
// everything is let go. How many may be awake is bounded, and those that only stay
// awake make room.
//
// # People
//
// A Node that has a key (Options.Device) also speaks TLS 1.3, in which both ends prove which
// device they are (package secure), with the same peer wire inside. The listener tells by the
// first byte what comes: 19 is a plain peer, 22 is TLS, and all else is sent away. The
// doorman of each swarm says who is let in, and whether to dial with TLS.
//
// A Room is a swarm without content: members find its info-hash at a tracker, call each
// other, and speak extensions that plain peers never hear of. A torrent can be
// among devices too (Torrent.Admit): that is how a file is shared in a room.
//
// Devices of which each is behind a router that lets nobody in call each other in such a way that their
// calls meet (package punch): beside each ordinary call there is a hole, as long as nobody answers.
package peer
