package sha1x2_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"p2p/piece/sha1x2"
)

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestBothSumsAreThoseOfTheStandardLibraryHoweverTheMessagesAreCut(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p, q := random(rng, rng.IntN(5000)), random(rng, rng.IntN(5000))
		if seed%3 == 0 {
			q = random(rng, len(p))
		}
		x := sha1x2.New()
		for restP, restQ := p, q; len(restP)+len(restQ) > 0; {
			n, m := rng.IntN(len(restP)+1), rng.IntN(len(restQ)+1)
			if seed%2 == 0 { // at the borders of blocks
				n, m = min(len(restP), 64+n/64*64), min(len(restQ), 64+m/64*64)
			}
			x.Write(restP[:n], restQ[:m])
			restP, restQ = restP[n:], restQ[m:]
		}
		are(t, x, p, q)
	}
}

func are(t *testing.T, x *sha1x2.Pair, p, q []byte) {
	t.Helper()
	if a, b := x.Sums(); a != sha1.Sum(p) || b != sha1.Sum(q) {
		t.Fatalf("the sums of %d and %d bytes are %x and %x; want %x and %x", len(p), len(q), a, b, sha1.Sum(p), sha1.Sum(q))
	}
}

// FIPS 180-4, example: a million times "a".
func TestTheSumOfAMillionTimesAIsTheStandards(t *testing.T) {
	x := sha1x2.New()
	x.Write([]byte("what is forgotten"), nil)
	x.Reset()
	chunk := bytes.Repeat([]byte("a"), 64_000)
	for range 15 {
		x.Write(chunk, chunk)
	}
	x.Write(chunk[:40_000], chunk[:40_000])
	a, b := x.Sums()
	for _, sum := range [][20]byte{a, b} {
		if got := hex.EncodeToString(sum[:]); got != "34aa973cd4c4daa4f61eeb2bdbad27316534016f" {
			t.Errorf("the sum is %s", got)
		}
	}
}

func TestStreamsOfDifferentLengthsAreReadInPartsAndOneThatFailsDoesNotStopTheOther(t *testing.T) {
	errRead := errors.New("the disk is gone")
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p, q := random(rng, rng.IntN(5000)), random(rng, rng.IntN(5000))
		failAt := rng.IntN(10_000)
		x := sha1x2.New()
		stream := func(m []byte, failAt int) sha1x2.Stream {
			return sha1x2.Stream{Len: len(m), Read: func(b []byte, at int) error {
				if at+len(b) > failAt {
					return errRead
				}
				copy(b, m[at:])
				return nil
			}}
		}
		a, b, errA, errB := x.Read(make([]byte, 2*(1+rng.IntN(1000))), stream(p, failAt), stream(q, len(q)))
		if fails := len(p) > failAt; fails != (errA != nil) || !fails && a != sha1.Sum(p) {
			t.Fatalf("seed %d: the first is %x, %v", seed, a, errA)
		}
		if errB != nil || b != sha1.Sum(q) {
			t.Fatalf("seed %d: the second is %x, %v", seed, b, errB)
		}
	}
}

func TestWritingAllocatesNothing(t *testing.T) {
	x, p := sha1x2.New(), make([]byte, 4096)
	if n := testing.AllocsPerRun(100, func() {
		x.Write(p, p)
		x.Sums()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte("short"), bytes.Repeat([]byte("long"), 300), uint16(64))
	f.Add(make([]byte, 1024), make([]byte, 1024), uint16(512))
	f.Fuzz(func(t *testing.T, p, q []byte, cut uint16) {
		x := sha1x2.New()
		n, m := min(len(p), int(cut)), min(len(q), int(cut))
		x.Write(p[:n], q[:m])
		x.Write(p[n:], q[m:])
		are(t, x, p, q)
	})
}

func BenchmarkTwoAtOnce(bench *testing.B) {
	x, p, q := sha1x2.New(), make([]byte, 64<<10), make([]byte, 64<<10)
	bench.SetBytes(int64(len(p) + len(q)))
	bench.ReportAllocs()
	for bench.Loop() {
		x.Write(p, q)
	}
}

func BenchmarkOneAfterTheOther(bench *testing.B) {
	a, b, p, q := sha1.New(), sha1.New(), make([]byte, 64<<10), make([]byte, 64<<10)
	bench.SetBytes(int64(len(p) + len(q)))
	bench.ReportAllocs()
	for bench.Loop() {
		a.Write(p)
		b.Write(q)
	}
}
