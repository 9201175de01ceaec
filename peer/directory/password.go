package directory

import (
	"crypto/rand"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/secure/precis"

	"p2p/peer/identity"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

// stretched is what argon2id makes of a password.
type stretched struct {
	proof identity.Secret // signs logins; the service knows the public half
	seal  []byte          // opens the vault
}

// stretch makes keys of a password. What the same keys type is the same password, however the
// keyboard writes its accents (RFC 8265, OpaqueString).
func stretch(password []byte, salt []byte, cost dirwire.Cost) (stretched, error) {
	typed, err := precis.OpaqueString.Bytes(password)
	if err != nil {
		return stretched{}, ErrPassword // no password was ever this
	}
	b := argon2.IDKey(typed, salt, cost.Time, cost.Memory, cost.Threads, identity.SeedSize+chacha20poly1305.KeySize)
	proof, err := identity.SecretOf(b[:identity.SeedSize])
	return stretched{proof, b[identity.SeedSize:]}, err
}

// strong returns ErrWeakPassword for what is none to choose.
func strong(password []byte) error {
	typed, err := precis.OpaqueString.Bytes(password)
	if err != nil || utf8.RuneCount(typed) < MinPassword {
		return ErrWeakPassword
	}
	return nil
}

// The vault is a version, the seed of the account, by what the key of the service is known, and what else it is to hold, sealed with
// XChaCha20-Poly1305 for the account, behind the nonce. The first version has no key of the service: it is read, and made anew (Login).
const (
	vaultVersion = 2
	vaultUnnamed = 1
)

// contents are what a vault holds.
type contents struct {
	account identity.Secret
	service dirseal.Print // zero in a vault of the first version
	extra   []byte
}

// newSecrets returns what the service keeps about a password, which must be strong.
func newSecrets(password []byte, least dirwire.Cost, c contents) (dirwire.Secrets, error) {
	s := dirwire.Secrets{Salt: make([]byte, dirwire.SaltSize), Cost: least}
	rand.Read(s.Salt)
	if err := strong(password); err != nil {
		return s, err
	}
	keys, err := stretch(password, s.Salt, s.Cost)
	if err != nil {
		return s, err
	}
	s.Verifier = keys.proof.Key()
	s.Vault, err = keys.lock(c)
	return s, err
}

func (k stretched) lock(c contents) ([]byte, error) {
	if len(c.extra) > MaxExtra {
		return nil, ErrTooLong
	}
	aead, err := chacha20poly1305.NewX(k.seal)
	if err != nil {
		return nil, fmt.Errorf("seal the vault: %w", err)
	}
	plain := append([]byte{vaultVersion}, c.account.Seed()...)
	plain = append(plain, c.service[:]...)
	plain = append(plain, c.extra...)
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, vaultFor(c.account.Key())), nil
}

// vaultHead is what every vault has before extra.
const vaultHead = 1 + identity.SeedSize + len(dirseal.Print{})

func (k stretched) unlock(vault []byte, account identity.Key) (c contents, err error) {
	aead, err := chacha20poly1305.NewX(k.seal)
	if err != nil {
		return c, fmt.Errorf("open the vault: %w", err)
	}
	if len(vault) < aead.NonceSize() {
		return c, fmt.Errorf("%w: the vault is damaged", ErrUntrusted)
	}
	plain, err := aead.Open(nil, vault[:aead.NonceSize()], vault[aead.NonceSize():], vaultFor(account))
	if err != nil || len(plain) == 0 {
		return c, fmt.Errorf("%w: the vault is damaged", ErrUntrusted)
	}
	head := vaultHead
	if plain[0] == vaultUnnamed {
		head -= len(c.service)
	}
	if len(plain) < head || plain[0] != vaultVersion && plain[0] != vaultUnnamed {
		return c, fmt.Errorf("%w: the vault is damaged", ErrUntrusted)
	}
	c.account, err = identity.SecretOf(plain[1 : 1+identity.SeedSize])
	if err != nil || c.account.Key() != account {
		return c, fmt.Errorf("%w: the vault is of another account", ErrUntrusted)
	}
	copy(c.service[:], plain[1+identity.SeedSize:head])
	c.extra = plain[head:]
	return c, nil
}

func vaultFor(account identity.Key) []byte { return append([]byte("p2p vault 1\x00"), account[:]...) }
