package announce

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// patienceWithHost is how many failures in a row, of whatever torrents, make a
	// host one that is down. A torrent that is alone with it has waited longer by
	// itself then, so nothing changes for that one; ten thousand of them do not each
	// find out anew what the first few have found out.
	patienceWithHost = 3
	// maxStandings bounds how many hosts that fail are remembered.
	maxStandings = 1024
)

// standings is what all torrents together know about tracker hosts that do not
// answer. The zero value knows nothing. Its methods may be called from any
// goroutine.
type standings struct {
	mu sync.Mutex
	of map[string]*standing // guarded by mu
}

type standing struct {
	fails int // in a row; those that overlap count as one
	last  time.Time
	until time.Time // it is not asked before, when there is another
	err   string
}

// failed notes that an announce to name, which began at asked, got no answer.
func (s *standings) failed(name string, asked, now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[string]*standing)
	}
	st := s.of[name]
	if st == nil {
		if len(s.of) >= maxStandings {
			clear(s.of)
		}
		st = &standing{}
		s.of[name] = st
	}
	if asked.Before(st.last) {
		return // it was under way when another one failed
	}
	st.fails++
	st.last, st.err = now, err.Error()
	if st.fails >= patienceWithHost {
		// Half of what each torrent would wait at the least: see backOff.
		st.until = now.Add(min(firstRetry<<min(st.fails-patienceWithHost, 10), lastRetry) / 2)
	}
}

// answered notes that name has answered, whatever it said, and reports whether it did not the time before.
func (s *standings) answered(name string) (back bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, back = s.of[name]
	delete(s.of, name)
	return back
}

// look returns how often in a row name has failed, and until when it is not to be
// asked if there is another.
func (s *standings) look(name string) (fails int, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.of[name]; st != nil {
		return st.fails, st.until
	}
	return 0, time.Time{}
}

// down reports whether name is not to be asked now if there is another.
func (s *standings) down(name string, now time.Time) bool {
	_, until := s.look(name)
	return until.After(now)
}

// forget gives all hosts another chance.
func (s *standings) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.of)
}

// Down is a tracker host that does not answer.
type Down struct {
	Host string
	Err  string // of the last announce
}

// Down returns the hosts that have not answered several times in a row, whatever
// the torrents, in alphabetical order.
func (c *Client) Down() []Down {
	s := &c.standing
	s.mu.Lock()
	defer s.mu.Unlock()
	var down []Down
	for name, st := range maps.All(s.of) {
		if st.fails >= patienceWithHost {
			down = append(down, Down{name, st.err})
		}
	}
	slices.SortFunc(down, func(a, b Down) int { return strings.Compare(a.Host, b.Host) })
	return down
}
