package identity

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"strings"
)

// rounds is how often each half of a safety number is hashed: a look-alike costs that
// much more to search for. Signal takes as many.
const rounds = 5200

// SafetyNumber returns the 60 digits, in twelve groups of five, that two accounts
// compare over a channel that they trust. Both get the same one.
func SafetyNumber(a, b Key) string {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	groups := append(half(a), half(b)...)
	return strings.Join(groups, " ")
}

// half returns the six groups that stand for one key.
func half(k Key) []string {
	sum := sha512.Sum512(append([]byte("p2p safety number 1\x00"), k[:]...))
	for range rounds {
		sum = sha512.Sum512(append(sum[:], k[:]...))
	}
	groups := make([]string, 6)
	for i := range groups {
		var b [8]byte
		copy(b[3:], sum[5*i:5*i+5])
		groups[i] = fmt.Sprintf("%05d", binary.BigEndian.Uint64(b[:])%100_000)
	}
	return groups
}
