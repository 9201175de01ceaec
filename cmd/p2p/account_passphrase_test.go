package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/people"
	"p2p/peer/ext/chat/history"
)

// plainProfile returns the folder of a profile with a history without a passphrase, and what was typed in its terminal.
func plainProfile(t *testing.T) string {
	t.Helper()
	dir := folder(t, map[string]string{
		"terminal.json": `{"colour": "light", "muted": ["c1"], "drafts": {"c1": "a halibut at the terminal"}}`,
		"files/a.txt":   "received",
	})
	withHistory(t, dir, "", func(a *history.Archive) error { return a.SaveDraft("c1", "a halibut in the history") })
	return dir
}

// withHistory opens the history of a profile.
func withHistory(t *testing.T, dir, passphrase string, do func(a *history.Archive) error) {
	t.Helper()
	a, err := history.Open(filepath.Join(dir, "history"), history.Options{Passphrase: []byte(passphrase)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(a), a.Close()); err != nil {
		t.Fatal(err)
	}
}

// keptIn looks for what plainProfile has written.
func keptIn(t *testing.T, dir, passphrase string) {
	t.Helper()
	withHistory(t, dir, passphrase, func(a *history.Archive) error {
		drafts, err := a.Drafts(context.Background())
		if len(drafts) != 1 || drafts[0].Text != "a halibut in the history" {
			t.Errorf("the drafts are %v", drafts)
		}
		return err
	})
	lies := false
	for _, name := range []string{"history", "terminal.json"} {
		lies = lies || strings.Contains(read(t, filepath.Join(dir, name)), "alibut")
	}
	if lies != (passphrase == "") {
		t.Errorf("with the passphrase %q it can be read: %v", passphrase, lies)
	}
}

func TestAProfileIsEncryptedAndGetsAnotherPassphraseAndNone(t *testing.T) {
	dir := plainProfile(t)
	words := folder(t, map[string]string{"one": "sesame one\n", "two": "sesame two\n"})
	one, two := filepath.Join(words, "one"), filepath.Join(words, "two")
	change := func(want int, args ...string) string {
		t.Helper()
		out, errs := p2pWith(t, want, append([]string{"account", "passphrase", "--profile", dir}, args...))
		return out + errs
	}
	if said := change(exitDone, "--passphrase-file", one); !strings.Contains(said, "is encrypted") || !strings.Contains(said, dir) {
		t.Errorf("it says %s", said)
	}
	keptIn(t, dir, "sesame one")
	oneLineSays(t, change(exitRefused, "--passphrase-file", two, "--remove"), "passphrase", "wrong")
	oneLineSays(t, change(exitUsage, "--passphrase-file", one), "--new-passphrase-file")
	oneLineSays(t, change(exitUsage, "--remove"), "--passphrase-file")
	oneLineSays(t, change(exitUsage, "--remove", "--new-passphrase-file", two), "--remove")
	oneLineSays(t, change(exitUsage, "--passphrase-file", "-", "--new-passphrase-file", "-"), "stdin")
	keptIn(t, dir, "sesame one")
	change(exitDone, "--passphrase-file", one, "--new-passphrase-file", two)
	keptIn(t, dir, "sesame two")
	m := object(t, change(exitDone, "-j", "--remove", "--passphrase-file", two))
	if m["message_type"] != "passphrase" || m["encrypted"] != false || m["profile"] != dir {
		t.Errorf("it prints %v", m)
	}
	keptIn(t, dir, "")
	change(exitDone, "--remove") // as it is
	keptIn(t, dir, "")
	if left, err := filepath.Glob(filepath.Join(dir, "*p2p-*")); err != nil || len(left) > 0 {
		t.Errorf("there is still %q: %v", left, err)
	}
}

func TestAPassphraseIsAskedForAtTheTerminal(t *testing.T) {
	dir := plainProfile(t)
	var prompts []string
	answer := func(words ...string) setting {
		return func(sh *shell) {
			sh.secret = func(prompt string) (string, error) {
				prompts = append(prompts, prompt)
				word := words[0]
				words = words[1:]
				return word, nil
			}
		}
	}
	args := []string{"account", "passphrase", "--profile", dir}
	_, errs := p2pWith(t, exitUsage, args, answer("sesame", "sesam"))
	oneLineSays(t, errs, "differ")
	keptIn(t, dir, "")
	p2pWith(t, exitDone, args, answer("sesame", "sesame"))
	keptIn(t, dir, "sesame")
	prompts = nil
	p2pWith(t, exitDone, args, answer("sesame", "open", "open"))
	keptIn(t, dir, "open")
	if len(prompts) != 3 || !strings.Contains(prompts[0], "of the history") || !strings.Contains(prompts[1], "new") {
		t.Errorf("it asks %q", prompts)
	}
	p2pWith(t, exitDone, append(args, "--remove"), answer("open"))
	keptIn(t, dir, "")
}

// TestAPlainProfileIsNotEncryptedByTheWay starts nodes with a passphrase on it.
func TestAPlainProfileIsNotEncryptedByTheWay(t *testing.T) {
	dir := plainProfile(t)
	pass := filepath.Join(folder(t, map[string]string{"pass": "sesame\n"}), "pass")
	_, errs := p2pWith(t, exitUsage, []string{"serve", "--profile", dir, "--passphrase-file", pass}, func(sh *shell) { sh.person = openPerson })
	oneLineSays(t, errs, "not encrypted", "p2p account passphrase")
	keptIn(t, dir, "")
}

func TestThePassphraseOfAProfileInUseOrOfNoneIsNotChanged(t *testing.T) {
	dir := plainProfile(t)
	pass := filepath.Join(folder(t, map[string]string{"pass": "sesame\n"}), "pass")
	args := []string{"account", "passphrase", "--passphrase-file", pass, "--profile"}
	withHistory(t, dir, "", func(*history.Archive) error {
		_, errs := p2pWith(t, exitBusy, append(args, dir))
		oneLineSays(t, errs, "is running", "--stop")
		_, errs = p2pWith(t, exitBusy, []string{"serve", "--profile", dir}, func(sh *shell) { sh.person = openPerson })
		oneLineSays(t, errs, "has the history", "changing its passphrase") // as while it is changed
		return nil
	})
	keptIn(t, dir, "")
	none := filepath.Join(t.TempDir(), "none")
	_, errs := p2pWith(t, exitNotFound, append(args, none))
	oneLineSays(t, errs, none, "p2p serve --passphrase-file")
	if _, err := os.Stat(none); err == nil {
		t.Error("it is made")
	}
}

// A node that a command starts gets the passphrase from the file that the caller names, from his folder, or from his terminal.
func TestACommandThatStartsTheNodeTellsItThePassphrase(t *testing.T) {
	reincarnate(t)
	dir, err := os.MkdirTemp("", "p2p") // the path of a socket has a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	withHistory(t, dir, "sesame", func(*history.Archive) error { return nil })
	t.Chdir(folder(t, map[string]string{"pass": "sesame\n", "wrong": "x\n"}))
	types := func(word string) setting {
		return func(sh *shell) {
			sh.secret = func(prompt string) (string, error) {
				if !strings.Contains(prompt, "of the history") {
					t.Errorf("it asks %q", prompt)
				}
				return word, nil
			}
		}
	}
	for _, c := range []struct {
		code int
		args []string
		set  setting
	}{
		{exitRefused, nil, withEnv()},
		{exitRefused, []string{"--passphrase-file", "wrong"}, types("sesame")},
		{exitRefused, nil, types("x")},
		{exitUsage, []string{"--passphrase-file", "-"}, types("sesame")},
		{exitDone, []string{"--passphrase-file", "pass"}, withEnv()},
		{exitDone, nil, withEnv("P2P_PASSPHRASE_FILE", "pass")},
		{exitDone, nil, types("sesame")},
	} {
		_, errs := p2pWith(t, c.code, append([]string{"contact", "list", "--profile", dir, "--linger", "1m"}, c.args...), c.set)
		switch c.code {
		case exitRefused:
			if !strings.Contains(errs, "--passphrase-file FILE") {
				t.Errorf("%q: it says %s", c.args, errs)
			}
		case exitDone:
			p2p(t, exitDone, "serve", "--stop", "--profile", dir)
			awaitNobody(t, dir)
		}
	}
}

// awaitNobody waits until the node of a profile has ended.
func awaitNobody(t *testing.T, dir string) {
	t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		encrypted, err := people.Encrypted(dir)
		if err == nil && encrypted {
			return
		}
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
}
