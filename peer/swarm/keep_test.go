package swarm_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/link"
	"p2p/peer/swarm"
	"p2p/piece"
	"p2p/piece/store"
)

// finish downloads s from a seeder into dir and calls during with the stats of the
// moment in which the last piece is here, and stop, which ends the Loop. It returns when
// that has ended or the download is complete.
func (s torrentOf) finish(t *testing.T, dir string, lastSave time.Duration, during func(st swarm.Stats, stop func())) *swarm.Loop {
	t.Helper()
	st, err := store.Open(dir, &s.meta.Info, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	line := store.NewLine(1)
	ctx, stop := context.WithCancel(t.Context())
	var loop *swarm.Loop
	loop = swarm.New(swarm.Options{
		Info: &s.meta.Info, InfoBytes: s.meta.InfoBytes, InfoHash: s.meta.InfoHash, PeerID: [20]byte{1},
		Store: st, Have: piece.NewBitfield(s.meta.Info.Layout().Pieces()), Memory: store.NewMemory(0), Line: line,
		Payloads: link.NewPayloads(0), Rand: rand.New(rand.NewPCG(1, 1)), Dial: func(netip.AddrPort) {},
		Watch: func() {
			if st := loop.Stats(); st.Finishing {
				during(st, stop)
			}
		},
	})
	loop.SetLastSave(lastSave)
	ended := make(chan error)
	go func() { ended <- loop.Run(ctx) }()
	newLAN(t, 0).join(&site{Loop: loop, id: [20]byte{1}}, s.open(t, 2, siteOptions{dir: s.dir, full: true}))
	select {
	case <-loop.Complete():
		stop()
		err = <-ended
	case err = <-ended:
	}
	if err != nil {
		t.Error(err)
	}
	line.Close()
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	return loop
}

func TestWhatIsFetchedAndNotYetNamedIsFinishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, seen := newTorrent(t, 1<<20, piece.SpanSize), false
		loop := s.finish(t, t.TempDir(), time.Second, func(st swarm.Stats, _ func()) {
			seen = true
			if st.PiecesHave != st.PiecesWanted || st.FilesWanted != 1 {
				t.Errorf("%d of %d pieces, %d files", st.PiecesHave, st.PiecesWanted, st.FilesWanted)
			}
		})
		if st := loop.Stats(); !seen || st.Finishing || st.FilesNamed != 1 {
			t.Errorf("seen: %v; at the end it is %v, with %d files named", seen, st.Finishing, st.FilesNamed)
		}
	})
}

// A Loop that is ended among its checkpoint makes another one, which is short.
func TestADownloadThatIsStoppedWhileItFinishesIsNotFailed(t *testing.T) {
	for _, c := range []struct {
		name     string
		lastSave time.Duration
		complete bool
	}{{"there is time", time.Hour, true}, {"there is none", 0, false}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, dir := newTorrent(t, 1<<20, piece.SpanSize), t.TempDir()
				loop := s.finish(t, dir, c.lastSave, func(_ swarm.Stats, stop func()) { stop() })
				if err := loop.Err(); err != nil {
					t.Error(err)
				}
				_, err := os.Stat(filepath.Join(dir, "data.bin"))
				if named := err == nil; named != c.complete || loop.Stats().Finishing == named {
					t.Errorf("named: %v, finishing: %v", named, loop.Stats().Finishing)
				}
			})
		})
	}
}
