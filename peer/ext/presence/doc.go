// Package presence is the extension p2_pres: the devices in a room tell each other whose they are, how their
// people call themselves and whether those are there, and measure how far away they are. It exists in
// rooms alone (peer.Room), and not at doorbells, where strangers meet.
//
// # Messages
//
// The first byte of a message is its kind; one of another kind is passed over.
//
//	0 state   a bencoded dictionary: "a" 1 when away, "c" list of certificates, "n" name, "t" text, "d" card,
//	          "k" the first 8 bytes of the accounts with which the device is connected in the room
//	1 ping    8 bytes that mean nothing
//	2 pong    the bytes of the ping
//	3 pass    32 bytes: an HMAC with the secret of the room of both devices' keys, to a device that is not known
//
// A state goes to each peer on connecting and whenever it changes, a ping every PingEvery. All are of
// class Chat, so that no file delays them. Whoever falls silent is gone for
// everybody when the connection ends, which the keep-alives of a room see to within 15 s.
//
// # What is believed
//
// Who is not known is told nothing, not even who we are, until it shows a certificate of somebody who is welcome, or a pass:
// else two members' devices that have not heard of each other would wait for each other in silence. A pass is worth
// nothing to another device, and says nothing to who does not know the room.
//
// A certificate is an account's word (package identity), wherever it comes from; a revoked one
// is passed on like any other, and the later of two about a device counts. A peer must show one for the device
// that its connection has proven, not revoked, and none of another account: who could speak for two
// could pass one's devices off as the other's. A card is an account's word as well, and must be that one's. A forged
// certificate or card, a name that would harm a
// terminal, or more messages than an honest peer sends break a rule, and end the connection. Whether the
// account has any business in the room is for the caller to say, who is told of it, and then calls
// peer.Gathering.Review.
package presence
