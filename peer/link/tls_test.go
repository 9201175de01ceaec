package link

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/wire"
	"p2p/piece"
)

// tube is two Links that are joined, over TCP of the loopback device or TLS in it.
type tube struct {
	from, to *Link
	sent     chan *Batch
	come     chan *Batch
	layout   piece.Layout
	stop     func()
}

func newTube(t testing.TB, people bool) *tube {
	t.Helper()
	near, far := connect(t)
	if people {
		near, far = encrypt(t, near, far)
	}
	layout, err := piece.NewLayout(1<<30, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	u := &tube{sent: make(chan *Batch, 64), come: make(chan *Batch, 64), layout: layout}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	u.from = Start(ctx, Config{
		Conn: near, Key: 1, Layout: layout, Inbox: u.sent, People: people,
		ReadAt: func(p []byte, off int64) error { // each block begins with its number
			for at := 0; at < len(p); at += piece.BlockSize {
				p[at] = byte((off + int64(at)) / piece.BlockSize)
			}
			return nil
		},
	}, &wg)
	u.to = Start(ctx, Config{Conn: far, Key: 2, Layout: layout, Inbox: u.come, People: people}, &wg)
	u.stop = func() {
		cancel()
		wg.Wait()
	}
	return u
}

// connect returns the ends of a connection over the loopback device.
func connect(t testing.TB) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// encrypt puts TLS between two devices around a connection.
func encrypt(t testing.TB, near, far net.Conn) (net.Conn, net.Conn) {
	t.Helper()
	var device [2]*secure.Device
	for i := range device {
		s, err := identity.NewSecret(rand.NewChaCha8([32]byte{byte(i)}))
		if err != nil {
			t.Fatal(err)
		}
		if device[i], err = secure.NewDevice(s); err != nil {
			t.Fatal(err)
		}
	}
	accepted := make(chan *secure.Conn, 1)
	go func() {
		c, err := device[1].Accept(context.Background(), far, nil, nil)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	dialled, err := device[0].Dial(context.Background(), near, device[1].Key())
	if err != nil {
		t.Fatal(err)
	}
	return dialled, <-accepted
}

// pump sends n blocks, of which depth are on their way at once, and calls hear with every
// message that comes.
func (u *tube) pump(t testing.TB, n, depth int, hear func(wire.Message)) {
	t.Helper()
	stopped := make(chan struct{})
	defer close(stopped)
	go func() { // what was sent, and requests, which nobody answers here
		for {
			select {
			case b := <-u.sent:
				b.Recycle()
			case <-stopped:
				return
			}
		}
	}()
	places := make([]Place, depth)
	for i := range places {
		places[i] = Place{Dst: make([]byte, piece.BlockSize), State: new(atomic.Uint32)}
	}
	per := u.layout.Blocks(u.layout.MustIndex(0))
	block := func(i int) piece.Block { return u.layout.Block(u.layout.MustIndex(i/per), i%per) }
	ask := func(i int) {
		p := places[i%depth]
		p.State.Store(vacant)
		u.to.Expect(block(i), p)
		u.from.Serve(block(i))
	}
	for i := range min(depth, n) {
		ask(i)
	}
	for come := 0; come < n; {
		b := <-u.come
		if b.Err != nil {
			t.Fatal(b.Err)
		}
		for _, it := range b.Items {
			switch it.Kind {
			case Landed:
				if got := places[come%depth].Dst[0]; it.Block != block(come) || got != byte(come) {
					t.Fatalf("block %d is %v and begins with %d", come, it.Block, got)
				}
				if come+depth < n {
					ask(come + depth)
				}
				come++
			case Message:
				hear(it.Msg)
			}
		}
		b.Recycle()
	}
}

func TestBlocksAndWordsPassInsideTLS(t *testing.T) {
	u := newTube(t, true)
	defer u.stop()
	const words = 300
	for i := range uint32(words) {
		u.from.Send(Chat, wire.Message{ID: wire.Extended, ExtID: 1, Payload: binary.BigEndian.AppendUint32(nil, i)})
	}
	heard := uint32(0)
	u.pump(t, 2000, 100, func(m wire.Message) {
		if m.ID != wire.Extended || binary.BigEndian.Uint32(m.Payload) != heard {
			t.Errorf("word %d is %+v", heard, m)
		}
		heard++
	})
	if heard != words {
		t.Errorf("%d words came before 2000 blocks, want %d: words go first", heard, words)
	}
}

// A peer that does not read must not keep us from ending, as TLS would that wants to say
// good-bye.
func TestALinkInsideTLSEndsAtOnceBesideAPeerThatDoesNotRead(t *testing.T) {
	near, far := net.Pipe() // which takes what is read, and nothing more
	defer far.Close()
	dialled, accepted := encrypt(t, near, far)
	_ = accepted // reads nothing
	layout, err := piece.NewLayout(1<<30, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	inbox := make(chan *Batch, 1000)
	l := Start(ctx, Config{Conn: dialled, Key: 1, Layout: layout, Inbox: inbox, People: true, ReadAt: func([]byte, int64) error { return nil }}, &wg)
	l.Serve(layout.Block(layout.MustIndex(0), 0))
	soon(t, "nothing is written", func() bool { return !l.Waits().IsZero() })
	ended := make(chan struct{})
	go func() {
		cancel()
		wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(4 * time.Second): // TLS waits for five
		t.Error("it waits for the peer")
	}
}

// BenchmarkBlocks is a GiB from a Link to a Link, plain and inside TLS.
func BenchmarkBlocks(b *testing.B) {
	for _, people := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "TLS"}[people]
		b.Run(name, func(b *testing.B) {
			u := newTube(b, people)
			defer u.stop()
			b.SetBytes(1 << 30)
			b.ReportAllocs()
			for b.Loop() {
				u.pump(b, 1<<16, 256, func(wire.Message) {})
			}
		})
	}
}

// BenchmarkWordBesideBlocks is how long a word takes to a peer that is being sent blocks on
// the same connection, as fast as it takes them.
func BenchmarkWordBesideBlocks(b *testing.B) {
	for _, people := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "TLS"}[people]
		b.Run(name, func(b *testing.B) {
			u := newTube(b, people)
			defer u.stop()
			var delays []time.Duration
			begin := time.Now()
			say := func() {
				at := binary.BigEndian.AppendUint64(nil, uint64(time.Since(begin)))
				u.from.Send(Chat, wire.Message{ID: wire.Extended, ExtID: 1, Payload: at})
			}
			done := make(chan struct{})
			talked := make(chan struct{})
			go func() {
				defer close(talked)
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-tick.C:
						say()
					case <-done:
						return
					}
				}
			}()
			for b.Loop() {
				u.pump(b, 1<<15, 256, func(m wire.Message) {
					if m.ID == wire.Extended {
						delays = append(delays, time.Since(begin)-time.Duration(binary.BigEndian.Uint64(m.Payload)))
					}
				})
			}
			close(done)
			<-talked
			slices.Sort(delays)
			b.ReportMetric(float64(delays[len(delays)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(delays[len(delays)-1].Microseconds()), "max-µs")
		})
	}
}
