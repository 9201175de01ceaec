package cluster

import (
	"testing"
	"time"

	"p2p/tracker/storetest"
)

// after is a time of the tests.
func after(seconds int) time.Time {
	return storetest.Start.Add(time.Duration(seconds) * time.Second)
}

func TestWhatOthersKnowIsNotRepeated(t *testing.T) {
	r := newRecent()
	peer := r.fingerprint(storetest.Hash(0), storetest.Addr4(1))
	const every = 100 * time.Second
	for _, step := range []struct {
		what string
		w    word
		news bool
	}{
		{"a new peer", word{at: after(0)}, true},
		{"a renewal", word{at: after(50)}, false},
		{"a renewal just before it is time", word{at: after(99)}, false},
		{"a renewal that is due", word{at: after(100)}, true},
		{"a peer that has finished", word{at: after(101), seed: true}, true},
		{"the same again", word{at: after(102), seed: true}, false},
		{"a peer that leaves", word{at: after(103), seed: true, gone: true}, true},
		{"the same twice", word{at: after(104), seed: true, gone: true}, false},
		{"a peer that comes back", word{at: after(105), seed: true}, true},
	} {
		if got := r.local(peer, step.w, every); got != step.news {
			t.Errorf("%s is passed on: %v, want %v", step.what, got, step.news)
		}
	}
	if other := r.fingerprint(storetest.Hash(1), storetest.Addr4(1)); !r.local(other, word{at: after(105)}, every) {
		t.Error("a peer of another torrent is not passed on")
	}
}

func TestAnOlderWordDoesNotReplaceANewerOne(t *testing.T) {
	r := newRecent()
	peer := r.fingerprint(storetest.Hash(0), storetest.Addr4(1))
	for _, step := range []struct {
		what     string
		w        word
		believed bool
	}{
		{"the first word", word{at: after(100)}, true},
		{"an older one", word{at: after(99), seed: true}, false},
		{"one of the same second", word{at: after(100), seed: true}, true},
		{"that the peer has left", word{at: after(110), gone: true}, true},
		{"that it was there before", word{at: after(105)}, false},
		{"that it came back", word{at: after(111)}, true},
	} {
		if got := r.foreign(peer, step.w, 0); got != step.believed {
			t.Errorf("%s is believed: %v, want %v", step.what, got, step.believed)
		}
	}
	if !r.foreign(peer, word{at: after(109)}, 2) || r.foreign(peer, word{at: after(100)}, 2) {
		t.Error("the slack is not two seconds")
	}
	// What others said need not be said to them.
	if r.local(peer, word{at: after(121)}, time.Minute) {
		t.Error("a peer of which others spoke is passed on")
	}
}

func TestTheTableGrowsWithThePeers(t *testing.T) {
	r := newRecent()
	r.fit(firstSets)
	if n := len(*r.table.Load()); n != firstSets {
		t.Errorf("it has grown to %d for few", n)
	}
	const peers = 100_000
	r.fit(peers)
	repeated := 0
	for round := range 2 {
		for i := range peers {
			if r.local(r.fingerprint(storetest.Hash(0), storetest.Addr4(i)), word{at: after(round)}, time.Minute) && round > 0 {
				repeated++
			}
		}
	}
	// Of eight places for two peers on average, more than eight rarely share a set.
	if repeated > peers/100 {
		t.Errorf("%d of %d peers were forgotten", repeated, peers)
	}
}
