package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
)

// KeySize is the length of a public key in bytes.
const KeySize = ed25519.PublicKeySize

// Key is the public key of a device or an account (RFC 8032). The zero value is
// nobody's.
type Key [KeySize]byte

// Secret is the private key that belongs to a Key. It prints as nothing.
type Secret struct{ private ed25519.PrivateKey }

// SeedSize is the length of what a Secret is kept as, in bytes.
const SeedSize = ed25519.SeedSize

// encoding of keys for people and links: no letters that look alike, no case.
var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Errors of what is read.
var (
	ErrKey         = errors.New("this is no key")
	ErrSignature   = errors.New("the signature is wrong")
	ErrCertificate = errors.New("this is no certificate")
	ErrCard        = errors.New("this is no card with a name")
	ErrLink        = errors.New("this is no p2p link")
)

// NewSecret draws a key from random, which is crypto/rand.Reader outside tests.
func NewSecret(random io.Reader) (Secret, error) {
	seed := make([]byte, SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Secret{}, fmt.Errorf("draw a key: %w", err)
	}
	return SecretOf(seed)
}

// SecretOf returns the Secret that Seed returned seed of.
func SecretOf(seed []byte) (Secret, error) {
	if len(seed) != SeedSize {
		return Secret{}, fmt.Errorf("%w: %d bytes, want %d", ErrKey, len(seed), SeedSize)
	}
	return Secret{ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed returns what s can be kept as. It is as secret as s.
func (s Secret) Seed() []byte { return s.private.Seed() }

// Key returns the public half.
func (s Secret) Key() Key { return Key(s.private.Public().(ed25519.PublicKey)) }

// Private returns s for a package that speaks of ed25519.
func (s Secret) Private() ed25519.PrivateKey { return s.private }

// String hides s: a secret that is printed by mistake ends in a log.
func (Secret) String() string { return "(secret)" }

// GoString implements fmt.GoStringer, for the same reason.
func (Secret) GoString() string { return "(secret)" }

// sign signs bytes for one purpose. What is signed for one is nothing for another.
func (s Secret) sign(purpose string, b []byte) []byte {
	return ed25519.Sign(s.private, append([]byte("p2p "+purpose+" 1\x00"), b...))
}

// verify checks a signature of sign.
func (k Key) verify(purpose string, b, signature []byte) error {
	if !ed25519.Verify(k[:], append([]byte("p2p "+purpose+" 1\x00"), b...), signature) {
		return ErrSignature
	}
	return nil
}

// IsZero reports whether k is nobody's.
func (k Key) IsZero() bool { return k == Key{} }

// Compare orders keys by their bytes.
func (k Key) Compare(other Key) int { return bytes.Compare(k[:], other[:]) }

// String returns all of k, 52 lower-case letters and digits.
func (k Key) String() string { return encoding.EncodeToString(k[:]) }

// Short returns the start of k in two groups of four, for a list that people look at. Two
// keys can share it.
func (k Key) Short() string {
	s := k.String()
	return s[:4] + "-" + s[4:8]
}

// MarshalText implements encoding.TextMarshaler: String, and nothing for nobody's key.
func (k Key) MarshalText() ([]byte, error) {
	if k.IsZero() {
		return nil, nil
	}
	return []byte(k.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*k = Key{}
		return nil
	}
	*k, err = ParseKey(string(text))
	return err
}

// ParseKey reads what String returns. Case, and blanks and "-" between groups, do
// not matter.
func ParseKey(s string) (Key, error) {
	if len(s) > 256 {
		return Key{}, fmt.Errorf("%w: it is too long", ErrKey)
	}
	b, err := encoding.DecodeString(strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(s)))
	if err != nil || len(b) != KeySize {
		return Key{}, fmt.Errorf("%w: want 52 letters and digits", ErrKey)
	}
	k := Key(b)
	if k.String() != strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(s)) {
		return Key{}, fmt.Errorf("%w: its last letter has bits too many", ErrKey)
	}
	return k, nil
}
