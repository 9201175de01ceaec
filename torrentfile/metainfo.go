package torrentfile

import (
	"errors"
	"fmt"
	"time"

	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// Limits on a torrent file. They bound what a stranger's file can cost; piece
// holds those on pieces.
const (
	// MaxSize is the longest torrent file in bytes. 2 million pieces need 40 MiB
	// of hashes; the rest is for names.
	MaxSize = 64 << 20
	// MaxFiles is the most files of a torrent.
	MaxFiles = 1 << 18
	// MaxFolders is the deepest nesting of a file's path, as in libtorrent.
	MaxFolders = 100
	// MaxName is the longest name of a file or folder that is stored, in bytes:
	// the limit of nearly all file systems. Longer ones are cut.
	MaxName = 255
	// MaxPath is the longest path below the download folder, in bytes, which
	// leaves room for that folder in the 4096 that Linux allows.
	MaxPath = 3000
	// MaxTrackers is the most tracker addresses, and MaxWebSeeds the most web
	// seeds, that are kept; more are ignored.
	MaxTrackers = 500
	MaxWebSeeds = 100
	// maxNames is the most folder and file names in all paths together. Each costs
	// 16 bytes and more however short it is.
	maxNames = 8 * MaxFiles
	// maxURL is the longest address of a tracker or web seed in bytes.
	maxURL = 4096
)

// ErrNotBencode is wrapped by the error of Parse when the input is not bencode
// and so cannot be a torrent file: a web page saved under the wrong name, a
// download that was cut short.
var ErrNotBencode = errors.New("not a torrent file")

// ErrV2Only is wrapped by the error of Parse for a torrent that has no version 1
// part (BEP 52). It comes inside an *InvalidError.
var ErrV2Only = errors.New("BitTorrent v2 only")

// InvalidError tells what is wrong with input that is bencode but not a torrent
// that can be used.
type InvalidError struct {
	Field  string // where, as "info.piece length" or "info.files[3].path"
	Reason string // what, lower case
	Err    error  // what to branch on; may be nil
}

// Error implements error.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("invalid torrent: %s: %s", e.Field, e.Reason)
}

// Unwrap returns e.Err.
func (e *InvalidError) Unwrap() error { return e.Err }

func invalid(field, format string, args ...any) error {
	return &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// Metainfo is the contents of a torrent file.
type Metainfo struct {
	// Info describes the files and their pieces; InfoBytes is the same exactly as
	// it stood in the file, with the keys that Info does not know, and InfoHash
	// the SHA-1 of that: the name of the torrent.
	Info      Info
	InfoBytes []byte
	InfoHash  infohash.T

	Announce  [][]string // tiers of tracker URLs (BEP 12); none is empty
	WebSeeds  []string   // url-list (BEP 19)
	Nodes     []string   // DHT nodes as "host:port" (BEP 5)
	Comment   string     // any text: clean it before it goes to a terminal
	CreatedBy string     // likewise
	Created   time.Time  // zero when not said

	layers []byte // piece layers of a hybrid (BEP 52), bencoded: Encode returns them
}

// Info describes the files of a torrent and their pieces (BEP 3).
type Info struct {
	// Name is the suggested name of the file, or of the folder that holds all
	// files. It is a stranger's text: see SafePaths.
	Name        string
	PieceLength int64  // bytes in every piece but the last
	Hashes      []byte // SHA-1 of each piece, 20 bytes a piece
	Files       []File // in the order in which their bytes are joined; at least one
	Single      bool   // one file that is called Name, rather than a folder
	Private     bool   // peers only from the trackers (BEP 27)
	Source      string // where the torrent is from; set by private trackers
}

// File is one file of a torrent.
type File struct {
	Path       []string // folders and name below Info.Name; empty for a single file
	Length     int64    // bytes
	Offset     int64    // of its first byte from the start of the torrent
	Pad        bool     // filler of zeros that nobody stores (BEP 47)
	Executable bool     // BEP 47
}

// Total returns the length of all files together in bytes, padding included.
func (i *Info) Total() int64 {
	if len(i.Files) == 0 {
		return 0
	}
	last := i.Files[len(i.Files)-1]
	return last.Offset + last.Length
}

// Layout returns how the bytes of the torrent fall into pieces. Parse has
// checked what goes into it; an Info made by hand that is not valid has the zero
// Layout, without pieces.
func (i *Info) Layout() piece.Layout {
	l, _ := i.layout() // the zero Layout when there is an error
	return l
}

// layout is Layout with the reason why there is none.
func (i *Info) layout() (piece.Layout, error) {
	l, err := piece.NewLayout(i.Total(), i.PieceLength)
	if err != nil {
		return piece.Layout{}, invalid("info.piece length", "%v", err)
	}
	return l, nil
}

// Hash returns the SHA-1 that piece p must have.
func (i *Info) Hash(p piece.Index) [20]byte {
	return [20]byte(i.Hashes[p.Int()*infohash.Size:])
}
