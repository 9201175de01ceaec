package cluster

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// Broadcast carries messages of one kind between the nodes of a cluster, for what a package has to
// tell beside the registry. Messages are lost while NATS is not there, or when a receiver cannot follow: who sends
// them numbers them. All methods may be called by any goroutine.
type Broadcast struct {
	node    *Node
	subject string
}

// Broadcast returns the one of that name, lower-case letters.
func (n *Node) Broadcast(name string) *Broadcast {
	return &Broadcast{n, n.subject + "." + name}
}

// Publish sends a message, of at most half a megabyte, to all other nodes; a node alone sends none. It does not wait,
// and keeps nothing of it.
func (b *Broadcast) Publish(message []byte) error {
	if !b.node.opts.shared() {
		return nil
	}
	if err := b.node.nc.Publish(b.subject, message); err != nil {
		return fmt.Errorf("tell the other nodes: %w", err)
	}
	b.node.counters.BytesOut.Add(uint64(len(message)))
	return nil
}

// Subscribe calls tell for what other nodes publish until stop is called: for one message after the other, those
// of one node in its order. Tell must not keep the message.
func (b *Broadcast) Subscribe(tell func(message []byte)) (stop func(), err error) {
	if !b.node.opts.shared() {
		return func() {}, nil
	}
	s, err := b.node.nc.Subscribe(b.subject, func(m *nats.Msg) {
		b.node.counters.BytesIn.Add(uint64(len(m.Data)))
		tell(m.Data)
	})
	if err == nil {
		err = s.SetPendingLimits(-1, maxUnread)
	}
	if err != nil {
		return nil, fmt.Errorf("listen to the other nodes: %w", err)
	}
	return func() { _ = s.Unsubscribe() }, nil // fails when the connection is closed, which ends it too
}
