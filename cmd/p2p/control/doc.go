// Package control lets a person on the same machine change what runs: of a
// tracker its keys and bans, and it reads its files again; of what downloads and
// shares the limits. It is HTTP over a Unix socket that only the process's own user
// can open (mode 0600), so there is no password to lose, no port to scan and nothing
// that a web page could reach.
package control
