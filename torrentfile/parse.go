package torrentfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

// limits holds for a whole torrent file. A file entry takes some ten tokens and
// a hybrid ten more; undecoded tokens cost no memory.
var limits = benc.Limits{Size: MaxSize, Tokens: 24 * MaxFiles}

// maxYear9999 is the last second that RFC 3339, and so JSON, can express.
const maxYear9999 = 253402300799

// Load reads and parses the torrent file at path. Its errors are those of Parse
// and of the file system.
func Load(path string) (*Metainfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open torrent: %w", err)
	}
	defer f.Close()
	var b bytes.Buffer
	if st, err := f.Stat(); err == nil {
		b.Grow(int(min(st.Size(), MaxSize)) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(f, MaxSize+1)); err != nil {
		return nil, fmt.Errorf("read torrent: %w", err)
	}
	m, err := Parse(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Parse reads a torrent file. The result refers to b, which must not change
// afterwards. An error wraps ErrNotBencode or is an *InvalidError.
func Parse(b []byte) (*Metainfo, error) {
	if len(b) > MaxSize {
		return nil, invalid("file", "larger than the limit of %d MiB", MaxSize>>20)
	}
	b = bytes.TrimRight(b, " \t\r\n\x00") // left by editors and by block-wise copies; bencode ends in 'e'
	top, err := pick(b, "info", "announce", "announce-list", "url-list", "nodes",
		"comment", "comment.utf-8", "created by", "creation date", "piece layers")
	if err != nil {
		return nil, notTorrent(b, err)
	}
	if top["info"] == nil {
		return nil, invalid("info", "missing")
	}
	m, err := ParseInfo(top["info"])
	if err != nil {
		return nil, err
	}
	m.Announce = parseTiers(top["announce"], top["announce-list"])
	m.WebSeeds = parseWebSeeds(top["url-list"])
	m.Nodes = parseNodes(top["nodes"])
	m.Comment = text(top["comment.utf-8"], top["comment"])
	m.CreatedBy = text(top["created by"])
	if t, ok := benc.Int(top["creation date"]); ok && t > 0 && t <= maxYear9999 {
		m.Created = time.Unix(t, 0).UTC()
	}
	m.layers = top["piece layers"]
	return m, nil
}

// pick returns the undecoded values of keys in the dictionary b.
func pick(b []byte, keys ...string) (map[string][]byte, error) {
	values, err := benc.Pick(b, limits, keys...)
	if err != nil {
		return nil, err
	}
	m := make(map[string][]byte, len(keys))
	for i, key := range keys {
		m[key] = values[i]
	}
	return m, nil
}

// ParseInfo reads an info dictionary alone, as peers send it to those who know
// only the info-hash (BEP 9); the caller compares InfoHash. The result refers to
// b, which must not change afterwards.
func ParseInfo(b []byte) (*Metainfo, error) {
	if len(b) > MaxSize {
		return nil, invalid("info", "larger than the limit of %d MiB", MaxSize>>20)
	}
	info, err := parseInfo(b)
	if err != nil {
		return nil, err
	}
	return &Metainfo{Info: *info, InfoBytes: b, InfoHash: infohash.Of(b)}, nil
}

func parseInfo(b []byte) (*Info, error) {
	v, err := pick(b, "name", "name.utf-8", "piece length", "pieces", "length", "files",
		"private", "source", "meta version", "root hash", "attr")
	if err != nil {
		return nil, badBencode("info", err)
	}
	pieces, ok := benc.String(v["pieces"])
	if !ok {
		return nil, noPieces(v)
	}
	info := &Info{Name: text(v["name.utf-8"], v["name"]), Hashes: pieces, Source: text(v["source"])}
	if info.Name == "" {
		return nil, invalid("info.name", "missing")
	}
	if err := checkName(info.Name); err != nil {
		return nil, invalid("info.name", "%v", err)
	}
	if info.PieceLength, ok = benc.Int(v["piece length"]); !ok {
		return nil, invalid("info.piece length", "missing or not a number")
	}
	private, _ := benc.Int(v["private"])
	info.Private = private != 0 // BEP 27 says 1; whoever wrote another number meant it too
	if err := info.parseFiles(v["length"], v["files"], v["attr"]); err != nil {
		return nil, err
	}
	if err := info.checkPieces(); err != nil {
		return nil, err
	}
	return info, nil
}

// noPieces tells apart the reasons for which info has no list of hashes.
func noPieces(info map[string][]byte) error {
	switch version, _ := benc.Int(info["meta version"]); {
	case info["pieces"] != nil:
		return invalid("info.pieces", "not a string")
	case version >= 2:
		return &InvalidError{"info.meta version", "this is a BitTorrent v2 torrent without a v1 part, which is not supported; " +
			"ask for a hybrid or v1 torrent of the same files", ErrV2Only}
	case info["root hash"] != nil:
		return invalid("info.root hash", "Merkle torrents (BEP 30) are not supported")
	}
	return invalid("info.pieces", "missing")
}

// parseFiles fills Files from the length of a single file or from a list.
// BEP 3: "There is also a key length or a key files, but not both or neither."
func (i *Info) parseFiles(length, files, attr []byte) error {
	switch {
	case length != nil && files != nil:
		return invalid("info", "has both length and files")
	case files != nil:
		return i.parseFileList(files)
	case length == nil:
		return invalid("info", "has neither length nor files")
	}
	n, ok := benc.Int(length)
	if !ok || n < 0 {
		return invalid("info.length", "not a number from 0 up")
	}
	flags, _ := benc.String(attr)
	i.Single = true
	i.Files = []File{{Length: n, Executable: bytes.IndexByte(flags, 'x') >= 0}}
	return nil
}

func (i *Info) parseFileList(list []byte) error {
	items, err := benc.Items(list, limits)
	if err != nil {
		return badBencode("info.files", err)
	}
	var offset int64
	n, names := 0, 0
	for item := range items {
		if n == MaxFiles {
			return invalid("info.files", "more than %d files", MaxFiles)
		}
		f, link, err := parseFile(item)
		if err != nil {
			return within(fmt.Sprintf("info.files[%d]", n), err)
		}
		n++
		if names += len(f.Path); names > maxNames {
			return invalid("info.files", "more than %d folder and file names", maxNames)
		}
		if f.Length > math.MaxInt64-offset {
			return invalid("info.files", "the lengths add up to more than 63 bits")
		}
		if link {
			continue
		}
		f.Offset = offset
		offset += f.Length
		i.Files = append(i.Files, f)
	}
	if len(i.Files) == 0 {
		return invalid("info.files", "empty")
	}
	return nil
}

// parseFile reads one entry of the file list. BEP 47 adds attr: "p" is padding,
// "x" executable, "l" a symbolic link. Links are how a torrent would point out of
// its folder, so none is ever made: they are reported by link and left out of
// the list, which they can be because they hold no bytes.
func parseFile(b []byte) (f File, link bool, err error) {
	v, err := benc.Pick(b, limits, "length", "path", "path.utf-8", "attr")
	if err != nil {
		return File{}, false, badBencode("", err)
	}
	length, path, pathUTF8 := v[0], v[1], v[2]
	attr, _ := benc.String(v[3])
	link = bytes.IndexByte(attr, 'l') >= 0
	var ok bool
	if f.Length, ok = benc.Int(length); !ok && !(link && length == nil) || f.Length < 0 {
		return File{}, false, invalid("length", "not a number from 0 up")
	}
	if link {
		if f.Length != 0 {
			return File{}, false, invalid("attr", "a symbolic link of %d bytes", f.Length)
		}
		return File{}, true, nil
	}
	f.Pad = bytes.IndexByte(attr, 'p') >= 0
	f.Executable = bytes.IndexByte(attr, 'x') >= 0
	if f.Pad && path == nil && pathUTF8 == nil { // padding has no name in some torrents
		f.Path = []string{".pad", strconv.FormatInt(f.Length, 10)}
		return f, false, nil
	}
	if f.Path, err = parsePath(pathUTF8, path); err != nil {
		return File{}, false, err
	}
	return f, false, checkPath(f.Path)
}

// parsePath reads path.utf-8, a habit of old clients, where it is usable and
// path otherwise.
func parsePath(pathUTF8, path []byte) ([]string, error) {
	if pathUTF8 != nil {
		if p, err := stringList(pathUTF8); err == nil && len(p) > 0 && utf8.ValidString(strings.Join(p, "")) {
			return p, nil
		}
	}
	if path == nil {
		return nil, invalid("path", "missing")
	}
	p, err := stringList(path)
	if err != nil {
		return nil, err
	}
	if len(p) == 0 {
		return nil, invalid("path", "empty")
	}
	return p, nil
}

func stringList(b []byte) ([]string, error) {
	items, err := benc.Items(b, limits)
	if err != nil {
		return nil, invalid("path", "not a list")
	}
	var list []string
	for item := range items {
		s, ok := benc.String(item)
		if !ok {
			return nil, invalid("path", "not a list of strings")
		}
		if len(list) > MaxFolders {
			return nil, invalid("path", "more than %d folders deep", MaxFolders)
		}
		list = append(list, string(s))
	}
	return list, nil
}

// checkPieces makes sure that there is one hash for every piece of the files.
func (i *Info) checkPieces() error {
	if i.Total() == 0 {
		// libtorrent and Transmission refuse these too. For us it means that a
		// torrent always has a piece.
		return invalid("info", "holds no data")
	}
	l, err := i.layout()
	if err != nil {
		return err
	}
	if len(i.Hashes)%infohash.Size != 0 {
		return invalid("info.pieces", "%d bytes are no multiple of %d", len(i.Hashes), infohash.Size)
	}
	if got := len(i.Hashes) / infohash.Size; got != l.Pieces() {
		return invalid("info.pieces", "%d hashes for %d pieces", got, l.Pieces())
	}
	return nil
}

// notTorrent says why b is not bencode in words that help its owner.
func notTorrent(b []byte, err error) error {
	start := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))) // a byte order mark
	switch {
	case len(b) == 0:
		return fmt.Errorf("%w: the file is empty", ErrNotBencode)
	case bytes.HasPrefix(start, []byte("<")):
		return fmt.Errorf("%w: it is a web page (HTML); open the link in a browser, as it may ask for a login", ErrNotBencode)
	case bytes.HasPrefix(start, []byte("magnet:")):
		return fmt.Errorf("%w: it holds a magnet link", ErrNotBencode)
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return fmt.Errorf("%w: it is compressed with gzip", ErrNotBencode)
	}
	return fmt.Errorf("%w: %w", ErrNotBencode, err)
}

// badBencode turns an error about the wrong kind of value into an InvalidError.
func badBencode(field string, err error) error {
	var syntax *benc.SyntaxError
	if errors.As(err, &syntax) {
		return invalid(field, "%s", syntax.Reason)
	}
	return invalid(field, "%v", err)
}

// within puts field in front of the field of err.
func within(field string, err error) error {
	var e *InvalidError
	if !errors.As(err, &e) {
		return err
	}
	return &InvalidError{strings.TrimSuffix(field+"."+e.Field, "."), e.Reason, e.Err}
}

// text returns the first of the bencoded strings that is valid UTF-8, or else
// the last that is a string at all.
func text(values ...[]byte) string {
	last := ""
	for _, v := range values {
		s, ok := benc.String(v)
		if !ok {
			continue
		}
		last = string(s)
		if len(s) > 0 && utf8.Valid(s) {
			break
		}
	}
	return last
}
