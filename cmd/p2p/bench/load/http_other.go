//go:build !linux

package load

import (
	"context"
	"time"
)

// runClients drives clients until the time is over.
func runClients(ctx context.Context, _ Options, all []*client, begin time.Time) error {
	return runConns(ctx, all, begin)
}
