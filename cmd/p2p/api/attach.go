package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	startWait = 30 * time.Second // for a node to answer: its history may have to be migrated
	pollEvery = 20 * time.Millisecond
	maxLog    = 4 << 20 // bytes, when a node is started; a longer log begins anew
	shownLog  = 2 << 10 // bytes of it that an error shows
)

// StartError is the error of a node that does not come up.
type StartError struct {
	Log  string // path
	Tail string // the end of what it wrote there; foreign bytes may be in it
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("start the node: %v (log: %s)", e.Err, e.Log) }

func (e *StartError) Unwrap() error { return e.Err }

// errSlow is the cause of a node that runs and does not answer.
var errSlow = errors.New("no answer in time")

// Attach returns a client of the node of a profile. If none runs it starts one: command is a program and its
// arguments, which becomes a process of its own that outlives this one, with input on its stdin, writing to a log in the profile.
// Two that attach at once start one. Errors: *StartError, those of Dial but ErrNoNode.
func Attach(ctx context.Context, profile string, command []string, input []byte) (*Client, error) {
	if c, err := Dial(ctx, profile); !errors.Is(err, ErrNoNode) {
		return c, err
	}
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return nil, fmt.Errorf("open profile: %w", err)
	}
	starting := newLock(profile, startFile)
	defer starting.Close()
	if _, err := starting.TryLockContext(ctx, pollEvery); err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	if c, err := Dial(ctx, profile); !errors.Is(err, ErrNoNode) { // somebody was faster
		return c, err
	}
	return start(ctx, profile, command, input)
}

// start runs command and waits until it answers.
func start(ctx context.Context, profile string, command []string, input []byte) (*Client, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, errSlow)
	defer cancel()
	log, err := openLog(LogPath(profile))
	if err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = profile, bytes.NewReader(input), log, log
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the node: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c, err := await(ctx, profile, ended)
	if err != nil {
		return nil, &StartError{Log: log.Name(), Tail: tail(log, begin), Err: err}
	}
	return c, nil
}

// await asks until the node answers or has ended. One that ended because somebody else started one at the
// same moment, by hand, leaves that one to be asked.
func await(ctx context.Context, profile string, ended <-chan error) (*Client, error) {
	var over error
	for {
		c, err := Dial(ctx, profile)
		if err == nil {
			return c, nil // any error is one of a node that is not there yet, or hangs up since it cannot open
		}
		if over != nil {
			if other, err := running(profile); err != nil || !other {
				return nil, over
			}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case err := <-ended:
			if over = err; over == nil {
				over = errors.New("it ended at once")
			}
		case <-time.After(pollEvery):
		}
	}
}

// openLog opens a log to append to.
func openLog(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > maxLog {
		err = f.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tail returns the end of what was written to f since begin.
func tail(f *os.File, begin int64) string {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	text := make([]byte, min(max(end-begin, 0), shownLog))
	if _, err := f.ReadAt(text, end-int64(len(text))); err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}
