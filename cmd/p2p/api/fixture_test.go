package api_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// fake is a node that knows its version, tells one event and then nothing, and panics when it is to look for
// something.
type fake struct {
	p2pv1connect.UnimplementedPeopleHandler
	streams chan struct{} // one for each stream that was opened
	calls   chan struct{} // when not nil, SetPresence waits for one
}

func (fake) Whoami(context.Context, *connect.Request[p2pv1.WhoamiRequest]) (*connect.Response[p2pv1.WhoamiResponse], error) {
	return connect.NewResponse(&p2pv1.WhoamiResponse{Name: "alice", Version: "1.2.3"}), nil
}

func (f fake) SetPresence(context.Context, *connect.Request[p2pv1.SetPresenceRequest]) (*connect.Response[p2pv1.SetPresenceResponse], error) {
	f.streams <- struct{}{}
	<-f.calls
	return connect.NewResponse(&p2pv1.SetPresenceResponse{}), nil
}

func (fake) Search(context.Context, *connect.Request[p2pv1.SearchRequest]) (*connect.Response[p2pv1.SearchResponse], error) {
	panic("no index")
}

func (fake) AddContact(_ context.Context, r *connect.Request[p2pv1.AddContactRequest]) (*connect.Response[p2pv1.AddContactResponse], error) {
	return nil, api.Fail(connect.CodeNotFound, api.NoSuchPerson, "who", r.Msg.Who)
}

func (f fake) Events(ctx context.Context, _ *connect.Request[p2pv1.EventsRequest], s *connect.ServerStream[p2pv1.Event]) error {
	if err := s.Send(&p2pv1.Event{What: &p2pv1.Event_Hello{Hello: &p2pv1.Hello{Cursor: 7}}}); err != nil {
		return err
	}
	f.streams <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func newFake() fake { return fake{streams: make(chan struct{}, 100)} }

// profile returns a folder with a short path: that of a socket has a hundred bytes.
func profile(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// serve runs a server for node until the test ends or the function that it returns is called.
func serve(t *testing.T, o api.Options, node p2pv1connect.PeopleHandler) (*api.Server, func()) {
	t.Helper()
	s, err := api.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(s.Serve(ctx, node), s.Close()) }()
	stopped := false
	stop := func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func dial(t *testing.T, profile string) *api.Client {
	t.Helper()
	c, err := api.Dial(t.Context(), profile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
