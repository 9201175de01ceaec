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

// parallel is how many files are on their way at once: while one is finished and begun anew, the other goes on.
const parallel = 2

// Transfer is files that go from the first person to the second, one after the other, until Stop.
type Transfer struct {
	begin  time.Time
	bytes  atomic.Int64
	cancel context.CancelFunc
	group  sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// Transfer offers files of size bytes in a conversation and has the second person fetch them again and
// again. They are zeros, which take no room where they come from, and cost as much as anything else where they
// arrive. It returns when all of them are being fetched.
func (c *Crowd) Transfer(ctx context.Context, at Place, size int64) (*Transfer, error) {
	var offers []string
	for i := range parallel {
		path := filepath.Join(c.files, fmt.Sprintf("zeros%d.bin", i))
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
	t := &Transfer{}
	ctx, t.cancel = context.WithCancel(ctx)
	moving := make(chan struct{}, parallel)
	for i, offer := range offers {
		t.group.Go(func() {
			err := c.fetchAgain(ctx, t, offer, filepath.Join(c.files, fmt.Sprintf("got%d", i)), moving)
			if ctx.Err() == nil {
				t.fail(err)
			}
		})
	}
	for range parallel {
		select {
		case <-moving:
		case <-ctx.Done():
			return nil, errors.Join(t.Stop(), context.Cause(ctx))
		}
	}
	t.begin = time.Now()
	t.bytes.Store(0)
	return t, nil
}

func (t *Transfer) fail(err error) {
	t.mu.Lock()
	t.err = errors.Join(t.err, err)
	t.mu.Unlock()
	t.cancel()
}

// Rate returns how many bytes a second have arrived so far.
func (t *Transfer) Rate() float64 { return float64(t.bytes.Load()) / time.Since(t.begin).Seconds() }

// Stop ends the transfers and returns what has gone wrong with them.
func (t *Transfer) Stop() error {
	t.cancel()
	t.group.Wait()
	return t.err
}

// fetchAgain fetches one file into a folder until ctx ends, or an error. It says when the first piece is there.
func (c *Crowd) fetchAgain(ctx context.Context, t *Transfer, offer, folder string, moving chan<- struct{}) error {
	client := c.people[1].client
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		ask(last, client.Cancel, &p2pv1.CancelRequest{Message: offer}) // what is left of it goes with its node
		os.RemoveAll(folder)
	}()
	err := until(ctx, "the offer has come", 20*time.Millisecond, func() (bool, error) {
		_, err := ask(ctx, client.Accept, &p2pv1.AcceptRequest{Message: offer, Folder: folder})
		return err == nil, nil
	})
	for said := false; err == nil; {
		done := int64(0)
		err = until(ctx, "a file has come", 50*time.Millisecond, func() (bool, error) {
			all, err := ask(ctx, client.ListTransfers, &p2pv1.ListTransfersRequest{})
			if err != nil {
				return false, err
			}
			for _, x := range all.Transfers {
				if x.Message != offer {
					continue
				}
				t.bytes.Add(max(x.Done-done, 0))
				done = max(done, x.Done)
				if x.State == p2pv1.Transfer_STATE_FAILED {
					return false, errors.New(x.Problem)
				}
				if done > 0 && !said {
					said = true
					moving <- struct{}{}
				}
				return x.State == p2pv1.Transfer_STATE_DONE, nil
			}
			return false, nil
		})
		if err == nil {
			_, err = ask(ctx, client.Cancel, &p2pv1.CancelRequest{Message: offer})
		}
		if err == nil {
			err = os.RemoveAll(folder)
		}
		if err == nil {
			_, err = ask(ctx, client.Accept, &p2pv1.AcceptRequest{Message: offer, Folder: folder})
		}
	}
	return err
}
