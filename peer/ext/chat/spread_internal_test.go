package chat

import (
	"sync/atomic"
	"testing"
)

func TestOneOfManyThatDoesNotHoldIsFoundWhereverItIs(t *testing.T) {
	for _, n := range []int{0, 1, verifyAtOnce, verifyAtOnce + 1, 100} {
		for bad := range n + 1 {
			var seen atomic.Int32
			holds := onAllCores(n, func(i int) bool { seen.Add(1); return i != bad })
			if holds != (bad == n) || holds && int(seen.Load()) != n {
				t.Errorf("of %d, without number %d, %d were looked at: %v", n, bad, seen.Load(), holds)
			}
		}
	}
}
