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

// Pulse is what a test sees of pulse.
type Pulse struct{ pulse }

func NewPulse(patience time.Duration, now time.Time) *Pulse {
	return &Pulse{pulse{patience: patience, looked: now}}
}

func (p *Pulse) Look(now time.Time) bool { return p.look(now) }
