// Package torrentfile reads, checks, writes and makes .torrent files (BEP 3) and
// magnet links (BEP 9).
//
// A torrent file is written by a stranger. Parse turns it into a Metainfo that
// the rest of the program can trust: every number is in range, the sums do not
// overflow, there are exactly as many hashes as pieces, and no name climbs out of
// its folder. What memory that takes is bounded by the size of the file, which
// is bounded too (MaxSize).
//
// Names are kept as the torrent spells them, since other people see them so. The
// paths under which files may be stored come from Info.SafePaths, which never
// leaves the download folder, whatever the torrent says, on any platform.
//
// Version 1 torrents and hybrids (BEP 52) are understood, the latter as the
// version 1 torrents that they also are. A torrent of version 2 alone gives
// ErrV2Only.
//
// Errors that callers branch on: ErrNotBencode (this is no torrent file at all),
// *InvalidError (it is one, but a broken or hostile one), ErrMagnet.
//
// Everything but Load and Create works on memory alone. Values are not safe for
// use by several goroutines while one of them changes them; nothing in this
// package changes one after it was returned.
package torrentfile
