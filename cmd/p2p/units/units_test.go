package units_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"p2p/cmd/p2p/units"
)

func TestSizesAreReadAsTheTableSays(t *testing.T) {
	for in, want := range map[string]units.Size{
		"0": 0, "1": 1, "1023": 1023, "16K": 16 << 10, "16k": 16 << 10, "1M": 1 << 20, "1m": 1 << 20,
		"2G": 2 << 30, "3T": 3 << 40, "16KiB": 16 << 10, "16kib": 16 << 10, "1MiB": 1 << 20, "1 GiB": 1 << 30,
		"1kB": 1000, "1KB": 1000, "5MB": 5e6, "1.5G": 3 << 29, "0.5 MB": 500000, "7B": 7, " 9 ": 9,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, err := units.ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, int64(got), err, int64(want))
		}
	}
}

func TestSizesThatCouldMeanTwoThingsAreRefused(t *testing.T) {
	for _, in := range []string{"", "K", "-1", "-1K", "1mb", "1Mb", "1kb", "1e6", "0x10", "1K1", "K1", "1.2.3", ".", "1 2",
		"9223372036854775808", "9000000T", "10Mbit", "NaN", "Inf", "1_000", "٣"} {
		if got, err := units.ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d; want an error", in, int64(got))
		}
	}
}

func TestRatesAreBytesASecondUnlessTheySayBits(t *testing.T) {
	for in, want := range map[string]units.Rate{
		"0": 0, "off": 0, "OFF": 0, "250000": 250000, "5M": 5 << 20, "5M/s": 5 << 20, "5MiB/s": 5 << 20, "800kB": 800000,
		"10Mbit": 1250000, "10 Mbit/s": 1250000, "10Mbitps": 1250000, "1Gbit": 125e6, "8kbit": 1000, "1bit": 1, "0.1": 1,
	} {
		if got, err := units.ParseRate(in); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v; want %d", in, int64(got), err, int64(want))
		}
	}
	for _, in := range []string{"", "on", "-5", "5Mb", "5mb/s", "/s", "5/s/s", "fast"} {
		if got, err := units.ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %d; want an error", in, int64(got))
		}
	}
}

func TestDurationsAreReadAsTheTableSays(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "15m": 15 * time.Minute, "2h": 2 * time.Hour, "7d": 7 * 24 * time.Hour,
		"1h30m": 90 * time.Minute, "1d2h3m4s": 26*time.Hour + 3*time.Minute + 4*time.Second, "1.5h": 90 * time.Minute,
	} {
		if got, err := units.ParseDuration(in); err != nil || time.Duration(got) != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, time.Duration(got), err, want)
		}
	}
	for _, in := range []string{"", "5", "s", "-1s", "1s1m", "1x", "1e3s", "Infs", "NaNs", "1ms", "99999999999d", "1h 30m"} {
		if got, err := units.ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v; want an error", in, time.Duration(got))
		}
	}
}

// What a flag shows as its default must mean the same when it is typed back.
func TestValuesSurviveStringAndSet(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		n := rng.Int64() >> rng.IntN(63)
		if rng.IntN(2) == 0 {
			n = n >> 40 << (10 * rng.IntN(4)) // multiples of a unit
		}
		var size units.Size
		if err := size.Set(units.Size(n).String()); err != nil || size != units.Size(n) {
			t.Fatalf("size %d -> %q -> %d, %v", n, units.Size(n), int64(size), err)
		}
		var rate units.Rate
		if err := rate.Set(units.Rate(n).String()); err != nil || rate != units.Rate(n) {
			t.Fatalf("rate %d -> %q -> %d, %v", n, units.Rate(n), int64(rate), err)
		}
		d := units.Duration(n >> 30 / int64(time.Second) * int64(time.Second))
		var back units.Duration
		if err := back.Set(d.String()); err != nil || back != d {
			t.Fatalf("duration %d -> %q -> %d, %v", d, d, back, err)
		}
	}
}

// The rounded form that people read lies within its last digit of the truth.
func TestFormattedBytesReadBackToNearlyTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		n := rng.Int64() >> 1 >> rng.IntN(60) // up to 4 EiB has no unit that ParseSize knows
		if n >= 1<<50 {
			continue
		}
		got, err := units.ParseSize(units.FormatBytes(n))
		if err != nil || math.Abs(float64(got)-float64(n)) > 0.051*float64(n)+0.5 {
			t.Fatalf("%d -> %q -> %d, %v", n, units.FormatBytes(n), int64(got), err)
		}
	}
}

func TestBytesAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0 B", 0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB",
		1<<20 - 1: "1.0 MiB", 1000 << 10: "1000.0 KiB", 35651584000: "33.2 GiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := units.FormatBytes(n); got != want {
			t.Errorf("FormatBytes(%d) = %q; want %q", n, got, want)
		}
	}
	if got, want := units.FormatOf(4884267008, 35651584000), "4.5/33.2 GiB"; got != want {
		t.Errorf("FormatOf = %q; want %q", got, want)
	}
	if got, want := units.FormatRates(121634816, 1258291), "↓116.0 ↑1.2 MiB/s"; got != want {
		t.Errorf("FormatRates = %q; want %q", got, want)
	}
}

func TestDurationsAreWrittenInTwoUnits(t *testing.T) {
	chinese := units.Words{Day: "天", Hour: "小时", Minute: "分", Second: "秒", Gap: " "}
	for d, want := range map[time.Duration][2]string{
		-time.Second:                   {"0s", "0 秒"},
		400 * time.Millisecond:         {"0s", "0 秒"},
		59600 * time.Millisecond:       {"1m00s", "1 分 00 秒"},
		4*time.Minute + 13*time.Second: {"4m13s", "4 分 13 秒"},
		2*time.Hour + 3*time.Minute:    {"2h03m", "2 小时 03 分"},
		76 * time.Hour:                 {"3d04h", "3 天 04 小时"},
	} {
		if got := units.FormatDuration(d, units.English); got != want[0] {
			t.Errorf("FormatDuration(%v) = %q; want %q", d, got, want[0])
		}
		if got := units.FormatDuration(d, chinese); got != want[1] {
			t.Errorf("FormatDuration(%v) = %q; want %q", d, got, want[1])
		}
	}
}

func TestShortTimesAreWrittenInTenths(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0.0s", 180 * time.Millisecond: "0.2s", 9 * time.Second: "9.0s", 10 * time.Second: "10s", time.Minute: "1m00s",
	} {
		if got := units.FormatElapsed(d, units.English); got != want {
			t.Errorf("FormatElapsed(%v) = %q; want %q", d, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "16K", "1.5GiB", "off", "10Mbit/s", "1h30m", "7d", "-1", "1e9", "٣K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := units.ParseSize(s); err == nil && n < 0 {
			t.Errorf("ParseSize(%q) = %d", s, int64(n))
		}
		if n, err := units.ParseRate(s); err == nil && n < 0 {
			t.Errorf("ParseRate(%q) = %d", s, int64(n))
		}
		if n, err := units.ParseDuration(s); err == nil && n < 0 {
			t.Errorf("ParseDuration(%q) = %d", s, int64(n))
		}
	})
}
