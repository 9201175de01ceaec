//go:build interop && linux

package interop

import (
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/drive"
	"p2p/torrentfile"
)

// content is something to share.
type content struct {
	name  string // of the file or folder
	title string // what it is, for the name of the test
	files []drive.File
}

const mib = 1 << 20

var contents = []content{
	{"data.bin", "a file", []drive.File{{Path: "data.bin", Size: 8*mib + 12345}}},
	{"album", "a folder", []drive.File{
		{Path: "album/cover.jpg", Size: 70_001}, {Path: "album/cd1/01.flac", Size: 3 * mib}, {Path: "album/cd1/02.flac", Size: 2*mib + 1},
		{Path: "album/cd2/extra/deep/er/notes.txt", Size: 17}, {Path: "album/cd2/01.flac", Size: 1<<20 - 1}, {Path: "album/z", Size: 1},
	}},
	{"hollow", "empty files", []drive.File{
		{Path: "hollow/0-empty", Size: 0}, {Path: "hollow/a.bin", Size: mib}, {Path: "hollow/b/also-empty", Size: 0},
		{Path: "hollow/c.bin", Size: 2*mib + 77}, {Path: "hollow/z-empty", Size: 0},
	}},
	{"数据集 & Co's [50%]", "odd names", []drive.File{
		{Path: "数据集 & Co's [50%]/第一批.bin", Size: 2 * mib}, {Path: "数据集 & Co's [50%]/Ünïcödé/na\u00efve #1.txt", Size: 40_000},
		{Path: "数据集 & Co's [50%]/$HOME;`rm`/(x) {y} ~!@^=+,", Size: 5000}, {Path: "数据集 & Co's [50%]/.hidden/..two dots", Size: 300},
		{Path: "数据集 & Co's [50%]/🎵 한국어 العربية.opus", Size: mib},
	}},
}

// swarm is a torrent, its tracker, and the content that it was made of.
type swarm struct {
	torrent string
	meta    *torrentfile.Metainfo
	name    string // of the file or folder
	source  string // folder that has it
	tracker netip.Addr
	process *drive.Process // of the tracker
}

// newSwarm makes content, a torrent of it with `p2p create`, and starts a
// tracker for it at an address.
func newSwarm(t *testing.T, c content, k trackerKind, tracker netip.Addr) *swarm {
	t.Helper()
	dir := t.TempDir()
	s := &swarm{name: c.name, source: filepath.Join(dir, "source"), torrent: filepath.Join(dir, "made.torrent"), tracker: tracker}
	drive.MakeTree(t, s.source, 1, c.files...)
	p2p(t, "create", filepath.Join(s.source, c.name), "-a", k.announceURL(tracker), "-o", s.torrent)
	var err error
	if s.meta, err = torrentfile.Load(s.torrent); err != nil {
		t.Fatal(err)
	}
	s.process = k.start(t, tracker, s.meta.InfoHash)
	return s
}

// awaitSeeds waits until the tracker knows these seeds.
func (s *swarm) awaitSeeds(t *testing.T, seeds ...*drive.Process) {
	t.Helper()
	drive.Eventually(t, patience, "the tracker does not count the seeds", func() bool {
		for _, p := range seeds {
			select {
			case <-p.Ended():
				t.Fatal("a seed has ended")
			default:
			}
		}
		return scrape(t, s.tracker, s.meta.InfoHash).seeds == len(seeds)
	})
}

// same compares a copy with the source.
func (s *swarm) same(t *testing.T, copied string) {
	t.Helper()
	drive.SameTree(t, filepath.Join(s.source, s.name), filepath.Join(copied, s.name))
}

// p2p runs our program to its end and returns its stdout. It has to end well.
func p2p(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, binary, args...)
}

// output runs a program to its end and returns its stdout. It has to end well.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stderr = new(tee)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args, err, out, cmd.Stderr)
	}
	return string(out)
}

// tee keeps what a program writes on stderr.
type tee []byte

func (s *tee) Write(b []byte) (int, error) { *s = append(*s, b...); return len(b), nil }
func (s *tee) String() string              { return string(*s) }

// dropEmpty removes the empty files under dir.
func dropEmpty(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if st, err := d.Info(); err != nil || st.Size() > 0 {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}
