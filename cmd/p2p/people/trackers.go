package people

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/announce"
)

// Who has no account is found under the trackers that he has named once: a link that leads to one, and contacts who look
// there, would be of no use if the next node announced itself nowhere. So they lie in the settings of the history.

// trackerSetting is the name under which they are kept.
const trackerSetting = "trackers"

// noTrackers, alone, takes back those that were named.
const noTrackers = "none"

// nameTrackers keeps trackers if there are any, and otherwise takes those that were kept. The node does not run yet.
func (n *Node) nameTrackers(ctx context.Context, trackers []string) error {
	if len(trackers) > 0 {
		return n.keepTrackers(trackers)
	}
	b, err := n.archive.Setting(ctx, trackerSetting)
	if err != nil || b == nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := json.Unmarshal(b, &n.chosen); err != nil {
		return fmt.Errorf("read trackers: %w", err)
	}
	return nil
}

// keepTrackers keeps trackers, by the URLs under which they are announced to.
func (n *Node) keepTrackers(trackers []string) error {
	named := []string{}
	for _, t := range trackers {
		if t == noTrackers && len(trackers) == 1 {
			break
		}
		if u, err := url.Parse(t); err == nil && strings.Trim(u.Path, "/") == "" {
			t = announceOf(t) // people give what they see: where it is
		}
		if !announceURL(t) {
			return fail(invalid, api.BadTracker, "tracker", t)
		}
		named = append(named, t)
	}
	b, err := json.Marshal(named)
	if err == nil {
		err = n.archive.SaveSetting(trackerSetting, b)
	}
	if err != nil {
		return fmt.Errorf("keep trackers: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chosen = named
	return nil
}

// findUnder has this person found under other trackers from now on; none: as before.
func (n *Node) findUnder(ctx context.Context, trackers []string) error {
	if len(trackers) == 0 {
		return nil
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.keepTrackers(trackers); err != nil {
		return err
	}
	return n.beFound(ctx)
}

// beFound has what runs announced under the trackers of now. The caller holds changing.
func (n *Node) beFound(ctx context.Context) error {
	n.mu.Lock()
	s, runs := n.self, n.node != nil
	moved := runs && !slices.Equal(n.announced, n.announces())
	n.mu.Unlock()
	if !moved {
		return nil
	}
	if err := n.end(ctx); err != nil {
		n.log.Warn("while moving to other trackers", zap.Error(err))
	}
	return n.begin(ctx, s)
}

// trackerViews returns how things stand with the trackers under which this person is found: with her door, which is announced to all
// of them.
func (n *Node) trackerViews() (all []*p2pv1.Tracker) {
	known := map[string]announce.Status{}
	if d := n.home(); d != nil {
		for _, s := range d.swarm.Stats().Trackers {
			known[s.URL] = s
		}
	}
	for _, url := range n.trackers() {
		s := known[url]
		all = append(all, &p2pv1.Tracker{Url: url, Answers: s.Err == "" && !s.Answered.IsZero(), Problem: trackerProblem(s)})
	}
	return all
}

// trackerProblem says why a tracker is of no use now, nil if it is, or if that is not known.
func trackerProblem(s announce.Status) *p2pv1.Reason {
	switch {
	case s.Refused != "":
		return api.Problem(api.TrackerRefuses, "detail", s.Refused)
	case s.Err != "":
		return api.Problem(api.TrackerSilent, "detail", s.Err)
	}
	return nil
}

// troubled returns what programs are to be told anew of when it changes: which trackers are of no use.
func troubled(all []*p2pv1.Tracker) (trouble string) {
	for _, t := range all {
		if t.Problem != nil {
			trouble += t.Url + " " + t.Problem.Key + "\n"
		}
	}
	return trouble
}

// trackerTime is how long somebody who has named a tracker waits for what that says.
const trackerTime = 3 * time.Second

// hearTrackers waits until one of the trackers that were named has answered, or all have failed.
func (n *Node) hearTrackers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, trackerTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		all := n.trackerViews()
		if !slices.ContainsFunc(all, func(t *p2pv1.Tracker) bool { return t.Problem == nil }) ||
			slices.ContainsFunc(all, func(t *p2pv1.Tracker) bool { return t.Answers }) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
