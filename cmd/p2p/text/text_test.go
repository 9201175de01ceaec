package text_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"p2p/cmd/p2p/text"
)

func TestBothLanguagesHaveTheSameKeys(t *testing.T) {
	en, zh := text.English(), text.Chinese()
	if en.Keys() < 100 {
		t.Fatalf("only %d keys were read", en.Keys())
	}
	en.Each(func(key, _ string) {
		if _, ok := zh.Message(key); !ok {
			t.Errorf("zh.txt lacks %s", key)
		}
	})
	zh.Each(func(key, _ string) {
		if _, ok := en.Message(key); !ok {
			t.Errorf("en.txt lacks %s", key)
		}
	})
}

var verb = regexp.MustCompile(`%(\[\d+\])?[-+# 0]*\d*(\.\d+)?[a-z]`)

// verbs returns the verbs of a message by the argument that each takes, so that
// a language may put them in another order.
func verbs(message string) []string {
	var found []string
	for i, v := range verb.FindAllString(strings.ReplaceAll(message, "%%", ""), -1) {
		if !strings.HasPrefix(v, "%[") {
			v = "%[" + strconv.Itoa(i+1) + "]" + v[1:]
		}
		found = append(found, v)
	}
	slices.Sort(found)
	return found
}

func TestBothLanguagesTakeTheSameArguments(t *testing.T) {
	zh := text.Chinese()
	text.English().Each(func(key, en string) {
		other, _ := zh.Message(key)
		if a, b := verbs(en), verbs(other); !slices.Equal(a, b) {
			t.Errorf("%s takes %v in English and %v in Chinese", key, a, b)
		}
	})
}

func TestMessagesAreNeitherEmptyNorRepeated(t *testing.T) {
	for _, c := range []*text.Catalogue{text.English(), text.Chinese()} {
		c.Each(func(key, message string) {
			if strings.TrimSpace(message) == "" {
				t.Errorf("%s: %s is empty", c.Lang(), key)
			}
		})
	}
	for _, name := range []string{"en.txt", "zh.txt"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(string(b)) {
			key, _, found := strings.Cut(line, " =")
			if !found || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "#") {
				if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#") {
					t.Errorf("%s: cannot read %q", name, line)
				}
				continue
			}
			if seen[key] {
				t.Errorf("%s: %s is there twice", name, key)
			}
			seen[key] = true
		}
	}
}

// literals returns every string constant in the program's sources that is not
// part of a test.
func literals(t *testing.T) map[string]bool {
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s, err := strconv.Unquote(lit.Value)
				found[s] = err == nil
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryMessageIsUsed(t *testing.T) {
	used := literals(t)
	text.English().Each(func(key, _ string) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(key, text.Inside), ".one"), ".many")
		if !used[key] && !used[base] {
			t.Errorf("nothing uses %s", key)
		}
	})
}

// A constant that looks like a key is one: its first word is the first word of
// a key that exists.
func TestEveryKeyInTheSourcesExists(t *testing.T) {
	en, groups := text.English(), map[string]bool{}
	en.Each(func(key, _ string) {
		if group, _, ok := strings.Cut(key, "."); ok {
			groups[group] = true
		}
	})
	looksLikeKey := regexp.MustCompile(`^([a-z]+)(\.[a-z0-9_]+)+$`)
	for s := range literals(t) {
		m := looksLikeKey.FindStringSubmatch(s)
		if m == nil || !groups[m[1]] {
			continue
		}
		_, single := en.Message(s)
		_, plural := en.Message(s + ".many")
		if !single && !plural {
			t.Errorf("no message for %s", s)
		}
	}
}

func TestTheLanguageFollowsTheFlagThenTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		flag   string
		env    map[string]string
		system string
		want   string
	}{
		{"zh", map[string]string{"LANG": "en_GB.UTF-8"}, "", "zh"},
		{"en", map[string]string{"LANG": "zh_CN.UTF-8"}, "", "en"},
		{"auto", map[string]string{"LANG": "zh_CN.UTF-8"}, "", "zh"},
		{"", map[string]string{"LANG": "zh_TW"}, "", "zh"},
		{"auto", map[string]string{"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "", "en"},
		{"auto", map[string]string{"LC_MESSAGES": "zh_CN", "LANG": "de_DE"}, "", "zh"},
		{"auto", map[string]string{"LANG": "de_DE"}, "zh-CN", "en"},
		{"auto", nil, "zh-CN", "zh"},
		{"auto", nil, "", "en"},
	} {
		got, err := text.Choose(c.flag, func(name string) string { return c.env[name] }, c.system)
		if err != nil || got.Lang() != c.want {
			t.Errorf("Choose(%q, %v, %q) = %s, %v; want %s", c.flag, c.env, c.system, got.Lang(), err, c.want)
		}
	}
	if _, err := text.Choose("fr", func(string) string { return "" }, ""); err == nil {
		t.Error("--lang fr is accepted")
	}
}

func TestMessagesMayHaveSeveralLines(t *testing.T) {
	if m := text.English().Say("topic.units.long"); strings.Count(m, "\n") < 5 || strings.HasSuffix(m, "\n") {
		t.Errorf("topic.units.long = %q", m)
	}
}

func TestStrangersCannotPlayTricksOnTheTerminal(t *testing.T) {
	const bad = "\uFFFD"
	for in, want := range map[string]string{
		"数据集 – déjà vu.mkv":      "数据集 – déjà vu.mkv",
		"\x1b[2J\x1b]0;root\x07": bad + "[2J" + bad + "]0;root" + bad,
		"a\nb\tc\rd":             "a b c d",
		"photo\u202egpj.exe":     "photo" + bad + "gpj.exe",
		"zero\u200bwidth\ufeff":  "zero" + bad + "width" + bad,
		"\xff\xfe":               bad + bad,
		"\u009b31m":              bad + "31m",
		"line\u2028separator":    "line" + bad + "separator",
		"👩\u200d👩\u200d👧 می\u200cخواهم": "👩\u200d👩\u200d👧 می\u200cخواهم",
	} {
		if got := text.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestInsideTheTerminalCommandsBeginWithASlashAndTheRestIsTheSame(t *testing.T) {
	for _, c := range []*text.Catalogue{text.English(), text.Chinese()} {
		inside, n := c.ForTerminal(), 0
		c.Each(func(key, message string) {
			elsewhere, is := strings.CutPrefix(key, text.Inside)
			if !is {
				return
			}
			n++
			plain, known := c.Message(elsewhere)
			if !known || !slices.Equal(slices.Compact(verbs(plain)), slices.Compact(verbs(message))) {
				t.Errorf("%s: %s has other verbs than %s: %q, %q", c.Lang(), key, elsewhere, message, plain)
			}
			if strings.Contains(message, "p2p ") || inside.Say(elsewhere) != message || c.Say(elsewhere) != plain {
				t.Errorf("%s: inside %s is %q, outside %q", c.Lang(), elsewhere, inside.Say(elsewhere), c.Say(elsewhere))
			}
		})
		if n == 0 || inside.Say("reason.stopping") != c.Say("reason.stopping") {
			t.Errorf("%s: %d messages are said otherwise", c.Lang(), n)
		}
	}
}
