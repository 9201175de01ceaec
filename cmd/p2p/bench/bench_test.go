package bench_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"p2p/cmd/p2p/bench"
	"p2p/cmd/p2p/progress"
)

var update = flag.Bool("update", false, "rewrite the golden files; read the difference before you commit it")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(string(b), "\r\n", "\n")
	if got != want {
		t.Errorf("%s is not as it was; see what -update changes. Now:\n%s", path, got)
	}
}

func TestTheMedianIsInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   bench.Spread
	}{
		{nil, bench.Spread{}},
		{[]float64{3}, bench.Spread{3, 3, 3}},
		{[]float64{9, 1, 5}, bench.Spread{5, 1, 9}},
		{[]float64{4, 1, 2, 9}, bench.Spread{3, 1, 9}},
	} {
		before := slices.Clone(c.values)
		if got := bench.SpreadOf(c.values); got != c.want {
			t.Errorf("SpreadOf(%v) = %v; want %v", c.values, got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("SpreadOf changed its argument to %v", c.values)
		}
	}
}

func TestRatiosLeaveOutRepetitionsThatFailed(t *testing.T) {
	got := bench.Ratios([]float64{2, 0, 9, 8}, []float64{1, 1, 0, 2, 7})
	if !slices.Equal(got, []float64{2, 4}) {
		t.Errorf("Ratios = %v", got)
	}
}

func TestTablesAreAlignedInEveryScript(t *testing.T) {
	en := bench.Table{Left: 2, Head: []string{"N", "way", "seconds", "sent"}, Rows: [][]string{
		{"1", "client and server", "4.00", "32.0 MiB"}, {"", "swarm", "12.3"}, {"16", "swarm", "4.5", "–"},
	}}
	zh := bench.Table{Left: 1, Head: []string{"方式", "最后(秒)", "rate"}, Rows: [][]string{
		{"客户端/服务器", "4.00", "8.0 MiB/s"}, {"群组", "5.1", "–"},
	}}
	golden(t, "tables.golden", en.String()+"\n"+zh.String())
	lines := strings.Split(strings.TrimSpace(zh.String()), "\n")
	if progress.Width(lines[1]) != progress.Width(lines[2]) {
		t.Errorf("the columns do not end together:\n%s", zh)
	}
}

// charts has what a chart can be: the usual one, one with the words of another
// script, a single place, and nothing.
func charts() []bench.Chart {
	classic := bench.Chart{
		Title: "The same file to N clients", Subtitle: "32 MiB; 8 MiB/s <each> & all", XLabel: "clients N", YLabel: "seconds",
		Series: []bench.Series{
			{Name: "server", Points: []bench.Point{{1, 4, 4, 4}, {2, 8, 7.5, 8}, {4, 16, 15, 16}, {8, 32.5, 31, 32.5}, {16, 65, 62, 65}}},
			{Name: "theory: N × F/u", Theory: true, Points: []bench.Point{{X: 1, Y: 4}, {X: 16, Y: 64}}},
			{Name: "swarm", Points: []bench.Point{{1, 4.1, 4.1, 4.1}, {2, 4.3, 4.2, 4.3}, {4, 4.6, 4.4, 4.6}, {8, 5, 4.6, 5}, {16, 5.3, 4.7, 5.3}}},
			{Name: "theory: F/u", Theory: true, Points: []bench.Point{{X: 1, Y: 4}, {X: 16, Y: 4}}},
		},
	}
	chinese := classic
	chinese.Title, chinese.XLabel, chinese.YLabel = "同一个文件送到 N 个客户端", "客户端数 N", "最后一个客户端完成的时间（秒）是竖轴上的数"
	single := bench.Chart{Title: "one", XLabel: "N", YLabel: "s", Series: []bench.Series{{Name: "a", Points: []bench.Point{{3, 0.02, 0.01, 0.02}}}}}
	return []bench.Chart{classic, chinese, single, {Title: "nothing", XLabel: "N", YLabel: "s"}}
}

func TestChartsOnATerminalLookAsTheyShould(t *testing.T) {
	var b strings.Builder
	for _, c := range charts() {
		for _, cols := range []int{100, 80, 40} {
			fmt.Fprintf(&b, "# %s, %d columns\n%s\n", c.Title, cols, c.Terminal(cols, 12))
		}
	}
	golden(t, "terminal.golden", b.String())
}

func TestChartsKeepWithinTheTerminal(t *testing.T) {
	for _, c := range charts() {
		for cols := 30; cols <= 130; cols++ {
			for line := range strings.Lines(c.Terminal(cols, 10)) {
				if w := progress.Width(strings.TrimSuffix(line, "\n")); w >= cols {
					t.Fatalf("%s: a line takes %d of %d columns: %q", c.Title, w, cols, line)
				}
			}
		}
	}
}

func TestTheSVGLooksAsItShould(t *testing.T) {
	golden(t, "chart.svg", charts()[0].SVG())
}

func TestEverySVGIsWellFormed(t *testing.T) {
	for _, c := range charts() {
		d := xml.NewDecoder(strings.NewReader(c.SVG()))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c.Title, err)
			}
		}
		if strings.Contains(c.SVG(), "NaN") || strings.Contains(c.SVG(), "Inf") {
			t.Errorf("%s: a coordinate is no number", c.Title)
		}
	}
}

func TestStackedChartsAreOneDocument(t *testing.T) {
	s := bench.Stack(charts()...)
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(s, "<title>"); n != len(charts()) {
		t.Errorf("%d of %d charts are in it", n, len(charts()))
	}
}

func TestAPercentileIsOneOfTheValues(t *testing.T) {
	var values []float64
	for i := range 200 {
		values = append(values, float64(200-i))
	}
	for p, want := range map[float64]float64{0: 1, 50: 100, 99: 198, 99.5: 199, 100: 200} {
		if got := bench.Percentile(values, p); got != want {
			t.Errorf("the %g-th is %g, not %g", p, got, want)
		}
	}
	if got := bench.Percentile(nil, 50); got != 0 {
		t.Errorf("of nothing: %g", got)
	}
}
