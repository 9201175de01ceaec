package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

// callFor is how long the service may take for a request that waits for nothing.
const callFor = 10 * time.Second

// call sends a request, sealed, and returns the body of the answer. Errors are a *dirwire.Failure, or wrap
// ErrUnavailable: what is not understood is a *BuildError.
func (c *Client) call(ctx context.Context, m dirwire.Method, proof string, body []byte, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer, err := c.answer(ctx, m, proof, body)
	if f := (*dirwire.Failure)(nil); errors.As(err, &f) && f.Code == dirwire.CodeMalformed && f.Level != dirwire.Level {
		return nil, &BuildError{Method: string(m), Newer: f.Level > dirwire.Level}
	}
	return answer, err
}

// answer is call with what is not understood as a *dirwire.Failure.
func (c *Client) answer(ctx context.Context, m dirwire.Method, proof string, body []byte) ([]byte, error) {
	answer, err := c.sealed(ctx, dirseal.Request{Method: m, Proof: proof, Body: body})
	if is(err, dirwire.CodeKey) { // it has another key than before, or none of ours has come whole
		c.forget()
		answer, err = c.sealed(ctx, dirseal.Request{Method: m, Proof: proof, Body: body})
	}
	if err != nil {
		return nil, err
	}
	if !answer.Failed {
		return answer.Body, nil
	}
	f, err := dirwire.Parse[dirwire.Failure](answer.Body)
	if err != nil || f.Code == "" {
		return nil, fmt.Errorf("%w: the failure is %w", ErrUnavailable, dirwire.ErrMalformed)
	}
	return nil, &f
}

// sealed seals a request for the key of the service, and opens the answer.
func (c *Client) sealed(ctx context.Context, r dirseal.Request) (dirseal.Answer, error) {
	key, err := c.key(ctx)
	if err != nil {
		return dirseal.Answer{}, err
	}
	b, answers, err := key.Seal(r)
	if err != nil {
		return dirseal.Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if b, err = c.fetch(ctx, http.MethodPost, dirwire.PathSealed, b, dirseal.MaxAnswer); err != nil {
		return dirseal.Answer{}, err
	}
	answer, err := answers.Open(b)
	if err != nil {
		return answer, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return answer, nil
}

// maxKeyAnswer bounds the answer for a key, which is shorter.
const maxKeyAnswer = 4 << 10

// key returns the key of the service. One that is not known is asked for, and is to be the one that the service is known by.
func (c *Client) key(ctx context.Context) (dirseal.Public, error) {
	c.mu.Lock()
	key := c.public
	c.mu.Unlock()
	if !key.IsZero() {
		return key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	b, err := c.fetch(ctx, http.MethodGet, dirwire.PathKey, nil, maxKeyAnswer)
	if err != nil {
		return key, err
	}
	m, err := parse[dirwire.PublicKey](b)
	if err == nil {
		key, err = dirseal.ParsePublic(m.Key)
	}
	if err != nil { // as of a web server that answers all that it is asked for
		return key, fmt.Errorf("%w: %w: %w", ErrUnavailable, ErrNone, err)
	}
	return key, c.know(key)
}

// know takes a key for that of the service, unless that is known by another.
func (c *Client) know(key dirseal.Public) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	print := key.Print()
	if c.print != (dirseal.Print{}) && c.print != print {
		return &AnotherKeyError{print.String()}
	}
	c.public, c.print = key, print
	return nil
}

// forget has the next request ask for the key again. It remains the one that the service is known by.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.public = dirseal.Public{}
}

// fetch sends what may be seen, and returns the answer, of at most so many bytes. Errors are a *dirwire.Failure of those that the service
// says in clear, or wrap ErrUnavailable.
func (c *Client) fetch(ctx context.Context, method, path string, body []byte, most int) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/octet-stream")
	}
	r, err := c.http.Do(q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case len(answer) > most && r.StatusCode == http.StatusOK:
		return nil, fmt.Errorf("%w: %w: the answer is too long", ErrUnavailable, ErrNone)
	case r.StatusCode == http.StatusOK:
		return answer, nil
	}
	// Nobody has signed this: what it says must not count for more than a line that is cut.
	f, err := dirwire.Parse[dirwire.Failure](answer)
	if err != nil || !f.Code.InClear() {
		return nil, strange(r)
	}
	return nil, &f
}

// ask sends a request that needs no proof.
func ask[T any](ctx context.Context, c *Client, m dirwire.Method, message any) (T, error) {
	b, err := c.call(ctx, m, "", dirwire.Append(nil, message), callFor)
	if err != nil {
		var none T
		return none, err
	}
	return parse[T](b)
}

// parse reads an answer.
func parse[T any](b []byte) (T, error) {
	answer, err := dirwire.Parse[T](b)
	if err != nil {
		return answer, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return answer, nil
}

// tries is how often a request with a challenge is begun: where several nodes answer, the challenge
// of one is nothing to another.
const tries = 3

// prove sends a request that is signed with a challenge.
func prove[T any](ctx context.Context, c *Client, by identity.Secret, m dirwire.Method, message any) (answer T, err error) {
	body := dirwire.Append(nil, message)
	for range tries {
		var ch dirwire.Challenge
		if ch, err = ask[dirwire.Challenge](ctx, c, dirwire.MethodHello, dirwire.Empty{}); err != nil {
			return answer, err
		}
		if answer, err = proveWith[T](ctx, c, by, m, ch, body); !is(err, dirwire.CodeProof) {
			return answer, err
		}
	}
	return answer, err
}

func proveWith[T any](ctx context.Context, c *Client, by identity.Secret, m dirwire.Method, ch dirwire.Challenge, body []byte) (answer T, err error) {
	proof := dirwire.NewProof(by, dirwire.Service(ch.Service), m, ch.Challenge, 0, body)
	b, err := c.call(ctx, m, proof.String(), body, callFor)
	if err != nil {
		return answer, err
	}
	return parse[T](b)
}
