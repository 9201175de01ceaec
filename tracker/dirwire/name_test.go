package dirwire_test

import (
	"errors"
	"strings"
	"testing"

	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

func TestNamesOfTheWorldAreNames(t *testing.T) {
	for _, name := range []string{
		"alice", "Zoë", "al", "j.doe-3_x", "小明", "小明abc", "たろうさん", "한글이름", "Ольга", "Αθηνά", "محمد", "שרה", "हिन्दी", "สมชาย",
		"4chan", "2024", "007", "3.14", "小明2", "2小明", "שרה2", "محمد7", strings.Repeat("x", 32), strings.Repeat("長", 32), "ａｌｉｃｅ", " bob ",
	} {
		if _, err := dirwire.ParseName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestARuleThatIsBrokenIsNamed(t *testing.T) {
	for name, rule := range map[string]dirwire.NameRule{
		"": dirwire.NameLength, "a": dirwire.NameLength, strings.Repeat("x", 33): dirwire.NameLength, strings.Repeat("x", 1<<20): dirwire.NameLength,
		"a\xffb": dirwire.NameLength, "a b": dirwire.NameCharacters, "a\x1b[2J": dirwire.NameCharacters, "a\u202eb": dirwire.NameCharacters,
		"a\u200bb": dirwire.NameCharacters, "al😀": dirwire.NameCharacters, "a/b": dirwire.NameCharacters, "٣٤٥": dirwire.NameCharacters,
		".alice": dirwire.NameSeparators, "alice-": dirwire.NameSeparators, "a..b": dirwire.NameSeparators, "a._b": dirwire.NameSeparators,
		"--": dirwire.NameSeparators, "z" + strings.Repeat("\u0323\u0324\u0325\u0326", 3): dirwire.NameSeparators,
		"аlice": dirwire.NameScripts, "pаypal": dirwire.NameScripts, "αlice": dirwire.NameScripts, "Ольгаx": dirwire.NameScripts,
		"admin": dirwire.NameReserved, "ADMIN": dirwire.NameReserved, "adm1n": dirwire.NameReserved, "Ｒｏｏｔ": dirwire.NameReserved, "r00t": dirwire.NameReserved,
		"ab.שרה": dirwire.NameScripts, "12שרה3.": dirwire.NameSeparators,
		"2שרה": dirwire.NameDirection, "7محمد": dirwire.NameDirection,
	} {
		var broken *dirwire.NameError
		if _, err := dirwire.ParseName(name); !errors.As(err, &broken) || broken.Rule != rule || broken.Error() == "" {
			t.Errorf("%.40q: %v; want %s", name, err, rule)
		}
	}
}

func TestNamesThatLookAlikeShareAKey(t *testing.T) {
	for _, same := range [][]string{
		{"Paul", "paul", "PAUL", "pauI", "pau1", "ｐａｕｌ"}, {"bob", "b0b", "BOB"}, {"оса", "oca"}, {"zoë", "zoe\u0308"}, {"Straße", "STRASSE"},
	} {
		first, err := dirwire.ParseName(same[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range same[1:] {
			n, err := dirwire.ParseName(name)
			if err != nil || n.Key() != first.Key() {
				t.Errorf("%q and %q are two, %v", same[0], name, err)
			}
		}
	}
	alice, _ := dirwire.ParseName("alice")
	looks, _ := dirwire.ParseName("aIice")
	upper, _ := dirwire.ParseName("ALICE")
	if alice.Same(looks) || !alice.Same(upper) {
		t.Error("a name that only looks the same is the same")
	}
}

func TestTextsThatLookAlikeHaveOneSkeleton(t *testing.T) {
	for _, s := range []string{"Alice", "aIice", "al1ce", "ali\u200bce", " alice ", "a.l-i_c e", "аlісе", "ａｌｉｃｅ"} {
		if dirwire.Skeleton(s) != dirwire.Skeleton("alice") {
			t.Errorf("%q is told from alice", s)
		}
	}
	for _, s := range []string{"alicia", "alice2", "小明", ""} {
		if dirwire.Skeleton(s) == dirwire.Skeleton("alice") {
			t.Errorf("%q is taken for alice", s)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"alice", "Zoë", "小明", "a\u0308\u0308b", "İstanbul", "ŉa", "ﬃx", "ﷺﷺ", "ΐΰ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := dirwire.ParseName(s)
		if err != nil {
			return
		}
		again, err := dirwire.ParseName(n.String())
		if err != nil || again != n {
			t.Errorf("%q is %q, and that is %q, %v", s, n, again, err)
		}
		if err := ledger.CheckEntry(n.Key(), nil); err != nil {
			t.Errorf("the key of %q is %q: %v", s, n.Key(), err)
		}
	})
}
