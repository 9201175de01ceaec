package torrentfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"p2p/piece"
	"p2p/torrentfile/infohash"
)

// Bounds of the piece length in bytes when the creator chooses it, the same as
// mktorrent's but for the lower one: 16 KiB is one block.
const (
	minPieceLength = piece.BlockSize
	maxPieceLength = 256 << 20
)

// ErrChanged is wrapped by the error of Create when a file was written to while
// it was being hashed. The torrent would describe a state that never existed.
var ErrChanged = errors.New("changed while it was read")

// ErrURL is wrapped by the error of Create for a tracker or web seed that is no URL.
var ErrURL = errors.New("not a URL")

// ErrEmpty is wrapped by the error of Create when there is not one byte to
// share. Such torrents exist, but libtorrent and Transmission refuse them.
var ErrEmpty = errors.New("nothing to share")

// CreateOptions says what goes into a new torrent. The zero value is useful.
type CreateOptions struct {
	Announce [][]string // tiers of trackers (BEP 12); the first of the first is "announce"
	WebSeeds []string   // url-list (BEP 19)
	Name     string     // of the torrent; "" means that of the file or folder
	// PieceLength in bytes is a power of two from 16 KiB to 256 MiB; 0 means
	// PieceLengthFor the size.
	PieceLength int64
	Private     bool      // BEP 27
	Source      string    // part of the info-hash, so that private trackers tell their copies apart
	Comment     string    // any text
	CreatedBy   string    // name and version of the program
	Date        time.Time // creation date; zero means now
	NoDate      bool      // leave the date out: the same input gives the same bytes
	// Exclude leaves out files and folders that match one of these patterns of
	// path.Match: one without a slash is compared with the name of each file and
	// folder, one with a slash with the path below the root.
	Exclude []string
	// LeaveOut, if not nil, is told of what a torrent cannot hold, by its slash-separated path below the
	// root and the type bits of its mode; it is left out then, and no error. At last it is told of folders with
	// nothing in them, which are left out in any case.
	LeaveOut func(path string, mode fs.FileMode)
	Workers  int // hashing goroutines; 0 means one for each CPU
	// Progress is told how many of all bytes have been hashed, from several
	// goroutines but never two at a time; done never falls. It must be quick.
	Progress func(done, total int64)
}

// Create makes the torrent of the file or folder at path. Every byte is read
// once; the same contents give the same info-hash as `mktorrent -l` does for the
// same piece length: hidden files are part of it, empty folders are not, and
// files are in the byte order of their paths.
//
// Only files and folders can be in a torrent. A symbolic link, a pipe, a socket
// or a device below path is an *UnfitError that names it, unless Exclude leaves it
// out or LeaveOut is told: a torrent that silently lacks a file is worse than none, and one that
// follows links shares more than was meant. path itself may be a link.
//
// The memory taken does not depend on the length of files or pieces, only on
// their number. Create returns when ctx ends, with its error.
func Create(ctx context.Context, path string, o CreateOptions) (*Metainfo, error) {
	m, err := create(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("create torrent: %w", err)
	}
	return m, nil
}

func create(ctx context.Context, path string, o CreateOptions) (*Metainfo, error) {
	if err := o.checkURLs(); err != nil {
		return nil, err
	}
	name, err := torrentName(path, o.Name)
	if err != nil {
		return nil, err
	}
	files, single, err := collect(ctx, path, &o)
	if err != nil {
		return nil, err
	}
	info := Info{Name: name, Single: single, Private: o.Private, Source: o.Source, PieceLength: o.PieceLength}
	info.describe(files)
	l, err := chooseLayout(&info)
	if err != nil {
		return nil, err
	}
	// With hashes of zeros at first, to find out in no time, and not after an hour
	// of hashing, that nobody could read the torrent.
	info.Hashes = make([]byte, l.Pieces()*infohash.Size)
	if _, err := assemble(info, o); err != nil {
		return nil, err
	}
	h := hasher{files: files, layout: l, progress: o.Progress}
	if err := h.run(ctx, o.Workers, info.Hashes); err != nil {
		return nil, err
	}
	if err := unchanged(files); err != nil {
		return nil, err
	}
	return assemble(info, o)
}

func (o *CreateOptions) checkURLs() error {
	for _, urls := range slices.Concat(o.Announce, [][]string{o.WebSeeds}) {
		for _, url := range urls {
			if !plausibleURL(url) {
				return fmt.Errorf("%q: %w", url, ErrURL)
			}
		}
	}
	return nil
}

// assemble puts the parts together by way of Parse, so that what Create returns
// is what everybody else will read.
func assemble(info Info, o CreateOptions) (*Metainfo, error) {
	m := Metainfo{Info: info, Announce: o.Announce, WebSeeds: o.WebSeeds, Comment: o.Comment, CreatedBy: o.CreatedBy}
	switch {
	case o.NoDate:
	case o.Date.IsZero():
		m.Created = time.Now()
	default:
		m.Created = o.Date
	}
	b, err := m.Encode()
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

func torrentName(path, name string) (string, error) {
	if name == "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		if name = filepath.Base(abs); name == string(filepath.Separator) || name == filepath.VolumeName(abs) {
			return "", fmt.Errorf("%s has no name of its own; choose one", path)
		}
		return name, nil
	}
	if strings.ContainsFunc(name, isSeparator) || skipped(name) || !utf8.ValidString(name) {
		return "", fmt.Errorf("%q cannot be the name of a torrent", name)
	}
	return name, nil
}

// describe fills Files from what was found on disk.
func (i *Info) describe(files []diskFile) {
	i.Files = make([]File, len(files))
	for n, f := range files {
		i.Files[n] = File{Length: f.size, Offset: f.offset}
		if !i.Single {
			i.Files[n].Path = strings.Split(f.rel, "/")
		}
	}
}

func chooseLayout(info *Info) (piece.Layout, error) {
	if info.Total() == 0 {
		return piece.Layout{}, fmt.Errorf("%w: %s holds no data", ErrEmpty, info.Name)
	}
	n := info.PieceLength
	switch {
	case n == 0:
		info.PieceLength = PieceLengthFor(info.Total())
	case !ValidPieceLength(n):
		return piece.Layout{}, fmt.Errorf("piece length %d is not a power of two from %d KiB to %d MiB",
			n, minPieceLength>>10, maxPieceLength>>20)
	}
	return info.layout()
}

// ValidPieceLength reports whether Create takes n as PieceLength, in bytes, other
// than the 0 that lets it choose.
func ValidPieceLength(n int64) bool {
	return n >= minPieceLength && n <= maxPieceLength && n&(n-1) == 0
}

// PieceLengthFor returns the piece length in bytes that suits a torrent of total
// bytes: the power of two that makes 1000 to 2000 pieces, within 16 KiB and 16
// MiB. Fewer pieces keep peers from having something to trade, more make the
// torrent file large; past 16 MiB a bad piece would cost too much to repeat, and
// past 32 TiB there is no other way to stay below piece.MaxPieces.
func PieceLengthFor(total int64) int64 {
	const aim, automaticMax = 2000, 16 << 20
	n := int64(minPieceLength)
	for n < automaticMax && total > aim*n || n < maxPieceLength && total > piece.MaxPieces*n {
		n *= 2
	}
	return n
}
