package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release. A release build sets it with -ldflags.
var version = "0.1.0"

// build describes the program: `p2p version -j`.
type build struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit"` // empty when built without a repository
	Date     string   `json:"date"`   // of the commit, RFC 3339
	Go       string   `json:"go"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Features []string `json:"features"`
}

// features names the BEPs that the program speaks: those of the table in the README.
func features() []string {
	var all []string
	for _, n := range []int{3, 6, 7, 9, 10, 11, 12, 15, 20, 23, 24, 27, 31, 41, 47, 48} {
		all = append(all, fmt.Sprintf("bep%d", n))
	}
	return all
}

func thisBuild() build {
	b := build{
		Version:  version,
		Go:       runtime.Version(),
		OS:       runtime.GOOS,
		Arch:     runtime.GOARCH,
		Features: features(),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				b.Commit += "+changes"
			}
		}
	}
	return b
}

// clientName is how the program introduces itself to peers (BEP 10).
func clientName() string { return "p2p " + version }

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   a.text.Say("version.short"),
		Example: "p2p version\np2p version -j | jq -r .commit",
		Args:    a.none,
		RunE:    func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

func (a *app) printVersion() error {
	b := thisBuild()
	if a.globals.json {
		return writeJSON(a.out, b)
	}
	line := "p2p " + b.Version
	if b.Commit != "" {
		line += " (" + b.Commit[:min(12, len(b.Commit))] + ")"
	}
	_, err := fmt.Fprintf(a.out, "%s %s %s/%s\n", line, b.Go, b.OS, b.Arch)
	return err
}
