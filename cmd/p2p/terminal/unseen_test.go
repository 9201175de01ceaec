package terminal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func TestWithoutTheNodeNobodyIsShownToBeThere(t *testing.T) {
	st := usual(t)
	anna := proto.CloneOf(st.s.contacts[st.s.current.GetWith()])
	anna.Presence, anna.Path, anna.RttMicros = p2pv1.Presence_PRESENCE_ONLINE, p2pv1.Path_PATH_LOCAL, 8200
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: proto.CloneOf(anna)}}).shows("●", "8.2 ms")
	st.in(lost{err: errors.New("gone"), in: time.Second}).shows("not known whether there")
	if screen := st.text(); strings.ContainsAny(screen, "●◐") || strings.Contains(screen, "8.2 ms") {
		t.Errorf("it shows\n%s", screen)
	}
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: anna}}).shows("●", "8.2 ms")
}

func TestWhoIsThereAndIsNotReachedIsShownWithTheReason(t *testing.T) {
	st := usual(t)
	anna := proto.CloneOf(st.s.contacts[st.s.current.GetWith()])
	anna.Path, anna.RttMicros, anna.Problem = p2pv1.Path_PATH_UNSPECIFIED, 0, api.Problem(api.KeptApart)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: anna}}).shows("Anna is there, and not reached", "not reached, though there: both")
	st.in(lost{err: errors.New("gone"), in: time.Second})
	if screen := st.text(); strings.Contains(screen, "not reached") {
		t.Errorf("without the node it shows\n%s", screen)
	}
}
