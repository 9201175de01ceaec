// Package load asks trackers as hard as they can answer, and counts what they
// say: it is the generator behind "p2p bench tracker".
//
// A Population is who asks: peers, each in one torrent, with a peer id, a port
// and a source address of its own, all made from one seed, so that two runs ask
// for the same. UDP and HTTP are the two generators. Both are closed loops: only
// so many requests are outstanding at once, and an answer makes room for the
// next, so a tracker is asked as fast as it answers and no faster. What a Tally
// counts as answered was understood: errors, malformed answers, answers to
// nobody's question and silence are counted apart, and so are announces that
// were told of no peer.
//
// Echo and Bare are the two ceilings to compare a tracker with: what the sockets
// of this machine can do when nobody thinks about the answer.
//
// The package knows trackers from the wire only; it imports the codecs and no
// registry.
package load
