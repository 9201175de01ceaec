package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/text"
	"p2p/piece/store"
	"p2p/torrentfile"
)

func TestEveryCauseHasItsExitCode(t *testing.T) {
	path := func(err error) error {
		return fmt.Errorf("open download: %w", &fs.PathError{Op: "write", Path: "x", Err: err})
	}
	listen := func(err error) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", err)}
	}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{&failure{code: 2}, 2},
		{path(fs.ErrNotExist), 3},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno("refused"))}, 6},
		{&net.DNSError{Name: "x", IsNotFound: true}, 6},
		{listen(fs.ErrPermission), 6},
		{context.DeadlineExceeded, 7},
		{path(syscall.ENOSPC), 9},
		{fmt.Errorf("open download: %w", store.ErrBusy), 11},
		{path(fs.ErrExist), 13},
		{fmt.Errorf("resume download: %w", &store.ExistsError{Path: "x"}), 13},
		{path(fs.ErrPermission), 17},
		{path(errno("input/output error")), 17},
		{fmt.Errorf("x: %w", torrentfile.ErrNotBencode), 25},
		{fmt.Errorf("x: %w", &torrentfile.InvalidError{}), 26},
		{fmt.Errorf("x: %w", &torrentfile.InvalidError{Err: torrentfile.ErrV2Only}), 26},
		{fmt.Errorf("%w: x", torrentfile.ErrMagnet), 27},
		{listen(portBusyErrnos[0]), 41},
		{&interrupted{syscall.SIGINT}, 130},
		{&interrupted{syscall.SIGTERM}, 143},
		{&interrupted{syscall.SIGHUP}, 143},
		{errors.Join(&interrupted{syscall.SIGINT}, errors.New("and more")), 130},
	} {
		code, hint := diagnose(c.err)
		if code != c.want {
			t.Errorf("%v gives %d; want %d", c.err, code, c.want)
		}
		if hint != "" {
			if _, ok := text.Chinese().Message(hint); !ok {
				t.Errorf("%v: no message %s", c.err, hint)
			}
		}
	}
}

// Whoever is told to run it again where a message was sent sends it twice.
func TestAnOutputThatIsLostIsNoReasonToDoItAgain(t *testing.T) {
	full := func(path string) error { return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC} }
	if _, hint := diagnose(full(os.Stdout.Name())); hint != "hint.output_lost" {
		t.Errorf("of stdout it says %s", hint)
	}
	if _, hint := diagnose(full("download.part")); hint != "hint.disk_full" {
		t.Errorf("of a download it says %s", hint)
	}
}

// errno is a system error that no row of the table knows.
func errno(text string) error { return errors.New(text) }

// allCommands calls f for every command that can be run, by its words.
func allCommands(t *testing.T, f func(words []string, cmd *cobra.Command)) {
	t.Helper()
	a := &app{shell: &shell{env: func(string) string { return "" }}, text: text.English()}
	var visit func([]string, *cobra.Command)
	visit = func(words []string, cmd *cobra.Command) {
		if cmd.Runnable() && len(words) > 0 {
			f(words, cmd)
		}
		for _, sub := range cmd.Commands() {
			visit(append(words[:len(words):len(words)], sub.Name()), sub)
		}
	}
	visit(nil, a.rootCommand())
}

func TestEveryCommandExplainsItselfWithAnExample(t *testing.T) {
	count := 0
	allCommands(t, func(words []string, _ *cobra.Command) {
		count++
		for _, lang := range []string{"en", "zh"} {
			out, errs := p2p(t, exitDone, append(words, "--help", "--lang", lang)...)
			say := text.English()
			if lang == "zh" {
				say = text.Chinese()
			}
			_, examples, found := strings.Cut(out, say.Say("help.examples"))
			if !found || !strings.Contains(examples, "p2p "+words[0]) || errs != "" {
				t.Errorf("%v --help in %s has no example:\n%s%s", words, lang, out, errs)
			}
			if strings.Contains(out, "help.") || strings.Contains(out, "%!") {
				t.Errorf("%v --help in %s:\n%s", words, lang, out)
			}
		}
	})
	if count < 9 {
		t.Errorf("only %d commands were found", count)
	}
}

