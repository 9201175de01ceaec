package lab

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Many is a measurement of one process that seeds many torrents.
type Many struct {
	Torrents int           // how many
	Pieces   int           // of each, of manyPiece bytes
	Active   int           // how many are downloaded by somebody in the end
	Settle   time.Duration // how long the trackers may take to hear of all
	Idle     time.Duration // how long it is watched while nobody wants anything
}

const (
	// manyPiece is the length of a piece, in bytes: the shortest, so that there is
	// much to keep in memory of a torrent for whoever keeps it there.
	manyPiece = 16 << 10
	// manyRate is what each downloader of an active torrent may take, so that it is
	// active for a while.
	manyRate = "200K"
	// manyWatch is how long the active ones are watched, at the most.
	manyWatch = 10 * time.Second
	// manyKnocks is how many torrents are asked for to see that they are there.
	manyKnocks = 50
)

// Moment is the process at one moment, and in the time before it.
type Moment struct {
	Name       string  `json:"name"`
	Seconds    float64 `json:"seconds"` // that it took, or was watched
	CPU        float64 `json:"cpu_seconds"`
	Share      float64 `json:"cpu_share"` // of one core
	Memory     int64   `json:"memory"`    // bytes resident now; 0 = not known
	Peak       int64   `json:"peak"`      // bytes resident at the most since it started
	Goroutines int     `json:"goroutines"`
	Shared     int     `json:"shared"`
	Active     int     `json:"active"`
	Awake      int     `json:"awake"`
}

// ManyResult is what came of it.
type ManyResult struct {
	First     float64  `json:"first_seconds"` // for the run that hashes everything
	Moments   []Moment `json:"moments"`       // up, announced, idle, active
	Reached   int      `json:"reached"`       // torrents that answered, of Asked
	Asked     int      `json:"asked"`
	Announced int      `json:"announced"` // torrents that the tracker knew
	Farewell  float64  `json:"farewell_seconds"`
	Left      int      `json:"left"` // torrents that the tracker still knew after the farewell
}

// manyStatus is the part of the lines of `p2p seed -j` that is looked at.
type manyStatus struct {
	MessageType string `json:"message_type"`
	Kind        string `json:"kind"`
	Listen      string `json:"listen"`
	Library     *struct {
		Torrents, Shared, Active, Awake, Checking, Failed, Goroutines int
	} `json:"library"`
}

// manySeeder is a process that seeds, and what it has said.
type manySeeder struct {
	*process

	mu     sync.Mutex
	listen string
	ready  time.Time
	last   manyStatus
}

// Many measures one process that seeds many torrents. progress is told what is
// being done, by a word.
func (l *Lab) Many(ctx context.Context, m Many, progress func(string)) (r ManyResult, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends all processes
	progress("make")
	if err := l.makeMany(m); err != nil {
		return r, err
	}
	progress("hash")
	begin := time.Now()
	s, err := l.seedMany(ctx)
	if err != nil {
		return r, err
	}
	if err := s.await(ctx, func(st manyStatus) bool { return st.Library != nil && st.Library.Shared >= m.Torrents }); err != nil {
		return r, err
	}
	r.First = time.Since(begin).Seconds()
	s.stop()
	if err := l.forgetPeers(ctx); err != nil {
		return r, err
	}

	progress("up")
	if s, err = l.seedMany(ctx); err != nil {
		return r, err
	}
	defer s.stop()
	if err := s.await(ctx, func(st manyStatus) bool { return st.Library != nil && st.Library.Shared >= m.Torrents }); err != nil {
		return r, err
	}
	up := s.moment("up", s.begin, Usage{})
	up.Seconds = s.ready.Sub(s.begin).Seconds()
	r.Moments = append(r.Moments, up)

	progress("announce")
	before, from := s.usage(), time.Now()
	if err := l.settleMany(ctx, m, &r); err != nil {
		return r, err
	}
	r.Moments = append(r.Moments, s.moment("announced", from, before))

	progress("idle")
	before, from = s.usage(), time.Now()
	if err := sleep(ctx, m.Idle); err != nil {
		return r, err
	}
	r.Moments = append(r.Moments, s.moment("idle", from, before))

	progress("active")
	if err := l.activeMany(ctx, m, s, &r); err != nil {
		return r, err
	}
	progress("reach")
	r.Asked = min(manyKnocks, m.Torrents)
	for _, i := range rand.Perm(m.Torrents)[:r.Asked] {
		if knock(s.listen, l.manyHash(m, i)) == nil {
			r.Reached++
		}
	}
	begin = time.Now()
	s.stop()
	r.Farewell, r.Left = time.Since(begin).Seconds(), l.store.Tally().Swarms
	return r, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// seedMany starts the seeder.
func (l *Lab) seedMany(ctx context.Context) (*manySeeder, error) {
	s := &manySeeder{}
	p, err := start(ctx, command{
		path: l.self, dir: l.dir, env: []string{"XDG_STATE_HOME=" + filepath.Join(l.dir, "state")},
		args: []string{"seed", "--library", "torrents", "-o", "content", "--listen", "127.0.0.1:0", "-j", "--interval", "1s"},
	}, s.read)
	s.process = p
	return s, err
}

// read takes a line.
func (s *manySeeder) read(line []byte) {
	var m manyStatus
	if json.Unmarshal(line, &m) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case m.Listen != "":
		s.listen = m.Listen
	case m.MessageType == "event" && m.Kind == "ready":
		s.ready = time.Now()
	case m.MessageType == "status":
		s.last = m
	}
}

