package directory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// callFor is how long the service may take for a request that waits for nothing.
const callFor = 10 * time.Second

// call sends a request and returns the body of the answer. Errors are a *dirwire.Failure, or wrap
// ErrUnavailable.
func (c *Client) call(ctx context.Context, m dirwire.Method, proof string, body []byte, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+string(m), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	q.Header.Set("Content-Type", "application/json")
	if proof != "" {
		q.Header.Set(dirwire.ProofHeader, proof)
	}
	r, err := c.http.Do(q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(r.Body, dirwire.MaxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case len(answer) > dirwire.MaxAnswer:
		return nil, fmt.Errorf("%w: the answer is too long", ErrUnavailable)
	case r.StatusCode == http.StatusOK:
		return answer, nil
	}
	f, err := dirwire.Parse[dirwire.Failure](answer)
	if err != nil || f.Code == "" {
		return nil, fmt.Errorf("%w: %w (status %d)", ErrUnavailable, ErrNone, r.StatusCode)
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
