// Package swarm is one torrent as its peers see it.
//
// Core is the pure part: who is connected, what each connection may do next
// (package session), who is choked, which addresses are worth a dial, who sent
// wrong data. It knows no sockets, files, goroutines or clocks: facts and the
// time go in, Effects come out. A test can play a swarm of dozens of Cores
// through in milliseconds, and the same seed gives the same run.
//
// Loop is the one goroutine that owns a Core. It takes facts from the
// connections (package link), the store's workers and the announcer, and
// carries the Effects out. It never blocks on a send, never touches a file and
// never reads the clock but once per round. What peers say past the core it hands
// to the extensions (package ext).
//
// Lobby is a Loop without pieces: peers meet there under an info-hash and speak
// the extensions alone, until one of them has found the info dictionary, or, in a
// room, for as long as they like. What both have to decide about connections and addresses
// is decided in one place (party, book).
package swarm
