package talk

import (
	"context"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// settled is how long after many messages a node has nothing more to do for them.
const settled = 4 * time.Second

// settle waits for what a node does after many messages, such as indexing: it is no part of what is measured next.
func settle(ctx context.Context) error {
	select {
	case <-time.After(settled):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// CatchUp stops the node of the second person, has the first one write messages to him, and returns how long it takes
// from the start of that node until all of them are in its history.
func (c *Crowd) CatchUp(ctx context.Context, messages, outstanding int) (time.Duration, error) {
	at, absent := c.Direct(), c.people[1]
	absent.stop()
	p := newProbe(messages, 1)
	var last string
	write := func(ctx context.Context, i int) error {
		m, err := ask(ctx, c.people[0].client.Send, &p2pv1.SendRequest{Where: at.Conversation, Text: p.text(i)})
		if i == messages-1 && err == nil {
			last = m.Message.Id
		}
		return err
	}
	// The very last one comes alone: who has it has its causes too, which are all the others.
	err := c.flood(ctx, messages-1, outstanding, write)
	if err == nil {
		err = write(ctx, messages-1)
	}
	if err != nil {
		return 0, err
	}
	if err := settle(ctx); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := c.start(ctx, absent); err != nil {
		return 0, err
	}
	err = until(ctx, "all messages were caught up on", 20*time.Millisecond, func() (bool, error) {
		newest, err := ask(ctx, absent.client.ListMessages, &p2pv1.ListMessagesRequest{Where: at.Conversation, Limit: 1})
		return err == nil && len(newest.Messages) == 1 && newest.Messages[0].Id == last, err
	})
	return time.Since(begin), err
}