// What a person reads in a terminal of 100 columns should not wrap.
func TestHelpIsNotTooWide(t *testing.T) {
	allCommands(t, func(words []string, cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len([]rune(line)) > 101 {
				t.Errorf("%v: %q", words, line)
			}
		}
	})
}

func TestTheCommandLineComesBeforeTheEnvironment(t *testing.T) {
	content := filepath.Join(folder(t, map[string]string{"a.bin": data(1000)}), "a.bin")
	comment := func(env setting, flags ...string) any {
		args := append([]string{"create", content, "-o", "-"}, flags...)
		torrent, _ := p2pWith(t, exitDone, args, env)
		out, _ := p2pWith(t, exitDone, []string{"show", "-"}, withInput(torrent), withEnv("P2P_JSON", "true"))
		return object(t, out)["comment"]
	}
	both := withEnv("P2P_COMMENT", "all", "P2P_CREATE_COMMENT", "create")
	for _, c := range []struct{ got, want any }{
		{comment(withEnv()), nil},
		{comment(withEnv("P2P_COMMENT", "")), nil},
		{comment(withEnv("P2P_COMMENT", "all")), "all"},
		{comment(both), "create"},
		{comment(both, "--comment", "flag"), "flag"},
		{comment(both, "--comment="), nil},
	} {
		if c.got != c.want {
			t.Errorf("the comment is %v; want %v", c.got, c.want)
		}
	}
	torrent, _ := p2pWith(t, exitDone, []string{"create", content, "-o", "-"}, withEnv("P2P_ANNOUNCE", "http://a.test/ http://b.test/"))
	if !strings.Contains(torrent, "http://b.test/") {
		t.Error("P2P_ANNOUNCE does not take a list")
	}
	_, errs := p2pWith(t, exitUsage, []string{"create", content, "-o", "-"}, withEnv("P2P_PIECE_LENGTH", "many"))
	oneLineSays(t, errs, "P2P_PIECE_LENGTH", "many")
}

func TestMistakesOnTheCommandLineAreExplainedInOneLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"gte", "x"}, []string{`"gte"`, `"get"`}},
		{[]string{"frobnicate"}, []string{`"frobnicate"`, "p2p --help"}},
		{[]string{"get"}, []string{"one argument, TORRENT", "p2p get --help"}},
		{[]string{"get", "a", "b"}, []string{"got 2"}},
		{[]string{"get", "--frob", "x"}, []string{"--frob", "p2p get --help"}},
		{[]string{"get", "x", "-d", "5Mb"}, []string{"5Mb", "Mbit"}},
		{[]string{"get", "x", "--listen", "here"}, []string{"--listen"}},
		{[]string{"get", "x", "--listen", "1.2.3.4:99999"}, []string{"--listen"}},
		{[]string{"show", "x", "--lang", "fr"}, []string{"fr", "zh"}},
		{[]string{"show", "x", "--color", "pink"}, []string{"pink"}},
		{[]string{"show", "x", "--log-level", "loud"}, []string{"loud"}},
		{[]string{"show", "x", "--log-format", "xml"}, []string{"xml"}},
		{[]string{"tracker", "extra"}, []string{"extra", "no arguments"}},
		{[]string{"tracker", "--trust-proxy", "10.0.0.0/99"}, []string{"--trust-proxy"}},
		{[]string{"demo", "--seeders", "0"}, []string{"--seeders"}},
		{[]string{"demo", "--size", "0"}, []string{"--size"}},
		{[]string{"get", "ftp://x.test/a.torrent:\x1b[2J"}, nil},
	} {
		want := exitUsage
		if c.want == nil {
			want = exitNotFound
		}
		out, errs := p2p(t, want, c.args...)
		if out != "" {
			t.Errorf("p2p %q prints %q on stdout", c.args, out)
		}
		oneLineSays(t, errs, c.want...)
		if strings.Contains(errs, "\x1b") {
			t.Errorf("p2p %q prints %q", c.args, errs)
		}
		_, errs = p2p(t, want, append(c.args, "-j")...)
		if e := object(t, errs); e["message_type"] != "exit_error" || e["code"] != float64(want) {
			t.Errorf("p2p %q -j prints %v", c.args, e)
		}
	}
}

