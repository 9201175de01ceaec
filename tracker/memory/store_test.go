package memory_test

import (
	"testing"

	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) tracker.Store { return memory.New(memory.Options{Seed: 1}) })
}
