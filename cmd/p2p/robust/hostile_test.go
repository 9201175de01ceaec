//go:build unix

package robust

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"p2p/cmd/p2p/drive"
	"p2p/peer"
	"p2p/piece"
	"p2p/piece/store"
	"p2p/torrentfile"
	"p2p/torrentfile/benc"
)

type dict = map[string]any

// file is a file of a hostile torrent.
func file(length int64, path ...string) dict { return dict{"length": length, "path": path} }

// info is an info dictionary of files with one piece for all of them.
func info(files ...dict) dict {
	return dict{"name": "name", "piece length": 16384, "pieces": strings.Repeat("x", 20), "files": files}
}

// one is an info dictionary of a single file, with some keys of its own.
func one(change dict) dict {
	d := dict{"name": "name", "piece length": 16384, "pieces": strings.Repeat("x", 20), "length": 100}
	for key, value := range change {
		d[key] = value
	}
	return d
}

// TestHostileTorrentsAreRefused gives p2p torrents that would have it write where
// it must not, or take what it cannot have. Package torrentfile has many more of
// them; these show that no command gets around its checks.
func TestHostileTorrentsAreRefused(t *testing.T) {
	t.Parallel()
	const notBencode, invalid = 25, 26
	for _, test := range []struct {
		name    string
		code    int
		torrent any // the file as a string, or its info dictionary
	}{
		{"an empty file", notBencode, ""},
		{"a web page", notBencode, "<!DOCTYPE html><html><body>404 not found</body></html>"},
		{"half a torrent", notBencode, "d8:announce3:abc4:infod6:lengthi1e"},
		{"deep nesting", notBencode, strings.Repeat("l", 1_000_000)},
		{"a string that claims to be huge", notBencode, "d4:info999999999999:"},
		{"no dictionary", notBencode, "le"},
		{"no info", invalid, "de"},
		{"the parent folder", invalid, info(file(100, "..", "evil"))},
		{"the parent folder as a name", invalid, one(dict{"name": ".."})},
		{"a separator in a name", invalid, info(file(100, "../../evil"))},
		{"a file without a path", invalid, info(dict{"length": 100, "path": []string{}})},
		{"a negative length", invalid, one(dict{"length": -1})},
		{"lengths beyond all numbers", invalid, info(file(math.MaxInt64, "a"), file(math.MaxInt64, "b"))},
		{"fewer hashes than data", invalid, one(dict{"length": int64(1) << 50})},
		{"a piece length of zero", invalid, one(dict{"piece length": 0})},
		{"a piece length beyond all memory", invalid, one(dict{"piece length": int64(1) << 60})},
		{"half a hash", invalid, one(dict{"pieces": strings.Repeat("x", 19)})},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			dir := filepath.Join(root, "a", "b", "downloads")
			b, ok := test.torrent.(string)
			if !ok {
				b = encode(t, test.torrent)
			}
			torrent := write(t, filepath.Join(root, "hostile.torrent"), b)
			for _, command := range [][]string{
				{"get", torrent, "-o", dir}, {"seed", torrent, "-o", dir}, {"verify", torrent, "-o", dir}, {"show", torrent}, {"magnet", torrent},
			} {
				p := drive.Start(t, drive.Command{Name: "p2p " + command[0], Path: binary, Args: command,
					Env: []string{"XDG_STATE_HOME=" + filepath.Join(root, "state"), "P2P_LANG=en"}})
				p.WantExit(test.code, soon)
			}
			onlyIn(t, root, "hostile.torrent")
		})
	}
}

// TestHostileNamesAreMadeSafe downloads torrents with names that p2p can make
// safe, and looks where their files are.
func TestHostileNamesAreMadeSafe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files int
		info  dict
	}{
		{"an absolute name", 1, one(dict{"name": "/etc/evil"})},
		{"the root", 1, info(file(100, "", "etc", "evil"))},
		{"the same file twice", 2, info(file(50, "a"), file(50, "a"))},
		{"a file that is a folder too", 2, info(file(50, "a"), file(50, "a", "b"))},
		{"names that differ in case", 2, info(file(50, "README"), file(50, "readme"))},
		{"a device of Windows", 2, info(file(50, "CON"), file(50, "nul.txt"))},
		{"control and bidi characters", 2, info(file(50, "a\x1b[2Jb\n"), file(50, "txt.\u202egpj.exe"))},
		{"broken UTF-8", 2, info(file(50, "\xff\xfe"), file(50, "\xff\xfd"))},
		{"a name beyond all limits", 1, one(dict{"name": strings.Repeat("n", 5000)})},
		{"our own marks", 2, info(file(50, "a"), file(50, "a.part"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			data := []byte(strings.Repeat("0123456789", 10))
			hash := sha1.Sum(data)
			test.info["pieces"] = string(hash[:])
			root := t.TempDir()
			dir := filepath.Join(root, "a", "downloads")
			torrent := write(t, filepath.Join(root, "hostile.torrent"), encode(t, test.info))
			p := drive.Start(t, drive.Command{Name: "p2p get", Path: binary,
				Args: []string{"get", torrent, "-o", dir, "--listen", "127.0.0.1:0", "--peer", serve(t, torrent, data)},
				Env:  []string{"XDG_STATE_HOME=" + filepath.Join(root, "state"), "P2P_LANG=en"}})
			p.WantExit(0, soon)
			onlyIn(t, root, "hostile.torrent", "a", "state")
			onlyIn(t, filepath.Join(root, "a"), "downloads")
			safeFiles(t, dir, test.files, data)

			shown := drive.Start(t, drive.Command{Name: "p2p show", Path: binary, Args: []string{"show", torrent}})
			shown.WantExit(0, soon)
			for _, r := range p.Errs() + shown.Out() {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("p2p prints %q", r)
				}
			}
		})
	}
}

// serve seeds the data of a torrent and returns where. Where the files of the
// seeder are is its own affair.
func serve(t *testing.T, torrent string, data []byte) (address string) {
	t.Helper()
	m, err := torrentfile.Load(torrent)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir(), &m.Info, store.Options{InfoHash: m.InfoHash})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	have := piece.NewBitfield(m.Info.Layout().Pieces())
	have.SetAll()
	n, err := peer.Open(peer.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(n.Close(context.Background()), s.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := n.Add(peer.Torrent{Meta: m, Store: s, Have: have}); err != nil {
		t.Fatal(err)
	}
	return n.Addr().String()
}

// safeFiles checks that data is in n regular files in dir, whose names are fit
// for every system.
func safeFiles(t *testing.T, dir string, n int, data []byte) {
	t.Helper()
	found, size := 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := d.Name()
		stem, _, _ := strings.Cut(strings.ToLower(name), ".")
		rel, _ := filepath.Rel(dir, path)
		if stem == "con" || stem == "nul" || len(name) > 255 || strings.ContainsAny(name, "\\/:*?\"<>|\x1b\n\u202e") || !utf8.ValidString(name) {
			t.Errorf("the name %q is not safe", rel)
		}
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found, size = found+1, size+len(b)
			if !bytes.Contains(data, b) {
				t.Errorf("%q has the wrong content", rel)
			}
		}
		return nil
	})
	if err != nil || found != n || size != len(data) {
		t.Errorf("%d files with %d bytes, want %d with %d; %v", found, size, n, len(data), err)
	}
}

func encode(t *testing.T, info any) string {
	t.Helper()
	b, err := benc.Marshal(dict{"info": info})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// onlyIn checks that there is nothing in dir but some names.
func onlyIn(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("%s was made in %s", e.Name(), dir)
		}
	}
}
