package people

import (
	"context"
	"sync"
)

// clerk does one thing after the other on a goroutine of its own: what follows from a change that those who tell
// of it have no time for. Its queue is not bounded: what tells does so of what was stored, or at the pace of a
// clock.
type clerk struct {
	mu    sync.Mutex
	queue []func(context.Context)
	wake  chan struct{}
	ready sync.Once
}

func (c *clerk) init() { c.ready.Do(func() { c.wake = make(chan struct{}, 1) }) }

// do has f called soon. It never waits.
func (c *clerk) do(f func(context.Context)) {
	c.init()
	c.mu.Lock()
	c.queue = append(c.queue, f)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends; what is in the queue then is left.
func (c *clerk) run(ctx context.Context) {
	c.init()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for ctx.Err() == nil {
			c.mu.Lock()
			work := c.queue
			c.queue = nil
			c.mu.Unlock()
			if len(work) == 0 {
				break
			}
			for _, f := range work {
				if ctx.Err() == nil {
					f(ctx)
				}
			}
		}
	}
}
