package piece_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/piece"
)

// pieces returns a layout of n pieces of one block.
func pieces(n int) piece.Layout {
	l, err := piece.NewLayout(int64(n)*piece.BlockSize, piece.BlockSize)
	if err != nil {
		panic(err)
	}
	return l
}

// sizes around the borders of bytes and words.
var sizes = []int{0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 1000}

// BEP 3: "The first byte of the bitfield corresponds to indices 0 - 7 from high
// bit to low bit, respectively. The next one 8-15, etc."
func TestBitfieldHasTheFirstPieceInTheHighestBitOfTheFirstByte(t *testing.T) {
	f, err := piece.ParseBitfield([]byte{0b10000001, 0b01000000}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := indices(f); !slices.Equal(got, []int{0, 7, 9}) {
		t.Errorf("pieces %v, want 0, 7 and 9", got)
	}
}

func indices(f *piece.Bitfield) []int {
	var all []int
	for i := range f.All() {
		all = append(all, i.Int())
	}
	return all
}

func TestBitfieldSurvivesTheWire(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range sizes {
		f, l := piece.NewBitfield(n), pieces(n)
		for range n / 2 {
			f.Set(l.MustIndex(rng.IntN(n)))
		}
		sent := f.AppendTo([]byte("head"))
		if len(sent) != 4+(n+7)/8 {
			t.Errorf("%d pieces: %d bytes", n, len(sent)-4)
		}
		back, err := piece.ParseBitfield(sent[4:], n)
		if err != nil {
			t.Fatalf("%d pieces: %v", n, err)
		}
		if back.Count() != f.Count() || !slices.Equal(indices(back), indices(f)) {
			t.Errorf("%d pieces: %v came back as %v", n, indices(f), indices(back))
		}
	}
}

func TestParseBitfieldRefusesAWrongLength(t *testing.T) {
	for _, n := range sizes {
		for _, bytes := range []int{(n+7)/8 - 1, (n+7)/8 + 1} {
			if bytes < 0 {
				continue
			}
			if _, err := piece.ParseBitfield(make([]byte, bytes), n); !errors.Is(err, piece.ErrBitfield) {
				t.Errorf("%d bytes for %d pieces: %v", bytes, n, err)
			}
		}
	}
}

// BEP 3: "Spare bits at the end are set to zero."
func TestParseBitfieldRefusesSpareBits(t *testing.T) {
	for _, n := range sizes {
		payload := make([]byte, (n+7)/8)
		for bit := n; bit < len(payload)*8; bit++ {
			payload[bit/8] = 0x80 >> (bit % 8)
			if _, err := piece.ParseBitfield(payload, n); !errors.Is(err, piece.ErrBitfield) {
				t.Errorf("spare bit %d of %d pieces: %v", bit, n, err)
			}
		}
	}
}

func TestSetAllSetsNoSpareBit(t *testing.T) {
	for _, n := range sizes {
		f := piece.NewBitfield(n)
		f.SetAll()
		if !f.Full() || f.Count() != n || len(indices(f)) != n {
			t.Errorf("%d pieces: %d set, %d counted", n, len(indices(f)), f.Count())
		}
		if _, err := piece.ParseBitfield(f.AppendTo(nil), n); err != nil {
			t.Errorf("%d pieces: %v", n, err)
		}
	}
}

func TestBitfieldIteratorsStopWhenToldTo(t *testing.T) {
	f := piece.NewBitfield(200)
	f.SetAll()
	none := piece.NewBitfield(200)
	seen := 0
	for range f.All() {
		seen++
		break
	}
	for range f.And(f) {
		seen++
		break
	}
	for range f.AndNot(none) {
		seen++
		break
	}
	if seen != 3 {
		t.Errorf("%d pieces seen, want one of each", seen)
	}
}

// model is a set of pieces without any cleverness.
type model map[int]bool

func (m model) fits(t *testing.T, f *piece.Bitfield, seed uint64) {
	t.Helper()
	if f.Count() != len(m) || f.Full() != (len(m) == f.Len()) {
		t.Fatalf("seed %d: count %d, full %v; want %d of %d", seed, f.Count(), f.Full(), len(m), f.Len())
	}
	for _, i := range indices(f) {
		if !m[i] {
			t.Fatalf("seed %d: piece %d is in the set", seed, i)
		}
	}
}

func TestBitfieldBehavesLikeAMap(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		n := 1 + rng.IntN(200)
		l, f, m := pieces(n), piece.NewBitfield(n), model{}
		for range 100 {
			i := l.MustIndex(rng.IntN(n))
			was := m[i.Int()]
			if f.Has(i) != was {
				t.Fatalf("seed %d: Has(%v) = %v", seed, i, !was)
			}
			switch rng.IntN(20) {
			case 0:
				f.SetAll()
				for p := range n {
					m[p] = true
				}
			case 1:
				kept := f
				f = f.Clone()
				kept.SetAll() // must not shine through
			case 2, 3, 4, 5, 6, 7:
				if f.Clear(i) != was {
					t.Fatalf("seed %d: Clear(%v) = %v", seed, i, !was)
				}
				delete(m, i.Int())
			default:
				if f.Set(i) == was {
					t.Fatalf("seed %d: Set(%v) = %v", seed, i, was)
				}
				m[i.Int()] = true
			}
			m.fits(t, f, seed)
		}
	}
}

