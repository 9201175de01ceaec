// Package dirwire is what the directory and its clients say to each other, and the rules of names: the
// part of both sides that is bytes alone. Package tracker/directory is the service, peer/directory
// the client.
//
// A request is a POST to Prefix and the name of a Method, its body and that of the answer JSON. What
// went wrong is a Failure, with the HTTP status of its Code.
//
// # Proofs
//
// There is no password and no token in a request that who listens could use again, so that plain HTTP
// is no worse than HTTPS for anything but secrecy. What needs proof carries a signature, in the
// header that Proof writes. It is over the service, the method, a ticket of the service, a count
// and the body:
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
