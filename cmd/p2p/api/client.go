package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// ErrNoNode is the error of a profile whose node does not run.
var ErrNoNode = errors.New("no node of this profile is running")

// Client asks the node of a profile. Any goroutine may use it.
type Client struct {
	p2pv1connect.PeopleClient
	Node *p2pv1.WhoamiResponse // as it was when the client was made

	transport *http.Transport
}

// Close ends the connections that no call uses.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Dial returns a client of the node that runs, or ErrNoNode.
func Dial(ctx context.Context, profile string) (*Client, error) {
	c, err := dialSocket(ctx, profile)
	if errors.Is(err, ErrNoNode) {
		c, err = dialLoopback(profile)
	}
	if err != nil {
		return nil, err
	}
	me, err := c.Whoami(ctx, connect.NewRequest(&p2pv1.WhoamiRequest{}))
	if err != nil {
		c.Close()
		return nil, err
	}
	c.Node = me.Msg
	return c, nil
}

func dialSocket(ctx context.Context, profile string) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", SocketPath(profile))
	}
	conn, err := dial(ctx, "", "") // the calls would hide why they fail
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, ErrNoNode
	}
	return newClient("http://localhost", "", dial), conn.Close()
}

// answers reports whether a node has opened a door.
func answers(profile string) bool {
	conn, err := net.Dial("unix", SocketPath(profile))
	if err != nil {
		var e endpoint
		if e, err = readEndpoint(profile); err == nil {
			conn, err = net.Dial("tcp", strings.TrimPrefix(e.URL, "http://"))
		}
	}
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func dialLoopback(profile string) (*Client, error) {
	e, err := readEndpoint(profile)
	if err != nil {
		return nil, err
	}
	return newClient(e.URL, e.Token, new(net.Dialer).DialContext), nil
}

// keptConns is how many connections are kept for the next calls.
const keptConns = 64

// newClient returns a client that speaks HTTP/1.1: with a connection for each call that is in progress, fewer goroutines wake
// each other than where calls and streams share one, and a call takes half a millisecond less.
func newClient(url, token string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	t := &http.Transport{DialContext: dial, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: keptConns, DisableCompression: true}
	var through http.RoundTripper = t
	if token != "" {
		through = bearer{t, token}
	}
	return &Client{PeopleClient: p2pv1connect.NewPeopleClient(&http.Client{Transport: through}, url), transport: t}
}

// bearer shows a token with each request.
type bearer struct {
	next  http.RoundTripper
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}
