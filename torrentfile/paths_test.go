package torrentfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"p2p/torrentfile"
)

// infoOf returns an Info with one byte in each of paths; "/" parts folders.
func infoOf(name string, paths ...string) *torrentfile.Info {
	i := &torrentfile.Info{Name: name, PieceLength: 16384}
	for n, p := range paths {
		i.Files = append(i.Files, torrentfile.File{Path: strings.Split(p, "/"), Length: 1, Offset: int64(n)})
	}
	return i
}

func safePaths(t testing.TB, i *torrentfile.Info, fold bool) []string {
	t.Helper()
	paths, err := i.SafePaths(fold)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestOddNamesBecomeSafeOnes(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct{ name, in, want string }{
		{"an ordinary name", "a.txt", "a.txt"},
		{"Chinese", "数据集-第一批", "数据集-第一批"},
		{"spaces and dots inside", " a b..c .d", " a b..c .d"},
		{"a hidden file", ".bashrc", ".bashrc"},
		{"a dash in front", "-rf", "-rf"},
		{"an absolute path (absolute_filename.torrent)", "/foobar", "_foobar"},
		{"a Windows path", `C:\Windows\x`, "C__Windows_x"},
		{"a network path", `\\host\share`, "__host_share"},
		{"an NTFS stream", "a.txt:evil.exe", "a.txt_evil.exe"},
		{"what Windows forbids", `<>:"|?*`, "_______"},
		{"a line break", "a\r\nb", "a__b"},
		{"Icon\\r of macOS (aria2 issue 1131)", "Icon\r", "Icon_"},
		{"an escape sequence", "\x1b[2Jx", "_[2Jx"},
		{"C1 control characters", "a\u009b2Jb\u0085", "a_2Jb_"},
		{"DEL", "a\x7f", "a_"},
		{"direction override: exe.jpg (transmission issue 8495)", "a\u202egpj.exe", "a_gpj.exe"},
		{"direction isolates and marks", "\u2066a\u2069\u200e\u200f\u061c", "_a____"},
		{"no width", "a\u200bb\u2060c\ufeff", "a_b_c_"},
		{"joiners between ASCII", "e\u200dx\u200ce", "e_x_e"},
		{"joiners at the ends", "\u200dé\u200c", "_é_"},
		{"a joiner before an invisible one", "é\u200d\u200bé", "é__é"},
		{"a joiner in Persian", "می\u200cخواهم.txt", "می\u200cخواهم.txt"},
		{"a joiner in an emoji", "👩\u200d💻", "👩\u200d💻"},
		{"soft hyphen, fillers, tags", "\u00ad\u115f\u3164\U000e0041", "____"},
		{"line and paragraph separators", "a\u2028b\u2029c", "a_b_c"},
		{"a noncharacter", "a\uffffb", "a_b"},
		{"the replacement character itself", "a\ufffdb", "a\ufffdb"},
		{"invalid UTF-8", "a\xff\xfeb", "a__b"},
		{"a cut character (libtorrent's sanitize_path)", "filename\xe2\x9f", "filename__"},
		{"an overlong dot", "\xc0\xae\xc0\xae", "____"},
		{"a surrogate", "\xed\xa0\x80", "___"},
		{"a dot at the end", "abc.", "abc"},
		{"dots and spaces at the end", "a. . .", "a"},
		{"dots only", "...", "_"},
		{"spaces only", "   ", "_"},
		{"the parent for Windows", ".. ", "_"},
		{"the parent for Windows, otherwise", ".. .", "_"},
		{"a device", "CON", "_CON"},
		{"a device in small letters", "nul", "_nul"},
		{"a device with extension", "com1.txt", "_com1.txt"},
		{"a device with extensions", "Aux.tar.gz", "_Aux.tar.gz"},
		{"a device with spaces", "LPT9  .txt", "_LPT9  .txt"},
		{"a device with a dot at the end", "prn.", "_prn"},
		{"a device with a superscript", "COM¹", "_COM¹"},
		{"a device with a dollar", "conin$", "_conin$"},
		{"devices that are none", "CONSOLE", "CONSOLE"},
		{"a port that is none", "COM10", "COM10"},
		{"a port without number", "LPT", "LPT"},
		{"a device inside", "a.con", "a.con"},
		{"a long name", long, long[:255]},
		{"a long name with extension", long + ".jpeg", long[:250] + ".jpeg"},
		{"a long extension", "a." + long, "a." + long[:253]},
		{"a long name of wide characters", strings.Repeat("数", 100) + ".txt", strings.Repeat("数", 83) + ".txt"},
		{"a long name, cut at a dot", strings.Repeat("x", 250) + ".y" + long + ".jpg", strings.Repeat("x", 250) + ".jpg"},
		{"a long device", "con." + long + ".txt", "_con." + long[:246] + ".txt"},
		{"255 bytes", long[:255], long[:255]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := "root/" + tt.want
			if strings.ContainsAny(tt.in, "/") {
				i := &torrentfile.Info{Name: "root", Files: []torrentfile.File{{Path: []string{tt.in}, Length: 1}}}
				if got := safePaths(t, i, false)[0]; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				return
			}
			if got := safePaths(t, infoOf("root", tt.in), false)[0]; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			// Transmission issue 6846: the name of a single file is a name too.
			single := &torrentfile.Info{Name: tt.in, Single: true, Files: []torrentfile.File{{Length: 1}}}
			if got := safePaths(t, single, true)[0]; got != tt.want {
				t.Errorf("as a single file: got %q, want %q", got, tt.want)
			}
			// And so are those of folders.
			if got := safePaths(t, infoOf(tt.in, tt.in+"/f"), true)[0]; got != tt.want+"/"+tt.want+"/f" {
				t.Errorf("as a folder: got %q", got)
			}
		})
	}
}

