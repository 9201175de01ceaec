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
		a, b := sha1x2.New(), sha1x2.New()
		for restP, restQ := p, q; len(restP)+len(restQ) > 0; {
			n, m := rng.IntN(len(restP)+1), rng.IntN(len(restQ)+1)
			if seed%2 == 0 { // at the borders of blocks
				n, m = min(len(restP), 64+n/64*64), min(len(restQ), 64+m/64*64)
			}
			sha1x2.Write(a, b, restP[:n], restQ[:m])
			restP, restQ = restP[n:], restQ[m:]
		}
		is(t, a, p)
		is(t, b, q)
	}
}

func is(t *testing.T, h *sha1x2.Hash, message []byte) {
	t.Helper()
	if got, want := h.Sum(), sha1.Sum(message); got != want {
		t.Fatalf("the sum of %d bytes is %x; want %x", len(message), got, want)
	}
}

// FIPS 180-4, example: a million times "a".
func TestTheSumOfAMillionTimesAIsTheStandards(t *testing.T) {
	a, b := sha1x2.New(), sha1x2.New()
	sha1x2.Write(a, b, []byte("what is forgotten"), nil)
	a.Reset()
	chunk := bytes.Repeat([]byte("a"), 64_000)
	for range 15 {
		sha1x2.Write(a, b, chunk, chunk)
	}
	sha1x2.Write(a, b, chunk[:40_000], chunk[:40_000])
	for _, h := range []*sha1x2.Hash{a, b} {
		sum := h.Sum()
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
		stream := func(m []byte, failAt int) sha1x2.Stream {
			return sha1x2.Stream{Len: len(m), Read: func(b []byte, at int) error {
				if at+len(b) > failAt {
					return errRead
				}
				copy(b, m[at:])
				return nil
			}}
		}
		a, b, errA, errB := sha1x2.NewReader(2*(1+rng.IntN(1000))).Read(stream(p, failAt), stream(q, len(q)))
		if fails := len(p) > failAt; fails != (errA != nil) || !fails && a != sha1.Sum(p) {
			t.Fatalf("seed %d: the first is %x, %v", seed, a, errA)
		}
		if errB != nil || b != sha1.Sum(q) {
			t.Fatalf("seed %d: the second is %x, %v", seed, b, errB)
		}
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte("short"), bytes.Repeat([]byte("long"), 300), uint16(64))
	f.Add(make([]byte, 1024), make([]byte, 1024), uint16(512))
	f.Fuzz(func(t *testing.T, p, q []byte, cut uint16) {
		a, b := sha1x2.New(), sha1x2.New()
		n, m := min(len(p), int(cut)), min(len(q), int(cut))
		sha1x2.Write(a, b, p[:n], q[:m])
		sha1x2.Write(a, b, p[n:], q[m:])
		is(t, a, p)
		is(t, b, q)
	})
}

func BenchmarkTwoAtOnce(bench *testing.B) {
	a, b, p, q := sha1x2.New(), sha1x2.New(), make([]byte, 64<<10), make([]byte, 64<<10)
	bench.SetBytes(int64(len(p) + len(q)))
	bench.ReportAllocs()
	for bench.Loop() {
		sha1x2.Write(a, b, p, q)
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
