package directory_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/cluster"
	"p2p/tracker/directory"
	"p2p/tracker/dirwire"
	"p2p/tracker/memory"
)

// eventually waits until a condition holds; no test measures with it.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}

// The same directory at three nodes over NATS: one has a name, all know it, friends see each other, letters
// arrive, and a fourth node that joins knows who is there.
func TestThreeTrackersAreOneDirectory(t *testing.T) {
	t.Parallel()
	if strconv.IntSize < 64 {
		t.Skip("the NATS server inside needs 64 bits")
	}
	var join []string
	node := func(i int) *directory.Directory {
		n, err := cluster.Start(cluster.Options{
			Listen: "127.0.0.1:0", Join: join, Dir: t.TempDir(), Label: fmt.Sprint("node-", i), Local: memory.New(memory.Options{}),
			Secret: []byte("a secret of the tests that is long enough"),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		join = append(join, n.Addr().String())
		d := run(t, directory.Options{Ledger: n.Ledger(), Broadcast: n.Broadcast("people")})
		if i == 2 {
			eventually(t, "the nodes are ready", func() bool { return n.Ready() == nil && len(n.Nodes()) == 2 })
		}
		return d
	}
	nodes := []*directory.Directory{node(0), node(1), node(2)}
	alice, bob := client(t, nodes[0]), client(t, nodes[1])
	for _, c := range []struct {
		r    *raw
		name string
		code dirwire.Code
	}{{alice, "alice", ""}, {bob, "ALICE", dirwire.CodeTaken}, {bob, "bob", ""}} {
		_, _, code := c.r.proves(c.r.account, dirwire.MethodRegister, c.r.registration(c.name))
		want(t, c.name, code, c.code)
	}
	alice.open()
	bob.open()
	befriend := func(r, other *raw) {
		list := []identity.Key{other.account.Key()}
		if _, code := r.says(dirwire.MethodAttend, dirwire.Attend{Friends: &list}); code != "" {
			t.Fatal(code)
		}
	}
	befriend(alice, bob)
	befriend(bob, alice)
	sees := func(r *raw, other *raw) bool {
		for _, f := range r.events(0).Friends {
			if f.Person == other.account.Key() && len(f.Devices) == 1 {
				return true
			}
		}
		return false
	}
	eventually(t, "alice sees bob", func() bool { return sees(alice, bob) })
	eventually(t, "bob sees alice", func() bool { return sees(bob, alice) })
	if _, code := alice.says(dirwire.MethodSend, alice.letter(bob.account.Key(), "hello")); code != "" {
		t.Fatal(code)
	}
	eventually(t, "a letter arrives", func() bool { return len(bob.events(0).Letters) == 1 })
	late := node(3)
	eventually(t, "a node that joins knows who is there", func() bool { return late.Figures().People == 2 })
	if _, code := bob.says(dirwire.MethodGoodbye, dirwire.Empty{}); code != "" {
		t.Fatal(code)
	}
	for i, d := range append(nodes, late) {
		eventually(t, fmt.Sprint("node ", i, " knows that bob has left"), func() bool { return d.Figures().People == 1 })
	}
}
