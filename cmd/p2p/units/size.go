package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. The zero value is no bytes, which flags take as
// "choose for me" or "no limit"; each flag says which.
type Size int64

// byteUnits are the accepted spellings. mb and Mb are missing on purpose:
// people write them for megabytes and for megabits, a factor of eight.
var byteUnits = map[string]float64{
	"": 1, "B": 1,
	"K": 1 << 10, "k": 1 << 10, "M": 1 << 20, "m": 1 << 20,
	"G": 1 << 30, "g": 1 << 30, "T": 1 << 40, "t": 1 << 40,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// bitUnits are the spellings of rates in bits, in bytes.
var bitUnits = map[string]float64{
	"bit": 1.0 / 8, "kbit": 1e3 / 8, "Kbit": 1e3 / 8,
	"Mbit": 1e6 / 8, "mbit": 1e6 / 8, "Gbit": 1e9 / 8, "gbit": 1e9 / 8,
}

// ParseSize reads a number of bytes such as 1048576, 16K, 1.5GiB or 4MB.
func ParseSize(s string) (Size, error) {
	n, err := parse(s, byteUnits)
	if err != nil {
		return 0, fmt.Errorf("size %q: %w", s, err)
	}
	return Size(n), nil
}

// parse reads a decimal number with one of the units. A number above 0 never
// becomes 0, which would turn the smallest limit into none at all.
func parse(s string, units ...map[string]float64) (int64, error) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(s)
	}
	number, unit := s[:end], strings.TrimSpace(s[end:])
	scale, ok := 0.0, false
	for _, table := range units {
		if scale, ok = table[unit]; ok {
			break
		}
	}
	if number == "" {
		return 0, fmt.Errorf("want a number, perhaps with a unit such as 512K, 5M, 1.5G or 2MB")
	}
	if !ok {
		return 0, fmt.Errorf("unknown unit %q (K M G T are powers of 1024, kB MB GB TB of 1000%s)", unit, bitHint(units))
	}
	if scale == 1 { // exact for all 64 bits
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return n, nil
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", number)
	}
	f *= scale
	if f >= math.MaxInt64 {
		return 0, fmt.Errorf("too large")
	}
	if f > 0 && f < 1 {
		return 1, nil
	}
	return int64(math.Round(f)), nil
}

func bitHint(units []map[string]float64) string {
	if len(units) < 2 {
		return ""
	}
	return ", Mbit is bits"
}

// Set implements pflag.Value with ParseSize and the word auto for 0.
func (z *Size) Set(s string) error {
	if s == "auto" {
		*z = 0
		return nil
	}
	n, err := ParseSize(s)
	if err == nil {
		*z = n
	}
	return err
}

// String returns the shortest form that ParseSize reads back to the same
// number: 16M, 1536K, 1000000. The zero value is "auto".
func (z Size) String() string {
	if z == 0 {
		return "auto"
	}
	return exact(int64(z))
}

// Type implements pflag.Value: the word that stands for the value in a help
// text.
func (Size) Type() string { return "SIZE" }

func exact(n int64) string {
	suffix := ""
	for _, next := range []string{"K", "M", "G", "T"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n /= 1024
		suffix = next
	}
	return strconv.FormatInt(n, 10) + suffix
}
