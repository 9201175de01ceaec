package people

import (
	"syscall"
	"testing"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer"
	"p2p/peer/swarm"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// A folder of many files takes its time between the last byte and the last name.
func TestADownloadThatGetsItsNamesIsFinishingWhoeverIsThere(t *testing.T) {
	tr := newTransfer(deal{Size: 300, Files: 40}, nil)
	tr.state = p2pv1.Transfer_STATE_DOWNLOADING
	var seen told
	for named := range 3 {
		st := peer.Stats{Stats: swarm.Stats{BytesDone: 300, Finishing: true, FilesNamed: named, FilesWanted: 40}}
		v := &p2pv1.Transfer{State: tr.state}
		if tr.moves(v, st); v.State != p2pv1.Transfer_STATE_FINISHING || v.FilesDone != int32(named) || v.Problem != nil {
			t.Errorf("it is %v", v)
		}
		if now := toldOf(v); now == seen {
			t.Error("that another file has its name is not told")
		} else {
			seen = now
		}
	}
	v := &p2pv1.Transfer{State: tr.state}
	if tr.moves(v, peer.Stats{Stats: swarm.Stats{BytesDone: 4}}); v.State != p2pv1.Transfer_STATE_WAITING {
		t.Errorf("what lacks pieces is %v", v)
	}
}

// Else a terminal shows for ever that it is hashed. What was offered before is told though nothing about it is new.
func TestWhatBecameOfWhatWasHashedIsTold(t *testing.T) {
	n := &Node{}
	x := newExchange(n)
	l := n.hub.listen(false)
	defer n.hub.leave(l)
	w := &preparation{Path: "/home/me/src3"}
	h := infohash.T{1}
	shared := newTransfer(deal{Hash: h, Path: "/home/me/src3", Mine: true}, nil)
	shared.state = p2pv1.Transfer_STATE_SHARING
	x.all[h] = shared
	x.tell()
	<-l.events
	for _, test := range []struct {
		meta *torrentfile.Metainfo
		want p2pv1.Transfer_State
		hash string
	}{
		{nil, p2pv1.Transfer_STATE_CANCELLED, ""},
		{&torrentfile.Metainfo{InfoHash: infohash.T{2}}, p2pv1.Transfer_STATE_CANCELLED, ""}, // its message could not be written
		{&torrentfile.Metainfo{InfoHash: h}, p2pv1.Transfer_STATE_SHARING, h.String()},
	} {
		x.hashed(w, test.meta)
		if len(l.events) != 1 {
			t.Fatalf("%d events", len(l.events))
		}
		if got := (<-l.events).GetTransfer(); got.State != test.want || got.InfoHash != test.hash || got.Path != "/home/me/src3" {
			t.Errorf("it tells %v", got)
		}
	}
}

// What was looked through is not what is there.
func TestWhatHasFailedSaysHowMuchOfItIsThere(t *testing.T) {
	x := newExchange(&Node{})
	tr := newTransfer(deal{Size: 300}, nil)
	tr.state, tr.checked = p2pv1.Transfer_STATE_CHECKING, 300
	if got := tr.view().Done; got != 300 {
		t.Errorf("while it is checked, %d", got)
	}
	tr.Have = 4
	x.node.log = zap.NewNop()
	x.fail(tr, syscall.ENOSPC)
	if got := tr.view(); got.Done != 4 || got.State != p2pv1.Transfer_STATE_FAILED || got.Problem.GetKey() != api.DiskFull {
		t.Errorf("it says %v", got)
	}
	tr.Fetched = true
	x.fail(tr, errVanished)
	if got := tr.view(); got.Done != 0 || got.State != p2pv1.Transfer_STATE_GONE {
		t.Errorf("of what is gone it says %v", got)
	}
}

// Else a terminal shows for ever how fast the last byte went.
func TestARateThatFallsIsToldThoughNothingElseChanges(t *testing.T) {
	fast, still := &p2pv1.Transfer{Uploaded: 10, UpRate: 5, DownRate: 7}, &p2pv1.Transfer{Uploaded: 10}
	for _, slower := range []*p2pv1.Transfer{{Uploaded: 10, UpRate: 5}, {Uploaded: 10, DownRate: 7}, still} {
		if toldOf(fast) == toldOf(slower) {
			t.Errorf("from %v to %v nothing is told", fast, slower)
		}
	}
	if toldOf(still) != toldOf(&p2pv1.Transfer{Uploaded: 10}) {
		t.Error("and what stands still is told")
	}
}

// The history may lie on the same disk, and what does not fit is known before the first byte.
func TestAFileThatCannotFitIsRefusedWithSizesAndMessagesKeepTheirRoom(t *testing.T) {
	x := newExchange(&Node{})
	x.room = func(string) (int64, bool) { return reserve + 36<<20, true }
	err := x.fits("", 57<<20)
	if r := api.ReasonOf(err); r.GetKey() != api.NoSpace || r.With["size"] != "57.0 MiB" || r.With["free"] != "36.0 MiB" {
		t.Errorf("57 MiB: %v", err)
	}
	if err := x.fits("", 36<<20); err != nil {
		t.Errorf("what fits: %v", err)
	}
	running := newTransfer(deal{Hash: infohash.T{1}, Size: 30 << 20}, nil)
	running.cancel, running.Have = func() {}, 10<<20
	x.all[running.Hash] = running
	if err := x.fits("", 20<<20); api.ReasonOf(err).GetKey() != api.NoSpace {
		t.Errorf("beside what is being fetched: %v", err)
	}
	x.room = func(string) (int64, bool) { return 0, false }
	if err := x.fits("", 57<<20); err != nil {
		t.Errorf("where nobody knows: %v", err)
	}
}
