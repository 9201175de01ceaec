// Package people is the node of one person on one device: keys, contacts, conversations and files, over one
// peer.Node. It serves package p2pv1's interface to the person's programs; it has no screen and
// reads no flags.
//
//	Node            opens a profile and answers programs; one per profile
//	self            who this is: the keys of device and account; it does not change, another one takes its place (become)
//	manner          what the person has said about being there
//	book            contacts, conversations and invites, as the account's devices agree on them
//	conversation    one room: its chat.Talk, its swarm (peer.Gathering), its files
//	ways            how members of a room find each other without a tracker
//	door            where strangers ring, and the bells that this person rings
//	attendance      the session with the directory; compare looks contacts up there
//	hub             what is told to programs that listen
//
// # The life of a message
//
// Send finds the conversation and writes a body.Text through its Talk, which signs it into this device's
// log and commits it to the history; only then does Send return, and the message counts as sent. The Talk's own
// sessions carry it to every member that is connected, and to every other one when he
// connects next, whoever of those that have it is there then. Each member commits it before he acknowledges it; the
// acknowledgement makes it delivered. What the Talk has committed it also tells the Node, here as there, which
// turns it into an Event for every program that listens.
//
// # The life of a contact
//
// Who asks makes the room of the two and adds the other account to it. Its id is in his request: sealed for the
// account and left with the directory, or said at the other's doorbell, inside TLS to a device that the account has
// certified. The request is signed by the device, so nobody between can make one up, and has the first events of that room in
// it (beginning.go). Who accepts enters the room and can write there, whether the two have met or not; seeing him join it, or his letter
// that says so, is what tells the other that he was accepted. A refusal is a letter back. All of it is in the book before it is sent, and is sent again until it was answered.
//
// A contact is a key. What the directory says of his name is compared with it (compare.go says what a directory that lies
// can do), and a difference stops all that goes to him until the person has decided (verify.go).
//
// # The name of a person
//
// Each account writes how it calls itself into its rooms, signed and numbered (signature.go), so everybody has it from whomever he
// meets, and takes the last. A contact is called so in the book, unless the person has given him a name (nick.go). Of
// who was added to a room and was never heard of, who added him says what he is called (guest.go). The name at the
// directory is another matter: compare.go.
//
// # The book
//
// The devices of an account have a room of their own, whose only member is the account. What they must agree on is
// written there as events: contacts, which rooms there are, invites that were given out. So it is kept, searched
// for, ordered and exchanged like everything else, and a new device has it as soon as it meets another one.
// The last one may be lost, so whom the account has and where it is lies sealed at the directory too (keepsake.go); and friends
// lead a device back that knows nobody (resume.go).
//
// # The life of a file
//
// Offer hashes the file, writes a body.File with the info-hash, and adds a torrent that only the members'
// devices are let in to. Accept gets the info dictionary from any member that has it (package offer), opens the
// files under names that are free and safe, and joins that swarm; from the first verified piece on it
// serves others. What is offered and accepted is kept in the settings of the history, and goes on after a restart.
//
// Others fill the disk too. A download that finds no room waits for it and goes on by itself, and leaves messages the last of it (shortage.go).
//
// The files stay their owner's: he may change, move or delete them. What is shared is looked at now and then, and when somebody
// wants it; what was written to is hashed again. An offer that is not any more what it was fails, and who waits for it is told so
// (package offer). What was fetched is gone then, until it is accepted again: nobody gets a file back that he has deleted.
package people
