package emoji_test

import (
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"p2p/cmd/p2p/emoji"
)

func TestWhatIsOneEmoji(t *testing.T) {
	for s, want := range map[string]string{
		"👍": "👍", " 👍 ": "👍", "👍🏽": "👍🏽", "❤️": "❤️", "❤": "❤", "👨‍👩‍👧‍👦": "👨‍👩‍👧‍👦", "🇨🇭": "🇨🇭", "🏴󠁧󠁢󠁳󠁣󠁴󠁿": "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣": "1️⃣", "‼️": "‼️", "©️": "©️",
		"\U0001faef": "\U0001faef", ":tada:": "🎉", ":tada": "🎉", ":+1:": "👍",
		"": "", ":": "", "::": "", ":no such thing:": "", "ok": "", "x": "", "1": "", "好": "", "+1": "", "👍👍": "", "👍 yes": "", "🇨": "", "\u200d": "", "\ufe0f": "",
		"👍\u0301": "", "👍\u0301\u0302\u0303": "", "1\u20e3\u20e3": "", "\xff": "", "°": "", "\u202e👍": "",
	} {
		got, is := emoji.Of(s)
		if !is {
			got = ""
		}
		if got != want {
			t.Errorf("of %q (%x) comes %q, want %q", s, s, got, want)
		}
	}
}

func TestEveryEmojiWithANameIsOne(t *testing.T) {
	for _, name := range emoji.Names() {
		symbol, is := emoji.Of(name)
		if _, alone := emoji.Of(symbol); !is || !alone {
			t.Errorf("%s is %q (%x), and that none", name, symbol, symbol)
		}
	}
	if !slices.IsSorted(emoji.Names()) {
		t.Error("the names are not sorted")
	}
}

func FuzzOf(f *testing.F) {
	for _, s := range []string{"👍", ":tada:", "👨‍👩‍👧‍👦", "🇨🇭", "x\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e, is := emoji.Of(s); is && (uniseg.GraphemeClusterCount(e) != 1 || !utf8.ValidString(e)) {
			t.Errorf("%q is one: %q", s, e)
		}
	})
}
