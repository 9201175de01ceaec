package identity

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxCardName is the longest name on a card, in bytes: that of 32 characters of any script.
const MaxCardName = 128

// Card is an account's word by which name a directory knows it. The later of two counts. It proves that the
// account says so, not that a directory agrees: who shows it to people asks one first.
type Card struct {
	Account Key
	Name    string    // one line of UTF-8
	Issued  time.Time // in milliseconds

	signature [64]byte
}

// Introduce returns account's card. Its time is cut to milliseconds.
func Introduce(account Secret, name string, issued time.Time) (Card, error) {
	c := Card{Account: account.Key(), Name: name, Issued: time.UnixMilli(issued.UnixMilli()).UTC()}
	if !cardName(name) || issued.UnixMilli() < 0 {
		return Card{}, fmt.Errorf("introduce: %w: name %q", ErrCard, name)
	}
	c.signature = [64]byte(account.sign("name card", c.appendBody(nil)))
	return c, nil
}

// cardName reports whether a name can be on a card: it is to be shown to people, and not to steer their terminal.
func cardName(s string) bool {
	if s == "" || len(s) > MaxCardName || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

// IsZero reports whether there is no card.
func (c Card) IsZero() bool { return c.Account.IsZero() }

// cardVersion is the first byte of an encoded card.
const cardVersion = 1

// cardNameAt is where the name stands in an encoded card.
const cardNameAt = 1 + KeySize + 8

// appendBody appends what is signed.
func (c Card) appendBody(dst []byte) []byte {
	dst = append(append(dst, cardVersion), c.Account[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Issued.UnixMilli()))
	return append(dst, c.Name...)
}

// AppendTo appends the encoded card to dst, 105 bytes and the name.
func (c Card) AppendTo(dst []byte) []byte { return append(c.appendBody(dst), c.signature[:]...) }

// ParseCard reads and verifies the card that is all of b.
func ParseCard(b []byte) (Card, error) {
	if len(b) < cardNameAt+64 || b[0] != cardVersion {
		return Card{}, fmt.Errorf("parse: %w", ErrCard)
	}
	body, signature := b[:len(b)-64], b[len(b)-64:]
	c := Card{Account: Key(b[1:]), Name: string(body[cardNameAt:]), signature: [64]byte(signature)}
	millis := binary.BigEndian.Uint64(b[1+KeySize:])
	if millis > 1<<50 || !cardName(c.Name) || c.Account.IsZero() {
		return Card{}, fmt.Errorf("parse: %w", ErrCard)
	}
	c.Issued = time.UnixMilli(int64(millis)).UTC()
	if err := c.Account.verify("name card", body, signature); err != nil {
		return Card{}, fmt.Errorf("parse card: %w", err)
	}
	return c, nil
}
