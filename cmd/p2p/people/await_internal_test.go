package people

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/directory"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
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
	at, wantCall := callee(t)
	v := knock.Visitor{Certificate: selfOf(t, 7).certificate, Listen: at}
	n.letIn(t.Context(), c, v, token)
	wantCall("who is let in")
}

// callee returns where somebody listens, and what waits until he is called.
func callee(t *testing.T) (at netip.AddrPort, wantCall func(who string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).AddrPort(), func(who string) {
		t.Helper()
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
			t.Fatalf("%s is not called", who)
		}
	}
}

// Each has called the other in vain since one was removed, less and less often. Either may be the one who can be reached.
func TestWhoIsBroughtInAndWhoBringsHimInCallEachOther(t *testing.T) {
	n, err := Open(t.Context(), Options{Dir: t.TempDir(), Listen: netip.MustParseAddrPort("127.0.0.1:0"), Version: "test", Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close(t.Context())
	made := map[string]*conversation{}
	for _, name := range []string{"garden", "two"} {
		if _, err := n.CreateRoom(t.Context(), connect.NewRequest(&p2pv1.CreateRoomRequest{Name: name})); err != nil {
			t.Fatal(err)
		}
		if made[name], _, err = n.room(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	garden, two := made["garden"], made["two"]
	guest := selfOf(t, 7).certificate
	p := *n.place(two.id)
	p.With = guest.Account
	k := contact{Account: guest.Account, State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Room: two.id}
	for _, r := range []record{{Contact: &k}, {Place: &p}} {
		if err := n.write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	at, wantCall := callee(t)
	n.faces.told(directory.Seen{Person: guest.Account, Devices: []directory.Device{{Certificate: guest, Addrs: []netip.AddrPort{at}}}})
	if err := n.bring(t.Context(), garden, guest.Account); err != nil {
		t.Fatal(err)
	}
	wantCall("who is brought in")
	host, wantCall := callee(t)
	n.faces.told(directory.Seen{Person: guest.Account, Devices: []directory.Device{{Certificate: guest, Addrs: []netip.AddrPort{host}}}})
	v := body.Invitation{Room: garden.id, Name: "garden"}
	e := history.Entry{Account: guest.Account, Body: v.AppendTo(nil), Counts: true}
	e.Event.Kind = body.KindInvitation
	n.follow(t.Context(), two, []history.Entry{e})
	wantCall("who brings one in")
}
