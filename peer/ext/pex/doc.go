// Package pex is the extension ut_pex (BEP 11): peers of a torrent tell each
// other whom they are connected to, so that a swarm finds together without a
// tracker.
//
// # What is told
//
// Only peers that are connected at this moment, and of them only those that can
// be dialled as far as we know: we dialled them, or they have told their port in
// the extension handshake. At most 50 who came and 50 who left in a message, and
// at most one message a minute. A peer in the internet hears nothing of those in
// our LAN, nor one in the LAN of those on our machine.
//
// Nothing is told on a private torrent, nor while nobody knows whether it is one;
// there the extension does not exist, and is not named in the handshake.
//
// # Among people
//
// In a room not all who are connected are members: some are let in to show that they are. With Among the members alone
// take part, and are not bound to one message a minute: who has come is told of the others at once, and they of
// him within seconds, since the one who knows them all may be gone in a moment.
//
// # What is believed
//
// "Data exchanged via PEX messages should be considered untrusted and
// potentially malicious." An address is a place to try, no more. It counts only
// if it can be dialled at all, is not ours, is no nearer to us than the peer that
// told it (a peer in the internet cannot aim us at our LAN), has no port of the
// system's services, and, in the internet, does not share its IP with another
// of the same message. A peer may tell 100 at once and 50 a minute afterwards;
// more are ignored. A peer that sends many messages a minute is cut off. What a
// peer says has left is ignored: we would hear that ourselves, and a liar could
// make us forget others.
package pex
