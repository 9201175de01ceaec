package people

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
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
