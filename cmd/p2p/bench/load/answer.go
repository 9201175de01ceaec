package load

import (
	"bytes"
	"errors"

	"p2p/tracker/wire"
)

// errAnswer is what is wrong with a body that is no answer.
var errAnswer = errors.New("not bencode")

// maxDepth bounds the nesting of an answer: scrapes have three levels.
const maxDepth = 8

// verdict is what an answer over HTTP says.
type verdict struct {
	failed bool // it has a failure reason
	files  bool // it is the answer to a scrape
	told   bool // it has a list of peers
	peers  int
}

// judge reads the body of an answer (BEP 3, 7, 23, 48) without allocating: it
// runs once for each request.
func judge(body []byte) (verdict, error) {
	var v verdict
	if len(body) == 0 || body[0] != 'd' {
		return v, errAnswer
	}
	rest := body[1:]
	for {
		if len(rest) == 0 {
			return v, errAnswer
		}
		if rest[0] == 'e' {
			return v, nil
		}
		key, after, ok := cutString(rest)
		if !ok {
			return v, errAnswer
		}
		end, ok := skip(after, maxDepth)
		if !ok {
			return v, errAnswer
		}
		if err := v.note(key, after[:end]); err != nil {
			return v, err
		}
		rest = after[end:]
	}
}

// note takes one pair of the dictionary.
func (v *verdict) note(key, value []byte) error {
	switch string(key) {
	case "failure reason", "failure_reason":
		v.failed = true
	case "files":
		v.files = value[0] == 'd'
	case "peers":
		return v.list(value, wire.IPv4)
	case "peers6":
		return v.list(value, wire.IPv6)
	}
	return nil
}

// list counts peers, in either form.
func (v *verdict) list(value []byte, f wire.Family) error {
	v.told = true
	if value[0] == 'l' {
		for rest := value[1:]; rest[0] != 'e'; v.peers++ {
			end, _ := skip(rest, maxDepth) // it has been read once
			rest = rest[end:]
		}
		return nil
	}
	compact, _, ok := cutString(value)
	if !ok || len(compact)%f.PeerSize() != 0 {
		return errAnswer
	}
	v.peers += len(compact) / f.PeerSize()
	return nil
}

// cutString reads a string, and returns what follows it.
func cutString(b []byte) (s, rest []byte, ok bool) {
	n, digits := 0, 0
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' {
		if n = n*10 + int(b[digits]-'0'); n > len(b) {
			return nil, nil, false
		}
		digits++
	}
	if digits == 0 || digits >= len(b) || b[digits] != ':' || n > len(b)-digits-1 {
		return nil, nil, false
	}
	return b[digits+1:][:n], b[digits+1+n:], true
}

// skip returns the length of the value that b begins with.
func skip(b []byte, depth int) (int, bool) {
	if len(b) == 0 || depth == 0 {
		return 0, false
	}
	switch b[0] {
	case 'i':
		end := bytes.IndexByte(b, 'e')
		return end + 1, end > 1
	case 'd', 'l':
		at := 1
		for at < len(b) && b[at] != 'e' {
			n, ok := skip(b[at:], depth-1)
			if !ok {
				return 0, false
			}
			at += n
		}
		return at + 1, at < len(b)
	}
	_, rest, ok := cutString(b)
	return len(b) - len(rest), ok
}
