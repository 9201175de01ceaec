package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// film is a folder with names that need care.
func film(t *testing.T) (dir, torrent string) {
	t.Helper()
	dir = folder(t, map[string]string{
		"film/film.mkv":         data(100_000),
		"film/subs/film.en.srt": "1\n00:00:01,000 --> 00:00:02,000\nHello\n",
		"film/subs/film.zh.srt": "你好",
		"film/数据/说明.txt":        data(20_000),
	})
	torrent = filepath.Join(dir, "film.torrent")
	p2p(t, exitDone, "create", filepath.Join(dir, "film"), "-a", "http://tracker.test/announce", "-o", torrent, "--piece-length", "16K", "--no-date")
	return dir, torrent
}

func TestAPieceLengthThatNoTorrentCanHaveIsAWrongCommandLine(t *testing.T) {
	dir := t.TempDir()
	content, torrent := filepath.Join(dir, "film"), filepath.Join(dir, "film.torrent")
	if err := os.WriteFile(content, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"create", content, "-o", torrent, "--piece-length", "17K"},
		{"create", content, "-o", torrent, "--piece-length", "512M"},
		{"seed", content, "--save", torrent, "--piece-length", "8K"},
	} {
		_, errs := p2p(t, exitUsage, args...)
		oneLineSays(t, errs, args[len(args)-1], "16K")
	}
	_, errs := p2p(t, exitUsage, "create", content, "-o", torrent, "--piece-length", "17K", "--lang", "zh")
	oneLineSays(t, errs, "17K", "2 的幂")
	if _, err := os.Stat(torrent); err == nil {
		t.Error("a torrent was made")
	}
}

func TestATorrentIsMadeShownAndVerified(t *testing.T) {
	dir, torrent := film(t)
	out, _ := p2p(t, exitDone, "show", "-j", torrent)
	s := object(t, out)
	for key, want := range map[string]any{
		"name": "film", "private": false, "tracker": "http://tracker.test/announce", "piece_size": 16384.0, "file_count": 4.0,
		"schema": 1.0, "meta_version": 1.0, "creation_date": nil, "created_by": "p2p " + version, "info_hash_v2": nil,
		"torrent_size": float64(len(read(t, torrent))), "piece_count": 8.0, "update_url": nil,
	} {
		if s[key] != want {
			t.Errorf("%s = %v; want %v", key, s[key], want)
		}
	}
	list := s["file_list"].([]any)[0].(map[string]any)
	if list["index"] != 1.0 || list["path"] != "film.mkv" || list["length"] != 100000.0 || list["offset"] != 0.0 {
		t.Errorf("file_list[0] = %v", list)
	}

	out, errs := p2p(t, exitDone, "verify", torrent, "-o", dir)
	if out != "" || !strings.Contains(errs, "all is right") {
		t.Errorf("verify says %q, %q", out, errs)
	}
	if out, errs := p2p(t, exitDone, "verify", "-q", torrent, "-o", dir); out+errs != "" {
		t.Errorf("verify -q says %q, %q", out, errs)
	}
}

func TestVerifyListsWhatIsBadAndExitsWith32(t *testing.T) {
	dir, torrent := film(t)
	mkv := filepath.Join(dir, "film", "film.mkv")
	b := []byte(read(t, mkv))
	b[40_000] ^= 1 // piece 2
	b[70_000] ^= 1 // piece 4
	write(t, mkv, string(b))
	os.Remove(filepath.Join(dir, "film", "subs", "film.zh.srt"))
	note := filepath.Join(dir, "film", "数据", "说明.txt")
	write(t, note, read(t, note)+"more")

	out, errs := p2p(t, exitMismatch, "verify", torrent, "-o", dir)
	for _, want := range []string{"bad         film.mkv  3 of 7 pieces: 2, 4, 6\n", "missing     subs/film.zh.srt", "数据/说明.txt: 20004 bytes, want 20000"} {
		if !strings.Contains(out, want) {
			t.Errorf("stdout lacks %q:\n%s", want, out)
		}
	}
	if !strings.Contains(out, "unsure      subs/film.en.srt") { // in one piece with what is missing
		t.Errorf("a good file is listed as bad:\n%s", out)
	}
	oneLineSays(t, errs, "p2p verify: 3 pieces of 8", "p2p get --overwrite")

	out, errs = p2p(t, exitMismatch, "verify", "-j", torrent, "-o", dir)
	v := object(t, out)
	if v["complete"] != false || v["exit_code"] != 32.0 || v["pieces_good"] != 5.0 {
		t.Errorf("verify -j says %v", v)
	}
	if e := object(t, errs); e["message_type"] != "exit_error" || e["code"] != 32.0 || e["message"] == "" {
		t.Errorf("the error is %v", e)
	}
}

