// Package announce is the tracker client: it tells trackers that we share a
// torrent and asks them who else does.
//
// Client sends one announce to one tracker, over HTTP, HTTPS (BEP 3, 7, 23) or
// UDP (BEP 15). Announcer repeats that for one torrent: it owns the tiers
// (BEP 12), the intervals and the back-off. Scheduler lets any number of them take
// turns: a torrent that waits for its time costs neither a goroutine nor a timer.
// The bytes of both protocols are read and written by tracker/httpwire and
// tracker/udpwire.
//
// # Which tracker is asked
//
// A round starts at the first tracker of the first tier and ends at the first
// answer. The next tracker is asked at once when one fails, and also when one
// is silent for 5 seconds; the silent one may still win. A tracker that failed
// is left out of the rounds until its back-off (about 10 seconds, doubling to 30
// minutes) is over. Options.AskOnWhenAlone lets a downloader that got no other
// peer go on to the next tracker too, which BEP 12 does not say.
//
// # When
//
// After an answer: at the tracker's interval, held between 1 minute and 2
// hours. Sooner, but never before the tracker's min interval: when a
// downloader got no other peer (15, 30, 60, 120, 240 seconds, then at the
// interval), and when NeedPeers or Again asks. At once: when the download completes,
// when the network changed.
//
// # How many at once
//
// Eight announces to one host, 64 in all, and between two that follow each other
// to one host as much time as the first took: ten thousand torrents that start
// together do not fall upon their tracker. Downloaders, events and what a person
// waits for come first. What one torrent finds out about a host, all know: after
// three failures in a row the host is asked last by those that have another, and
// by one of the others at a time, less and less often, until it answers.
//
// # What is not believed
//
// A tracker is a stranger. An answer is bounded before it is read (256 KiB after
// decompression, 8 KiB over UDP), its text is stripped of control characters,
// its intervals are held within bounds, and its peers are addresses that can
// be dialled at all. Redirects are few, stay on HTTP, and never lead closer to
// home than the tracker itself is: a public tracker cannot aim us at the LAN
// or at a service on this machine, neither with a redirect nor, for loopback
// addresses, with a list of peers. The URL that the user gave may point
// anywhere.
//
// The package knows no swarm: it hands addresses over and never dials them.
package announce
