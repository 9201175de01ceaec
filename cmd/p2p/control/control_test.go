package control_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/zap"

	"p2p/cmd/p2p/control"
	"p2p/tracker/ledger"
	"p2p/tracker/policy"
)

// folder returns a short path: that of a socket has a hundred bytes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve runs a server over t and returns a client of it.
func serve(t *testing.T, tracker control.Tracker) (*control.Client, string) {
	t.Helper()
	path := filepath.Join(folder(t), "control.sock")
	s, err := control.Listen(path, tracker, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, s, path), path
}

// answer has s answer until the test ends, and returns a client of it.
func answer(t *testing.T, s *control.Server, path string) *control.Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Error("the socket is left behind")
		}
	})
	return control.NewClient(path)
}

func rules(t *testing.T) control.Tracker {
	t.Helper()
	l := new(ledger.Memory)
	bucket := func(name string) ledger.Bucket {
		b, err := l.Bucket(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return control.Tracker{
		Keys:     policy.NewPrivate(policy.PrivateOptions{Keys: bucket(policy.KeysBucket), Usage: bucket(policy.UsageBucket)}),
		Bans:     policy.NewBans(policy.BansOptions{Bucket: bucket(policy.BansBucket)}),
		Reload:   func() []control.Reloaded { return []control.Reloaded{{What: "allow", File: "a.txt", Entries: 3}} },
		Announce: func(key string) []string { return []string{"udp://t.test/" + key + "/announce"} },
	}
}

func TestKeysAreAddedListedAndRevoked(t *testing.T) {
	c, _ := serve(t, rules(t))
	ctx := t.Context()
	made, err := c.AddKey(ctx, control.NewKey{Name: "alice", Limits: policy.KeyLimits{Torrents: 5}})
	if err != nil || len(made.Passkey) != 32 || made.Announce[0] != "udp://t.test/"+made.Passkey+"/announce" {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := c.AddKey(ctx, control.NewKey{Name: "alice"}); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("again: %v", err)
	}
	if _, err := c.AddKey(ctx, control.NewKey{Name: "a/b"}); !errors.Is(err, policy.ErrName) {
		t.Errorf("a bad name: %v", err)
	}
	keys, err := c.Keys(ctx)
	if err != nil || len(keys) != 1 || keys[0].Name != "alice" || keys[0].Limits.Torrents != 5 || keys[0].Created.IsZero() {
		t.Errorf("keys are %+v, %v", keys, err)
	}
	for _, name := range []string{"a/../alice", "bob"} {
		if err := c.RevokeKey(ctx, name); err == nil {
			t.Errorf("%s is revoked", name)
		}
	}
	if err := c.RevokeKey(ctx, "alice"); err != nil {
		t.Error(err)
	}
	if keys, err := c.Keys(ctx); err != nil || len(keys) != 0 {
		t.Errorf("keys are %+v, %v", keys, err)
	}
}

func TestBansAreAddedListedAndLifted(t *testing.T) {
	c, _ := serve(t, rules(t))
	ctx := t.Context()
	for _, target := range []string{"192.0.2.0/24", "2001:db8::1"} {
		if err := c.AddBan(ctx, control.Ban{Target: target, Reason: "spam & ham"}); err != nil {
			t.Error(err)
		}
	}
	if err := c.AddBan(ctx, control.Ban{Target: "0.0.0.0/0"}); err == nil || !strings.Contains(err.Error(), "too wide") {
		t.Errorf("the internet is banned: %v", err)
	}
	bans, err := c.Bans(ctx)
	if err != nil || len(bans) != 2 || bans[0].Target != "192.0.2.0/24" || bans[0].Reason != "spam & ham" {
		t.Errorf("bans are %+v, %v", bans, err)
	}
	if err := c.RemoveBan(ctx, "2001:db8::1"); err != nil {
		t.Error(err)
	}
	if err := c.RemoveBan(ctx, "2001:db8::1"); !errors.Is(err, ledger.ErrMissing) {
		t.Errorf("lifted again: %v", err)
	}
}

func TestATrackerWithoutKeysSaysSo(t *testing.T) {
	tracker := rules(t)
	tracker.Keys = nil
	c, _ := serve(t, tracker)
	if _, err := c.Keys(t.Context()); !errors.Is(err, control.ErrNoKeys) {
		t.Error(err)
	}
	if _, err := c.AddKey(t.Context(), control.NewKey{Name: "x"}); !errors.Is(err, control.ErrNoKeys) {
		t.Error(err)
	}
	if files, err := c.Reload(t.Context()); err != nil || len(files) != 1 || files[0].Entries != 3 {
		t.Errorf("reload: %+v, %v", files, err)
	}
}

func TestOnlyTheOwnUserCanOpenTheSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	_, path := serve(t, rules(t))
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the socket there are %v, %v", left, err)
	}
}

func TestALivingTrackerKeepsItsSocketAndADeadOneDoesNot(t *testing.T) {
	_, path := serve(t, rules(t))
	if _, err := control.Listen(path, rules(t), zap.NewNop()); !errors.Is(err, control.ErrTaken) {
		t.Errorf("a second tracker: %v", err)
	}
	dead := filepath.Join(folder(t), "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := control.NewClient(dead).Bans(t.Context()); !errors.Is(err, control.ErrNoAnswer) {
		t.Errorf("nobody answers: %v", err)
	}
	s, err := control.Listen(dead, rules(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx); err != nil {
		t.Error(err)
	}
}

func TestLimitsOfATransferAreChangedAndBadOnesRefused(t *testing.T) {
	path := filepath.Join(folder(t), "transfer.sock")
	state := control.Transfer{Command: "seed", Name: "film", UpLimit: 5}
	s, err := control.ListenTransfer(path, control.Transferring{
		About: func() control.Transfer { return state },
		Limit: func(l control.Limits) { state.UpLimit = *l.Up },
	}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	c := answer(t, s, path)
	if got, err := c.Transfer(t.Context()); err != nil || got != state {
		t.Errorf("%+v, %v", got, err)
	}
	bad, good := int64(-1), int64(7)
	if _, err := c.Limit(t.Context(), control.Limits{Up: &bad}); !errors.Is(err, control.ErrLimit) {
		t.Errorf("less than nothing: %v", err)
	}
	if got, err := c.Limit(t.Context(), control.Limits{Up: &good}); err != nil || got.UpLimit != 7 || state.UpLimit != 7 {
		t.Errorf("%+v, %v", got, err)
	}
}
