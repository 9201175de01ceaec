package library_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"p2p/cmd/p2p/library"
	"p2p/peer"
	"p2p/peer/wire"
	"p2p/torrentfile"
)

// shelf is a library at work, its folder of torrents and its folder of content.
type shelf struct {
	t                        *testing.T
	torrents, content, state string
	lib                      *library.Library
	node                     *peer.Node
	stop                     func()

	mu     sync.Mutex
	events []library.Event
	ready  bool
}

func newShelf(t *testing.T) *shelf {
	dir := t.TempDir()
	s := &shelf{
		t: t, torrents: filepath.Join(dir, "torrents"), content: filepath.Join(dir, "content"),
		state: filepath.Join(dir, "state"),
	}
	for _, d := range []string{s.torrents, s.content} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// put makes content and its torrent. The torrent appears at once, complete: a library that looks in the middle of it being
// written tells that it failed, or takes what it is in the end for another one.
func (s *shelf) put(name, content string) {
	s.t.Helper()
	path := filepath.Join(s.content, name)
	write(s.t, path, content)
	m, err := torrentfile.Create(s.t.Context(), path, torrentfile.CreateOptions{NoDate: true})
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := m.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	whole := s.path(name) + ".new"
	write(s.t, whole, string(b))
	if err := os.Rename(whole, s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) path(name string) string { return filepath.Join(s.torrents, name+".torrent") }

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// open runs the library until the test ends, or stop is called.
func (s *shelf) open(o library.Options) {
	s.t.Helper()
	n, err := peer.Open(peer.Options{Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		s.t.Fatal(err)
	}
	o.Node, o.StateDir, o.ScanEvery = n, s.state, 20*time.Millisecond
	if o.Out == "" {
		o.Out = s.content
	}
	o.Tell = func(e library.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ready = s.ready || e.Kind == library.Ready
		s.events = append(s.events, e)
	}
	s.events, s.ready = nil, false
	s.node, s.lib = n, library.New(o)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.lib.Run(ctx)
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := n.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(s.stop)
}

// await waits until the library stands as wanted.
func (s *shelf) await(what string, done func(library.Status) bool) {
	s.t.Helper()
	late := time.After(time.Minute)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !done(s.lib.Status()) || !s.isReady() {
		select {
		case <-again.C:
		case <-late:
			s.t.Fatalf("%s: %+v, %+v", what, s.lib.Status(), s.lib.Failures())
		}
	}
}

func (s *shelf) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// told returns the names of what was told of a kind.
func (s *shelf) told(kind library.Kind) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, e := range s.events {
		if e.Kind == kind {
			names = append(names, strings.TrimSuffix(filepath.Base(e.Path), ".torrent"))
		}
	}
	return strings.Join(names, " ")
}

func TestALibrarySharesWhatIsThereAndSaysWhatIsWrongWithTheRest(t *testing.T) {
	s := newShelf(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		s.put(name, "this is "+name)
	}
	write(t, filepath.Join(s.content, "c"), "this is C") // the same length
	if err := os.Remove(filepath.Join(s.content, "d")); err != nil {
		t.Fatal(err)
	}
	write(t, s.path("junk"), "no torrent")
	write(t, filepath.Join(s.torrents, "notes.txt"), "not looked at")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("not all is settled", func(st library.Status) bool { return st.Shared+st.Failed == 5 })
	st := s.lib.Status()
	if st.Shared != 2 || st.Failed != 3 || st.Torrents != 5 || st.Bytes != 18 {
		t.Errorf("%+v", st)
	}
	wrong := s.lib.Failures()
	for i, name := range []string{"c", "d", "junk"} {
		if wrong[i].Path != s.path(name) {
			t.Errorf("failure %d is %q, want %s", i, wrong[i].Path, name)
		}
	}
	if e, ok := errors.AsType[*library.IncompleteError](wrong[0].Err); !ok || e.Bad != 1 || e.Pieces != 1 {
		t.Errorf("content that differs: %v", wrong[0].Err)
	}
	if !errors.Is(wrong[2].Err, torrentfile.ErrNotBencode) {
		t.Errorf("junk: %v", wrong[2].Err)
	}
}

// The second run believes what the first has verified, as long as it is unchanged.
func TestWhatWasVerifiedIsSharedAtOnceTheNextTime(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.put("b", "this is b")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("first run", func(st library.Status) bool { return st.Shared == 2 })
	s.stop()
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("second run", func(st library.Status) bool { return st.Shared == 2 })
	if got := s.told(library.Shared); got != "" {
		t.Errorf("%q were shared after Ready: they were hashed again", got)
	}
	s.stop()
	write(t, filepath.Join(s.content, "a"), "this is A")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("third run", func(st library.Status) bool { return st.Shared == 1 && st.Failed == 1 })
}

func TestALibraryFollowsItsFolder(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("at the start", func(st library.Status) bool { return st.Shared == 1 })
	s.put("b", "this is b")
	s.await("b came", func(st library.Status) bool { return st.Shared == 2 })
	if err := os.Remove(s.path("a")); err != nil {
		t.Fatal(err)
	}
	s.await("a went", func(st library.Status) bool { return st.Torrents == 1 && st.Shared == 1 })
	s.await("its trackers are told, and the node lets go of it", func(library.Status) bool { return s.node.Totals().Torrents == 1 })
	s.put("a", "this is a")
	s.await("a came back", func(st library.Status) bool { return st.Shared == 2 })
	if got := s.told(library.Removed); got != "a" {
		t.Errorf("removed: %q", got)
	}
}

// What failed is tried again when its torrent file or its content has changed.
func TestWhatFailedIsTriedAgainWhenItHasChanged(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	if err := os.Rename(filepath.Join(s.content, "a"), filepath.Join(s.content, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	write(t, s.path("b"), "half a torr")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("both fail", func(st library.Status) bool { return st.Failed == 2 })
	if err := os.Rename(filepath.Join(s.content, "elsewhere"), filepath.Join(s.content, "a")); err != nil {
		t.Fatal(err)
	}
	s.put("b", "this is b")
	s.await("both are there", func(st library.Status) bool { return st.Shared == 2 && st.Failed == 0 })
}

// A file that is being copied is looked at, and complete before it is told that it was not.
func TestWhatChangesWhileItIsReadIsTriedAgain(t *testing.T) {
	for _, change := range []func(*shelf){
		func(s *shelf) { write(s.t, filepath.Join(s.content, "a"), "this is a") },
		func(s *shelf) { write(s.t, s.path("a"), "another torrent") },
	} {
		s := newShelf(t)
		s.put("a", "this is a")
		write(t, filepath.Join(s.content, "a"), "this is")
		lib := library.New(library.Options{Out: s.content, StateDir: s.state})
		if !lib.FailsLate(s.path("a"), func() { change(s) }) {
			t.Error("it is not looked at any more")
		}
		if lib.FailsLate(s.path("a"), func() {}) {
			t.Error("what is as it was is tried again")
		}
	}
}

// Content that changes while the torrent sleeps is found out when somebody wants it:
// he gets nothing, and the torrent is not shared any more until it is right again.
func TestContentThatChangedInItsSleepIsNotServed(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.put("b", "this is b")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("at the start", func(st library.Status) bool { return st.Shared == 2 })
	write(t, filepath.Join(s.content, "a"), "this is A")
	if s.answers("a") || !s.answers("b") {
		t.Error("want an answer for b, which is as it was, and none for a")
	}
	s.await("a is found out", func(st library.Status) bool { return st.Shared == 1 && st.Failed == 1 })
	write(t, filepath.Join(s.content, "a"), "this is a")
	s.await("a is right again", func(st library.Status) bool { return st.Shared == 2 })
	if !s.answers("a") {
		t.Error("no answer for a, which is right again")
	}
}

// answers reports whether the node answers who greets it with a torrent.
func (s *shelf) answers(name string) bool {
	s.t.Helper()
	m, err := torrentfile.Load(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.node.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	hello := wire.Handshake{InfoHash: m.InfoHash, PeerID: [20]byte{1}}
	if _, err := conn.Write(hello.Append(nil)); err != nil {
		s.t.Fatal(err)
	}
	_, err = io.ReadFull(conn, make([]byte, wire.HandshakeLen))
	return err == nil
}

func TestTheContentIsBesideTheTorrentWithoutAFolderForIt(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.torrents = s.content
	s.put("b", "this is b")
	n := s.path("b")
	s.open(library.Options{Files: []string{n, n}, Out: "", Folders: nil})
	s.await("b is there", func(st library.Status) bool { return st.Shared == 1 && st.Torrents == 1 })
}

func TestTheSameTorrentTwiceFailsOnce(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	b, err := os.ReadFile(s.path("a"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.path("again"), string(b))
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("one is shared", func(st library.Status) bool { return st.Shared == 1 && st.Failed == 1 })
	if f := s.lib.Failures(); !errors.Is(f[0].Err, peer.ErrAdded) {
		t.Errorf("the other: %v", f[0].Err)
	}
	for _, name := range []string{"a", "again"} { // whichever is shared
		if s.lib.Failures()[0].Path != s.path(name) {
			if err := os.Remove(s.path(name)); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	s.await("the other takes its place", func(st library.Status) bool { return st.Torrents == 1 && st.Shared == 1 })
}

func TestAFolderThatGoesAwayIsToldOnceAndKeepsItsTorrents(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("at the start", func(st library.Status) bool { return st.Shared == 1 })
	if err := os.Rename(s.torrents, s.torrents+"-away"); err != nil {
		t.Fatal(err)
	}
	s.await("it is told", func(library.Status) bool { return s.told(library.Failed) != "" })
	if st := s.lib.Status(); st.Shared != 1 {
		t.Errorf("%+v", st)
	}
	if err := os.Rename(s.torrents+"-away", s.torrents); err != nil {
		t.Fatal(err)
	}
	s.put("b", "this is b")
	s.await("b came", func(st library.Status) bool { return st.Shared == 2 })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == library.Failed && (e.Path != s.torrents || !errors.Is(e.Err, fs.ErrNotExist)) {
			t.Errorf("failed: %+v", e)
		}
	}
}

func TestAFolderThatGoesAwayWhileItIsReadKeepsItsTorrents(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("at the start", func(st library.Status) bool { return st.Shared == 1 })
	entries, err := os.ReadDir(s.torrents)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.torrents, s.torrents+"-away"); err != nil {
		t.Fatal(err)
	}
	if found := s.lib.Compare(s.torrents, entries); len(found) != 0 || s.lib.Status().Shared != 1 {
		t.Errorf("%d are to be loaded anew, %+v", len(found), s.lib.Status())
	}
}

func TestATorrentFileThatIsReplacedIsShared(t *testing.T) {
	s := newShelf(t)
	s.put("a", "this is a")
	s.put("b", "this is b")
	s.open(library.Options{Folders: []string{s.torrents}})
	s.await("at the start", func(st library.Status) bool { return st.Shared == 2 })
	old := s.path("a")
	s.put("c", "something else") // in another place first, then over the old one
	s.await("c is there", func(st library.Status) bool { return st.Shared == 3 })
	if err := os.Rename(s.path("c"), old); err != nil {
		t.Fatal(err)
	}
	s.await("c in place of a", func(st library.Status) bool { return st.Torrents == 2 && st.Shared == 2 })
	if !s.answers("a") || !s.answers("b") {
		t.Error("no answer for what the files describe now")
	}
	if got := s.told(library.Removed); len(got) != len("a c") {
		t.Errorf("removed are %q, want a and c", got)
	}
}
