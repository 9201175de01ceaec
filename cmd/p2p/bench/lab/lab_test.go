package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// original makes a file of n bytes.
func original(t *testing.T, n int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(content)
	path = filepath.Join(t.TempDir(), DataName)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// serving runs a server until the test ends and returns its address.
func serving(t *testing.T, run func(ctx context.Context, ready func(string) error) error) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, func(s string) error { address <- s; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ends with %v", err)
		}
	})
	select {
	case s := <-address:
		return s
	case err := <-ended:
		t.Fatal(err)
		return ""
	}
}

func TestTheReferenceTransfersWhatItIsGiven(t *testing.T) {
	const pieceLength = 64 << 10
	for _, n := range []int{1, block, pieceLength, 40*pieceLength + block + 5} {
		path, content := original(t, n)
		address := serving(t, func(ctx context.Context, ready func(string) error) error {
			return Send(ctx, "127.0.0.1:0", path, pieceLength, ready)
		})
		out := filepath.Join(t.TempDir(), "copy")
		if err := Receive(t.Context(), address, out, int64(n), pieceLength); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(out); !bytes.Equal(got, content) {
			t.Errorf("the copy of %d bytes differs", n)
		}
		if err := Receive(t.Context(), address, out, int64(n)+1, pieceLength); err == nil {
			t.Errorf("%d bytes of a file of %d are received", n+1, n)
		}
	}
}

func TestTheReferenceRefusesPiecesThatWouldFillTheMemory(t *testing.T) {
	for _, n := range []int{-1, 0, block - 1, maxPieceLength + 1} {
		if err := Receive(t.Context(), "127.0.0.1:1", "x", 1, n); err == nil || err.Error() != checkPieceLength(n).Error() {
			t.Errorf("pieces of %d bytes: %v", n, err)
		}
	}
}

func TestTheServerCountsWhatItSends(t *testing.T) {
	path, content := original(t, 3*slice+7)
	var sent int64
	t.Cleanup(func() { // after the server has ended
		if want := int64(2 * len(content)); sent != want {
			t.Errorf("it sent %d bytes; want %d", sent, want)
		}
	})
	url := serving(t, func(ctx context.Context, ready func(string) error) (err error) {
		sent, err = Serve(ctx, "127.0.0.1:0", path, 100<<20, ready)
		return err
	})
	for range 2 {
		out := filepath.Join(t.TempDir(), "copy")
		if err := Fetch(t.Context(), url, out); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(out); !bytes.Equal(got, content) {
			t.Error("the copy differs")
		}
	}
}

func TestCopiesAreComparedToTheLastByte(t *testing.T) {
	path, content := original(t, 2<<20+3)
	for name, change := range map[string]func([]byte) []byte{
		"":          func(b []byte) []byte { return b },
		"last byte": func(b []byte) []byte { b[len(b)-1]++; return b },
		"shorter":   func(b []byte) []byte { return b[:len(b)-1] },
		"longer":    func(b []byte) []byte { return append(b, 0) },
		"empty":     func([]byte) []byte { return nil },
	} {
		other := filepath.Join(t.TempDir(), "copy")
		if err := os.WriteFile(other, change(slices.Clone(content)), 0o644); err != nil {
			t.Fatal(err)
		}
		err := sameFile(t.Context(), other, path)
		if want := name != ""; errors.Is(err, ErrDiffers) != want || !want && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sameFile(t.Context(), path+".none", path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a copy that is not there: %v", err)
	}
}

func TestLinesAreHandedOnWhole(t *testing.T) {
	var got []string
	l := lines{each: func(b []byte) { got = append(got, string(b)) }}
	for _, part := range []string{"a", "b\nc\n", "", "\nd", "e", "\nunfinished"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if !slices.Equal(got, []string{"ab\n", "c\n", "\n", "de\n"}) {
		t.Errorf("lines %q", got)
	}
	l = lines{each: func(b []byte) { got = append(got, string(b)) }}
	for range 100 {
		l.Write(make([]byte, maxLine/10))
		if len(l.rest) > 2*maxLine {
			t.Fatal("a line without an end fills the memory")
		}
	}
}

func TestOnlyTheEndOfErrorsIsKept(t *testing.T) {
	var e tail
	for range 10 {
		e.Write(bytes.Repeat([]byte("x"), keptErrors))
	}
	e.Write([]byte("the end"))
	if s := e.String(); len(s) != keptErrors || !bytes.HasSuffix([]byte(s), []byte("xthe end")) {
		t.Errorf("%d bytes are kept", len(s))
	}
}

func TestAReportTakesTheLastWord(t *testing.T) {
	arrived := int64(0)
	r := newReport(func(n int64) { arrived += n })
	for _, line := range []string{
		`chatter`, `{"message_type":"status","state":"checking","bytes_done":900,"total_bytes":1000,"ratio":0}`,
		`{"message_type":"status","state":"downloading","bytes_done":400,"total_bytes":1000,"ratio":0.1}`,
		`{"message_type":"status","state":"seeding","bytes_done":1000,"total_bytes":1000,"ratio":0.25}`,
		`{"message_type":"status","state":"seeding","bytes_done":1000,"total_bytes":1000,"ratio":0.5}`,
	} {
		r.line([]byte(line))
	}
	select {
	case <-r.complete:
	default:
		t.Error("a download that seeds is not complete")
	}
	if r.sent != 500 || r.wasted != -1 || arrived != 1000 {
		t.Errorf("sent %d, wasted %d, arrived %d", r.sent, r.wasted, arrived)
	}
	r.line([]byte(`{"message_type":"summary","uploaded":512,"wasted":16,"bytes_done":1000}`))
	if r.sent != 512 || r.wasted != 16 || arrived != 1000 {
		t.Errorf("after the summary: sent %d, wasted %d, arrived %d", r.sent, r.wasted, arrived)
	}
	sent := int64(0)
	b, _ := json.Marshal(Line{Sent: &sent})
	r.line(b)
	r.line([]byte(`{"ready":"a:1"}`))
	r.line([]byte(`{"ready":"b:2"}`))
	if <-r.ready; r.address != "a:1" || r.sent != 0 {
		t.Errorf("address %s, sent %d", r.address, r.sent)
	}
}

func TestTheEnvironmentOfTheUserSetsNoFlags(t *testing.T) {
	t.Setenv("P2P_UP_LIMIT", "1")
	t.Setenv("OTHER", "2")
	env := environment([]string{"ADDED=3"})
	if slices.Contains(env, "P2P_UP_LIMIT=1") || !slices.Contains(env, "OTHER=2") || !slices.Contains(env, "ADDED=3") {
		t.Errorf("environment %q", env)
	}
}
