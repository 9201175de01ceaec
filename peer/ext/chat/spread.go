package chat

import (
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// verifyAtOnce is how many signatures one goroutine verifies: a tenth of a millisecond each.
const verifyAtOnce = 16

// onAllCores is the room.Every of a Talk: verifying is what takes longest when somebody catches up.
func onAllCores(n int, holds func(i int) bool) bool {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for from := verifyAtOnce; from < n; from += verifyAtOnce {
		group.Go(func() error { return all(from, min(from+verifyAtOnce, n), holds) })
	}
	return errors.Join(all(0, min(verifyAtOnce, n), holds), group.Wait()) == nil
}

// errNot says that something does not hold.
var errNot = errors.New("it does not hold")

func all(from, to int, holds func(i int) bool) error {
	for i := from; i < to; i++ {
		if !holds(i) {
			return errNot
		}
	}
	return nil
}
