package cluster

import (
	"testing"
	"time"

	"p2p/tracker/memory"

	"go.uber.org/zap"
)

// A hello from another goroutine than the one that numbers batches could count one
// that is not sent yet, and who hears that would throw it away when it comes.
func TestWhoIsMetIsGreetedByTheGoroutineThatSendsBatches(t *testing.T) {
	n := &Node{
		opts: Options{Log: zap.NewNop(), PeerTTL: time.Hour}, store: &Store{Store: memory.New(memory.Options{})},
		wake: make(chan struct{}, 1), met: make(chan struct{}, 1),
	}
	n.meet(header{kindHello, 7, 1, 0}, hello{}) // there is no connection to publish on
	if len(n.met) != 1 {
		t.Error("the goroutine that publishes is not told")
	}
	n.meet(header{kindHello, 7, 1, 0}, hello{})
	<-n.met
	n.meet(header{kindHello, 7, 1, 0}, hello{})
	if len(n.met) != 0 {
		t.Error("who is known is greeted again")
	}
}
