// Package control lets a person on the same machine change a tracker while it
// runs: keys, bans, and reading its files again. It is HTTP over a Unix socket that
// only the tracker's own user can open (mode 0600), so there is no password to
// lose, no port to scan and nothing that a web page could reach.
package control
