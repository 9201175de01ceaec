package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// The files of a profile that this package owns.
const (
	socketFile   = "node.sock"
	endpointFile = "node.json"  // where the loopback network leads to it, and the token
	lockFile     = "node.lock"  // held while there is a node
	startFile    = "start.lock" // held by who starts one
	logFile      = "node.log"   // what a node writes that a command started
)

// SocketPath returns where the node of a profile has its socket.
func SocketPath(profile string) string { return filepath.Join(profile, socketFile) }

// EndpointPath returns where a node that answers on the loopback network says where, and its token.
func EndpointPath(profile string) string { return filepath.Join(profile, endpointFile) }

// LogPath returns where a node that Attach started writes its log.
func LogPath(profile string) string { return filepath.Join(profile, logFile) }

// HasProfile reports whether somebody has begun to use a folder as a profile.
func HasProfile(dir string) bool {
	for _, file := range []string{lockFile, startFile} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return true
		}
	}
	return false
}

// endpoint is the content of endpointFile.
type endpoint struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// newLock returns a lock on a file of a profile. The system gives it up when the process dies; the
// file stays, since removing it could take it away from under somebody who has just opened it.
func newLock(profile, name string) *flock.Flock {
	return flock.New(filepath.Join(profile, name), flock.SetPermissions(0o600))
}

// running reports whether a node holds the profile's lock.
func running(profile string) (bool, error) {
	l := newLock(profile, lockFile)
	free, err := l.TryRLock()
	if errors.Is(err, fs.ErrNotExist) { // nor is the folder
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a node: %w", err)
	}
	return !free, l.Close()
}

// Ended waits until no node holds a profile. The error is that of ctx, or of the lock.
func Ended(ctx context.Context, profile string) error {
	for {
		held, err := running(profile)
		if err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollEvery):
		}
	}
}

// write puts e into its file, which nobody else can read at any moment.
func (e endpoint) write(profile string) error {
	text, err := json.Marshal(e)
	if err == nil {
		err = Replace(filepath.Join(profile, endpointFile), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the token: %w", err)
	}
	return nil
}

// readEndpoint returns where the node answers on the loopback network. There is none without a node that
// holds the profile's lock: the file of one that was killed names a port which may be anybody's by
// now, and who has it must not be told a password.
func readEndpoint(profile string) (e endpoint, err error) {
	held, err := running(profile)
	if err != nil {
		return e, err
	}
	if !held {
		return e, ErrNoNode
	}
	text, err := os.ReadFile(filepath.Join(profile, endpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, ErrNoNode
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("read %s: %w", endpointFile, err)
	}
	return e, nil
}
