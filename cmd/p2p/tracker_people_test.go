package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
	"p2p/peer/directory"
	"p2p/peer/identity"
)

// newcomer is somebody without a name, at the directory of a tracker.
type newcomer struct {
	*directory.Client
	account identity.Secret
	cert    identity.Certificate
}

func comes(t *testing.T, url string) newcomer {
	t.Helper()
	account, err := identity.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	device, err := identity.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := identity.Certify(account, device.Key(), "device", time.Now(), false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := directory.New(directory.Options{URL: url, Device: device})
	if err != nil {
		t.Fatal(err)
	}
	return newcomer{c, account, cert}
}

func (n newcomer) register(t *testing.T, name string) error {
	return n.Register(t.Context(), name, []byte("correct horse"), n.account, nil, n.cert)
}

// attend attends until the test ends, and sends what it is told.
func (n newcomer) attend(t *testing.T) <-chan directory.Event {
	t.Helper()
	events := make(chan directory.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- n.Attend(ctx, directory.Attendance{Certificate: n.cert, Tell: func(e directory.Event) { events <- e }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return events
}

// until waits for an event.
func until(t *testing.T, events <-chan directory.Event, what string, is func(directory.Event) bool) {
	t.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case e := <-events:
			if is(e) {
				return
			}
		case <-limit:
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}

func connected(e directory.Event) bool { _, ok := e.(directory.Connected); return ok }

func TestATrackerServesPeopleAndKeepsTheirNames(t *testing.T) {
	data := filepath.Join(trackerFolder(t), "data")
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--data", data})
	started := strings.Fields(p.out.until(t, "people"))
	url, home := started[1], started[len(started)-1]
	alice, bob := comes(t, home), comes(t, url)
	if err := alice.register(t, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := bob.register(t, "Bob"); err != nil {
		t.Fatal(err)
	}
	alice.Friends([]identity.Key{bob.account.Key()})
	bob.Friends([]identity.Key{alice.account.Key()})
	bob.Set(directory.Presence{Port: 7001})
	toAlice := alice.attend(t)
	until(t, toAlice, "a session", connected)
	toBob := bob.attend(t)
	until(t, toBob, "a session", connected)
	until(t, toAlice, "bob and where he is", func(e directory.Event) bool {
		seen, ok := e.(directory.Seen)
		return ok && len(seen.Devices) == 1 && len(seen.Devices[0].Addrs) == 1 && seen.Devices[0].Addrs[0] == netip.MustParseAddrPort("127.0.0.1:7001")
	})
	if online, err := alice.Send(t.Context(), bob.account.Key(), []byte("sealed")); err != nil || !online {
		t.Errorf("alice sends: %v, %v", online, err)
	}
	until(t, toBob, "a letter", func(e directory.Event) bool { _, ok := e.(directory.Mail); return ok })
	// Those who wait for events do not hold the end up, and hear of it.
	if code := p.interrupt(); code != exitDone {
		t.Fatalf("the tracker exits with %d", code)
	}
	until(t, toAlice, "the end", func(e directory.Event) bool { _, ok := e.(directory.Lost); return ok })

	p = start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--data", data})
	url = strings.Fields(p.out.until(t, "statistics"))[1]
	_, key, _ := strings.Cut(home, "#")
	carol := comes(t, url+"#"+key) // which is the same
	if found, err := carol.Find(t.Context(), "BOB"); err != nil || found.Account != bob.account.Key() || found.Name != "Bob" {
		t.Errorf("after a restart Bob is %+v, %v", found, err)
	}
	if err := carol.register(t, "bob"); !errors.Is(err, directory.ErrTaken) {
		t.Errorf("his name is taken again: %v", err)
	}
}

func TestATrackerNeedNotServePeople(t *testing.T) {
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "--no-people"})
	url := strings.Fields(p.out.until(t, "statistics"))[1]
	if _, err := comes(t, url).Find(t.Context(), "alice"); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("somebody is looked for: %v", err)
	}
}

// What is behind the "#" is known when the nodes have found each other, which is after the first line.
func TestATrackerOfAClusterSaysWhereItsPeopleAreAsSoonAsItKnows(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: two nodes find each other and elect one")
	}
	nodes := []string{drive.Addr(t), drive.Addr(t)}
	var started []*process
	for i, node := range nodes {
		started = append(started, start(t, []string{
			"tracker", "-j", "--listen", "127.0.0.1:0", "--cluster-listen", node, "--join", nodes[1-i], "--data", filepath.Join(trackerFolder(t), "data"),
		}))
	}
	var keys []string
	for _, p := range started {
		all := objects(t, p.out.until(t, `"kind":"people"`))
		if url := all[0]["people"]; url != nil {
			t.Errorf("the first line says %v", url)
		}
		detail, _ := all[len(all)-1]["detail"].(map[string]any)
		url, _ := detail["url"].(string)
		if !strings.HasPrefix(url, "http://"+all[0]["listen"].(string)+"#") {
			t.Fatalf("it says %v", all)
		}
		keys = append(keys, url[strings.Index(url, "#"):])
	}
	if keys[0] != keys[1] {
		t.Errorf("one service has the keys %q", keys)
	}
}
