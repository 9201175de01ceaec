package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"p2p/cmd/p2p/text"
)

// share seeds the folder film on the loopback interface with a tracker in the
// same process, and returns the torrent.
func share(t *testing.T) (seed *process, dir, torrent string) {
	t.Helper()
	dir, _ = film(t)
	torrent = filepath.Join(dir, "shared.torrent")
	seed = start(t, []string{"seed", filepath.Join(dir, "film"), "--listen", "127.0.0.1:0", "--save", torrent, "--piece-length", "16K"})
	seed.errs.until(t, "seeding until stopped")
	return seed, dir, torrent
}

func sameFolder(t *testing.T, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		if read(t, filepath.Join(a, name)) != read(t, filepath.Join(b, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

var filmFiles = []string{"film/film.mkv", "film/subs/film.en.srt", "film/subs/film.zh.srt", "film/数据/说明.txt"}

func TestAFolderIsSharedAndFetched(t *testing.T) {
	seed, dir, torrent := share(t)
	out := seed.out.String()
	if !strings.Contains(out, "torrent   "+torrent+"\n") || !strings.Contains(out, "announce  http://127.0.0.1:") {
		t.Errorf("seed prints\n%s", out)
	}

	to := t.TempDir()
	out, errs := p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0")
	if out != "" || !strings.Contains(errs, "✓ film  117.2 KiB in ") || !strings.Contains(errs, "all 8 pieces verified → "+filepath.Join(to, "film")) {
		t.Errorf("get says %q, %q", out, errs)
	}
	sameFolder(t, dir, to, filmFiles...)

	out, errs = p2p(t, exitDone, "get", torrent, "-o", to)
	if out != "" || !strings.Contains(errs, "complete already") {
		t.Errorf("the second get says %q, %q", out, errs)
	}
	if _, errs := p2p(t, exitDone, "get", torrent, "-o", to, "-q"); errs != "" {
		t.Errorf("get -q says %q", errs)
	}

	if code := seed.interrupt(); code != exitDone {
		t.Errorf("seed exits with %d", code)
	}
	if errs := seed.errs.String(); !strings.Contains(errs, "stopping") || !strings.Contains(errs, "sent 117.2 KiB, ratio 1.00") {
		t.Errorf("seed says %q", errs)
	}
	// The tracker is gone with its process, and a second run takes its place.
	again := start(t, []string{"seed", filepath.Join(dir, "film"), "--listen", "127.0.0.1:0", "--save", torrent, "--piece-length", "16K"})
	again.errs.until(t, "seeding until stopped")
	again.interrupt()
}

// elsewhere is a tracker in place of the one that seed would open, which says so when its port is taken by another program.
const elsewhere = "http://tracker.test/announce"

func TestSeedKeepsWhatItDidNotWrite(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": data(20_000), "b.bin": data(30_000), "notes.torrent": "precious"})
	other := filepath.Join(dir, "b.torrent")
	p2p(t, exitDone, "create", filepath.Join(dir, "b.bin"), "-o", other)
	for _, name := range []string{filepath.Join(dir, "notes.torrent"), other} {
		before := read(t, name)
		_, errs := p2p(t, exitExists, "seed", filepath.Join(dir, "a.bin"), "--save", name, "--listen", "127.0.0.1:0", "-a", elsewhere)
		oneLineSays(t, errs, name, "--force")
		if read(t, name) != before {
			t.Errorf("%s was replaced", name)
		}
	}
}

func TestATorrentIsNotPutIntoWhatItDescribes(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"data/x": data(1000), "data/sub/y": "y"}))
	for _, here := range []string{"data", "data/sub"} {
		t.Chdir(here)
		content := map[string]string{"data": ".", "data/sub": ".."}[here]
		for _, verb := range []string{"create", "seed"} {
			_, errs := p2p(t, exitUsage, verb, content)
			oneLineSays(t, errs, "data.torrent", "--save")
		}
		t.Chdir(map[string]string{"data": "..", "data/sub": "../.."}[here])
	}
	p2p(t, exitDone, "create", "data")
	p2p(t, exitDone, "verify", "data.torrent")
}