func TestSetsAreComparedPieceByPiece(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := 1 + rng.IntN(150)
		a, b, c := random(n, rng), random(n, rng), random(n, rng)
		var and, andNot []int
		offers := false
		for p := range n {
			i := pieces(n).MustIndex(p)
			if a.Has(i) && b.Has(i) {
				and = append(and, p)
			}
			if a.Has(i) && !b.Has(i) {
				andNot = append(andNot, p)
				offers = offers || c.Has(i)
			}
		}
		if got := collect(a.And(b)); !slices.Equal(got, and) {
			t.Errorf("seed %d: And gives %v, want %v", seed, got, and)
		}
		if got := collect(a.AndNot(b)); !slices.Equal(got, andNot) {
			t.Errorf("seed %d: AndNot gives %v, want %v", seed, got, andNot)
		}
		if a.Offers(b, c) != offers {
			t.Errorf("seed %d: Offers = %v", seed, !offers)
		}
	}
}

func collect(seq func(func(piece.Index) bool)) []int {
	var all []int
	for i := range seq {
		all = append(all, i.Int())
	}
	return all
}

// random returns a set of some share of n pieces.
func random(n int, rng *rand.Rand) *piece.Bitfield {
	f, l := piece.NewBitfield(n), pieces(n)
	share := rng.Float64()
	for p := range n {
		if rng.Float64() < share {
			f.Set(l.MustIndex(p))
		}
	}
	return f
}

func FuzzParseBitfield(f *testing.F) {
	f.Add([]byte{0xff}, uint16(8))
	f.Add([]byte{0xff, 0x80}, uint16(9))
	f.Add([]byte{}, uint16(0))
	f.Add(bytes.Repeat([]byte{0xaa}, 17), uint16(130))
	f.Fuzz(func(t *testing.T, payload []byte, n uint16) {
		set, err := piece.ParseBitfield(payload, int(n))
		if err != nil {
			if !errors.Is(err, piece.ErrBitfield) {
				t.Fatalf("error %v is not ErrBitfield", err)
			}
			return
		}
		if again := set.AppendTo(nil); !bytes.Equal(again, payload) {
			t.Fatalf("%x came back as %x", payload, again)
		}
		if got := len(indices(set)); got != set.Count() || got > int(n) {
			t.Fatalf("%d pieces in a set that counts %d of %d", got, set.Count(), n)
		}
	})
}