// await waits until the newest status is as wanted.
func (s *manySeeder) await(ctx context.Context, done func(manyStatus) bool) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		s.mu.Lock()
		ok := done(s.last)
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-again.C:
		case <-s.ended:
			return s.failure()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *manySeeder) usage() Usage {
	u, _ := liveUsage(s.cmd.Process.Pid)
	return u
}

// moment looks at the process now.
func (s *manySeeder) moment(name string, from time.Time, before Usage) Moment {
	u := s.usage()
	m := Moment{
		Name: name, Seconds: time.Since(from).Seconds(), CPU: (u.CPU - before.CPU).Seconds(),
		Peak: u.Peak, Memory: resident(s.cmd.Process.Pid),
	}
	m.Share = m.CPU / m.Seconds
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.last.Library; l != nil {
		m.Goroutines, m.Shared, m.Active, m.Awake = l.Goroutines, l.Shared, l.Active, l.Awake
	}
	return m
}

// resident returns how much memory a process has now, where /proc tells.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel wrote it
	return pages * int64(os.Getpagesize())
}

// settleMany waits until the tracker knows all torrents.
func (l *Lab) settleMany(ctx context.Context, m Many, r *ManyResult) error {
	for end := time.Now().Add(m.Settle); ; {
		r.Announced = l.store.Tally().Swarms
		if r.Announced >= m.Torrents || time.Now().After(end) {
			return nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// activeMany has some torrents downloaded, and looks at the seeder meanwhile.
func (l *Lab) activeMany(ctx context.Context, m Many, s *manySeeder, r *ManyResult) error {
	out := filepath.Join(l.dir, "out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var gets []*process
	defer func() {
		for _, p := range gets { // so that the tracker forgets them
			p.stop()
		}
	}()
	for i := range m.Active {
		p, err := start(ctx, command{
			path: l.self, dir: out, env: []string{"XDG_STATE_HOME=" + filepath.Join(out, "state")},
			args: []string{"get", l.manyTorrent(i), "-o", out, "--listen", leechAddress(i) + ":0", "-d", manyRate, "--seed", "-q"},
		}, nil)
		if err != nil {
			return err
		}
		gets = append(gets, p)
	}
	err := s.await(ctx, func(st manyStatus) bool {
		for _, p := range gets {
			if p.over() {
				return true
			}
		}
		return st.Library.Active >= m.Active
	})
	for _, p := range gets {
		if p.over() {
			err = errors.Join(err, p.failure())
		}
	}
	if err != nil {
		return err
	}
	before, from := s.usage(), time.Now()
	if err := sleep(ctx, min(manyWatch, m.Idle)); err != nil {
		return err
	}
	r.Moments = append(r.Moments, s.moment("active", from, before))
	return nil
}

func manyName(i int) string { return fmt.Sprintf("%06d", i) }

func (l *Lab) manyTorrent(i int) string {
	return filepath.Join(l.dir, "torrents", manyName(i)+".torrent")
}

// manyInfo is the info dictionary of a torrent whose content is zeros.
func manyInfo(m Many, i int) string {
	zeros := sha1.Sum(make([]byte, manyPiece))
	return fmt.Sprintf("d6:lengthi%de4:name6:%s12:piece lengthi%de6:pieces%d:%se",
		m.Pieces*manyPiece, manyName(i), manyPiece, m.Pieces*sha1.Size, strings.Repeat(string(zeros[:]), m.Pieces))
}

func (l *Lab) manyHash(m Many, i int) [sha1.Size]byte { return sha1.Sum([]byte(manyInfo(m, i))) }

// makeMany makes the torrents and their content, which is sparse.
func (l *Lab) makeMany(m Many) error {
	for _, dir := range []string{"torrents", "content", "state"} {
		if err := os.MkdirAll(filepath.Join(l.dir, dir), 0o755); err != nil {
			return err
		}
	}
	for i := range m.Torrents {
		torrent := fmt.Sprintf("d8:announce%d:%s4:info%se", len(l.Announce()), l.Announce(), manyInfo(m, i))
		content := filepath.Join(l.dir, "content", manyName(i))
		err := errors.Join(os.WriteFile(l.manyTorrent(i), []byte(torrent), 0o644), os.WriteFile(content, nil, 0o644))
		if err == nil {
			err = os.Truncate(content, int64(m.Pieces)*manyPiece)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// knock asks for a torrent, and returns no error if it is there.
func knock(address string, hash [sha1.Size]byte) error {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	hello := "\x13BitTorrent protocol" + strings.Repeat("\x00", 8) + string(hash[:]) + "-KN0000-knockknock00"
	if _, err := io.WriteString(conn, hello); err != nil {
		return err
	}
	answer := make([]byte, len(hello))
	if _, err := io.ReadFull(bufio.NewReader(conn), answer); err != nil {
		return err
	}
	if string(answer[28:48]) != string(hash[:]) {
		return errors.New("it answered for another torrent")
	}
	return nil
}
