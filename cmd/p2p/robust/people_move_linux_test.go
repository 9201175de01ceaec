package robust

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// machine is one of several on a network of their own, as far as the network goes. It has one cable.
type machine struct {
	t    *testing.T
	name string
	addr string // with the length of the prefix
}

// hub makes the machine that the test runs on, which ownNetwork has given it, the middle of a network: all others are plugged
// in there.
func hub(t *testing.T, addr string) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip, of iproute2")
	}
	// What ip remembers of machines goes away with the test's mounts.
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ip", "link", "add", "hub", "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("needs bridges: %v: %s", err, out)
	}
	run(t, "ip", "addr", "add", addr, "dev", "hub")
	run(t, "ip", "link", "set", "hub", "up")
}

// plugIn adds a machine.
func plugIn(t *testing.T, name, addr string) *machine {
	t.Helper()
	m := &machine{t: t, name: name, addr: addr}
	run(t, "ip", "netns", "add", name)
	run(t, "ip", "link", "add", name, "type", "veth", "peer", "name", "cable", "netns", name)
	run(t, "ip", "link", "set", name, "master", "hub", "up")
	m.ip("addr", "add", addr, "dev", "cable")
	for _, dev := range []string{"lo", "cable"} {
		m.ip("link", "set", dev, "up")
	}
	return m
}

// ip changes the network of m.
func (m *machine) ip(args ...string) {
	m.t.Helper()
	run(m.t, "ip", append([]string{"-n", m.name}, args...)...)
}

// moves gives m another address in place of the one that it has.
func (m *machine) moves(addr string) {
	m.t.Helper()
	m.ip("addr", "del", m.addr, "dev", "cable")
	m.ip("addr", "add", addr, "dev", "cable")
	m.addr = addr
}

// run runs a program that must not fail.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// on has do start processes on m.
func (m *machine) on(do func()) {
	m.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	enter := func(path string) (leave func()) {
		f, err := os.Open(path)
		if err != nil {
			m.t.Fatal(err)
		}
		return func() {
			defer f.Close()
			if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
				panic(err) // the thread is lost
			}
		}
	}
	back := enter("/proc/thread-self/ns/net")
	defer back()
	enter(filepath.Join("/run/netns", m.name))()
	do()
}

// person starts the node of a new profile on m.
func (m *machine) person(flags ...string) (p *person) {
	m.t.Helper()
	m.on(func() { p = newPerson(m.t, m.name, append(flags, "--listen", "0.0.0.0:6881")...) })
	return p
}

// TestWhoMovesToAnotherAddressGoesOnTalking gives one machine after the other a new address, while both people write all the
// time and a file is on its way. Nobody says so to the nodes.
func TestWhoMovesToAnotherAddressGoesOnTalking(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	if !ownNetwork(t) {
		return
	}
	hub(t, "10.9.0.1/16")
	homes := []*machine{plugIn(t, "alice", "10.9.1.1/16"), plugIn(t, "bob", "10.9.2.1/16")}
	moves := []struct {
		who *machine
		to  string
	}{{homes[0], "10.9.1.2/16"}, {homes[1], "10.9.2.2/16"}, {homes[0], "10.9.1.3/16"}}
	tracker := startTracker(t, "10.9.0.1:6969").Started(soon)
	alice := homes[0].person("--tracker", tracker.Announce[0], "--up-limit", "2M")
	bob := homes[1].person("--tracker", tracker.Announce[0])
	befriend(t, alice, bob)

	var over atomic.Bool
	var group sync.WaitGroup
	defer group.Wait()
	defer over.Store(true)
	writers := []*writer{{from: alice, to: "bob"}, {from: bob, to: "alice"}}
	for _, w := range writers {
		group.Go(func() {
			for !over.Load() && w.once(t) == nil {
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	for i, m := range moves {
		message, path := alice.offers(bob, 16*mib+i) // another file each time
		ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: message})
		bob.flows(message, mib)
		m.who.moves(m.to)
		began := time.Now()
		after := fmt.Sprint("after move ", i)
		alice.says("bob", after+" of alice")
		bob.says("alice", after+" of bob")
		alice.hears("bob", after+" of bob")
		bob.hears("alice", after+" of alice")
		t.Logf("%s has moved: they hear each other after %v", m.who.name, time.Since(began))
		drive.SameTree(t, path, bob.transferred(message))
		t.Logf("the file is there after %v", time.Since(began))
	}
	over.Store(true)
	group.Wait()
	agree(t, alice, bob)
	for _, w := range writers {
		w.wantsAll(t, "was confirmed", w.confirmed)
		all := texts(w.from.messages(w.to))
		if slices.Sort(all); len(slices.Compact(slices.Clone(all))) != len(all) {
			t.Errorf("%s has messages twice: %q", w.from.name, all)
		}
		t.Logf("%s has written %d messages", w.from.name, w.tried)
	}
}
