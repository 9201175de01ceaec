package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envName returns the variable that is the default of a flag: --down-limit has
// P2P_DOWN_LIMIT, and for get alone P2P_GET_DOWN_LIMIT.
func envName(words ...string) string {
	name := strings.ToUpper("p2p_" + strings.Join(words, "_"))
	return strings.NewReplacer("-", "_", " ", "_").Replace(name)
}

// applyEnvironment gives every flag that is not on the command line its value
// from the environment: the variable of the command first, then the one that
// all commands share. An empty variable is one that is not set.
func (a *app) applyEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "version" || failed != nil {
			return
		}
		for _, name := range []string{envName(cmd.Name(), f.Name), envName(f.Name)} {
			value := a.env(name)
			if value == "" {
				continue
			}
			if err := setFromEnvironment(f, value); err != nil {
				failed = a.usage("usage.env", name, value, a.takes(f, err))
			}
			return
		}
	})
	return failed
}

// setFromEnvironment splits the value of a flag that may be repeated at blanks.
func setFromEnvironment(f *pflag.Flag, value string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return f.Value.Set(value)
	}
	return list.Replace(strings.Fields(value))
}

// stateDir returns the folder for what p2p remembers between runs, or "" when
// the environment names no home, which means to remember nothing.
func (a *app) stateDir() string {
	var parts []string
	switch {
	case runtime.GOOS == "windows":
		parts = []string{a.env("LocalAppData"), "p2p"}
	case filepath.IsAbs(a.env("XDG_STATE_HOME")): // the specification ignores relative ones
		parts = []string{a.env("XDG_STATE_HOME"), "p2p"}
	default:
		parts = []string{a.env("HOME"), ".local", "state", "p2p"}
	}
	if parts[0] == "" {
		return ""
	}
	return filepath.Join(parts...)
}

// usableStateDir is stateDir, made if it was not there, or "" and a word about
// it where it cannot be: a service without a home folder can download all the
// same.
func (a *app) usableStateDir() string {
	dir := a.stateDir()
	if dir == "" {
		return ""
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		a.say("state.none", err)
		return ""
	}
	return dir
}
