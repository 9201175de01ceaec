// Package dirwire is what the directory and its clients say to each other, and the rules of names: the
// part of both sides that is bytes alone. Package tracker/directory is the service, peer/directory
// the client.
//
// A request is a Method, a body in JSON, and a proof if it needs one; the answer is JSON too, or a Failure. Both travel sealed,
// over HTTPS as over HTTP, as the bodies of a POST to PathSealed: package dirseal does that, and says what a capture still shows and
// what somebody between can do. In clear the service says its key, at PathKey, and why it opens nothing.
//
// # Proofs
//
// There is no password and no token in a request that anybody could use again who gets to see it, such as another
// directory. What needs proof carries a signature, in the text that Proof writes. It is over the service, the
// method, a ticket of the service, a count and the body:
//
//	register, rename, password   by the account     ticket: a challenge, which counts once
//	login, seal                  by the password    ticket: a challenge
//	open                         by the device      ticket: a challenge
//	attend, send, taken, goodbye by the device      ticket: a session, with a count of its own for each request
//	certify                      the certificate is the proof
//	hello, find, begin           nobody
//
// A challenge is what hello and begin answer; a session is what open answers. Every count is taken once,
// and the service remembers which; those that come late, within CountWindow, are good too, for requests
// overtake each other.
package dirwire
