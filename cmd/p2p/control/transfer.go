package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"
)

// Transfer is what a process that downloads or shares says of itself.
type Transfer struct {
	Process   int    `json:"process"` // its number
	Command   string `json:"command"` // get or seed
	Name      string `json:"name,omitempty"`
	InfoHash  string `json:"info_hash,omitempty"`
	Torrents  int    `json:"torrents,omitempty"` // when it is many that are seeded
	DownLimit int64  `json:"down_limit"`         // bytes per second; 0 = none
	UpLimit   int64  `json:"up_limit"`
}

// Limits are those that are to change, in bytes per second; 0 = none from now on,
// nil = as it is.
type Limits struct {
	Down *int64 `json:"down_limit,omitempty"`
	Up   *int64 `json:"up_limit,omitempty"`
}

// ErrLimit is the error of a limit that cannot be.
var ErrLimit = errors.New("a limit is a number of bytes per second, or 0 for none")

// Transferring is what a Server of a process that downloads or shares is made of.
// Its functions may be called by any goroutine.
type Transferring struct {
	About func() Transfer
	Limit func(Limits)
}

// ListenTransfer is Listen for a process that downloads or shares.
func ListenTransfer(path string, t Transferring, l *zap.Logger) (*Server, error) {
	return listen(path, answers(func(handle func(string, answer)) {
		handle("GET /transfer", func(*http.Request) (any, error) { return t.About(), nil })
		handle("POST /limits", t.limit)
	}), l)
}

func (t Transferring) limit(r *http.Request) (any, error) {
	var want Limits
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	for _, n := range []*int64{want.Down, want.Up} {
		if n != nil && *n < 0 {
			return nil, ErrLimit
		}
	}
	t.Limit(want)
	return t.About(), nil
}

// Transfer returns what the process does.
func (c *Client) Transfer(ctx context.Context) (t Transfer, err error) {
	err = c.do(ctx, http.MethodGet, "/transfer", nil, &t)
	return t, err
}

// Limit changes limits of the process, and returns what it does then. It is
// ErrLimit for what cannot be one.
func (c *Client) Limit(ctx context.Context, l Limits) (t Transfer, err error) {
	err = c.do(ctx, http.MethodPost, "/limits", l, &t)
	return t, err
}
