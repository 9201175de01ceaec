package directory_test

import (
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
)

// A laptop that is opened again does not wait for the minute that was drawn while it had no network.
func TestWhoIsOnAnotherNetworkDoesNotWaitForTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice := s.befriended(t, "alice", "bob")[0]
		node := s.node
		s.set(nil)
		time.Sleep(10 * time.Minute)
		lost, _ := last[client.Lost](alice)
		time.Sleep(time.Until(lost.NextTry))
		synctest.Wait()
		lost, ok := last[client.Lost](alice)
		if wait := time.Until(lost.NextTry); !ok || wait < 5*time.Second {
			t.Fatalf("the test shows nothing: the next try is in %v", wait)
		}
		alice.Retry() // and is still not reached
		synctest.Wait()
		if lost, ok = last[client.Lost](alice); !ok || time.Until(lost.NextTry) > 2*time.Second {
			t.Errorf("after a first failure on another network: %+v, %v", lost, ok)
		}
		time.Sleep(10 * time.Minute)
		alice.told()
		s.set(node)
		alice.Retry()
		synctest.Wait()
		if _, ok := last[client.Connected](alice); !ok {
			t.Error("it was not tried at once")
		}
	})
}
