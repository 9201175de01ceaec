package lab

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"p2p/torrentfile/infohash"
)

// The servers that trackers can be compared with.
const (
	OpenTracker = "opentracker"
	EchoServer  = "echo" // load.Echo
	BareServer  = "bare" // load.Bare
)

// Daemon is a server that runs in a process of its own until Stop. It is killed
// when the context of its start ends.
type Daemon struct {
	// Addr is where it listens, over UDP and TCP as far as it has them.
	Addr    netip.AddrPort
	process *process
	undo    func() // what Limit did
}

// Place is where a daemon runs.
type Place struct {
	Self  string     // path of the p2p program
	Host  netip.Addr // address to listen at, on any port
	Cores []int      // that it may use; none = all
	Dir   string     // folder for what it needs, which everybody can read
}

// StartTracker starts the tracker of p2p, with extra flags.
func StartTracker(ctx context.Context, at Place, flags ...string) (*Daemon, error) {
	args := append([]string{"tracker", "--listen", netip.AddrPortFrom(at.Host, 0).String(), "-j", "-q"}, flags...)
	return startDaemon(ctx, at.Cores, command{path: at.Self, args: args}, func(line []byte) (string, bool) {
		var start struct {
			Listen string `json:"listen"`
		}
		return start.Listen, json.Unmarshal(line, &start) == nil && start.Listen != ""
	})
}

// StartPart starts one of the hidden commands of p2p, which tells where it
// listens when it is ready.
func StartPart(ctx context.Context, at Place, role string) (*Daemon, error) {
	c := command{path: at.Self, args: []string{"bench", "part", role, netip.AddrPortFrom(at.Host, 0).String()}, stdin: true}
	return startDaemon(ctx, at.Cores, c, func(line []byte) (string, bool) {
		var l Line
		return l.Ready, json.Unmarshal(line, &l) == nil && l.Ready != ""
	})
}

// StartNode starts the node of the profile in at.Dir, which finds others by a tracker. It returns when its socket is
// open; Addr is not known. upLimit is the most that it sends of files, in bytes a second; 0 = no limit.
func StartNode(ctx context.Context, at Place, tracker string, upLimit int64) (*Daemon, error) {
	args := []string{"serve", "--profile", at.Dir, "--listen", netip.AddrPortFrom(at.Host, 0).String(), "--tracker", tracker, "-j", "-q"}
	if upLimit > 0 {
		args = append(args, "--up-limit", strconv.FormatInt(upLimit, 10))
	}
	p, _, err := startReady(ctx, at.Cores, command{path: at.Self, args: args}, func(line []byte) (string, bool) {
		var start struct {
			Socket string `json:"socket"`
		}
		return start.Socket, json.Unmarshal(line, &start) == nil && start.Socket != ""
	})
	if err != nil {
		return nil, err
	}
	return &Daemon{process: p}, nil
}

// StartOpenTracker starts opentracker, if it is installed, for the torrents. The
// one of Debian serves only those that a file names. It says nothing when it is
// ready: the caller has to ask it.
func StartOpenTracker(ctx context.Context, at Place, hashes func(yield func(infohash.T) bool)) (*Daemon, error) {
	program, err := exec.LookPath(OpenTracker)
	if err != nil {
		return nil, err
	}
	port, err := freePort(hostOf(at.Host))
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(at.Dir, 0o755); err != nil { // it becomes nobody
		return nil, err
	}
	if err := writeHashes(filepath.Join(at.Dir, "allowed"), hashes); err != nil {
		return nil, err
	}
	number := strconv.Itoa(port)
	c := command{path: program, dir: at.Dir, args: []string{
		"-i", at.Host.String(), "-p", number, "-P", number, "-d", at.Dir, "-w", "allowed",
	}}
	var p *process
	err = startOn(at.Cores, func() error { p, err = start(ctx, c, nil); return err })
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", OpenTracker, err)
	}
	return &Daemon{Addr: netip.AddrPortFrom(at.Host, uint16(port)), process: p}, nil
}

// hostOf writes an address for the functions of package net that add a port.
func hostOf(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

func writeHashes(path string, hashes func(yield func(infohash.T) bool)) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for h := range hashes {
		w.WriteString(hex.EncodeToString(h[:]) + "\n") // Flush tells of every error
	}
	return errors.Join(w.Flush(), f.Close())
}

// startDaemon starts c on cores and waits for a line that has its address.
func startDaemon(ctx context.Context, cores []int, c command, address func([]byte) (string, bool)) (*Daemon, error) {
	p, a, err := startReady(ctx, cores, c, address)
	if err != nil {
		return nil, err
	}
	addr, err := netip.ParseAddrPort(a)
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("%s listens at %q: %w", filepath.Base(c.path), a, err)
	}
	return &Daemon{Addr: addr, process: p}, nil
}

// startReady starts c on cores and waits for a line that says where it can be reached.
func startReady(ctx context.Context, cores []int, c command, where func([]byte) (string, bool)) (*process, string, error) {
	ready := make(chan string, 1)
	var once sync.Once
	var p *process
	err := startOn(cores, func() (err error) {
		p, err = start(ctx, c, func(line []byte) {
			if a, ok := where(line); ok {
				once.Do(func() { ready <- a })
			}
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	patience := time.NewTimer(startTimeout)
	defer patience.Stop()
	select {
	case a := <-ready:
		return p, a, nil
	case <-p.ended:
		return nil, "", p.failure()
	case <-patience.C:
		p.kill()
		return nil, "", fmt.Errorf("%s is not ready after %v", filepath.Base(c.path), startTimeout)
	}
}

// Stop asks the server to end and waits for it.
func (d *Daemon) Stop() {
	d.process.stop()
	if d.undo != nil {
		d.undo()
	}
}

// Limit lets the server use no more than so much of the time of the cores, summed up over them: 0.7 is 70 % of one, or 35 % of each
// of two. It is called once. It needs Linux, root, and the control group of the processor.
func (d *Daemon) Limit(cores float64) (err error) {
	d.undo, err = limit(d.process.cmd.Process.Pid, cores)
	if err != nil {
		return fmt.Errorf("limit the processor time of a server: %w", err)
	}
	return nil
}

// Failure returns why the server has ended, nil while it runs.
func (d *Daemon) Failure() error {
	if !d.process.over() {
		return nil
	}
	return d.process.failure()
}

// Usage returns what the server has used so far, and false where only the end
// of a process tells.
func (d *Daemon) Usage() (Usage, bool) { return liveUsage(d.process.cmd.Process.Pid) }

// UsageOf returns what any process of this machine has used so far, and false if
// the system does not tell.
func UsageOf(pid int) (Usage, bool) { return liveUsage(pid) }
