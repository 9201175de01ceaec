// Package history keeps all conversations of one profile on disk: the events of its rooms, what was read,
// what is being written, and an index of the words. It is one SQLite file.
//
// # Nothing lost
//
// What Commit has returned for is there after the program was killed at any moment: it is one transaction in the
// write-ahead log of SQLite. A log that the system holds survives the program, but not a power
// failure, so for events of others, who can send them again, Commit does not wait for the
// disk (synchronous=NORMAL). For the own device's it does (FULL): a device that forgets what it has
// signed signs the same number again, and everybody takes it for a liar, for ever. Copying the
// log into the database is left to a goroutine of its own, as no message should wait for it.
//
// # Rooms
//
// Archive.Room opens a Log, which is the Index of a room.Room and belongs to the goroutine of that room. After each
// Receive, Write or Handle the outcome is committed, and only then acknowledged:
//
//	out, err := log.Room.Receive(event, body, from)
//	if commit := log.Commit(out); commit != nil { ... } // also when err is not nil
//
// Opening does not replay the events. The room is made of its administration and of a few rows (room.Restore).
//
// Whether an event counts depends on who has been removed and who has lied, and can change. All events
// that one device wrote in one view are a run, in which they count up to some number; so a change looks at the runs, and
// touches the events between an old and a new number alone.
//
// # Deleting
//
// A Delete that counts takes the body of its target away, those of its author's other events about the same target
// (edits), and their words from the index; and the pages that they were in are overwritten. One that ceases to count leaves what it took as
// withheld: others, who have not lost it, are asked for it.
//
// # Words
//
// Search finds words by their beginning, without regard to case and accents, and any sequence of
// characters in Chinese, Japanese and Korean: these are indexed as overlapping pairs. SQLite's own trigram
// tokenizer finds nothing shorter than three characters, and most Chinese words have two.
//
// The index follows the numbers of the events. A body that comes after its event is taken in at once, in the
// transaction that writes it, when the index has passed its number, and in its turn otherwise.
//
// # Passphrase
//
// With a passphrase, all text is sealed with XChaCha20-Poly1305 under a random key, which is sealed with
// what argon2id makes of the passphrase. Who takes the file learns how many rooms and
// messages there are, the keys of accounts and devices, who wrote when, how much, about which other message and in whose
// knowledge, and what was read when; nothing of what was said, nor names of rooms, nor the ids of events, which
// would let him check a guess of what was said. The index of words is in memory then, is made at the
// first search, and is kept, sealed, in a file of its own while the archive is closed.
//
// Convert encrypts an archive that has none, and takes a passphrase away: it writes the archive anew beside the old one, which it
// overwrites when the new one has its name. ChangePassphrase seals the same key anew: who has a copy of the file from before, and the
// old passphrase, has the key.
package history
