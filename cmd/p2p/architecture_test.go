package main_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file defends the architecture: what may import what, which packages are
// pure, and a few habits. The README says why; what is here is the law. A change
// of the layers belongs into layers below and into the README.

// layers are the packages of the module, lowest first. A package imports only
// what stands in a line above its own. A name that ends in "/..." stands for all
// packages below it.
var layers = [][]string{
	{"torrentfile/benc", "torrentfile/infohash", "piece/sha1x2", "peer/simnet", "peer/scatter"},
	{"piece", "peer/wire", "peer/punch", "peer/identity", "tracker/wire"},
	{"torrentfile", "tracker/httpwire", "tracker/udpwire", "tracker/dirwire"},
	{"peer/session", "piece/store", "peer/ext", "peer/ext/chat/room", "tracker", "tracker/ledger", "tracker/dirseal"},
	{"peer/ext/chat/body", "peer/ext/chat/history"},
	{"peer/ext/...", "peer/link", "peer/secure", "peer/announce", "peer/directory", "tracker/directory", "tracker/httpfront", "tracker/udpfront", "tracker/memory", "tracker/storetest", "tracker/ledger/ledgertest", "tracker/dirseal/sealtest", "tracker/policy", "tracker/metrics"},
	{"peer/swarm", "tracker/cluster"},
	{"tracker/serve"},
	{"peer"},
	{"cmd/..."}, // the packages of one command import each other as they like
}

// apart are trees that share nothing: peers and trackers meet on the wire. Who somebody is, a
// directory checks as a peer does: peer/identity is nothing but keys and signatures.
var apart = []struct{ tree, other, but string }{
	{"peer", "tracker", "tracker/wire tracker/httpwire tracker/udpwire tracker/dirwire tracker/dirseal"},
	{"tracker", "peer", "peer/identity"},
	{"tracker", "piece", ""},
}

// extensions are imported by cmd alone, and by their own tests; testSupport by
// tests alone.
const extensions = "peer/ext/..."

var testSupport = []string{"peer/simnet", "peer/ext/exttest", "tracker/storetest", "tracker/ledger/ledgertest", "tracker/dirseal/sealtest"}

// pure are the packages and files that give the same answers to the same calls:
// time, randomness and bytes come in as parameters.
var pure = []string{
	"peer/ext/chat/room", "peer/ext/chat/body",
	"piece", "peer/wire", "peer/punch", "peer/session", "tracker/wire", "tracker/httpwire", "tracker/udpwire", "tracker/dirwire",
	"torrentfile/benc", "torrentfile/infohash",
	"peer/swarm/core.go", "peer/swarm/join.go", "peer/swarm/clock.go", "peer/swarm/choker.go",
	"peer/swarm/book.go", "peer/swarm/party.go", "peer/swarm/blame.go", "peer/swarm/effect.go",
}

// impure is what pure code does not touch. Of the packages with functions the
// rest may be used.
var (
	impureImports = []string{
		"net", "net/http", "os", "os/exec", "os/signal", "io/ioutil", "sync", "sync/atomic", "context", "crypto/rand",
		"log", "log/slog", "syscall", "unsafe", "runtime", "go.uber.org/zap", "golang.org/x/sync/errgroup",
	}
	impureFuncs = map[string][]string{
		"time": {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"},
	}
	// randomTools are what may be used of math/rand: the functions that draw
	// do so from a source that the whole process shares.
	randomTools = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}
)

// Limits of size, in lines.
const (
	maxFile = 600
	maxFunc = 70
)

// topLevel are the entries that the root of the module may have, besides those
// whose names begin with a dot.
var topLevel = []string{"cmd", "tracker", "peer", "piece", "torrentfile", "testdata", "go.mod", "go.sum", "README.md", "LICENSE"}

// A rule looks at the whole module and returns what breaks it.
type rule struct {
	name  string
	mend  string // what to do about it
	check func(m *module) []string
}

var rules = []rule{
	{"imports point down the layers", "move what is shared to a lower layer, or let the upper one pass it in; see layers in architecture_test.go", checkLayers},
	{"every package has its layer", "write it into layers in architecture_test.go, and into the README", checkListed},
	{"peers and trackers share only the codecs", "move what both need to torrentfile/infohash or to the tracker's codecs", checkApart},
	{"extensions are known to cmd alone", "reach them through the interfaces of peer/ext", checkExtensions},
	{"test support stays in tests", "move what is needed elsewhere out of it", checkTestSupport},
	{"pure code has no world", "take time, *rand.Rand and bytes as parameters, and leave waiting, files and logs to the shell", checkPure},
	{"every package says what it is for", "write a package comment, in doc.go when it is long", checkComments},
	{"files and functions fit the reader", "cut it where a second subject begins", checkSizes},
	{"the top level is fixed", "put it below one of " + strings.Join(topLevel, " "), checkTopLevel},
	{"the code is formatted", "run gofmt -w on it", checkFormat},
}

