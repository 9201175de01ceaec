package main_test

import (
	"strings"
	"testing"
)

// A test that cannot fail defends nothing. Each of these files breaks one rule of
// architecture_test.go, and that rule must say so.

// offence is a file that breaks a rule.
type offence struct {
	name string
	rule string // "" when it breaks none
	path string
	text string
	says string // what the failure must name
}

const comment = "// Package x is an example.\n"

var offences = []offence{
	{"a lower layer imports a higher one", "imports point down the layers",
		"piece/x.go", comment + "package piece\n\nimport _ \"p2p/peer/swarm\"\n", "piece/x.go of layer 1 imports p"},
	{"two packages of one layer import each other", "imports point down the layers",
		"peer/wire/x.go", comment + "package wire\n\nimport _ \"p2p/piece\"\n", "peer/wire/x.go"},
	{"a package imports cmd", "imports point down the layers",
		"peer/x.go", comment + "package peer\n\nimport _ \"p2p/cmd/p2p/text\"\n", "p2p/text"},
	{"an extension imports the swarm", "imports point down the layers",
		"peer/ext/chat/x.go", comment + "package chat\n\nimport _ \"p2p/peer/swarm\"\n", "peer/swarm"},
	{"a package that nobody has placed", "every package has its layer",
		"gossip/x.go", comment + "package gossip\n", "package gossip"},
	{"a tracker imports a peer's package", "peers and trackers share only the codecs",
		"tracker/serve/x.go", comment + "package serve\n\nimport _ \"p2p/peer/wire\"\n", "peer/wire"},
	{"a peer imports the registry", "peers and trackers share only the codecs",
		"peer/x.go", comment + "package peer\n\nimport _ \"p2p/tracker/memory\"\n", "tracker/memory"},
	{"the core imports an extension", "extensions are known to cmd alone",
		"peer/x.go", comment + "package peer\n\nimport _ \"p2p/peer/ext/pex\"\n", "peer/ext/pex"},
	{"a test of the core imports an extension", "extensions are known to cmd alone",
		"peer/x_test.go", comment + "package peer_test\n\nimport _ \"p2p/peer/ext/pex\"\n", "peer/ext/pex"},
	{"the program imports test support", "test support stays in tests",
		"peer/x.go", comment + "package peer\n\nimport _ \"p2p/peer/simnet\"\n", "peer/simnet"},
	{"a pure package imports net", "pure code has no world",
		"piece/x.go", comment + "package piece\n\nimport _ \"net\"\n", "piece/x.go imports net"},
	{"a pure package imports sync/atomic", "pure code has no world",
		"peer/session/x.go", comment + "package session\n\nimport _ \"sync/atomic\"\n", "sync/atomic"},
	{"a pure package starts goroutines", "pure code has no world",
		"piece/x.go", comment + "package piece\n\nimport _ \"golang.org/x/sync/errgroup\"\n", "errgroup"},
	{"a pure package logs", "pure code has no world",
		"peer/wire/x.go", comment + "package wire\n\nimport _ \"go.uber.org/zap/zapcore\"\n", "zapcore"},
	{"a pure package asks what time it is", "pure code has no world",
		"piece/x.go", comment + "package piece\n\nimport \"time\"\n\nvar now = time.Now()\n", "piece/x.go:6:11 uses time.Now"},
	{"a pure package hands the clock on", "pure code has no world",
		"piece/x.go", comment + "package piece\n\nimport clock \"time\"\n\nvar now = clock.Now\n", "uses clock.Now"},
	{"a pure package hides the clock", "pure code has no world",
		"piece/x.go", comment + "package piece\n\nimport . \"time\"\n\nvar now = Now()\n", "with a dot"},
	{"a pure package draws global randomness", "pure code has no world",
		"piece/x.go", comment + "package piece\n\nimport \"math/rand/v2\"\n\nvar n = rand.IntN(6)\n", "uses rand.IntN"},
	{"a pure file of a package that is not", "pure code has no world",
		"peer/swarm/core.go", comment + "package swarm\n\nimport _ \"context\"\n", "peer/swarm/core.go imports context"},
	{"a package without a comment", "every package says what it is for",
		"piece/x.go", "package piece\n", "package piece"},
	{"a file without end", "files and functions fit the reader",
		"piece/x.go", comment + "package piece\n" + strings.Repeat("\n// line\n", maxFile/2), "piece/x.go has 602 lines"},
	{"a function without end", "files and functions fit the reader",
		"piece/x.go", comment + "package piece\n\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFunc-1) + "}\n", "f has 71 lines"},
	{"a file that is not formatted", "the code is formatted",
		"piece/x.go", comment + "package piece\n\nvar  x int\n", "piece/x.go"},
	{"a test that is not formatted", "the code is formatted",
		"piece/x_test.go", comment + "package piece\nvar x int\n", "piece/x_test.go"},

	{"what is allowed", "", "peer/swarm/x.go", comment + `package swarm

import (
	_ "context"
	_ "net"

	_ "p2p/peer/link"
	_ "p2p/tracker/wire"
)
`, ""},
	{"what a pure package may do", "", "piece/x.go", comment + `package piece

import (
	"math/rand/v2"
	_ "net/netip"
	"time"

	_ "p2p/torrentfile/benc"
)

var second, rng = time.Second, rand.New(rand.NewPCG(1, 2))

func draw(r *rand.Rand) int { return r.IntN(6) }
`, ""},
	{"what a test may do", "", "piece/x_test.go", comment + `package piece_test

import (
	_ "os"
	_ "time"

	_ "p2p/peer/simnet"
	_ "p2p/peer/swarm"
)
`, ""},
	{"what cmd may do", "", "cmd/p2p/x.go", comment + "package main\n\nimport (\n\t_ \"p2p/cmd/p2p/text\"\n\t_ \"p2p/peer/ext/pex\"\n)\n", ""},
	{"what the test of an extension may do", "", "peer/ext/pex/x_test.go", comment + "package pex_test\n\nimport (\n\t_ \"p2p/peer\"\n\t_ \"p2p/peer/ext/pex\"\n)\n", ""},
	{"a file and a function of the greatest length", "", "piece/x.go",
		comment + "package piece\n\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFunc-2) + "}\n" + strings.Repeat("\n// line\n", (maxFile-3-maxFunc)/2), ""},
}

