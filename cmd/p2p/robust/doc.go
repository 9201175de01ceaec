//go:build unix

// Package robust does to the p2p binary what happens to programs: it is killed,
// interrupted and started twice, its disk is full or may not be written to, its
// files are changed behind its back, its seeder and its tracker die, and the
// torrents that it is given are malicious.
//
// All of it is real: processes, signals, files and sockets. What needs a file
// system of its own needs root on Linux, and is skipped elsewhere.
package robust
