package main

import (
	"context"
	"sync/atomic"

	"p2p/cmd/p2p/progress"
	"p2p/piece/store"
	"p2p/torrentfile"
)

// openStore opens the files of a torrent for verb. Where there are very many, or the
// disk is slow, to look for them takes long, so it is shown, and ends with ctx.
func (a *app) openStore(ctx context.Context, verb, dir string, info *torrentfile.Info, o store.Options) (*store.Store, error) {
	var looked atomic.Int64
	stop := a.watch(view{silent: true, snapshot: func() progress.Snapshot {
		return progress.Snapshot{Verb: verb, Name: info.Name, State: progress.Looking, FilesDone: int(looked.Load()), Files: len(info.Files)}
	}})
	defer stop()
	o.Look = func(files int) error {
		looked.Store(int64(files))
		return ctx.Err()
	}
	s, err := store.Open(dir, info, o)
	return s, stopCause(ctx, err)
}
