package people

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

// His room would else hear of the newcomer when a tracker is asked about it the next time.
func TestWhoIsLetInByALinkIsCalledInTheRoomByItsHost(t *testing.T) {
	n, err := Open(t.Context(), Options{Dir: t.TempDir(), Listen: netip.MustParseAddrPort("127.0.0.1:0"), Version: "test", Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close(t.Context())
	made, err := n.CreateRoom(t.Context(), connect.NewRequest(&p2pv1.CreateRoomRequest{Name: "garden"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Invite(t.Context(), connect.NewRequest(&p2pv1.InviteRequest{Where: "garden"})); err != nil {
		t.Fatal(err)
	}
	c, _, err := n.room(t.Context(), made.Msg.Conversation.Id)
	if err != nil {
		t.Fatal(err)
	}
	var token identity.Token
	n.mu.Lock()
	for token = range n.book.invites {
	}
	n.mu.Unlock()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	v := knock.Visitor{Certificate: selfOf(t, 7).certificate, Listen: l.Addr().(*net.TCPAddr).AddrPort()}
	n.letIn(t.Context(), c, v, token)
	called := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			conn.Close()
		}
		called <- err
	}()
	select {
	case err := <-called:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // ends a test that hangs
		t.Error("who is let in is not called")
	}
}
