package history

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTextIsIndexedAsWordsAndPairs(t *testing.T) {
	for text, want := range map[string]string{
		"plain words":   "plain words",
		"我爱Go语言":        " 我爱 爱 Go 语言 言",
		"好":             "  好",
		"Ünïcode näh":   " Ünïcode näh",
		"今天天气":          " 今天 天天 天气 气",
		"":              "",
		"お元気 で":         " お元 元気 気   で",
		"\xff broken 文": " \xff broken   文",
	} {
		if got := terms(text); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("%q is indexed as %q, want %q", text, got, want)
		}
	}
}

func words(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, table := range []string{memoryWords, memoryVocabulary} {
		if _, err := db.Exec(table); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func matches(t testing.TB, db *sql.DB, search string, room int64) (n int) {
	t.Helper()
	x := &wordIndex{archive: &Archive{}, db: db}
	begun := func(beginning string) []string { return x.begun(context.Background(), beginning) }
	question := match(search, room, begun)
	if question == "" {
		return 0
	}
	if err := db.QueryRow("SELECT count(*) FROM words WHERE words MATCH ?", question).Scan(&n); err != nil {
		t.Fatalf("%q asks %q: %v", search, question, err)
	}
	return n
}

func TestSearchFindsWordsAndAnyChineseCharacters(t *testing.T) {
	for _, test := range []struct {
		text, search string
		found        bool
	}{
		{"the quick brown fox", "quick fox", true},
		{"the quick brown fox", "QUI", true},
		{"the quick brown fox", "qui fox", false}, // only the last word may be a beginning
		{"the quick brown fox", `"quick brown"`, true},
		{"the quick brown fox", `"brown quick"`, false},
		{"Crème brûlée", "creme", true},
		{"今天天气很好", "天气", true},
		{"今天天气很好", "天", true},
		{"今天天气很好", "好", true},
		{"今天天气很好", "今天天气很好", true},
		{"今天天气很好", "今气", false},
		{"今天天气很好", "天气 今天", true},
		{"我爱Go语言", "爱Go语", true},
		{"我爱Go语言", `"爱Go语"`, true},
		{"我爱Go语言", `"Go语言"`, true},
		{"我爱Go语言很", `"Go语言"`, true},
		{"我爱Go语言", "go", true},
		{"お元気ですか", "元気", true},
		{"안녕하세요 세계", "녕하", true},
		{"mail me at a@b.org!", "a@b.org", true},
		{"r7 is no room", "r7", true},
		{"text", "room", false},
		{"a AND b", "AND", true},
		{"100% of it", "100%", true},
		{"1000 of it", "100%", false},
		{"100 of it", "100%", false},
		{"let us dance 🎉", "🎉", true},
		{"let us dance 🎉", "dance 🎉", true},
		{"let us dance 🎉", "🎉 danc", true},
		{"let us dance", "dance 🎉", false},
		{"dance 💃", "dance 🎉", false},
		{"coffee ☕\ufe0f now", "☕", true},
		{"coffee ☕", "☕\ufe0f", true},
		{"今天🎉很好", "今天🎉", true},
		{"今天很好", "今天🎉", false},
		{"1\ufe0f\u20e3 first", "1\ufe0f\u20e3", true},
		{"1 first", "1\ufe0f\u20e3", false},
		{"written in C++ and C", "c++", true},
		{"written in C, of course", "C++", false},
		{"p2p::Map -> p2p::Set", "->", true},
		{"a map, and a set", "->", false},
		{"f(x) is *p", "(", true},
		{"f(x) is *p", `"f(x) is *p"`, true},
		{"f(x) is p", `"f(x) is *p"`, false},
		{"wait ...", "...", true},
		{"hello there, world", "hello, (there) world!", true},
		{"the state of the art", "state-of-the-art", true},
		{"we don’t", "don't", true},
		{"ask @bob", "@bob", true},
		{"ask bob", "@bob", false},
		{"at the café/bar", "CAFE/BAR", true},
		{"text", " ", false},
	} {
		db := words(t)
		if _, err := db.Exec("INSERT INTO words (rowid, text, room) VALUES (1, ?, ?)", terms(test.text), scope(7)); err != nil {
			t.Fatal(err)
		}
		if got := matches(t, db, test.search, 7) == 1; got != test.found && len(signsOf(test.search)) == 0 {
			t.Errorf("%q is found in %q: %v", test.search, test.text, got)
		}
		if got, err := Finds(t.Context(), test.search, test.text); err != nil || got != test.found {
			t.Errorf("a search for %q would find %q: %v, %v", test.search, test.text, got, err)
		}
		if matches(t, db, test.search, 8) > 0 {
			t.Errorf("%q is found in a room where it was not said", test.search)
		}
	}
}

// A beginning finds what it did when the index itself was asked for it, whether few words begin so or many.
func TestWhatBeginsSoIsFoundByItsWordsOrByItsBeginning(t *testing.T) {
	db := words(t)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 2000 {
		text := fmt.Sprintf("abcd%s Abcde%d äbcd%d abc", strings.Repeat("xY", rng.IntN(4)), rng.IntN(60), rng.IntN(9))
		if _, err := db.Exec("INSERT INTO words (rowid, text, room) VALUES (?, ?, ?)", i+1, terms(text), scope(7)); err != nil {
			t.Fatal(err)
		}
	}
	x := &wordIndex{archive: &Archive{}, db: db}
	for beginning, few := range map[string]bool{"abcde": false, "ABCDE1": true, "abcdx": true, "abcdxyxyx": true, "abcdz": true, "abcd8 ABCDE5": true} {
		question := match(beginning, 7, nobody)
		var want int
		if err := db.QueryRow("SELECT count(*) FROM words WHERE words MATCH ?", question).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := matches(t, db, beginning, 7); got != want || strings.HasPrefix(beginning, "abcdz") != (want == 0) {
			t.Errorf("%q is found %d times, want %d", beginning, got, want)
		}
		last := strings.ToLower(beginning[strings.LastIndexByte(beginning, ' ')+1:])
		if all := x.begun(context.Background(), last); (len(all) > 0) != (few && last != "abcdz") {
			t.Errorf("%d words begin with %q", len(all), last)
		}
	}
}

// TestAnyPartOfAChineseTextIsFound cuts texts anywhere.
func TestAnyPartOfAChineseTextIsFound(t *testing.T) {
	const seed = 3
	rng := rand.New(rand.NewPCG(seed, 1))
	db := words(t)
	letters := []rune("天气很好我爱语言go1 ，")
	for i := range 200 {
		text := make([]rune, 2+rng.IntN(12))
		for j := range text {
			text[j] = letters[rng.IntN(len(letters))]
		}
		if _, err := db.Exec("INSERT OR REPLACE INTO words (rowid, text, room) VALUES (1, ?, '')", terms(string(text))); err != nil {
			t.Fatal(err)
		}
		from := rng.IntN(len(text))
		part := text[from : from+1+rng.IntN(len(text)-from)]
		for len(part) > 0 && !paired(part[0]) { // a word is found from its beginning only
			part = part[1:]
		}
		if search := string(part); match(search, 0, nobody) != "" && matches(t, db, search, 0) == 0 {
			// a Latin word in the middle is whole or the last
			t.Errorf("seed %d, text %d: %q is not found in %q as %s", seed, i, search, string(text), match(search, 0, nobody))
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{`a "b c`, `"`, `天"气`, "a*b^c:{d}", "NEAR(", "\x00", "\xff\"", "-x +y", "''"} {
		f.Add(s)
	}
	db := words(f)
	f.Fuzz(func(t *testing.T, search string) {
		if len(search) > 1000 {
			return
		}
		matches(t, db, search, 0)
		if _, err := db.Exec("INSERT OR REPLACE INTO words (rowid, text, room) VALUES (1, ?, '')", terms(search)); err != nil {
			t.Errorf("%q cannot be indexed: %v", search, err)
		}
		if n := len(terms(search)); n > 3*len(search)+8 {
			t.Errorf("%d bytes of text make %d of terms", len(search), n)
		}
	})
}

func BenchmarkFinds(b *testing.B) {
	for b.Loop() {
		if found, err := Finds(b.Context(), "quick fo", "the quick brown fox"); err != nil || !found {
			b.Fatal(found, err)
		}
	}
}

// ScanOnce has a search for signs alone look into as many texts as are read at once.
func ScanOnce(t *testing.T) {
	before := maxScanned
	maxScanned = scanAtOnce
	t.Cleanup(func() { maxScanned = before })
}
