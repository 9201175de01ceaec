package progress

import (
	"time"

	"p2p/cmd/p2p/text"
)

// State is what a transfer is doing.
type State uint8

// The states, in the order in which a transfer passes through them.
const (
	Looking     State = iota // for the files of a torrent, before any is read
	Hashing                  // making a torrent: reading and hashing
	Checking                 // comparing files with a torrent
	Downloading              // fetching missing pieces
	Finishing                // making safe what is fetched, and giving the files their names
	Rewriting                // making another file of one, in full
	Seeding                  // only sending
)

// String returns the state's name in plain lines and in JSON.
func (s State) String() string {
	switch s {
	case Looking:
		return "looking"
	case Hashing:
		return "hashing"
	case Checking:
		return "checking"
	case Downloading:
		return "downloading"
	case Finishing:
		return "finishing"
	case Rewriting:
		return "rewriting"
	default:
		return "seeding"
	}
}

// Snapshot is how one transfer stands at one moment.
type Snapshot struct {
	Verb  string // the command, for plain lines: get, seed, create, verify
	Name  string // from the torrent; it need not be safe to print
	State State

	Done, Total int64 // bytes
	Down, Up    int64 // bytes a second
	Uploaded    int64 // bytes, for the ratio

	DownLimit, UpLimit int64 // bytes a second; 0 = none

	Peers, Seeds, Receiving int // connected; seeds among them; those that we send to

	FilesDone, Files int // while it is Looking or Finishing: those that it is done with, and all

	Elapsed time.Duration // since the state began

	Torrents *Torrents // when it is many that are seeded; nil = it is one
}

// Torrents is how many torrents stand.
type Torrents struct {
	Shared   int
	Active   int // shared, and somebody is connected
	Checking int // that wait to be hashed, or are being hashed
	Failed   int // that cannot be shared
	Checked  int // of the one that is being hashed, per cent
}

// Fraction returns how much is done, 0 to 1. Nothing to do is all done.
func (s Snapshot) Fraction() float64 {
	if s.Total <= 0 {
		return 1
	}
	return min(1, float64(max(s.Done, 0))/float64(s.Total))
}

// stage returns how much of the state at hand is done, 0 to 1.
func (s Snapshot) stage() float64 {
	if s.State != Finishing && s.State != Looking {
		return s.Fraction()
	}
	return float64(s.FilesDone) / float64(max(s.Files, 1))
}

// Remaining returns how long the rest will take at the present rate, and false
// when that cannot be said.
func (s Snapshot) Remaining() (time.Duration, bool) {
	rate := s.Down
	if s.State == Hashing || s.State == Checking || s.State == Rewriting {
		rate = s.hashRate()
	}
	if rate <= 0 || s.State == Seeding || s.Done >= s.Total {
		return 0, false
	}
	seconds := float64(max(s.Total-s.Done, 0)) / float64(rate)
	if seconds > 100*24*3600 { // past a hundred days it is a guess about nothing
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// hashRate is the mean since the state began: a disk is steady enough.
func (s Snapshot) hashRate() int64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return int64(float64(s.Done) / s.Elapsed.Seconds())
}

// Ratio returns bytes sent per byte of the content.
func (s Snapshot) Ratio() float64 {
	if s.Total <= 0 {
		return 0
	}
	return float64(s.Uploaded) / float64(s.Total)
}

// Style is how snapshots become text: the language, and whether to use colour.
type Style struct {
	Text   *text.Catalogue // never nil
	Colour bool
}
