package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/space"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/torrentfile"
)

// Bounds of the measurements: addresses of the loopback network, and patience.
const (
	maxBenchPeers = 1000
	maxBenchReps  = 1000
)

// slowestRate is what every client is expected to do: a run has failed when it
// takes longer.
const slowestRate = 2 << 20

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   a.text.Say("bench.short"),
		Long:    a.text.Say("bench.long"),
		Example: "p2p bench swarm\np2p bench compare\np2p bench hash\np2p bench tracker\np2p bench chat",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.usage("usage.unknown_command", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.benchSwarmCommand(), a.benchCompareCommand(), a.benchHashCommand(), a.benchProfileCommand(), a.benchTrackerCommand(), a.benchManyCommand(), a.benchChatCommand(), a.benchPartCommand())
	return cmd
}

// benchFlags are the flags of every measurement.
type benchFlags struct {
	size        units.Size
	pieceLength units.Size
	reps        int
	dir         string
	sparse      bool
}

func (f *benchFlags) add(cmd *cobra.Command, a *app) {
	say := a.text.Say
	cmd.Flags().Var(&f.size, "size", say("bench.size"))
	cmd.Flags().Var(&f.pieceLength, "piece-length", say("make.piece_length"))
	cmd.Flags().IntVar(&f.reps, "reps", f.reps, say("bench.reps"))
	cmd.Flags().StringVar(&f.dir, "dir", "", say("bench.dir"))
	cmd.Flags().BoolVar(&f.sparse, "sparse", false, say("bench.sparse"))
}

// check refuses numbers that make no sense, or would take for ever.
func (f *benchFlags) check(a *app) error {
	if f.size <= 0 {
		return a.usage("usage.demo_size")
	}
	return cmp.Or(a.between("reps", f.reps, maxBenchReps), a.checkPieceLength(f.pieceLength))
}

// between requires a flag to be 1 to most.
func (a *app) between(flag string, value, most int) error {
	if value < 1 || value > most {
		return a.usage("usage.between", flag, value, most)
	}
	return nil
}

// benchPlace returns the folder to measure in: the one that the user wants, else
// one whose files are in memory, because the disk is not what is measured, else
// the system's for temporary files. It must have room for so many bytes.
func (a *app) benchPlace(dir string, need int64) (string, error) {
	candidates := []string{lab.Memory, os.TempDir()}
	if dir != "" {
		candidates = []string{dir}
	}
	best := int64(0)
	for _, c := range candidates {
		if c == "" {
			continue
		}
		free, known := space.Free(c)
		if !known || free >= need {
			return c, nil
		}
		best = max(best, free)
	}
	return "", a.fail(exitDiskFull, "bench.no_room", units.FormatBytes(need), units.FormatBytes(best))
}

// openLab makes a place for measurements, with the original file and its torrent
// in it. There is room for so many copies. The caller closes it.
func (a *app) openLab(ctx context.Context, f benchFlags, copies int) (*lab.Lab, string, error) {
	place, err := a.benchPlace(f.dir, int64(f.size)*int64(1+copies)+64<<20)
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	l, err := lab.Open(self, place)
	if err != nil {
		return nil, "", err
	}
	if err := a.fillLab(ctx, l, f); err != nil {
		return nil, "", errors.Join(stopCause(ctx, err), l.Close())
	}
	return l, place, nil
}

func (a *app) fillLab(ctx context.Context, l *lab.Lab, f benchFlags) error {
	if err := l.MakeFolders(); err != nil {
		return err
	}
	if err := f.makeData(ctx, l.Data()); err != nil {
		return err
	}
	m, err := a.makeTorrent(ctx, "bench", l.Data(), torrentfile.CreateOptions{
		Announce: [][]string{{l.Announce()}}, PieceLength: int64(f.pieceLength), CreatedBy: clientName(),
	})
	if err != nil {
		return err
	}
	b, err := m.Encode()
	if err != nil {
		return err
	}
	if err := a.saveTorrent(l.TorrentPath(), b, false); err != nil {
		return err
	}
	l.Use(m.InfoHash, m.Info.Total(), m.Info.Layout().PieceLen())
	return nil
}

