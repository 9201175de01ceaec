package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time given on the command line.
type Duration time.Duration

// durationUnits is in the order in which they may follow each other.
var durationUnits = []struct {
	suffix string
	length time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// ParseDuration reads a length of time such as 90s, 15m, 2h, 7d or 1h30m.
func ParseDuration(s string) (Duration, error) {
	rest, total := strings.TrimSpace(s), 0.0
	bad := func() (Duration, error) {
		return 0, fmt.Errorf("duration %q: want a number with s, m, h or d, such as 90s, 15m or 2h", s)
	}
	if rest == "0" {
		return 0, nil
	}
	if rest == "" {
		return bad()
	}
	for _, u := range durationUnits {
		number, after, found := strings.Cut(rest, u.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 || strings.ContainsAny(number, "+-eExXpPiInN_") {
			return bad()
		}
		total += n * float64(u.length)
		rest = after
	}
	if rest != "" {
		return bad()
	}
	if total >= 1<<63 {
		return 0, fmt.Errorf("duration %q: too long", s)
	}
	return Duration(total), nil
}

// Set implements pflag.Value with ParseDuration.
func (d *Duration) Set(s string) error {
	n, err := ParseDuration(s)
	if err == nil {
		*d = n
	}
	return err
}

// String returns the duration to the second in the form that ParseDuration
// reads back: 1h30m, 2d, 45s, 0.
func (d Duration) String() string {
	rest := time.Duration(d).Round(time.Second)
	if rest <= 0 {
		return "0"
	}
	var b strings.Builder
	for _, u := range durationUnits {
		if n := rest / u.length; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.suffix)
			rest -= n * u.length
		}
	}
	return b.String()
}

// Type implements pflag.Value.
func (Duration) Type() string { return "DURATION" }
