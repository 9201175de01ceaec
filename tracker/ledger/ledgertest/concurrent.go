package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"p2p/tracker/ledger"
)

// writers is how many goroutines compete.
const writers = 8

// oneCreatorWins: "an entry changes only by compare-and-set on its revision. That
// is enough to make a name unique among many trackers."
func oneCreatorWins(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	for round := range 10 {
		key := "name-" + strconv.Itoa(round)
		var won atomic.Int32
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				_, err := b.Create(t.Context(), key, []byte(strconv.Itoa(w)))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ledger.ErrExists):
					t.Errorf("Create of a taken name: %v", err)
				}
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Errorf("%d creators of %s were told that they won", n, key)
		}
	}
}

func noUpdateIsLost(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	create(t, b, "count", "0")
	const each = 20
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				e, err := b.Get(t.Context(), "count")
				if err != nil {
					t.Errorf("Get: %v", err)
					return
				}
				n, _ := strconv.Atoi(string(e.Value))
				_, err = b.Update(t.Context(), "count", []byte(strconv.Itoa(n+1)), e.Revision)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, ledger.ErrConflict):
					t.Errorf("Update: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	e, err := b.Get(t.Context(), "count")
	if want := strconv.Itoa(writers * each); err != nil || string(e.Value) != want {
		t.Errorf("the count is %s, %v; want %s", e.Value, err, want)
	}
}

// watch starts a watcher and returns its changes. The watch ends with the test,
// and must then return nil.
func watch(t *testing.T, b ledger.Bucket) <-chan ledger.Change {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	changes, ended := make(chan ledger.Change, 4096), make(chan error, 1)
	go func() {
		ended <- b.Watch(ctx, func(c ledger.Change) {
			select {
			case changes <- c:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Watch returns %v after its context has ended; want nil", err)
			}
		case <-time.After(patience):
			t.Error("Watch does not return after its context has ended")
		}
	})
	return changes
}

// next returns the next change.
func next(t *testing.T, changes <-chan ledger.Change) ledger.Change {
	t.Helper()
	select {
	case c := <-changes:
		return c
	case <-time.After(patience):
		t.Fatal("the watcher is told nothing")
		return ledger.Change{}
	}
}

// watchInOrder: "Watch calls tell for every entry, then with Synced, then for
// every change".
func watchInOrder(t *testing.T, l ledger.Ledger) {
	b, ctx := bucket(t, l), t.Context()
	a := create(t, b, "a", "1")
	c := create(t, b, "c", "2")
	changes := watch(t, b)
	for _, want := range []ledger.Entry{{Key: "a", Value: []byte("1"), Revision: a}, {Key: "c", Value: []byte("2"), Revision: c}} {
		expectChange(t, next(t, changes), ledger.Change{Entry: want})
	}
	if got := next(t, changes); !got.Synced || got.Key != "" || got.Deleted {
		t.Errorf("after all entries comes %+v; want Synced alone", got)
	}
	u, err := b.Update(ctx, "a", []byte("3"), a)
	if err != nil {
		t.Fatal(err)
	}
	expectChange(t, next(t, changes), ledger.Change{Entry: ledger.Entry{Key: "a", Value: []byte("3"), Revision: u}})
	if err := b.Delete(ctx, "c", c); err != nil {
		t.Fatal(err)
	}
	got := next(t, changes)
	if got.Key != "c" || !got.Deleted || got.Value != nil || got.Synced || got.Revision <= u {
		t.Errorf("a deletion after revision %d is told as %+v", u, got)
	}
	n := create(t, b, "c", "4")
	expectChange(t, next(t, changes), ledger.Change{Entry: ledger.Entry{Key: "c", Value: []byte("4"), Revision: n}})
}

func expectChange(t *testing.T, got, want ledger.Change) {
	t.Helper()
	if got.Key != want.Key || string(got.Value) != string(want.Value) || got.Revision != want.Revision ||
		got.Deleted != want.Deleted || got.Synced != want.Synced {
		t.Errorf("the watcher is told %+v; want %+v", got, want)
	}
}

func watchEmpty(t *testing.T, l ledger.Ledger) {
	if got := next(t, watch(t, bucket(t, l))); !got.Synced {
		t.Errorf("the first change is %+v", got)
	}
}

// watchersConverge has writers and watchers at the same time, and compares what
// each watcher has put together with what is there.
func watchersConverge(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	watchers := make([]<-chan ledger.Change, 3)
	for i := range watchers {
		watchers[i] = watch(t, b)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("k%d", (w+i)%5)
				value := fmt.Sprintf("%d-%d", w, i)
				var err error
				if i%4 == 3 {
					_, err = ledger.Remove(t.Context(), b, key)
				} else {
					_, err = ledger.Put(t.Context(), b, key, []byte(value))
				}
				if err != nil && !errors.Is(err, ledger.ErrMissing) && !errors.Is(err, ledger.ErrConflict) {
					t.Errorf("write %s: %v", key, err)
				}
			}
		})
	}
	wg.Wait()
	last, err := ledger.Put(t.Context(), b, "last", []byte("end"))
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	all, err := ledger.All(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		want[e.Key] = string(e.Value)
	}
	for i, changes := range watchers {
		got, at := make(map[string]string), ledger.Revision(0)
		for at < last {
			c := next(t, changes)
			switch {
			case c.Synced:
				continue
			case c.Deleted:
				delete(got, c.Key)
			default:
				got[c.Key] = string(c.Value)
			}
			if c.Revision <= at {
				t.Fatalf("watcher %d is told of revision %d after %d", i, c.Revision, at)
			}
			at = c.Revision
		}
		if !maps.Equal(got, want) {
			t.Errorf("watcher %d ends up with %v; want %v", i, got, want)
		}
	}
}
