package units

import (
	"fmt"
	"strings"
)

// Rate is a limit in bytes a second. The zero value is no limit.
type Rate int64

// ParseRate reads a limit such as 5M, 800kB, 10Mbit, 250000, 0 or off. A "/s"
// or "ps" at the end is allowed.
func ParseRate(s string) (Rate, error) {
	t := strings.TrimSpace(s)
	if strings.EqualFold(t, "off") {
		return 0, nil
	}
	if cut, ok := strings.CutSuffix(t, "/s"); ok {
		t = cut
	} else if cut, ok := strings.CutSuffix(t, "ps"); ok {
		t = cut
	}
	n, err := parse(t, byteUnits, bitUnits)
	if err != nil {
		return 0, fmt.Errorf("rate %q: %w", s, err)
	}
	return Rate(n), nil
}

// Set implements pflag.Value with ParseRate.
func (r *Rate) Set(s string) error {
	n, err := ParseRate(s)
	if err == nil {
		*r = n
	}
	return err
}

// String returns the shortest form that ParseRate reads back to the same
// limit; "off" for none.
func (r Rate) String() string {
	if r == 0 {
		return "off"
	}
	return exact(int64(r))
}

// Type implements pflag.Value.
func (Rate) Type() string { return "RATE" }
