package ledgertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/tracker/ledger"
)

// patience is how long a watcher may take to be told of a change. It ends a
// test that hangs; no test measures with it.
const patience = 30 * time.Second

// Run tests the ledgers that open returns, an empty one for each test. What they need
// closed is closed by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) ledger.Ledger) {
	for _, rule := range []struct {
		name string
		test func(t *testing.T, l ledger.Ledger)
	}{
		{"AnEntryIsReadAsItWasWritten", readBack},
		{"CreateWritesTheFirstEntryOnly", createOnce},
		{"UpdateWantsTheRevisionThatIsThere", updateCompares},
		{"DeleteWantsTheRevisionThatIsThere", deleteCompares},
		{"ADeletedKeyCanBeCreatedAgain", createAgain},
		{"RevisionsOfABucketGrow", revisionsGrow},
		{"BucketsAreApart", bucketsAreApart},
		{"LimitsHold", limitsHold},
		{"ValuesBelongToTheReceiver", valuesAreOwned},
		{"AnEndedContextEndsTheCall", contextEnds},
		{"OfManyCreatorsOneWins", oneCreatorWins},
		{"NoUpdateIsLost", noUpdateIsLost},
		{"AWatcherIsToldWhatIsThereThenSyncedThenChanges", watchInOrder},
		{"AWatcherOfAnEmptyBucketIsSyncedAtOnce", watchEmpty},
		{"WatchersEndUpWithWhatIsThere", watchersConverge},
		{"AllReturnsWhatIsThere", allReturns},
		{"PutAndRemoveTakeAnyRevision", putAndRemove},
	} {
		t.Run(rule.name, func(t *testing.T) { rule.test(t, open(t)) })
	}
}

// bucket opens the bucket that most tests use.
func bucket(t *testing.T, l ledger.Ledger) ledger.Bucket {
	t.Helper()
	b, err := l.Bucket(t.Context(), "test-bucket")
	if err != nil {
		t.Fatalf("open a bucket: %v", err)
	}
	return b
}

func create(t *testing.T, b ledger.Bucket, key, value string) ledger.Revision {
	t.Helper()
	r, err := b.Create(t.Context(), key, []byte(value))
	if err != nil {
		t.Fatalf("create %s: %v", key, err)
	}
	return r
}

func expect(t *testing.T, b ledger.Bucket, key, value string, at ledger.Revision) {
	t.Helper()
	e, err := b.Get(t.Context(), key)
	if err != nil || e.Key != key || string(e.Value) != value || e.Revision != at {
		t.Errorf("%s is %q (%q) at %d, %v; want %q at %d", key, e.Value, e.Key, e.Revision, err, value, at)
	}
}

func expectError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

func readBack(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	for key, value := range map[string]string{
		"a": "x", "2001_db8__/56": "long key", "A.b.c-d=e": "\x00\xff binary", "empty": "",
		strings.Repeat("k", ledger.MaxKey): strings.Repeat("v", ledger.MaxValue),
	} {
		r := create(t, b, key, value)
		if r == 0 {
			t.Errorf("%.20q was written at revision 0, which is no entry's", key)
		}
		expect(t, b, key, value, r)
	}
	_, err := b.Get(t.Context(), "nothing")
	expectError(t, "Get of nothing", err, ledger.ErrMissing)
}

func createOnce(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	r := create(t, b, "name", "first")
	_, err := b.Create(t.Context(), "name", []byte("second"))
	expectError(t, "a second Create", err, ledger.ErrExists)
	expect(t, b, "name", "first", r)
}

func updateCompares(t *testing.T, l ledger.Ledger) {
	b, ctx := bucket(t, l), t.Context()
	_, err := b.Update(ctx, "k", []byte("x"), 1)
	expectError(t, "Update of nothing", err, ledger.ErrConflict)
	_, err = b.Update(ctx, "k", []byte("x"), 0)
	expectError(t, "Update of nothing at 0", err, ledger.ErrConflict)
	first := create(t, b, "k", "one")
	second, err := b.Update(ctx, "k", []byte("two"), first)
	if err != nil || second <= first {
		t.Fatalf("Update at %d gives %d, %v", first, second, err)
	}
	for _, stale := range []ledger.Revision{0, first, second + 1} {
		_, err := b.Update(ctx, "k", []byte("three"), stale)
		expectError(t, "Update at a stale revision", err, ledger.ErrConflict)
	}
	expect(t, b, "k", "two", second)
}

func deleteCompares(t *testing.T, l ledger.Ledger) {
	b, ctx := bucket(t, l), t.Context()
	expectError(t, "Delete of nothing", b.Delete(ctx, "k", 1), ledger.ErrMissing)
	first := create(t, b, "k", "one")
	for _, stale := range []ledger.Revision{0, first + 1} {
		expectError(t, "Delete at a stale revision", b.Delete(ctx, "k", stale), ledger.ErrConflict)
	}
	expect(t, b, "k", "one", first)
	if err := b.Delete(ctx, "k", first); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	_, err := b.Get(ctx, "k")
	expectError(t, "Get of what was deleted", err, ledger.ErrMissing)
	expectError(t, "a second Delete", b.Delete(ctx, "k", first), ledger.ErrMissing)
	_, err = b.Update(ctx, "k", []byte("x"), first)
	expectError(t, "Update of what was deleted", err, ledger.ErrConflict)
}

