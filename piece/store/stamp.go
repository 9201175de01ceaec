package store

import (
	"io/fs"
	"os"
	"time"
)

// stamp is what tells an unchanged file from a changed one. Two stamps that are
// equal are of the same contents if the first was settled.
type stamp struct {
	size  int64
	mtime int64  // modification time in nanoseconds
	ctime int64  // change time in nanoseconds, 0 where the system has none
	inode uint64 // 0 where the system has none
}

// How long after the last change of a file its stamp becomes proof: longer than
// the tick of any clock that file times are taken from. Linux takes them from a
// clock that advances every 1 to 10 ms, Windows every 16 ms; FAT keeps 2 s.
const (
	fineTick   = 50 * time.Millisecond
	coarseTick = 2*time.Second + fineTick
)

// settled reports whether any change of the file after now must give a stamp
// other than st, which was taken at now.
func (st stamp) settled(now time.Time) bool {
	return now.Sub(time.Unix(0, st.changed())) >= st.tick()
}

// changed returns when the file was changed last, in Unix nanoseconds.
func (st stamp) changed() int64 {
	if st.ctime != 0 {
		return st.ctime
	}
	return st.mtime
}

// tick returns the resolution that the times of the file seem to have.
func (st stamp) tick() time.Duration {
	if st.changed()%int64(time.Second) == 0 {
		return coarseTick
	}
	return fineTick
}

// sameContent reports whether nobody seems to have written to the file between
// two stamps, which is less than the stamps being equal: somebody may have
// changed who owns it.
func (st stamp) sameContent(other stamp) bool {
	st.ctime = other.ctime
	return st == other
}

// setStamp notes what f is like: fi was asked for after now, and before the
// contents that are going to be verified are read.
func (f *file) setStamp(fi fs.FileInfo, now time.Time) {
	f.stamp = stampOf(fi)
	f.settled = f.stamp.settled(now)
	f.moved = false
}

func sameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }
