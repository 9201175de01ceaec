// Package dirwire is what the directory and its clients say to each other, and the rules of names: the
// part of both sides that is bytes alone. Package tracker/directory is the service, peer/directory
// the client.
package dirwire
