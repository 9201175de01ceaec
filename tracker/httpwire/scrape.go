package httpwire

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

// MaxScrape is the most torrents that one scrape may name.
const MaxScrape = 100

// ParseScrapeRequest reads the query of a scrape, without its "?". It appends
// the info-hashes to hashes[:0], sorted and each once, which is the order of the
// response; a slice of capacity MaxScrape saves the allocation. A query that
// names none asks for every torrent of the tracker and is refused, as is one
// that names more than MaxScrape.
func ParseScrapeRequest(query string, hashes []infohash.T) ([]infohash.T, error) {
	hashes = hashes[:0]
	if len(query) > MaxQuery {
		return nil, &BadRequest{"query", "is too long"}
	}
	for query != "" {
		var key, value string
		key, value, query = nextPair(query)
		if key != "info_hash" {
			continue
		}
		if len(hashes) == MaxScrape {
			return nil, &BadRequest{"info_hash", "is given more than 100 times"}
		}
		var h infohash.T
		if n, ok := unescape(h[:], value); !ok || n != len(h) {
			return nil, &BadRequest{"info_hash", "is not 20 escaped bytes"}
		}
		hashes = append(hashes, h)
	}
	if len(hashes) == 0 {
		return nil, &BadRequest{"info_hash", "is missing"}
	}
	slices.SortFunc(hashes, compareHashes)
	return slices.Compact(hashes), nil
}

func compareHashes(a, b infohash.T) int { return bytes.Compare(a[:], b[:]) }

// AppendScrapeQuery appends the query that asks for hashes, without "?".
func AppendScrapeQuery(dst []byte, hashes []infohash.T) []byte {
	for i, h := range hashes {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = appendEscaped(append(dst, "info_hash="...), h[:])
	}
	return dst
}

// ScrapeURL derives the scrape URL from an announce URL, and reports false when
// the tracker has none. By convention the last part of the path must begin with
// "announce"; BEP 48: "replacing it with the string scrape".
func ScrapeURL(announce string) (string, bool) {
	path, query, hasQuery := strings.Cut(announce, "?")
	slash := strings.LastIndexByte(path, '/')
	tail, ok := strings.CutPrefix(path[slash+1:], "announce")
	if !ok || slash < 0 {
		return "", false
	}
	path = path[:slash+1] + "scrape" + tail
	if hasQuery {
		path += "?" + query
	}
	return path, true
}

// File is what a tracker knows about one torrent (BEP 48). A count is negative
// when the tracker does not say.
type File struct {
	InfoHash   infohash.T
	Complete   int // "The number of active peers that have completed downloading."
	Incomplete int // "The number of active peers that have not completed downloading."
	Downloaded int // "The number of peers that have ever completed downloading."
}

// ScrapeResponse answers a scrape, in the order of the info-hashes.
type ScrapeResponse struct {
	Files []File
}

// AppendTo appends the body of the response. Files must be sorted by info-hash
// and name each once, as ParseScrapeRequest returns them.
func (r ScrapeResponse) AppendTo(dst []byte) []byte {
	dst = AppendScrapeStart(dst)
	for _, f := range r.Files {
		dst = f.AppendTo(dst)
	}
	return AppendScrapeEnd(dst)
}

// AppendScrapeStart begins the body of a response to a scrape. File.AppendTo and
// AppendScrapeEnd follow: together they are ScrapeResponse.AppendTo for who has
// no slice of files.
func AppendScrapeStart(dst []byte) []byte { return append(dst, "d5:filesd"...) }

// AppendTo appends the entry of one torrent; see AppendScrapeStart.
func (f File) AppendTo(dst []byte) []byte {
	dst = append(appendText(dst, f.InfoHash[:]), 'd')
	dst = appendCount(dst, "complete", f.Complete)
	dst = appendCount(dst, "downloaded", f.Downloaded)
	dst = appendCount(dst, "incomplete", f.Incomplete)
	return append(dst, 'e')
}

// AppendScrapeEnd ends the body of a response to a scrape.
func AppendScrapeEnd(dst []byte) []byte { return append(dst, 'e', 'e') }

// ParseScrapeResponse reads the body of a response to a scrape. The error is a
// *Failure when the tracker refused, also under the name "failure_reason" that
// BEP 48 uses. Keys that are not info-hashes are skipped; Files comes sorted.
func ParseScrapeResponse(body []byte) (ScrapeResponse, error) {
	values, err := pick(body, "failure reason", "failure_reason", "retry in", "files")
	if err != nil {
		return ScrapeResponse{}, err
	}
	for _, reason := range values[:2] {
		if f := parseFailure(reason, values[2]); f != nil {
			return ScrapeResponse{}, f
		}
	}
	var files map[string]benc.Raw
	if values[3] == nil {
		return ScrapeResponse{}, fmt.Errorf("%w: no files", ErrMalformed)
	}
	if err := benc.Unmarshal(values[3], &files, limits); err != nil {
		return ScrapeResponse{}, fmt.Errorf("%w: files: %w", ErrMalformed, err)
	}
	r := ScrapeResponse{Files: make([]File, 0, len(files))}
	for hash, value := range files {
		fields, err := benc.Pick(value, limits, "complete", "incomplete", "downloaded")
		if err != nil || len(hash) != infohash.Size {
			continue
		}
		r.Files = append(r.Files, File{
			InfoHash: infohash.T([]byte(hash)),
			Complete: count(fields[0]), Incomplete: count(fields[1]), Downloaded: count(fields[2]),
		})
	}
	slices.SortFunc(r.Files, func(a, b File) int { return compareHashes(a.InfoHash, b.InfoHash) })
	return r, nil
}
