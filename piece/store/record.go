package store

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"p2p/piece"
)

// record is what an earlier run has left about the pieces that it verified. Its
// form on disk, all numbers big-endian:
//
//	8   magic and version, recordMagic
//	32  identity: SHA-256 of the torrent's description and of the folder
//	4   number of pieces
//	4   number of entries
//	    bitfield of verified pieces, as in the bitfield message (BEP 3)
//	    entries of 37 bytes, one for each file that can be trusted:
//	      4  number of the file; 0xffffffff is the parts file
//	      1  form: 1 part, 2 final
//	      8  size
//	      8  modification time, Unix nanoseconds
//	      8  change time, likewise; 0 where there is none
//	      8  inode; 0 where there is none
//	32  SHA-256 of all before
//
// Its length follows from the two counts, so nothing of it can be missing or
// added.
type record struct {
	identity [sha256.Size]byte
	have     *piece.Bitfield
	files    []entry
}

// entry says what a file was like when its pieces were verified.
type entry struct {
	file  uint32
	form  form
	stamp stamp
}

const (
	recordMagic  = "p2p-rec\x01" // the last byte is the version
	recordHeader = len(recordMagic) + sha256.Size + 4 + 4
	entrySize    = 4 + 1 + 4*8
	partsEntry   = ^uint32(0)
)

// errRecord says that a record is torn, of another version, or not a record. It
// is never shown: a record that cannot be read is as good as none.
var errRecord = errors.New("no valid record")

// encode returns the form of r on disk.
func (r *record) encode() []byte {
	b := make([]byte, 0, recordSize(r.have.Len(), len(r.files)))
	b = append(b, recordMagic...)
	b = append(b, r.identity[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(r.have.Len()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.files)))
	b = r.have.AppendTo(b)
	for _, e := range r.files {
		b = binary.BigEndian.AppendUint32(b, e.file)
		b = append(b, byte(e.form))
		b = binary.BigEndian.AppendUint64(b, uint64(e.stamp.size))
		b = binary.BigEndian.AppendUint64(b, uint64(e.stamp.mtime))
		b = binary.BigEndian.AppendUint64(b, uint64(e.stamp.ctime))
		b = binary.BigEndian.AppendUint64(b, e.stamp.inode)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// recordSize returns the length of a record in bytes.
func recordSize(pieces, entries int) int {
	return recordHeader + (pieces+7)/8 + entries*entrySize + sha256.Size
}

// parseRecord is the inverse of encode. What it allocates is bounded by len(b).
func parseRecord(b []byte) (*record, error) {
	if len(b) < recordHeader || string(b[:len(recordMagic)]) != recordMagic {
		return nil, errRecord
	}
	rest := b[len(recordMagic):]
	r := &record{identity: [sha256.Size]byte(rest)}
	rest = rest[sha256.Size:]
	pieces, entries := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
	if pieces > piece.MaxPieces || int64(entries) > int64(len(b)/entrySize) ||
		len(b) != recordSize(int(pieces), int(entries)) {
		return nil, errRecord
	}
	body := b[:len(b)-sha256.Size]
	if sha256.Sum256(body) != [sha256.Size]byte(b[len(body):]) {
		return nil, errRecord
	}
	size := (int(pieces) + 7) / 8
	have, err := piece.ParseBitfield(body[recordHeader:recordHeader+size], int(pieces))
	if err != nil {
		return nil, errRecord
	}
	r.have = have
	r.files = make([]entry, entries)
	for i := range r.files {
		r.files[i] = parseEntry(body[recordHeader+size+i*entrySize:])
	}
	return r, nil
}

func parseEntry(b []byte) entry {
	return entry{
		file: binary.BigEndian.Uint32(b),
		form: form(b[4]),
		stamp: stamp{
			size:  int64(binary.BigEndian.Uint64(b[5:])),
			mtime: int64(binary.BigEndian.Uint64(b[13:])),
			ctime: int64(binary.BigEndian.Uint64(b[21:])),
			inode: binary.BigEndian.Uint64(b[29:]),
		},
	}
}

// write replaces the record at path by r, so that there is the old or the new one
// whatever happens meanwhile.
func (r *record) write(path string) (err error) {
	dir := filepath.Dir(path)
	// The name is different each time since several read-only stores may save their
	// records at once.
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+tmpPattern)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	if _, err := tmp.Write(r.encode()); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a folder durable.
func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return syncNames(dir)
}

// syncNames makes the names in an open folder durable, as far as the system
// offers that: Windows does not, where NTFS keeps a journal of names, nor do some
// network file systems.
func syncNames(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	err := dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// tmpPattern is what the name of a record has behind it while it is written.
const tmpPattern = ".*.tmp"

// readRecord reads the record at path. There is none, without an error, when the
// file does not exist or is no valid record of at most maxSize bytes.
func readRecord(path string, maxSize int) (*record, error) {
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!fi.Mode().IsRegular() || fi.Size() > int64(maxSize)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := parseRecord(b)
	if errors.Is(err, errRecord) {
		return nil, nil
	}
	return r, err
}
