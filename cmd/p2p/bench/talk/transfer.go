package talk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// Transfer is files that go from the first person to the second, one after the other, until Stop.
type Transfer struct {
	to     *person
	folder string
	begin  time.Time
	bytes  atomic.Int64
	start  sync.Once
	moving chan struct{} // closed when the first bytes have arrived
	cancel context.CancelFunc
	ended  chan struct{} // closed when err is set
	err    error
}

// Transfer offers two files of size bytes in a conversation and has the second person fetch them by turns, again and
// again: one is begun as soon as the other is there. They are zeros, which take no room where they come from, and cost
// as much as anything else where they arrive. It returns when the first bytes have arrived.
func (c *Crowd) Transfer(ctx context.Context, at Place, size int64) (*Transfer, error) {
	var offers []string
	for _, name := range []string{"zeros0.bin", "zeros1.bin"} {
		path := filepath.Join(c.files, name)
		err := os.WriteFile(path, nil, 0o644)
		if err == nil {
			err = os.Truncate(path, size)
		}
		if err != nil {
			return nil, err
		}
		m, err := ask(ctx, c.people[0].client.Offer, &p2pv1.OfferRequest{Where: at.Conversation, Path: path})
		if err != nil {
			return nil, fmt.Errorf("offer a file: %w", err)
		}
		offers = append(offers, m.Message.Id)
	}
	t := &Transfer{to: c.people[1], folder: filepath.Join(c.files, "got"), moving: make(chan struct{}), ended: make(chan struct{})}
	ctx, t.cancel = context.WithCancel(ctx)
	go func() {
		defer close(t.ended)
		if err := t.run(ctx, offers); ctx.Err() == nil {
			t.err = err
		}
		os.RemoveAll(t.folder) // what is left of it goes with the crowd's
	}()
	select {
	case <-t.moving:
		t.begin = time.Now()
		t.bytes.Store(0)
		return t, nil
	case <-t.ended:
		return nil, errors.Join(t.Stop(), context.Cause(ctx))
	}
}

// Rate returns how many bytes a second have arrived so far.
func (t *Transfer) Rate() float64 { return float64(t.bytes.Load()) / time.Since(t.begin).Seconds() }

// Stop ends the transfers and returns what has gone wrong with them.
func (t *Transfer) Stop() error {
	t.cancel()
	<-t.ended
	return t.err
}

// run fetches the files by turns until ctx ends, or an error.
func (t *Transfer) run(ctx context.Context, offers []string) error {
	fetching := ""
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		t.drop(last, fetching)
	}()
	err := until(ctx, "the offers have come", 20*time.Millisecond, func() (bool, error) {
		fetching = offers[len(offers)-1]
		return t.accept(ctx, fetching) == nil, nil
	})
	for err == nil {
		for _, offer := range offers {
			if err = t.wait(ctx, fetching); err == nil {
				err = t.accept(ctx, offer)
			}
			if err == nil {
				err = t.drop(ctx, fetching)
			}
			if err != nil {
				break
			}
			fetching = offer
		}
	}
	return err
}

// accept begins to fetch what is offered, into a folder of its own.
func (t *Transfer) accept(ctx context.Context, offer string) error {
	_, err := ask(ctx, t.to.client.Accept, &p2pv1.AcceptRequest{Message: offer, Folder: filepath.Join(t.folder, offer)})
	return err
}

// drop lets go of what was fetched, so that it can be fetched again.
func (t *Transfer) drop(ctx context.Context, offer string) error {
	if _, err := ask(ctx, t.to.client.Cancel, &p2pv1.CancelRequest{Message: offer}); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(t.folder, offer))
}

// wait waits until a file is there.
func (t *Transfer) wait(ctx context.Context, offer string) error {
	done := int64(0)
	return until(ctx, "a file has come", 20*time.Millisecond, func() (bool, error) {
		all, err := ask(ctx, t.to.client.ListTransfers, &p2pv1.ListTransfersRequest{})
		if err != nil {
			return false, err
		}
		for _, x := range all.Transfers {
			if x.Message != offer {
				continue
			}
			t.bytes.Add(max(x.Done-done, 0))
			done = max(done, x.Done)
			if done > 0 {
				t.start.Do(func() { close(t.moving) })
			}
			if x.State == p2pv1.Transfer_STATE_FAILED {
				return false, fmt.Errorf("the transfer has failed: %s %v", x.Problem.GetKey(), x.Problem.GetWith())
			}
			return x.State == p2pv1.Transfer_STATE_DONE, nil
		}
		return false, nil
	})
}