func TestWithJSONTheFirstLineIsTheStart(t *testing.T) {
	dir, torrent := film(t)
	for _, args := range [][]string{
		{"seed", torrent, "-o", dir},
		{"seed", filepath.Join(dir, "film"), "--save", filepath.Join(dir, "s.torrent")},
		{"get", torrent, "-o", dir, "--seed"},
	} {
		p := start(t, append(args, "--listen", "127.0.0.1:0", "-j", "--interval", "0.05s"))
		p.out.until(t, `"state":"seeding"`)
		if code := p.interrupt(); code != exitDone {
			t.Errorf("%v exits with %d", args, code)
		}
		lines := objects(t, p.out.String())
		if lines[0]["message_type"] != "start" || lines[0]["listen"] == "" || lines[len(lines)-1]["message_type"] != "summary" {
			t.Errorf("%v prints\n%s", args, p.out.String())
		}
		if p.errs.String() != "" {
			t.Errorf("%v prints %q on stderr", args, p.errs.String())
		}
	}
}

func TestOnlySelectedFilesAreFetched(t *testing.T) {
	_, dir, torrent := share(t)
	to := t.TempDir()
	out, _ := p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0", "-s", "2", "-s", "*.txt", "-j")
	sameFolder(t, dir, to, "film/subs/film.en.srt", "film/数据/说明.txt")
	if _, err := os.Stat(filepath.Join(to, "film", "film.mkv")); err == nil {
		t.Error("a file that nobody selected was made")
	}
	lines := objects(t, out)
	first, last := lines[0], lines[len(lines)-1]
	if first["message_type"] != "start" || first["schema"] != 1.0 || first["total_bytes"] != 120044.0 {
		t.Errorf("first line %v", first)
	}
	if last["message_type"] != "summary" || last["complete"] != true || last["exit_code"] != 0.0 || last["path"] != filepath.Join(to, "film") {
		t.Errorf("last line %v", last)
	}
	complete := false
	for _, line := range lines {
		complete = complete || line["message_type"] == "event" && line["kind"] == "complete"
	}
	if !complete {
		t.Errorf("no event says that it is complete:\n%s", out)
	}
}

func TestATorrentIsSeededFromItsFolder(t *testing.T) {
	dir, torrent := film(t) // announces to a tracker that does not exist
	seed := start(t, []string{"seed", torrent, "-o", dir, "--listen", "127.0.0.1:0", "-j"})
	line, _, _ := strings.Cut(seed.out.until(t, `"ready"`), "\n")
	addr := object(t, line)["listen"].(string)
	to := t.TempDir()
	p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0", "--peer", addr)
	sameFolder(t, dir, to, filmFiles...)
	if code := seed.interrupt(); code != exitDone {
		t.Errorf("seed exits with %d\n%s", code, seed.errs.String())
	}

	write(t, filepath.Join(dir, "film", "film.mkv"), data(99_000))
	_, errs := p2p(t, exitMismatch, "seed", torrent, "-o", dir)
	oneLineSays(t, errs, "p2p get --overwrite")
	_, errs = p2p(t, exitUsage, "seed", torrent, "-o", dir, "--comment", "x")
	oneLineSays(t, errs, "--comment")
}

func TestAnExistingFileIsRepairedOnlyWhenAllowed(t *testing.T) {
	_, dir, torrent := share(t)
	to := folder(t, map[string]string{"film/film.mkv": "mine"})
	_, errs := p2p(t, exitExists, "get", torrent, "-o", to, "--listen", "127.0.0.1:0")
	oneLineSays(t, errs, "film.mkv", "--overwrite")
	if read(t, filepath.Join(to, "film", "film.mkv")) != "mine" {
		t.Fatal("the file was touched")
	}
	p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0", "--overwrite")
	sameFolder(t, dir, to, filmFiles...)
}

