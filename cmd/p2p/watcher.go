package main

import (
	"strings"
	"time"

	"p2p/peer"
	"p2p/peer/announce"
)

// patience is how long a download may get nowhere before the program says why.
const patience = 15 * time.Second

// watcher looks at a transfer now and then and tells what has happened since:
// events with -j, and for people why there are no peers, or none that help.
type watcher struct {
	app         *app
	aloneSince  time.Time // zero while there are peers, or once it was said
	movingSince time.Time // when data last came, zero once it was said that none does
	fails       int
	banned      int
	errs        map[string]string // by tracker
	wasComplete bool
	seen        int64 // bytes downloaded
}

// look compares the transfer with what it was at the last look.
func (w *watcher) look(now time.Time, st peer.Stats, complete bool) {
	w.events(st, complete)
	switch {
	case complete:
		w.unknown(now, st)
		return
	case st.Finishing: // nobody is needed any more
		return
	}
	w.alone(now, st)
	w.stuck(now, st)
}

// alone says once, after a while without a peer, why that is so.
func (w *watcher) alone(now time.Time, st peer.Stats) {
	switch {
	case st.Connected > 0:
		w.aloneSince = now
	case !w.aloneSince.IsZero() && now.Sub(w.aloneSince) >= patience:
		w.aloneSince = time.Time{}
		reason := w.app.whyNoPeers(st)
		w.app.say("peers.none", reason)
		w.app.emit(event("no_peers", map[string]any{"reason": reason}))
	}
}

// unknown says once that nobody can find a seeder, because no tracker has taken
// it in.
func (w *watcher) unknown(now time.Time, st peer.Stats) {
	var failed *announce.Status
	for i, t := range st.Trackers {
		if !t.Answered.IsZero() {
			w.aloneSince = time.Time{}
			return
		}
		if t.Err != "" && failed == nil {
			failed = &st.Trackers[i]
		}
	}
	if failed == nil || w.aloneSince.IsZero() || now.Sub(w.aloneSince) < patience {
		return
	}
	w.aloneSince = time.Time{}
	w.app.say("seed.unknown", failed.URL, failed.Err)
	w.app.emit(event("not_announced", map[string]any{"tracker": failed.URL, "error": failed.Err}))
}

// stuck says once that pieces are missing which no connected peer has.
func (w *watcher) stuck(now time.Time, st peer.Stats) {
	switch {
	case st.Downloaded > w.seen || st.Connected == 0 || st.Unavailable == 0:
		w.seen, w.movingSince = st.Downloaded, now
	case !w.movingSince.IsZero() && now.Sub(w.movingSince) >= patience:
		w.movingSince = time.Time{}
		w.app.say("peers.lack", w.app.text.Count("count.pieces", st.Unavailable))
		w.app.emit(event("stalled", map[string]any{"pieces_unavailable": st.Unavailable}))
	}
}

// events are the JSON lines about what happened. A reader that has gone away is
// found out by the status lines.
func (w *watcher) events(st peer.Stats, complete bool) {
	if complete && !w.wasComplete {
		w.wasComplete = true
		w.app.emit(event("complete", map[string]any{}))
	}
	if st.HashFails > w.fails {
		w.app.emit(event("piece_failed", map[string]any{"count": st.HashFails - w.fails}))
		w.fails = st.HashFails
	}
	if st.Banned > w.banned {
		w.app.emit(event("peer_banned", map[string]any{"count": st.Banned - w.banned}))
		w.banned = st.Banned
	}
	if w.errs == nil {
		w.errs = map[string]string{}
	}
	for _, t := range st.Trackers {
		if t.Err != "" && w.errs[t.URL] != t.Err {
			w.app.emit(event("tracker_error", map[string]any{"tracker": t.URL, "error": t.Err}))
		}
		w.errs[t.URL] = t.Err
	}
}

// whyNoPeers explains in one line why a download has nobody to download from, as
// far as the trackers and the attempts to connect tell.
func (a *app) whyNoPeers(st peer.Stats) string {
	say := a.text.Say
	var failed, waiting []announce.Status
	answered, others := 0, 0
	for _, t := range st.Trackers {
		switch {
		case t.Err != "":
			failed = append(failed, t)
		case t.Answered.IsZero():
			waiting = append(waiting, t)
		default:
			answered++
			others += t.Peers
		}
	}
	var why []string
	switch {
	case answered > 0 && others == 0 && st.Known == 0:
		why = append(why, say("peers.why_nobody"))
	case len(st.Trackers) == 0 && st.Known == 0:
		why = append(why, say("peers.why_no_tracker"))
	}
	if st.Known > 0 {
		text := a.text.Count("peers.why_unreachable", st.Known)
		if st.LastError != "" {
			text += say("peers.last_error", st.LastError)
		}
		why = append(why, text)
	}
	if answered == 0 && len(failed) > 0 {
		why = append(why, say("peers.why_tracker", failed[0].URL, failed[0].Err))
	}
	if answered == 0 && len(failed) == 0 && len(waiting) > 0 {
		why = append(why, say("peers.why_waiting", waiting[0].URL))
	}
	return oneLine(strings.Join(why, "; "))
}
