//go:build unix

package robust

import (
	"syscall"
	"testing"
	"time"
)

// missed is how long somebody who is cut off may still be shown as there: 15 s, and what a machine that has a lot to do
// needs to show it.
const missed = 25 * time.Second

// TestWhoSleepsIsMissedAndComesBack stops a node as a laptop does that is closed. What is said to it arrives when it wakes up.
func TestWhoSleepsIsMissedAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	alice, bob := newPair(t)
	bob.node.Signal(syscall.SIGSTOP)
	began := time.Now()
	alice.says("bob", "are you there?")
	alice.sees("bob", offline)
	if took := time.Since(began); took > missed {
		t.Errorf("she sees after %v that he is gone", took)
	}
	bob.node.Signal(syscall.SIGCONT)
	alice.sees("bob", online)
	bob.sees("alice", online)
	bob.hears("alice", "are you there?")
}

func TestWhoStopsIsMissedAtOnce(t *testing.T) {
	t.Parallel()
	alice, bob := newPair(t)
	bob.stop() // may take its time, as what it has to write does
	began := time.Now()
	alice.sees("bob", offline)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("she sees after %v that he is gone: he has said nothing", took)
	}
	bob.start()
	alice.sees("bob", online)
}
