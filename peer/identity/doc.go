// Package identity is who somebody is: keys of devices and accounts, what an
// account certifies, the link that introduces two people, and the number by which
// they make sure that nobody stands between them.
//
// A device has an Ed25519 key, which never leaves it. An account has one too, and
// certifies its devices with it; who has no account at any service has one all
// the same, since it is nothing but the key. Names are labels that a directory or a
// contact gives to a key, and prove nothing.
//
// Everything here is bytes and signatures: no file is read, no clock is asked.
// All functions may be called from any goroutine.
package identity
