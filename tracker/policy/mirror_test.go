package policy

import (
	"testing"

	"go.uber.org/zap"

	"p2p/tracker/ledger"
)

func TestAWatchThatLagsBehindDoesNotBringBackWhatWasRemoved(t *testing.T) {
	bucket, err := new(ledger.Memory).Bucket(t.Context(), "keys")
	if err != nil {
		t.Fatal(err)
	}
	m := newMirror(bucket, zap.NewNop(), func(_ string, b []byte) (string, error) { return string(b), nil })
	if err := m.write(t.Context(), "alice", []byte("first")); err != nil {
		t.Fatal(err)
	}
	old, err := bucket.Get(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.remove(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	m.apply(ledger.Change{Entry: old}) // the watch has got no further
	if _, ok := m.get("alice"); ok {
		t.Error("a revoked key is back")
	}
	fresh := make(map[string]mirrored[string])
	m.put(fresh, ledger.Change{Entry: old}) // nor has a new one
	if m.replace(fresh); len(m.entries) != 0 {
		t.Error("a revoked key is back with a new watch")
	}
	if err := m.write(t.Context(), "alice", []byte("second")); err != nil {
		t.Fatal(err)
	}
	if e, ok := m.get("alice"); !ok || e.value != "second" {
		t.Errorf("what was written anew is %+v, %v", e, ok)
	}
}
