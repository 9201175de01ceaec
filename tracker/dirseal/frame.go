package dirseal

import (
	"encoding/binary"
	"fmt"

	"p2p/tracker/dirwire"
)

// Request is what a client asks.
type Request struct {
	Method dirwire.Method
	Proof  string // empty for none
	Body   []byte
}

// Answer is what it is answered.
type Answer struct {
	Failed bool   // Body is a dirwire.Failure
	Body   []byte // the receiver's own
}

// What a frame begins with: of a request 1B length of the method, 2B of the proof, 4B of the body; of an answer 1B Failed,
// 4B length of the body. Then come the fields, then zeros.
const (
	requestHead = 1 + 2 + 4
	answerHead  = 1 + 4

	maxMethod  = 32
	maxProof   = 512
	maxRequest = requestHead + maxMethod + maxProof + dirwire.MaxRequest
	maxAnswer  = answerHead + dirwire.MaxAnswer
)

// padded returns the length of a frame with n bytes of content, at most so much.
func padded(n, most int) int {
	size := 256
	for size < n {
		size *= 4
	}
	return min(size, most)
}

// frame returns a request as it is sealed. Errors: ErrTooLong.
func (r Request) frame() ([]byte, error) {
	if len(r.Method) > maxMethod || len(r.Proof) > maxProof || len(r.Body) > dirwire.MaxRequest {
		return nil, ErrTooLong
	}
	content := requestHead + len(r.Method) + len(r.Proof) + len(r.Body)
	b := make([]byte, 0, padded(content, maxRequest))
	b = append(b, byte(len(r.Method)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Proof)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Body)))
	b = append(b, r.Method...)
	b = append(b, r.Proof...)
	b = append(b, r.Body...)
	return b[:cap(b)], nil
}

// parseRequest reads a frame. Errors wrap dirwire.ErrMalformed.
func parseRequest(b []byte) (Request, error) {
	if len(b) < requestHead {
		return Request{}, errFrame
	}
	method, proof, body := int(b[0]), int(binary.BigEndian.Uint16(b[1:])), int64(binary.BigEndian.Uint32(b[3:]))
	b = b[requestHead:]
	if method > maxMethod || proof > maxProof || body > dirwire.MaxRequest || method+proof+int(body) > len(b) {
		return Request{}, errFrame
	}
	proofEnd := method + proof
	return Request{dirwire.Method(b[:method]), string(b[method:proofEnd]), b[proofEnd : proofEnd+int(body)]}, nil
}

// frame returns an answer as it is sealed. Errors: ErrTooLong.
func (a Answer) frame() ([]byte, error) {
	if len(a.Body) > dirwire.MaxAnswer {
		return nil, ErrTooLong
	}
	b := make([]byte, answerHead, padded(answerHead+len(a.Body), maxAnswer))
	if a.Failed {
		b[0] = 1
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(a.Body)))
	b = append(b, a.Body...)
	return b[:cap(b)], nil
}

// parseAnswer reads a frame. Errors wrap dirwire.ErrMalformed.
func parseAnswer(b []byte) (Answer, error) {
	if len(b) < answerHead || b[0] > 1 {
		return Answer{}, errFrame
	}
	body := int64(binary.BigEndian.Uint32(b[1:]))
	if body > dirwire.MaxAnswer || body > int64(len(b)-answerHead) {
		return Answer{}, errFrame
	}
	return Answer{b[0] == 1, b[answerHead : answerHead+int(body)]}, nil
}

var errFrame = fmt.Errorf("the frame is %w", dirwire.ErrMalformed)
