package dirwire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"p2p/peer/identity"
)

// proofScheme begins a proof.
const proofScheme = "P2P "

// Sizes of what tickets are made of.
const (
	ServiceSize = 16
	SessionSize = 16
	maxTicket   = 64
)

// CountWindow is by how many the count of a request may lie below the highest of its session.
const CountWindow = 64

// Service names a directory: all of its nodes, for as long as its ledger is kept. It is drawn at
// random. A signature for one is nothing for another.
type Service [ServiceSize]byte

// ErrMalformed is what everything that cannot be read wraps.
var ErrMalformed = errors.New("malformed")

// Proof shows who has made a request.
type Proof struct {
	Ticket    []byte // a challenge, or a session
	Count     uint64
	Signature [identity.SignatureSize]byte
}

// purposeRequest is what a Proof is signed for.
const purposeRequest = "directory request"

// NewProof signs a request.
func NewProof(by identity.Secret, service Service, m Method, ticket []byte, count uint64, body []byte) Proof {
	return Proof{ticket, count, [identity.SignatureSize]byte(by.Sign(purposeRequest, signed(service, m, ticket, count, body)))}
}

// Verify checks that a key has signed the request. The error is identity.ErrSignature.
func (p Proof) Verify(by identity.Key, service Service, m Method, body []byte) error {
	return by.Verify(purposeRequest, signed(service, m, p.Ticket, p.Count, body), p.Signature[:])
}

// signed is what the signature is over: fields of known lengths, so that no two requests are the same bytes.
func signed(service Service, m Method, ticket []byte, count uint64, body []byte) []byte {
	b := append([]byte(nil), service[:]...)
	b = append(b, byte(len(m)))
	b = append(b, m...)
	b = append(b, byte(len(ticket)))
	b = append(b, ticket...)
	b = binary.BigEndian.AppendUint64(b, count)
	hash := sha256.Sum256(body)
	return append(b, hash[:]...)
}

// String returns the proof as it travels.
func (p Proof) String() string {
	e := base64.RawURLEncoding
	return proofScheme + e.EncodeToString(p.Ticket) + "." + strconv.FormatUint(p.Count, 10) + "." + e.EncodeToString(p.Signature[:])
}

// ParseProof reads what String returns. Errors wrap ErrMalformed.
func ParseProof(text string) (Proof, error) {
	bad := fmt.Errorf("the proof is %w", ErrMalformed)
	rest, ok := strings.CutPrefix(text, proofScheme)
	if !ok || len(rest) > 300 {
		return Proof{}, bad
	}
	parts := strings.Split(rest, ".")
	if len(parts) != 3 {
		return Proof{}, bad
	}
	ticket, err := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	if err != nil || len(ticket) > maxTicket {
		return Proof{}, bad
	}
	count, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return Proof{}, bad
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(signature) != identity.SignatureSize {
		return Proof{}, bad
	}
	return Proof{ticket, count, [identity.SignatureSize]byte(signature)}, nil
}

// purposeLetter is what a message is signed for.
const purposeLetter = "directory letter"

// SignLetter signs a sealed message to an account with the key of the sender's device: so the
// directory that keeps it cannot say that it is from somebody else.
func SignLetter(device identity.Secret, to identity.Key, sealed []byte) []byte {
	return device.Sign(purposeLetter, append(to[:], sealed...))
}

// VerifyLetter checks what SignLetter has returned. The error is identity.ErrSignature.
func VerifyLetter(device, to identity.Key, sealed, signature []byte) error {
	return device.Verify(purposeLetter, append(to[:], sealed...), signature)
}
