package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/peer"
	"p2p/peer/announce"
	"p2p/peer/swarm"
)

func display(t *testing.T) *progress.Display {
	t.Helper()
	return progress.New(progress.Options{Out: t.Output(), Style: progress.Style{Text: text.English()}})
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestTheReasonForHavingNoPeersIsTheTrueOne(t *testing.T) {
	const url = "http://tracker.test/announce"
	answered := announce.Status{URL: url, Answered: noon}
	failed := announce.Status{URL: url, Err: "connection refused"}
	for _, c := range []struct {
		name string
		st   peer.Stats
		want string
	}{
		{"no tracker", peer.Stats{}, "the torrent names no tracker; ask who shares it for an address, and give that with --peer"},
		{"nobody there", peer.Stats{Trackers: []announce.Status{answered}}, "the tracker knows nobody else who has this torrent"},
		{"still asking", peer.Stats{Trackers: []announce.Status{{URL: url, Asking: true}}}, "tracker " + url + " has not answered yet"},
		{"all fail", peer.Stats{Trackers: []announce.Status{failed, {URL: "udp://b.test:1"}}}, "tracker " + url + ": connection refused"},
		{"one fails, one answers", peer.Stats{Trackers: []announce.Status{failed, answered}}, "the tracker knows nobody else who has this torrent"},
		{
			"unreachable",
			peer.Stats{Stats: swarm.Stats{Known: 3, LastError: "10.0.0.9:1: connection refused"}, Trackers: []announce.Status{{URL: url, Answered: noon, Peers: 3}}},
			"3 addresses are known, but there is no connection to any (last: 10.0.0.9:1: connection refused)",
		},
		{
			"unreachable and a tracker that fails",
			peer.Stats{Stats: swarm.Stats{Known: 1}, Trackers: []announce.Status{failed}},
			"1 address is known, but there is no connection; tracker " + url + ": connection refused",
		},
	} {
		a := &app{text: text.English()}
		if got := a.whyNoPeers(c.st); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

func TestLonelinessIsExplainedOnceAfter15Seconds(t *testing.T) {
	var out bytes.Buffer
	a := &app{text: text.English(), display: progress.New(progress.Options{Out: &out, Style: progress.Style{Text: text.English()}})}
	w := watcher{app: a, aloneSince: noon, movingSince: noon}
	look := func(second int, st peer.Stats) { w.look(noon.Add(time.Duration(second)*time.Second), st, false) }
	connected := peer.Stats{Stats: swarm.Stats{Connected: 1}}
	for s := range 60 {
		look(s, peer.Stats{})
		if said := strings.Count(out.String(), "no peers yet: "); (s < 15) != (said == 0) || said > 1 {
			t.Fatalf("after %d s it was said %d times", s, said)
		}
	}
	look(60, connected)
	for s := 61; s < 90; s++ {
		look(s, peer.Stats{})
	}
	if said := strings.Count(out.String(), "no peers yet: "); said != 2 {
		t.Errorf("when the last peer had left it was said %d times", said)
	}
}

// Both sides have everything, so the connections are closed: that is no trouble.
func TestADownloadThatFinishesIsNotLonely(t *testing.T) {
	var out bytes.Buffer
	a := &app{text: text.English(), display: progress.New(progress.Options{Out: &out, Style: progress.Style{Text: text.English()}})}
	w := watcher{app: a, aloneSince: noon, movingSince: noon}
	for s := range 60 {
		w.look(noon.Add(time.Duration(s)*time.Second), peer.Stats{Stats: swarm.Stats{Finishing: true}}, false)
	}
	if out.Len() > 0 {
		t.Errorf("said: %s", out.String())
	}
}

func TestPiecesThatNobodyHasAreMentionedOnce(t *testing.T) {
	var out bytes.Buffer
	a := &app{text: text.English(), display: progress.New(progress.Options{Out: &out, Style: progress.Style{Text: text.English()}})}
	w := watcher{app: a, aloneSince: noon, movingSince: noon}
	for s := range 60 {
		st := peer.Stats{Stats: swarm.Stats{Connected: 2, Unavailable: 7, Downloaded: int64(min(s, 10))}}
		w.look(noon.Add(time.Duration(s)*time.Second), st, false)
		if said := strings.Count(out.String(), "no connected peer has the 7 pieces"); (s < 25) != (said == 0) || said > 1 {
			t.Fatalf("after %d s it was said %d times", s, said)
		}
	}
}

func TestEventsAreWrittenWhenSomethingHappens(t *testing.T) {
	var out bytes.Buffer
	a := &app{shell: &shell{out: &out}, text: text.English(), display: display(t)}
	a.globals.json = true
	w := watcher{app: a, aloneSince: noon, movingSince: noon}
	st := peer.Stats{Stats: swarm.Stats{Connected: 1, HashFails: 2, Banned: 1}, Trackers: []announce.Status{{URL: "u", Err: "e"}}}
	w.look(noon, st, false)
	w.look(noon, st, false)
	w.look(noon, st, true)
	w.look(noon, st, true)
	var kinds []string
	for _, e := range objects(t, out.String()) {
		kinds = append(kinds, e["kind"].(string))
	}
	if got, want := strings.Join(kinds, " "), "piece_failed peer_banned tracker_error complete"; got != want {
		t.Errorf("events %s; want %s", got, want)
	}
}
