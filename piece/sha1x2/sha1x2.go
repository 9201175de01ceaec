// Package sha1x2 computes two SHA-1 sums at once: for whoever has two pieces to hash, this takes little more than half the
// time of one after the other.
//
// The SHA extensions of a CPU do four rounds in one instruction, but each needs the result of the one before, and while a stream
// waits for that the unit stands idle. A second stream fills the gaps (S. Gueron and V. Krasnov, "Simultaneous hashing of
// multiple messages", 2012, for SHA-256 without the extensions). On CPUs other than amd64 with these extensions the sums are computed one
// after the other by crypto/sha1, to which all results are equal.
package sha1x2

import (
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"hash"
)

// Hash is a SHA-1 under way. One goroutine at a time may use it. None of its methods allocates.
type Hash struct {
	hash  hash.Hash // of crypto/sha1
	sum   [sha1.Size]byte
	words [5]uint32
	state [stateLen]byte // what hash writes of itself
}

// New returns a Hash to which nothing has been written.
func New() *Hash { return &Hash{hash: sha1.New()} }

// Reset begins anew.
func (h *Hash) Reset() { h.hash.Reset() }

// Write goes on with p.
func (h *Hash) Write(p []byte) { h.hash.Write(p) }

// Sum returns the sum of what was written so far.
func (h *Hash) Sum() [sha1.Size]byte {
	h.hash.Sum(h.sum[:0])
	return h.sum
}

// Write writes p to a and q to b. It is fast for what both have in common, in whole blocks of 64 bytes; they may differ in
// length, or be empty. It keeps neither.
func Write(a, b *Hash, p, q []byte) {
	if n := min(len(p), len(q)) / sha1.BlockSize; fast && n >= worthwhile && a.take() && b.take() {
		blocks(&a.words, &b.words, &p[0], &q[0], n)
		n *= sha1.BlockSize
		a.give(n)
		b.give(n)
		p, q = p[n:], q[n:]
	}
	a.Write(p)
	b.Write(q)
}

// Stream is a message of Len bytes that is read in parts: Read fills p with what it has from byte at on.
type Stream struct {
	Len  int
	Read func(p []byte, at int) error
}

// Reader reads streams, two at once. One goroutine may use it.
type Reader struct {
	a, b *Hash
	buf  []byte
}

// NewReader returns a Reader with a buffer of so many bytes.
func NewReader(buf int) *Reader { return &Reader{New(), New(), make([]byte, buf)} }

// Read returns the sums of two streams, of which it reads half a buffer at a time, in turn: small enough that the bytes are still in
// the cache of the core when they are hashed. A stream that cannot be read has no sum, and an error; the other goes on.
func (r *Reader) Read(a, b Stream) (sumA, sumB [sha1.Size]byte, errA, errB error) {
	r.a.Reset()
	r.b.Reset()
	half := len(r.buf) / 2
	for at := 0; at < max(a.Len, b.Len); at += half {
		var p, q []byte
		if p, errA = a.part(r.buf[:half], at, errA); errA != nil && errB != nil {
			break
		}
		if q, errB = b.part(r.buf[half:], at, errB); errA != nil && errB != nil {
			break
		}
		Write(r.a, r.b, p, q)
	}
	return r.a.Sum(), r.b.Sum(), errA, errB
}

// part reads what a stream that has not failed has at a place, which may be beyond its end.
func (s Stream) part(buf []byte, at int, failed error) ([]byte, error) {
	p := buf[:min(len(buf), max(0, s.Len-at))]
	if failed != nil || len(p) == 0 {
		return nil, failed
	}
	return p, s.Read(p, at)
}

// worthwhile is for how many blocks it pays to take the states out of the hashes and to put them back.
const worthwhile = 8

// What a hash of crypto/sha1 writes of itself: four bytes of magic, the five words, 64 bytes of a block that is not
// full, and eight for the length, big endian.
const (
	stateLen = 4 + sha1.Size + sha1.BlockSize + 8
	lengthAt = stateLen - 8
)

// take takes the words out of the hash, and reports whether it is at the border of a block, as blocks needs it.
func (h *Hash) take() bool {
	m, ok := h.hash.(encoding.BinaryAppender)
	if !ok {
		return false
	}
	b, err := m.AppendBinary(h.state[:0])
	if err != nil || len(b) != stateLen || binary.BigEndian.Uint64(b[lengthAt:])%sha1.BlockSize != 0 {
		return false
	}
	for i := range h.words {
		h.words[i] = binary.BigEndian.Uint32(b[4+4*i:])
	}
	return true
}

// give puts the words back into the hash, n bytes on.
func (h *Hash) give(n int) {
	b := h.state[:]
	for i, w := range h.words {
		binary.BigEndian.PutUint32(b[4+4*i:], w)
	}
	binary.BigEndian.PutUint64(b[lengthAt:], binary.BigEndian.Uint64(b[lengthAt:])+uint64(n))
	if err := h.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		panic("sha1x2: crypto/sha1 does not take back its own state: " + err.Error())
	}
}
