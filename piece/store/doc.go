// Package store keeps the pieces of one torrent in files on disk: it opens,
// checks, reads and writes them, and resumes what an earlier run began.
//
// # Where bytes lie
//
// A torrent is one long row of bytes that its files share out among themselves
// (BEP 3). ReadAt and WriteAt take offsets in that row and find the files by
// binary search. All access goes through an os.Root on the download folder, so
// neither a name nor a symbolic link leads out of it. A few files and folders are
// kept open, however many there are.
//
// A file has one of three forms. It is absent; or it is a part, which means that
// its name carries a suffix (".part", or ".part2" and so on where the torrent
// itself has names that end so); or it has its final name. Checkpoint gives a
// file its final name once every piece that overlaps it is verified.
//
// A file under its final name is never written to, because it may be somebody's
// data. If Resume can prove that it is not the torrent's file, it returns an
// *ExistsError, or with Options.Overwrite renames the file to the part, which keeps
// its good pieces, so that it is repaired there. What cannot be proved is a bad
// piece in which a missing or incomplete file has a share. Such a piece is fetched,
// the bytes for the file are kept aside, and the next Checkpoint that knows the
// piece to be verified compares: either the file is right, or it is proved now.
//
// Files are sparse: bytes that were never written, or that lie beyond the end of
// a short file, are missing. Pad files (BEP 47) are never on disk: they read as
// zeros, and writes to them are dropped.
//
// A piece that crosses the border between files may need a few bytes of a file
// that nobody wants (Options.Wanted). They go to one hidden file in the download
// folder, ".<info-hash>.parts", in which the n-th piece of the torrent that
// crosses a border owns the n-th slot of one piece length; what is wanted has no
// influence on the numbering, so it may change from run to run. An unwanted file
// that is on disk anyway is read from there as far as it is right.
//
// # Giving the final name
//
// The name is given with link(2) and unlink(2) and not with rename(2), which
// would silently replace a file that appeared in the meantime. link is the one
// way that refuses this atomically on every system and that os.Root offers. A
// crash between the two calls leaves two names of one file; Open recognises that
// and removes the first. File systems without hard links (FAT) get a check and a
// rename, with a window of microseconds in between.
//
// # Why a power cut is harmless
//
// Checkpoint writes a record of what is verified, in this order:
//
//  1. fsync every file that was written since the last time. fdatasync would do
//     for the bytes, but it may leave the old times on disk, and after a power
//     cut the record of step 4 would match nothing.
//  2. give finished files their final names, fsync their folders.
//  3. stat the files.
//  4. write the record under another name, fsync it, rename it into place, fsync
//     its folder.
//
// Steps 1 and 2 go by as many files as may be open at once. syncfs(2) would be faster
// where files are many, but it waits for all that anybody has written to the file
// system, and nothing can stop it. Between two files a Checkpoint can be stopped: it then
// goes on with step 3. Of files that it did not come to, the record says nothing, and
// they are hashed.
//
// A cut before step 4 leaves the old record, whose file stamps no longer match
// what was written since, so those pieces are hashed. A cut after it finds
// everything that the record claims on disk. When an fsync fails, the kernel may
// have dropped the data and would report success the next time; therefore the
// store writes no record ever again after that.
//
// # What Resume trusts
//
// Resume believes the record about a piece when each file that the piece touches
// is provably unchanged: same form, size and modification time and, on Linux and
// macOS, same inode and change time, which no program can set. All other pieces
// that have data on disk are hashed.
//
// Times are coarse: a file that is changed twice within one tick of the file
// system's clock looks unchanged the second time (the "racy git" problem). So a
// stamp counts only when, at the moment it was taken, the file's change time lay
// further back than such a tick; Checkpoint waits for that, 50 ms at the most.
// Where times have whole seconds (FAT, HFS+) it does not wait for two seconds,
// and the file is hashed once more by the next run.
//
// What remains assumed: nobody but this process writes to a part while the store
// is open; the clock of a network file system is not behind ours; and where there
// is no change time (Windows), nobody changes a file and then puts size and
// modification time back.
package store
