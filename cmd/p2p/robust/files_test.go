//go:build unix

package robust

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"p2p/cmd/p2p/drive"
)

// flip changes one byte of a file behind everybody's back: size and time of
// modification stay what they were.
func flip(t *testing.T, name string, at int64) {
	t.Helper()
	st, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// wants checks that a program has told a person all of parts.
func wants(t *testing.T, p *drive.Process, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(p.Out()+p.Errs(), part) {
			t.Errorf("the message does not say %q", part)
		}
	}
}

func TestAFileThatWasChangedBehindOurBackIsFoundOut(t *testing.T) {
	t.Parallel()
	s := newShare(t, 3*mib)
	s.seed()
	dir := t.TempDir()
	s.get(dir).WantExit(0, soon)
	flip(t, filepath.Join(dir, s.name), 20*64<<10+17)

	p := s.run("verify", s.torrent, "-o", dir)
	p.WantExit(32, soon)
	wants(t, p, s.name, "1 of 48 pieces: 20")
	p = s.get(dir)
	p.WantExit(13, soon) // complete files are their owner's, who may have meant it
	wants(t, p, "47 of its 48 pieces match", "--overwrite")
	p = s.run("seed", s.torrent, "-o", dir, "--listen", "127.0.0.1:0")
	p.WantExit(32, soon)

	p = s.get(dir, "--overwrite", "-j")
	p.WantExit(0, soon)
	if sum := p.Summary(); sum.Downloaded != 64<<10 {
		t.Errorf("fetched %d bytes to repair a piece of 64 KiB", sum.Downloaded)
	}
	s.same(dir)
}

// TestAnUnfinishedFileThatWasChangedIsRepaired changes a piece that has been
// verified, between two runs.
func TestAnUnfinishedFileThatWasChangedIsRepaired(t *testing.T) {
	t.Parallel()
	s := newShare(t, 8*mib)
	s.seed()
	dir := t.TempDir()
	p := s.get(dir, "-j", "--interval", "0.1s", "-d", "1M")
	s.awaitBytes(p, 2*mib)
	p.Signal(os.Interrupt)
	p.WantExit(130, soon)
	had := p.Summary().BytesDone
	part := filepath.Join(dir, s.name+".part")
	for at := int64(0); at < 8*mib; at += 64 << 10 { // whichever pieces are there
		flip(t, part, at)
		if at >= mib {
			break
		}
	}
	p = s.get(dir, "-j")
	p.WantExit(0, soon)
	if sum := p.Summary(); sum.Downloaded > sum.TotalBytes-had+17*64<<10 {
		t.Errorf("fetched %d of %d bytes; %d were there, of which at most 17 pieces were changed", sum.Downloaded, sum.TotalBytes, had)
	}
	s.same(dir)
}

func TestAFileOfSomebodyElseIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	s := newShare(t, 3*mib)
	s.seed()
	for _, test := range []struct {
		name string
		size int
	}{{"shorter", 10}, {"of the same length", 3 * mib}, {"longer", 4 * mib}, {"empty", 0}} {
		dir := t.TempDir()
		drive.MakeTree(t, dir, 99, drive.File{Path: s.name, Size: test.size})
		before, err := os.ReadFile(filepath.Join(dir, s.name))
		if err != nil {
			t.Fatal(err)
		}
		p := s.get(dir)
		p.WantExit(13, soon)
		wants(t, p, s.name, "-o")
		if after, err := os.ReadFile(filepath.Join(dir, s.name)); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file was changed", test.name)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s: left behind %v, %v", test.name, entries, err)
		}
	}
}
