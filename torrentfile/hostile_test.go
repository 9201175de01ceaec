package torrentfile_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"p2p/torrentfile"
	"p2p/torrentfile/benc"
)

// Names like parent_path.torrent are those of libtorrent's test/test_torrents and
// of Transmission's tests/libtransmission/assets, whose cases these are.
var refused = []struct {
	name   string
	info   any
	field  string
	reason string // a part of it
}{
	{"no dictionary (invalid_info.torrent)", "info", "info", "not a dictionary"},
	{"empty", dict{}, "info.pieces", "missing"},
	{"no pieces (missing-pieces-key.torrent)", with(single(), "pieces", nil), "info.pieces", "missing"},
	{"pieces is a number (invalid_pieces.torrent)", with(single(), "pieces", 5), "info.pieces", "not a string"},
	{"pieces is a list", with(single(), "pieces", []string{strings.Repeat("h", 20)}), "info.pieces", "not a string"},
	{"no hash (empty-pieces-key.torrent)", with(single(), "pieces", ""), "info.pieces", "0 hashes for 1 pieces"},
	{"119 bytes of hashes (transmission issue 3591)", with(single(), "pieces", strings.Repeat("h", 119)), "info.pieces", "multiple of 20"},
	{"too many hashes (too-many-pieces.torrent)", with(single(), "pieces", strings.Repeat("h", 40)), "info.pieces", "2 hashes for 1 pieces"},
	{"too few hashes (too-few-pieces.torrent)", with(single(), "length", 16385), "info.pieces", "1 hashes for 2 pieces"},

	{"no piece length (missing_piece_len.torrent)", with(single(), "piece length", nil), "info.piece length", "missing"},
	{"piece length is text (invalid_piece_len.torrent)", with(single(), "piece length", "16384"), "info.piece length", "not a number"},
	{"piece length 0", with(single(), "piece length", 0), "info.piece length", "outside"},
	{"negative piece length (negative_piece_len.torrent)", with(single(), "piece length", -16384), "info.piece length", "outside"},
	{"huge piece length (large_piece_size.torrent)", with(single(), "piece length", int64(math.MaxInt64)), "info.piece length", "outside"},
	{"4 million pieces claimed (many_pieces.torrent)", with(with(single(), "piece length", 1), "length", 4<<20), "info.piece length", "limit"},
	{"all bytes there are in pieces of one", with(with(single(), "piece length", 1), "length", int64(math.MaxInt64)), "info.piece length", "limit"},

	{"no length (no_files.torrent)", with(single(), "length", nil), "info", "neither length nor files"},
	{"negative length (negative_size.torrent)", with(single(), "length", -1), "info.length", "not a number from 0 up"},
	{"length is text", with(single(), "length", "10"), "info.length", "not a number from 0 up"},
	{"length 0 (zero.torrent)", with(with(single(), "length", 0), "pieces", ""), "info", "no data"},
	{"length and files", with(folder("a"), "length", 1), "info", "both length and files"},
	{"no files", folderOf(), "info.files", "empty"},
	{"files is a dictionary", with(folder("a"), "files", dict{}), "info.files", "not a list"},
	{"a file is a number", folderOf(5), "info.files[0]", "not a dictionary"},
	{"files of 0 bytes (zero2.torrent)", with(folderOf(dict{"length": 0, "path": []string{"a"}}), "pieces", ""), "info", "no data"},
	{"negative file length (negative_file_size.torrent)", folderOf(dict{"length": -425, "path": []string{"a"}}), "info.files[0].length", "not a number"},
	{"no file length (invalid_file_size.torrent)", folderOf(dict{"path": []string{"a"}}), "info.files[0].length", "not a number"},
	{"lengths that wrap around to 1 (v2_large_offset.torrent)", folderOf(
		dict{"length": int64(math.MaxInt64), "path": []string{"a"}},
		dict{"length": int64(math.MaxInt64), "path": []string{"b"}},
		dict{"length": 3, "path": []string{"c"}}), "info.files", "add up to more than 63 bits"},
	{"no path (missing_path_list.torrent)", folderOf(dict{"length": 1}), "info.files[0].path", "missing"},
	{"path is a string", folderOf(dict{"length": 1, "path": "a"}), "info.files[0].path", "not a list"},
	{"path of a number (invalid_path_list.torrent)", folderOf(dict{"length": 1, "path": []any{1242, "foo"}}), "info.files[0].path", "not a list of strings"},
	{"path without elements", folderOf(dict{"length": 1, "path": []string{}}), "info.files[0].path", "empty"},
	{"path of nothing (empty_path.torrent)", folderOf(dict{"length": 1, "path": []string{"", ""}}), "info.files[0].path", "names no file"},
	{"path of dots", folder("./."), "info.files[0].path", "names no file"},

	{"no name (no_name.torrent)", with(single(), "name", nil), "info.name", "missing"},
	{"name is a number (bad_name.torrent)", with(single(), "name", 5), "info.name", "missing"},
	{"empty name", with(single(), "name", ""), "info.name", "missing"},
	{"name is the parent", with(single(), "name", ".."), "info.name", "leads out"},
	{"name climbs (transmission issue 6846)", with(single(), "name", "../../.ssh/authorized_keys"), "info.name", "leads out"},
	{"name climbs in the middle (slash_path3.torrent)", with(single(), "name", "temp/../../abc"), "info.name", "leads out"},
	{"name climbs with backslashes", with(single(), "name", `..\..\autoexec.bat`), "info.name", "leads out"},
	{"name with a NUL", with(single(), "name", "a.txt\x00.exe"), "info.name", "NUL"},
	{"name.utf-8 climbs", with(single(), "name.utf-8", "../x"), "info.name", "leads out"},
	{"folder name climbs", with(folder("a"), "name", "x/../.."), "info.name", "leads out"},
	{"path climbs (parent_path.torrent)", folder("../../bar"), "info.files[0].path", "leads out"},
	{"path climbs after a folder (webtorrent issue 3012)", folder("ok", "a/../../../x"), "info.files[1].path", "leads out"},
	{"path climbs inside a name (hidden_parent_path.torrent)",
		folderOf(dict{"length": 1, "path": []string{"foo/../../../bar", "x"}}), "info.files[0].path", "leads out"},
	{"path climbs with mixed separators", folderOf(dict{"length": 1, "path": []string{`foo\../bar`}}), "info.files[0].path", "leads out"},
	{"path.utf-8 climbs", folderOf(dict{"length": 1, "path": []string{"a"}, "path.utf-8": []string{".."}}), "info.files[0].path", "leads out"},
	{"path with a NUL", folder("a\x00b"), "info.files[0].path", "NUL"},
	{"path of 101 folders", folder(strings.Repeat("d/", 101) + "a"), "info.files[0].path", "folders deep"},
	{"path of 5000 bytes", folder(strings.Repeat(strings.Repeat("d", 250)+"/", 20) + "a"), "info.files[0].path", "longer than"},
	{"a link that holds bytes (symlink1.torrent)",
		folderOf(dict{"length": 425, "attr": "l", "path": []string{"a"}, "symlink path": []string{"b"}}), "info.files[0].attr", "symbolic link"},
	{"links alone", folderOf(dict{"length": 0, "attr": "l", "path": []string{"a"}, "symlink path": []string{"b"}}), "info.files", "empty"},

	{"v2 alone", dict{"name": "a", "piece length": 16384, "meta version": 2, "file tree": dict{}}, "info.meta version", "without a v1 part"},
	{"a Merkle torrent (BEP 30)", with(with(single(), "pieces", nil), "root hash", strings.Repeat("h", 20)), "info.root hash", "not supported"},
}

