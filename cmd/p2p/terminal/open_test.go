package terminal

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// withEve is a stage whose node has a blocked contact, with whom much was said.
func withEve(t *testing.T) *stage {
	n := newFakeNode()
	story(n)
	n.contacts = append(n.contacts, &p2pv1.Contact{Account: account("eve"), Name: "Eve", State: p2pv1.ContactState_CONTACT_STATE_BLOCKED, Conversation: "c-eve"})
	n.hidden = append(n.hidden, &p2pv1.Conversation{Id: "c-eve", Name: "Eve", Direct: true, With: account("eve")})
	n.add("c-eve", "eve", "send me your password", at.Add(-time.Hour), nil)
	return stageOf(t, n, text.English(), 100, 24)
}

func TestWhatWasSaidWithABlockedPersonIsReadAndNothingIsAdded(t *testing.T) {
	st := withEve(t)
	if strings.Contains(st.text(), "Eve") {
		t.Error("who is blocked is listed")
	}
	st.keys("'/open eve", "enter").shows("send me your password", "Eve  blocked; /unblock Eve", "> blocked; /unblock Eve")
	st.keys("'never", "enter").shows("nothing is sent to Eve, who is blocked; /unblock Eve", "> never")
	if q := asked[*p2pv1.SendRequest](st); len(q) > 0 || len(asked[*p2pv1.TypingRequest](st)) > 0 {
		t.Errorf("it says %v", q)
	}
	st.keys("ctrl+u", "'/send /etc/hosts", "enter").shows("nothing is sent to Eve")
	if q := asked[*p2pv1.OfferRequest](st); len(q) > 0 {
		t.Errorf("it offers %v", q)
	}
	c := proto.CloneOf(st.s.contacts[account("eve")])
	c.State = p2pv1.ContactState_CONTACT_STATE_FRIEND
	st.in(&p2pv1.Event{What: &p2pv1.Event_Contact{Contact: c}}).keys("'hello again", "enter")
	if q := asked[*p2pv1.SendRequest](st); len(q) != 1 {
		t.Error("she is not written to when she is blocked no more")
	}
}

// What a search finds leads there, also when the conversation is not listed.
func TestASearchLeadsToWhatABlockedPersonSaid(t *testing.T) {
	withEve(t).keys("'/search password", "enter", "enter").shows("Eve  blocked; /unblock Eve", "send me your password", "a message is selected")
}

func TestOpenOfWhoAsksShowsTheRequest(t *testing.T) {
	for _, say := range []*text.Catalogue{text.English(), text.Chinese()} {
		n := newFakeNode()
		n.contacts[3].Conversation = strings.Repeat("0123456789abcdef", 4) // that it would be
		st := stageOf(t, n, say, 100, 24).keys("'/open dana", "enter").shows("we met at the conference", "/accept Dana", "/refuse Dana", "/block Dana")
		if len(st.s.told) == 0 || st.s.flash.text != "" {
			t.Errorf("it tells %v and says %q", st.s.told, st.s.flash.text)
		}
	}
}

func TestWhoIsNotKnownIsNamedAsThePersonDid(t *testing.T) {
	usual(t).keys("'/open nobody", "enter").shows("nobody here is called nobody")
}

// The node is asked by ids and keys; the person has not seen them, and is told of names.
func TestNoComplaintShowsAnID(t *testing.T) {
	id, key := strings.Repeat("0123456789abcdef", 4), account("anna")
	long := regexp.MustCompile(`[0-9a-f]{40}|[a-z2-7]{52}`)
	for _, say := range []*text.Catalogue{text.English(), text.Chinese()} {
		st := newStage(t, say, 200, 24)
		st.node.convs = append(st.node.convs, &p2pv1.Conversation{Id: id, Name: "lab"})
		st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: st.node.convs[len(st.node.convs)-1]}})
		fails := func(r ...string) string {
			st.in(answer{request{&p2pv1.ChangeRoomRequest{}, nil}, nil, api.Fail(connect.CodeNotFound, r[0], r[1:]...)})
			return st.s.flash.text
		}
		for _, test := range [][]string{
			{"lab", api.NotMember, "where", id}, {"lab", api.NoSuchConversation, "where", id}, {"lab", api.NotARoom, "where", id}, {"Anna", api.NotContact, "who", key},
			{"0123456789ab", api.NotMember, "where", id[:63] + "0"}, {"", api.NoSuchPerson, "who", strings.Replace(key, "a", "b", 1)},
		} {
			if said := fails(test[1:]...); long.MatchString(said) || !strings.Contains(said, test[0]) {
				t.Errorf("%v is %q", test[1:], said)
			}
		}
	}
}

// What is known here is found and opened without the node.
func TestAConversationIsOpenedByItsNameWhileTheNodeIsAway(t *testing.T) {
	st := usual(t).in(lost{err: errors.New("gone"), in: time.Second})
	for name, want := range map[string]string{"bo": "c-bo", "#field": "r-field", "@Anna": "c-anna", "陈": "c-chen", account("bo"): "c-bo"} {
		if st.keys("'/open "+name, "enter"); st.s.current.GetId() != want {
			t.Errorf("%s opens %s", name, st.s.current.GetId())
		}
	}
}

// Two rooms may have one name: then neither is meant, and it is said how to name one, also while the node is away.
func TestOpenOfANameThatTwoRoomsHaveNamesBoth(t *testing.T) {
	for _, say := range []*text.Catalogue{text.English(), text.Chinese()} {
		st := newStage(t, say, 160, 24)
		for _, id := range []string{strings.Repeat("0a", 32), strings.Repeat("0b", 32)} {
			st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: &p2pv1.Conversation{Id: id, Name: "lab"}}})
		}
		st.keys("'/open lab", "enter").shows("lab (0a0a0a0a0a0a), lab (0b0b0b0b0b0b)")
		st.in(lost{err: errors.New("gone"), in: time.Second}).keys("'/open 0b0b0b0b0b0b", "enter")
		if st.s.current.GetId() != strings.Repeat("0b", 32) {
			t.Errorf("its id opens %s", st.s.current.GetId())
		}
	}
}

func TestTwoRoomsOfOneNameAreToldApartOnTheScreen(t *testing.T) {
	st := newStage(t, text.English(), 80, 30)
	for _, room := range []struct{ id, name string }{{strings.Repeat("0a", 32), "lab"}, {strings.Repeat("0b", 32), "Lab"}, {strings.Repeat("0c", 32), "alone"}} {
		c := &p2pv1.Conversation{Id: room.id, Name: room.name, Unread: 3}
		st.node.convs = append(st.node.convs, c)
		st.in(&p2pv1.Event{What: &p2pv1.Event_Conversation{Conversation: c}})
	}
	st.shows("# lab     0a0a0a 3 │", "# Lab     0b0b0b 3 │", "# alone          3 │")
	st.keys("'/open 0a0a0a", "enter").shows("# lab (0a0a0a)  ").keys("'/rooms", "enter").shows("#lab (0a0a0a)", "#Lab (0b0b0b)", "#alone  ")
}
