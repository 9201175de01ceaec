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

// Pair is two SHA-1 hashes under way. One goroutine at a time may use it. None of its methods allocates.
type Pair struct {
	a, b   lane
	sa, sb [sha1.Size]byte
}

// New returns a Pair of hashes to which nothing has been written.
func New() *Pair { return &Pair{a: lane{hash: sha1.New()}, b: lane{hash: sha1.New()}} }

// Reset begins both anew.
func (x *Pair) Reset() {
	x.a.hash.Reset()
	x.b.hash.Reset()
}

// Write writes p to the one hash and q to the other. It is fast for what both have in common, in whole blocks of 64 bytes; they may differ in
// length, or be empty.
func (x *Pair) Write(p, q []byte) {
	if n := min(len(p), len(q)) / sha1.BlockSize; fast && n >= worthwhile && x.a.take() && x.b.take() {
		blocks(&x.a.words, &x.b.words, &p[0], &q[0], n)
		n *= sha1.BlockSize
		x.a.give(n)
		x.b.give(n)
		p, q = p[n:], q[n:]
	}
	x.a.hash.Write(p)
	x.b.hash.Write(q)
}

// Sums returns the sums of what was written so far.
func (x *Pair) Sums() (a, b [sha1.Size]byte) {
	x.a.hash.Sum(x.sa[:0])
	x.b.hash.Sum(x.sb[:0])
	return x.sa, x.sb
}

// Stream is a message of Len bytes that is read in parts: Read fills p with what it has from byte at on.
type Stream struct {
	Len  int
	Read func(p []byte, at int) error
}

// Read returns the sums of two streams, of which it reads a half of buf at a time, in turn: small enough that the bytes are still in
// the cache of the core when they are hashed. A stream that cannot be read has no sum, and an error; the other goes on. What was
// written before is forgotten.
func (x *Pair) Read(buf []byte, a, b Stream) (sumA, sumB [sha1.Size]byte, errA, errB error) {
	x.Reset()
	half := len(buf) / 2
	for at := 0; at < max(a.Len, b.Len); at += half {
		var p, q []byte
		if p, errA = a.part(buf[:half], at, errA); errA != nil && errB != nil {
			break
		}
		if q, errB = b.part(buf[half:], at, errB); errA != nil && errB != nil {
			break
		}
		x.Write(p, q)
	}
	sumA, sumB = x.Sums()
	return sumA, sumB, errA, errB
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

// lane is one of the hashes, and what it writes of itself: four bytes of magic, the five words, 64 bytes of a block that is not
// full, and eight for the length, big endian.
type lane struct {
	hash  hash.Hash
	words [5]uint32
	state [stateLen]byte
}

const (
	stateLen = 4 + sha1.Size + sha1.BlockSize + 8
	lengthAt = stateLen - 8
)

// take takes the words out of the hash, and reports whether it is at the border of a block, as blocks needs it.
func (l *lane) take() bool {
	m, ok := l.hash.(encoding.BinaryAppender)
	if !ok {
		return false
	}
	b, err := m.AppendBinary(l.state[:0])
	if err != nil || len(b) != stateLen || binary.BigEndian.Uint64(b[lengthAt:])%sha1.BlockSize != 0 {
		return false
	}
	for i := range l.words {
		l.words[i] = binary.BigEndian.Uint32(b[4+4*i:])
	}
	return true
}

// give puts the words back into the hash, n bytes on.
func (l *lane) give(n int) {
	b := l.state[:]
	for i, w := range l.words {
		binary.BigEndian.PutUint32(b[4+4*i:], w)
	}
	binary.BigEndian.PutUint64(b[lengthAt:], binary.BigEndian.Uint64(b[lengthAt:])+uint64(n))
	if err := l.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		panic("sha1x2: crypto/sha1 does not take back its own state: " + err.Error())
	}
}