func TestHostileTorrentsAreRefusedWithAReason(t *testing.T) {
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			_, err := torrentfile.Parse(encode(t, dict{"info": tt.info}))
			var e *torrentfile.InvalidError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *InvalidError", err)
			}
			if e.Field != tt.field || !strings.Contains(e.Reason, tt.reason) {
				t.Errorf("got %q: %q; want %q: %q", e.Field, e.Reason, tt.field, tt.reason)
			}
			if errors.Is(err, torrentfile.ErrNotBencode) {
				t.Error("it is bencode")
			}
		})
	}
}

func TestATorrentWithoutInfoIsInvalid(t *testing.T) {
	_, err := torrentfile.Parse([]byte("d8:announce5:http:e"))
	var e *torrentfile.InvalidError
	if !errors.As(err, &e) || e.Field != "info" || e.Reason != "missing" {
		t.Errorf("got %v", err)
	}
}

// A parser differential: two dictionaries, of which some programs use the first
// and others the last (dup-pieces-key.torrent).
func TestKeysThatAppearTwiceAreRefused(t *testing.T) {
	info := string(encode(t, single()))
	for _, b := range []string{
		"d4:info" + info + "4:info" + info + "e",
		"d4:info" + info + "5:other4:spam4:info" + info + "e",
		"d4:infod6:lengthi10e6:lengthi11e4:name1:a12:piece lengthi16384e6:pieces20:" + strings.Repeat("h", 20) + "ee",
		"d4:infod6:lengthi10e4:name1:a12:piece lengthi16384e6:pieces20:" + strings.Repeat("h", 20) + "1:x1:y6:lengthi11eee",
	} {
		if _, err := torrentfile.Parse([]byte(b)); err == nil {
			t.Errorf("%q was accepted", b)
		}
	}
}

