package api_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"p2p/cmd/p2p/api"
)

// TestMain makes this program a node when Attach starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "node" {
		os.Exit(beNode(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// beNode serves a fake node until SIGTERM.
func beNode(profile, how string) int {
	fmt.Println("process", os.Getpid())
	switch how {
	case "dies":
		fmt.Fprintln(os.Stderr, "p2p serve: the history is locked by a passphrase")
		return 17
	case "hangs up": // it has a socket before it knows that it cannot open
		s, err := api.Listen(api.Options{Profile: profile})
		if err != nil {
			return 11
		}
		time.Sleep(50 * time.Millisecond) // so that somebody is in its queue
		s.Close()
		time.Sleep(50 * time.Millisecond)
		fmt.Fprintln(os.Stderr, "p2p serve: it cannot be opened")
		return 17
	case "is late": // somebody has started one by hand
		fmt.Fprintln(os.Stderr, api.ErrRunning)
		return 11
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := api.Listen(api.Options{Profile: profile})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 11
	}
	if err := errors.Join(s.Serve(ctx, newFake()), s.Close()); err != nil {
		return 1
	}
	return 0
}

func node(profile, how string) []string { return []string{os.Args[0], "node", profile, how} }

// processes returns the ids that nodes of a profile wrote into their log, and ends them with the test.
func processes(t *testing.T, profile string) []int {
	t.Helper()
	b, err := os.ReadFile(api.LogPath(profile))
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for line := range strings.Lines(string(b)) {
		var id int
		if n, _ := fmt.Sscanf(line, "process %d", &id); n == 1 {
			ids = append(ids, id)
		}
	}
	return ids
}

func endNodes(t *testing.T, profile string) {
	t.Cleanup(func() {
		for _, id := range processes(t, profile) {
			if p, err := os.FindProcess(id); err == nil {
				p.Kill() // an error means that it has ended
			}
		}
	})
}

func TestTheFirstWhoNeedsTheNodeStartsItAndOthersFindIt(t *testing.T) {
	dir := filepath.Join(profile(t), "p")
	endNodes(t, dir)
	const many = 8
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			c, err := api.Attach(t.Context(), dir, node(dir, "well"), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if c.Node.Name != "alice" {
				t.Errorf("the node is %v", c.Node)
			}
			c.Close()
		})
	}
	wg.Wait()
	if ids := processes(t, dir); len(ids) != 1 {
		t.Errorf("%d programs have started the nodes %v", many, ids)
	}
}

func TestANodeThatIsStartedByHandMeanwhileIsAsked(t *testing.T) {
	dir := profile(t)
	byHand, err := api.Listen(api.Options{Profile: dir}) // it has the lock, and does not answer yet
	if err != nil {
		t.Fatal(err)
	}
	os.Rename(api.SocketPath(dir), api.SocketPath(dir)+"-later")
	attached := make(chan error, 1)
	go func() {
		c, err := api.Attach(t.Context(), dir, node(dir, "is late"), nil)
		if err == nil {
			c.Close()
		}
		attached <- err
	}()
	for { // until the one that is late has ended
		if b, _ := os.ReadFile(api.LogPath(dir)); strings.Contains(string(b), api.ErrRunning.Error()) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	os.Rename(api.SocketPath(dir)+"-later", api.SocketPath(dir))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(byHand.Serve(ctx, newFake()), byHand.Close()) }()
	if err := <-attached; err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestANodeThatDiesAtItsStartSaysWhy(t *testing.T) {
	dir := profile(t)
	_, err := api.Attach(t.Context(), dir, node(dir, "dies"), nil)
	e, ok := errors.AsType[*api.StartError](err)
	if !ok || e.Log != api.LogPath(dir) || !strings.Contains(e.Tail, "locked by a passphrase") || strings.Count(e.Tail, "\n") != 1 {
		t.Fatalf("%#v", err)
	}
	_, err = api.Attach(t.Context(), dir, node(dir, "dies"), nil)
	if e, ok := errors.AsType[*api.StartError](err); !ok || strings.Count(e.Tail, "locked") != 1 {
		t.Errorf("the second time it shows what the first one wrote: %v", err)
	}
	if _, err := api.Attach(t.Context(), dir, []string{filepath.Join(dir, "missing")}, nil); err == nil || errors.As(err, &e) {
		t.Errorf("no such program: %v", err)
	}
}

func TestANodeThatHangsUpIsGivenTimeToSayWhy(t *testing.T) {
	dir := profile(t)
	_, err := api.Attach(t.Context(), dir, node(dir, "hangs up"), nil)
	if e, ok := errors.AsType[*api.StartError](err); !ok || !strings.HasSuffix(e.Tail, "it cannot be opened") {
		t.Errorf("%#v", err)
	}
}

func TestTheLogOfNodesDoesNotGrowForEver(t *testing.T) {
	dir := profile(t)
	if err := os.WriteFile(api.LogPath(dir), make([]byte, 5<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Attach(t.Context(), dir, node(dir, "dies"), nil); err == nil {
		t.Fatal("it lives")
	}
	if info, err := os.Stat(api.LogPath(dir)); err != nil || info.Size() > 1000 {
		t.Errorf("the log has %d bytes (%v)", info.Size(), err)
	}
}

func TestANodeThatWasKilledIsStartedAgain(t *testing.T) {
	dir := profile(t)
	endNodes(t, dir)
	for n := 1; n <= 2; n++ {
		c, err := api.Attach(t.Context(), dir, node(dir, "well"), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		ids := processes(t, dir)
		if len(ids) != n {
			t.Fatalf("nodes %v; want %d", ids, n)
		}
		p, err := os.FindProcess(ids[n-1])
		if err != nil {
			t.Fatal(err)
		}
		p.Kill()
		for { // until the system has given its lock up
			if _, err := api.Dial(t.Context(), dir); errors.Is(err, api.ErrNoNode) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}
