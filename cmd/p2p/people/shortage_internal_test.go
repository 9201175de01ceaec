package people

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/torrentfile/infohash"
)

// crowded is downloads on a disk that others fill. What they do is counted; each needs 40 MiB more.
type crowded struct {
	*exchange
	free  atomic.Int64 // bytes, without the reserve
	cheat atomic.Bool  // the disk is full whatever it says
	tries atomic.Int64
}

func newCrowded(t *testing.T) *crowded {
	n := &Node{log: zap.NewNop()}
	var cancel context.CancelFunc
	n.ctx, cancel = context.WithCancel(t.Context())
	c := &crowded{exchange: newExchange(n)}
	c.room = func(string) (int64, bool) { return reserve + c.free.Load(), true }
	t.Cleanup(func() {
		cancel()
		c.group.Wait()
	})
	return c
}

// fetch begins a download, which the disk takes as long as it has room for all of it.
func (c *crowded) fetch(i byte) *transfer {
	tr := newTransfer(deal{Hash: infohash.T{i}, Size: 100 << 20, Have: 60 << 20, Path: fmt.Sprint("/disk/", i)}, []byte{1})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[tr.Hash] = tr
	c.start(tr, p2pv1.Transfer_STATE_DOWNLOADING, func(ctx context.Context) error {
		c.tries.Add(1)
		if c.cheat.Load() || c.free.Load() < tr.Size-tr.Have {
			return fmt.Errorf("write: %w", syscall.ENOSPC)
		}
		<-ctx.Done()
		return nil
	})
	return tr
}

func (c *crowded) sees(tr *transfer) *p2pv1.Transfer {
	synctest.Wait()
	return c.of(tr.Hash)
}

func TestADownloadPausesInWordsWhenTheDiskIsFullAndGoesOnWhenThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowded(t)
		c.free.Store(8 << 20)
		tr := c.fetch(1)
		v := c.sees(tr)
		if r := v.Problem; v.State != p2pv1.Transfer_STATE_WAITING || r.GetKey() != api.LittleRoom || r.With["dir"] != "/disk" || r.With["size"] != "40.0 MiB" || r.With["free"] != "8.0 MiB" {
			t.Errorf("it says %v", v)
		}
		if v.Done != 60<<20 {
			t.Errorf("of what was verified %d bytes are left", v.Done)
		}
		c.free.Store(40<<20 - 1)
		time.Sleep(time.Hour)
		if v, tries := c.sees(tr), c.tries.Load(); v.State != p2pv1.Transfer_STATE_WAITING || tries != 1 {
			t.Errorf("without room it has tried %d times, and is %v", tries, v.State)
		}
		c.free.Store(40 << 20)
		time.Sleep(roomFirst)
		if v := c.sees(tr); v.State != p2pv1.Transfer_STATE_CHECKING || v.Problem != nil || c.tries.Load() != 2 {
			t.Errorf("with room it is %v", v)
		}
	})
}

// Else each would take the room that the other one waits for to be its own.
func TestOfTwoDownloadsThatWaitForRoomTheOneGoesOnThatFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowded(t)
		a, b := c.fetch(1), c.fetch(2)
		c.sees(a)
		c.free.Store(50 << 20)
		time.Sleep(roomFirst)
		waits := 0
		for _, tr := range []*transfer{a, b} {
			if v := c.sees(tr); v.State == p2pv1.Transfer_STATE_WAITING {
				waits++
				if v.Problem.GetWith()["free"] != "10.0 MiB" {
					t.Errorf("beside the other, %v", v.Problem)
				}
			}
		}
		if waits != 1 {
			t.Errorf("%d wait", waits)
		}
	})
}

// A quota is full, and nobody tells how much is left of it.
func TestADiskThatIsFullThoughItSaysOtherwiseIsTriedMoreAndMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowded(t)
		c.free.Store(1 << 30)
		c.cheat.Store(true)
		tr := c.fetch(1)
		if v := c.sees(tr); v.Problem.GetKey() != api.DiskFull {
			t.Errorf("it says %v", v.Problem)
		}
		time.Sleep(time.Hour)
		if got := c.tries.Load(); got < 50 || got > 70 {
			t.Errorf("in an hour it was tried %d times", got)
		}
		c.cheat.Store(false)
		time.Sleep(roomLast)
		if v := c.sees(tr); v.Problem != nil {
			t.Errorf("when it takes it again, %v", v.Problem)
		}
	})
}

func TestADownloadThatWaitsForRoomCanBeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowded(t)
		tr := c.fetch(1)
		c.sees(tr)
		c.halt(t.Context(), tr)
		c.free.Store(1 << 30)
		time.Sleep(time.Hour)
		if c.sees(tr); c.tries.Load() != 1 || tr.lacks != nil {
			t.Errorf("it was tried %d times, and lacks %v", c.tries.Load(), tr.lacks)
		}
	})
}

func TestADownloadLeavesMessagesTheLastOfTheDisk(t *testing.T) {
	c := newCrowded(t)
	tr := newTransfer(deal{Size: 100 << 20}, nil)
	for free, want := range map[int64]bool{1: false, 0: false, -1: true, -reserve: true} {
		if c.free.Store(free); c.scarce(tr) != want {
			t.Errorf("with %d bytes less than the reserve it pauses: %v", -free, !want)
		}
	}
	if tr.Have = tr.Size; c.scarce(tr) {
		t.Error("it pauses though it needs nothing more")
	}
}
