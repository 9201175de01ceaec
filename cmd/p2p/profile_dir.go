package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/people"
)

// dataDir returns the folder for what people keep, or "" when the environment names no home.
func (a *app) dataDir() string {
	if runtime.GOOS == "windows" {
		if dir := a.env("LocalAppData"); dir != "" {
			return filepath.Join(dir, "p2p", "profiles")
		}
		return ""
	}
	if dir := a.env("XDG_DATA_HOME"); filepath.IsAbs(dir) { // the specification ignores relative ones
		return filepath.Join(dir, "p2p")
	}
	if dir := a.env("HOME"); dir != "" {
		return filepath.Join(dir, ".local", "share", "p2p")
	}
	return ""
}

// profileDir returns the folder of a profile: of one that is named, in the folder for data, or the folder itself, which is absolute or
// begins with ./. A slip must not fill a folder of somebody else's with keys and locks: what has other things in it is no
// profile. One that there is already is taken however it is written.
func (a *app) profileDir(profile string) (string, error) {
	if profile == "" {
		profile = "default"
	}
	dir := profile
	if profile == filepath.Base(profile) && !strings.HasPrefix(profile, ".") && filepath.VolumeName(profile) == "" {
		data := a.dataDir()
		if data == "" {
			return "", a.usage("usage.profile")
		}
		dir = filepath.Join(data, profile)
	}
	dir, err := filepath.Abs(dir)
	if err != nil || api.HasProfile(dir) || people.HasHistory(dir) {
		return dir, err
	}
	if !isProfileName(profile) && !isProfilePath(profile) {
		return "", a.usage("usage.profile_name", profile)
	}
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case len(entries) > 0:
		return "", a.usage("usage.profile_foreign", dir)
	}
	return dir, nil
}

func isProfileName(s string) bool {
	return !strings.HasPrefix(s, ".") && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
	})
}

func isProfilePath(s string) bool {
	return filepath.IsAbs(s) || strings.HasPrefix(s, "."+string(filepath.Separator)) || strings.HasPrefix(s, "./")
}
