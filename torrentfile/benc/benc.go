package benc

import (
	"fmt"
	"iter"

	"github.com/anacrolix/torrent/bencode"
)

// Raw is the undecoded bencode of one value. As a field of a struct it takes
// whatever value stands there, a copy; when encoded it is written as it is and
// must not be empty (use omitempty).
type Raw = bencode.Bytes

// Unmarshal decodes b, which must be one value and nothing else, into what v
// points to. Struct fields are named by the tag `bencode:"key,omitempty"`; keys
// without a field are ignored. A value of the wrong type is an error, of which
// no more is promised than its text; malformed input and input past the limits
// give a *SyntaxError.
func Unmarshal(b []byte, v any, limits Limits) error {
	if err := scanAll(b, limits); err != nil {
		return err
	}
	return decode(b, v)
}

// UnmarshalPrefix is Unmarshal for input that goes on after the value, as the
// messages of ut_metadata (BEP 9) do. It returns what follows, a slice of b.
func UnmarshalPrefix(b []byte, v any, limits Limits) (rest []byte, err error) {
	n, err := scan(b, limits)
	if err != nil {
		return nil, err
	}
	return b[n:], decode(b[:n], v)
}

// decode hands scanned input to the decoder, which panics where reflection
// meets something that it did not expect. What a stranger sends must not end
// the program, so a panic becomes an error.
func decode(b []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decode bencode: %v", r)
		}
	}()
	if err := bencode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode bencode: %w", err)
	}
	return nil
}

// Marshal encodes v: integers, strings, byte slices, slices, maps with string
// keys, structs and Raw. Dictionaries come out sorted, as BEP 3 demands.
func Marshal(v any) ([]byte, error) {
	b, err := bencode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode bencode: %w", err)
	}
	return b, nil
}

// Pick returns the undecoded values of keys in the dictionary b, in the order of
// keys: slices of b, nil where the key is absent. It allocates nothing else. A
// wanted key that appears twice is an error, since programs disagree about which
// one counts. Malformed input, or a value that is not a dictionary, gives a
// *SyntaxError.
func Pick(b []byte, limits Limits, keys ...string) ([][]byte, error) {
	if err := scanAll(b, limits); err != nil {
		return nil, err
	}
	if b[0] != 'd' {
		return nil, &SyntaxError{0, "not a dictionary"}
	}
	values := make([][]byte, len(keys))
	for pos := 1; b[pos] != 'e'; {
		start := pos
		key, rest := text(b[pos:])
		pos = len(b) - len(rest)
		n := size(b[pos:])
		for i, want := range keys {
			if string(key) != want {
				continue
			}
			if values[i] != nil {
				return nil, &SyntaxError{start, fmt.Sprintf("dictionary key %q appears twice", want)}
			}
			values[i] = b[pos : pos+n : pos+n]
		}
		pos += n
	}
	return values, nil
}

// Items returns the undecoded values of the list b in order: slices of b.
// Malformed input, or a value that is not a list, gives a *SyntaxError.
func Items(b []byte, limits Limits) (iter.Seq[[]byte], error) {
	if err := scanAll(b, limits); err != nil {
		return nil, err
	}
	if b[0] != 'l' {
		return nil, &SyntaxError{0, "not a list"}
	}
	return func(yield func([]byte) bool) {
		for pos := 1; b[pos] != 'e'; {
			n := size(b[pos:])
			if !yield(b[pos : pos+n : pos+n]) {
				return
			}
			pos += n
		}
	}, nil
}

// String returns the contents of the string b, a slice of b, or false when b
// holds anything else.
func String(b []byte) ([]byte, bool) {
	if len(b) == 0 || b[0] < '0' || b[0] > '9' || scanAll(b, Limits{}) != nil {
		return nil, false
	}
	s, _ := text(b)
	return s, true
}

// Int returns the number b, or false when b holds anything else.
func Int(b []byte) (n int64, ok bool) {
	if len(b) == 0 || b[0] != 'i' {
		return 0, false
	}
	err := Unmarshal(b, &n, Limits{})
	return n, err == nil
}

// text splits scanned input that starts with a string into the string and what
// follows.
func text(b []byte) (s, rest []byte) {
	n, i := 0, 0
	for ; b[i] != ':'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	b = b[i+1:]
	return b[:n:n], b[n:]
}

// size returns the length of the first value of scanned input.
func size(b []byte) int {
	depth, pos := 0, 0
	for {
		switch b[pos] {
		case 'd', 'l':
			depth++
			pos++
		case 'e':
			depth--
			pos++
		case 'i':
			for pos++; b[pos] != 'e'; pos++ {
			}
			pos++
		default:
			_, rest := text(b[pos:])
			pos = len(b) - len(rest)
		}
		if depth == 0 {
			return pos
		}
	}
}
