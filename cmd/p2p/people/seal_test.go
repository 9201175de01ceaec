package people_test

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/people"
)

// hello is what a program is told first that listens.
func hello(t *testing.T, n *people.Node) *p2pv1.Hello {
	t.Helper()
	_, handler := p2pv1connect.NewPeopleHandler(n)
	server := httptest.NewServer(handler)
	defer server.Close()
	s, err := p2pv1connect.NewPeopleClient(server.Client(), server.URL).Events(t.Context(), connect.NewRequest(&p2pv1.EventsRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	defer server.CloseClientConnections()
	if !s.Receive() {
		t.Fatal(s.Err())
	}
	return s.Msg().GetHello()
}

func TestProgramsHaveAKeyToSealWithWhereTheHistoryHasAPassphrase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alice")
	begin := func() *people.Node {
		n, err := people.Open(t.Context(), people.Options{Dir: dir, Passphrase: []byte("open sesame"), Log: logger()})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := begin()
	key := hello(t, n).Seal
	if len(key) != 32 || !bytes.Equal(hello(t, n).Seal, key) {
		t.Errorf("the key is %x", key)
	}
	if err := n.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	n = begin()
	defer n.Close(t.Context())
	if again := hello(t, n).Seal; !bytes.Equal(again, key) {
		t.Errorf("after a restart it is %x, and was %x", again, key)
	}
	if plain := hello(t, open(t, filepath.Join(t.TempDir(), "bob")).Node).Seal; len(plain) > 0 {
		t.Errorf("without a passphrase it is %x", plain)
	}
}
