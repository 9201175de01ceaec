package directory

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// A challenge is good once, and for challengeFor.
const (
	challengeFor  = time.Minute
	challengeSize = 8 + 16 + 16
	// maxSpent is how many are remembered as spent: more than that in a minute is trouble.
	maxSpent = 1 << 17
)

// tickets hands out challenges. They are not remembered before they are spent, by who has signed one:
// whoever only asks for them takes no memory.
//
// 8B milliseconds since start + 16B random + 16B HMAC of these
type tickets struct {
	key   [32]byte
	start time.Time

	mu    sync.Mutex
	spent map[[challengeSize]byte]time.Time
}

func newTickets() *tickets {
	t := &tickets{start: time.Now(), spent: make(map[[challengeSize]byte]time.Time)}
	rand.Read(t.key[:])
	return t
}

// issue returns a new challenge.
func (t *tickets) issue() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(time.Since(t.start).Milliseconds()))
	b = append(b, make([]byte, 16)...)
	rand.Read(b[8:])
	return append(b, t.mac(b)...)
}

func (t *tickets) mac(b []byte) []byte {
	h := hmac.New(sha256.New, t.key[:])
	h.Write(b)
	return h.Sum(nil)[:16]
}

// good reports whether c is a challenge that is still of use.
func (t *tickets) good(c []byte) bool {
	if len(c) != challengeSize || !hmac.Equal(c[24:], t.mac(c[:24])) {
		return false
	}
	age := time.Since(t.start) - time.Duration(binary.BigEndian.Uint64(c))*time.Millisecond
	t.mu.Lock()
	defer t.mu.Unlock()
	_, spent := t.spent[[challengeSize]byte(c)]
	return age <= challengeFor && !spent
}

// spend reports whether c was good, and is so no more. Only what was signed with c is a reason to call it.
func (t *tickets) spend(c []byte) bool {
	if !t.good(c) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, spent := t.spent[[challengeSize]byte(c)]; spent {
		return false
	}
	if len(t.spent) >= maxSpent {
		for old, at := range t.spent {
			if time.Since(at) > challengeFor {
				delete(t.spent, old)
			}
		}
		if len(t.spent) >= maxSpent {
			return false
		}
	}
	t.spent[[challengeSize]byte(c)] = time.Now()
	return true
}

// counts remembers which counts of a session were taken: the highest, and which of the 64 up to it
// (RFC 6479 does the same for packets).
type counts struct {
	highest uint64
	taken   uint64 // bit n is highest-n
}

// take reports whether count is new, and takes it. 0 is none.
func (c *counts) take(count uint64) bool {
	switch {
	case count == 0:
		return false
	case count > c.highest:
		if gap := count - c.highest; gap < 64 {
			c.taken = c.taken<<gap | 1
		} else {
			c.taken = 1
		}
		c.highest = count
		return true
	}
	bit := c.highest - count
	if bit >= 64 || c.taken&(1<<bit) != 0 {
		return false
	}
	c.taken |= 1 << bit
	return true
}
