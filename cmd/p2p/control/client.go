package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxAnswer is the longest answer, in bytes: hundreds of thousands of keys.
const maxAnswer = 256 << 20

// Client asks the process behind a socket. Its methods return ErrNoAnswer when
// nobody answers there, and otherwise the errors of the functions of package policy
// that they stand for.
type Client struct {
	path string
	http http.Client
}

// NewClient returns a Client for the socket at path.
func NewClient(path string) *Client {
	return &Client{path: path, http: http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		},
	}}
}

// do sends in, unless it is nil, and reads the answer into out.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ask over the control socket: %w", err)
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://p2p"+path, body)
	if err != nil {
		return fmt.Errorf("ask over the control socket: %w", err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			return fmt.Errorf("%s: %w: %w", c.path, ErrNoAnswer, op.Err)
		}
		return fmt.Errorf("ask over the control socket: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask over the control socket: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		var f failure
		if json.Unmarshal(text, &f) != nil {
			f.Message = answer.Status
		}
		return f.err()
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("understand the answer: %w", err)
	}
	return nil
}

// Keys returns all keys by name.
func (c *Client) Keys(ctx context.Context) (all []Key, err error) {
	err = c.do(ctx, http.MethodGet, "/keys", nil, &all)
	return all, err
}

// AddKey makes a key.
func (c *Client) AddKey(ctx context.Context, k NewKey) (made MadeKey, err error) {
	err = c.do(ctx, http.MethodPost, "/keys", k, &made)
	return made, err
}

// RevokeKey ends the key of that name.
func (c *Client) RevokeKey(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/keys/"+url.PathEscape(name), nil, new(struct{}))
}

// Bans returns the bans in force.
func (c *Client) Bans(ctx context.Context) (all []Ban, err error) {
	err = c.do(ctx, http.MethodGet, "/bans", nil, &all)
	return all, err
}

// AddBan bans a target.
func (c *Client) AddBan(ctx context.Context, b Ban) error {
	return c.do(ctx, http.MethodPost, "/bans", b, new(struct{}))
}

// RemoveBan ends the ban of a target.
func (c *Client) RemoveBan(ctx context.Context, target string) error {
	return c.do(ctx, http.MethodDelete, "/bans?target="+url.QueryEscape(target), nil, new(struct{}))
}

// Reload reads all files of the tracker again.
func (c *Client) Reload(ctx context.Context) (all []Reloaded, err error) {
	err = c.do(ctx, http.MethodPost, "/reload", nil, &all)
	return all, err
}
