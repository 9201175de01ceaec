package peer_test

import (
	"testing"
	"time"

	"p2p/peer"
)

func TestATorrentThatWasClosedIsGoneAndCanBeAddedAgain(t *testing.T) {
	s := newSource(t, 1<<20, 64<<10)
	a, b := openNode(t, peer.Options{}), openNode(t, peer.Options{})
	shared := add(t, a, s, s.dir, true)
	if err := shared.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := shared.Close(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	got := add(t, b, s, t.TempDir(), false, a.Addr())
	select {
	case <-got.Complete():
		t.Fatal("a closed torrent is shared")
	case <-time.After(200 * time.Millisecond):
	}
	if err := got.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, a, s, s.dir, true)
	again := add(t, b, s, t.TempDir(), false, a.Addr())
	select {
	case <-again.Complete():
	case <-again.Failed():
		t.Fatal(again.Err())
	}
}
