package policy

import (
	"context"

	"p2p/tracker"
)

// Chain admits what all its policies admit. They are asked in order, and those
// after the first that refuses are not asked.
type Chain []tracker.Policy

var _ tracker.Policy = Chain(nil)

// MayAnnounce implements tracker.Policy.
func (c Chain) MayAnnounce(ctx context.Context, r tracker.Request) error {
	for _, p := range c {
		if err := p.MayAnnounce(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// MayScrape implements tracker.Policy.
func (c Chain) MayScrape(ctx context.Context, r tracker.ScrapeRequest) error {
	for _, p := range c {
		if err := p.MayScrape(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
