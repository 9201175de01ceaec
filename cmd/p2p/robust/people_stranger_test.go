//go:build unix

package robust

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
	"p2p/peer/secure"
	"p2p/peer/wire"
	"p2p/torrentfile/infohash"
)

// swarmOf returns the info-hash of the room in which a person talks to another: what their tracker knows of it.
func (p *person) swarmOf(name string) infohash.T {
	p.t.Helper()
	c := ask(p.t, p.ListConversations, &p2pv1.ListConversationsRequest{Where: name}).Conversations[0]
	id, err := hex.DecodeString(c.Id)
	if err != nil {
		p.t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte("p2p room swarm 1\x00"), id...))
	return infohash.T(sum[:infohash.Size])
}

// intrude connects to a node as a device that belongs to nobody, and asks to be let into a swarm. It returns all that the node has to
// say until it hangs up. Any goroutine may call it.
func intrude(t *testing.T, at string, swarm infohash.T) ([]byte, error) {
	secret, err := identity.NewSecret(rand.Reader)
	if err != nil {
		return nil, err
	}
	device, err := secure.NewDevice(secret)
	if err != nil {
		return nil, err
	}
	plain, err := net.Dial("tcp", at)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	conn, err := device.Call(t.Context(), plain, func(identity.Key) bool { return true })
	if err != nil {
		return nil, err
	}
	return knockOn(conn, swarm)
}

// knockOn greets whoever is at the other end of conn, as a peer that speaks everything, and listens until he hangs up.
func knockOn(conn net.Conn, swarm infohash.T) ([]byte, error) {
	h := wire.Handshake{Reserved: wire.Reserved(), InfoHash: swarm}
	rand.Read(h.PeerID[:])
	hello := wire.AppendExtHandshake(nil, wire.ExtHandshake{M: map[string]uint8{"p2_chat": 1, "p2_pres": 2, "p2_file": 3, "p2_knock": 4}})
	b := h.Append(nil)
	b = wire.Append(b, wire.Message{ID: wire.Extended, ExtID: wire.ExtHandshakeID, Payload: hello})
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

// TestAStrangerIsToldNothingAndSentAway knows the info-hash of a conversation, which any tracker does, and has a key, which anybody
// does.
func TestAStrangerIsToldNothingAndSentAway(t *testing.T) {
	t.Parallel()
	alice, bob := newPair(t)
	alice.says("bob", "for bob alone")
	bob.hears("alice", "for bob alone")
	swarm := alice.swarmOf("bob")
	heard, err := intrude(t, alice.at, swarm)
	if err != nil && isTimeout(err) {
		t.Errorf("a stranger is not sent away: %v", err)
	}
	for _, secret := range []string{"alice", "bob"} {
		if bytes.Contains(heard, []byte(secret)) {
			t.Errorf("a stranger is told %q", heard)
		}
	}
	plain, err := net.Dial("tcp", alice.at)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if heard, err := knockOn(plain, swarm); len(heard) > 0 || isTimeout(err) {
		t.Errorf("who has no key is told %q, %v", heard, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// TestACrowdOfStrangersKeepsNobodyOut has more strangers at the door than it lets in at once, who come back whenever they are sent
// away.
func TestACrowdOfStrangersKeepsNobodyOut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	alice, bob := newPair(t)
	swarm := alice.swarmOf("bob")
	bob.kill()
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for range 100 {
		crowd.Go(func() {
			for {
				intrude(t, alice.at, swarm) // whatever becomes of it
				select {
				case <-stop:
					return
				case <-time.After(500 * time.Millisecond):
				}
			}
		})
	}
	alice.says("bob", "mind the crowd")
	bob.start()
	bob.hears("alice", "mind the crowd")
	bob.says("alice", "I came through")
	alice.hears("bob", "I came through")
	close(stop)
	alice.kill() // the crowd goes home
	crowd.Wait()
}
