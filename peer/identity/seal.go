package identity

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha512"
	"fmt"

	"filippo.io/edwards25519"
)

// What is sealed for an account is HPKE in its base mode (RFC 9180) with X25519, HKDF-SHA256 and
// ChaCha20-Poly1305. The X25519 key is the Ed25519 key on the other form of the same curve
// (RFC 7748, section 4.1), as age does for keys of SSH, so that who knows an account's name can write
// to it. Sealing says nothing of who has sealed: what must be believed is signed inside.

// ErrSealed is that something was not sealed for this key and purpose, or was changed.
var ErrSealed = fmt.Errorf("%w: it was sealed for somebody else, or damaged", ErrKey)

// SealedOverhead is by how many bytes what Seal returns is longer than the message.
const SealedOverhead = 32 + 16

// Seal returns the message so that the holder of the key alone can Open it. Purpose is a
// constant of the program: what is sealed for one opens for no other.
func (k Key) Seal(purpose string, message []byte) ([]byte, error) {
	p, err := new(edwards25519.Point).SetBytes(k[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w: it is no point of the curve", ErrKey)
	}
	public, err := ecdh.X25519().NewPublicKey(p.BytesMontgomery())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	to, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info(purpose), message)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err) // a key of small order
	}
	return sealed, nil
}

// Open returns what was sealed for s. The error wraps ErrSealed.
func (s Secret) Open(purpose string, sealed []byte) ([]byte, error) {
	h := sha512.Sum512(s.private.Seed()) // RFC 8032, section 5.1.5; X25519 clamps by itself
	private, err := ecdh.X25519().NewPrivateKey(h[:32])
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	own, err := hpke.NewDHKEMPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	message, err := hpke.Open(own, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info(purpose), sealed)
	if err != nil {
		return nil, fmt.Errorf("open: %w", ErrSealed)
	}
	return message, nil
}

func info(purpose string) []byte { return []byte("p2p sealed " + purpose + " 1") }

// SignatureSize is the length of a signature in bytes.
const SignatureSize = 64

// Sign signs b for a purpose, a constant of the program: what is signed for one is
// nothing for another.
func (s Secret) Sign(purpose string, b []byte) []byte { return s.sign(purpose, b) }

// Verify checks what Sign has returned. The error is ErrSignature.
func (k Key) Verify(purpose string, b, signature []byte) error {
	return k.verify(purpose, b, signature)
}
