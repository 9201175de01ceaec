// Package lab measures downloads between real processes of this machine: the
// p2p program itself as users run it, clients of other makers, and two
// programs to compare with, which are parts of this package:
//
//   - a plain TCP transfer of the same blocks that does nothing else (Send and
//     Receive), which is what the machine can do at all;
//   - a file server over HTTP whose upload is limited as a whole (Serve and
//     Fetch).
//
// A Lab owns a folder and a tracker. Its runs follow each other, each with
// processes that end with it, whatever happens; Close removes the folder.
// Wall time counts from the start of the first downloading process to the
// moment when the last has everything, so starting and announcing are in it, as
// a user would see it. What the processes used comes from the system; where that
// tells only when they end, as all but Linux do, the start of the seeders and
// their check of the file are in what they used.
package lab
