package selection_test

import (
	"errors"
	"testing"

	"p2p/cmd/p2p/selection"
)

var paths = []string{
	"film/film.mkv",         // 1
	"film/film.en.srt",      // 2
	"film/subs/film.de.srt", // 3
	"film/extras/a,b.txt",   // 4
	"film/extras/1-a.txt",   // 5
	"film/[2020] x.nfo",     // 6
}

func TestSelectionsPickTheFilesTheyName(t *testing.T) {
	for spec, want := range map[string]string{
		"1":                "x.....",
		"1-3":              "xxx...",
		"5-":               "....xx",
		"1,3-4, 6":         "x.xx.x",
		"*.srt":            ".xx...",
		"1,*.srt":          "xxx...",
		"film/subs":        "..x...",
		"film/subs/":       "..x...",
		"subs":             "..x...",
		"film":             "xxxxxx",
		"film/*.mkv":       "x.....",
		"1-a.txt":          "....x.",
		"[2020] x.nfo":     ".....x",
		"film/extras/?-a*": "....x.",
		",2,":              ".x....",
	} {
		sel, err := selection.Parse(spec)
		if err != nil {
			t.Errorf("Parse(%q): %v", spec, err)
			continue
		}
		wanted, err := sel.Files(paths)
		got := ""
		for _, w := range wanted {
			got += map[bool]string{true: "x", false: "."}[w]
		}
		if err != nil || got != want {
			t.Errorf("%q selects %s, %v; want %s", spec, got, err, want)
		}
	}
}

func TestSelectionsThatFitNothingAreErrors(t *testing.T) {
	for _, spec := range []string{"7", "1-7", "7-", "99999999999999999999", "*.avi", "film/film", "Film", "1,*.avi"} {
		sel, err := selection.Parse(spec)
		if err != nil {
			t.Errorf("Parse(%q): %v", spec, err)
			continue
		}
		if _, err := sel.Files(paths); !errors.Is(err, selection.ErrNoMatch) {
			t.Errorf("%q: %v; want ErrNoMatch", spec, err)
		}
	}
}

func TestSelectionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, spec := range []string{"", ",", " , ", "0", "0-3", "3-1", "[a"} {
		if _, err := selection.Parse(spec); err == nil {
			t.Errorf("Parse(%q) succeeds", spec)
		}
	}
}

func FuzzSelection(f *testing.F) {
	for _, s := range []string{"1-3,8,*.srt", "-1", "1-", "[a-", "film/", "99999999999999999999-", "1-99999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		sel, err := selection.Parse(spec)
		if err != nil {
			return
		}
		wanted, err := sel.Files(paths)
		if err != nil {
			return
		}
		if len(wanted) != len(paths) {
			t.Fatalf("%q: %d answers for %d files", spec, len(wanted), len(paths))
		}
		for _, w := range wanted {
			if w {
				return
			}
		}
		t.Errorf("%q selects nothing and is no error", spec)
	})
}
