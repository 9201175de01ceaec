//go:build unix

package robust

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// binary is the path of p2p.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "p2p-robust-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // for tests that are not root
	}
	if err == nil {
		binary, err = drive.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const (
	mib = 1 << 20
	// soon is how long anything may take that has nothing to wait for, on a
	// machine that has a lot to do.
	soon = time.Minute
)

// share is a file, a torrent of it, and a seeder that has it.
type share struct {
	t       *testing.T
	name    string // of the file
	source  string // folder that has it
	torrent string
	state   string // folder for what p2p remembers
	seeder  *drive.Process
	at      string // address of the seeder
}

// newShare makes a file of size bytes and its torrent, which has the flags of
// `p2p create` given. There is no seeder yet.
func newShare(t *testing.T, size int, flags ...string) *share {
	t.Helper()
	dir := t.TempDir()
	s := &share{t: t, name: "data.bin", source: filepath.Join(dir, "source"), torrent: filepath.Join(dir, "data.torrent"), state: filepath.Join(dir, "state")}
	drive.MakeTree(t, s.source, 1, drive.File{Path: s.name, Size: size})
	s.run("create", append([]string{filepath.Join(s.source, s.name), "-o", s.torrent, "--piece-length", "64K"}, flags...)...).WantExit(0, soon)
	return s
}

// run starts p2p.
func (s *share) run(command string, args ...string) *drive.Process {
	s.t.Helper()
	return drive.Start(s.t, drive.Command{Name: "p2p " + command, Path: binary, Args: append([]string{command}, args...),
		Env: []string{"XDG_STATE_HOME=" + s.state, "P2P_LANG=en"}})
}

// seed starts a seeder, at the address of the one before if there was one, and
// waits until it is up.
func (s *share) seed(flags ...string) {
	s.t.Helper()
	if s.at == "" {
		s.at = drive.Addr(s.t)
	}
	s.seeder = s.run("seed", append([]string{s.torrent, "-o", s.source, "--listen", s.at, "-j"}, flags...)...)
	s.seeder.Started(soon)
}

// get starts to download into dir, from the seeder.
func (s *share) get(dir string, flags ...string) *drive.Process {
	s.t.Helper()
	args := []string{s.torrent, "-o", dir, "--listen", "127.0.0.1:0"}
	if s.at != "" {
		args = append(args, "--peer", s.at)
	}
	return s.run("get", append(args, flags...)...)
}

// same compares the copy in dir with the source, and makes sure that nothing
// else is left there.
func (s *share) same(dir string) {
	s.t.Helper()
	drive.SameTree(s.t, s.source, dir)
}

// awaitBytes waits until a download with -j reports at least n verified bytes.
func (s *share) awaitBytes(p *drive.Process, n int64) {
	s.t.Helper()
	drive.Eventually(s.t, soon, "the download does not get on", func() bool {
		last, ok := drive.Last(s.t, p, "status")
		return ok && last.State == "downloading" && last.BytesDone >= n
	})
}
