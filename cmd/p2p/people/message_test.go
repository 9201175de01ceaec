package people_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

func TestTheFirstDigitsOfAnIdNameAMessage(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	begun := map[string]string{} // ids by their first digits
	var one, twice string
	for twice == "" {
		id := p.say("lab", "x").Id
		if other := begun[id[:4]]; other != "" {
			one, twice = id, other
		}
		begun[id[:4]] = id
	}
	reply := func(to string) (*p2pv1.Message, error) {
		r, err := p.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "lab", Text: "yes", ReplyTo: to}))
		if err != nil {
			return nil, err
		}
		return r.Msg.Message, nil
	}
	if _, err := reply(one[:4]); p.reason(err) != api.AmbiguousMessage {
		t.Errorf("%s and %s: %v", one, twice, err)
	}
	for _, start := range []string{one, one[:12], one[:13]} {
		if m, err := reply(start); err != nil || m.ReplyTo != one {
			t.Errorf("%s is %v: %v", start, m, err)
		}
	}
	for _, no := range []string{"", "abc", one[:3], "lab", one + "0"} {
		if m, err := reply(no); no != "" && p.reason(err) != api.NoSuchMessage {
			t.Errorf("%q is %v: %v", no, m, err)
		}
	}
}

func TestANameWithABackslashIsOfferedUnderASafeOneUnlessItClimbs(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	offer := func(name string) (*p2pv1.Message, error) {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Skip("this system has no such names")
		}
		r, err := p.Offer(t.Context(), connect.NewRequest(&p2pv1.OfferRequest{Where: "lab", Path: path}))
		if err != nil {
			return nil, err
		}
		return r.Msg.Message, nil
	}
	if m, err := offer(`a\b.txt`); err != nil || m.File.Name != "a_b.txt" {
		t.Errorf("with a backslash it is %v: %v", m, err)
	}
	if m, err := offer(`..\up`); p.reason(err) != api.BadFileName {
		t.Errorf("one that climbs is %v: %v", m, err)
	}
}

func TestAConversationIsExportedAsItIsNowAndNothingElse(t *testing.T) {
	alice, _ := two(t)
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "diary"})
	alice.say("diary", "dear diary")
	first := alice.say("bob", "helo")
	ask(t, alice.Edit, &p2pv1.EditRequest{Message: first.Id, Text: "hello"})
	gone := alice.say("bob", "oops")
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: gone.Id})
	path, handler := p2pv1connect.NewPeopleHandler(alice.Node)
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	server := httptest.NewServer(mux)
	defer server.Close()
	client := p2pv1connect.NewPeopleClient(server.Client(), server.URL)
	export := func(q *p2pv1.ExportRequest) (data string, messages []*p2pv1.Message) {
		stream, err := client.Export(t.Context(), connect.NewRequest(q))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		for stream.Receive() {
			data += string(stream.Msg().Data)
			messages = append(messages, stream.Msg().Messages...)
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		return data, messages
	}
	if data, _ := export(&p2pv1.ExportRequest{}); !strings.Contains(data, "dear diary") || !strings.Contains(data, "helo") {
		t.Errorf("all that there is: %s", data)
	}
	if data, _ := export(&p2pv1.ExportRequest{Where: "bob"}); strings.Contains(data, "dear diary") || !strings.Contains(data, "helo") || strings.Contains(data, alice.conversation("diary").Id) {
		t.Errorf("the conversation with bob: %s", data)
	}
	_, messages := export(&p2pv1.ExportRequest{Where: "bob", Messages: true})
	if len(messages) != 2 || messages[0].Text != "hello" || !messages[0].Edited || !messages[1].Deleted {
		t.Errorf("as people see it: %v", messages)
	}
}

func TestAReactionIsOneEmojiAndWhatAnOlderProgramHasPutIsTakenBack(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	m := p.say("lab", "x")
	react := func(emoji string, back bool) error {
		_, err := p.React(t.Context(), connect.NewRequest(&p2pv1.ReactRequest{Message: m.Id, Emoji: emoji, TakeBack: back}))
		return err
	}
	for _, no := range []string{"", "yes", "👍👍", "👍 ok", ":nosuchthing:", "x\u0301"} {
		if err := react(no, false); p.reason(err) != api.NotEmoji {
			t.Errorf("%q: %v", no, err)
		}
	}
	if err := errors.Join(react(":tada:", false), p.ForgeReaction(t.Context(), "lab", m.Id, "yes")); err != nil {
		t.Fatal(err)
	}
	shown := func() (all []string) {
		for _, r := range p.messages("lab")[1].Reactions {
			all = append(all, r.Emoji)
		}
		return all
	}
	if got := shown(); !slices.Equal(got, []string{"🎉", "yes"}) {
		t.Errorf("it shows %q", got)
	}
	if err := react("yes", true); err != nil || !slices.Equal(shown(), []string{"🎉"}) {
		t.Errorf("then it shows %q: %v", shown(), err)
	}
}
