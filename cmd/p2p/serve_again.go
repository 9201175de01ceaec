package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"p2p/cmd/p2p/api"
)

// A node that has died is started again by the next command that needs it (attach), and is to be what it was: at the same
// address, with the same limits. So serve keeps its flags in the profile while it runs. A node that ends in good order
// takes them away: what comes after it is another one.

// againFlags are the flags of serve that a node is started again with.
var againFlags = []string{"listen", "tracker", "directory", "downloads", "down-limit", "up-limit", "label", "passphrase-file", "api", "linger"}

// pathFlags are those of them that mean a file, seen from where serve was started.
var pathFlags = []string{"downloads", "passphrase-file"}

// againFile returns where serve keeps its flags.
func againFile(profile string) string { return filepath.Join(profile, "flags.json") }

// given returns the flags that were set, on the command line or by the environment, as arguments of another serve; and always
// how long it lives, since who starts it again says another time.
func given(flags *pflag.FlagSet) (args []string, err error) {
	for _, name := range againFlags {
		f := flags.Lookup(name)
		if !f.Changed && f.Value.String() == f.DefValue && name != "linger" {
			continue
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			if slices.Contains(pathFlags, name) {
				if v == "-" { // nobody is at its stdin
					continue
				}
				if v, err = filepath.Abs(v); err != nil {
					return nil, err
				}
			}
			args = append(args, "--"+name+"="+v)
		}
	}
	return args, nil
}

// keepFlags keeps args for who starts the node again.
func keepFlags(profile string, args []string) error {
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	return api.Replace(againFile(profile), append(text, '\n'))
}

func forgetFlags(profile string) error {
	if err := os.Remove(againFile(profile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keptFlags returns the flags of a node that did not end in good order, none for any other. What cannot be read is as none: a
// node with the usual flags is better than none.
func keptFlags(profile string) (args []string) {
	text, err := os.ReadFile(againFile(profile))
	if err != nil || json.Unmarshal(text, &args) != nil {
		return nil
	}
	return args
}
