package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"p2p/cmd/p2p/bench/load"
)

// wrkProgram is a load generator for HTTP that many know.
const wrkProgram = "wrk"

// wrkPaths is how many different requests wrk sends, in turn.
const wrkPaths = 50_000

// wrkScript hands wrk the requests of a file, one to a line.
const wrkScript = `local requests, at = {}, 0
function init(args)
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
`

// wrk lets wrk load a subject with the same requests that our own generator
// sends. It looks at the status of answers, and at nothing else of them.
func (b *trackerBench) wrk(ctx context.Context, s subject, o load.Options) (trackerRun, error) {
	dir, err := os.MkdirTemp("", "p2p-wrk-")
	if err != nil {
		return trackerRun{}, err
	}
	defer os.RemoveAll(dir) // in the folder for temporary files
	script, paths := filepath.Join(dir, "requests.lua"), filepath.Join(dir, "requests")
	if err := os.WriteFile(script, []byte(wrkScript), 0o600); err != nil {
		return trackerRun{}, err
	}
	if err := b.writePaths(paths, o); err != nil {
		return trackerRun{}, err
	}
	whole := o.Warmup + o.Duration
	args := []string{
		"-t", strconv.Itoa(o.Workers), "-c", strconv.Itoa(min(o.Clients, o.Outstanding)),
		"-d", strconv.Itoa(int((whole + time.Second - 1).Seconds())), "--latency", "-s", script,
	}
	if !o.KeepAlive {
		args = append(args, "-H", "Connection: close")
	}
	cmd := exec.CommandContext(ctx, wrkProgram, append(args, s.base(), paths)...)
	out, err := cmd.Output()
	if err != nil {
		return trackerRun{}, errors.Join(context.Cause(ctx), fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out)))
	}
	run, err := readWrk(out)
	run.seconds = o.Duration.Seconds() // what the trackers are charged for
	return run, err
}

// base is the URL that wrk connects to.
func (s subject) base() string {
	scheme := "http"
	if s.ends[0].TLS {
		scheme = "https"
	}
	return scheme + "://" + s.ends[0].Address.String()
}

func (b *trackerBench) writePaths(name string, o load.Options) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for path := range load.Paths(o, wrkPaths) {
		w.Write(path) // Flush tells of every error
		w.WriteByte('\n')
	}
	return errors.Join(w.Flush(), f.Close())
}

// What wrk says, as in "Requests/sec:  71234.50", "     99%    1.23ms" and
// "Non-2xx or 3xx responses: 12".
var (
	wrkRate   = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkTotal  = regexp.MustCompile(`(\d+) requests in `)
	wrkWait   = regexp.MustCompile(`(?m)^\s+(50|75|90|99)%\s+([0-9.]+)(us|ms|s|m)$`)
	wrkBad    = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	wrkBroken = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// readWrk reads what wrk has printed.
func readWrk(out []byte) (trackerRun, error) {
	var run trackerRun
	m := wrkRate.FindSubmatch(out)
	total := wrkTotal.FindSubmatch(out)
	if m == nil || total == nil {
		return run, fmt.Errorf("wrk: cannot read %q", out)
	}
	run.Rate, _ = strconv.ParseFloat(string(m[1]), 64) // the expressions let numbers through only
	run.Announces, _ = strconv.ParseInt(string(total[1]), 10, 64)
	run.Sent, run.heard = run.Announces, run.Announces
	for _, m := range wrkWait.FindAllSubmatch(out, -1) {
		v, _ := strconv.ParseFloat(string(m[2]), 64)
		v *= map[string]float64{"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[string(m[3])]
		switch string(m[1]) {
		case "50":
			run.P50 = v
		case "90":
			run.P90 = v
		case "99":
			run.P99 = v
		}
	}
	if m := wrkBad.FindSubmatch(out); m != nil {
		run.Errors, _ = strconv.ParseInt(string(m[1]), 10, 64)
		run.Rate *= 1 - float64(run.Errors)/float64(max(run.Sent, 1))
		run.Announces -= run.Errors
	}
	if m := wrkBroken.FindSubmatch(out); m != nil {
		for i, n := range m[1:] {
			times, _ := strconv.ParseInt(string(n), 10, 64)
			if i == len(m)-2 {
				run.Lost = times
			} else { // a server that hangs up without a word looks like this too
				run.Refused += times
			}
		}
	}
	return run, nil
}
