package people

import (
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

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
