package history_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

// told returns an archive with a story in it, with lies, removals and deletions.
func told(t *testing.T, seed uint64, o history.Options) *keeper {
	rng := seeded(seed)
	people, all := story(t, rng, true)
	w := &twins{t: t, rng: rng, whim: seeded(1000), k: keep(t, people[0].room.ID(), o), shelf: newShelf(), id: people[0].room.ID()}
	w.room = room.New(w.id, w.shelf)
	w.give(all)
	w.give(all)
	w.compare()
	return w.k
}

func TestWhatIsExportedIsImportedAsItWas(t *testing.T) {
	seeds, forks, gone := uint64(12), 0, 0
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		from := told(t, seed, history.Options{})
		var file bytes.Buffer
		must(t, from.Export(ctx, &file))
		to := keep(t, room.ID{}, history.Options{Passphrase: []byte("other")})
		n, err := to.Import(ctx, bytes.NewReader(file.Bytes()))
		must(t, err)
		a, err := from.Arrived(ctx, 0, 1000)
		must(t, err)
		b, err := to.Arrived(ctx, 0, 1000)
		must(t, err)
		if len(a) != len(b) || n != len(a) {
			t.Fatalf("seed %d: of %d events %d came over, said to be %d", seed, len(a), len(b), n)
		}
		for i := range a {
			x, y := a[i], b[i]
			x.Arrived, y.Arrived = y.Arrived, x.Arrived
			if x.Event.ID != y.Event.ID || x.Counts != y.Counts || !bytes.Equal(x.Body, y.Body) || x.Line != y.Line && !x.Gone {
				t.Fatalf("seed %d: %+v came over as %+v", seed, x, y)
			}
			if x.Gone {
				gone++
			}
		}
		forks += strings.Count(file.String(), `{"fork"`)
		if _, err := to.Import(ctx, bytes.NewReader(file.Bytes())); !errors.Is(err, history.ErrNotEmpty) {
			t.Errorf("it is imported twice: %v", err)
		}
	}
	if !testing.Short() && (forks == 0 || gone == 0) {
		t.Errorf("there were %d forks and %d deletions", forks, gone)
	}
}

func TestAnImportBelievesNothingThatIsNotSigned(t *testing.T) {
	rng := seeded(1)
	ann, birth := founder(t, rng)
	k := keep(t, ann.room.ID(), history.Options{})
	k.take(birth, ann.say("as it was said"))
	var file bytes.Buffer
	must(t, k.Export(ctx, &file))
	lines := strings.Split(strings.TrimSpace(file.String()), "\n")
	var l history.Line
	must(t, json.Unmarshal([]byte(lines[1]), &l))
	for what, change := range map[string]func(*history.Line){
		"body":   func(l *history.Line) { l.Body = []byte("as it was not") },
		"header": func(l *history.Line) { l.Header[40]++ },
		"length": func(l *history.Line) { l.Header = l.Header[:len(l.Header)-1] },
		"fork":   func(l *history.Line) { l.Fork = [][]byte{l.Header, l.Header} },
	} {
		changed := l
		changed.Header = bytes.Clone(l.Header)
		change(&changed)
		b, err := json.Marshal(changed)
		must(t, err)
		to := keep(t, room.ID{}, history.Options{})
		if n, err := to.Import(ctx, strings.NewReader(lines[0]+"\n"+string(b)+"\n")); err == nil {
			t.Errorf("with another %s %d events are imported", what, n)
		}
	}
}

func TestOfOneRoomNothingOfAnotherIsExported(t *testing.T) {
	rng := seeded(2)
	k := keep(t, room.ID{}, history.Options{})
	var ids []room.ID
	for range 2 {
		ann, birth := founder(t, rng)
		log, err := k.Archive.Room(ctx, ann.room.ID())
		must(t, err)
		for _, p := range []parcel{birth, ann.say("hi")} {
			out, err := log.Room.Receive(p.event, p.body, 0)
			must(t, err)
			must(t, log.Commit(out))
		}
		ids = append(ids, ann.room.ID())
	}
	var file bytes.Buffer
	must(t, k.ExportRoom(ctx, ids[1], &file))
	if n := strings.Count(file.String(), "\n"); n != 2 || strings.Count(file.String(), fmt.Sprintf("%x", ids[1][:])) < 2 || strings.Contains(file.String(), fmt.Sprintf("%x", ids[0][:])) {
		t.Errorf("it has %d lines: %s", n, file.String())
	}
}

func FuzzImport(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	ann, birth := founder(f, rng)
	for _, x := range []parcel{birth, ann.say("hi")} {
		b, err := json.Marshal(history.Line{Header: x.event.AppendTo(nil), Body: x.body})
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"fork":["",""]}`))
	dir, number := f.TempDir(), 0
	var a *history.Archive
	f.Fuzz(func(t *testing.T, b []byte) {
		if a == nil {
			var err error
			number++
			a, err = history.Open(filepath.Join(dir, fmt.Sprint(number)), history.Options{})
			must(t, err)
		}
		n, err := a.Import(ctx, bytes.NewReader(b))
		if n > bytes.Count(b, []byte("{")) {
			t.Errorf("%d events come of %q", n, b)
		}
		rooms, wrong := a.Rooms(ctx)
		if must(t, wrong); err == nil && len(rooms) > n {
			t.Errorf("%d events leave %d rooms", n, len(rooms))
		}
		if len(rooms) > 0 || n > 0 {
			must(t, a.Close())
			a = nil
		}
	})
}