func TestAnInterruptedDownloadExitsWith130(t *testing.T) {
	_, torrent := film(t)
	for signal, want := range map[os.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		p := start(t, []string{"get", torrent, "-o", t.TempDir(), "--listen", "127.0.0.1:0", "--peer", "127.0.0.1:9", "-j"})
		p.out.until(t, `"start"`)
		p.signals <- signal
		if code := p.wait(); code != want {
			t.Errorf("%v gives %d; want %d", signal, code, want)
		}
		lines := objects(t, p.out.String())
		if last := lines[len(lines)-1]; last["complete"] != false || last["exit_code"] != float64(want) {
			t.Errorf("the last line is %v", last)
		}
		if e := object(t, p.errs.String()); e["code"] != float64(want) {
			t.Errorf("stderr says %v", e)
		}
	}
}

func TestTheSecondSignalLeavesAtOnceUnlessItIsTheFirst(t *testing.T) {
	synctest.Test(t, secondSignal)
}

func secondSignal(t *testing.T) {
	a := &app{shell: &shell{}, text: text.English()}
	a.globals.quiet = true
	signals, left := make(chan os.Signal), make(chan int, 1)
	a.stops = func() (<-chan os.Signal, func()) { return signals, func() {} }
	a.statuses = func() (<-chan os.Signal, func()) { return nil, func() {} }
	a.exit = func(code int) { left <- code }
	a.display = display(t)
	ctx, release, _ := a.interruptible(context.Background())
	signals <- syscall.SIGTERM
	<-ctx.Done()
	signals <- syscall.SIGTERM // the same once more, from timeout(1)
	time.Sleep(echo)
	if len(left) > 0 {
		t.Error("an echo of the signal ended the program")
	}
	signals <- syscall.SIGINT
	if code := <-left; code != 130 {
		t.Errorf("the second signal exits with %d", code)
	}
	release()
	if i, ok := errors.AsType[*interrupted](context.Cause(ctx)); !ok || i.signal != syscall.SIGTERM {
		t.Errorf("the cause is %v", context.Cause(ctx))
	}
}

func TestAStatusLineIsGivenOnRequest(t *testing.T) {
	_, torrent := film(t)
	p := start(t, []string{"get", torrent, "-o", t.TempDir(), "--listen", "127.0.0.1:0", "-q"})
	p.status <- os.Interrupt
	p.errs.until(t, " get film ")
	p.interrupt()
}

func TestATrackerTellsItsAddresses(t *testing.T) {
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0"})
	out := p.out.until(t, "#")
	fields := strings.Fields(out)
	if len(fields) != 7 || !strings.HasSuffix(fields[1], "/announce") || !strings.HasPrefix(fields[2], "udp://127.0.0.1:") ||
		!strings.HasPrefix(fields[6]+"/announce", strings.TrimSuffix(fields[1], "/announce")+"#") {
		t.Fatalf("tracker prints\n%s", out)
	}
	resp, err := http.Get(fields[4] + "stats.json")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("stats.json: %v, %v", resp, err)
	}
	resp.Body.Close()

	addr := strings.TrimSuffix(strings.TrimPrefix(fields[1], "http://"), "/announce")
	_, errs := p2p(t, exitPortBusy, "tracker", "--listen", addr)
	oneLineSays(t, errs, "p2p tracker:", addr, "--listen")
	_, errs = p2p(t, exitNetwork, "tracker", "--listen", "198.51.100.77:0")
	oneLineSays(t, errs, "--listen")

	p.status <- os.Interrupt
	p.errs.until(t, "tracker swarms=0")
	if code := p.interrupt(); code != exitDone {
		t.Errorf("the tracker exits with %d", code)
	}
}

func TestATrackerTellsItsAddressesInJSON(t *testing.T) {
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "-j"})
	line := object(t, p.out.until(t, "\n"))
	if list := line["announce"].([]any); len(list) != 2 || line["stats"] == nil || line["command"] != "tracker" {
		t.Errorf("the tracker prints %v", line)
	}
	p.interrupt()
}

