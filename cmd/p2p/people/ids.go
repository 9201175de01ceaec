package people

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// Rooms and doors have names at trackers, from which nobody learns what they are.

// swarmOf returns the info-hash under which the members of a room find each other.
func swarmOf(id room.ID) infohash.T { return named("p2p room swarm 1\x00", id[:]) }

// doorOf returns the info-hash of the doorbell of an account.
func doorOf(account identity.Key) infohash.T { return named("p2p doorbell 1\x00", account[:]) }

func named(purpose string, b []byte) infohash.T {
	sum := sha256.Sum256(append([]byte(purpose), b...))
	return infohash.T(sum[:infohash.Size])
}

var errID = errors.New("this is no id: want 64 hexadecimal digits")

func parseID(s string) (id room.ID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, errID
	}
	return room.ID(b), nil
}

// textID returns an id in full, empty for none.
func textID(id room.ID) string {
	if id.IsZero() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// textKey returns a key in full, empty for nobody's.
func textKey(k identity.Key) string {
	if k.IsZero() {
		return ""
	}
	return k.String()
}

// cut returns the longest start of s that has at most n bytes and no half characters.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) <= n {
		return s
	}
	s = s[:n]
	for s != "" && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
