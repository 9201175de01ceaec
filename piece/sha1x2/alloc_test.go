//go:build !race

package sha1x2_test

import (
	"testing"

	"p2p/piece/sha1x2"
)

func TestWritingAllocatesNothing(t *testing.T) {
	a, b, p := sha1x2.New(), sha1x2.New(), make([]byte, 4096)
	if n := testing.AllocsPerRun(100, func() {
		sha1x2.Write(a, b, p, p)
		a.Sum()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
