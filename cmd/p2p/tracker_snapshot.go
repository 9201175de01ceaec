package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/memory"
	"p2p/tracker/metrics"
)

const (
	// snapshotName is that of the peers in the data folder.
	snapshotName = "snapshot"
	// snapshotOff is the --snapshot that is none.
	snapshotOff = "off"
	// snapshotRest is what a snapshot rests after every step while the tracker
	// serves; ten million peers in large swarms then take two seconds or so.
	snapshotRest = time.Millisecond
)

// snapshots keep the peers of a tracker in a file, so that the next one starts with
// them. Its methods are not for several goroutines, but for those of figures.
type snapshots struct {
	path  string        // empty for none
	every time.Duration // 0 for only at the end
	ttl   time.Duration // of a peer
	store *memory.Store
	log   *zap.Logger

	saved, took, failed atomic.Int64 // Unix time, nanoseconds, count
}

// open makes sure that a file can be written, and restores the peers that are in
// it. One that is bad costs those peers, and never the start.
func (s *snapshots) open() error {
	if s.path == "" {
		return nil
	}
	dir := filepath.Dir(s.path)
	probe, err := os.CreateTemp(dir, ".p2p-")
	if err != nil {
		return fmt.Errorf("keep the peers in %s: %w", s.path, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("keep the peers in %s: %w", s.path, err)
	}
	s.restore()
	return nil
}

func (s *snapshots) restore() {
	began := time.Now()
	peers, err := s.store.Load(s.path, began.Add(-s.ttl), began)
	log := s.log.With(zap.String("file", s.path), zap.Int("peers", peers), zap.Duration("took", time.Since(began)))
	switch {
	case err == nil:
		log.Info("peers restored from the snapshot")
	case errors.Is(err, fs.ErrNotExist):
		s.log.Info("there is no snapshot of the peers yet", zap.String("file", s.path))
	case errors.Is(err, memory.ErrForeign):
		s.log.Warn("the file for the snapshot is another program's: it is left alone, and the peers are not kept; "+
			"remove it or give another --snapshot", zap.String("file", s.path))
		s.path = ""
	default:
		log.Warn("the snapshot cannot be read: the peers that are missing come back as they announce; "+
			"the next snapshot replaces it", zap.Error(err))
	}
}

// run takes a snapshot now and then, until ctx ends.
func (s *snapshots) run(ctx context.Context) {
	if s.path == "" || s.every <= 0 {
		return
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.save(snapshotRest)
		}
	}
}

// save takes a snapshot.
func (s *snapshots) save(rest time.Duration) {
	if s.path == "" {
		return
	}
	began := time.Now()
	if err := s.store.Save(s.path, began, rest); err != nil {
		s.failed.Add(1)
		s.log.Error("the snapshot of the peers was not written; the one before stays", zap.Error(err))
		return
	}
	took := time.Since(began)
	s.saved.Store(began.Unix())
	s.took.Store(int64(took))
	s.log.Debug("snapshot of the peers written", zap.String("file", s.path), zap.Duration("took", took))
}

// figures tell how the snapshots go.
func (s *snapshots) figures() []metrics.Figure {
	if s.path == "" {
		return nil
	}
	return []metrics.Figure{
		{Name: "snapshot_timestamp_seconds", Help: "When the last snapshot of the peers was taken, Unix time; 0 for never.",
			Value: func() float64 { return float64(s.saved.Load()) }},
		{Name: "snapshot_duration_seconds", Help: "How long the last snapshot took.",
			Value: func() float64 { return time.Duration(s.took.Load()).Seconds() }},
		{Name: "snapshot_failures_total", Help: "Snapshots that could not be written.", Counter: true,
			Value: func() float64 { return float64(s.failed.Load()) }},
	}
}
