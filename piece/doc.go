// Package piece holds the shared queue of a torrent: which pieces are missing,
// who was asked for which block of them, and what has arrived.
//
// It is pure: no sockets, no files, no clock, no locks. Randomness and memory
// come in as parameters, so the same calls always give the same answers, and a
// whole swarm can be played through in a test in microseconds. Everything in it
// belongs to one goroutine, the loop of its torrent.
//
//	Layout     how bytes fall into pieces, spans and blocks
//	Bitfield   a set of pieces
//	rarity     the missing pieces, rarest first
//	Assembly   one piece on its way: asked, arrived, from whom
//	ration     how much memory each peer may tie up
//	Queue      the shared queue that all connections draw from
//
// A wanted piece is in exactly one state at any time:
//
//	Missing ──Next──> Assigned ──last Arrived──> Verifying ──Verified(true)──> Have
//	   ^                 │                           │
//	   │ all of it       │                           │ Verified(false)
//	   │ forsaken        │                           │
//	   └─────────────────┴───────────────────────────┘
//
// A block of a piece that is Assigned is free, asked of one peer or of several,
// or there. What peers that have gone were asked for is free again; it keeps
// its memory, and is drawn before anything new, until Forsake gives it up.
//
// No step takes longer the more pieces there are, but for those that look at the
// bitfield of a peer: when it comes or goes, and when it has so little of what is
// missing that going through its pieces is the quickest way.
package piece
