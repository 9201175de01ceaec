package terminal

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhoIsCalledOtherwiseIsCalledSoBesideWhatWasSaidBefore(t *testing.T) {
	st := usual(t)
	st.text() // what is drawn once is kept
	anna := proto.CloneOf(st.s.contacts[account("anna")])
	anna.Name = "Annabel"
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: anna}})
	st.shows("Annabel  14:10", "┌ Annabel: Good. Then run")
	if strings.Contains(st.text(), "Anna  ") {
		t.Errorf("the old name is still there:\n%s", st.text())
	}
	if st.keys("'/nick Mia Maria", "enter").shows("Mia Maria  14:25"); strings.Contains(st.text(), "mia  14:25") {
		t.Errorf("the own name is the old one:\n%s", st.text())
	}
}
