package people_test

import (
	"os"
	"path/filepath"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
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
