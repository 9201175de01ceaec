//go:build unix

// Package robust does to the p2p binary what happens to programs: it is killed,
// interrupted and started twice, its disk is full or may not be written to, its
// files are changed behind its back, its seeder and its tracker die, and the
// torrents that it is given are malicious. The nodes of people are cut off, moved, put to
// sleep, listened to, crowded by strangers and lied to by their directory besides.
//
// All of it is real: processes, signals, files and sockets. What needs a file
// system or a network of its own needs root on Linux, and is skipped elsewhere.
package robust
