package terminal

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// doubts lets the node tell whether Bo's key is in doubt in the room.
func (st *stage) doubts(inDoubt bool) *stage {
	c := proto.CloneOf(st.s.conversations["r-field"].Conversation)
	for _, m := range c.Members {
		m.InDoubt = inDoubt && m.Name == "Bo"
	}
	return st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}})
}

func TestARoomWithSomebodyInDoubtIsWrittenToOnlyWhenThatIsSaidTwice(t *testing.T) {
	st := usual(t).keys("'/open field", "enter").doubts(true)
	st.shows("field trip  ‼ KEY IN DOUBT: Bo").keys("'hello", "enter", "enter")
	if got := asked[*p2pv1.SendRequest](st); len(got) > 0 {
		t.Fatalf("sent %v, though only a key was held down", got)
	}
	st.shows("> hello", "NOT SENT: the key of Bo is in doubt")
	st.now = st.now.Add(2 * time.Second)
	st.keys("'!", "enter")
	if got := asked[*p2pv1.SendRequest](st); len(got) > 0 {
		t.Fatalf("sent %v, which was said for the first time", got)
	}
	st.now = st.now.Add(2 * time.Second)
	st.keys("enter", "'and more", "enter")
	got := asked[*p2pv1.SendRequest](st)
	if len(got) != 2 || got[0].Text != "hello!" || len(got[0].Despite) != 1 || got[0].Despite[0] != account("bo") || len(got[1].Despite) != 1 {
		t.Fatalf("sent %v", got)
	}
	st.keys("'/send /tmp/plan", "enter", "'/members", "enter").shows("KEY IN DOUBT").keys("esc")
	if got := asked[*p2pv1.OfferRequest](st); len(got) != 1 || len(got[0].Despite) != 1 {
		t.Errorf("offered %v", got)
	}
	// It is decided; when there is another doubt later, nothing of this holds.
	st.did = nil
	st.doubts(false).keys("'plainly", "enter")
	if got := asked[*p2pv1.SendRequest](st); len(got) != 1 || len(got[0].Despite) > 0 {
		t.Errorf("sent %v", got)
	}
	st.did = nil
	st.doubts(true).keys("'again", "enter")
	if got := asked[*p2pv1.SendRequest](st); len(got) > 0 {
		t.Errorf("sent %v", got)
	}
}

func TestThatSomebodyIsInDoubtIsSaidInChinese(t *testing.T) {
	st := newStage(t, text.Chinese(), 100, 24).keys("'/open field", "enter").doubts(true)
	st.shows("密钥有疑问：Bo").keys("'hello", "enter").shows("未发送：Bo 的密钥有疑问")
}