func TestArchitecture(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads all sources")
	}
	m, err := readModule(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.files) < 100 || m.name != "p2p" {
		t.Fatalf("only %d files of module %q: this test looks at the wrong place", len(m.files), m.name)
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, broken := range r.check(m) {
				t.Errorf("%s.\nThe rule: %s.\nThe mend: %s.", broken, r.name, r.mend)
			}
		})
	}
}

// module is all Go files below a directory.
type module struct {
	name  string   // as go.mod has it
	top   []string // entries of the directory
	files []*source
}

// source is one Go file.
type source struct {
	path string // from the root of the module, with slashes
	text []byte
	tree *ast.File
	set  *token.FileSet
}

func (s *source) pkg() string  { return path.Dir(s.path) }
func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// generated reports whether the file was made by a program.
func (s *source) generated() bool { return ast.IsGenerated(s.tree) }

// imports returns what the file imports, without quotes.
func (s *source) imports() []string {
	var paths []string
	for _, i := range s.tree.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// within returns the packages of m that the file imports, from the root of m.
func (m *module) within(s *source) []string {
	var own []string
	for _, p := range s.imports() {
		if rest, ok := strings.CutPrefix(p, m.name+"/"); ok {
			own = append(own, rest)
		}
	}
	return own
}

// add parses a file and adds it.
func (m *module) add(name string, text []byte) error {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	m.files = append(m.files, &source{path: name, text: text, tree: tree, set: set})
	return nil
}

// readModule reads the module in dir: every Go file, for whatever system it is.
func readModule(dir string) (*module, error) {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	m := &module{name: strings.TrimSpace(strings.TrimPrefix(strings.SplitN(string(mod), "\n", 2)[0], "module"))}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		m.top = append(m.top, e.Name())
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		return m.add(name, bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))) // as git may have it on Windows
	})
	return m, err
}

// matches reports whether pkg is the package that name stands for, or one of them.
func matches(pkg, name string) bool {
	if tree, all := strings.CutSuffix(name, "/..."); all {
		return strings.HasPrefix(pkg, tree+"/")
	}
	return pkg == name
}

// layerOf returns the layer of a package, or -1. A name that is written out
// counts before one that stands for many.
func layerOf(pkg string) int {
	for n, names := range layers {
		if slices.Contains(names, pkg) {
			return n
		}
	}
	return slices.IndexFunc(layers, func(names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return matches(pkg, name) })
	})
}

func checkLayers(m *module) []string {
	var broken []string
	for _, s := range m.files {
		if s.isTest() {
			continue
		}
		for _, p := range m.within(s) {
			from, to := layerOf(s.pkg()), layerOf(p)
			if from <= to && from >= 0 && from < len(layers)-1 {
				broken = append(broken, fmt.Sprintf("%s of layer %d imports %s of layer %d", s.path, from, p, to))
			}
		}
	}
	return broken
}

func checkListed(m *module) []string {
	var broken []string
	seen := map[string]bool{}
	for _, s := range m.files {
		if pkg := s.pkg(); !seen[pkg] && layerOf(pkg) < 0 {
			broken = append(broken, fmt.Sprintf("package %s is in no layer", pkg))
			seen[pkg] = true
		}
	}
	return broken
}

func checkApart(m *module) []string {
	var broken []string
	for _, s := range m.files {
		for _, a := range apart {
			if s.isTest() || !inTree(s.pkg(), a.tree) {
				continue
			}
			for _, p := range m.within(s) {
				if inTree(p, a.other) && !slices.Contains(strings.Fields(a.but), p) {
					broken = append(broken, fmt.Sprintf("%s imports %s", s.path, p))
				}
			}
		}
	}
	return broken
}

func inTree(pkg, tree string) bool { return pkg == tree || strings.HasPrefix(pkg, tree+"/") }

