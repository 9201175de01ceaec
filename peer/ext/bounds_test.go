package ext_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"p2p/peer/ext"
)

func TestAnAllowanceComesBackOneByOne(t *testing.T) {
	a := ext.Allowance{Most: 3, Every: time.Minute}
	take := func(now time.Time, want int) {
		t.Helper()
		n := 0
		for a.Take(now) {
			n++
		}
		if n != want || a.Has(now) || a.Full(now) {
			t.Errorf("%d could be taken at %v, want %d", n, now, want)
		}
	}
	if !a.Full(noon) {
		t.Error("a new one is not full")
	}
	take(noon, 3)
	take(noon.Add(90*time.Second), 1)
	take(noon.Add(2*time.Minute), 1)
	take(noon.Add(time.Hour), 3)
	if !a.Full(noon.Add(64 * time.Minute)) {
		t.Error("it never comes back")
	}
	if (&ext.Allowance{}).Take(noon) {
		t.Error("the zero value allows something")
	}
}

func TestALineIsSafeToShow(t *testing.T) {
	for _, c := range []struct {
		s    string
		most int
		want string
	}{
		{"", 5, ""}, {"李雷", 6, "李雷"}, {"李雷", 5, "李"}, {"a\x1b[31mb\n\u2028c", 20, "a [31mb  c"}, {"a\u202eb", 9, "ab"},
		{"\xff", 9, "\uFFFD"}, {"👨\u200d👩", 20, "👨\u200d👩"}, {"abc", 0, ""}, {"\x9b\u009b", 9, "\uFFFD "},
	} {
		if got := ext.Line(c.s, c.most); got != c.want {
			t.Errorf("%q is %q, want %q", c.s, got, c.want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1b\u202e\xff", 3)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = max(0, most)
		got := ext.Line(s, most)
		if len(got) > most || !utf8.ValidString(got) || ext.Line(got, most) != got {
			t.Errorf("%q is %q", s, got)
		}
	})
}