func createAgain(t *testing.T, l ledger.Ledger) {
	b, ctx := bucket(t, l), t.Context()
	was := create(t, b, "k", "one")
	for range 3 {
		if err := b.Delete(ctx, "k", was); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		now := create(t, b, "k", "again")
		if now <= was {
			t.Errorf("created again at %d, after %d", now, was)
		}
		expectError(t, "Delete at the revision of the former life", b.Delete(ctx, "k", was), ledger.ErrConflict)
		expect(t, b, "k", "again", now)
		was = now
	}
}

func revisionsGrow(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	last := ledger.Revision(0)
	for _, key := range []string{"a", "b", "c"} {
		r := create(t, b, key, key)
		u, err := b.Update(t.Context(), key, []byte("new"), r)
		if err != nil || r <= last || u <= r {
			t.Errorf("revisions %d, %d, %d are not in order (%v)", last, r, u, err)
		}
		last = u
	}
	expect(t, b, "c", "new", last)
}

func bucketsAreApart(t *testing.T, l ledger.Ledger) {
	one, again := bucket(t, l), bucket(t, l)
	other, err := l.Bucket(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	r := create(t, one, "k", "one")
	expect(t, again, "k", "one", r)
	_, err = other.Get(t.Context(), "k")
	expectError(t, "Get from another bucket", err, ledger.ErrMissing)
	create(t, other, "k", "other")
	expect(t, one, "k", "one", r)
}

func limitsHold(t *testing.T, l ledger.Ledger) {
	b, ctx := bucket(t, l), t.Context()
	for _, name := range []string{"", "Upper", "dot.ted", "blank ", "1", strings.Repeat("n", ledger.MaxName+1)} {
		_, err := l.Bucket(ctx, name)
		expectError(t, "bucket "+name, err, ledger.ErrInvalid)
	}
	for _, key := range []string{"", ".a", "a.", "a..b", "a b", "a*", "a>", "a:b", "é", "a\x00", strings.Repeat("k", ledger.MaxKey+1)} {
		_, err := b.Create(ctx, key, nil)
		expectError(t, "Create of "+key, err, ledger.ErrInvalid)
		_, err = b.Update(ctx, key, nil, 1)
		expectError(t, "Update of "+key, err, ledger.ErrInvalid)
		_, err = b.Get(ctx, key)
		expectError(t, "Get of "+key, err, ledger.ErrInvalid)
		expectError(t, "Delete of "+key, b.Delete(ctx, key, 1), ledger.ErrInvalid)
	}
	_, err := b.Create(ctx, "k", make([]byte, ledger.MaxValue+1))
	expectError(t, "Create of a long value", err, ledger.ErrInvalid)
}

func valuesAreOwned(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	mine := []byte("mine")
	r, err := b.Create(t.Context(), "k", mine)
	if err != nil {
		t.Fatal(err)
	}
	copy(mine, "XXXX")
	e, err := b.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	copy(e.Value, "YYYY")
	expect(t, b, "k", "mine", r)
}

func contextEnds(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	r := create(t, b, "k", "v")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Get(ctx, "k"); err == nil {
		t.Error("Get succeeds after its context has ended")
	}
	if _, err := b.Update(ctx, "k", nil, r); err == nil {
		t.Error("Update succeeds after its context has ended")
	}
	if err := b.Watch(ctx, func(ledger.Change) {}); err != nil {
		t.Errorf("Watch returns %v after its context has ended; want nil", err)
	}
	expect(t, b, "k", "v", r)
}

func allReturns(t *testing.T, l ledger.Ledger) {
	b := bucket(t, l)
	if got, err := ledger.All(t.Context(), b); err != nil || len(got) != 0 {
		t.Errorf("an empty bucket has %v, %v", got, err)
	}
	for _, key := range []string{"c", "gone", "a", "b"} {
		create(t, b, key, "value of "+key)
	}
	if _, err := ledger.Remove(t.Context(), b, "gone"); err != nil {
		t.Fatal(err)
	}
	got, err := ledger.All(t.Context(), b)
	var keys []string
	for _, e := range got {
		keys = append(keys, e.Key)
		expect(t, b, e.Key, "value of "+e.Key, e.Revision)
	}
	if want := []string{"c", "a", "b"}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("the bucket has %v, %v; want %v in the order of writing", keys, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := ledger.All(ctx, b); err == nil {
		t.Errorf("after its context has ended, All returns %v and no error", got)
	}
}

func putAndRemove(t *testing.T, l ledger.Ledger) {
	b, ctx := bucket(t, l), t.Context()
	for _, value := range []string{"one", "two"} {
		r, err := ledger.Put(ctx, b, "k", []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		expect(t, b, "k", value, r)
	}
	if _, err := ledger.Remove(ctx, b, "k"); err != nil {
		t.Errorf("Remove: %v", err)
	}
	_, err := ledger.Remove(ctx, b, "k")
	expectError(t, "Remove of nothing", err, ledger.ErrMissing)
}