func TestATorrentIsFetchedFromTheWeb(t *testing.T) {
	dir, torrent := film(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/film.torrent", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(read(t, torrent))) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>please log in</html>")) })
	mux.HandleFunc("/secret", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte("d8:announce"))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("d1000000000:"))
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	out, _ := p2p(t, exitDone, "get", "-l", server.URL+"/film.torrent")
	if !strings.Contains(out, "film.mkv") {
		t.Errorf("get -l URL prints\n%s", out)
	}
	p2p(t, exitDone, "verify", server.URL+"/film.torrent", "-o", dir)
	for path, want := range map[string]int{
		"/nothing": exitNotFound, "/secret": exitRefused, "/broken": exitNetwork, "/page": exitNotBencode, "/cut": exitNetwork,
		"/endless": exitInvalid,
	} {
		_, errs := p2p(t, want, "get", server.URL+path)
		oneLineSays(t, errs, path, "; ")
	}
	server.Close()
	_, errs := p2p(t, exitNetwork, "get", server.URL+"/film.torrent")
	oneLineSays(t, errs, "refused")
	if strings.Count(errs, "film.torrent") != 1 {
		t.Errorf("the address is there more than once: %s", errs)
	}
	p2p(t, exitUsage, "get", "http://")
}

func TestTheDemonstrationProvesItself(t *testing.T) {
	own := t.TempDir() // somebody else's demonstration may be running, or have been killed
	t.Setenv("TMPDIR", own)
	t.Setenv("TMP", own) // Windows
	out, errs := p2p(t, exitDone, "demo", "--size", "2M", "--seeders", "3")
	if !strings.Contains(out, "✓ source and result are identical") || strings.Count(out, "seeder ") != 3 || !strings.Contains(out, "downloader") {
		t.Errorf("demo prints\n%s%s", out, errs)
	}
	file := filepath.Join(folder(t, map[string]string{"数据.bin": data(300_000)}), "数据.bin")
	out, errs = p2p(t, exitDone, "demo", file, "-j", "--seeders", "1")
	lines := objects(t, out)
	last := lines[len(lines)-1]
	if lines[0]["message_type"] != "start" {
		t.Errorf("demo -j begins with %v", lines[0])
	}
	if last["complete"] != true || last["sha256_source"] != last["sha256_result"] || len(last["members"].([]any)) != 2 || errs != "" {
		t.Errorf("demo -j ends with %v, %s", last, errs)
	}
	if left, _ := filepath.Glob(filepath.Join(own, "p2p-demo-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	p2p(t, exitUsage, "demo", t.TempDir())
	p2p(t, exitNotFound, "demo", filepath.Join(t.TempDir(), "no"))
}

func TestABusyPortIsNotTakenForAnother(t *testing.T) {
	_, torrent := film(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, errs := p2p(t, exitPortBusy, "get", torrent, "-o", t.TempDir(), "--listen", l.Addr().String())
	oneLineSays(t, errs, l.Addr().String(), "--listen")
}

// closedPipe is a stdout whose reader has gone away.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

func TestWithoutAReaderForJSONTheDownloadEndsQuietly(t *testing.T) {
	_, torrent := film(t)
	p := start(t, []string{"get", torrent, "-o", t.TempDir(), "--listen", "127.0.0.1:0", "-j"}, func(sh *shell) { sh.out = closedPipe{} })
	if code := p.wait(); code != exitPipe || p.errs.String() != "" {
		t.Errorf("exit code %d, stderr %q", code, p.errs.String())
	}
}

// The names are no trouble on Unix, where the content is, but would be elsewhere,
// so the one who downloads gets other names.
func TestOddNamesAreSharedAsTheyAre(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such names")
	}
	dir := folder(t, map[string]string{"odd/a:b?.txt": data(20_000), "odd/CON": "con", "odd/.hidden": "h", "odd/ x .": "blank"})
	torrent := filepath.Join(dir, "odd.torrent")
	start(t, []string{"seed", filepath.Join(dir, "odd"), "--listen", "127.0.0.1:0", "--save", torrent}).errs.until(t, "seeding until stopped")
	to := t.TempDir()
	p2p(t, exitDone, "get", torrent, "-o", to, "--listen", "127.0.0.1:0")
	if got := read(t, filepath.Join(to, "odd", "a_b_.txt")); got != data(20_000) {
		t.Error("a:b?.txt differs")
	}
	p2p(t, exitDone, "verify", torrent, "-o", dir)
}
