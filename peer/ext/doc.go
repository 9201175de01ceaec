// Package ext is how an extension plugs into the peer wire: how it is named,
// offered to peers and given their messages. No extension is known here, and
// the core knows none; a program lists those that it wants, in
// peer.Options.Extensions.
//
// # Three levels
//
//	Extension   one for the program: a name, and Open for each torrent
//	Instance    one for a torrent: Attach for each peer that speaks it
//	Handler     one for a peer: gets its messages
//
// Each level is an interface that the extension implements. In the other
// direction it gets a Torrent from Open and a Peer from Attach. An Instance that
// needs more implements more: Ticker to be called as time passes, Greeter to add
// to our handshake.
//
// # Rules
//
// Everything that belongs to one torrent is called on the one goroutine that
// owns it, one call at a time, so no locks are needed, and nothing may block:
// what takes time goes to a goroutine of the extension, which must not touch a
// Torrent or a Peer, and comes back through Torrent.Do. Time comes in as a
// parameter; it is the same for all calls of one round.
//
// A message is what the payload of an extended message holds behind its id (BEP
// 10), at most MaxPayload bytes. Its bytes are a stranger's. What Handle gets is
// valid until it returns; what Send gets is copied. An error of Handle means that
// the peer broke a rule, and ends its connection.
//
// An extension that is for people implements Guarded: it exists only on connections
// whose other end has proven which device it is (package secure). Plain peers do not
// even hear its name.
//
// Names that are not of a BEP begin with "p2_". BEP 10: extension names "should
// be prefixed with the two (or one) character code that is used to identify the
// client that introduced the extension".
//
// A small extension, which echoes what it hears, is in the package's example.
package ext
