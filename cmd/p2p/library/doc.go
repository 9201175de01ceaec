// Package library shares many torrents at once: those of a list of files, and those
// whose files lie in folders, for as long as they lie there.
//
// A torrent whose content an earlier run has verified, and that has provably not
// changed since (package store), is shared at once, and sleeps until somebody wants
// it (peer.Dormant). What cannot be trusted is hashed in the background, one torrent
// after the other, while the rest is shared already. What cannot be shared is told
// and tried again when its torrent file or its content changes.
//
// The package prints nothing and knows no flags: it tells what happens, and whoever
// uses it finds the words.
package library
