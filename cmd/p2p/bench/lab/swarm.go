package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Swarm is one run: who sends the original file, and who gets it.
type Swarm struct {
	Client  string // one of the constants
	Seeds   int    // a server is one, whatever this says
	Leeches int
	UpLimit int64         // of each sender, bytes a second; 0 = none; P2P and Web only
	Stay    bool          // who is done goes on sending until all are; P2P only
	Limit   time.Duration // after which the run has failed
	Profile bool          // keep CPU profiles for Profiles; P2P only

	// Progress, if it is not nil, is told how many bytes more have arrived, from
	// several goroutines. Only P2P tells.
	Progress func(bytes int64)
}

// Result is what was measured in one run. All copies were right.
type Result struct {
	Finish []time.Duration // when each downloader had everything, the first first
	Get    Usage           // of the downloaders: CPU of all together, memory of the largest
	Send   Usage           // of the seeders or the server, while the run lasted
	Wasted int64           // bytes that came more than once or were bad; -1 = not known
	Sent   int64           // bytes of the file that the seeders or the server sent; -1 = not known
}

// Wall is when the last downloader had everything.
func (r Result) Wall() time.Duration { return r.Finish[len(r.Finish)-1] }

// ErrDiffers is the error of a copy that is not like the original.
var ErrDiffers = errors.New("a copy differs from the original")

// run is a Swarm at work.
type run struct {
	lab    *Lab
	swarm  Swarm
	client client
	seeds  []*member
	gets   []*member
	begin  time.Time
}

// member is one process of a run with what it tells.
type member struct {
	*process
	report report
	out    string
	before Usage // when the downloads began
}

// Run makes one run. Its processes have ended when it returns.
func (l *Lab) Run(ctx context.Context, s Swarm) (Result, error) {
	c, ok := clients[s.Client]
	if !ok {
		return Result{}, fmt.Errorf("no client is called %q", s.Client)
	}
	if c.server {
		s.Seeds = 1
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout+s.Limit)
	defer cancel()
	r := &run{lab: l, swarm: s, client: c}
	defer r.kill()
	if err := l.forgetPeers(ctx); err != nil {
		return Result{}, err
	}
	if err := r.startSeeds(ctx); err != nil {
		return Result{}, err
	}
	if err := r.startGets(ctx); err != nil {
		return Result{}, err
	}
	finish, err := r.await(ctx)
	if err != nil {
		return Result{}, err
	}
	result := r.finish(finish)
	return result, r.compare(ctx)
}

// profile returns where the process of one place leaves its profile, if it does.
func (r *run) profile(verb string, i int) string {
	if !r.swarm.Profile {
		return ""
	}
	return filepath.Join(r.lab.dir, fmt.Sprintf("%s%d.pprof", verb, i))
}

// recipe makes the command of a process for its place.
type recipe func(*Lab, Swarm, spot) (command, error)

func (r *run) start(ctx context.Context, how recipe, at spot) (*member, error) {
	c, err := how(r.lab, r.swarm, at)
	if err != nil {
		return nil, err
	}
	m := &member{out: at.out, report: newReport(r.swarm.Progress)}
	if m.process, err = start(ctx, c, m.report.line); err != nil {
		return nil, err
	}
	return m, nil
}

func (r *run) startSeeds(ctx context.Context) error {
	var processes []*process
	for i := range r.swarm.Seeds {
		at := spot{address: seedAddress(i), state: filepath.Join(r.lab.dir, "state-seed"), profile: r.profile("seed", i)}
		m, err := r.start(ctx, r.client.seed, at)
		if err != nil {
			return err
		}
		r.seeds = append(r.seeds, m)
		processes = append(processes, m.process)
		if i == 0 && !r.client.server {
			// The others find in its records what it has hashed, where they know p2p's.
			if err := r.lab.awaitSeeds(ctx, 1, processes); err != nil {
				return err
			}
		}
	}
	if r.client.server {
		return r.seeds[0].awaitServer(ctx)
	}
	return r.lab.awaitSeeds(ctx, r.swarm.Seeds, processes)
}

