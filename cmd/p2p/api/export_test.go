package api

import (
	"context"
	"time"
)

// Use is what a test sees of use.
type Use struct{ use }

func (u *Use) Begin() func() { return u.begin() }

func (u *Use) Linger(ctx context.Context, limit time.Duration, busy func() bool) bool {
	return u.linger(ctx, limit, busy)
}
