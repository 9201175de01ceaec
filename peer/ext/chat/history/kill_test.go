package history_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// killedEnv makes the test program the one that is killed: it writes messages into
// the archive of that path, and says which ones it would show as sent.
const killedEnv = "P2P_TEST_HISTORY_KILLED"

func TestMain(m *testing.M) {
	for name, work := range map[string]func(path string) error{killedEnv: writeUntilKilled, convertedEnv: convertUntilKilled} {
		path := os.Getenv(name)
		if path == "" {
			continue
		}
		if err := work(path); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// killedDevice is whose messages they are.
func killedDevice(passphrase bool) (account, device identity.Secret, o history.Options) {
	rng := seeded(99)
	b := make([]byte, 2*identity.SeedSize)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	account, _ = identity.SecretOf(b[:identity.SeedSize])
	device, _ = identity.SecretOf(b[identity.SeedSize:])
	o = history.Options{Account: account.Key(), Device: device.Key(), Read: read}
	if passphrase {
		o.Passphrase = []byte("known")
	}
	return account, device, o
}

func writeUntilKilled(path string) error {
	account, device, o := killedDevice(strings.HasSuffix(path, "sealed"))
	a, err := history.Open(path, o)
	if err != nil {
		return err
	}
	c, err := identity.Certify(account, device.Key(), "test", time.Unix(1_700_000_000, 0), false)
	if err != nil {
		return err
	}
	birth := room.Birth{Certificate: c, Options: room.Options{Name: "killed", Limit: 9, History: -1}}
	e, body, err := room.Found(device, birth, 1)
	if err != nil {
		return err
	}
	log, err := a.Room(ctx, e.ID)
	if err != nil {
		return err
	}
	out, err := log.Room.Receive(e, body, 0) // it is there but for the first time
	if err == nil {
		err = log.Commit(out)
	}
	for i := 0; err == nil; i++ {
		text := fmt.Sprintf("message%d %s", log.Room.Mark(device.Key()).Seq, strings.Repeat("x", i%700))
		if i%16 == 0 {
			err = a.SaveDraft("draft", text)
			fmt.Println("draft", hex.EncodeToString([]byte(text)))
		}
		var e room.Event
		if err == nil {
			e, out, err = log.Room.Write(device, said, []byte(text), uint64(i))
		}
		if err == nil {
			err = log.Commit(out)
		}
		if err == nil {
			fmt.Println("sent", hex.EncodeToString(e.ID[:]))
		}
	}
	return err
}

// TestNothingThatWasShownAsSentIsLostToKill9 kills a program that writes, again and again.
func TestNothingThatWasShownAsSentIsLostToKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a program 16 times; in short the race detector looks on, to which who is killed tells nothing")
	}
	for _, name := range []string{"plain", "sealed"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			rounds, seed := 8, uint64(time.Now().UnixNano())
			rng := rand.New(rand.NewPCG(seed, 1))
			sent := map[room.ID]bool{}
			draft := ""
			for range rounds {
				draft = killOnce(t, path, rng, sent, draft)
			}
			if len(sent) < 10*rounds {
				t.Errorf("only %d were sent", len(sent))
			}
			checkKilled(t, path, sent, draft)
			t.Logf("seed %d: %d messages", seed, len(sent))
		})
	}
}

// killOnce starts the program and kills it after some messages, or some time later.
func killOnce(t *testing.T, path string, rng *rand.Rand, sent map[room.ID]bool, draft string) string {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), killedEnv+"="+path)
	r, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(r)
	wanted, got := 1+rng.IntN(200), 0
	read := func() bool {
		if !lines.Scan() {
			return false
		}
		what, value, whole := strings.Cut(lines.Text(), " ")
		b, err := hex.DecodeString(value)
		switch {
		case what == "error":
			t.Errorf("the program says %s", value)
		case !whole || err != nil || what == "sent" && len(b) != len(room.ID{}):
			return true // it was killed within the line
		case what == "sent":
			sent[room.ID(b)] = true
			got++
		case what == "draft":
			draft = string(b)
		}
		return true
	}
	for got < wanted && read() {
	}
	spin := rng.IntN(1 << 20) // no certain moment
	for i := range spin {
		_ = i
	}
	must(t, cmd.Process.Kill())
	for read() { // it said so before it died
	}
	_, _ = io.Copy(io.Discard, r)
	_ = cmd.Wait()
	return draft
}

// checkKilled opens the archive and looks for all that was sent.
func checkKilled(t *testing.T, path string, sent map[room.ID]bool, draft string) {
	t.Helper()
	_, device, o := killedDevice(strings.HasSuffix(path, "sealed"))
	a, err := history.Open(path, o)
	must(t, err)
	defer func() { must(t, a.Close()) }()
	must(t, history.Intact(a))
	rooms, err := a.Rooms(ctx)
	if must(t, err); len(rooms) != 1 {
		t.Fatalf("there are %d rooms", len(rooms))
	}
	log, err := a.Room(ctx, rooms[0])
	must(t, err)
	for id := range sent {
		m, ok := log.Find(id)
		if !ok || log.Body(&m) == nil {
			t.Fatalf("%v was sent and is lost", id)
		}
		if found, _, err := a.Search(ctx, history.Query{Text: fmt.Sprintf("message%d", m.Seq-1)}); err != nil || len(found) == 0 {
			t.Fatalf("number %d is not found: %v", m.Seq, err)
		}
	}
	if got := log.Room.Mark(device.Key()).Seq; got < uint64(len(sent)) {
		t.Errorf("the log goes to %d, %d were sent", got, len(sent))
	}
	if len(log.Room.Forks()) > 0 {
		t.Error("the device has signed a number twice")
	}
	drafts, err := a.Drafts(ctx)
	if must(t, err); len(drafts) != 1 || drafts[0].Text < draft && len(drafts[0].Text) == len(draft) {
		t.Errorf("the draft %q is lost: %v", draft, drafts)
	}
}