func TestAFileThatIsTooLongIsSaidToBe(t *testing.T) {
	dir := folder(t, map[string]string{"film.mkv": data(100_000)})
	mkv, torrent := filepath.Join(dir, "film.mkv"), filepath.Join(dir, "film.torrent")
	p2p(t, exitDone, "create", mkv, "-o", torrent, "--piece-length", "16K", "--no-date")
	write(t, mkv, read(t, mkv)+"more")
	for lang, want := range map[string][3]string{
		"en": {"too long", "every piece is right, but not what else", "longer than the file of the torrent, by 4 B"},
		"zh": {"过长", "所有分块都正确", "比种子中的文件长 4 B"},
	} {
		out, errs := p2p(t, exitMismatch, "verify", torrent, "-o", dir, "--lang", lang)
		oneLineSays(t, errs, want[1])
		if !strings.Contains(out, want[0]) || !strings.Contains(out, "100004") {
			t.Errorf("stdout:\n%s", out)
		}
		_, errs = p2p(t, exitExists, "get", torrent, "-o", dir, "--lang", lang)
		if !strings.Contains(errs, want[2]) || strings.Contains(errs, "resume") {
			t.Errorf("get says:\n%s", errs)
		}
	}
}

func TestSeedNamesItsOwnFlagWhereTheTorrentExists(t *testing.T) {
	dir := folder(t, map[string]string{"a": "a", "b": "b"})
	torrent := filepath.Join(dir, "a.torrent")
	p2p(t, exitDone, "create", filepath.Join(dir, "a"), "-o", torrent)
	_, errs := p2p(t, exitExists, "seed", filepath.Join(dir, "b"), "--save", torrent, "--listen", "127.0.0.1:0")
	if !strings.Contains(errs, "--save") || strings.Contains(errs, "-o,") {
		t.Errorf("stderr:\n%s", errs)
	}
}

func TestNoEnglishIsLeftInChineseComplaints(t *testing.T) {
	dir, torrent := film(t)
	here, nowhere := t.TempDir(), filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitNotFound, "没有文件", []string{"create", nowhere}},
		{exitNotFound, "没有文件", []string{"seed", nowhere, "-a", elsewhere}},
		{exitNotFound, "没有文件", []string{"verify", nowhere}},
		{exitNotFound, "没有文件夹", []string{"create", dir, "-o", filepath.Join(nowhere, "x.torrent")}},
		{exitUsage, "种子中没有文件", []string{"get", torrent, "-o", here, "-s", "x*"}},
		{exitUsage, "不是文件范围", []string{"get", torrent, "-o", here, "-s", "3-1"}},
		{exitUsage, "没有选中", []string{"get", torrent, "-o", here, "-s", ","}},
		{exitUsage, "不是有效的模式", []string{"get", torrent, "-o", here, "-s", "[a"}},
	} {
		_, errs := p2p(t, c.code, append(c.args, "--lang", "zh")...)
		oneLineSays(t, errs, c.want)
		for _, english := range []string{"such", "torrent:", "open ", "lstat", "; "} {
			if strings.Contains(errs, english) {
				t.Errorf("%q has %q", errs, english)
			}
		}
	}
}

// The film's last piece holds its end, both subtitles and the beginning of the
// note, so without a subtitle nothing is known about the end of the film.
func TestVerifyDoesNotCallBadWhatSharesItsBadPieces(t *testing.T) {
	dir, torrent := film(t)
	os.Remove(filepath.Join(dir, "film", "subs", "film.zh.srt"))
	out, _ := p2p(t, exitMismatch, "verify", torrent, "-o", dir)
	if !strings.Contains(out, "missing     subs/film.zh.srt") || !strings.Contains(out, "unsure      film.mkv") || strings.Contains(out, "bad  ") {
		t.Errorf("only what is missing is known to be wrong:\n%s", out)
	}
}

