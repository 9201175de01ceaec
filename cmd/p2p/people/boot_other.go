//go:build !linux

package people

import "time"

// sinceBoot is zero: no clock is known here that sees sleep.
func sinceBoot() time.Duration { return 0 }
