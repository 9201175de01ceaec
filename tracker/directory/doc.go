// Package directory is the central service at which people find each other: names for accounts,
// the certificates of their devices, who is there and where, and small sealed messages for
// those who are not. Package peer/directory is its client, tracker/dirwire what they say to each other.
//
//	book      what must not be forgotten: names, accounts, in a ledger
//	mailbox   letters that wait, in a ledger too
//	hall      who is there: sessions and leases, in memory
//	gossip    what the halls of several nodes tell each other
//	handler   HTTP, and what is sealed in it
//
// # What it is trusted with
//
// The service learns who is online, where, and who calls whom a friend; nothing of what is said. It has
// neither a password nor the key of an account: the verifier of a password is a public key, and the
// vault is sealed by the client. Friends are in memory alone, so who steals the data folder has no
// graph of acquaintances. With a restart they, and when somebody was last seen, are forgotten until the
// clients come back.
//
// What people ask it travels sealed for its key, over plain HTTP too: package dirseal says what a capture shows all the same, and what
// somebody between can do who is there at the very first contact. The key is drawn with the first start and lies in the
// ledger, so all nodes have the same; who steals it reads what he has recorded. A service that keeps nothing has another one
// with each start, and is another directory to everybody.
//
// Presence and addresses are for friends: two accounts that both name each other.
//
// # Leases
//
// A device is there as long as its session attends: each attend renews the lease, and waits for events a
// heartbeat long. A crash is seen when the lease has run out, within 15 s with everything that
// comes on top; goodbye at once.
//
// # Several nodes
//
// Names and letters are in the ledger, which all nodes share, so of two who want a name at the same
// moment, at whatever nodes, one gets it. A session belongs to the node that has opened it; at
// another it is unknown, and the client opens a new one there. A balancer in front must
// therefore send one client to one node for as long as that is there. The halls are kept equal by gossip:
// see there.
package directory
