package robust

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"p2p/cmd/p2p/drive"
)

// insideEnv is set for the part of a test that runs among mounts of its own.
const insideEnv = "P2P_ROBUST_INSIDE"

// inside runs the calling test again, alone, in a process whose mounts, and what
// else the clone flags say, nobody else sees and which go away with it. It returns
// true there; else the test is over.
func inside(t *testing.T, also ...uintptr) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, for a file system of its own")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"=1", drive.BinaryEnv+"="+binary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	for _, flag := range also {
		cmd.SysProcAttr.Cloneflags |= flag
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.Process == nil:
		t.Skipf("needs namespaces: %v", err)
	case err != nil:
		t.Errorf("%s", out)
	}
	return false
}

// mount puts an empty file system in memory at a new folder.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func remountReadOnly(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskEndsTheDownloadAndLosesNothing(t *testing.T) {
	if !inside(t) {
		return
	}
	s := newShare(t, 12*mib)
	s.seed()
	disk := mount(t, "size=12M")
	drive.MakeTree(t, disk, 1, drive.File{Path: "filler", Size: 5 * mib})
	dir := filepath.Join(disk, "out")
	p := s.get(dir, "-j")
	p.WantExit(9, soon)
	wants(t, p, "there is no room for", "free some space")
	had := p.Summary().BytesDone
	t.Logf("%d bytes were verified when the disk was full", had)

	p = s.get(dir) // it is still full
	p.WantExit(9, soon)

	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
	p = s.get(dir, "-j")
	p.WantExit(0, soon)
	if sum := p.Summary(); sum.Downloaded > sum.TotalBytes-had {
		t.Errorf("fetched %d bytes; %d of %d were there", sum.Downloaded, had, sum.TotalBytes)
	}
	s.same(dir)
}

func TestAFolderThatMayNotBeWrittenTo(t *testing.T) {
	if !inside(t) {
		return
	}
	s := newShare(t, 3*mib)
	s.seed()
	empty, full, partial := mount(t, ""), mount(t, ""), mount(t, "")
	s.get(full).WantExit(0, soon)
	p := s.get(partial, "-j", "--interval", "0.1s", "-d", "256K")
	s.awaitBytes(p, 1)
	p.Kill()
	for _, dir := range []string{empty, full, partial} {
		remountReadOnly(t, dir)
	}
	for _, dir := range []string{empty, partial} {
		p := s.get(dir)
		p.WantExit(17, soon)
		wants(t, p, "cannot be written to")
	}
	// What needs no writing works.
	s.get(full).WantExit(0, soon)
	s.run("verify", s.torrent, "-o", full).WantExit(0, soon)
	other := &share{t: t, name: s.name, source: full, torrent: s.torrent, state: s.state}
	other.seed()
	dir := t.TempDir()
	other.get(dir).WantExit(0, soon)
	s.same(dir)
}

func TestAFolderOfSomebodyElseMayNotBeWrittenTo(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	s := newShare(t, mib)
	s.seed()
	dir, state := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(state, 0o777)); err != nil {
		t.Fatal(err)
	}
	p := drive.Start(t, drive.Command{Name: "p2p get", Path: binary, Args: []string{"get", s.torrent, "-o", dir, "--peer", s.at},
		Env: []string{"XDG_STATE_HOME=" + state, "P2P_LANG=en"}, User: nobody})
	p.WantExit(17, soon)
	wants(t, p, dir, "may not be opened", "check who owns it")
}

const nobody = 65534
