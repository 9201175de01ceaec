package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// token returns what the node wrote for programs of its user.
func token(t *testing.T, profile string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(profile, "node.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Token string }
	if err := json.Unmarshal(b, &e); err != nil || len(e.Token) < 26 { // 128 bits
		t.Fatalf("token %q, %v", e.Token, err)
	}
	return e.Token
}

func TestOnTheLoopbackNetworkOnlyTheUsersOwnProgramsAreAnswered(t *testing.T) {
	dir := profile(t)
	s, _ := serve(t, api.Options{Profile: dir, Address: loopback}, newFake())
	host := strings.TrimPrefix(s.URL(), "http://")
	_, port, _ := net.SplitHostPort(host)
	bearer := "Bearer " + token(t, dir)
	for _, c := range []struct {
		what    string
		host    string
		headers []string
		want    int
	}{
		{"a program with the token", host, []string{"Authorization", bearer}, 200},
		{"the same by name", "LocalHost:" + port, []string{"Authorization", bearer}, 200},
		{"a page of our own", host, []string{"Authorization", bearer, "Origin", s.URL(), "Sec-Fetch-Site", "same-origin"}, 200},
		{"no token", host, nil, 401},
		{"a wrong token", host, []string{"Authorization", "Bearer x"}, 401},
		{"an empty token", host, []string{"Authorization", "Bearer "}, 401},
		{"another scheme", host, []string{"Authorization", "Basic " + token(t, dir)}, 401},
		{"DNS that was rebound", "evil.test:" + port, []string{"Authorization", bearer}, 403},
		{"the same without a port", "evil.test", []string{"Authorization", bearer}, 403},
		{"no port", "127.0.0.1", []string{"Authorization", bearer}, 403},
		{"another port", "127.0.0.1:1", []string{"Authorization", bearer}, 403},
		{"a page of another", host, []string{"Authorization", bearer, "Origin", "https://evil.test"}, 403},
		{"a page from a file", host, []string{"Authorization", bearer, "Origin", "null"}, 403},
		{"a page of another port", host, []string{"Authorization", bearer, "Origin", "http://127.0.0.1:1"}, 403},
		{"two origins", host, []string{"Authorization", bearer, "Origin", s.URL(), "Origin", "https://evil.test"}, 403},
		{"a form of another", host, []string{"Authorization", bearer, "Sec-Fetch-Site", "cross-site"}, 403},
	} {
		r, err := http.NewRequest(http.MethodPost, s.URL()+p2pv1connect.PeopleWhoamiProcedure, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s: %s; want %d", c.what, answer.Status, c.want)
		}
	}
}

// through returns HTTP clients for both doors, of HTTP/1 and of HTTP/2 without TLS.
func through(t *testing.T, dir string, s *api.Server) map[string]func(http2 bool) (*http.Client, string) {
	make := func(dial func(context.Context, string, string) (net.Conn, error), http2 bool) *http.Client {
		tr := &http.Transport{DialContext: dial, Protocols: new(http.Protocols)}
		tr.Protocols.SetHTTP1(!http2)
		tr.Protocols.SetUnencryptedHTTP2(http2)
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr}
	}
	return map[string]func(bool) (*http.Client, string){
		"socket": func(http2 bool) (*http.Client, string) {
			return make(func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", api.SocketPath(dir))
			}, http2), "http://node"
		},
		"loopback": func(http2 bool) (*http.Client, string) { return make(nil, http2), s.URL() },
	}
}

func TestGRPCAndGRPCWebAndConnectWorkThroughBothDoors(t *testing.T) {
	dir, node := profile(t), newFake()
	s, _ := serve(t, api.Options{Profile: dir, Address: loopback}, node)
	secret := token(t, dir)
	for door, client := range through(t, dir, s) {
		for _, c := range []struct {
			name    string
			http2   bool
			options []connect.ClientOption
		}{
			{"gRPC", true, []connect.ClientOption{connect.WithGRPC()}},
			{"gRPC-Web", false, []connect.ClientOption{connect.WithGRPCWeb()}},
			{"gRPC-Web over HTTP/2", true, []connect.ClientOption{connect.WithGRPCWeb()}},
			{"Connect", false, nil},
			{"Connect with JSON", false, []connect.ClientOption{connect.WithProtoJSON()}},
			{"Connect over HTTP/2", true, nil},
		} {
			t.Run(door+"/"+c.name, func(t *testing.T) {
				h, url := client(c.http2)
				p := p2pv1connect.NewPeopleClient(h, url, c.options...)
				who := connect.NewRequest(&p2pv1.WhoamiRequest{})
				who.Header().Set("Authorization", "Bearer "+secret)
				if me, err := p.Whoami(t.Context(), who); err != nil || me.Msg.Name != "alice" {
					t.Fatal(me, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ask := connect.NewRequest(&p2pv1.EventsRequest{})
				ask.Header().Set("Authorization", "Bearer "+secret)
				stream, err := p.Events(ctx, ask)
				if err != nil || !stream.Receive() || stream.Msg().GetHello().GetCursor() != 7 {
					t.Fatalf("the stream begins with %v (%v)", stream.Msg(), err)
				}
				<-node.streams
				add := connect.NewRequest(&p2pv1.AddContactRequest{Who: "bob"})
				add.Header().Set("Authorization", "Bearer "+secret)
				if _, err := p.AddContact(t.Context(), add); api.ReasonOf(err).GetKey() != api.NoSuchPerson {
					t.Errorf("the reason is lost: %v", err)
				}
			})
		}
	}
}

func TestPlainJSONIsAllThatAProgramNeeds(t *testing.T) {
	dir := profile(t)
	s, _ := serve(t, api.Options{Profile: dir, Address: loopback}, newFake())
	h, url := through(t, dir, s)["socket"](false)
	answer, err := h.Post(url+p2pv1connect.PeopleWhoamiProcedure, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil || !strings.Contains(body.String(), `"name":"alice"`) {
		t.Errorf("%s (%v)", body.String(), err)
	}
}

func TestAFieldThatIsMisspeltIsSaid(t *testing.T) {
	dir := profile(t)
	s, _ := serve(t, api.Options{Profile: dir, Address: loopback}, newFake())
	h, url := through(t, dir, s)["socket"](false)
	for _, kind := range []string{"application/json", "application/json; charset=utf-8"} {
		answer, err := h.Post(url+p2pv1connect.PeopleWhoamiProcedure, kind, strings.NewReader(`{"conversation":"lab"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(answer.Body); err != nil || answer.StatusCode != 400 || !strings.Contains(body.String(), "conversation") {
			t.Errorf("%s: %s %s (%v)", kind, answer.Status, body.String(), err)
		}
	}
}
