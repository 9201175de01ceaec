package units

import (
	"fmt"
	"math"
	"time"
)

var binaryUnits = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// power returns the index of the unit in which n reads best: the largest that
// leaves at least 1.0 when rounded to one digit after the point, so that
// 1048575 is "1.0 MiB" and never "1024.0 KiB".
func power(n int64) int {
	f, p := float64(n), 0
	for (p == 0 && f >= 1024 || f >= 1023.95) && p < len(binaryUnits)-1 {
		f /= 1024
		p++
	}
	return p
}

// in returns n in the unit of power p, without the unit.
func in(n int64, p int) string {
	if p == 0 {
		return fmt.Sprintf("%d", n)
	}
	return fmt.Sprintf("%.1f", float64(n)/math.Pow(1024, float64(p)))
}

// FormatBytes returns n for people: "512 B", "4.5 GiB". Negative numbers are
// taken as 0.
func FormatBytes(n int64) string {
	n = max(n, 0)
	p := power(n)
	return in(n, p) + " " + binaryUnits[p]
}

// FormatOf returns "4.5/33.2 GiB": a part of a whole, both in the unit of the
// whole.
func FormatOf(part, whole int64) string {
	part, whole = max(part, 0), max(whole, 0)
	p := power(whole)
	return in(part, p) + "/" + in(whole, p) + " " + binaryUnits[p]
}

// FormatRate returns bytes a second for people: "116.0 MiB/s".
func FormatRate(n int64) string { return FormatBytes(n) + "/s" }

// FormatRates returns both directions in the unit of the larger one:
// "↓116.0 ↑1.2 MiB/s".
func FormatRates(down, up int64) string {
	down, up = max(down, 0), max(up, 0)
	p := power(max(down, up))
	return "↓" + in(down, p) + " ↑" + in(up, p) + " " + binaryUnits[p] + "/s"
}

// Words are the units of time in the reader's language, as they follow a
// number: "d", "h", "m", "s". Gap stands between all numbers and units; it is a blank where units are words, as
// in Chinese.
type Words struct{ Day, Hour, Minute, Second, Gap string }

// English are the words that ParseDuration reads.
var English = Words{"d", "h", "m", "s", ""}

// FormatElapsed is FormatDuration for how long something took: less than ten
// seconds are worth a digit after the point.
func FormatElapsed(d time.Duration, w Words) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f%s%s", max(d, 0).Seconds(), w.Gap, w.Second)
	}
	return FormatDuration(d, w)
}

// FormatDuration returns d for people, in its two largest units: "4m13s",
// "2h03m", "3d04h", "5s". A duration under a second is 0 seconds.
func FormatDuration(d time.Duration, w Words) string {
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	two := func(large int64, unit string, small int64, below string) string {
		return fmt.Sprintf("%[1]d%[5]s%[2]s%[5]s%02[3]d%[5]s%[4]s", large, unit, small, below, w.Gap)
	}
	switch {
	case s < 60:
		return fmt.Sprintf("%d%s%s", s, w.Gap, w.Second)
	case s < 3600:
		return two(s/60, w.Minute, s%60, w.Second)
	case s < 24*3600:
		return two(s/3600, w.Hour, s/60%60, w.Minute)
	}
	return two(s/86400, w.Day, s/3600%24, w.Hour)
}
