package benc

import (
	"bytes"
	"fmt"
	"math"
)

// MaxDepth is the deepest nesting of lists and dictionaries that is ever
// accepted. A torrent needs 6 levels and a version 2 file tree one more for each
// folder; the decoder recurses once per level, and running out of stack cannot
// be recovered from in Go.
const MaxDepth = 64

// DefaultTokens is the number of values that Limits allows when it does not say.
// It suits the messages of trackers and peers, where one peer takes a few.
const DefaultTokens = 100_000

// Limits bounds what is accepted. The zero value suits messages of trackers and
// peers; a torrent file needs more tokens.
type Limits struct {
	// Size is the most bytes that the input may have; 0 means no limit beyond
	// the length of the slice itself.
	Size int
	// Depth is the deepest nesting, 1 to MaxDepth; 0 means MaxDepth.
	Depth int
	// Tokens is the most values, keys and containers; 0 means DefaultTokens. A
	// decoded token costs some 50 bytes however few it took in the input, so
	// this is the bound on memory.
	Tokens int
}

func (l Limits) withDefaults() Limits {
	if l.Size <= 0 {
		l.Size = math.MaxInt
	}
	if l.Depth <= 0 || l.Depth > MaxDepth {
		l.Depth = MaxDepth
	}
	if l.Tokens <= 0 {
		l.Tokens = DefaultTokens
	}
	return l
}

// SyntaxError says where and why the input is not bencode, or goes past Limits.
type SyntaxError struct {
	Offset int    // bytes from the start of the input
	Reason string // lower case, without the offset
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("bencode: %s at offset %d", e.Reason, e.Offset)
}

// frame is one open list or dictionary.
type frame struct {
	dict bool
	key  []byte // the last key of a dictionary; nil before the first
	want bool   // that key still waits for its value
}

// scanner walks over one value. Its stack has a fixed size, so no input can
// make it allocate.
type scanner struct {
	b      []byte
	pos    int
	limits Limits
	tokens int
	stack  [MaxDepth]frame
	depth  int
}

// scan checks the first value in b and returns how many bytes it takes.
func scan(b []byte, limits Limits) (int, error) {
	s := scanner{b: b, limits: limits.withDefaults()}
	if len(b) > s.limits.Size {
		return 0, s.fail(s.limits.Size, "longer than the limit of %d bytes", s.limits.Size)
	}
	for {
		if err := s.next(); err != nil {
			return 0, err
		}
		if s.depth == 0 {
			return s.pos, nil
		}
	}
}

// scanAll is scan for input that must be one value and nothing else.
func scanAll(b []byte, limits Limits) error {
	n, err := scan(b, limits)
	if err != nil {
		return err
	}
	if n != len(b) {
		return &SyntaxError{n, fmt.Sprintf("%d bytes after the end", len(b)-n)}
	}
	return nil
}

func (s *scanner) fail(offset int, format string, args ...any) error {
	return &SyntaxError{offset, fmt.Sprintf(format, args...)}
}

// next takes one token: a number, a string, or the start or end of a container.
func (s *scanner) next() error {
	if s.pos == len(s.b) {
		return s.fail(s.pos, "unexpected end")
	}
	c := s.b[s.pos]
	if c == 'e' {
		return s.leave()
	}
	if s.tokens++; s.tokens > s.limits.Tokens {
		return s.fail(s.pos, "more than %d values", s.limits.Tokens)
	}
	if s.depth > 0 && s.stack[s.depth-1].dict && !s.stack[s.depth-1].want {
		return s.key()
	}
	switch {
	case c == 'd' || c == 'l':
		return s.enter(c == 'd')
	case c == 'i':
		if err := s.integer(); err != nil {
			return err
		}
	case c >= '0' && c <= '9':
		if _, err := s.str(); err != nil {
			return err
		}
	default:
		return s.fail(s.pos, "unexpected character %q", c)
	}
	s.valueDone()
	return nil
}

// valueDone notes that the innermost dictionary has got the value of its key.
func (s *scanner) valueDone() {
	if s.depth > 0 {
		s.stack[s.depth-1].want = false
	}
}

func (s *scanner) enter(dict bool) error {
	if s.depth == s.limits.Depth {
		return s.fail(s.pos, "nested deeper than %d levels", s.limits.Depth)
	}
	s.stack[s.depth] = frame{dict: dict}
	s.depth++
	s.pos++
	return nil
}

func (s *scanner) leave() error {
	if s.depth == 0 {
		return s.fail(s.pos, "unexpected end of a list or dictionary")
	}
	if s.stack[s.depth-1].want {
		return s.fail(s.pos, "dictionary key %s has no value", quote(s.stack[s.depth-1].key))
	}
	s.depth--
	s.pos++
	s.valueDone()
	return nil
}

// key takes the key of a dictionary. BEP 3: "Keys must be strings and appear in
// sorted order". Order is not enforced, as torrents without it are in use, but a
// key that repeats the one before it is refused: decoders disagree about which
// of the two counts.
func (s *scanner) key() error {
	start, top := s.pos, &s.stack[s.depth-1]
	if c := s.b[s.pos]; c < '0' || c > '9' {
		return s.fail(start, "dictionary key is not a string")
	}
	key, err := s.str()
	if err != nil {
		return err
	}
	if top.key != nil && bytes.Equal(top.key, key) {
		return s.fail(start, "dictionary key %s appears twice", quote(key))
	}
	top.key, top.want = key, true
	return nil
}

// integer takes i<digits>e. BEP 3: "i-0e is invalid. All encodings with a
// leading zero, such as i03e, are invalid, other than i0e". Values outside 64
// bits are refused too: nothing in BitTorrent needs them.
func (s *scanner) integer() error {
	start := s.pos
	s.pos++
	negative := s.pos < len(s.b) && s.b[s.pos] == '-'
	if negative {
		s.pos++
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	n, err := s.digits('e', limit)
	if err != nil {
		return err
	}
	if negative && n == 0 {
		return s.fail(start, "negative zero")
	}
	return nil
}

// str takes <length>:<bytes> and returns the bytes, which are never nil.
func (s *scanner) str() ([]byte, error) {
	start := s.pos
	n, err := s.digits(':', math.MaxInt64)
	if err != nil {
		return nil, err
	}
	if left := len(s.b) - s.pos; n > uint64(left) {
		return nil, s.fail(start, "string of %d bytes where %d are left", n, left)
	}
	str := s.b[s.pos : s.pos+int(n) : s.pos+int(n)]
	s.pos += int(n)
	return str, nil
}

// digits takes a decimal number of at most limit and the character after it.
func (s *scanner) digits(end byte, limit uint64) (uint64, error) {
	start := s.pos
	var n uint64
	for ; s.pos < len(s.b); s.pos++ {
		c := s.b[s.pos]
		if c == end && s.pos > start {
			s.pos++
			return n, nil
		}
		if c < '0' || c > '9' {
			return 0, s.fail(s.pos, "unexpected character %q in a number", c)
		}
		if s.pos > start && n == 0 {
			return 0, s.fail(start, "number with a leading zero")
		}
		d := uint64(c - '0')
		if n > (limit-d)/10 {
			return 0, s.fail(start, "number is too large")
		}
		n = n*10 + d
	}
	return 0, s.fail(s.pos, "unexpected end")
}

// quote renders a key for an error message: it is a stranger's text, so it is
// escaped and cut short.
func quote(key []byte) string {
	const most = 40
	if len(key) > most {
		return fmt.Sprintf("%q...", key[:most])
	}
	return fmt.Sprintf("%q", key)
}
