// Package policy says who may use a tracker. Its rules are tracker.Policies:
//
//   - Bans refuse addresses, networks and torrents, from a file and from the
//     ledger that all trackers of a service share.
//   - Limits refuse addresses that ask too often.
//   - Private admits those who have a passkey, keeps each key to its limits and
//     counts what its holder has sent and received.
//   - List admits the torrents on a list, or all but those.
//
// A Chain asks them in that order: first what costs least and refuses most.
//
// What a request is compared with is immutable and reached through an atomic
// pointer. A reload builds the new set beside the old one and swaps the pointer, so
// no request ever waits for a reload, and none sees half of one. Nothing on
// the path of a request allocates.
package policy
