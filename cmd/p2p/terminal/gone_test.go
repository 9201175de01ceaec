package terminal

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// What was fetched and has been deleted since can be fetched again; what oneself has offered and changed cannot.
func TestAFileThatIsGoneSaysSo(t *testing.T) {
	for mine, want := range map[bool]string{false: "the file is not there any more; /get downloads it again", true: "the file is not there any more"} {
		st := usual(t)
		m := &p2pv1.Message{Mine: mine, File: &p2pv1.File{Name: "a.bin", Size: 5, InfoHash: "h"}}
		gone := &p2pv1.Transfer{State: p2pv1.Transfer_STATE_GONE, File: proto.CloneOf(m.File), Problem: &p2pv1.Reason{Key: api.FileGone}}
		if got := st.s.transferState(m, gone); got != want {
			t.Errorf("mine %v: it says %q", mine, got)
		}
	}
}
