package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/text"
)

// beP2P makes the test program behave as p2p: the measurements start themselves
// again.
const beP2P = "TEST_BE_P2P"

func TestMain(m *testing.M) {
	if os.Getenv(beP2P) != "" {
		main()
	}
	os.Exit(m.Run())
}

// reincarnate lets the program that is being tested start itself. With the race
// detector a process would wait a second at its end.
func reincarnate(t *testing.T) {
	t.Setenv(beP2P, "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
}

// benchmark runs bench with -j in an empty folder and returns the messages. The
// folder must be empty afterwards too.
func benchmark(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	reincarnate(t)
	dir := t.TempDir()
	out, _ := p2p(t, exitDone, append([]string{"bench"}, append(args, "--dir", dir, "-j")...)...)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	all := objects(t, out)
	if first, last := all[0], all[len(all)-1]; first["message_type"] != "start" || last["message_type"] != "summary" || last["exit_code"] != 0.0 {
		t.Fatalf("messages:\n%s", out)
	}
	return all
}

func TestBenchSwarmRunsEveryClientInTurn(t *testing.T) {
	all := benchmark(t, "swarm", "--size", "300K", "--piece-length", "16K", "--seeds", "2", "--leeches", "2", "--reps", "2")
	var turns []string
	for _, m := range all[1 : len(all)-1] {
		turns = append(turns, m["client"].(string))
		if m["ok"] != true || m["rate"].(float64) <= 0 || m["leech_cpu_seconds"].(float64) <= 0 {
			t.Errorf("run %v", m)
		}
		if m["client"] == "p2p" && m["sent"].(float64) < 300<<10 {
			t.Errorf("the seeders sent %v", m["sent"])
		}
	}
	if got := strings.Join(turns, " "); got != "p2p sol p2p sol" {
		t.Errorf("turns: %s", got)
	}
	sum := all[len(all)-1]["clients"].([]any)
	if len(sum) != 2 || sum[1].(map[string]any)["p2p_speed_ratio"].(float64) <= 0 {
		t.Errorf("summary %v", sum)
	}
}

func TestBenchCompareBringsTheFileToAllInBothWays(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "x.svg")
	all := benchmark(t, "compare", "--size", "64K", "--clients", "3,1", "-u", "4M", "--svg", svg)
	rows := all[len(all)-1]["rows"].([]any)
	if len(rows) != 2 {
		t.Fatalf("rows %v", rows)
	}
	for i, n := range []float64{1, 3} {
		row := rows[i].(map[string]any)
		web, swarm := row["http"].(map[string]any), row["p2p"].(map[string]any)
		if row["clients"] != n || web["sent"] != n*65536 || swarm["sent"].(float64) < 65536 {
			t.Errorf("row %v", row)
		}
		if web["first_seconds"].(float64) > web["last_seconds"].(float64) || row["time_factor"].(float64) <= 0 {
			t.Errorf("row %v", row)
		}
	}
	if s := read(t, svg); !strings.HasPrefix(s, "<svg ") || !strings.HasSuffix(s, "</svg>\n") {
		t.Errorf("the plot is %.100q", s)
	}
}

func TestBenchHashMeasuresWhatUsersRun(t *testing.T) {
	all := benchmark(t, "hash", "--size", "1M", "--reps", "1", "--workers", "2")
	results := all[len(all)-1]["results"].([]any)
	if len(results) != 4 {
		t.Fatalf("results %v", results)
	}
	for i, work := range []string{"core", "raw", "create", "verify"} {
		r := results[i].(map[string]any)
		if r["work"] != work || r["rate"].(map[string]any)["median"].(float64) <= 0 {
			t.Errorf("result %v", r)
		}
	}
}

