package memory_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/memory"
	"p2p/tracker/storetest"
	"p2p/tracker/wire"
)

// dump returns what is in a store, as far as others can see it.
func dump(t testing.TB, s *memory.Store) map[memory.Peer]bool {
	t.Helper()
	all := make(map[memory.Peer]bool)
	for i := range memory.Parts {
		if err := s.Part(i, time.Time{}, func(peers []memory.Peer) error {
			for _, p := range peers {
				all[p] = true
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func snapshot(t testing.TB, s *memory.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Snapshot(&b, storetest.Start); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// various fills a store with swarms of all kinds.
func various(t testing.TB, peers int) *memory.Store {
	s := memory.New(memory.Options{Seed: 7})
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range peers {
		a := tracker.Announce{InfoHash: torrent(rng.IntN(n+1) * rng.IntN(2)), Peer: public(wire.Family(rng.IntN(2)), n, 1)}
		a.Time = storetest.Start.Add(-time.Duration(rng.IntN(3000)) * time.Second)
		if a.Seed = rng.IntN(3) == 0; a.Seed && rng.IntN(2) == 0 {
			a.Event = wire.Completed
		}
		mustAnnounce(t, s, a)
		if rng.IntN(10) == 0 {
			a.Event = wire.Stopped
			mustAnnounce(t, s, a)
		}
	}
	return s
}

func TestARestoredStoreIsTheOneOfTheSnapshot(t *testing.T) {
	alone(t)
	old := various(t, 20_000)
	file := snapshot(t, old)
	s := memory.New(memory.Options{Seed: 8})
	peers, err := s.Restore(bytes.NewReader(file), time.Time{}, storetest.Start)
	want := dump(t, old)
	if err != nil || peers != len(want) {
		t.Fatalf("%d peers of %d: %v", peers, len(want), err)
	}
	got := dump(t, s)
	for p := range want {
		if !got[p] {
			t.Fatalf("%+v is missing", p)
		}
	}
	if s.Tally() != old.Tally() || len(got) != len(want) {
		t.Errorf("tally is %+v, want %+v", s.Tally(), old.Tally())
	}
	hashes := make([]infohash.T, 20_000)
	for n := range hashes {
		hashes[n] = torrent(n)
	}
	before, _ := old.Scrape(t.Context(), hashes, nil)
	after, _ := s.Scrape(t.Context(), hashes, nil)
	completed := 0
	for n := range hashes {
		if before[n] != after[n] {
			t.Fatalf("torrent %d: counts are %+v, want %+v", n, after[n], before[n])
		}
		completed += after[n].Completed
	}
	if completed == 0 {
		t.Error("nobody has completed: the test proves nothing")
	}
	t.Logf("%d bytes for %d peers in %d swarms", len(file), peers, s.Tally().Swarms)
}

func TestPeersPastTheirTimeAreNotRestored(t *testing.T) {
	file := snapshot(t, various(t, 3000))
	before := storetest.Start.Add(-20 * time.Minute)
	s := memory.New(memory.Options{})
	if _, err := s.Restore(bytes.NewReader(file), before, storetest.Start); err != nil {
		t.Fatal(err)
	}
	for p := range dump(t, s) {
		if p.Seen.Before(before) {
			t.Fatalf("%+v is back", p)
		}
	}
	// The completed counts stay, even where nobody is left.
	counts, _ := s.Scrape(t.Context(), []infohash.T{torrent(0)}, nil)
	none := memory.New(memory.Options{})
	if n, err := none.Restore(bytes.NewReader(file), storetest.Start.Add(time.Hour), storetest.Start.Add(time.Hour)); n != 0 || err != nil {
		t.Fatalf("%d peers, %v", n, err)
	}
	bare, _ := none.Scrape(t.Context(), []infohash.T{torrent(0)}, nil)
	if bare[0].Completed == 0 || bare[0] != (tracker.Counts{Completed: counts[0].Completed}) {
		t.Errorf("counts are %+v, were %+v", bare[0], counts[0])
	}
	// And are forgotten when their time is over.
	expire(t, none, storetest.Start.Add(26*time.Hour))
	if bare, _ = none.Scrape(t.Context(), []infohash.T{torrent(0)}, nil); bare[0].Completed != 0 {
		t.Errorf("counts are %+v after a day", bare[0])
	}
}

// A clock that was wrong when the snapshot was taken must not make peers immortal.
func TestTimesInTheFutureAreNotRestored(t *testing.T) {
	old := memory.New(memory.Options{})
	a := peer(0, 1)
	a.Time = storetest.Start.AddDate(20, 0, 0)
	mustAnnounce(t, old, a)
	s := memory.New(memory.Options{})
	if n, err := s.Restore(bytes.NewReader(snapshot(t, old)), time.Time{}, storetest.Start); n != 1 || err != nil {
		t.Fatalf("%d peers, %v", n, err)
	}
	if removed := expire(t, s, storetest.Start.Add(time.Second)); removed != 1 {
		t.Errorf("%d peers expired", removed)
	}
}

// A client that is known under two addresses before is one client afterwards.
func TestIdentitiesKeepTheirMeaning(t *testing.T) {
	old := memory.New(memory.Options{})
	over4, over6 := peer(0, 1), peer(0, 1)
	over6.Peer = storetest.Addr6(1)
	mustAnnounce(t, old, over4)
	file := snapshot(t, old)
	s := memory.New(memory.Options{})
	if _, err := s.Restore(bytes.NewReader(file), time.Time{}, storetest.Start); err != nil {
		t.Fatal(err)
	}
	if swarm := mustAnnounce(t, s, over6); swarm.Leechers != 1 {
		t.Errorf("a client under two addresses counts as %d", swarm.Leechers)
	}
	// A store that has its own identities cannot know; a renewal tells it.
	busy := memory.New(memory.Options{})
	mustAnnounce(t, busy, peer(5, 5))
	if _, err := busy.Restore(bytes.NewReader(file), time.Time{}, storetest.Start); err != nil {
		t.Fatal(err)
	}
	mustAnnounce(t, busy, over6)
	if swarm := mustAnnounce(t, busy, over4); swarm.Leechers != 1 {
		t.Errorf("a client under two addresses counts as %d after its renewal", swarm.Leechers)
	}
}

func TestADamagedSnapshotIsAnErrorAndGivesWhatStandsBeforeTheDamage(t *testing.T) {
	file := snapshot(t, various(t, 6000))
	for _, n := range []int{0, 5, 27, 28, 30, 36, 100, len(file) / 2, len(file) - 9, len(file) - 1} {
		if _, err := memory.New(memory.Options{}).Restore(bytes.NewReader(file[:n]), time.Time{}, storetest.Start); !errors.Is(err, memory.ErrSnapshot) {
			t.Errorf("cut off at %d: %v", n, err)
		}
	}
	for _, n := range []int{0, 8, 12, 24, 30, 33, 40, len(file) / 2, len(file) - 20} {
		flipped := bytes.Clone(file)
		flipped[n] ^= 0x10
		if _, err := memory.New(memory.Options{}).Restore(bytes.NewReader(flipped), time.Time{}, storetest.Start); !errors.Is(err, memory.ErrSnapshot) {
			t.Errorf("damaged at %d: %v", n, err)
		}
	}
	peers, err := memory.New(memory.Options{}).Restore(bytes.NewReader(file[:len(file)-1]), time.Time{}, storetest.Start)
	if peers < 5000 || err == nil {
		t.Errorf("%d peers, %v", peers, err)
	}
}

func TestARestoreKeepsToTheBudget(t *testing.T) {
	alone(t)
	old := memory.New(memory.Options{})
	for n := range 250_000 {
		try(t, old, n, public(wire.IPv4, n, 1), storetest.Start)
	}
	s := memory.New(memory.Options{MaxMemory: 16 << 20})
	peers, err := s.Restore(bytes.NewReader(snapshot(t, old)), time.Time{}, storetest.Start)
	if p := s.Pressure(); err != nil || p.Memory > p.MaxMemory || peers < 50_000 || peers == 250_000 {
		t.Errorf("%d peers, %+v, %v", peers, p, err)
	}
}

// A snapshot is taken while the store is in use: who stays is in it.
func TestASnapshotIsTakenBesideAnnounces(t *testing.T) {
	s := memory.New(memory.Options{})
	for n := range 5000 {
		try(t, s, n%3, public(wire.IPv4, n, 1), storetest.Start)
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		rng := rand.New(rand.NewPCG(1, 1))
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			a := tracker.Announce{InfoHash: torrent(10 + rng.IntN(3000)), Peer: public(wire.IPv4, rng.IntN(5000), 2), Time: storetest.Start}
			if n%2 == 0 {
				a.Event = wire.Stopped
			}
			if _, err := s.Announce(t.Context(), a, 10); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5 {
		copied := memory.New(memory.Options{})
		if _, err := copied.Restore(bytes.NewReader(snapshot(t, s)), time.Time{}, storetest.Start); err != nil {
			t.Fatal(err)
		}
		if got := leechers(t, copied, 0) + leechers(t, copied, 1) + leechers(t, copied, 2); got != 5000 {
			t.Errorf("%d peers of 5000", got)
		}
	}
	close(done)
	group.Wait()
}

func TestAFileIsReplacedByAWholeOneOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "peers")
	s := memory.New(memory.Options{})
	if _, err := s.Load(path, time.Time{}, storetest.Start); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for range 2 {
		if err := various(t, 500).Save(path, storetest.Start, time.Nanosecond); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v: others may read the addresses of all peers", info, err)
	}
	if n, err := s.Load(path, time.Time{}, storetest.Start); n < 400 || err != nil {
		t.Errorf("%d peers, %v", n, err)
	}
	if err := s.Save(filepath.Join(dir, "missing", "peers"), storetest.Start, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files are left over: %v, %v", entries, err)
	}
}

// A file that was named by mistake is told from a damaged snapshot, even from one
// that is cut off before its first byte.
func TestAFileOfSomebodyElseIsNoSnapshot(t *testing.T) {
	for content, foreign := range map[string]bool{
		"root:x:0:0:root": true, "p2q": true, "{": true,
		"": false, "p2p": false, "p2ppeers": false, string(snapshot(t, memory.New(memory.Options{}))[:20]): false,
	} {
		path := filepath.Join(t.TempDir(), "peers")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := memory.New(memory.Options{}).Load(path, time.Time{}, storetest.Start)
		if !errors.Is(err, memory.ErrSnapshot) || errors.Is(err, memory.ErrForeign) != foreign {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// What a crash left does not stop the next one, nor does a link lead elsewhere.
func TestASaveTakesNoNoteOfWhatTheLastOneLeft(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "peers")
	if err := os.Symlink(other, path+".tmp"); err != nil {
		t.Skip(err)
	}
	if err := memory.New(memory.Options{}).Save(path, storetest.Start, 0); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(other); string(got) != "precious" {
		t.Errorf("a link was followed: %q", got)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add(snapshot(f, various(f, 300)))
	f.Add(snapshot(f, memory.New(memory.Options{})))
	f.Add([]byte("p2ppeers"))
	table := crc32.MakeTable(crc32.Castagnoli)
	f.Fuzz(func(t *testing.T, payload []byte) {
		// The bytes as a file, and as a block of one whose checksums are right.
		var whole bytes.Buffer
		whole.Write(snapshot(t, memory.New(memory.Options{}))[:28])
		head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
		whole.Write(binary.LittleEndian.AppendUint32(head, crc32.Checksum(payload, table)))
		whole.Write(payload)
		whole.Write(make([]byte, 8))
		for _, file := range [][]byte{payload, whole.Bytes()} {
			s := memory.New(memory.Options{MaxMemory: 1})
			peers, err := s.Restore(bytes.NewReader(file), time.Time{}, storetest.Start)
			if err != nil && !errors.Is(err, memory.ErrSnapshot) {
				t.Errorf("%v", err)
			}
			found := dump(t, s)
			if len(found) > peers || peers > len(file)/14 {
				t.Errorf("%d peers are said to be read from %d bytes, %d are there", peers, len(file), len(found))
			}
			for p := range found {
				if !wire.Connectable(p.Addr) || p.Seen.After(storetest.Start) || p.Addr.Addr() == (netip.Addr{}) {
					t.Errorf("%+v is in the store", p)
				}
			}
			if m := s.Pressure(); m.Memory > m.MaxMemory {
				t.Errorf("%+v", m)
			}
			expire(t, s, storetest.Start.AddDate(1, 0, 0))
			if tally := s.Tally(); tally != (tracker.Tally{}) {
				t.Errorf("%+v is left after a year", tally)
			}
		}
	})
}