func TestPathsThatCollideGetNumbers(t *testing.T) {
	tests := []struct {
		name     string
		fold     bool
		in, want []string
	}{
		{"one name twice (duplicate_files.torrent)", false,
			[]string{"foo/bar.txt", "foo/bar.txt", "foo/bar.txt"}, []string{"foo/bar.txt", "foo/bar (2).txt", "foo/bar (3).txt"}},
		{"a number that is taken", false,
			[]string{"a (2)", "a", "a", "a (2)"}, []string{"a (2)", "a", "a (3)", "a (2) (2)"}},
		{"names made equal", false, []string{"a?", "a*", "a_"}, []string{"a_", "a_ (2)", "a_ (3)"}},
		{"empty elements", false, []string{"a//b", "a/./b", "a/b"}, []string{"a/b", "a/b (2)", "a/b (3)"}},
		{"case where it counts", false, []string{"a", "A"}, []string{"a", "A"}},
		{"case where it does not", true, []string{"a.TXT", "A.txt"}, []string{"a.TXT", "A (2).txt"}},
		{"folders that differ in case", true, []string{"D/a", "d/a", "d/b"}, []string{"D/a", "d/a (2)", "d/b"}},
		{"Unicode case", true, []string{"Ä", "ä", "ΣΑΣ", "σας", "ß", "SS"}, []string{"Ä", "ä (2)", "ΣΑΣ", "σας (2)", "ß", "SS (2)"}},
		{"the Turkish i", true, []string{"i", "İ", "ı", "I"}, []string{"i", "İ (2)", "ı (3)", "I (4)"}},
		{"composed and decomposed, as macOS compares", true, []string{"é", "e\u0301"}, []string{"é", "e\u0301 (2)"}},
		{"composed and decomposed on Linux", false, []string{"é", "e\u0301"}, []string{"é", "e\u0301"}},
		{"a file where a folder is", false, []string{"a", "a/b"}, []string{"a (2)", "a/b"}},
		{"a file where a folder was", false, []string{"a/b", "a"}, []string{"a/b", "a (2)"}},
		{"a file where a folder is in other case", true, []string{"A", "a/b"}, []string{"A (2)", "a/b"}},
		{"a file where the folder of a folder is", false, []string{"x/a", "x/a/b/c"}, []string{"x/a (2)", "x/a/b/c"}},
		{"hidden files", false, []string{".a", ".a"}, []string{".a", ".a (2)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := safePaths(t, infoOf("r", tt.in...), tt.fold)
			for i := range got {
				got[i] = strings.TrimPrefix(got[i], "r/")
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPaddingNeverTakesTheNameOfAFile(t *testing.T) {
	i := infoOf("r", "a", "a")
	i.Files[0].Pad = true
	if got, want := safePaths(t, i, false), []string{"r/a (2)", "r/a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNumberedNamesAreNotTooLong(t *testing.T) {
	long := strings.Repeat("数", 200)
	i := infoOf("r", long+".a", long+"b.a", long+"c.a", long, long)
	seen := map[string]bool{}
	for _, p := range safePaths(t, i, true) {
		if seen[p] || len(p) > len("r/")+torrentfile.MaxName {
			t.Errorf("%q is too long or there twice", p)
		}
		seen[p] = true
	}
}

// libtorrent's duplicate_files2.torrent: looking for a free name must not take
// quadratic time. Every name that is tried is allocated, so memory counts the
// tries without a clock.
func TestManyEqualNamesDoNotTakeQuadraticTime(t *testing.T) {
	const n = 20_000
	tests := map[string]func(i int) string{
		"all equal":                     func(int) string { return "a" },
		"equal but for case":            func(i int) string { return []string{"a.b", "A.b", "a.B", "A.B"}[i%4] },
		"half are the numbers":          func(i int) string { return []string{"a", fmt.Sprintf("a (%d)", i/2+2)}[i%2] },
		"equal when cut":                func(i int) string { return strings.Repeat("a", 300) + fmt.Sprint(i) },
		"equal in pairs, then when cut": func(i int) string { return strings.Repeat("a", 249) + fmt.Sprintf("%06d", i/2) },
	}
	for name, path := range tests {
		t.Run(name, func(t *testing.T) {
			info := &torrentfile.Info{Name: "r"}
			for i := range n {
				info.Files = append(info.Files, torrentfile.File{Path: []string{path(i)}})
			}
			var paths []string
			if cost := allocated(func() { paths = safePaths(t, info, true) }) / n; cost > 5000 {
				t.Errorf("%d bytes for each of %d files", cost, n)
			}
			slices.Sort(paths)
			if got := len(slices.Compact(paths)); got != n {
				t.Errorf("%d names for %d files", got, n)
			}
		})
	}
}

func TestInfosMadeByHandAreCheckedToo(t *testing.T) {
	for _, i := range []*torrentfile.Info{
		infoOf("..", "a"), infoOf("r", ".."), infoOf("r", "a/../../b"), infoOf("r", "\x00"), infoOf("r", ""), infoOf("r", `..\x`),
	} {
		var e *torrentfile.InvalidError
		if paths, err := i.SafePaths(false); !errors.As(err, &e) {
			t.Errorf("%+v gave %q, %v", i.Files, paths, err)
		}
	}
}

func TestSafePathsCanBeMade(t *testing.T) {
	i := infoOf("r\x07", "a", "a", "A", "a/b", "CON/x", "Icon\r", strings.Repeat("数", 100)+".txt", "...", "x?", "\xff", "e\u202e")
	dir := t.TempDir()
	for _, p := range safePaths(t, i, runtime.GOOS != "linux") {
		if !filepath.IsLocal(filepath.FromSlash(p)) {
			t.Errorf("%q is not local", p)
		}
		full := filepath.Join(dir, filepath.FromSlash(p))
		if _, err := os.Lstat(full); err == nil {
			t.Errorf("%q is there already", p)
		}
		write(t, []byte(p), full)
	}
}

func TestOriginalPathsAreTheNamesOnDisk(t *testing.T) {
	i := infoOf("r", "a?b", "Icon\r", "x//y", "../z", "ok/b", strings.Repeat("x", 256))
	i.Files = append(i.Files, torrentfile.File{Path: []string{"a/b"}}, torrentfile.File{Path: []string{"/etc", "passwd"}})
	got := i.OriginalPaths()
	want := []string{"r/a?b", "r/Icon\r", "", "", "r/ok/b", "", "", ""}
	if runtime.GOOS == "windows" {
		want[0], want[1] = got[0], got[1] // what it may have is its own affair
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := infoOf("..", "a").OriginalPaths()[0]; got != "" {
		t.Errorf("a name that climbs gave %q", got)
	}
}
