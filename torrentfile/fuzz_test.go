package torrentfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"p2p/torrentfile"
)

// FuzzParse looks for input that crashes, costs more memory than its length
// explains, is accepted although it breaks what Metainfo promises, or reads
// differently after it was written.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(corpus, "*.torrent"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, tt := range refused {
		f.Add(encode(f, dict{"info": tt.info}))
	}
	f.Add(encode(f, dict{"info": folder("a", "A", "a/b"), "announce-list": [][]string{{"http://a/", "udp://b/"}, {"x"}},
		"nodes": []any{[]any{"h", 1}}, "url-list": "http://w/\n", "creation date": 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m *torrentfile.Metainfo
		var err error
		if cost, most := allocated(func() { m, err = torrentfile.Parse(b) }), int64(100*len(b)+1<<20); cost > most {
			t.Errorf("%d bytes cost %d bytes of memory, more than %d", len(b), cost, most)
		}
		if err != nil {
			var e *torrentfile.InvalidError
			if !errors.Is(err, torrentfile.ErrNotBencode) && !errors.As(err, &e) {
				t.Fatalf("%v is of no known kind", err)
			}
			return
		}
		checkMetainfo(t, m)
		out, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := torrentfile.Parse(out)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

// checkMetainfo checks what Parse promises.
func checkMetainfo(t *testing.T, m *torrentfile.Metainfo) {
	t.Helper()
	l := m.Info.Layout()
	if l.Pieces() < 1 || len(m.Info.Hashes) != 20*l.Pieces() || l.Total() != m.Info.Total() {
		t.Fatalf("%d pieces, %d bytes of hashes", l.Pieces(), len(m.Info.Hashes))
	}
	var offset int64
	for _, f := range m.Info.Files {
		if f.Length < 0 || f.Offset != offset || len(f.Path) == 0 != m.Info.Single {
			t.Fatalf("file %+v at %d", f, offset)
		}
		offset += f.Length
	}
	if offset != l.Total() {
		t.Fatalf("files of %d bytes in a torrent of %d", offset, l.Total())
	}
	for _, fold := range []bool{false, true} {
		paths, err := m.Info.SafePaths(fold)
		if err != nil {
			t.Fatalf("a parsed torrent has no safe paths: %v", err)
		}
		checkPaths(t, paths, len(m.Info.Files), fold)
	}
	for _, tier := range m.Announce {
		if len(tier) == 0 {
			t.Fatal("an empty tier")
		}
	}
	if g, err := torrentfile.ParseMagnet(m.Magnet().String()); err != nil || !reflect.DeepEqual(g, m.Magnet()) {
		t.Fatalf("magnet %+v came back as %+v, %v", m.Magnet(), g, err)
	}
}

// device is what Windows reserves, written down here a second time and in another
// way so that a slip in one of them shows.
var device = regexp.MustCompile(`^(?i:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)`)

// checkPaths checks what SafePaths promises.
func checkPaths(t *testing.T, paths []string, n int, fold bool) {
	t.Helper()
	if len(paths) != n {
		t.Fatalf("%d paths for %d files", len(paths), n)
	}
	files, folders := map[string]bool{}, map[string]bool{}
	for _, p := range paths {
		if !utf8.ValidString(p) || !filepath.IsLocal(filepath.FromSlash(p)) || len(p) > torrentfile.MaxPath+2*torrentfile.MaxName {
			t.Fatalf("%q is not a path below the folder", p)
		}
		key := p
		if fold {
			key = strings.ToLower(strings.ToUpper(p))
		}
		if files[key] {
			t.Fatalf("%q is there twice in %q", p, paths)
		}
		files[key] = true
		for i, c := range key {
			if c == '/' {
				folders[key[:i]] = true
			}
		}
		for name := range strings.SplitSeq(p, "/") {
			checkComponent(t, name)
		}
	}
	for f := range files {
		if folders[f] {
			t.Fatalf("%q is a file and a folder in %q", f, paths)
		}
	}
}

func checkComponent(t *testing.T, name string) {
	t.Helper()
	switch {
	case name == "" || len(name) > torrentfile.MaxName:
		t.Fatalf("%q has %d bytes", name, len(name))
	case strings.ContainsAny(name, `<>:"/\|?*`) || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		t.Fatalf("Windows has no %q", name)
	case device.MatchString(name):
		t.Fatalf("%q is a device", name)
	case strings.ContainsFunc(name, unicode.IsControl), strings.ContainsAny(name, "\u200b\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068\ufeff"):
		t.Fatalf("%q has control characters", name)
	}
}

// FuzzSafePaths makes file lists of any names: \x1e parts files, \x1f folders.
func FuzzSafePaths(f *testing.F) {
	for _, s := range []string{"a\x1ea", "a\x1eA\x1ea\x1fb", "con\x1enul.txt\x1f..", "a.\x1ea \x1ea", "a (2)\x1ea\x1ea",
		"\u202e\x1e\u200d\x1e\xff", strings.Repeat("a", 300) + "\x1e" + strings.Repeat("a", 299), "\x1f\x1ea", "é\x1ee\u0301", "İ\x1ei"} {
		f.Add("root", s, true)
		f.Add(s, "x", false)
	}
	f.Fuzz(func(t *testing.T, name, list string, fold bool) {
		i := &torrentfile.Info{Name: name}
		for _, p := range strings.Split(list, "\x1e") {
			i.Files = append(i.Files, torrentfile.File{Path: strings.Split(p, "\x1f")})
		}
		for n, p := range i.OriginalPaths() {
			if p != "" && (!filepath.IsLocal(p) || p != name+"/"+strings.Join(i.Files[n].Path, "/")) {
				t.Fatalf("%q is not an original path", p)
			}
		}
		paths, err := i.SafePaths(fold)
		if err != nil {
			return
		}
		checkPaths(t, paths, len(i.Files), fold)
		if again, _ := i.SafePaths(fold); !reflect.DeepEqual(again, paths) {
			t.Fatalf("%q, then %q", paths, again)
		}
	})
}

// FuzzMagnet checks that what was read can be written and read again.
func FuzzMagnet(f *testing.F) {
	for _, tt := range magnets {
		f.Add(tt.in)
	}
	for _, s := range badMagnets {
		f.Add(s.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := torrentfile.ParseMagnet(s)
		if err != nil {
			if !errors.Is(err, torrentfile.ErrMagnet) {
				t.Fatalf("%v is not ErrMagnet", err)
			}
			return
		}
		link := m.String()
		if strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r >= 0x7f || bytes.ContainsRune([]byte("\"'<>\\`"), r) }) {
			t.Fatalf("%q needs quoting", link)
		}
		again, err := torrentfile.ParseMagnet(link)
		if len(link) > 64<<10 && err != nil {
			return // escaping has made it longer than a link may be
		}
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}
