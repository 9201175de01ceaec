// Package wire is the codec of the peer protocol: the handshake and the
// messages of BEP 3, the fast extension (BEP 6), the extension message and its
// handshake (BEP 10), and the ids of the hash messages (BEP 52).
//
// A connection is one Handshake each way and then a stream of frames: a length
// of four bytes, one byte that says what the message is, and its payload.
// Append writes whole frames; Decode reads one, without the length, once the
// caller has it complete in memory. The caller compares the length with
// FrameLimit before it makes room for the frame. All integers are big-endian.
//
// The package checks what can be checked without knowing the torrent: the
// length of every message whose length is known, and the upper bound of the
// others. Whether an index is inside the torrent, a bitfield has the right
// length or a message is allowed now is for piece.Layout, piece.ParseBitfield
// and the session to say.
//
// It does no input or output, keeps no state and never reads the clock. All
// functions may be called by any goroutine; Decode and Append allocate nothing
// when the destination has room.
package wire