func checkExtensions(m *module) []string {
	var broken []string
	for _, s := range m.files {
		for _, p := range m.within(s) {
			switch {
			case !matches(p, extensions) || slices.Contains(testSupport, p):
			case inTree(s.pkg(), "cmd"), s.isTest() && s.pkg() == p, extensionOf(s.pkg()) == extensionOf(p):
			default:
				broken = append(broken, fmt.Sprintf("%s imports the extension %s", s.path, p))
			}
		}
	}
	return broken
}

// extensionOf returns the folder below peer/ext that a package lies in: the parts of an
// extension know each other.
func extensionOf(pkg string) string {
	rest, _ := strings.CutPrefix(pkg, strings.TrimSuffix(extensions, "..."))
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func checkTestSupport(m *module) []string {
	var broken []string
	for _, s := range m.files {
		for _, p := range m.within(s) {
			if !s.isTest() && slices.Contains(testSupport, p) && !slices.Contains(testSupport, s.pkg()) {
				broken = append(broken, fmt.Sprintf("%s imports %s", s.path, p))
			}
		}
	}
	return broken
}

func checkPure(m *module) []string {
	var broken []string
	for _, s := range m.files {
		if s.isTest() || !slices.Contains(pure, s.pkg()) && !slices.Contains(pure, s.path) {
			continue
		}
		for _, p := range s.imports() {
			if slices.Contains(impureImports, p) || strings.HasPrefix(p, "go.uber.org/zap/") {
				broken = append(broken, fmt.Sprintf("%s imports %s", s.path, p))
			}
		}
		broken = append(broken, impureUses(s)...)
	}
	return broken
}

// impureUses returns where a file uses the clock or the randomness that the whole
// process shares.
func impureUses(s *source) []string {
	names := map[string]string{} // what a package is called in the file
	var broken []string
	for _, spec := range s.tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(path.Base(p), "/v2")
		if p == "math/rand/v2" {
			name = "rand"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if _, watched := impureFuncs[p]; watched || strings.HasPrefix(p, "math/rand") {
			names[name] = p
			if name == "." {
				broken = append(broken, fmt.Sprintf("%s imports %s with a dot, so that nobody sees what it uses of it", s.path, p))
			}
		}
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		use, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := use.X.(*ast.Ident)
		if !ok || names[pkg.Name] == "" {
			return true
		}
		p := names[pkg.Name]
		random := strings.HasPrefix(p, "math/rand") && !slices.Contains(randomTools, use.Sel.Name)
		if random || slices.Contains(impureFuncs[p], use.Sel.Name) {
			broken = append(broken, fmt.Sprintf("%s uses %s.%s", s.set.Position(use.Pos()), pkg.Name, use.Sel.Name))
		}
		return true
	})
	return broken
}

func checkComments(m *module) []string {
	said, code := map[string]bool{}, map[string]bool{}
	for _, s := range m.files {
		pkg := s.pkg()
		code[pkg] = code[pkg] || !s.isTest()
	}
	for _, s := range m.files {
		if s.tree.Doc != nil && (!s.isTest() || !code[s.pkg()]) {
			said[s.pkg()] = said[s.pkg()] || strings.TrimSpace(s.tree.Doc.Text()) != ""
		}
	}
	var broken []string
	for _, s := range m.files {
		if pkg := s.pkg(); !said[pkg] {
			broken = append(broken, fmt.Sprintf("package %s has no comment", pkg))
			said[pkg] = true
		}
	}
	return broken
}

func checkSizes(m *module) []string {
	var broken []string
	for _, s := range m.files {
		if s.isTest() || s.generated() {
			continue
		}
		if n := bytes.Count(s.text, []byte("\n")); n > maxFile {
			broken = append(broken, fmt.Sprintf("%s has %d lines, more than %d", s.path, n, maxFile))
		}
		for _, d := range s.tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			from := s.set.Position(f.Pos())
			if n := s.set.Position(f.End()).Line - from.Line + 1; n > maxFunc {
				broken = append(broken, fmt.Sprintf("%s: %s has %d lines, more than %d", from, f.Name.Name, n, maxFunc))
			}
		}
	}
	return broken
}

func checkTopLevel(m *module) []string {
	var broken []string
	for _, name := range m.top {
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) {
			broken = append(broken, fmt.Sprintf("%s stands at the top level", name))
		}
	}
	return broken
}

func checkFormat(m *module) []string {
	var broken []string
	for _, s := range m.files {
		if want, err := format.Source(s.text); err != nil || !bytes.Equal(want, s.text) {
			broken = append(broken, fmt.Sprintf("%s is not formatted", s.path))
		}
	}
	return broken
}
