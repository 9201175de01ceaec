package terminal

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// iTerm2 and kitty write a backslash before what a shell would read, GNOME Terminal and Konsole quotes around, file managers copy URLs.
func TestAPathIsTakenAsTerminalsPasteIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there a backslash separates folders")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	for _, name := range []string{"a (1).txt", "it's.txt", `back\slash`, "'quoted'", `say "hi"`, "100%"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for typed, want := range map[string]string{
		"a (1).txt": "a (1).txt", `a\ \(1\).txt`: "a (1).txt", `'DIR/a (1).txt'`: "a (1).txt", `"DIR/a (1).txt"`: "a (1).txt", `~/a\ \(1\).txt`: "a (1).txt",
		`'DIR/it'\''s.txt'`: "it's.txt", `it\'s.txt`: "it's.txt", `back\slash`: `back\slash`, `back\\slash`: `back\slash`, "'quoted'": "'quoted'",
		`"say \"hi\""`: `say "hi"`, "file://DIR/a%20(1).txt": "a (1).txt", "file://localhostDIR/100%25": "100%", "100%": "100%", "~": "", "~/": "",
		"nowhere": "nowhere", `no\ where`: `no\ where`, "~nobody": "~nobody",
	} {
		if got := pathOf(strings.ReplaceAll(typed, "DIR", dir)); got != filepath.Join(dir, want) {
			t.Errorf("%s is read as %q", typed, got)
		}
	}
}
