//go:build interop && linux

package interop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"p2p/cmd/p2p/drive"
)

// The environment of the suite.
const (
	mustEnv   = "P2P_INTEROP"        // set by whoever runs it: "must"
	binaryEnv = "P2P_INTEROP_BINARY" // set by the suite for itself: the path of p2p
)

// binary is the path of p2p.
var binary = os.Getenv(binaryEnv)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run runs the tests in namespaces of their own: the outer half builds p2p and
// starts this program again inside, the inner half makes the network.
func run(m *testing.M) int {
	if binary != "" {
		if err := furnish(); err != nil {
			fmt.Println("interop: make the network:", err)
			return 1
		}
		return m.Run()
	}
	if os.Getuid() != 0 {
		fmt.Println("interop: skipped: needs root, for a network of its own")
		return mustCode()
	}
	dir, err := os.MkdirTemp("", "p2p-interop-")
	if err != nil {
		fmt.Println("interop:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	name, err := drive.Build(context.Background(), dir)
	if err != nil {
		fmt.Println("interop:", err)
		return 1
	}
	return enter(name, dir)
}

func mustCode() int {
	if os.Getenv(mustEnv) == "must" {
		return 1
	}
	return 0
}

// enter runs this program again, inside.
func enter(name, dir string) int {
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the process
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Nothing that the user has configured or remembers plays a part.
	cmd.Env = append(os.Environ(), binaryEnv+"="+name, "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "LC_ALL=C.UTF-8", "P2P_LANG=en")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	if cmd.Process == nil { // namespaces are not to be had, as in some containers
		fmt.Println("interop: skipped: needs namespaces:", err)
		return mustCode()
	}
	return cmd.ProcessState.ExitCode()
}

// furnish makes the inside a place where programs can run.
func furnish() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	errs := []error{
		ip("link", "set", "lo", "up"),
		ip("addr", "add", "10.77.0.1/16", "dev", "lo"), // which makes all of 10.77.0.0/16 local
	}
	hosts := "127.0.0.1 localhost\n"
	for i := range addrs6 + 1 {
		errs = append(errs, ip("addr", "add", address6(i).String()+"/64", "dev", "lo", "nodad"))
		hosts += fmt.Sprintln(address6(i), nameOf(address6(i)))
	}
	// Transmission has IPv6 only where there is a way to this one, which it never asks.
	errs = append(errs, ip("-6", "route", "add", "2001:1890:1112:1::20", "dev", "lo"))
	file := filepath.Join(os.Getenv("HOME"), "hosts") // in the folder of this run
	if err := os.WriteFile(file, []byte(hosts), 0o644); err != nil {
		return err
	}
	if err := syscall.Mount(file, "/etc/hosts", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount /etc/hosts: %w", err)
	}
	return errors.Join(errs...)
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// need skips the test, or fails it if it must run, when a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		_, err := exec.LookPath(p)
		switch {
		case err == nil:
		case mustCode() != 0:
			t.Fatalf("%s is missing; .ci/debian installs it", p)
		default:
			t.Skipf("%s is missing; .ci/debian installs it", p)
		}
	}
}

// addrs6 is how many IPv6 addresses there are.
const addrs6 = 64

var last, last6 atomic.Int32

// newAddr returns an address that nobody has had before.
func newAddr() netip.Addr {
	n := last.Add(1) + 1
	return netip.AddrFrom4([4]byte{10, 77, byte(n >> 8), byte(n)})
}

// newAddr6 does the same for IPv6.
func newAddr6() netip.Addr { return address6(int(last6.Add(1))) }

// address6 returns an address for examples: Transmission takes those that are
// private for none.
func address6(n int) netip.Addr {
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x77, 15: byte(n + 1)}
	return netip.AddrFrom16(b)
}

// nameOf returns the name of an IPv6 address, which ends as it does.
func nameOf(addr netip.Addr) string { return fmt.Sprintf("n%d.test", last8(addr)) }

func last8(addr netip.Addr) byte { return addr.As16()[15] }