func TestWhatIsNoTorrentSaysWhatItIs(t *testing.T) {
	tests := []struct{ name, in, says string }{
		{"empty", "", "empty"},
		{"white space", " \n", "empty"},
		{"HTML", "<!DOCTYPE html>\n<html><head><title>Login</title>", "web page"},
		{"HTML behind a byte order mark", "\xef\xbb\xbf\r\n <HTML>", "web page"},
		{"magnet", "magnet:?xt=urn:btih:da39a3ee5e6b4b0d3255bfef95601890afd80709", "magnet link"},
		{"gzip", "\x1f\x8b\x08\x00\x00", "gzip"},
		{"text", "not found", "offset 0"},
		{"a cut file", "d4:infod6:length", "unexpected end at offset 16"},
		{"a list", "li1ee", "not a dictionary"},
		{"bytes after the end", "dei1e", "3 bytes after the end"},
		{"deep nesting (rqbit pull request 660)", strings.Repeat("l", 20_000), "deeper than 64"},
		{"a deep file tree (v2_deep_recursion.torrent)", strings.Repeat("d1:a", 10_000), "deeper than 64"},
		{"a claimed length", "d4:info2147483652:x", "2147483652"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := torrentfile.Parse([]byte(tt.in))
			if !errors.Is(err, torrentfile.ErrNotBencode) {
				t.Fatalf("got %v, want ErrNotBencode", err)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
		})
	}
}

