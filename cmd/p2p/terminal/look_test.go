package terminal

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"p2p/cmd/p2p/text"
)

// TestMain is the program that the tests with real terminals start: this test binary with
// P2P_TERMINAL set runs a session with a node in memory.
func TestMain(m *testing.M) {
	if os.Getenv("P2P_TERMINAL") == "" {
		os.Exit(m.Run())
	}
	os.Exit(runAlone())
}

func runAlone() int {
	n := newFakeNode()
	n.echo = os.Getenv("P2P_TERMINAL") == "echo"
	n.now = time.Now
	story(n)
	say, _ := text.Choose("", os.Getenv, "")
	if file := os.Getenv("P2P_PID"); file != "" {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			return 1
		}
	}
	b := &benchTB{}
	defer b.end()
	err := Run(context.Background(), Options{Client: n.serve(b), Where: "c-anna", Text: say, Env: os.Environ(), Bell: true, Plain: os.Getenv("P2P_PLAIN") != "", State: os.Getenv("P2P_STATE")})
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

// benchTB is what serve needs of a test where there is none.
type benchTB struct {
	testing.TB
	cleanup []func()
}

func (b *benchTB) Cleanup(f func()) { b.cleanup = append(b.cleanup, f) }
func (b *benchTB) end() {
	for _, f := range b.cleanup {
		f()
	}
}
