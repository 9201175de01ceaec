package httpfront

import "bytes"

// head is the head of a request that the fast loop answers: a GET without a
// body. Its slices share the memory that it was read from.
type head struct {
	target    []byte // origin form, "/path?query"
	forwarded []byte // the last X-Forwarded-For, nil without one
	close     bool   // no other request is to follow
	size      int    // bytes, with the empty line
}

// verdict is what parseHead thinks of some bytes.
type verdict int

const (
	incomplete verdict = iota // could become any of the others
	simple                    // a head that the fast loop understands
	other                     // for net/http to judge
)

// parseHead reads the head of one request from the start of b. What it calls
// simple is what net/http would understand in the same way. Everything unusual
// is other, above all what two programs could read differently, a body or a
// header that is almost one: behind a proxy, such a difference lets one client
// write the request of the next.
func parseHead(b []byte) (h head, v verdict) {
	line, rest, v := cutLine(b)
	if v != simple {
		return h, v
	}
	var old, ok bool
	if h.target, old, ok = parseRequestLine(line); !ok {
		return h, other
	}
	h.close = old
	hosts := 0
	for {
		line, rest, v = cutLine(rest)
		switch {
		case v != simple:
			return h, v
		case len(line) > 0:
			if !h.header(line, &hosts) {
				return h, other
			}
			continue
		case hosts != 1 && !old || hosts > 1:
			return h, other
		}
		h.size = len(b) - len(rest)
		return h, simple
	}
}

// cutLine cuts the first line off b, without its CR LF. A line that ends or
// breaks in another way is other.
func cutLine(b []byte) (line, rest []byte, v verdict) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return nil, nil, incomplete
	}
	if end == 0 || bytes.IndexByte(b[:end], '\r') != end-1 {
		return nil, nil, other
	}
	return b[:end-1], b[end+1:], simple
}

// parseRequestLine reads "GET /path?query HTTP/1.1". Old is version 1.0, which
// closes the connection after each answer.
func parseRequestLine(line []byte) (target []byte, old, ok bool) {
	target, ok = bytes.CutPrefix(line, []byte("GET "))
	if !ok {
		return nil, false, false
	}
	version := " HTTP/1.1"
	if bytes.HasSuffix(target, []byte(" HTTP/1.0")) {
		version, old = " HTTP/1.0", true
	}
	target, ok = bytes.CutSuffix(target, []byte(version))
	if !ok || len(target) == 0 || target[0] != '/' || bytes.IndexByte(target, ' ') >= 0 {
		return nil, false, false
	}
	return target, old, true
}

// header takes one header line and reports whether it is one that the fast loop
// may answer.
func (h *head) header(line []byte, hosts *int) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	name, value := line[:colon], line[colon+1:]
	for _, c := range name {
		if !nameBytes[c] {
			return false // above all a space before the colon, and folded lines
		}
	}
	switch len(name) {
	case len("Host"):
		if equalFold(name, "host") {
			*hosts++
		}
	case len("Expect"):
		return !equalFold(name, "expect")
	case len("Upgrade"):
		return !equalFold(name, "upgrade") && !equalFold(name, "trailer")
	case len("Connection"):
		if equalFold(name, "connection") {
			return h.connection(bytes.Trim(value, " \t"))
		}
	case len("Content-Length"):
		return !equalFold(name, "content-length")
	case len("X-Forwarded-For"):
		if equalFold(name, "x-forwarded-for") {
			h.forwarded = value
		}
	case len("Transfer-Encoding"):
		return !equalFold(name, "transfer-encoding")
	}
	return true
}

// connection takes the value of a Connection header, if it is one of the two
// that clients send.
func (h *head) connection(value []byte) bool {
	switch {
	case equalFold(value, "close"):
		h.close = true
	case !equalFold(value, "keep-alive"):
		return false
	}
	return true
}

// equalFold reports whether b is lower, a lower-case word, in any case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// nameBytes are the bytes that the name of a header is made of, "tchar" of RFC
// 9110, section 5.6.2.
var nameBytes = func() (set [256]bool) {
	for c := range set {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		set[c] = letter || c >= '0' && c <= '9'
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		set[c] = true
	}
	return set
}()
