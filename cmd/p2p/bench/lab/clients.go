package lab

import (
	"context"
	_ "embed" // the libtorrent peer
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// The clients that a Swarm can be made of.
const (
	P2P            = "p2p"
	Light          = "sol"  // the speed of light: Send and Receive
	Web            = "http" // Serve and Fetch
	Aria           = "aria"
	Libtorrent     = "lt"   // libtorrent as it comes
	LibtorrentFast = "lthp" // libtorrent, tuned for speed
)

// Others are the clients of other makers, which may not be installed.
var Others = []string{Aria, Libtorrent, LibtorrentFast}

// client is how to start the processes of one kind.
type client struct {
	seed recipe
	get  recipe

	server bool // one process serves all, tells its address, and needs no tracker
	polite bool // it ends when it is asked to, and tells then what it did
}

// spot is the place of one process.
type spot struct {
	address string // of the loopback network
	out     string // folder for what is downloaded
	state   string // folder for what the client remembers
	server  string // address of the one that serves, if any
	profile string // file for a CPU profile, if any
}

var clients = map[string]client{
	P2P:            {seed: seedP2P, get: getP2P, polite: true},
	Light:          {seed: lightSend, get: lightReceive, server: true, polite: true},
	Web:            {seed: webServe, get: webFetch, server: true, polite: true},
	Aria:           {seed: seedAria, get: getAria},
	Libtorrent:     {seed: libtorrent("seed", "std"), get: libtorrent("get", "std")},
	LibtorrentFast: {seed: libtorrent("seed", "hp"), get: libtorrent("get", "hp")},
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// room is how many connections a p2p may need, so that a crowd of any size meets.
func room(s Swarm) string { return strconv.Itoa(max(200, s.Seeds+s.Leeches)) }

func seedP2P(l *Lab, s Swarm, at spot) (command, error) {
	return l.p2p(at, "seed", l.torrent, "-o", filepath.Dir(l.Data()), "--listen", at.address+":0", "-u", decimal(s.UpLimit), "--max-peers", room(s), "-q", "-j"), nil
}

func getP2P(l *Lab, s Swarm, at spot) (command, error) {
	args := []string{"get", l.torrent, "-o", at.out, "--listen", at.address + ":0", "-u", decimal(s.UpLimit), "--max-peers", room(s), "-q", "-j"}
	if s.Stay {
		args = append(args, "--seed", "--interval", "0.05s") // the lines tell when it is complete
	}
	return l.p2p(at, args...), nil
}

// p2p is the program as users run it, but with a memory of its own.
func (l *Lab) p2p(at spot, args ...string) command {
	if at.profile != "" {
		args = append(args, "--cpu-profile", at.profile)
	}
	return command{path: l.self, args: args, env: []string{"XDG_STATE_HOME=" + at.state, "LocalAppData=" + at.state}}
}

// part is a hidden command of p2p that runs one of the functions of this
// package.
func (l *Lab) part(args ...string) command {
	return command{path: l.self, args: append([]string{"bench", "part"}, args...), stdin: true}
}

func lightSend(l *Lab, _ Swarm, at spot) (command, error) {
	return l.part("send", at.address+":0", l.Data(), decimal(l.pieceLength)), nil
}

func lightReceive(l *Lab, _ Swarm, at spot) (command, error) {
	return l.part("receive", at.server, filepath.Join(at.out, DataName), decimal(l.size), decimal(l.pieceLength)), nil
}

func webServe(l *Lab, s Swarm, at spot) (command, error) {
	return l.part("serve", at.address+":0", l.Data(), decimal(s.UpLimit)), nil
}

func webFetch(l *Lab, _ Swarm, at spot) (command, error) {
	return l.part("fetch", at.server, filepath.Join(at.out, DataName)), nil
}

func seedAria(l *Lab, _ Swarm, at spot) (command, error) {
	return l.aria(at, "--bt-seed-unverified=true", "--seed-ratio=0.0", "-d", filepath.Dir(l.Data()))
}

func getAria(l *Lab, _ Swarm, at spot) (command, error) {
	return l.aria(at, "--seed-time=0", "--file-allocation=none", "-d", at.out)
}

func (l *Lab) aria(at spot, args ...string) (command, error) {
	port, err := freePort(at.address)
	if err != nil {
		return command{}, err
	}
	all := []string{"--no-conf", "--interface=" + at.address, fmt.Sprintf("--listen-port=%d", port), "--enable-dht=false", "--bt-enable-lpd=false", "-q"}
	return command{path: "aria2c", args: append(append(all, args...), l.torrent), dir: l.dir}, nil
}

//go:embed lt_peer.py
var libtorrentPeer []byte

// python3 of the system comes first: that is the one that Debian's
// python3-libtorrent is for.
var pythons = []string{"/usr/bin/python3", "python3"}

func libtorrent(verb, preset string) recipe {
	return func(l *Lab, _ Swarm, at spot) (command, error) {
		python, err := findPython(context.Background())
		if err != nil {
			return command{}, err
		}
		script := filepath.Join(l.dir, "lt_peer.py")
		if err := os.WriteFile(script, libtorrentPeer, 0o644); err != nil {
			return command{}, err
		}
		port, err := freePort(at.address)
		if err != nil {
			return command{}, err
		}
		folder := at.out
		if verb == "seed" {
			folder = filepath.Dir(l.Data())
		}
		return command{path: python, args: []string{script, verb, l.torrent, folder, fmt.Sprintf("%s:%d", at.address, port), preset}}, nil
	}
}

func findPython(ctx context.Context) (string, error) {
	for _, name := range pythons {
		if path, err := exec.LookPath(name); err == nil && exec.CommandContext(ctx, path, "-c", "import libtorrent").Run() == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no python3 with libtorrent (Debian: python3-libtorrent)")
}

// Installed returns nil if the client of that name can be run here, else what is
// missing.
func Installed(ctx context.Context, name string) error {
	switch name {
	case Aria:
		_, err := exec.LookPath("aria2c")
		return err
	case Libtorrent, LibtorrentFast:
		_, err := findPython(ctx)
		return err
	}
	return nil
}
