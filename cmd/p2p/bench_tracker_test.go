package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// small is a load that is over at once.
var small = []string{"--torrents", "20", "--peers", "500", "--duration", "1s", "--warmup", "0s", "--reps", "2"}

// trackerBenchmark runs bench tracker with -j and returns the messages.
func trackerBenchmark(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	reincarnate(t)
	out, _ := p2p(t, exitDone, append(append([]string{"bench", "tracker", "-j"}, small...), args...)...)
	all := objects(t, out)
	if first, last := all[0], all[len(all)-1]; first["message_type"] != "start" || last["message_type"] != "summary" || last["exit_code"] != 0.0 {
		t.Fatalf("messages:\n%s", out)
	}
	return all
}

func TestBenchTrackerLetsTrackersTakeTurns(t *testing.T) {
	rivals := map[string]string{"echo": "", "bare": "--http"}
	if _, err := exec.LookPath("opentracker"); err == nil {
		rivals["opentracker"] = ""
	}
	for rival, flag := range rivals {
		args := []string{"--vs", rival}
		if flag != "" {
			args = append(args, flag)
		}
		all := trackerBenchmark(t, args...)
		var turns []string
		for _, m := range all[1 : len(all)-1] {
			turns = append(turns, m["tracker"].(string))
			switch m["message_type"] {
			case "prefill":
				if m["announces"] != 500.0 || m["failed"].(float64) > 250 { // what a busy machine holds up for a second is lost
					t.Errorf("%v", m)
				}
			case "run":
				if m["sent"].(float64) <= 0 || m["malformed"] != 0.0 || m["errors"] != 0.0 || m["stray"] != 0.0 || m["deprived"] != 0.0 {
					t.Errorf("%v", m)
				}
			}
		}
		own := "p2p " + rival
		if got := strings.Join(turns, " "); got != own+" "+own+" "+own {
			t.Errorf("turns: %s", got)
		}
		results := all[len(all)-1]["results"].([]any)
		if len(results) != 2 || results[1].(map[string]any)["tracker"] != rival {
			t.Errorf("results %v", results)
		}
	}
}

func TestBenchTrackerLoadsSeveralTrackersAtOnce(t *testing.T) {
	reincarnate(t)
	var urls []string
	for range 2 {
		p := start(t, []string{"tracker", "--listen", "127.0.0.1:0"})
		p.out.until(t, "udp://")
		_, rest, _ := strings.Cut(p.out.String(), "udp://")
		urls = append(urls, "udp://"+strings.Fields(rest)[0])
		t.Cleanup(func() { p.interrupt() })
	}
	all := trackerBenchmark(t, urls...)
	for _, m := range all[2 : len(all)-1] {
		nodes := m["nodes"].([]any)
		sum := 0.0
		for i, n := range nodes {
			node := n.(map[string]any)
			sum += node["announces"].(float64)
			if node["url"] != urls[i] {
				t.Errorf("node %v", node)
			}
		}
		if len(nodes) != 2 || sum != m["announces"] {
			t.Errorf("run %v", m)
		}
	}
	out, _ := p2p(t, exitDone, append(append([]string{"bench", "tracker"}, small...), urls...)...)
	if strings.Count(out, urls[1]) != 1 {
		t.Errorf("stdout:\n%s", out)
	}
}

func TestBenchTrackerPrintsTablesAndPlots(t *testing.T) {
	if testing.Short() {
		t.Skip("what it runs, others run too")
	}
	reincarnate(t)
	svg := filepath.Join(t.TempDir(), "x.svg")
	args := append(append([]string{"bench", "tracker"}, small...), "--vs", "echo", "--ramp", "8,1", "--svg", svg)
	out, errs := p2p(t, exitDone, args...)
	for _, part := range []string{"answers/s", "deprived", "p99.9", "requests outstanding", "└──", "─●─ p2p", "┈┈┈ echo"} {
		if !strings.Contains(out, part) {
			t.Errorf("stdout lacks %q:\n%s", part, out)
		}
	}
	if strings.Count(errs, "outstanding") != 8 {
		t.Errorf("stderr:\n%s", errs)
	}
	if s := read(t, svg); !strings.HasPrefix(s, "<svg ") || strings.Count(s, "<svg ") != 3 {
		t.Errorf("the plot is %.100q", s)
	}
	out, errs = p2p(t, exitDone, append([]string{"bench", "tracker", "--lang", "zh"}, small...)...)
	if !strings.Contains(out, "回答/秒") || strings.Contains(out+errs, "%!") {
		t.Errorf("stdout:\n%s%s", out, errs)
	}
}

func TestBenchTrackerReadsWhatWrkSays(t *testing.T) {
	run, err := readWrk([]byte(`Running 10s test @ http://127.0.0.1:6969
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   840.95us  240.24us   7.50ms   93.60%
    Req/Sec    76.61k     2.65k   79.75k    85.00%
  Latency Distribution
     50%  812.00us
     75%    0.87ms
     90%    1.00ms
     99%    1.74ms
  762100 requests in 10.00s, 262.37MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 100
Requests/sec:  76210.00
Transfer/sec:     26.24MB
`))
	if err != nil || run.Rate != 76200 || run.P50 != 812e-6 || run.P99 != 1.74e-3 || run.Errors != 100 || run.Lost != 4 || run.Refused != 6 {
		t.Errorf("%+v, %v", run, err)
	}
	if _, err := readWrk([]byte("unable to connect")); err == nil {
		t.Error("it reads anything")
	}
}

func TestBenchTrackerTellsWhenNobodyAnswers(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, errs := p2p(t, exitNetwork, append(append([]string{"bench", "tracker", "--prefill=false"}, small...), "udp://"+conn.LocalAddr().String())...)
	if !strings.Contains(errs, "answered nothing") {
		t.Errorf("stderr: %s", errs)
	}
}

func TestBenchTrackerRefusesWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--popularity", "pareto"}, "pareto"},
		{[]string{"--mix", "1:2"}, "1:2"},
		{[]string{"--mix", "1:0:0", "--http"}, "--mix"},
		{[]string{"--peers", "0"}, "--peers"},
		{[]string{"--ramp", "1,0"}, "--ramp"},
		{[]string{"--seeders", "2"}, "--seeders"},
		{[]string{"--vs", "bare"}, "bare"},
		{[]string{"--vs", "echo", "--http"}, "echo"},
		{[]string{"--vs", "echo", "udp://127.0.0.1:1"}, "--vs"},
		{[]string{"--pid", "1"}, "--pid"},
		{[]string{"ftp://127.0.0.1"}, "ftp://"},
		{[]string{"udp://127.0.0.1:1", "http://127.0.0.1:1"}, "HTTP"},
		{[]string{"udp://192.0.2.1:6969"}, "--yes"},
	} {
		_, errs := p2p(t, exitUsage, append([]string{"bench", "tracker"}, c.args...)...)
		oneLineSays(t, errs, c.want)
	}
}
