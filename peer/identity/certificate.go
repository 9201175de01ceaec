package identity

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxLabel is the longest name of a device, in bytes.
const MaxLabel = 46

// What stands for a name in a certificate: a mark, and in base64 one byte of its length, itself and zeros, in all as long as for
// any other name. Certificates of before had the name itself, of at most as many bytes.
const (
	sealedMark   = "~"
	sealedBytes  = 1 + MaxLabel
	maxWireLabel = 64
)

// Certificate is an account's word that a device is its own, or, with Revoked, that it is no
// more. The later of two about the same device counts.
type Certificate struct {
	Account Key
	Device  Key
	Label   string // of the device, for other devices of the account alone (Name); UTF-8
	Issued  time.Time
	Revoked bool

	signature [64]byte
}

// Certify returns account's certificate for a device. Its time is cut to seconds. Certificates go to everybody whom the account
// meets, and often machines are called like their owners, or where they stand: of the label nobody sees but that there is one.
func Certify(account Secret, device Key, label string, issued time.Time, revoked bool) (Certificate, error) {
	c := Certificate{Account: account.Key(), Device: device, Label: label, Issued: time.Unix(issued.Unix(), 0).UTC(), Revoked: revoked}
	if device.IsZero() || len(label) > MaxLabel || !utf8.ValidString(label) || issued.Unix() < 0 {
		return Certificate{}, fmt.Errorf("certify: %w: device %s, name %q", ErrCertificate, device.Short(), label)
	}
	c.Label = c.sealed(account, label)
	c.signature = [64]byte(account.sign("device certificate", c.appendBody(nil)))
	return c, nil
}

// Name returns the label to the account that has given it, and nothing to others.
func (c Certificate) Name(account Secret) string {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(c.Label, sealedMark))
	switch {
	case account.Key() != c.Account:
		return ""
	case err != nil || !strings.HasPrefix(c.Label, sealedMark) || len(b) != sealedBytes:
		return c.Label
	}
	subtle.XORBytes(b, b, c.pad(account))
	if length := int(b[0]); length <= MaxLabel && utf8.Valid(b[1:1+length]) {
		return string(b[1 : 1+length])
	}
	return ""
}

// sealed returns what stands for a label in c. That nobody has changed it says the signature.
func (c Certificate) sealed(account Secret, label string) string {
	if label == "" {
		return ""
	}
	b := append(make([]byte, 0, sealedBytes), byte(len(label)))
	b = append(b, label...)[:sealedBytes]
	subtle.XORBytes(b, b, c.pad(account))
	return sealedMark + base64.RawURLEncoding.EncodeToString(b)
}

// pad is what a label of c is added to. Nothing else is ever added to it: there is one label for a device at a time.
func (c Certificate) pad(account Secret) []byte {
	salt := binary.BigEndian.AppendUint64(c.Device[:len(c.Device):len(c.Device)], uint64(c.Issued.Unix()))
	pad, err := hkdf.Key(sha256.New, account.private.Seed(), append(salt, boolByte(c.Revoked)), "p2p device label 1", sealedBytes)
	if err != nil {
		panic(fmt.Sprintf("identity: derive: %v", err)) // it is short enough
	}
	return pad
}

// certificateVersion is the first byte of an encoded certificate.
const certificateVersion = 1

// appendBody appends what is signed.
func (c Certificate) appendBody(dst []byte) []byte {
	dst = append(dst, certificateVersion)
	dst = append(dst, c.Account[:]...)
	dst = append(dst, c.Device[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Issued.Unix()))
	dst = append(dst, boolByte(c.Revoked), byte(len(c.Label)))
	return append(dst, c.Label...)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// AppendTo appends the encoded certificate to dst, 139 bytes and the label.
func (c Certificate) AppendTo(dst []byte) []byte {
	return append(c.appendBody(dst), c.signature[:]...)
}

// The places of an encoded certificate.
const (
	issuedAt  = 1 + 2*KeySize
	revokedAt = issuedAt + 8
	labelAt   = revokedAt + 2
)

// ParseCertificate reads and verifies the certificate that is all of b. What it returns is
// signed by its Account; whether that is anybody's is for the caller to know.
func ParseCertificate(b []byte) (Certificate, error) {
	if len(b) < labelAt || b[0] != certificateVersion {
		return Certificate{}, fmt.Errorf("parse: %w", ErrCertificate)
	}
	label := int(b[labelAt-1])
	if label > maxWireLabel || len(b) != labelAt+label+64 || b[revokedAt] > 1 {
		return Certificate{}, fmt.Errorf("parse: %w", ErrCertificate)
	}
	seconds := binary.BigEndian.Uint64(b[issuedAt:])
	if seconds > 1<<40 || !utf8.Valid(b[labelAt:labelAt+label]) {
		return Certificate{}, fmt.Errorf("parse: %w", ErrCertificate)
	}
	c := Certificate{
		Account: Key(b[1:]), Device: Key(b[1+KeySize:]), Label: string(b[labelAt : labelAt+label]),
		Issued: time.Unix(int64(seconds), 0).UTC(), Revoked: b[revokedAt] == 1,
		signature: [64]byte(b[labelAt+label:]),
	}
	if c.Device.IsZero() {
		return Certificate{}, fmt.Errorf("parse: %w", ErrCertificate)
	}
	if err := c.Account.verify("device certificate", b[:labelAt+label], c.signature[:]); err != nil {
		return Certificate{}, fmt.Errorf("parse certificate: %w", err)
	}
	return c, nil
}
