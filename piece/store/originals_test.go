package store_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"p2p/piece/store"
)

// oddNames is a torrent in which names become one when they are made safe: they are kept as safe says.
func oddNames(t *testing.T) (c *content, safe []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the names cannot be had here")
	}
	c = newContent(16, entry{path: "what?", length: 20}, entry{path: "a:b", length: 30}, entry{path: "what_", length: 5},
		entry{path: "a_b", length: 7}, entry{path: "a_b (2)", length: 9}, entry{path: "x:y/f", length: 11}, entry{path: "x_y/f", length: 13})
	safe = []string{"t/what_", "t/a_b", "t/what_ (2)", "t/a_b (2)", "t/a_b (2) (2)", "t/x_y/f", "t/x_y/f (2)"}
	return c, safe
}

func TestNamesThatBecomeOneWhenMadeSafeAreFoundWhereTheyWereMade(t *testing.T) {
	c, _ := oddNames(t)
	dir := t.TempDir()
	c.saveAll(t, dir)
	before := tree(t, dir)
	for name, o := range map[string]store.Options{
		"read only": {ReadOnly: true}, "to be written": {}, "to be repaired": {Overwrite: true},
		"by its path": {ReadOnly: true, Root: filepath.Join(dir, "t")},
	} {
		s := c.open(t, dir, o)
		if have := resume(t, s); !have.Full() {
			t.Errorf("%s: %d of %d pieces are there", name, have.Count(), s.Layout().Pieces())
		}
		closeStore(t, s)
	}
	if after := tree(t, dir); len(after) != len(before) {
		t.Errorf("%v became %v", before, after)
	}
}

// What is fetched goes by the safe names: that one of them is another file's own name does not make it that file.
func TestWhatWasFetchedOfNamesThatBecomeOneIsGoneOnWith(t *testing.T) {
	c, safe := oddNames(t)
	dir := t.TempDir()
	for i, name := range safe {
		s := c.open(t, dir, store.Options{})
		have := resume(t, s)
		for p := range s.Layout().Pieces() {
			if p <= i*s.Layout().Pieces()/(len(safe)-1) && !have.Has(s.Layout().MustIndex(p)) {
				c.fetchPiece(t, s, have, p)
			}
		}
		checkpoint(t, s, have)
		closeStore(t, s)
		if i == 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, safe[0])); i > 2 && err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	for i, name := range safe {
		if got := readFile(t, filepath.Join(dir, name)); string(got) != string(c.fileData(i)) {
			t.Errorf("%s differs", name)
		}
	}
	s := c.open(t, dir, store.Options{ReadOnly: true})
	good, err := s.Check(context.Background(), nil, nil)
	if err != nil || !good.Full() {
		t.Errorf("%v of %d pieces are right: %v", good.Count(), s.Layout().Pieces(), err)
	}
}
