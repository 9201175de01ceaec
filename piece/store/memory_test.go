package store

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"p2p/piece"
)

const kib = 1 << 10

func TestMemoryReservesTheNextPowerOfTwo(t *testing.T) {
	for _, c := range []struct{ ask, size int }{
		{1, 16 * kib}, {16 * kib, 16 * kib}, {16*kib + 1, 32 * kib}, {32 * kib, 32 * kib},
		{33 * kib, 64 * kib}, {64*kib + 1, 128 * kib}, {128*kib + 1, 256 * kib}, {piece.SpanSize, piece.SpanSize},
	} {
		m := NewMemory(0)
		if !m.Reserve(c.ask) {
			t.Fatalf("%d bytes are refused", c.ask)
		}
		if used, _ := m.Used(); used != c.size {
			t.Errorf("%d bytes reserve %d, want %d", c.ask, used, c.size)
		}
		b := m.Take(c.ask)
		if len(b) != c.ask || cap(b) != c.size {
			t.Errorf("%d bytes are taken as %d of %d", c.ask, len(b), cap(b))
		}
		m.Give(b[:1]) // the length does not matter
		if used, peak := m.Used(); used != 0 || peak != c.size {
			t.Errorf("%d bytes used after %d were given back, %d at the most", used, c.ask, peak)
		}
	}
}

func TestMemoryRefusesBeyondItsLimit(t *testing.T) {
	m := NewMemory(8 * piece.SpanSize)
	for n := range 8 {
		if !m.Reserve(piece.SpanSize) {
			t.Fatalf("span %d is refused", n)
		}
	}
	if m.Reserve(1) {
		t.Error("a block beyond the limit")
	}
	m.Cancel(piece.SpanSize)
	if !m.Reserve(piece.SpanSize) || m.Reserve(1) {
		t.Error("what was cancelled is not free again, or more than that")
	}
}

func TestMemoryHasRoomForAFewSpansWhateverIsAsked(t *testing.T) {
	for limit, want := range map[int64]int{
		-1: DefaultMemory, 0: DefaultMemory, 1: 4 * piece.SpanSize, 100 << 20: 100 << 20, math.MaxInt64: math.MaxInt,
	} {
		if m := NewMemory(limit); m.limit != want {
			t.Errorf("a limit of %d became %d, want %d", limit, m.limit, want)
		}
	}
}

func TestMemoryGivesTheSameBuffersAgain(t *testing.T) {
	m := NewMemory(0)
	m.Reserve(1) // so that it is never quite unused
	for _, n := range []int{16 * kib, 100 * kib, piece.SpanSize} {
		m.Reserve(n)
		first := m.Take(n)
		m.Give(first)
		m.Reserve(n - 1)
		if again := m.Take(n - 1); &again[0] != &first[0] || len(again) != n-1 {
			t.Errorf("another buffer of %d bytes", n)
		}
	}
}

// allocated is what m keeps from the garbage collector.
func (m *Memory) allocated(taken int) int { return taken + m.pooled }

// The limit holds for the memory that the process has, not only for what is
// reserved: buffers of one size must not be kept for ever while another is used.
func TestMemoryHoldsItsLimitWhenSizesChange(t *testing.T) {
	m := NewMemory(8 * piece.SpanSize)
	m.Reserve(1)
	for round := range 3 {
		for _, size := range []int{piece.BlockSize, piece.SpanSize, 4 * piece.BlockSize} {
			var taken [][]byte
			bytes := 0
			for m.Reserve(size) {
				taken = append(taken, m.Take(size))
				if bytes += size; m.allocated(bytes) > m.limit {
					t.Fatalf("round %d: %d bytes allocated in buffers of %d, %d allowed", round, m.allocated(bytes), size, m.limit)
				}
			}
			for _, b := range taken {
				m.Give(b)
			}
		}
	}
}

func TestMemoryKeepsNothingWhenNothingIsReserved(t *testing.T) {
	m := NewMemory(0)
	var taken [][]byte
	for range 10 {
		m.Reserve(piece.SpanSize)
		taken = append(taken, m.Take(piece.SpanSize))
	}
	for _, b := range taken {
		m.Give(b)
	}
	if m.pooled != 0 || len(m.free[sizes-1]) != 0 {
		t.Errorf("%d bytes in the pool", m.pooled)
	}
}

// Who has taken a buffer is the only one who has it.
func TestMemoryIsSafeForManyGoroutines(t *testing.T) {
	m := NewMemory(6 * piece.SpanSize)
	var wg sync.WaitGroup
	for worker := range byte(8) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 300 {
				n := 1 + rng.IntN(piece.SpanSize)
				if !m.Reserve(n) {
					continue
				}
				if rng.IntN(8) == 0 {
					m.Cancel(n)
					continue
				}
				b := m.Take(n)
				b[0], b[n-1] = worker, worker
				if now, peak := m.Used(); now < 0 || now > peak || peak > m.limit {
					t.Errorf("%d bytes used, %d at the most, %d allowed", now, peak, m.limit)
				}
				if b[0] != worker || b[n-1] != worker {
					t.Error("somebody else writes to the same buffer")
				}
				m.Give(b)
			}
		})
	}
	wg.Wait()
	if used, _ := m.Used(); used != 0 || m.pooled != 0 {
		t.Errorf("%d bytes used and %d pooled in the end", used, m.pooled)
	}
}
