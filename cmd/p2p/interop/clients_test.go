//go:build interop && linux

package interop

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

const peerPort = 7001

// patience is how long a small download may take, or anything else that has to
// come: six tests run at a time, each with several programs. Transmission decides
// only every ten seconds whom it serves.
const patience = 90 * time.Second

// job is what a client is to do.
type job struct {
	torrent string
	dir     string     // seed: where the content is; get: where it is to be
	at      netip.Addr // its own address
	limit   int        // seed: bytes a second for everybody together; 0 = no limit
}

func (j job) listen() string { return net.JoinHostPort(j.at.String(), strconv.Itoa(peerPort)) }

// client is a BitTorrent client of some maker, with the settings that its users
// have, but for what would look for peers outside of the test.
type client interface {
	fmt.Stringer
	// programs are those that it needs.
	programs() []string
	// seed runs it until the test ends.
	seed(t *testing.T, j job) *drive.Process
	// get begins to download; the function that it returns waits until the
	// client has everything, ends it, and fails the test after limit.
	get(t *testing.T, j job) (wait func(limit time.Duration))
}

// others are the clients of other makers.
var others = []client{aria2{}, transmission{}, libtorrent{}}

// ours is p2p.
type ours struct{}

func (ours) String() string     { return "p2p" }
func (ours) programs() []string { return nil }

func (ours) seed(t *testing.T, j job) *drive.Process {
	return drive.Start(t, drive.Command{Name: "p2p seed", Path: binary, Args: []string{
		"seed", j.torrent, "-o", j.dir, "--listen", j.listen(), "-u", strconv.Itoa(j.limit), "-vv"}})
}

func (ours) get(t *testing.T, j job) func(time.Duration) {
	p := startGet(t, j, "-j", "-vv")
	return func(limit time.Duration) {
		p.WantExit(0, limit)
		s := p.Summary()
		if !s.Complete || s.BytesDone != s.TotalBytes {
			t.Errorf("p2p get ended well with %d of %d bytes", s.BytesDone, s.TotalBytes)
		}
	}
}

func startGet(t *testing.T, j job, flags ...string) *drive.Process {
	return drive.Start(t, drive.Command{Name: "p2p get", Path: binary, Args: append([]string{
		"get", j.torrent, "-o", j.dir, "--listen", j.listen()}, flags...)})
}

// aria2 is aria2c, for people who know wget.
type aria2 struct{}

func (aria2) String() string     { return "aria2" }
func (aria2) programs() []string { return []string{"aria2c"} }

func (aria2) start(t *testing.T, name string, j job, flags ...string) *drive.Process {
	return drive.Start(t, drive.Command{Name: name, Path: "aria2c", Args: append([]string{
		"--no-conf", "--bt-enable-lpd=false", "--interface=" + j.at.String(), "--listen-port=" + strconv.Itoa(peerPort),
		// aria2 asks UDP trackers from the socket of its DHT, of which there is
		// nobody here.
		"--dht-listen-port=" + strconv.Itoa(peerPort), "--dht-listen-addr=" + j.at.String(), "--dht-file-path=" + filepath.Join(t.TempDir(), "dht"),
		"--max-upload-limit=" + strconv.Itoa(j.limit),
		"--log=-", "--log-level=debug", "--quiet", "-d", j.dir, j.torrent}, flags...)})
}

func (a aria2) seed(t *testing.T, j job) *drive.Process {
	return a.start(t, "aria2 seed", j, "--check-integrity=true", "--seed-ratio=0.0")
}

func (a aria2) get(t *testing.T, j job) func(time.Duration) {
	p := a.start(t, "aria2 get", j, "--seed-time=0")
	return func(limit time.Duration) { p.WantExit(0, limit) }
}

// libtorrent is the library in qBittorrent, Deluge and many others.
type libtorrent struct{}

func (libtorrent) String() string     { return "libtorrent" }
func (libtorrent) programs() []string { return []string{python} }

// python is Debian's, which has Debian's python3-libtorrent.
const python = "/usr/bin/python3"

var libtorrentScript, _ = filepath.Abs("../../../testdata/interop/libtorrent_peer.py")

func (libtorrent) seed(t *testing.T, j job) *drive.Process {
	return drive.Start(t, drive.Command{Name: "libtorrent seed", Path: python, Args: []string{
		libtorrentScript, "seed", j.torrent, j.dir, j.listen(), strconv.Itoa(j.limit)}})
}

func (libtorrent) get(t *testing.T, j job) func(time.Duration) {
	p := drive.Start(t, drive.Command{Name: "libtorrent get", Path: python, Args: []string{
		libtorrentScript, "get", j.torrent, j.dir, j.listen()}})
	return func(limit time.Duration) { p.WantExit(0, limit) }
}
