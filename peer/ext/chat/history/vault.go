package history

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"p2p/peer/ext/chat/room"
)

// box seals what is stored. The zero box leaves all as it is.
type box struct {
	aead cipher.AEAD
	hash []byte // key of the keyed hash
}

// purpose is what a sealed value is, so that none can be put in another's place.
type purpose string

// The purposes.
const (
	sealedSecret  purpose = "secret"
	sealedRoom    purpose = "room"
	sealedView    purpose = "view"
	sealedHeader  purpose = "header"
	sealedBody    purpose = "body"
	sealedFork    purpose = "fork"
	sealedPlace   purpose = "place"
	sealedDraft   purpose = "draft"
	sealedSetting purpose = "setting"
	sealedWords   purpose = "words, beside files too"
)

// errSealed is that a sealed value was changed, or belongs elsewhere.
var errSealed = errors.New("the history is damaged: a value cannot be decrypted")

func (b *box) plain() bool { return b.aead == nil }

// seal returns value as it is stored. Owner is what it belongs to, such as the key of an event.
func (b *box) seal(p purpose, owner, value []byte) []byte {
	if b.plain() {
		if value == nil {
			return []byte{} // NULL it is not
		}
		return value
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(value)+chacha20poly1305.Overhead)
	rand.Read(nonce) //nolint:errcheck // it never fails
	return b.aead.Seal(nonce, nonce, value, append([]byte(p+"\x00"), owner...))
}

// open returns what seal was given.
func (b *box) open(p purpose, owner, stored []byte) ([]byte, error) {
	if b.plain() {
		return stored, nil
	}
	if len(stored) < chacha20poly1305.NonceSizeX {
		return nil, errSealed
	}
	nonce, rest := stored[:chacha20poly1305.NonceSizeX], stored[chacha20poly1305.NonceSizeX:]
	value, err := b.aead.Open(nil, nonce, rest, append([]byte(p+"\x00"), owner...))
	if err != nil {
		return nil, errSealed
	}
	return value, nil
}

// key returns what an id is looked up by.
func (b *box) key(id room.ID) []byte { return b.hashed(id[:]) }

func (b *box) hashed(value []byte) []byte {
	if b.plain() {
		return value
	}
	h := hmac.New(sha256.New, b.hash)
	h.Write(value)
	return h.Sum(nil)
}

// Cost of a passphrase: RFC 9106, 4, "SECOND RECOMMENDED option ... t=3 iterations, p=4 lanes,
// m=2^(16) (64 MiB of RAM)".
const (
	passes   = 3
	memory   = 64 << 10 // KiB
	lanes    = 4
	saltSize = 16
	// most of what a file may ask for, which somebody else could have made
	maxPasses, maxMemory, maxLanes = 64, 1 << 20, 255
)

// secretSize is that of the two keys of a box.
const secretSize = 2 * chacha20poly1305.KeySize

func newBox(secret []byte) (box, error) {
	aead, err := chacha20poly1305.NewX(secret[:chacha20poly1305.KeySize])
	return box{aead, secret[chacha20poly1305.KeySize:secretSize]}, err
}

// unlock returns the box of the archive, and makes one if the archive is new.
func (a *Archive) unlock(passphrase []byte) (box, error) {
	var v vault
	var made box
	err := a.write.transaction(true, func() error {
		var rooms int
		if _, err := a.write.row("SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM drafts) + (SELECT count(*) FROM settings)", nil, &rooms); err != nil {
			return err
		}
		found, err := a.write.row("SELECT salt, passes, memory, lanes, secret FROM vault", nil, &v.salt, &v.passes, &v.memory, &v.lanes, &v.secret)
		switch {
		case err != nil:
			return err
		case found && len(passphrase) == 0:
			return ErrPassphrase
		case found:
			made, err = v.open(passphrase)
			return err
		case len(passphrase) == 0:
			return nil
		case rooms > 0:
			return ErrPlain
		}
		if made, err = v.create(passphrase); err != nil {
			return err
		}
		return a.write.exec("INSERT INTO vault VALUES (1, ?, ?, ?, ?, ?)", v.salt, v.passes, v.memory, v.lanes, v.secret)
	}, nil)
	return made, err
}

// vault is the row of that table.
type vault struct {
	salt, secret          []byte
	passes, memory, lanes int64
}

func (v *vault) lid(passphrase []byte) (box, error) {
	if v.passes < 1 || v.passes > maxPasses || v.memory < 8 || v.memory > maxMemory || v.lanes < 1 || v.lanes > maxLanes {
		return box{}, fmt.Errorf("%w: its passphrase would cost too much to check", ErrForeign)
	}
	aead, err := chacha20poly1305.NewX(argon2.IDKey(passphrase, v.salt, uint32(v.passes), uint32(v.memory), uint8(v.lanes), chacha20poly1305.KeySize))
	return box{aead: aead}, err
}

func (v *vault) open(passphrase []byte) (box, error) {
	lid, err := v.lid(passphrase)
	if err != nil {
		return box{}, err
	}
	secret, err := lid.open(sealedSecret, nil, v.secret)
	if err != nil || len(secret) != secretSize {
		return box{}, ErrPassphrase
	}
	return newBox(secret)
}

func (v *vault) create(passphrase []byte) (box, error) {
	*v = vault{salt: make([]byte, saltSize), passes: passes, memory: memory, lanes: lanes}
	secret := make([]byte, secretSize)
	rand.Read(v.salt) //nolint:errcheck // it never fails
	rand.Read(secret) //nolint:errcheck
	return v.fill(secret, passphrase)
}

// fill seals secret with a passphrase.
func (v *vault) fill(secret, passphrase []byte) (box, error) {
	lid, err := v.lid(passphrase)
	if err != nil {
		return box{}, err
	}
	v.secret = lid.seal(sealedSecret, nil, secret)
	return newBox(secret)
}

// ChangePassphrase replaces the passphrase of an archive that has one. What is stored need not
// be written again: the key that it is sealed with stays, and who has learned that keeps it.
func (a *Archive) ChangePassphrase(old, passphrase []byte) error {
	if len(passphrase) == 0 {
		return fmt.Errorf("change passphrase: %w: the new one is empty", ErrPassphrase)
	}
	if a.box.plain() {
		return fmt.Errorf("change passphrase: %w", ErrPlain)
	}
	err := a.write.transaction(true, func() error {
		var v vault
		if _, err := a.write.row("SELECT salt, passes, memory, lanes, secret FROM vault", nil, &v.salt, &v.passes, &v.memory, &v.lanes, &v.secret); err != nil {
			return err
		}
		lid, err := v.lid(old)
		if err != nil {
			return err
		}
		secret, err := lid.open(sealedSecret, nil, v.secret)
		if err != nil {
			return ErrPassphrase
		}
		v = vault{salt: make([]byte, saltSize), passes: passes, memory: memory, lanes: lanes}
		rand.Read(v.salt) //nolint:errcheck // it never fails
		if _, err := v.fill(secret, passphrase); err != nil {
			return err
		}
		return a.write.exec("UPDATE vault SET salt = ?, passes = ?, memory = ?, lanes = ?, secret = ?", v.salt, v.passes, v.memory, v.lanes, v.secret)
	}, nil)
	if err != nil {
		return fmt.Errorf("change passphrase: %w", err)
	}
	a.ink.wrote(1, true)
	return nil
}