func TestHarmlessOdditiesAreAccepted(t *testing.T) {
	hash := strings.Repeat("h", 20)
	tests := []struct {
		name string
		in   []byte
	}{
		{"a newline at the end (minimal-trailing-newline.torrent of anacrolix/torrent)", append(torrent(t, single()), '\n')},
		{"unsorted keys (unordered.torrent)", []byte("d4:infod4:name4:temp6:lengthi425e12:piece lengthi16384e6:pieces20:" + hash + "ee")},
		{"unsorted keys in what nobody reads", []byte("d1:zd1:bi1e1:ai1ee4:infod4:name4:temp6:lengthi425e12:piece lengthi16384e6:pieces20:" + hash + "ee")},
		{"wrong types where it does not matter", encode(t, dict{"info": single(), "announce": 5, "announce-list": "x", "url-list": 3,
			"nodes": dict{}, "comment": []int{1}, "created by": 7, "creation date": "today"})},
		{"a date before 1970", encode(t, dict{"info": single(), "creation date": -5})},
		{"a date after the year 9999", encode(t, dict{"info": single(), "creation date": int64(math.MaxInt64)})},
		{"a piece length that is no power of two", torrent(t, with(single(), "piece length", 12345))},
		{"an empty path element (Transmission bug 5517)", torrent(t, folder("/a.txt"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := torrentfile.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if !m.Created.IsZero() || len(m.Announce) > 0 || len(m.WebSeeds) > 0 || len(m.Nodes) > 0 || m.Comment != "" {
				t.Errorf("got %+v", m)
			}
			if _, err := m.Created.MarshalJSON(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLinksAndPaddingAreNotFilesToStore(t *testing.T) {
	m := mustParse(t, torrent(t, folderOf(
		dict{"length": 5, "path": []string{"a"}, "attr": "x"},
		dict{"length": 0, "path": []string{"evil"}, "attr": "l", "symlink path": []string{"..", "..", "etc", "passwd"}},
		dict{"length": 7, "path": []string{".pad", "7"}, "attr": "p"},
		dict{"attr": "p", "length": 9}, // pad_file_no_path.torrent
		dict{"path": []string{"link"}, "attr": "l", "symlink path": []string{"a"}},
		dict{"length": 3, "path": []string{"b"}},
	)))
	var got []string
	for _, f := range m.Info.Files {
		got = append(got, fmt.Sprintf("%s %d@%d pad=%v exec=%v", strings.Join(f.Path, "/"), f.Length, f.Offset, f.Pad, f.Executable))
	}
	want := []string{"a 5@0 pad=false exec=true", ".pad/7 7@5 pad=true exec=false", ".pad/9 9@12 pad=true exec=false", "b 3@21 pad=false exec=false"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNamesInUTF8WinOverOthers(t *testing.T) {
	info := folderOf(
		dict{"length": 1, "path": []string{"\xca\xfd"}, "path.utf-8": []string{"数"}},
		dict{"length": 1, "path": []string{"good"}, "path.utf-8": []string{"bad\xff"}},
		dict{"length": 1, "path": []string{"good2"}, "path.utf-8": "not a list"},
		dict{"length": 1, "path": []string{"\xca\xfd"}},
	)
	m := mustParse(t, encode(t, dict{"info": with(info, "name.utf-8", "名"), "comment": "\xff", "comment.utf-8": "好"}))
	if m.Info.Name != "名" || m.Comment != "好" {
		t.Errorf("name %q, comment %q", m.Info.Name, m.Comment)
	}
	for i, want := range []string{"数", "good", "good2", "\xca\xfd"} {
		if got := m.Info.Files[i].Path[0]; got != want {
			t.Errorf("file %d is %q, want %q", i, got, want)
		}
	}
}

// Limits of libtorrent (load_torrent_limits): 2 million pieces, 3 million tokens.
func TestTwoMillionPiecesAreReadInBoundedMemory(t *testing.T) {
	const pieces = 1 << 21
	info := with(with(single(), "pieces", strings.Repeat("h", 20*pieces)), "length", int64(pieces)*16384)
	b := torrent(t, info)
	var m *torrentfile.Metainfo
	cost := allocated(func() { m = mustParse(t, b) })
	if l := m.Info.Layout(); l.Pieces() != pieces || m.Info.Hash(l.MustIndex(pieces - 1))[19] != 'h' {
		t.Error("the pieces are not all there")
	}
	if cost > 1<<20 {
		t.Errorf("a torrent of %d MiB cost %d bytes on top", len(b)>>20, cost)
	}
	_, err := torrentfile.Parse(torrent(t, with(with(single(), "pieces", strings.Repeat("h", 20*(pieces+1))), "length", int64(pieces+1)*16384)))
	if err == nil {
		t.Error("one piece more than the limit was accepted")
	}
}

func TestMemoryIsBoundedByTheFile(t *testing.T) {
	if raceDetector && testing.Short() {
		t.Skip("takes half a minute: one goroutine parses ten million values, and has nothing to race with")
	}
	const n = torrentfile.MaxFiles + 1
	file := encode(t, dict{"length": 1, "path": []string{"a"}})
	deep := encode(t, dict{"length": 1, "path": strings.Split(strings.Repeat("a", 100), "")})
	list := func(item []byte, times int) []byte { return []byte("l" + strings.Repeat(string(item), times) + "e") }
	tests := []struct {
		name string
		info dict
		ok   bool
	}{
		{"too many files", with(folder(), "files", benc.Raw(list(file, n))), false},
		{"2.2 million names of folders", with(folder(), "files", benc.Raw(list(deep, 22_000))), false},
		{"a path of many elements", folderOf(dict{"length": 1, "path": benc.Raw(list([]byte("0:"), 200_000))}), false},
		{"7 million unknown values", with(single(), "zzz", benc.Raw(list([]byte("le"), 7_000_000))), false},
		{"a million unknown values", with(single(), "zzz", benc.Raw(list([]byte("le"), 1_000_000))), true},
		{"a million unknown values in a file", folderOf(dict{"length": 1, "path": []string{"a"}, "zzz": benc.Raw(list([]byte("le"), 1_000_000))}), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := torrent(t, tt.info)
			if len(b) > torrentfile.MaxSize {
				t.Fatal("the test is too large")
			}
			var err error
			cost := allocated(func() { _, err = torrentfile.Parse(b) })
			t.Logf("%d MiB cost %d MiB", len(b)>>20, cost>>20)
			if most := int64(256 << 20); cost > most || tt.ok && cost > 1<<20 {
				t.Errorf("%d MiB cost %d MiB", len(b)>>20, cost>>20)
			}
			if tt.ok != (err == nil) {
				t.Errorf("got %v", err)
			} else if err != nil && len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestTorrentsLargerThanTheLimitAreRefusedUnread(t *testing.T) {
	path := write(t, nil, t.TempDir(), "huge.torrent")
	if err := os.Truncate(path, 4<<30); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	var err error
	if cost := allocated(func() { _, err = torrentfile.Load(path) }); cost > 3*torrentfile.MaxSize {
		t.Errorf("refusing it cost %d MiB", cost>>20)
	}
	var e *torrentfile.InvalidError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestLoadReportsTheFileSystem(t *testing.T) {
	if _, err := torrentfile.Load(t.TempDir() + "/absent.torrent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if _, err := torrentfile.Load(t.TempDir()); err == nil {
		t.Error("a folder was loaded")
	}
}

func TestLayoutOfAnImpossibleInfoIsEmpty(t *testing.T) {
	for _, i := range []torrentfile.Info{{}, {PieceLength: -1, Files: []torrentfile.File{{Length: 5}}}} {
		if l := i.Layout(); l.Pieces() != 0 {
			t.Errorf("%+v has %d pieces", i, l.Pieces())
		}
		if _, err := (&torrentfile.Metainfo{Info: i}).Encode(); err == nil && len(i.Files) == 0 {
			t.Error("it was encoded")
		}
	}
}
