package systemd

import (
	_ "embed" // the units
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

//go:embed p2p-tracker.service
var service string

//go:embed p2p-tracker.socket
var socket string

// ServiceUnit returns the unit of the tracker, for the program at a path.
func ServiceUnit(program string) string {
	// A unit has its own quoting, in which % and blanks mean something.
	program = strings.NewReplacer("%", "%%", " ", `\x20`, "$", "$$").Replace(program)
	return strings.ReplaceAll(service, "@PROGRAM@", program)
}

// SocketUnit returns the unit of the tracker's sockets, with so many for datagrams.
func SocketUnit(datagrams int) string {
	lines := strings.Repeat("ListenDatagram=6969\n", max(datagrams, 1))
	return strings.ReplaceAll(socket, "@DATAGRAMS@\n", lines)
}

// firstSocket is the descriptor of the first socket that is handed over
// (SD_LISTEN_FDS_START).
const firstSocket = 3

// maxSockets is the most that are taken.
const maxSockets = 1024

// Sockets returns the sockets that the one who started this process has opened
// for it. env looks a variable up and pid is
// this process's. There are none when the variables are not there or are meant for
// another process. The caller closes the files.
//
// sd_listen_fds(3): LISTEN_PID is "the PID of the process that shall receive the
// file descriptors", LISTEN_FDS their number, LISTEN_FDNAMES a colon-separated
// list of names.
func Sockets(env func(string) string, pid int) ([]*os.File, error) {
	count, err := declared(env, pid)
	if err != nil || count == 0 {
		return nil, err
	}
	names := strings.Split(env("LISTEN_FDNAMES"), ":")
	var files []*os.File
	for i := range count {
		name := "socket"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		fd := firstSocket + i
		closeOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("%d (%s)", fd, name)))
	}
	return files, nil
}

// declared returns how many sockets the environment says are there.
func declared(env func(string) string, pid int) (int, error) {
	if env("LISTEN_FDS") == "" || env("LISTEN_PID") != strconv.Itoa(pid) {
		return 0, nil
	}
	count, err := strconv.Atoi(env("LISTEN_FDS"))
	if err != nil || count < 0 || count > maxSockets {
		return 0, fmt.Errorf("LISTEN_FDS=%q: want a number up to %d", env("LISTEN_FDS"), maxSockets)
	}
	return count, nil
}

// Forget removes from the environment what is meant for this process alone, so that
// no child takes it for its own.
func Forget() {
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
}

// The states that Notify tells.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
)

// Notify tells a state to the service manager whose socket env names, if there is
// one.
func Notify(env func(string) string, state string) error {
	path := env("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"}) // "@" is an abstract one, as in package net
	if err == nil {
		_, err = conn.Write([]byte(state))
		conn.Close()
	}
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
