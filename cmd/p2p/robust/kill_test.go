//go:build unix

package robust

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// TestKilledDownloadsGoOnWhereTheyStopped kills a download again and again, in
// the hard way and at random moments. Whatever had been verified stays verified.
func TestKilledDownloadsGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newShare(t, 40*mib+1234)
	s.seed()
	dir := t.TempDir()
	kept := int64(0) // the most that a run has reported as verified
	for range 5 {
		p := s.get(dir, "-j", "--interval", "0.1s", "-d", "2M")
		s.awaitBytes(p, kept+1)
		select {
		case <-time.After(time.Duration(random.Int64N(int64(500 * time.Millisecond)))):
		case <-p.Ended():
		}
		p.Kill()
		first := firstStatus(t, p)
		if first.BytesDone < kept {
			t.Fatalf("after a kill there are %d verified bytes left, of %d", first.BytesDone, kept)
		}
		last, _ := drive.Last(t, p, "status")
		kept = last.BytesDone
	}
	p := s.get(dir, "-j")
	p.WantExit(0, soon)
	sum := p.Summary()
	if fetched := sum.Downloaded - sum.Wasted; fetched > sum.TotalBytes-kept {
		t.Errorf("the last run has fetched %d bytes; %d of %d were verified before it", fetched, kept, sum.TotalBytes)
	}
	s.same(dir)
	s.run("verify", s.torrent, "-o", dir).WantExit(0, soon)
}

// firstStatus is the first status of a download after its files were checked.
func firstStatus(t *testing.T, p *drive.Process) drive.Message {
	t.Helper()
	for _, m := range p.Messages() {
		if m.MessageType == "status" && m.State == "downloading" {
			return m
		}
	}
	t.Fatal("there is no status of the download")
	return drive.Message{}
}

func TestACompleteDownloadSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	s := newShare(t, 3*mib, "-a", "http://127.0.0.1:1/announce") // where no tracker is
	s.seed()
	dir := t.TempDir()
	s.get(dir).WantExit(0, soon)
	s.seeder.Kill()
	took := soon
	for try := 0; took > 2*time.Second && try < 3; try++ { // a disk that is slow just then is so once
		p := s.get(dir)
		took = p.WantExit(0, soon)
		p.Await("complete already", 0)
	}
	if took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	p := s.get(dir, "-j")
	p.WantExit(0, soon)
	if sum := p.Summary(); !sum.Complete || sum.Downloaded != 0 || sum.Path != filepath.Join(dir, s.name) {
		t.Errorf("summary is %+v", sum)
	}
}

// TestASeederThatComesBackIsFoundAgain: the download waits for it.
func TestASeederThatComesBackIsFoundAgain(t *testing.T) {
	t.Parallel()
	s := newShare(t, 12*mib)
	s.seed("-u", "1M")
	dir := t.TempDir()
	p := s.get(dir, "-j", "--interval", "0.1s")
	s.awaitBytes(p, 2*mib)
	s.seeder.Kill()
	drive.Eventually(t, soon, "the download still sees the seeder that is gone", func() bool {
		last, _ := drive.Last(t, p, "status")
		return last.Peers.Connected == 0
	})
	s.seed()
	p.WantExit(0, soon)
	s.same(dir)
}

// TestATrackerThatComesBackIsAskedAgain kills the tracker between the seeder and
// the leecher, which have no other way to find each other.
func TestATrackerThatComesBackIsAskedAgain(t *testing.T) {
	t.Parallel()
	tracker := startTracker(t, drive.Addr(t))
	at := tracker.Started(soon)
	s := newShare(t, mib, "-a", at.Announce[0])
	tracker.Kill()
	dir := t.TempDir()
	p := s.get(dir, "-j", "--interval", "0.1s")
	p.Await("tracker_error", soon)
	startTracker(t, at.Listen)
	s.seed()
	p.WantExit(0, 2*soon)
	s.same(dir)
}

func startTracker(t *testing.T, listen string) *drive.Process {
	t.Helper()
	return drive.Start(t, drive.Command{Name: "p2p tracker", Path: binary, Args: []string{"tracker", "--listen", listen, "-j", "-v"}})
}
