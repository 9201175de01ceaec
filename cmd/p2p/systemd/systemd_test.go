package systemd_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"p2p/cmd/p2p/systemd"
)

// environment looks up pairs of names and values.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestSocketsAreTakenOnlyWhenTheyAreForThisProcess(t *testing.T) {
	for _, pairs := range [][]string{
		nil,
		{"LISTEN_FDS", "2"},
		{"LISTEN_FDS", "2", "LISTEN_PID", "8"},
		{"LISTEN_FDS", "2", "LISTEN_PID", "x"},
		{"LISTEN_PID", "7"},
		{"LISTEN_PID", "7", "LISTEN_FDS", "0"},
	} {
		if files, err := systemd.Sockets(environment(pairs...), 7); err != nil || len(files) != 0 {
			t.Errorf("%v: %v, %v", pairs, files, err)
		}
	}
	for _, count := range []string{"-1", "many", "100000", "99999999999999999999"} {
		if files, err := systemd.Sockets(environment("LISTEN_PID", "7", "LISTEN_FDS", count), 7); err == nil {
			t.Errorf("LISTEN_FDS=%s: %v", count, files)
		}
	}
}

func TestTheServiceManagerIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip(err)
	}
	defer conn.Close()
	if err := systemd.Notify(environment("NOTIFY_SOCKET", path), systemd.Ready); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err != nil || string(b[:n]) != "READY=1" {
		t.Errorf("it is told %q, %v", b[:n], err)
	}
	if err := systemd.Notify(environment(), systemd.Ready); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := systemd.Notify(environment("NOTIFY_SOCKET", path+"x"), systemd.Ready); err == nil {
		t.Error("a socket that is not there is no error")
	}
}

func TestTheUnitsAreWhole(t *testing.T) {
	unit := systemd.ServiceUnit("/opt/my programs/100%/p2p")
	for _, part := range []string{
		"ExecStart=/opt/my\\x20programs/100%%/p2p tracker", "[Install]", "NoNewPrivileges=yes", "ProtectSystem=strict", "Type=notify",
	} {
		if !strings.Contains(unit, part) {
			t.Errorf("the unit lacks %s", part)
		}
	}
	if strings.Contains(unit, "@PROGRAM@") {
		t.Error("the unit does not name the program everywhere")
	}
	for n, want := range map[int]int{0: 1, 1: 1, 3: 3} {
		s := systemd.SocketUnit(n)
		if strings.Count(s, "ListenDatagram=6969\n") != want || !strings.Contains(s, "\nListenStream=6969\n") || strings.Contains(s, "@") {
			t.Errorf("the unit of %d sockets is\n%s", n, s)
		}
	}
}
