package chat_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// worlds is how many the property test plays through. Package room does so with hundreds; here it is about what stands
// around it: commits, crashes, connections.
const worlds = 12

// TestAllShowTheSameAfterWhateverHasHappened lets people write, change the room, meet and part, crash, and be put
// back from a backup, which makes a liar of a device. When all have met again, honest devices show the same lines in the same order.
func TestAllShowTheSameAfterWhateverHasHappened(t *testing.T) {
	lies, cut, n := 0, 0, worlds
	if testing.Short() {
		n = 3
	}
	for seed := range uint64(n) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, seed)
				s := &story{world: w}
				s.begin(4 + w.rng.IntN(3))
				for range 60 {
					s.step()
				}
				s.end()
				lies += len(s.liars)
				cut += s.crashes
			})
		})
	}
	if !testing.Short() && (lies == 0 || cut < n) {
		t.Errorf("in all worlds there were %d liars and %d crashes", lies, cut)
	}
}

type story struct {
	*world
	id      room.ID
	said    []room.ID
	liars   map[*device]bool
	backup  map[*device]string
	crashes int
}

func (s *story) begin(people int) {
	s.liars, s.backup = map[*device]bool{}, map[*device]string{}
	ann := s.person("p0")
	s.id = ann.create(room.Options{Name: "room", History: -1})
	for i := 1; i < people; i++ {
		d := s.person(fmt.Sprintf("p%d", i))
		d.skew = time.Duration(s.rng.Int64N(int64(1000*time.Hour))) - 500*time.Hour
		ann.invite(d)
	}
	second := s.device("p1's second", s.devices[1].account)
	second.open(s.id)
	s.connect(ann, second)
	s.settle()
	s.must(second.talk.Join(context.Background(), second.certificate()))
}

func (s *story) any() *device { return s.devices[s.rng.IntN(len(s.devices))] }

// step is one thing that happens.
func (s *story) step() {
	d := s.any()
	switch s.rng.IntN(10) {
	case 0, 1, 2:
		if e, err := d.trySay("%s.%d", d.name, len(s.said)); err == nil {
			s.said = append(s.said, e.ID)
		} else if !errors.Is(err, chat.ErrNotAllowed) {
			s.must(err)
		}
	case 3:
		s.change(d)
	case 4:
		if len(s.said) > 0 {
			_, _ = d.talk.Write(context.Background(), room.Delete, body.Delete(s.said[s.rng.IntN(len(s.said))])) // as it may
		}
	case 5, 6:
		s.connect(d, s.any())
	case 7:
		s.cut(d, s.any())
	case 8:
		if s.rng.IntN(3) == 0 {
			s.crash(d)
		}
	case 9:
		switch path := s.backup[d]; {
		case path == "" || s.rng.IntN(4) > 0:
			s.backup[d] = d.copyArchive()
		case len(s.liars) == 0 && d != s.devices[0]:
			s.liars[d] = true
			s.restore(d, path)
		}
	}
	if s.rng.IntN(3) > 0 {
		s.settle()
	}
}

// change has somebody change who is in the room, if he may.
func (s *story) change(d *device) {
	other := s.devices[1+s.rng.IntN(len(s.devices)-1)]
	c := room.Change{Account: other.account.Key(), Role: room.Member + room.Role(s.rng.IntN(3))}
	c.Op = []room.Op{room.Add, room.Add, room.Remove, room.SetRole, room.SetRole, room.SetRole, room.SetRoom}[s.rng.IntN(7)]
	c.Options = room.Options{Name: fmt.Sprint("room ", len(s.said)), Limit: 100, History: -1}
	_, err := d.talk.Change(context.Background(), c)
	if err != nil && !errors.Is(err, chat.ErrNotAllowed) {
		s.must(err)
	}
}

// crash takes a device down as a kill does: what was committed is there, and nothing else.
func (s *story) crash(d *device) {
	s.crashes++
	s.restore(d, d.copyArchive())
}

// restore starts a device anew with an archive that was copied.
func (s *story) restore(d *device, path string) {
	for _, o := range s.devices {
		s.cut(d, o)
	}
	d.close()
	d.path = path
	d.openArchive()
	d.open(s.id)
}

// copyArchive copies the archive as it lies on the disk, and returns where to.
func (d *device) copyArchive() string {
	d.w.t.Helper()
	synctest.Wait()
	to := filepath.Join(d.w.t.TempDir(), "history")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(d.path + suffix)
		if suffix == "" || !errors.Is(err, os.ErrNotExist) {
			d.w.must(err)
			d.w.must(os.WriteFile(to+suffix, b, 0o600))
		}
	}
	return to
}

// end lets all meet who are members, and compares what they show.
func (s *story) end() {
	ann := s.devices[0]
	var all []*device
	for _, d := range s.devices {
		s.connect(ann, d)
	}
	s.settle()
	for _, d := range s.devices {
		if ann.talk.Role(d.account.Key()) != room.Nobody {
			all = append(all, d)
		}
	}
	for _, d := range all {
		for _, o := range all {
			s.connect(d, o)
		}
	}
	s.pass(time.Minute)
	want := s.shown(ann)
	for _, d := range all {
		if got := s.shown(d); got != want && !s.liars[d] {
			s.t.Errorf("%s shows\n%s\nbut %s\n%s", d.name, got, ann.name, want)
		}
		if _, member := ann.talk.Knows(d.secret.Key()); member && d != ann && s.link(ann, d) == nil && !s.liars[d] {
			s.t.Errorf("%s is not connected any more", d.name)
		}
	}
}

// shown is what a device shows: the lines, and the members.
func (s *story) shown(d *device) string {
	entries, err := d.archive.Before(context.Background(), s.id, history.End, 1000)
	s.must(err)
	var b strings.Builder
	for _, e := range entries {
		text, _ := body.ParseText(e.Body)
		fmt.Fprintf(&b, "%v %d %s\n", e.Event.ID, e.Event.Kind, text.Text)
	}
	for _, p := range d.talk.Members() {
		fmt.Fprintf(&b, "%s %d\n", p.Account.Short(), p.Role)
	}
	return b.String()
}
