package policy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"p2p/torrentfile/infohash"
)

// MaxTorrents is the most info-hashes that a set holds.
const MaxTorrents = 1 << 28

// Torrents is an immutable set of info-hashes: 20 bytes for each, sorted, and an
// index of less than one byte for each. The zero value is empty. Any goroutine
// may use it.
type Torrents struct {
	hashes []infohash.T
	index  []uint32 // where the hashes with a prefix begin; one more than there are prefixes
	bits   int      // of the prefix
}

// maxPrefix bounds the index to 64 MiB.
const maxPrefix = 24

// NewTorrents returns the set of hashes, which it takes over and reorders.
func NewTorrents(hashes []infohash.T) *Torrents {
	t := &Torrents{bits: min(maxPrefix, max(0, bits.Len(uint(len(hashes)))-4))}
	t.hashes = hashes
	t.index = t.count()
	t.partition()
	for i := range len(t.index) - 1 {
		slices.SortFunc(hashes[t.index[i]:t.index[i+1]], func(a, b infohash.T) int { return bytes.Compare(a[:], b[:]) })
	}
	t.hashes = slices.Compact(hashes)
	t.index = t.count()
	return t
}

// prefix returns the first bits of h.
func (t *Torrents) prefix(h *infohash.T) int {
	return int(uint64(binary.BigEndian.Uint32(h[:4])) >> (32 - t.bits))
}

// count returns where the hashes of each prefix begin once they are in order.
func (t *Torrents) count() []uint32 {
	index := make([]uint32, 1<<t.bits+1)
	for i := range t.hashes {
		index[t.prefix(&t.hashes[i])+1]++
	}
	for i := 1; i < len(index); i++ {
		index[i] += index[i-1]
	}
	return index
}

// partition puts every hash among those of its prefix, by swapping: sorting ten
// million at once takes twice as long, and a copy of them twice the memory.
func (t *Torrents) partition() {
	next := slices.Clone(t.index)
	for b := range len(t.index) - 1 {
		for next[b] < t.index[b+1] {
			here := next[b]
			there := t.prefix(&t.hashes[here])
			if there != b {
				at := next[there]
				t.hashes[here], t.hashes[at] = t.hashes[at], t.hashes[here]
			}
			next[there]++
		}
	}
}

// Len returns how many hashes the set has.
func (t *Torrents) Len() int { return len(t.hashes) }

// Has reports whether h is in the set.
func (t *Torrents) Has(h infohash.T) bool {
	if len(t.hashes) == 0 {
		return false
	}
	p := t.prefix(&h)
	low, high := t.index[p], t.index[p+1]
	for low < high {
		middle := low + (high-low)/2
		switch bytes.Compare(t.hashes[middle][:], h[:]) {
		case 0:
			return true
		case -1:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false
}

// ReadTorrents reads a list of info-hashes, one on a line: 40 hexadecimal
// digits (BEP 3), or 64 for a torrent of version 2, of which a tracker sees the
// first 20 bytes (BEP 52: "Tracker requests and most other things use truncated
// info hashes."). The rest of a line after # is a comment. Size is the length of
// the file if it is known, so that memory is taken once. An error is a *LineError
// unless reading fails.
func ReadTorrents(r io.Reader, size int64) (*Torrents, error) {
	const line = 2*infohash.Size + 1
	hashes := make([]infohash.T, 0, min(max(0, size/line+1), MaxTorrents))
	err := eachLine(r, func(text, _ []byte) error {
		h, err := parseHash(text)
		if err != nil {
			return err
		}
		if len(hashes) == MaxTorrents {
			return fmt.Errorf("more than %d info-hashes", MaxTorrents)
		}
		hashes = append(hashes, h)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return NewTorrents(hashes), nil
}

// parseHash reads an info-hash of 40 or 64 hexadecimal digits.
func parseHash(text []byte) (h infohash.T, err error) {
	var long infohash.V2
	if len(text) != 2*len(h) && len(text) != 2*len(long) {
		return h, fmt.Errorf("%.70q is no info-hash, which has 40 or 64 hexadecimal digits", text)
	}
	if _, err := hex.Decode(long[:], text); err != nil {
		return h, fmt.Errorf("%q is no info-hash: it has other characters than hexadecimal digits", text)
	}
	copy(h[:], long[:])
	return h, nil
}
