package main

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// withRuntimeDir gives all processes of a test one folder for sockets, whose path is
// short.
func withRuntimeDir(t *testing.T) setting {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return withEnv("XDG_RUNTIME_DIR", dir)
}

func TestLimitsOfWhatRunsAreShownAndChanged(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the folder of the sockets is another one")
	}
	t.Parallel()
	at := withRuntimeDir(t)
	_, errs := p2pWith(t, exitNotFound, []string{"limit"}, at)
	oneLineSays(t, errs, "no \"p2p get\" or \"p2p seed\"")

	dir, torrent := film(t)
	seed := start(t, []string{"seed", torrent, "-o", dir, "--listen", "127.0.0.1:0", "-u", "300K", "-j", "--interval", "1s"}, at)
	seed.out.until(t, `"ready"`)
	out, _ := p2pWith(t, exitDone, []string{"limit"}, at)
	if lines := strings.Split(out, "\n"); len(lines) != 3 || strings.Join(strings.Fields(lines[1]), " ") != strconv.Itoa(os.Getpid())+" seed no limit 300.0 KiB/s film" {
		t.Errorf("limit prints\n%s", out)
	}
	// The variables are for those that are started later.
	out, _ = p2pWith(t, exitDone, []string{"limit", "-j"}, at, withEnv("P2P_UP_LIMIT", "1M"))
	if o := object(t, out); o["up_limit"] != 300.*1024 || o["down_limit"] != 0. || o["command"] != "seed" || o["name"] != "film" {
		t.Errorf("limit -j prints %v", o)
	}
	out, _ = p2pWith(t, exitDone, []string{"limit", "-u", "2M", "-j"}, at)
	if o := object(t, out); o["up_limit"] != 2.*1024*1024 || o["down_limit"] != 0. {
		t.Errorf("limit -u prints %v", o)
	}
	seed.out.until(t, `"limits_changed"`)
	seed.out.until(t, `"up_limit":2097152}`)
	for says, args := range map[string][]string{
		"banana": {"-u", "banana"}, "-5": {"-u", "-5"}, "5X": {"-d", "5X"}, "either film or --all": {"film", "--all", "-u", "1M"}, "got 2": {"a", "b"},
	} {
		_, errs := p2pWith(t, exitUsage, append([]string{"limit"}, args...), at)
		oneLineSays(t, errs, says)
	}

	other := start(t, []string{"seed", filepath.Join(dir, "film", "film.mkv"), "--save", filepath.Join(dir, "x.torrent"), "--listen", "127.0.0.1:0"}, at)
	other.errs.until(t, "seeding until stopped")
	_, errs = p2pWith(t, exitUsage, []string{"limit", "-u", "1M"}, at)
	oneLineSays(t, errs, "2 are running", "--all")
	_, errs = p2pWith(t, exitNotFound, []string{"limit", "nothing", "-u", "1M"}, at)
	oneLineSays(t, errs, "nothing")
	p2pWith(t, exitDone, []string{"limit", "film.mkv", "-u", "50K", "-d", "1M"}, at)
	other.errs.until(t, "limits are changed: receiving 1.0 MiB/s, sending 50.0 KiB/s")
	other.status <- os.Interrupt
	other.errs.until(t, "up-limit=50.0KiB/s")
	if out, _ := p2pWith(t, exitDone, []string{"limit", "film", "-j"}, at); object(t, out)["up_limit"] != 2.*1024*1024 {
		t.Errorf("the other has changed too: %s", out)
	}
	p2pWith(t, exitDone, []string{"limit", "--all", "-u", "off"}, at)
	other.errs.until(t, "receiving 1.0 MiB/s, sending no limit")
	seed.out.until(t, `"up_limit":0}`)

	seed.interrupt()
	other.interrupt()
	p2pWith(t, exitNotFound, []string{"limit"}, at)
}

// What was killed leaves its socket behind.
func TestASocketWithoutAProcessIsNoProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the folder of the sockets is another one")
	}
	at := withRuntimeDir(t)
	dir := filepath.Join((&app{shell: shellWith(at)}).runningDir())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "1-2.sock")
	abandon(t, path)
	p2pWith(t, exitNotFound, []string{"limit"}, at)
	if exists(path) {
		t.Error("it is still there")
	}
}

func shellWith(s setting) *shell {
	sh := &shell{env: func(string) string { return "" }}
	s(sh)
	return sh
}

// abandon makes a socket on which nobody listens any more.
func abandon(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}
