package dirseal

import (
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"p2p/tracker/dirwire"
)

// Sizes in bytes.
const (
	encapsulatedSize = 1120
	drawnSize        = 32 // RFC 9458: the larger one of key and nonce
	tagSize          = chacha20poly1305.Overhead

	// MaxRequest bounds a sealed request, MaxAnswer a sealed answer.
	MaxRequest = encapsulatedSize + maxRequest + tagSize
	MaxAnswer  = drawnSize + maxAnswer + tagSize
)

// Errors that callers branch on.
var (
	// ErrKey is that something was not sealed with the key with which it is to be opened, or was changed on its way.
	ErrKey = errors.New("it is sealed with another key, or was changed on its way")
	// ErrTooLong is that a request or an answer is longer than package dirwire allows.
	ErrTooLong = errors.New("it is too long to be sealed")
)

// Channel seals and opens the answers to one request, at both ends. Each answer has a key of its own.
type Channel struct{ encapsulated, secret []byte }

// Seal seals a request for the service, and returns what opens its answer. Errors: ErrTooLong.
func (p Public) Seal(r Request) (sealed []byte, answers Channel, err error) {
	plain, err := r.frame()
	if err != nil {
		return nil, Channel{}, err
	}
	encapsulated, sender, err := hpke.NewSender(p.key, kdf, aead, purpose)
	if err != nil {
		return nil, Channel{}, fmt.Errorf("seal a request: %w", err)
	}
	box, err := sender.Seal(nil, plain)
	if err != nil {
		return nil, Channel{}, fmt.Errorf("seal a request: %w", err)
	}
	answers, err = newChannel(encapsulated, sender.Export)
	return append(encapsulated[:len(encapsulated):len(encapsulated)], box...), answers, err
}

// Open opens a request, and returns what seals its answer. It costs about a tenth of a millisecond, also when it
// fails. Errors: ErrKey, or they wrap dirwire.ErrMalformed.
func (p Private) Open(sealed []byte) (r Request, answers Channel, err error) {
	if len(sealed) < encapsulatedSize+tagSize || len(sealed) > MaxRequest {
		return Request{}, Channel{}, fmt.Errorf("the sealed request is %w", dirwire.ErrMalformed)
	}
	encapsulated, box := sealed[:encapsulatedSize], sealed[encapsulatedSize:]
	recipient, err := hpke.NewRecipient(encapsulated, p.key, kdf, aead, purpose)
	if err != nil {
		return Request{}, Channel{}, ErrKey
	}
	plain, err := recipient.Open(nil, box)
	if err != nil {
		return Request{}, Channel{}, ErrKey
	}
	if r, err = parseRequest(plain); err != nil {
		return Request{}, Channel{}, err
	}
	answers, err = newChannel(encapsulated, recipient.Export)
	return r, answers, err
}

func newChannel(encapsulated []byte, export func(string, int) ([]byte, error)) (Channel, error) {
	secret, err := export("p2p directory answer 1", drawnSize)
	if err != nil {
		return Channel{}, fmt.Errorf("make the key of an answer: %w", err)
	}
	return Channel{encapsulated, secret}, nil
}

// Seal seals an answer. Errors: ErrTooLong.
func (c Channel) Seal(a Answer) ([]byte, error) {
	plain, err := a.frame()
	if err != nil {
		return nil, err
	}
	// A request that is sent again has the same secret: what is drawn makes the key of each answer another one.
	drawn := make([]byte, drawnSize, drawnSize+len(plain)+tagSize)
	rand.Read(drawn)
	key, nonce, err := c.keys(drawn)
	if err != nil {
		return nil, err
	}
	box, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, fmt.Errorf("seal an answer: %w", err)
	}
	return box.Seal(drawn, nonce, plain, nil), nil
}

// Open opens an answer. Errors: ErrKey, or they wrap dirwire.ErrMalformed.
func (c Channel) Open(sealed []byte) (Answer, error) {
	if len(sealed) < drawnSize+tagSize || len(sealed) > MaxAnswer {
		return Answer{}, fmt.Errorf("the sealed answer is %w", dirwire.ErrMalformed)
	}
	key, nonce, err := c.keys(sealed[:drawnSize])
	if err != nil {
		return Answer{}, err
	}
	box, err := chacha20poly1305.New(key)
	if err != nil {
		return Answer{}, fmt.Errorf("open an answer: %w", err)
	}
	plain, err := box.Open(nil, nonce, sealed[drawnSize:], nil)
	if err != nil {
		return Answer{}, ErrKey
	}
	return parseAnswer(plain)
}

// keys derives the key and the nonce of an answer.
func (c Channel) keys(drawn []byte) (key, nonce []byte, err error) {
	salt := append(c.encapsulated[:len(c.encapsulated):len(c.encapsulated)], drawn...)
	prk, err := hkdf.Extract(sha256.New, c.secret, salt)
	if err == nil {
		key, err = hkdf.Expand(sha256.New, prk, "key", chacha20poly1305.KeySize)
	}
	if err == nil {
		nonce, err = hkdf.Expand(sha256.New, prk, "nonce", chacha20poly1305.NonceSize)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("make the key of an answer: %w", err)
	}
	return key, nonce, nil
}
