//go:build unix

package robust

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"p2p/cmd/p2p/drive"
	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
)

// restarted is a tracker that is started again and again.
type restarted struct {
	t    *testing.T
	dir  string
	addr string // for clients
	*drive.Process
}

func newRestarted(t *testing.T) *restarted {
	return &restarted{t: t, dir: t.TempDir(), addr: drive.Addr(t)}
}

// snapshot is the file that outlives it.
func (r *restarted) snapshot() string { return filepath.Join(r.dir, "peers.snapshot") }

func (r *restarted) start(flags ...string) {
	r.t.Helper()
	args := []string{"tracker", "-j", "--listen", r.addr, "--snapshot", r.snapshot(), "--control", filepath.Join(r.dir, "c")}
	r.Process = drive.Start(r.t, drive.Command{Name: "tracker", Path: binary, Args: append(args, flags...),
		Env: []string{"P2P_LANG=en", "XDG_STATE_HOME=" + r.dir}})
	r.Started(soon)
}

// end stops it as a service manager does.
func (r *restarted) end() {
	r.t.Helper()
	r.Signal(syscall.SIGTERM)
	r.WantExit(0, soon)
}

// announce makes a peer announce, and returns how many others it is told of.
func (r *restarted) announce(peer int) int {
	r.t.Helper()
	query := httpwire.AnnounceRequest{InfoHash: infohash.Of(nil), PeerID: [20]byte{byte(peer + 1)}, Port: uint16(1000 + peer), Left: 1, NumWant: -1}.AppendQuery(nil)
	client := http.Client{Timeout: soon, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + r.addr + "/announce?" + string(query))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := httpwire.ParseAnnounceResponse(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(slices.Collect(answer.Peers.All()))
}

func TestATrackerStartsWithThePeersOfTheOneBefore(t *testing.T) {
	t.Parallel()
	r := newRestarted(t)
	r.start()
	for peer := range 10 {
		r.announce(peer)
	}
	r.end()
	r.start("--snapshot-every", "1s")
	if got := r.announce(10); got != 10 {
		t.Errorf("after a restart %d peers are known, want 10", got)
	}
	// One that is killed leaves what it has written last.
	before, err := os.ReadFile(r.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	drive.Eventually(t, soon, "there is no snapshot while it runs", func() bool {
		now, err := os.ReadFile(r.snapshot())
		return err == nil && len(now) > len(before)
	})
	r.Kill()
	r.start()
	if got := r.announce(11); got != 11 {
		t.Errorf("after a kill %d peers are known, want 11", got)
	}
	r.end() // which takes the place of half a snapshot, if it was killed in the middle of one
	if all, _ := filepath.Glob(r.snapshot() + "*"); len(all) != 1 {
		t.Errorf("files are left over: %v", all)
	}
}

func TestABadSnapshotNeverKeepsATrackerFromStarting(t *testing.T) {
	t.Parallel()
	r := newRestarted(t)
	r.start()
	r.announce(0)
	r.end()
	whole, err := os.ReadFile(r.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-20] ^= 1
	for name, c := range map[string]struct {
		content []byte
		warning string
		kept    bool // the file is not the tracker's to replace
	}{
		"cut off":         {whole[:len(whole)-9], "cannot be read", false},
		"flipped":         {flipped, "cannot be read", false},
		"empty":           {nil, "cannot be read", false},
		"somebody else's": {[]byte("precious\n"), "left alone", true},
	} {
		if err := os.WriteFile(r.snapshot(), c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.announce(1)
		r.end()
		if !strings.Contains(r.Errs(), c.warning) {
			t.Errorf("%s: no warning that says %q: %s", name, c.warning, r.Errs())
		}
		after, err := os.ReadFile(r.snapshot())
		if err != nil || bytes.Equal(after, c.content) != c.kept {
			t.Errorf("%s: the file is now %q, %v", name, after, err)
		}
	}
}

// The port is taken before the snapshot is read, and none is written by a tracker
// that has not served: whoever starts a second one by mistake loses nothing.
func TestATrackerThatDoesNotStartLeavesTheSnapshotAlone(t *testing.T) {
	t.Parallel()
	r := newRestarted(t)
	r.start()
	r.announce(0)
	r.end()
	want, err := os.ReadFile(r.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	r.start("--snapshot-every", "0s")
	second := drive.Start(t, drive.Command{Name: "second tracker", Path: binary, Args: []string{
		"tracker", "--listen", r.addr, "--snapshot", r.snapshot(), "--control", filepath.Join(r.dir, "d")},
		Env: []string{"P2P_LANG=en", "XDG_STATE_HOME=" + r.dir}})
	second.WantExit(41, soon)
	if got, err := os.ReadFile(r.snapshot()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the snapshot has changed: %v", err)
	}
	if got := r.announce(1); got != 1 {
		t.Errorf("the first tracker knows %d peers, want 1", got)
	}
}
