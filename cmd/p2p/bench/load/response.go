package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"p2p/tracker/httpwire"
)

// maxResponse is the longest response that is taken, in bytes.
const maxResponse = httpwire.MaxBody + 16<<10

// errResponse is wrapped by the errors for what is no response of HTTP/1.1.
var errResponse = errors.New("no response of HTTP")

// errMore says that the response goes on.
var errMore = errors.New("the response goes on")

// response is what answers one request.
type response struct {
	status int
	body   []byte // shares the bytes that were parsed
	size   int    // of all of it
	keep   bool   // the connection can be used again
}

// parseResponse reads the response that b begins with. It returns errMore when b
// ends too soon, and eof is not set: then the server has hung up, which ends a
// body without a length. It allocates nothing, and moves the parts of a body in
// parts together, in b.
func parseResponse(b []byte, eof bool) (response, error) {
	more := errMore
	if eof {
		more = fmt.Errorf("%w: it ends too soon", errResponse)
	}
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return response{}, more
	}
	rest := b[head+4:]
	line, fields, _ := bytes.Cut(b[:head+2], []byte("\r\n"))
	// HTTP/1.1 200 OK
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return response{}, fmt.Errorf("%w: it begins with another line", errResponse)
	}
	status, err := number(line[9:12], 10)
	if err != nil {
		return response{}, err
	}
	answer := response{status: status, keep: line[7] == '1'}
	length, chunked, err := answer.header(fields)
	switch {
	case err != nil:
		return response{}, err
	case chunked:
		body, used, ok, err := joinChunks(rest)
		if err != nil {
			return response{}, err
		}
		if !ok {
			return response{}, more
		}
		answer.body, answer.size = body, head+4+used
	case length > len(rest):
		return response{}, more
	case length >= 0:
		answer.body, answer.size = rest[:length], head+4+length
	case !eof:
		return response{}, errMore
	default:
		answer.body, answer.size, answer.keep = rest, len(b), false
	}
	return answer, nil
}

// header reads the fields; each ends with a line break.
func (r *response) header(fields []byte) (length int, chunked bool, err error) {
	length = -1
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "Content-Length"):
			if length, err = number(value, 10); err != nil {
				return 0, false, err
			}
		case is(name, "Connection"):
			r.keep = r.keep && !is(value, "close")
		case is(name, "Transfer-Encoding"):
			chunked = is(value, "chunked")
		}
	}
	return length, chunked, nil
}

// joinChunks moves the parts of a body to the front of b, once all are there.
func joinChunks(b []byte) (body []byte, used int, ok bool, err error) {
	for move := range 2 { // first look whether all is there: what was moved cannot be read again
		body, used = b[:0], 0
		for {
			line, rest, found := bytes.Cut(b[used:], []byte("\r\n"))
			if !found {
				return nil, 0, false, nil
			}
			digits, _, _ := bytes.Cut(line, []byte(";"))
			n, err := number(bytes.TrimSpace(digits), 16)
			if err != nil {
				return nil, 0, false, err
			}
			if len(rest) < n+2 {
				return nil, 0, false, nil
			}
			used += len(line) + 2 + n + 2
			if n == 0 {
				break
			}
			if move == 1 {
				body = append(body, rest[:n]...)
			}
		}
	}
	return body, used, true, nil
}

// number reads a number that is no longer than a body may be.
func number(b []byte, base int) (int, error) {
	n, err := strconv.ParseUint(string(b), base, 32)
	if err != nil || n > httpwire.MaxBody {
		return 0, fmt.Errorf("%w: a number of %d digits", errResponse, len(b))
	}
	return int(n), nil
}

// is reports whether b says word, which is ASCII, in any case.
func is(b []byte, word string) bool {
	return len(b) == len(word) && bytes.EqualFold(b, []byte(word))
}
