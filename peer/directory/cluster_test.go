package directory_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
	"p2p/tracker/directory"
	"p2p/tracker/ledger"
)

// ether is a broadcast that several directories share, in memory.
type ether struct {
	mu   sync.Mutex
	ends []*end
	lose func() bool // whether the next message is lost; nil for never
}

// end is one directory's end of it.
type end struct {
	*ether
	inbox chan []byte
}

func (e *ether) join() *end {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := &end{e, make(chan []byte, 1000)}
	e.ends = append(e.ends, n)
	return n
}

// Publish implements directory.Broadcast.
func (n *end) Publish(b []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.ends {
		if other != n && (n.lose == nil || !n.lose()) {
			select {
			case other.inbox <- append([]byte(nil), b...):
			default:
			}
		}
	}
	return nil
}

// Subscribe implements directory.Broadcast.
func (n *end) Subscribe(tell func([]byte)) (func(), error) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case b := <-n.inbox:
				tell(b)
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-done }, nil
}

// cluster runs nodes on one ledger; the service is the first.
func cluster(t *testing.T, count int) (*service, []*directory.Directory) {
	t.Helper()
	l, e := new(ledger.Memory), new(ether)
	var nodes []*directory.Directory
	for range count {
		nodes = append(nodes, runNode(t, directory.Options{Ledger: l, Broadcast: e.join()}))
	}
	return newService(t, nodes[0]), nodes
}

// two are friends at two nodes.
func two(t *testing.T, a, b *service) (alice, bob *person) {
	t.Helper()
	alice, bob = a.registered(t, "alice"), b.registered(t, "bob")
	alice.Friends(keysOf(bob))
	bob.Friends(keysOf(alice))
	alice.attend()
	bob.attend()
	return alice, bob
}

func TestFriendsAtTwoNodesSeeEachOtherWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, nodes := cluster(t, 2)
		alice, bob := two(t, a, newService(t, nodes[1]))
		time.Sleep(time.Second)
		if seen := alice.sees()[bob.account.Key()]; len(seen.Devices) != 1 {
			t.Errorf("alice sees %+v", seen)
		}
		if seen := bob.sees()[alice.account.Key()]; len(seen.Devices) != 1 {
			t.Errorf("bob sees %+v", seen)
		}
		bob.Set(client.Presence{Away: true})
		time.Sleep(time.Second)
		if seen := alice.sees()[bob.account.Key()]; len(seen.Devices) != 1 || !seen.Devices[0].Away {
			t.Errorf("bob is away, and alice sees %+v", seen)
		}
		if online, err := alice.Send(t.Context(), bob.account.Key(), []byte("hello")); err != nil || !online {
			t.Errorf("alice sends: %v, %v", online, err)
		}
		time.Sleep(time.Second)
		if mail, ok := last[client.Mail](bob); !ok || string(mail.Sealed) != "hello" {
			t.Errorf("bob gets %+v, %v", mail, ok)
		}
		bob.stop()
		if err := bob.Goodbye(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if seen := alice.sees()[bob.account.Key()]; len(seen.Devices) != 0 || seen.LastSeen.IsZero() {
			t.Errorf("bob has left, and alice sees %+v", seen)
		}
	})
}

func TestANodeThatStartsLearnsWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := new(ledger.Memory), new(ether)
		first := newService(t, runNode(t, directory.Options{Ledger: l, Broadcast: e.join()}))
		all := first.befriended(t, "alice", "bob")
		time.Sleep(time.Minute)
		late := runNode(t, directory.Options{Ledger: l, Broadcast: e.join()})
		time.Sleep(2 * time.Second)
		if f := late.Figures(); f.People != 2 || f.Sessions != 0 {
			t.Fatalf("it knows %+v", f)
		}
		carol := newService(t, late).registered(t, "carol")
		carol.Friends(keysOf(all...))
		all[0].Friends(keysOf(all[1], carol))
		carol.attend()
		time.Sleep(time.Second)
		if seen := carol.sees()[all[0].account.Key()]; len(seen.Devices) != 1 {
			t.Errorf("carol sees %+v", seen)
		}
	})
}

func TestHallsAreEqualThoughMessagesAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := new(ledger.Memory), new(ether)
		a, b := runNode(t, directory.Options{Ledger: l, Broadcast: e.join()}), runNode(t, directory.Options{Ledger: l, Broadcast: e.join()})
		time.Sleep(2 * time.Second)
		var count int
		e.mu.Lock()
		e.lose = func() bool { count++; return count%3 != 0 }
		e.mu.Unlock()
		all := newService(t, a).befriended(t, "alice", "bob", "carol", "dave")
		time.Sleep(time.Second)
		all[0].stop()
		if err := all[0].Goodbye(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		e.mu.Lock()
		e.lose = nil
		e.mu.Unlock()
		time.Sleep(3 * time.Second)
		if fa, fb := a.Figures(), b.Figures(); fa.People != 3 || fb.People != 3 {
			t.Errorf("%+v and %+v", fa, fb)
		}
	})
}

func TestPeopleOfANodeThatCrashesGoUnlessTheyComeBackElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := new(ledger.Memory), new(ether)
		a := runNode(t, directory.Options{Ledger: l, Broadcast: e.join()})
		dying := e.join()
		b := newService(t, runNode(t, directory.Options{Ledger: l, Broadcast: dying}))
		alice, bob := two(t, newService(t, a), b)
		time.Sleep(time.Second)
		alice.told()
		b.set(nil) // nobody reaches it, and it says nothing more
		e.mu.Lock()
		e.lose = func() bool { return true }
		e.mu.Unlock()
		bob.stop()
		time.Sleep(15 * time.Second)
		if seen, told := alice.sees()[bob.account.Key()]; !told || len(seen.Devices) != 0 {
			t.Errorf("alice sees %+v, %v", seen, told)
		}
		b.set(a)
		bob.attend()
		time.Sleep(time.Second)
		if seen := alice.sees()[bob.account.Key()]; len(seen.Devices) != 1 {
			t.Errorf("bob came back at the other node, and alice sees %+v", seen)
		}
	})
}

// Two who want one name at the same moment, at two nodes: one gets it.
func TestOneOfManyGetsAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, nodes := cluster(t, 2)
		var group sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 16 {
			p := newService(t, nodes[i%2]).stranger(t, "alice")
			group.Go(func() {
				if p.Register(t.Context(), "alice", password, p.account, nil, p.cert) == nil {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if won != 1 {
			t.Errorf("%d have the name", won)
		}
	})
}
