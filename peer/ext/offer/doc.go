// Package offer is the extension p2_file: members of a room give each other the info dictionaries of the
// files that were offered in it. An event of the conversation names a file by its info-hash; with the
// dictionary it is a torrent like any other, whose swarm are the members' devices.
//
// # Messages
//
// The first byte of a message is its kind, then follow 20 bytes of info-hash; numbers have 4 bytes, in network order. One of
// another kind is passed over.
//
//	0 want    nothing: do you have it?
//	1 have    length of the dictionary in bytes; 0 = no
//	2 ask     number of a chunk
//	3 chunk   number of the chunk, its bytes: ChunkSize, the last one what is left
//	4 lost    nothing: I have offered it, and my copy is not any more what it was
//
// Have is said to who wants it, and unasked to who was told no when that is not true any more.
//
// Lost is said when it is found out, to who connects, and to who wants the dictionary, which is given all the same: others may
// have the file. Who waits for it knows then what he waits for.
//
// All are of class Bulk: nobody waits for a file as for a word. A chunk is no longer than a block of a
// file is, because that is what a word may have to wait for that comes after it.
//
// # What is believed
//
// Nothing before the whole has the hash that it should have. Chunks come from all members that claim the same
// length; when the whole is wrong, one member alone is asked at a time, so that a liar is found out,
// which is a broken rule, and cannot spoil what the others have. A member is asked for no more than the event has
// promised, and for ext.MaxInfo at the most; memory is used for what has come, not for what was claimed.
//
// # What a member can ask
//
// Only what was offered in this room: the caller's Options.Info knows. Who asks for more than he reads, or more than a
// few files a minute have, waits, or is not answered.
package offer
