// Package infohash holds the identifiers of a torrent that every layer shares:
// the 20-byte id of BEP 3 and the 32-byte id of BEP 52.
//
// The package depends on nothing but the standard library's encoders, so the
// wire codec, the tracker and the torrent file can all speak of the same type.
package infohash

import (
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
)

// Size is the length of a T in bytes.
const Size = 20

// T is a version 1 info-hash: the SHA-1 of the bencoded info dictionary (BEP 3).
// The zero value names no torrent.
type T [Size]byte

// Of returns the info-hash of info, the info dictionary exactly as it stood in
// the torrent file: re-encoding it may change its bytes and with them its name.
func Of(info []byte) T { return sha1.Sum(info) }

// IsZero reports whether h names no torrent.
func (h T) IsZero() bool { return h == T{} }

// String returns h as 40 lower-case hexadecimal digits.
func (h T) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (h T) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with the forms of Parse.
func (h *T) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// Parse reads the two forms found in magnet links: 40 hexadecimal digits or 32
// characters of base32 (BEP 9). Upper and lower case are both accepted.
func Parse(s string) (T, error) {
	var h T
	switch len(s) {
	case 40:
		if _, err := hex.Decode(h[:], []byte(s)); err != nil {
			return T{}, fmt.Errorf("parse info-hash %q: %w", s, err)
		}
	case 32:
		if _, err := base32.StdEncoding.Decode(h[:], []byte(strings.ToUpper(s))); err != nil {
			return T{}, fmt.Errorf("parse info-hash %q: %w", s, err)
		}
	default:
		return T{}, fmt.Errorf("parse info-hash: %d characters, want 40 (hex) or 32 (base32)", len(s))
	}
	return h, nil
}

// V2 is a version 2 info-hash: the SHA-256 of the info dictionary (BEP 52).
type V2 [32]byte

// String returns h as 64 lower-case hexadecimal digits.
func (h V2) String() string { return hex.EncodeToString(h[:]) }