// awaitServer waits until the server has told where it is.
func (m *member) awaitServer(ctx context.Context) error {
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	select {
	case <-m.report.ready:
		return nil
	case <-m.ended:
		return m.failure()
	case <-late.C:
		return errors.New("the server does not start")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *run) startGets(ctx context.Context) error {
	places := make([]spot, r.swarm.Leeches)
	for i := range places {
		name := filepath.Join(r.lab.dir, fmt.Sprintf("get%d", i))
		at := spot{address: leechAddress(i), out: filepath.Join(name, "out"), state: filepath.Join(name, "state"), profile: r.profile("get", i)}
		if r.client.server {
			at.server = r.seeds[0].report.address
		}
		if err := errors.Join(os.RemoveAll(name), os.MkdirAll(at.out, 0o755)); err != nil {
			return err
		}
		places[i] = at
	}
	for _, m := range r.seeds {
		m.before, _ = liveUsage(m.cmd.Process.Pid) // unknown is zero: its start counts too, then
	}
	r.begin = time.Now()
	for _, at := range places {
		m, err := r.start(ctx, r.client.get, at)
		if err != nil {
			return err
		}
		r.gets = append(r.gets, m)
	}
	return nil
}

// await returns when each downloader had everything.
func (r *run) await(ctx context.Context) ([]time.Duration, error) {
	late := time.NewTimer(r.swarm.Limit)
	defer late.Stop()
	var all []time.Duration
	for _, m := range r.gets {
		complete := m.report.complete
		if !r.swarm.Stay {
			complete = nil // it ends when it is
		}
		select {
		case <-complete:
			all = append(all, m.report.completed.Sub(r.begin))
		case <-m.ended:
			if m.err != nil || r.swarm.Stay {
				return nil, errors.Join(context.Cause(ctx), m.failure())
			}
			all = append(all, m.end.Sub(r.begin))
		case <-late.C:
			return nil, fmt.Errorf("not finished after %v", r.swarm.Limit)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	slices.Sort(all)
	return all, nil
}

// finish stops the processes and adds up what they used.
func (r *run) finish(finish []time.Duration) Result {
	result := Result{Finish: finish, Wasted: -1, Sent: -1}
	during := make([]Usage, len(r.seeds))
	for i, m := range r.seeds {
		if u, ok := liveUsage(m.cmd.Process.Pid); ok {
			during[i] = Usage{u.CPU - m.before.CPU, u.Peak}
		}
	}
	r.stop()
	for i, m := range r.seeds {
		if during[i].Peak == 0 { // the system tells only at the end
			during[i] = m.total()
		}
		result.Send.add(during[i])
		result.Sent = addKnown(result.Sent, m.report.sent)
	}
	for _, m := range r.gets {
		result.Get.add(m.total())
		result.Wasted = addKnown(result.Wasted, m.report.wasted)
	}
	return result
}

func (u *Usage) add(other Usage) {
	u.CPU += other.CPU
	u.Peak = max(u.Peak, other.Peak)
}

// addKnown adds n to a sum; -1 stands for what is not known.
func addKnown(sum, n int64) int64 {
	if n < 0 {
		return sum
	}
	return max(sum, 0) + n
}

// stop ends all processes as they like to be ended.
func (r *run) stop() {
	for _, m := range append(slices.Clone(r.gets), r.seeds...) {
		if r.client.polite {
			m.stop()
		}
		m.kill()
	}
}

func (r *run) kill() {
	for _, m := range append(slices.Clone(r.gets), r.seeds...) {
		m.kill()
	}
}

// compare checks every copy byte by byte, and removes it.
func (r *run) compare(ctx context.Context) error {
	for _, m := range r.gets {
		if err := sameFile(ctx, filepath.Join(m.out, DataName), r.lab.Data()); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Dir(m.out)); err != nil {
			return err
		}
	}
	return nil
}

func sameFile(ctx context.Context, copied, original string) error {
	a, err := os.Open(copied)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(original)
	if err != nil {
		return err
	}
	defer b.Close()
	one, other := make([]byte, 1<<20), make([]byte, 1<<20)
	for ctx.Err() == nil {
		n, errA := io.ReadFull(a, one)
		m, errB := io.ReadFull(b, other)
		if !bytes.Equal(one[:n], other[:m]) {
			return ErrDiffers
		}
		if errA != nil || errB != nil { // both are at the end, or one cannot be read
			return errors.Join(unlessEnd(errA), unlessEnd(errB))
		}
	}
	return ctx.Err()
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
