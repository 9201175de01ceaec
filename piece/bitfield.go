package piece

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"
)

// ErrBitfield is wrapped by the errors of ParseBitfield.
var ErrBitfield = errors.New("malformed bitfield")

// Bitfield is a set of pieces of one torrent. It is kept in 64-bit words with
// piece 0 in the highest bit of the first word, so the words in big-endian
// order are the bytes of a bitfield message (BEP 3). The zero value is a set
// for a torrent without pieces; use NewBitfield. It is not safe for use by
// several goroutines at once.
type Bitfield struct {
	words []uint64
	n     int // pieces in the torrent
	count int // pieces in the set
}

// NewBitfield returns an empty set for a torrent of n pieces.
func NewBitfield(n int) *Bitfield {
	return &Bitfield{words: make([]uint64, (n+63)/64), n: n}
}

// ParseBitfield reads the payload of a bitfield message for a torrent of n
// pieces. BEP 3: "Spare bits at the end are set to zero"; one that is set is an
// error, and so is a wrong length, as in every client that we know. It keeps no
// reference to b.
func ParseBitfield(b []byte, n int) (*Bitfield, error) {
	if len(b) != (n+7)/8 {
		return nil, fmt.Errorf("%w: %d bytes for %d pieces, want %d", ErrBitfield, len(b), n, (n+7)/8)
	}
	if spare := len(b)*8 - n; spare > 0 && b[len(b)-1]&(1<<spare-1) != 0 {
		return nil, fmt.Errorf("%w: spare bits are set", ErrBitfield)
	}
	f := NewBitfield(n)
	for i := range f.words {
		var word [8]byte
		copy(word[:], b[i*8:])
		f.words[i] = binary.BigEndian.Uint64(word[:])
		f.count += bits.OnesCount64(f.words[i])
	}
	return f, nil
}

// AppendTo appends the payload of a bitfield message to dst.
func (f *Bitfield) AppendTo(dst []byte) []byte {
	var word [8]byte
	for i, w := range f.words {
		binary.BigEndian.PutUint64(word[:], w)
		dst = append(dst, word[:min(8, (f.n+7)/8-i*8)]...)
	}
	return dst
}

// Len returns the number of pieces in the torrent.
func (f *Bitfield) Len() int { return f.n }

// Count returns the number of pieces in the set.
func (f *Bitfield) Count() int { return f.count }

// Full reports whether every piece of the torrent is in the set.
func (f *Bitfield) Full() bool { return f.count == f.n }

// Has reports whether piece i is in the set.
func (f *Bitfield) Has(i Index) bool { return f.words[i.n>>6]>>(63-i.n&63)&1 != 0 }

// Set adds piece i and reports whether that changed the set.
func (f *Bitfield) Set(i Index) bool {
	if f.Has(i) {
		return false
	}
	f.words[i.n>>6] |= 1 << (63 - i.n&63)
	f.count++
	return true
}

// Clear removes piece i and reports whether that changed the set.
func (f *Bitfield) Clear(i Index) bool {
	if !f.Has(i) {
		return false
	}
	f.words[i.n>>6] &^= 1 << (63 - i.n&63)
	f.count--
	return true
}

// SetAll adds every piece of the torrent.
func (f *Bitfield) SetAll() {
	for i := range f.words {
		f.words[i] = ^uint64(0)
	}
	if spare := len(f.words)*64 - f.n; spare > 0 {
		f.words[len(f.words)-1] = ^uint64(0) << spare
	}
	f.count = f.n
}

// Clone returns a copy that shares nothing with f.
func (f *Bitfield) Clone() *Bitfield {
	c := *f
	c.words = append([]uint64(nil), f.words...)
	return &c
}

// highest returns the first piece of w, which is word n of a set and not empty,
// and its bit in w.
func highest(n int, w uint64) (i Index, bit uint64) {
	lead := bits.LeadingZeros64(w)
	return Index{uint32(n*64 + lead)}, 1 << (63 - lead)
}

// All yields the pieces of the set in order.
func (f *Bitfield) All() iter.Seq[Index] {
	return func(yield func(Index) bool) {
		for n, w := range f.words {
			for w != 0 {
				i, bit := highest(n, w)
				if !yield(i) {
					return
				}
				w &^= bit
			}
		}
	}
}

// AndNot yields the pieces that are in f and not in other, in order. Both must
// be of the same torrent.
func (f *Bitfield) AndNot(other *Bitfield) iter.Seq[Index] {
	return f.masked(other, ^uint64(0))
}

// masked yields the pieces of f that are in other, whose words are flipped by
// flip first.
func (f *Bitfield) masked(other *Bitfield, flip uint64) iter.Seq[Index] {
	return func(yield func(Index) bool) {
		for n, w := range f.words {
			w &= other.words[n] ^ flip
			for w != 0 {
				i, bit := highest(n, w)
				if !yield(i) {
					return
				}
				w &^= bit
			}
		}
	}
}

// And yields the pieces that are in both f and other, in order. Both must be of
// the same torrent.
func (f *Bitfield) And(other *Bitfield) iter.Seq[Index] {
	return f.masked(other, 0)
}

// Offers reports whether f holds a piece that other lacks and want has: the
// whole question behind the interested message. All three must be of the same
// torrent.
func (f *Bitfield) Offers(other, want *Bitfield) bool {
	for i, w := range f.words {
		if w&^other.words[i]&want.words[i] != 0 {
			return true
		}
	}
	return false
}
