package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"p2p/piece"
	"p2p/piece/store"
)

// settleTime is how long content must stay as it is before what a check has found
// is believed: somebody may be copying it back. The times of files may have whole
// seconds.
const settleTime = 2100 * time.Millisecond

// again goes on when the files have failed. What somebody has written to may be the
// same all the same, so nobody gets any of it until it was hashed; if it is not, the
// seeding ends as it would not have begun.
func (x *transfer) again(ctx context.Context, why error) error {
	file, named := errors.AsType[*fs.PathError](why)
	if !named || !store.Touched(why) {
		return why
	}
	x.unwatch()
	key := "seed.touched"
	if errors.Is(why, fs.ErrNotExist) {
		key = "seed.gone"
	}
	x.app.say(key, file.Path)
	x.app.emit(event("content_changed", map[string]any{"path": file.Path, "missing": key == "seed.gone"}))
	wanted, paths := x.store.Wanted(), pathsOf(x.store)
	x.checked = piece.NewBitfield(wanted.Len())
	if err := x.part(); err != nil {
		return err
	}
	err := x.recheck(ctx, wanted, paths)
	if err != nil {
		return err
	}
	if bad := count(wanted, x.checked); bad > 0 {
		return x.incomplete(bad)
	}
	return x.rejoin(ctx)
}

// part ends the exchange with peers, and closes the files.
func (x *transfer) part() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	err := errors.Join(x.swarm.Close(ctx), x.store.Close())
	x.store = nil
	return err
}

// recheck finds out what is there, for as long as somebody is changing it. The files
// are open only if everything is there.
func (x *transfer) recheck(ctx context.Context, wanted *piece.Bitfield, paths []string) error {
	for {
		before := looks(paths)
		have, err := x.reopen(ctx)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			have = piece.NewBitfield(wanted.Len())
		case err != nil:
			return err
		}
		x.checked = have
		if count(wanted, have) == 0 {
			return nil
		}
		if x.store != nil {
			err := x.store.Close()
			if x.store = nil; err != nil {
				return err
			}
		}
		if !pause(ctx, settleTime) {
			return context.Cause(ctx)
		}
		if slices.Equal(before, looks(paths)) {
			return nil
		}
	}
}

// reopen opens the files once more and checks them.
func (x *transfer) reopen(ctx context.Context) (have *piece.Bitfield, err error) {
	if x.store, err = x.files(); err != nil {
		x.store = nil
		return nil, err
	}
	return x.check(ctx)
}

// rejoin begins the exchange with peers once more. What went before counts in the
// end.
func (x *transfer) rejoin(ctx context.Context) error {
	have, past := x.checked, x.stats()
	if err := x.store.Checkpoint(ctx, have); err != nil {
		return err
	}
	t := x.shared
	t.Have = have
	if err := x.join(t); err != nil {
		return err
	}
	x.checked, x.past = nil, past.Stats
	x.app.say("seed.same")
	x.watch()
	return nil
}

// incomplete is why content cannot be shared of which pieces are bad: the same as at
// the start.
func (x *transfer) incomplete(bad int) error {
	pieces, all := x.app.text.Count("count.pieces", bad), x.t.Info.Layout().Pieces()
	switch {
	case x.target != "":
		return x.app.fail(exitMismatch, "seed.incomplete", pieces, all, x.path, x.target)
	case !exists(x.path):
		return &fs.PathError{Op: "share", Path: x.path, Err: fs.ErrNotExist}
	}
	return x.app.fail(exitMismatch, "seed.stale", x.path, pieces, all)
}

// count returns how many wanted pieces are not there.
func count(wanted, have *piece.Bitfield) (n int) {
	for range wanted.AndNot(have) {
		n++
	}
	return n
}

// fileLook is what tells that somebody is writing to a file.
type fileLook struct {
	size int64
	time time.Time
}

// looks returns what the files look like; zero for those that are not there.
func looks(paths []string) []fileLook {
	all := make([]fileLook, len(paths))
	for i, path := range paths {
		if fi, err := os.Stat(path); err == nil {
			all[i] = fileLook{fi.Size(), fi.ModTime()}
		}
	}
	return all
}

// pathsOf returns where the files of a store are.
func pathsOf(s *store.Store) (paths []string) {
	for _, f := range s.Files() {
		if !f.Pad {
			paths = append(paths, f.Path)
		}
	}
	return paths
}