func TestHelpOnWhatIsNoCommandIsAWrongCommandLine(t *testing.T) {
	_, errs := p2p(t, exitUsage, "help", "nonsense")
	oneLineSays(t, errs, "nonsense")
	_, errs = p2p(t, exitUsage, "help", "bench", "nonsense", "--lang", "zh")
	oneLineSays(t, errs, "bench nonsense")
	for _, words := range [][]string{{"help"}, {"help", "bench", "hash"}, {"help", "json"}} {
		if out, _ := p2p(t, exitDone, words...); out == "" {
			t.Errorf("%v says nothing", words)
		}
	}
}

func TestHelpJSONListsEveryEvent(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		out, _ := p2p(t, exitDone, "help", "json", "--lang", lang)
		sources, err := filepath.Glob("*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range sources {
			for _, e := range regexp.MustCompile(`event\("([a-z_]+)"`).FindAllStringSubmatch(read(t, name), -1) {
				if !strings.Contains(out, e[1]) {
					t.Errorf("help json in %s lacks %s of %s", lang, e[1], name)
				}
			}
		}
	}
}

func TestTheFeaturesAreTheBEPsOfTheReadme(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "../../README.md"), "| BEP |")
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`).FindAllStringSubmatch(table, -1) {
		for n := range strings.SplitSeq(row[1], ",") {
			want = append(want, "bep"+strings.TrimSpace(n))
		}
	}
	got := features()
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("features %v; the README has %v", got, want)
	}
}

func TestTheVersionIsToldInBothForms(t *testing.T) {
	out, _ := p2p(t, exitDone, "version")
	if short, _ := p2p(t, exitDone, "-V"); !strings.HasPrefix(out, "p2p "+version) || short != out {
		t.Errorf("version %q, -V %q", out, short)
	}
	j, _ := p2p(t, exitDone, "version", "-j")
	v := object(t, j)
	for _, key := range []string{"version", "commit", "date", "go", "os", "arch", "features"} {
		if _, ok := v[key]; !ok {
			t.Errorf("version -j lacks %s: %s", key, j)
		}
	}
}

func TestWithoutACommandTheHelpIsShown(t *testing.T) {
	out, errs := p2p(t, exitDone)
	if !strings.Contains(out, "p2p COMMAND") || errs != "" {
		t.Errorf("%s%s", out, errs)
	}
	zh, _ := p2pWith(t, exitDone, nil, withEnv("LANG", "zh_CN.UTF-8"))
	if !strings.Contains(zh, "用法") {
		t.Errorf("with LANG=zh_CN.UTF-8:\n%s", zh)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, _ := p2p(t, exitDone, "completion", shell); !strings.Contains(out, "p2p") {
			t.Errorf("completion %s prints %q", shell, out)
		}
	}
}

func TestColourNeedsATerminalAndNobodyWhoMinds(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  setting
		tty  bool
		want bool
	}{
		{nil, withEnv(), true, true},
		{nil, withEnv(), false, false},
		{nil, withEnv("NO_COLOR", "1"), true, false},
		{[]string{"--color", "always"}, withEnv("NO_COLOR", "1"), false, true},
		{[]string{"--color", "never"}, withEnv(), true, false},
		{nil, withEnv("P2P_COLOR", "never"), true, false},
	} {
		args := append([]string{"show", "/nonexistent/x.torrent"}, c.args...)
		_, errs := p2pWith(t, exitNotFound, args, c.env, func(sh *shell) { sh.errTTY = c.tty })
		if got := strings.Contains(errs, "\x1b["); got != c.want {
			t.Errorf("%v on a terminal %v: colour %v; want %v", c.args, c.tty, got, c.want)
		}
	}
}

func TestTheLogGoesWhereItIsSent(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": data(100_000)})
	file := filepath.Join(dir, "p2p.log")
	p := start(t, []string{"tracker", "--listen", "127.0.0.1:0", "-v", "--log-file", file, "--log-format", "json"})
	p.out.until(t, "udp://")
	if code := p.interrupt(); code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	for _, v := range objects(t, read(t, file)) {
		if v["level"] == nil || v["msg"] == nil {
			t.Errorf("log line %v", v)
		}
	}
	if read(t, file) == "" || strings.Contains(p.errs.String(), "started") {
		t.Errorf("log file %q, stderr %q", read(t, file), p.errs.String())
	}
	p2p(t, exitIO, "show", "x", "--log-file", filepath.Join(dir, "a.bin", "log"))
}