func TestVerifyOfNothingExitsWith3(t *testing.T) {
	_, torrent := film(t)
	out, errs := p2p(t, exitNotFound, "verify", torrent, "-o", t.TempDir())
	if out != "" {
		t.Errorf("stdout: %s", out)
	}
	oneLineSays(t, errs, "film", "-o")
	p2p(t, exitNotFound, "verify", torrent, "-o", filepath.Join(t.TempDir(), "no", "such", "folder"))
}

func TestCreateNeverReplacesAFileUnlessForced(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": data(1000), "a.torrent": "precious"})
	torrent, content := filepath.Join(dir, "a.torrent"), filepath.Join(dir, "a.bin")
	_, errs := p2p(t, exitExists, "create", content, "-o", torrent)
	oneLineSays(t, errs, "a.torrent", "--force")
	if read(t, torrent) != "precious" {
		t.Fatal("the file was replaced")
	}
	p2p(t, exitDone, "create", content, "-o", torrent, "--force")
	p2p(t, exitDone, "show", torrent)
	if names, _ := filepath.Glob(filepath.Join(dir, ".p2p*")); len(names) > 0 {
		t.Errorf("left over: %v", names)
	}
	p2p(t, exitIO, "create", content, "-o", filepath.Join(content, "x.torrent"))
}

func TestCreateWritesToStdoutAndShowReadsStdin(t *testing.T) {
	content := filepath.Join(folder(t, map[string]string{"a.bin": data(1000)}), "a.bin")
	torrent, errs := p2p(t, exitDone, "create", content, "-o", "-")
	if errs != "" {
		t.Errorf("stderr: %s", errs)
	}
	out, _ := p2pWith(t, exitDone, []string{"show", "-"}, withInput(torrent))
	if !strings.Contains(out, "a.bin") || !strings.Contains(out, "1000 bytes") {
		t.Errorf("show says %s", out)
	}
	p2p(t, exitUsage, "create", content, "-o", "-", "-j")
}

func TestSeveralTrackersBecomeTiers(t *testing.T) {
	content := filepath.Join(folder(t, map[string]string{"a.bin": data(1000)}), "a.bin")
	torrent, _ := p2p(t, exitDone, "create", content, "-o", "-", "-a", "http://a.test/x,http://b.test/x", "-a", "udp://c.test:1",
		"--webseed", "http://w.test/", "--private", "--source", "S", "--comment", "你好", "--name", "other")
	out, _ := p2pWith(t, exitDone, []string{"show", "-j", "-"}, withInput(torrent))
	s := object(t, out)
	tiers := s["announce_list"].([]any)
	if len(tiers) != 2 || !slices.Equal(tiers[0].([]any), []any{"http://a.test/x", "http://b.test/x"}) || tiers[1].([]any)[0] != "udp://c.test:1" {
		t.Errorf("announce_list = %v", tiers)
	}
	if s["private"] != true || s["source"] != "S" || s["comment"] != "你好" || s["name"] != "other" || s["creation_date"] == nil {
		t.Errorf("show says %v", s)
	}
	if seeds := s["web_seeds"].([]any); len(seeds) != 1 || seeds[0] != "http://w.test/" {
		t.Errorf("web_seeds = %v", seeds)
	}
}

func TestCreateSaysWhatItMade(t *testing.T) {
	dir := folder(t, map[string]string{"d/a": data(1000), "d/.cache/b": "x"})
	torrent := filepath.Join(dir, "d.torrent")
	out, errs := p2p(t, exitDone, "create", filepath.Join(dir, "d"), "-o", torrent, "--exclude", ".cache")
	if out != "" || !strings.Contains(errs, "1000 B in 1 file, 1 piece, info-hash ") {
		t.Errorf("create says %q, %q", out, errs)
	}
	out, errs = p2p(t, exitDone, "create", filepath.Join(dir, "d"), "-o", torrent, "--force", "-j")
	if s := object(t, out); errs != "" || s["torrent"] != torrent || s["file_count"] != 2.0 {
		t.Errorf("create -j says %v, %q", s, errs)
	}
	_, errs = p2p(t, exitUsage, "create", folder(t, map[string]string{"empty": ""}), "-o", filepath.Join(dir, "e.torrent"))
	oneLineSays(t, errs, "nothing to share")
	p2p(t, exitNotFound, "create", filepath.Join(dir, "nothing"), "-o", filepath.Join(dir, "e.torrent"))
}

