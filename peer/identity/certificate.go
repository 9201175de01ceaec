package identity

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxLabel is the longest name of a device, in bytes.
const MaxLabel = 64

// Certificate is an account's word that a device is its own, or, with Revoked, that it is no
// more. The later of two about the same device counts.
type Certificate struct {
	Account Key
	Device  Key
	Label   string // of the device, for people; UTF-8
	Issued  time.Time
	Revoked bool

	signature [64]byte
}

// Certify returns account's certificate for a device. Its time is cut to seconds.
func Certify(account Secret, device Key, label string, issued time.Time, revoked bool) (Certificate, error) {
	c := Certificate{Account: account.Key(), Device: device, Label: label, Issued: time.Unix(issued.Unix(), 0).UTC(), Revoked: revoked}
	if device.IsZero() || len(label) > MaxLabel || !utf8.ValidString(label) || issued.Unix() < 0 {
		return Certificate{}, fmt.Errorf("certify: %w: device %s, name %q", ErrCertificate, device.Short(), label)
	}
	c.signature = [64]byte(account.sign("device certificate", c.appendBody(nil)))
	return c, nil
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
	if label > MaxLabel || len(b) != labelAt+label+64 || b[revokedAt] > 1 {
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