func TestTheArchitectureTestCanFail(t *testing.T) {
	proven := map[string]bool{"the top level is fixed": true} // below
	for _, o := range offences {
		t.Run(o.name, func(t *testing.T) {
			m := &module{name: "p2p"}
			if err := m.add(o.path, []byte(o.text)); err != nil {
				t.Fatal(err)
			}
			judge(t, m, o)
		})
		proven[o.rule] = true
	}
	for _, r := range rules {
		if !proven[r.name] {
			t.Errorf("nothing proves that %q can fail", r.name)
		}
	}
}

// judge lets all rules look at m; the one that o breaks must say so, and no other.
func judge(t *testing.T, m *module, o offence) {
	t.Helper()
	for _, r := range rules {
		broken := r.check(m)
		switch {
		case r.name != o.rule && len(broken) > 0:
			t.Errorf("%q complains: %v", r.name, broken)
		case r.name == o.rule && len(broken) == 0:
			t.Errorf("%q does not complain", r.name)
		case r.name == o.rule && !strings.Contains(strings.Join(broken, "\n"), o.says):
			t.Errorf("%q complains about %v, want %q", r.name, broken, o.says)
		}
	}
}

func TestTheTopLevelIsFixed(t *testing.T) {
	m := &module{name: "p2p", top: []string{".ci", ".gitignore", "README.md", "LICENSE", "cmd", "internal"}}
	if broken := checkTopLevel(m); len(broken) != 1 || !strings.Contains(broken[0], "internal") {
		t.Errorf("%v", broken)
	}
}

func TestACommentInATestIsNoPackageComment(t *testing.T) {
	m := &module{name: "p2p"}
	for path, text := range map[string]string{"piece/x.go": "package piece\n", "piece/x_test.go": comment + "package piece\n"} {
		if err := m.add(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if broken := checkComments(m); len(broken) != 1 {
		t.Errorf("%v", broken)
	}
}
