//go:build unix

package robust

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"
)

// silentTracker returns the announce URLs of trackers that say nothing, one over
// HTTP and one over UDP.
func silentTracker(t *testing.T) []string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	return []string{trackerThat(t, func(string) bool { return false }), "udp://" + packets.LocalAddr().String() + "/announce"}
}

// dyingTracker returns the announce URL of a tracker that says nothing to those
// who leave.
func dyingTracker(t *testing.T) []string {
	t.Helper()
	return []string{trackerThat(t, func(event string) bool { return event != "stopped" })}
}

// trackerThat returns the announce URL of a tracker that knows nobody and answers
// some events.
func trackerThat(t *testing.T, answers func(event string) bool) string {
	t.Helper()
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(r.FormValue("event")) {
			<-done
		}
		io.WriteString(w, "d8:intervali1800e5:peers0:e")
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) })
	return server.URL + "/announce"
}

// liveTracker returns the announce URL of a tracker of ours.
func liveTracker(t *testing.T) []string {
	t.Helper()
	return startTracker(t, "127.0.0.1:0").Started(soon).Announce[:1]
}

// farewell is how long an interrupted download may take to end: three seconds
// for the trackers, and some for a machine that has a lot to do.
const farewell = 3*time.Second + 2*time.Second

func TestCtrlCEndsADownloadInTime(t *testing.T) {
	for _, test := range []struct {
		name     string
		signal   os.Signal
		code     int
		trackers func(*testing.T) []string
		limit    time.Duration
	}{
		{"and the tracker answers", os.Interrupt, 130, liveTracker, 2 * time.Second},
		{"and the tracker has died", os.Interrupt, 130, dyingTracker, farewell},
		{"and the trackers never said a word", os.Interrupt, 130, silentTracker, farewell},
		{"when it is SIGTERM", syscall.SIGTERM, 143, dyingTracker, farewell},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShare(t, 8*mib, announceFlags(test.trackers(t))...)
			s.seed()
			var dir string
			took := soon
			for try := 0; took > test.limit && try < 3; try++ { // a disk that is slow just then is so once
				dir = t.TempDir()
				p := s.get(dir, "-j", "--interval", "0.1s", "-d", "1M")
				s.awaitBytes(p, mib)
				begin := time.Now()
				p.Signal(test.signal)
				p.WantExit(test.code, soon)
				took = time.Since(begin)
				if sum := p.Summary(); sum.Complete || sum.ExitCode != test.code || sum.BytesDone < mib {
					t.Errorf("summary is %+v", sum)
				}
			}
			if took > test.limit {
				t.Errorf("took %v", took)
			}

			p := s.get(dir, "-j")
			p.WantExit(0, soon)
			if sum := p.Summary(); sum.Downloaded > sum.TotalBytes-mib {
				t.Errorf("the next run has fetched %d of %d bytes again", sum.Downloaded, sum.TotalBytes)
			}
			s.same(dir)
		})
	}
}

func announceFlags(trackers []string) (flags []string) {
	for _, url := range trackers {
		flags = append(flags, "-a", url)
	}
	return flags
}

func TestTheSecondCtrlCEndsADownloadAtOnce(t *testing.T) {
	t.Parallel()
	s := newShare(t, 8*mib, announceFlags(dyingTracker(t))...)
	s.seed()
	var dir string
	took := soon
	for try := 0; took > 2*time.Second && try < 3; try++ { // a machine that is busy just then is so once
		dir = t.TempDir()
		p := s.get(dir, "-d", "1M", "-vv")
		p.Await("announced", soon)
		p.Await("peer joined", soon)
		p.Signal(os.Interrupt)
		p.Await("once more to leave at once", soon)
		<-time.After(150 * time.Millisecond) // what comes sooner is an echo of the first
		begin := time.Now()
		p.Signal(os.Interrupt)
		p.WantExit(130, soon)
		took = time.Since(begin)
	}
	if took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	s.get(dir).WantExit(0, soon)
	s.same(dir)
}
