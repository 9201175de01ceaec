package ext_test

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
)

// echo is a whole extension: it sends back what it hears, at most ten times to
// each peer.
type echo struct{}

func (echo) Name() string                               { return "p2_echo" }
func (echo) Open(ext.Torrent) ext.Instance              { return echo{} }
func (echo) Attach(_ time.Time, p ext.Peer) ext.Handler { return &echoing{peer: p, left: 10} }

type echoing struct {
	peer ext.Peer
	left int
}

func (e *echoing) Handle(_ time.Time, payload []byte) error {
	if e.left == 0 {
		return errors.New("more than ten messages")
	}
	e.left--
	e.peer.Send(ext.Chat, bytes.ToUpper(payload))
	return nil
}

func (e *echoing) Detach() {}

func Example() {
	peer := &exttest.Peer{}
	h := echo{}.Open(ext.Torrent{}).Attach(time.Now(), peer)
	if err := h.Handle(time.Now(), []byte("hello")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(peer.Take())
	// Output: [HELLO]
}
