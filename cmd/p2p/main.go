// Command p2p shares files through BitTorrent swarms: it downloads, seeds, makes
// and checks torrents, and runs a tracker.
//
// This package is the command line and nothing else: one file per command. It is
// the only place that reads flags and the environment, handles signals and
// builds the logger; what a command does is done by the packages below it.
package main

import "os"

func main() {
	os.Exit(run(processShell()))
}
