package progress_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
)

var update = flag.Bool("update", false, "rewrite the golden file; read the difference before you commit it")

var moments = []struct {
	title string
	s     progress.Snapshot
}{
	{"downloading", progress.Snapshot{
		Verb: "get", Name: "data.bin", State: progress.Downloading, Done: 4884267008, Total: 35651584000,
		Down: 121634816, Up: 1258291, Peers: 48, Seeds: 12, Elapsed: 41 * time.Second,
	}},
	{"a Chinese name", progress.Snapshot{
		Verb: "get", Name: "数据集-第一批-训练用-part07.bin", State: progress.Downloading, Done: 4634705920, Total: 35651584000,
		Down: 37748736, Up: 0, Peers: 1, Seeds: 1, Elapsed: 2 * time.Minute,
	}},
	{"a long name, nobody there", progress.Snapshot{
		Verb: "get", Name: "ubuntu-26.04-desktop-something-very-long-amd64.iso", State: progress.Downloading, Total: 5 << 30,
	}},
	{"a hostile name", progress.Snapshot{
		Verb: "get", Name: "a\x1b[2J\nb\u202ecod.exe", State: progress.Downloading, Done: 5, Total: 10, Down: 1, Peers: 2,
	}},
	{"nearly done", progress.Snapshot{
		Verb: "get", Name: "x", State: progress.Downloading, Done: 1<<30 - 1, Total: 1 << 30, Down: 1 << 20, Peers: 2, Seeds: 2,
	}},
	{"checking", progress.Snapshot{
		Verb: "get", Name: "data.bin", State: progress.Checking, Done: 14617149440, Total: 35651584000, Elapsed: 7 * time.Second,
	}},
	{"looking", progress.Snapshot{Verb: "verify", Name: "照片", State: progress.Looking, FilesDone: 25000, Files: 100000}},
	{"finishing", progress.Snapshot{
		Verb: "get", Name: "照片", State: progress.Finishing, Done: 1 << 30, Total: 1 << 30, FilesDone: 61234, Files: 100000, Elapsed: time.Second,
	}},
	{"finishing one file", progress.Snapshot{
		Verb: "get", Name: "data.bin", State: progress.Finishing, Done: 1 << 30, Total: 1 << 30, Files: 1,
	}},
	{"hashing", progress.Snapshot{
		Verb: "create", Name: "照片", State: progress.Hashing, Done: 1 << 29, Total: 1 << 30, Elapsed: time.Second,
	}},
	{"rewriting", progress.Snapshot{
		Verb: "account passphrase", Name: "default", State: progress.Rewriting, Done: 1 << 24, Total: 1 << 26, Elapsed: 4 * time.Second,
	}},
	{"seeding", progress.Snapshot{
		Verb: "seed", Name: "data.bin", State: progress.Seeding, Done: 1 << 30, Total: 1 << 30, Up: 90492109, Uploaded: 1331439861,
		Peers: 14, Receiving: 9, Elapsed: 2*time.Hour + 3*time.Minute,
	}},
	{"seeding to nobody", progress.Snapshot{
		Verb: "seed", Name: "第一季全集.国语中字.1080p", State: progress.Seeding, Total: 1 << 30, Elapsed: 5 * time.Second,
	}},
	{"seeding with a limit", progress.Snapshot{
		Verb: "seed", Name: "data.bin", State: progress.Seeding, Done: 1 << 30, Total: 1 << 30, Up: 2 << 20, UpLimit: 2 << 20,
		Peers: 14, Receiving: 9, Elapsed: 5 * time.Second,
	}},
	{"downloading with limits", progress.Snapshot{
		Verb: "get", Name: "data.bin", State: progress.Downloading, Done: 4884267008, Total: 35651584000,
		Down: 5 << 20, Up: 1 << 19, DownLimit: 5 << 20, UpLimit: 1 << 19, Peers: 48, Seeds: 12, Elapsed: 41 * time.Second,
	}},
	{"seeding many", progress.Snapshot{
		Verb: "seed", Name: "10000 torrents", State: progress.Seeding, Total: 1 << 40, Up: 90492109, Uploaded: 1331439861,
		Peers: 140, Receiving: 90, Elapsed: 26 * time.Hour, Torrents: &progress.Torrents{Shared: 9990, Active: 20},
	}},
	{"seeding many with trouble", progress.Snapshot{
		Verb: "seed", Name: "10000 torrents", State: progress.Seeding, Elapsed: time.Minute,
		Torrents: &progress.Torrents{Shared: 7000, Checking: 2990, Checked: 41, Failed: 10},
	}},
}

