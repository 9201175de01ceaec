// Package room is the history of a conversation and the rules by which its members
// agree on it without a server: signed events, who may write them, in which order they
// are shown, and what two members tell each other until they hold the same.
//
// # Events
//
// Every device writes a log of its own: an event names its predecessor in that log (prev)
// and the latest events of others that its author had seen (deps), by their hashes. So all logs
// form one graph, in which nobody can change, drop or slip in anything that somebody else
// has built upon. The signature covers a header, and the header the hash of the
// body: a body can be withheld from who joined later, or dropped because its author deleted it, and the
// graph still verifies.
//
// # Order
//
// lamport = 1 + the largest lamport of prev and deps, checked on receipt. All members show events sorted by
// (lamport, author, id): causes before effects, and the same everywhere, whatever the clocks say. An
// event whose prev or deps are not there yet is held and shown nowhere.
//
// # Members
//
// Who may write follows from events too. An event counts if its author had the right in the
// view that the event itself was written in, which its hashes fix for ever; so all agree. Administration that
// crosses on the way is replayed in one order: causes first, then the higher role, then as
// events are ordered. Owners who take each other's role away, or their own, all at once, therefore leave one: what would take
// the role from the last does not count. If the last one goes, the one with the highest role who has been there longest is
// owner. A removal names how much of the removed one's logs still counts, so who was removed cannot go on
// writing into the past.
//
// A device that signs two events with one number has lied to somebody. The pair is a
// proof that everybody can check; it is passed on, and all that the device wrote from there on is withdrawn,
// by all.
//
// # Bodies that come later
//
// How much of what was said before his time a joiner gets the room decides, and may decide otherwise later. A member with
// headers that he may have the bodies of now asks for these events (Session.Ask), with the same Want as for events that he
// lacks, in the order of the room, and for no more at a time than a batch holds. He asks who has all changes of the room
// that he has, and whose events he has: then both agree on what he may have. The other sends the events, with
// the bodies that he has and that the asker may have. A body that is not the signed one is an error; one that is goes to the
// event that is there, if that was not deleted (Outcome.Filled). Who had nothing to give remembers that for the
// session, and sends it when he gets it.
//
// # What is where
//
// The package is pure: it opens no file and no socket and asks for no time. A Room is for one
// goroutine. It answers each event with Effects, which the caller commits in one transaction before
// it acknowledges anything; bodies and headers lie in an Index, which is a database or, in tests, a map.
package room