// makeData makes the original file.
func (f *benchFlags) makeData(ctx context.Context, name string) error {
	if !f.sparse {
		return makeData(ctx, name, int64(f.size))
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		return err
	}
	return os.Truncate(name, int64(f.size))
}

// machine says in a few words where the measurements are made.
func machine() string {
	return fmt.Sprintf("%d CPU, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// benchStart is the first JSON line of a measurement.
type benchStart struct {
	MessageType string `json:"message_type"` // start
	Schema      int    `json:"schema"`
	Version     string `json:"version"`
	Command     string `json:"command"`
	SizeBytes   int64  `json:"size_bytes"`
	PieceLength int64  `json:"piece_length"`
	Reps        int    `json:"reps"`
	Seeds       int    `json:"seeds,omitempty"`
	Leeches     int    `json:"leeches,omitempty"`
	UpLimit     int64  `json:"up_limit,omitempty"` // of each sender
	Workers     int    `json:"workers,omitempty"`
	Dir         string `json:"dir"`
	CPUs        int    `json:"cpus"`
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Go          string `json:"go"`
}

func (f *benchFlags) start(command, dir string, l *lab.Lab) benchStart {
	return benchStart{
		MessageType: "start", Schema: schema, Version: version, Command: command,
		SizeBytes: int64(f.size), PieceLength: l.PieceLength(), Reps: f.reps, Dir: dir,
		CPUs: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(),
	}
}

// benchMeter is how far a series of runs is, in bytes to be transferred. Its
// methods may be called from any goroutine.
type benchMeter struct {
	begin time.Time
	total int64

	mu          sync.Mutex
	name        string
	seeds, gets int
	before      int64 // bytes of the runs before this one
	within      int64 // and of this one, as far as its client tells
}

// next begins a run.
func (m *benchMeter) next(name string, seeds, gets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name, m.seeds, m.gets, m.within = name, seeds, gets, 0
}

// add notes that bytes of the run have arrived.
func (m *benchMeter) add(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.within += bytes
}

// finish notes that the run, of so many bytes, is over.
func (m *benchMeter) finish(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.within = m.before+bytes, 0
}

func (m *benchMeter) snapshot() progress.Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	elapsed := time.Since(m.begin)
	done := m.before + m.within
	return progress.Snapshot{
		Verb: "bench", Name: text.Printable(m.name), State: progress.Downloading, Elapsed: elapsed,
		Done: done, Total: m.total, Down: meanRate(done, elapsed), Peers: m.seeds + m.gets, Seeds: m.seeds,
	}
}

// watchBench shows how far a series of runs is, on a terminal: elsewhere the line
// that each run ends with does.
func (a *app) watchBench(snapshot func() progress.Snapshot, broken context.CancelCauseFunc) (stop func()) {
	if !a.errTTY {
		return func() {}
	}
	return a.watch(view{snapshot: snapshot, silent: true, broken: broken})
}

// limitFor is how long a run may take that moves so many bytes.
func limitFor(bytes int64) time.Duration {
	return time.Minute + time.Duration(float64(bytes)/slowestRate*float64(time.Second))
}

// seconds writes a time with as many digits as it deserves.
func seconds(s float64) string {
	switch {
	case s <= 0:
		return "–"
	case s < 10:
		return fmt.Sprintf("%.2f", s)
	case s < 100:
		return fmt.Sprintf("%.1f", s)
	}
	return fmt.Sprintf("%.0f", s)
}

// known writes a number of bytes, of which -1 is one that nobody knows.
func known(n int64) string {
	if n < 0 {
		return "–"
	}
	return units.FormatBytes(n)
}

// times writes a ratio.
func times(r float64) string {
	if r <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", r)
}