var noon = time.Date(2026, 11, 20, 12, 31, 5, 0, time.UTC)

func TestLinesLookAsTheyShould(t *testing.T) {
	var b strings.Builder
	for _, c := range []*text.Catalogue{text.English(), text.Chinese()} {
		style := progress.Style{Text: c}
		for _, m := range moments {
			fmt.Fprintf(&b, "# %s, %s\n", c.Lang(), m.title)
			for _, cols := range []int{120, 80, 60, 40, 20} {
				fmt.Fprintf(&b, "%3d %s|\n", cols, style.Line(m.s, cols))
			}
			fmt.Fprintf(&b, "    %s\n", style.Plain(m.s, noon))
		}
	}
	const golden = "testdata/lines.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(lines)) {
		if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
			t.Fatalf("line %d is\n%s\nwant\n%s", i+1, at(got, i), at(lines, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// A line that is as wide as the terminal makes some terminals wrap, and a
// wrapped line cannot be redrawn in place.
func TestALineNeverFillsTheTerminal(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	names := []string{"", "a", "数", "数据集-第一批-训练用.bin", "e\u0301e\u0301e\u0301", "👩\u200d👩\u200d👧", strings.Repeat("长", 100), "\xff\xfe", "ｶﾀｶﾅ"}
	for range 5000 {
		s := progress.Snapshot{
			Name: names[rng.IntN(len(names))], State: progress.State(rng.IntN(7)),
			Done: rng.Int64() >> rng.IntN(63), Total: rng.Int64() >> rng.IntN(63), Down: rng.Int64() >> rng.IntN(63), Up: rng.Int64() >> rng.IntN(63),
			Uploaded: rng.Int64() >> rng.IntN(63), Peers: rng.IntN(2000), Seeds: rng.IntN(2000), Receiving: rng.IntN(2000),
			Elapsed: time.Duration(rng.Int64() >> rng.IntN(63)),
		}
		style := progress.Style{Text: text.English(), Colour: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			style.Text = text.Chinese()
		}
		cols := rng.IntN(200)
		line := style.Line(s, cols)
		if w := progress.Width(withoutColour(line)); w > max(cols-1, 0) {
			t.Fatalf("%d cells in %d columns: %q", w, cols, line)
		}
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r") {
			t.Fatalf("line %q", line)
		}
	}
}

func withoutColour(s string) string {
	var b strings.Builder
	for {
		plain, code, found := strings.Cut(s, "\x1b[")
		b.WriteString(plain)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(code, "m")
	}
}

func TestColourChangesNothingButColour(t *testing.T) {
	for _, m := range moments {
		plain, coloured := progress.Style{Text: text.English()}, progress.Style{Text: text.English(), Colour: true}
		if a, b := plain.Line(m.s, 80), coloured.Line(m.s, 80); a != withoutColour(b) || a == b {
			t.Errorf("%s:\n%q\n%q", m.title, a, b)
		}
	}
}

func TestNamesAreCutInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"ubuntu-26.04-desktop-amd64.iso", 23, "ubuntu-26.0…p-amd64.iso"},
		{"short", 5, "short"}, {"short", 4, "sh…t"}, {"short", 1, "…"}, {"short", 0, ""},
		{"数据集第一批", 12, "数据集第一批"}, {"数据集第一批", 11, "数据…一批"}, {"数据集第一批", 7, "数…批"}, {"数据", 2, "…"},
	} {
		if got := progress.Shorten(c.in, c.width); got != c.want || progress.Width(got) > c.width {
			t.Errorf("Shorten(%q, %d) = %q; want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestSentencesAreBrokenBetweenWordsWhereThereAreAny(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  []string
	}{
		{"", 10, nil}, {"short", 10, []string{"short"}}, {"nobody who has it is connected", 14, []string{"nobody who has", "it is", "connected"}},
		{"没有人在线", 4, []string{"没有", "人在", "线"}}, {"a\nb", 10, []string{"a b"}}, {"abcdef", 4, []string{"abcd", "ef"}},
	} {
		if got := progress.Wrap(c.in, c.width); !slices.Equal(got, c.want) {
			t.Errorf("Wrap(%q, %d) = %q; want %q", c.in, c.width, got, c.want)
		}
	}
}

func display(out *bytes.Buffer, live bool, cols int) *progress.Display {
	return progress.New(progress.Options{
		Out: out, Style: progress.Style{Text: text.English()}, Live: live, Size: func() (int, int) { return cols, 4 },
	})
}

func TestOffTheTerminalLinesComeEachMinuteAndEachTenth(t *testing.T) {
	var out bytes.Buffer
	d := display(&out, false, 80)
	s := progress.Snapshot{Verb: "get", Name: "a", State: progress.Downloading, Total: 1000}
	for second := range 300 {
		s.Done = min(1000, int64(second)*2) // a tenth every 50 s
		if second > 160 {
			s.Done = 320 // stuck: a line each minute
		}
		d.Show(noon.Add(time.Duration(second)*time.Second), s)
	}
	var at []string
	for line := range strings.Lines(out.String()) {
		at = append(at, line[:8])
	}
	if got, want := strings.Join(at, " "), "12:31:55 12:32:45 12:33:35 12:34:35 12:35:35"; got != want {
		t.Errorf("lines at %s; want %s\n%s", got, want, out.String())
	}
	if strings.ContainsAny(out.String(), "\x1b\r") {
		t.Errorf("codes for terminals in %q", out.String())
	}
}

func TestQuietShowsNoProgressButPrints(t *testing.T) {
	var out bytes.Buffer
	d := progress.New(progress.Options{Out: &out, Style: progress.Style{Text: text.English()}, Live: true, Quiet: true})
	d.Show(noon, moments[0].s)
	d.Print("hello")
	d.Clear()
	if out.String() != "hello\n" {
		t.Errorf("%q", out.String())
	}
}

func TestOutputPassesAboveTheLiveLines(t *testing.T) {
	var out bytes.Buffer
	d := display(&out, true, 60)
	d.ShowBlock(noon, moments[0].s, []string{"  second line", strings.Repeat("数", 60), "too much for four rows"})
	if got := screen(out.String()); strings.Count(got, "\n") != 2 || strings.Contains(got, "too much") {
		t.Errorf("the screen shows\n%s", got)
	}
	fmt.Fprint(d, "half a log line")
	if got := screen(out.String()); strings.Contains(got, "half") {
		t.Errorf("an unfinished line is shown:\n%s", got)
	}
	fmt.Fprint(d, ", and the rest\nnext")
	d.Print("printed")
	d.Show(noon.Add(time.Second), moments[5].s)
	want := "half a log line, and the rest\nprinted\n" + progress.Style{Text: text.English()}.Line(moments[5].s, 60)
	if got := screen(out.String()); got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
	d.Clear()
	if got, want := screen(out.String()), "half a log line, and the rest\nprinted\n"; got != want {
		t.Errorf("after Clear the screen shows\n%q\nwant\n%q", got, want)
	}
}

// screen plays the codes that Display uses on an endless terminal and returns
// what is to be seen on it.
func screen(output string) string {
	lines, row, col := []string{""}, 0, 0
	for output != "" {
		r, n := utf8.DecodeRuneInString(output)
		switch {
		case strings.HasPrefix(output, "\x1b[J"):
			lines, n = lines[:row+1], 3
			lines[row] = lines[row][:col]
		case strings.HasPrefix(output, "\x1b["):
			up := 0
			fmt.Sscanf(output, "\x1b[%dA", &up)
			row -= up
			n = strings.IndexByte(output, 'A') + 1
		case r == '\r':
			col = 0
		case r == '\n':
			row, col = row+1, 0
			for len(lines) <= row {
				lines = append(lines, "")
			}
		default:
			lines[row] = lines[row][:col] + output[:n]
			col += n
		}
		output = output[n:]
	}
	return strings.Join(lines, "\n")
}

func TestEverythingIsDoneWhenThereIsNothingToDo(t *testing.T) {
	if f := (progress.Snapshot{}).Fraction(); f != 1 {
		t.Errorf("Fraction of nothing = %v", f)
	}
	if _, ok := (progress.Snapshot{State: progress.Downloading, Total: 1 << 60, Down: 1}).Remaining(); ok {
		t.Error("a remaining time of millions of years is shown")
	}
}
