package history_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// BenchmarkCatchUp takes 10,000 messages of three people in, as they come from a member: verified, in
// batches of 256, each committed.
func BenchmarkCatchUp(b *testing.B) {
	const n = 10_000
	rng := seeded(1)
	ann, birth := founder(b, rng)
	ben, invited := ann.invite(rng)
	all := append([]parcel{birth}, invited...)
	for i := range n {
		p, q := ann, ben
		if i%2 == 0 {
			p, q = ben, ann
		}
		x := p.say(fmt.Sprintf("message %d of some length, as people write them: word%d", i, i%977))
		q.take(x)
		all = append(all, x)
	}
	var wire [][]byte
	for len(all) > 0 {
		batch := all[:min(256, len(all))]
		all = all[len(batch):]
		var m room.Message
		for _, x := range batch {
			m.Events = append(m.Events, room.Sent{Event: x.event, Body: x.body})
		}
		wire = append(wire, m.AppendTo(nil))
	}
	for _, name := range []string{"plain", "sealed"} {
		b.Run(name, func(b *testing.B) {
			o := history.Options{Read: read}
			if name == "sealed" {
				o.Passphrase = []byte("x")
			}
			for b.Loop() {
				b.StopTimer()
				k := keep(b, ann.room.ID(), o)
				session := room.NewSession(k.log.Room, identity.Key{}, 1, k.log.Body)
				b.StartTimer()
				for _, w := range wire {
					m, err := room.ParseMessage(w)
					must(b, err)
					out, _, err := session.Handle(m)
					must(b, err)
					must(b, k.log.Commit(out))
				}
				b.StopTimer()
				if got := k.log.Room.Mark(ann.device.Key()).Seq; got < n/2 {
					b.Fatalf("only %d came", got)
				}
				k.shut()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkCommit is what one message costs on its way: another's, and the own one, which waits for
// the disk.
func BenchmarkCommit(b *testing.B) {
	for _, name := range []string{"others", "own"} {
		b.Run(name, func(b *testing.B) {
			rng := seeded(1)
			ann, birth := founder(b, rng)
			o := history.Options{}
			if name == "own" {
				o.Device = ann.device.Key()
			}
			k := keep(b, ann.room.ID(), o)
			k.take(birth)
			var slow []time.Duration
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				x := ann.say(fmt.Sprintf("message %d of some length, as people write them", i))
				b.StartTimer()
				start := time.Now()
				k.take(x)
				slow = append(slow, time.Since(start))
			}
			percentiles(b, slow)
		})
	}
}

// large makes an archive with one room of n messages. They are copies of one event with
// their numbers changed: nothing reads their signatures again.
func large(b *testing.B, n int, o history.Options) (*keeper, *person) {
	b.Helper()
	rng := seeded(1)
	ann, birth := founder(b, rng)
	k := keep(b, ann.room.ID(), o)
	k.take(birth, ann.say("the first"))
	start := time.Now()
	must(b, history.Multiply(k.Archive, n, func(i int) string {
		words := []string{"lorem", "ipsum", "dolor", "sit", "amet", "天气", "很好", "consectetur", "adipiscing", "elit"}
		return fmt.Sprintf("%s %s word%d about %s no%d", words[i%10], words[i/10%10], i%50_000, words[i/7%10], i)
	}))
	k.shut()
	k.open(ann.room.ID())
	info, err := os.Stat(k.path)
	must(b, err)
	fmt.Printf("%d messages: made in %v, %d MiB\n", n, time.Since(start).Round(time.Millisecond), info.Size()>>20)
	return k, ann
}

func percentiles(b *testing.B, took []time.Duration) {
	slow := slices.Clone(took)
	slices.Sort(slow)
	if len(slow) > 0 {
		b.ReportMetric(float64(slow[len(slow)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(slow[len(slow)*99/100].Microseconds()), "p99-µs")
		b.ReportMetric(float64(slow[len(slow)-1].Microseconds()), "max-µs")
	}
}

// BenchmarkLargeRoom opens a room of 100,000 events, and reads in it.
func BenchmarkLargeRoom(b *testing.B) {
	k, ann := large(b, 100_000, history.Options{})
	id := ann.room.ID()
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			k.reopen(id)
		}
	})
	b.Run("page of 100 at the end", func(b *testing.B) {
		for b.Loop() {
			if all, err := k.Before(ctx, id, history.End, 100); err != nil || len(all) != 100 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("page of 100 in the middle", func(b *testing.B) {
		for b.Loop() {
			if all, err := k.After(ctx, id, history.Position{Lamport: 50_000}, 100); err != nil || len(all) != 100 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("unread", func(b *testing.B) {
		for b.Loop() {
			if n, _, err := k.Unread(ctx, id); err != nil || n != history.MaxUnread {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("log in order", func(b *testing.B) {
		seq := uint64(0)
		for b.Loop() {
			if _, ok := k.log.At(ann.device.Key(), 1+seq%100_000); !ok {
				b.Fatal(seq)
			}
			seq++
		}
	})
}

// BenchmarkSearch searches a million messages, or as many as P2P_BENCH_MESSAGES says.
func BenchmarkSearch(b *testing.B) {
	n := 1_000_000
	if v := os.Getenv("P2P_BENCH_MESSAGES"); v != "" {
		_, err := fmt.Sscan(v, &n)
		must(b, err)
	}
	o := history.Options{}
	if os.Getenv("P2P_BENCH_SEALED") != "" {
		o.Passphrase = []byte("x")
	}
	k, ann := large(b, n, o)
	for range 2 { // with a passphrase the index is made, and then taken from its file
		start := time.Now()
		_, _, err := k.Search(ctx, history.Query{Text: "nothing"})
		must(b, err)
		fmt.Printf("the first search took %v\n", time.Since(start).Round(time.Millisecond))
		k.shut()
		k.open(ann.room.ID())
	}
	for _, q := range []string{"lorem", "word4711", "word471", "lorem ipsum dol", "天气", "天", "天气很", "l", "wo", "wor", `"sit amet"`, "no99 elit", "lorem absent", "no123456", "dolor word17", "🎉", "dolor 🎉"} {
		for _, in := range []room.ID{{}, ann.room.ID()} {
			b.Run(fmt.Sprintf("%s/room=%v", q, !in.IsZero()), func(b *testing.B) {
				found := 0
				for b.Loop() {
					all, _, err := k.Search(ctx, history.Query{Text: q, Room: in})
					must(b, err)
					found = len(all)
				}
				b.ReportMetric(float64(found), "found")
			})
		}
	}
}
