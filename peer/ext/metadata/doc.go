// Package metadata is the extension ut_metadata (BEP 9): who knows only the
// info-hash of a torrent, from a magnet link, gets the info dictionary from its
// peers.
//
// # Serving
//
// Who asks for a piece of the dictionary gets it, or a reject for what is not
// there. The pieces of one connection are sent as fast as the peer reads them.
// After three times the whole dictionary a peer gets rejects, and one that goes
// on asking is cut off.
//
// # Fetching
//
// On a torrent without its info dictionary, the pieces are asked of all peers
// that say that they have it. How long it is, each peer claims; nothing is
// allocated for a claim, only for what has come. Peers with the same claim fill
// one common draft. A draft that is complete and has the right hash is the
// dictionary. If the hash is wrong and all came from one peer, that peer lied and
// its connection is closed. If several took part, nobody knows who it was: the
// draft is given up, and each of them fills one of its own, so that the next
// wrong hash proves who lied.
//
// Drafts are worked on from the shortest claim up, as many as fit into 64 MiB
// together. So a peer that claims 30 MiB and sends nothing, or everything but the
// last piece, cannot keep a shorter dictionary from being fetched.
package metadata
