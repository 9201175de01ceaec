// Package knock is the extension p2_knock: a stranger rings at somebody's door, a room with
// peer.Room.Doorbell, says in a few words who he is and what he wants, and hears what has become of it.
//
// # Who speaks first
//
// Those who ring meet each other at the door too, and are to learn nothing of each other. So only
// the one who is rung for speaks first, with the certificate of his device (package identity). Who rings says
// nothing before he has seen that it is of the account he wants, issued for the device that the
// connection has proven; after WaitFor without that he hangs up. Two who ring thus part in silence, and what
// they could know is that somebody was there. The owner's certificate is seen by everybody who knows the door, which is who knows
// the account; it says what the device is called.
//
// Who is rung for may be behind a router that lets nobody in, and calls those whom a tracker names at his door. A tracker knows
// the name of the door and not the account, and can name whom it likes. So where he has called, the other side
// speaks first, with a hash of the account and of its own device, which the connection has proven; who does not have that is told
// nothing. Versions that do not know this wait in silence, as two do who ring.
//
// # Messages
//
// The first byte of a message is its kind; one of another kind is passed over. All are of class Chat.
//
//	0 home      a certificate: of the device that answers
//	1 request   a bencoded dictionary: "c" certificate of the device that rings, "r" request: "n" name, "o" note, "r" id of a room,
//	            "b" what that begins with, "u" 1 when another room will do, "j" swarm to join, "k" token, "t" trackers, "a" addresses
//	2 answer    a bencoded dictionary: "v" verdict, "w" why, "l" limit of members, "j" the "j" of the request that
//	            it is about, "a" addresses, "r" id of a room
//	3 knows     SHA-256 of "p2p knock knows 1\x00", the account that is rung for, and the device that rings
//
// # What a stranger can do
//
// He can have one request for each connection, in bounds, with a certificate for the very device that is
// connected: nobody rings in another's name. An account that rings again within the hour is asked for
// at most a few times; then it is told again what it was told last, or Busy. The same holds for
// all that ring from one address (an IPv6 /64 counts as one), for those have as many
// accounts as they like, and for all together. What is remembered of strangers is bounded by that.
package knock