func TestBenchProfileSaysWhereTheTimeWentAndEndsWithASummary(t *testing.T) {
	save := t.TempDir()
	all := benchmark(t, "profile", "--size", "1M", "--reps", "1", "--save", save)
	if len(all) != 4 || all[1]["role"] != "get" || all[2]["role"] != "seed" {
		t.Errorf("messages %v", all)
	}
	if kept, err := os.ReadDir(save); err != nil || len(kept) != 2 {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

func TestBenchRefusesAPathThatCannotBeWrittenBeforeItMeasures(t *testing.T) {
	dir, nowhere := t.TempDir(), filepath.Join(t.TempDir(), "nowhere")
	for _, args := range [][]string{
		{"compare", "--svg", filepath.Join(nowhere, "x.svg")},
		{"profile", "--save", nowhere},
	} {
		out, errs := p2p(t, exitNotFound, append([]string{"bench", "--dir", dir, "-j"}, args...)...)
		if out != "" || !strings.Contains(errs, "nowhere") {
			t.Errorf("%v: %q, %q", args, out, errs)
		}
	}
	p2p(t, exitIO, "bench", "compare", "--dir", dir, "--svg", dir) // a folder
}

func TestATryToWriteLeavesEverythingAsItIs(t *testing.T) {
	dir := t.TempDir()
	there, fresh := filepath.Join(dir, "there"), filepath.Join(dir, "fresh")
	if err := os.WriteFile(there, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{mayWrite(there), mayWrite(fresh), mayWriteInto(dir)} {
		if err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || read(t, there) != "old" {
		t.Errorf("afterwards: %v, %v", left, err)
	}
}

func TestWhatWasMeasuredIsToldAlsoIfTheFileCannotBeWritten(t *testing.T) {
	var out bytes.Buffer
	a := &app{shell: &shell{out: &out, errs: io.Discard, size: func() (int, int) { return 80, 25 }}, text: text.English()}
	b := &comparison{app: a, flags: benchCompareFlags{clients: []int{1}, svg: filepath.Join(t.TempDir(), "no", "x.svg")}}
	b.flags.up, b.flags.size, b.flags.reps = 1, 1, 1
	b.runs = []compareRun{{Way: lab.Web, Clients: 1, Last: 1}, {Way: lab.P2P, Clients: 1, Last: 1}}
	if err := b.conclude("here"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(out.String(), "client and server") {
		t.Errorf("%v:\n%s", err, out.String())
	}
	h := hotPaths{bytes: 1, unsaved: fs.ErrPermission}
	if err := a.concludeProfile(h, benchProfileFlags{}, "there"); !errors.Is(err, fs.ErrPermission) || !strings.Contains(out.String(), "there") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

func TestBenchPrintsATableAndAPlot(t *testing.T) {
	reincarnate(t)
	out, errs := p2p(t, exitDone, "bench", "compare", "--size", "64K", "--clients", "2", "-u", "4M", "--dir", t.TempDir())
	for _, part := range []string{"client and server", "swarm", "128.0 KiB", "faster", "└──", "─◆─"} {
		if !strings.Contains(out, part) {
			t.Errorf("stdout lacks %q:\n%s", part, out)
		}
	}
	if strings.Count(errs, "N = 2") != 2 {
		t.Errorf("stderr:\n%s", errs)
	}
	out, _ = p2p(t, exitDone, "bench", "swarm", "--size", "64K", "--piece-length", "16K", "--reps", "1", "--dir", t.TempDir(), "--lang", "zh")
	if !strings.Contains(out, "纯 TCP") || strings.Contains(out, "%!") {
		t.Errorf("stdout:\n%s", out)
	}
}

func TestAnInterruptedBenchLeavesNothing(t *testing.T) {
	reincarnate(t)
	dir := t.TempDir()
	p := start(t, []string{"bench", "compare", "--size", "128K", "--clients", "1", "-u", "512K", "--reps", "1000", "--dir", dir})
	p.errs.until(t, "N = 1") // 1999 runs are left
	if code := p.interrupt(); code != exitSignal+2 {
		t.Errorf("exit code %d\n%s", code, p.errs.String())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestBenchRefusesWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"frob"}, `"frob"`},
		{[]string{"swarm", "--seeds", "0"}, "--seeds"},
		{[]string{"swarm", "--leeches", "1001"}, "--leeches"},
		{[]string{"swarm", "--reps", "0"}, "--reps"},
		{[]string{"swarm", "--size", "0"}, "--size"},
		{[]string{"swarm", "--vs", "emule"}, "emule"},
		{[]string{"compare", "-u", "off"}, "--up-limit"},
		{[]string{"compare", "--clients", "1,0"}, "--clients"},
		{[]string{"hash", "--workers", "-1"}, "--workers"},
		{[]string{"part", "send"}, "ROLE"},
		{[]string{"swarm", "--piece-length", "17K"}, "--piece-length"},
		{[]string{"hash", "--piece-length", "1"}, "--piece-length"},
		{[]string{"compare", "--clients", "0"}, "--clients"},
		{[]string{"many", "--torrents", "0"}, "--torrents"},
	} {
		_, errs := p2p(t, exitUsage, append([]string{"bench"}, c.args...)...)
		oneLineSays(t, errs, c.want)
		if strings.Count(errs, ": want ") > 1 {
			t.Errorf("more than one thing at a time:\n%s", errs)
		}
	}
	_, errs := p2p(t, exitDiskFull, "bench", "swarm", "--size", "4000T", "--dir", t.TempDir())
	oneLineSays(t, errs, "--dir")
}
