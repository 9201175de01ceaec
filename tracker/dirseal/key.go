package dirseal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// PrivateSize is the length of a Private in bytes.
const PrivateSize = 32

// The suite.
var (
	kem  = hpke.MLKEM768X25519()
	kdf  = hpke.HKDFSHA256()
	aead = hpke.ChaCha20Poly1305()
)

// purpose is what a sealed request is bound to.
var purpose = []byte("p2p directory request 1")

// Private opens what is sealed for a service. Any goroutine may use it.
type Private struct{ key hpke.PrivateKey }

// NewPrivate draws one.
func NewPrivate() (Private, error) {
	k, err := kem.GenerateKey()
	if err != nil {
		return Private{}, fmt.Errorf("draw a key: %w", err)
	}
	return Private{k}, nil
}

// ParsePrivate reads what Bytes returns.
func ParsePrivate(b []byte) (Private, error) {
	k, err := kem.NewPrivateKey(b)
	if err != nil {
		return Private{}, fmt.Errorf("read a private key: %w", err)
	}
	return Private{k}, nil
}

// Bytes returns the key, PrivateSize bytes.
func (p Private) Bytes() ([]byte, error) { return p.key.Bytes() }

// Public returns what others seal with.
func (p Private) Public() Public { return Public{p.key.PublicKey()} }

// Public is the key of a service. Any goroutine may use it. The zero value is none.
type Public struct{ key hpke.PublicKey }

// ParsePublic reads what Bytes returns.
func ParsePublic(b []byte) (Public, error) {
	k, err := kem.NewPublicKey(b)
	if err != nil {
		return Public{}, fmt.Errorf("read a public key: %w", err)
	}
	return Public{k}, nil
}

// Bytes returns the key, 1216 bytes.
func (p Public) Bytes() []byte { return p.key.Bytes() }

// IsZero reports whether p is none.
func (p Public) IsZero() bool { return p.key == nil }

// Print returns what the key is known by.
func (p Public) Print() Print {
	return Print(sha256.Sum256(append([]byte("p2p directory key 1\x00"), p.Bytes()...)))
}

// Print is what is remembered of a Public: a hash, short enough for the end of an address. The zero value is none.
type Print [sha256.Size]byte

// ErrPrint is that a text is no Print.
var ErrPrint = errors.New("this is not what the key of a directory is known by")

// String returns 43 characters of which every one may be in an URL.
func (p Print) String() string { return base64.RawURLEncoding.EncodeToString(p[:]) }

// ParsePrint reads what String returns. The error is ErrPrint.
func ParsePrint(s string) (Print, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(Print{}) {
		return Print{}, ErrPrint
	}
	return Print(b), nil
}
