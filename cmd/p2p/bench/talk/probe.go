package talk

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"p2p/cmd/p2p/api/p2pv1"
)

// Times are what came of some messages, in seconds and in the order of sending.
type Times struct {
	Stored []float64 // until Send returned: the message is on the author's disk
	Last   []float64 // until it was shown to the last of the others
	Each   []float64 // until it was shown, once for each of the others
	Took   float64   // from the first call to the last event
}

// probe is a measurement that goes on. Any goroutine may call its methods.
type probe struct {
	name  string // with which the messages begin
	from  time.Time
	begun []atomic.Int64 // when Send was called, since from

	mu     sync.Mutex
	stored []time.Duration
	shown  []map[int]time.Duration // by message and person
	left   int                     // to be shown
	last   time.Duration
	all    chan struct{} // closed when nothing is left
}

var probes atomic.Int64

func newProbe(messages, people int) *probe {
	p := &probe{
		name: fmt.Sprintf("probe%d", probes.Add(1)), from: time.Now(), begun: make([]atomic.Int64, messages),
		stored: make([]time.Duration, messages), shown: make([]map[int]time.Duration, messages), left: messages * people, all: make(chan struct{}),
	}
	for i := range p.shown {
		p.shown[i] = make(map[int]time.Duration, people)
	}
	return p
}

// filler makes messages about as long as those that people write.
const filler = "is what somebody would write who has something to say, and no more than that"

func (p *probe) text(i int) string { return fmt.Sprintf("%s %d %s", p.name, i, filler) }

// number returns which of the messages a text is, -1 for none.
func (p *probe) number(text string) int {
	rest, ok := strings.CutPrefix(text, p.name+" ")
	if !ok {
		return -1
	}
	digits, _, _ := strings.Cut(rest, " ")
	i, err := strconv.Atoi(digits)
	if err != nil || i < 0 || i >= len(p.begun) {
		return -1
	}
	return i
}

// saw notes that a person was shown a text. What is told again counts once.
func (p *probe) saw(person int, text string, at time.Time) {
	i := p.number(text)
	if i < 0 {
		return
	}
	since := at.Sub(p.from)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, again := p.shown[i][person]; again || person == 0 {
		return
	}
	p.shown[i][person] = since - time.Duration(p.begun[i].Load())
	p.last = max(p.last, since)
	if p.left--; p.left == 0 {
		close(p.all)
	}
}

// send sends message i.
func (p *probe) send(ctx context.Context, from *person, where string, i int) error {
	p.begun[i].Store(int64(time.Since(p.from)))
	_, err := ask(ctx, from.client.Send, &p2pv1.SendRequest{Where: where, Text: p.text(i)})
	p.mu.Lock()
	p.stored[i] = time.Since(p.from) - time.Duration(p.begun[i].Load())
	p.mu.Unlock()
	return err
}

// wait waits until all was shown.
func (p *probe) wait(ctx context.Context) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.all:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-limit.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		return fmt.Errorf("%d of %d messages were not shown to everybody", p.left, len(p.begun))
	}
}

func (p *probe) times() Times {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := Times{Took: (p.last - time.Duration(p.begun[0].Load())).Seconds()}
	for i := range p.begun {
		last := time.Duration(0)
		for _, d := range p.shown[i] {
			last = max(last, d)
			t.Each = append(t.Each, d.Seconds())
		}
		t.Last = append(t.Last, last.Seconds())
		t.Stored = append(t.Stored, p.stored[i].Seconds())
	}
	return t
}

// measure has send send the messages of a probe, and waits until all were shown.
func (c *Crowd) measure(ctx context.Context, messages int, at Place, send func(*probe) error) (Times, error) {
	p := newProbe(messages, len(at.To))
	c.probe.Store(p)
	defer c.probe.Store(nil)
	if err := send(p); err != nil {
		return Times{}, err
	}
	if err := p.wait(ctx); err != nil {
		return Times{}, err
	}
	return p.times(), nil
}

// Paced sends messages at a steady rate, whether those before have arrived or not, so that one that is late does not
// keep the next from being counted as late as well.
func (c *Crowd) Paced(ctx context.Context, at Place, messages int, perSecond float64) (Times, error) {
	return c.measure(ctx, messages, at, func(p *probe) error {
		group, ctx := errgroup.WithContext(ctx)
		tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
		defer tick.Stop()
		for i := range messages {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return group.Wait()
			}
			group.Go(func() error { return p.send(ctx, c.people[0], at.Conversation, i) })
		}
		return group.Wait()
	})
}

// Flood sends messages as fast as they are stored, with some always on their way to the disk.
func (c *Crowd) Flood(ctx context.Context, at Place, messages, outstanding int) (Times, error) {
	return c.measure(ctx, messages, at, func(p *probe) error {
		return c.flood(ctx, messages, outstanding, func(ctx context.Context, i int) error { return p.send(ctx, c.people[0], at.Conversation, i) })
	})
}

// flood calls send for each message, so many at a time.
func (c *Crowd) flood(ctx context.Context, messages, outstanding int, send func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	next := atomic.Int64{}
	for range outstanding {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= messages || ctx.Err() != nil {
					return nil
				}
				if err := send(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}
