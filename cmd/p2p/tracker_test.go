package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
	"p2p/torrentfile/infohash"
)

// trackerFolder returns a short path: that of a socket has a hundred bytes.
func trackerFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// announced asks the tracker at url, an announce address, as a client would.
func announced(t *testing.T, url string, torrent infohash.T, query string) string {
	t.Helper()
	var escaped strings.Builder
	for _, b := range torrent {
		fmt.Fprintf(&escaped, "%%%02x", b)
	}
	resp, err := http.Get(url + "?info_hash=" + escaped.String() + "&peer_id=-XX0000-abcdefghijkl&port=6881&compact=1" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAListIsReadAgainOnSIGHUP(t *testing.T) {
	one, two := infohash.Of([]byte("one")), infohash.Of([]byte("two"))
	list := filepath.Join(t.TempDir(), "allow.txt")
	write(t, list, one.String()+"\n")
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--allow", list, "-v"})
	url := strings.Fields(p.out.until(t, "statistics"))[1]
	if got := announced(t, url, one, "&left=1"); !strings.Contains(got, "8:interval") {
		t.Errorf("a torrent on the list: %q", got)
	}
	if got := announced(t, url, two, "&left=1"); !strings.Contains(got, "does not serve this torrent") {
		t.Errorf("a torrent that is not on the list: %q", got)
	}
	write(t, list, two.String()+"\nnonsense\n")
	p.signals <- syscall.SIGHUP
	p.errs.until(t, "stays in use")
	if got := announced(t, url, one, "&left=1"); !strings.Contains(got, "8:interval") {
		t.Errorf("after a reload of nonsense: %q", got)
	}
	write(t, list, two.String()+"\n")
	p.signals <- syscall.SIGHUP
	p.errs.until(t, "file read again")
	if got := announced(t, url, two, "&left=1"); !strings.Contains(got, "8:interval") {
		t.Errorf("after a reload: %q", got)
	}
	if code := p.interrupt(); code != exitDone {
		t.Errorf("the tracker exits with %d", code)
	}
}

// A terminal that is closed takes the tracker with it that was started in it.
func TestATrackerEndsWithItsTerminal(t *testing.T) {
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0"}, func(sh *shell) { sh.hungUp = func() bool { return true } })
	p.out.until(t, "statistics")
	p.signals <- syscall.SIGHUP
	if code := p.wait(); code != exitDone {
		t.Errorf("the tracker exits with %d", code)
	}
}

func TestPasskeysAreMadeAndRevokedWhileTheTrackerRunsAndOutliveIt(t *testing.T) {
	dir := trackerFolder(t)
	socket := filepath.Join(dir, "c.sock")
	args := []string{"tracker", "--listen", "127.0.0.1:0", "--private", "--data", filepath.Join(dir, "data"), "--control", socket}
	p := start(t, args)
	public := strings.Fields(p.out.until(t, "statistics"))[1]
	torrent := infohash.Of(nil)
	if got := announced(t, public, torrent, "&left=1"); !strings.Contains(got, "needs a passkey") {
		t.Errorf("without a key: %q", got)
	}
	out, _ := p2p(t, exitDone, "tracker", "key", "add", "alice", "--torrents", "2", "--control", socket)
	fields := strings.Fields(out)
	if len(fields) != 5 || !strings.Contains(fields[3], fields[1]) {
		t.Fatalf("key add prints\n%s", out)
	}
	own := fields[3]
	announced(t, own, torrent, "&left=1&uploaded=100&downloaded=0")
	if got := announced(t, own, torrent, "&left=1&uploaded=1100&downloaded=50"); !strings.Contains(got, "8:interval") {
		t.Errorf("with a key: %q", got)
	}
	p2p(t, exitExists, "tracker", "key", "add", "alice", "--control", socket)
	p2p(t, exitUsage, "tracker", "key", "add", "a/b", "--control", socket)
	p2p(t, exitNotFound, "tracker", "key", "revoke", "bob", "--control", socket)
	key := func() map[string]any {
		out, _ := p2p(t, exitDone, "tracker", "key", "list", "-j", "--control", socket)
		return object(t, out)
	}
	if k := key(); k["name"] != "alice" || k["uploaded"] != 1000.0 || k["downloaded"] != 50.0 || k["active"] != 1.0 {
		t.Errorf("key list prints %v", k)
	}
	if code := p.interrupt(); code != exitDone {
		t.Fatalf("the tracker exits with %d", code)
	}

	p = start(t, args)
	again := strings.Fields(p.out.until(t, "statistics"))[1]
	own = strings.TrimSuffix(again, "/announce") + "/" + fields[1] + "/announce"
	waitFor(t, "the key after a restart", func() bool {
		return strings.Contains(announced(t, own, torrent, "&left=1&uploaded=1100&downloaded=50"), "8:interval")
	})
	waitFor(t, "what was counted before the restart", func() bool { return key()["uploaded"] == 1000.0 })
	if out, _ := p2p(t, exitDone, "tracker", "key", "list", "--control", socket); !strings.Contains(out, "1000 B") {
		t.Errorf("key list prints\n%s", out)
	}
	p2p(t, exitDone, "tracker", "key", "revoke", "alice", "--control", socket)
	if got := announced(t, own, torrent, "&left=1"); !strings.Contains(got, "unknown passkey") {
		t.Errorf("with a revoked key: %q", got)
	}
}

// waitFor waits for what the tracker does beside its answers.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !done() {
		if ctx.Err() != nil {
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestBansHoldWhileTheTrackerRuns(t *testing.T) {
	socket := filepath.Join(trackerFolder(t), "c.sock")
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--control", socket})
	url := strings.Fields(p.out.until(t, "statistics"))[1]
	torrent := infohash.Of(nil)
	p2p(t, exitDone, "tracker", "ban", "add", torrent.String(), "--until", "7d", "--reason", "taken down", "--control", socket)
	if got := announced(t, url, torrent, "&left=1"); !strings.Contains(got, "6:banned") {
		t.Errorf("a banned torrent: %q", got)
	}
	if out, _ := p2p(t, exitDone, "tracker", "ban", "list", "--control", socket); !strings.Contains(out, torrent.String()) || !strings.Contains(out, "taken down") {
		t.Errorf("ban list prints\n%s", out)
	}
	p2p(t, exitDone, "tracker", "ban", "remove", torrent.String(), "--control", socket)
	p2p(t, exitNotFound, "tracker", "ban", "remove", torrent.String(), "--control", socket)
	if got := announced(t, url, torrent, "&left=1"); !strings.Contains(got, "8:interval") {
		t.Errorf("after the ban: %q", got)
	}
	_, errs := p2p(t, exitUsage, "tracker", "ban", "add", "0.0.0.0/0", "--control", socket)
	oneLineSays(t, errs, "too wide")
	_, errs = p2p(t, exitUsage, "tracker", "ban", "add", "192.0.2.1", "--until", "soon", "--control", socket)
	oneLineSays(t, errs, "--until")
	_, errs = p2p(t, exitOther, "tracker", "key", "list", "--control", socket)
	oneLineSays(t, errs, "--private")
	_, errs = p2p(t, exitNotFound, "tracker", "ban", "list", "--control", socket+"x")
	oneLineSays(t, errs, "no tracker answers", "--control")
}

func TestATrackerIsCheckedWithoutBeingStarted(t *testing.T) {
	dir := folder(t, map[string]string{
		"allow": infohash.Of(nil).String() + "\n", "bans": "192.0.2.1 # liar\n2001:db8::/32\n", "bad": "\nxyz\n",
		"keys": "alice 0123456789abcdef0123456789abcdef\n", "short": "secret",
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	out, _ := p2p(t, exitDone, "tracker", "--check", "--allow", at("allow"), "--bans", at("bans"), "--private", "--keys", at("keys"))
	for _, part := range []string{":6969", "allow: 1 entry", "bans: 2 entries", "keys: 1 entry"} {
		if !strings.Contains(out, part) {
			t.Errorf("--check does not say %q:\n%s", part, out)
		}
	}
	out, _ = p2p(t, exitDone, "tracker", "--check", "--deny", at("allow"), "-j")
	if v := object(t, out); v["message_type"] != "checked" {
		t.Errorf("--check -j prints %v", v)
	}
	_, errs := p2p(t, exitNotFound, "tracker", "--check", "--allow", at("none"))
	oneLineSays(t, errs, "--allow", "none")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--deny", at("bad")}, "line 2"},
		{[]string{"--bans", at("bad")}, "line 2"},
		{[]string{"--private"}, "--data"},
		{[]string{"--keys", at("keys")}, "--private"},
		{[]string{"--rate", "-1"}, "--rate"},
		{[]string{"--tls-cert", at("bad")}, "--tls-listen"},
		{[]string{"--tls-cert", at("bad"), "--tls-key", at("bad"), "--tls-listen", ":0"}, "tls-cert"},
		{[]string{"--tls-listen", "nowhere:1"}, "--tls-listen"},
		{[]string{"--admin", "x"}, "--admin"},
		{[]string{"--pprof", ":6060"}, "127.0.0.1"},
		{[]string{"--pprof", "192.0.2.1:6060"}, "this machine alone"},
		{[]string{"--top-swarms", "-1"}, "--top-swarms"},
		{[]string{"--snapshot", filepath.Join(at("none"), "peers")}, "no folder"},
		{[]string{"--snapshot", dir}, "want a file"},
		{[]string{"--max-memory", "73M"}, "74M"},
		{[]string{"--max-memory", "74M", "--private", "--data", at("data")}, "or more"},
		{[]string{"--join", "127.0.0.1:1"}, "--cluster-listen"},
		{[]string{"--cluster-listen", "127.0.0.1:0"}, "--data"},
		{[]string{"--cluster-listen", "127.0.0.1:0", "--data", at("data"), "--cluster-secret", at("short")}, "random bytes"},
	} {
		_, errs := p2p(t, exitUsage, append([]string{"tracker", "--check"}, c.args...)...)
		oneLineSays(t, errs, c.want)
	}
	if _, err := os.Stat(at("data")); err == nil {
		t.Error("--check has made a folder")
	}
}

func TestTheOperatorHasPagesThatClientsDoNotSee(t *testing.T) {
	socket := filepath.Join(trackerFolder(t), "c.sock")
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--control", socket,
		"--admin", "127.0.0.1:0", "--pprof", "127.0.0.1:0", "--top-swarms", "3"})
	out := p.out.until(t, "/metrics\n")
	fields := strings.Fields(out) // a name before what it is
	of := func(name string) string { return fields[slices.Index(fields, name)+1] }
	announce, page, metrics := of("announce"), of("statistics"), of("metrics")
	torrent := infohash.Of(nil)
	announced(t, announce, torrent, "&left=1")
	status := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if code, body := status(metrics); code != 200 || !strings.Contains(body, "\np2p_tracker_torrents 1\n") || !strings.Contains(body, `version="`+version+`"`) {
		t.Errorf("%s: %d %s", metrics, code, body)
	}
	if code, body := status(page + "stats.json"); code != 200 || !strings.Contains(body, torrent.String()) {
		t.Errorf("%s: %d %s", page, code, body)
	}
	if code, _ := status(strings.TrimSuffix(announce, "announce")); code != 404 {
		t.Errorf("clients see the page: %d", code)
	}
	drive.Eventually(t, time.Minute, "/readyz does not become 200", func() bool { // its rules are read beside
		code, _ := status(strings.TrimSuffix(announce, "announce") + "readyz")
		return code == 200
	})
}

// What the lists take is not the peers' any more, and a list does not outgrow it.
func TestMaxMemoryHoldsForTheListsToo(t *testing.T) {
	list := filepath.Join(t.TempDir(), "allow.txt")
	long := strings.Repeat(infohash.Of([]byte("x")).String()+"\n", 100_000) // 4 MB
	write(t, list, long)
	_, errs := p2p(t, exitUsage, "tracker", "--check", "--max-memory", "64M", "--allow", list)
	oneLineSays(t, errs, "--max-memory", "or more")
	write(t, list, infohash.Of(nil).String()+"\n")
	socket := filepath.Join(trackerFolder(t), "c.sock")
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--max-memory", "80M", "--allow", list, "--control", socket})
	url := strings.Fields(p.out.until(t, "statistics"))[1]
	write(t, list, long)
	_, errs = p2p(t, exitOther, "tracker", "reload", "--control", socket)
	oneLineSays(t, errs, "--allow", "--max-memory", "stays in use")
	if got := announced(t, url, infohash.Of(nil), "&left=1"); !strings.Contains(got, "8:interval") {
		t.Errorf("after a list that was too long: %q", got)
	}
}

func TestTheUnitsOfSystemdArePrinted(t *testing.T) {
	service, _ := p2p(t, exitDone, "tracker", "systemd")
	socket, _ := p2p(t, exitDone, "tracker", "systemd", "--socket")
	program, err := os.Executable()
	if err != nil || !strings.Contains(service, "ExecStart="+program+" tracker") || !strings.Contains(socket, "[Socket]") {
		t.Errorf("the units are\n%s\n%s", service, socket)
	}
}

// Every variable that the unit sets or names is one of a flag.
func TestTheUnitsNameFlagsThatExist(t *testing.T) {
	service, _ := p2p(t, exitDone, "tracker", "systemd")
	help, _ := p2p(t, exitDone, "tracker", "--help")
	for word := range strings.FieldsFuncSeq(service, func(r rune) bool { return r == ' ' || r == '\n' || r == '=' }) {
		name, ok := strings.CutPrefix(word, "P2P_")
		if !ok {
			continue
		}
		flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "TRACKER_"), "_", "-"))
		if !strings.Contains(help, flag+" ") {
			t.Errorf("the unit names %s, and there is no %s", word, flag)
		}
	}
}
