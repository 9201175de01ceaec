package terminal

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// keyboard is a console of 20 columns; typed gives it keys and returns the lines that they end.
func keyboard(dumb bool) (c *console, out *bytes.Buffer) {
	out = &bytes.Buffer{}
	return &console{out: out, dumb: dumb, columns: func() int { return 20 }}, out
}

func TestWhatComesTakesThePlaceOfWhatIsBeingTypedWhichStandsBelowIt(t *testing.T) {
	for _, test := range []struct {
		typed, want string
		dumb        bool
	}{
		{"", "Bo: hi\n", false},
		{"hel", "hel\r\x1b[JBo: hi\nhel", false},
		{strings.Repeat("x", 20), strings.Repeat("x", 20) + "\r\x1b[JBo: hi\n" + strings.Repeat("x", 20), false},
		{strings.Repeat("好", 11), strings.Repeat("好", 11) + "\r\x1b[A\x1b[JBo: hi\n" + strings.Repeat("好", 11), false},
		{"a" + strings.Repeat("好", 10), "a" + strings.Repeat("好", 10) + "\r\x1b[A\x1b[JBo: hi\na" + strings.Repeat("好", 10), false}, // the last does not fit
		{"hel", "hel\nBo: hi\nhel", true},
	} {
		c, out := keyboard(test.dumb)
		c.feed([]byte(test.typed))
		if err := c.print("Bo: hi"); err != nil || out.String() != test.want {
			t.Errorf("after %q it writes %q, want %q: %v", test.typed, out, test.want, err)
		}
	}
}

func TestLinesAreTypedAsOnATerminalThatIsLeftToItself(t *testing.T) {
	for typed, want := range map[string][]string{
		"hello\n": {"hello"}, "one\rtwo\nthree": {"one", "two"}, "helo\x7flo\n": {"hello"}, "a 👨‍👩‍👧\x08b\n": {"a b"}, "one two\x17three\n": {"one three"}, "one\x15two\n": {"two"},
		"a\x1b[Ab\x1bOCc\x1b[1;5Dd\x1bxe\n": {"abcde"}, "\x7f\x17\x15\n": {""}, "a\tb\n": {"a b"}, "a\x01b\x04c\n": {"abc"}, "a\u009bb\n": {"ab"}, "b\xe9d\n": {"b\xe9d"},
	} {
		c, _ := keyboard(false)
		var got []string
		for i := range len(typed) { // as it may come: byte by byte
			lines, ended := c.feed([]byte{typed[i]})
			if got = append(got, lines...); ended {
				t.Errorf("%q ends at byte %d", typed, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
	c, out := keyboard(false)
	if lines, ended := c.feed([]byte("x\n\x04")); !ended || !slices.Equal(lines, []string{"x"}) {
		t.Errorf("Ctrl+D on an empty line: %q, %v", lines, ended)
	}
	out.Reset()
	c.feed([]byte("你\x7f"))
	if out.String() != "你\b \b\b \b" {
		t.Errorf("what is taken back is wiped with %q", out)
	}
}

func FuzzConsole(f *testing.F) {
	for _, s := range []string{"hello\n", "\x1b[A\x1b[", "\xe4\xbd", "a\x7f\x17\x15\x04", strings.Repeat("好", 30) + "\x7f"} {
		f.Add([]byte(s), 7)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		c, out := keyboard(false)
		at := min(max(cut, 0), len(b))
		first, ended := c.feed(b[:at])
		if !ended {
			second, _ := c.feed(b[at:])
			first = append(first, second...)
		}
		for _, l := range first {
			if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%q is a line", l)
			}
		}
		if err := c.print("x"); err != nil || !utf8.Valid(out.Bytes()) {
			t.Errorf("it writes %q: %v", out, err)
		}
	})
}
