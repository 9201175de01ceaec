// Package chat is conversations on the peer wire: the extension p2_chat, and Talk, which is one conversation on this
// device. Package room has the rules, package history the store, package body what is said.
//
// # Two goroutines
//
// The goroutine of the swarm must not wait, and a commit waits for the disk. So a Talk has a goroutine of its own, which
// owns the history.Log and a room.Session for each connection. Between the two lie bounded queues: Handle copies what
// comes into one, and who fills it is sent away; what is to be sent lies in the other until Torrent.Do.
//
// Write, Change and Join wait for that goroutine. It takes all that waits, of the others and of this program, in one
// turn: one transaction, and only then is anything acknowledged, passed on, or told. So nothing that was
// acknowledged is lost, and a hundred messages that come at once cost little more than one.
//
// # What is told beside the events
//
// Read marks and typing are frames that nobody signs: the connection proves whose they are. They go to those who are
// connected, and read marks to whoever connects later, with what was there when it was read (readby.go). What was delivered follows from what the others say that they
// have stored, and from what they wrote upon. Who does not meet somebody learns both from a receipt, which that one's device has
// signed and others pass on (receipts.go).
//
// Each member tells the others a digest of how far it knows all logs, now and then. Two who are not at one, with nothing on
// its way, begin their session anew, within half a minute.
//
// Who says something while his disk is slow has the others read its text that way too (Said), before the event is
// there; said.go says why the event has to wait.
//
// # Who hears what
//
// A session is with members only, and ends when the other is removed, after he was told so. Who was not there then
// is told when he comes back, whoever is there, and no more than that. A joiner
// gets the bodies of as many lines before his time as the room decides; headers he gets all, since they make the order. When
// the room becomes more generous, those who are in it ask for what they lack, one member at a time. Who had nothing to give is
// asked again ever more seldom, until there is something new to hope for. The devices of one account give each other all that they have, also when it is no member any more.
//
// # When the disk is full
//
// A commit that fails closes the log: nothing of that turn was stored, and nobody was told that it was. Requests get an error that wraps
// ErrStore and, for a full disk, syscall.ENOSPC. The log is opened again, with ever longer pauses, and the sessions begin
// anew: what is missing comes again.
package chat