func TestMagnetPrintsOnlyTheLink(t *testing.T) {
	_, torrent := film(t)
	out, errs := p2p(t, exitDone, "magnet", torrent)
	if !strings.HasPrefix(out, "magnet:?xt=urn:btih:") || strings.Count(out, "\n") != 1 || errs != "" {
		t.Errorf("magnet says %q, %q", out, errs)
	}
	j, _ := p2p(t, exitDone, "magnet", "-j", torrent)
	if object(t, j)["magnet"] != strings.TrimSpace(out) {
		t.Errorf("magnet -j says %s", j)
	}
}

func TestWhatIsNoTorrentGetsTheRightCode(t *testing.T) {
	dir := folder(t, map[string]string{"page.torrent": "<html>login</html>", "cut.torrent": "d4:info", "empty.torrent": "de", "none.torrent": ""})
	for name, want := range map[string]int{
		"page.torrent": exitNotBencode, "cut.torrent": exitNotBencode, "none.torrent": exitNotBencode, "empty.torrent": exitInvalid,
		"missing.torrent": exitNotFound, ".": exitNotBencode,
	} {
		for _, verb := range []string{"show", "get", "magnet", "verify", "seed"} {
			if name == "." && verb == "seed" {
				continue // a folder to share
			}
			_, errs := p2p(t, want, verb, filepath.Join(dir, name))
			oneLineSays(t, errs, "p2p "+verb+": ", "; ")
		}
	}
}

func TestOtherNamesOfATorrentAreExplained(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	_, errs := p2p(t, exitUsage, "get", "magnet:?xt=urn:btih:"+hash)
	oneLineSays(t, errs, "neither a tracker", "--peer")
	_, errs = p2p(t, exitUsage, "show", "magnet:?xt=urn:btih:"+hash)
	oneLineSays(t, errs, "needs the .torrent file", "p2p get")
	_, errs = p2p(t, exitMagnet, "get", "magnet:?xt=nonsense")
	oneLineSays(t, errs, "bad magnet link")
	_, errs = p2p(t, exitUsage, "get", hash)
	oneLineSays(t, errs, "info-hash", ".torrent")
	p2p(t, exitUsage, "get", hash+"0123456789abcdef01234567")
}

func TestFilesAreListedWithTheNumbersThatSelectTakes(t *testing.T) {
	_, torrent := film(t)
	out, _ := p2p(t, exitDone, "get", "-l", torrent)
	want := "  1    97.7 KiB  film.mkv\n  2        38 B  subs/film.en.srt\n  3         6 B  subs/film.zh.srt\n  4    19.5 KiB  数据/说明.txt\n"
	if out != want {
		t.Errorf("get -l says\n%s\nwant\n%s", out, want)
	}
	j, _ := p2p(t, exitDone, "get", "-l", "-j", torrent)
	if files := object(t, j)["files"].([]any); len(files) != 4 {
		t.Errorf("get -l -j says %s", j)
	}
	_, errs := p2p(t, exitUsage, "get", "-s", "9", torrent)
	oneLineSays(t, errs, `"9"`, "-l")
}

func TestHostileNamesDoNotReachTheTerminal(t *testing.T) {
	torrent := "d4:infod6:lengthi1e4:name12:a\x1b[2Jb\xe2\x80\xaec.x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"
	for _, verb := range [][]string{{"show", "-"}, {"get", "-l", "-"}} {
		out, errs := p2pWith(t, exitDone, verb, withInput(torrent))
		if strings.ContainsAny(out+errs, "\x1b\u202e") {
			t.Errorf("%v prints %q", verb, out+errs)
		}
	}
}
