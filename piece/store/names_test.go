package store_test

import (
	"path"
	"strings"
	"testing"

	"p2p/piece/store"
)

func TestPartNamesNeverMeetAnotherName(t *testing.T) {
	long := strings.Repeat("ü", 126) // 252 bytes
	for _, paths := range [][]string{
		{"t/a", "t/b"},
		{"t/a", "t/a.part"},
		{"t/a", "t/A.PART/x", "t/b.part2", "t/c.part3"},
		{"t/a", "t/a.part/b", "t/a.part0002"},
		{"t/" + long, "t/" + long + "x", "t/" + long[:246] + ".0.part", "t/" + long[:240] + ".0.part2"},
		{"t/a", "t/a.part", "t/a.part2"},
		{"t/" + strings.Repeat("x", 252), "t/" + strings.Repeat("x", 248) + ".0"},
		{"a.part"},
		{strings.Repeat("x", 255)},
		{"t/a.part99999999999999999999"},
	} {
		parts := store.PartNames(paths)
		taken := map[string]string{}
		for i := range paths {
			for p := paths[i]; p != "."; p = path.Dir(p) {
				taken[strings.ToLower(p)] = paths[i]
			}
		}
		for i, part := range parts {
			if other, ok := taken[strings.ToLower(part)]; ok {
				t.Errorf("%q: the part %q of file %d is also the name of %q", paths, part, i, other)
			}
			taken[strings.ToLower(part)] = part
			if path.Dir(part) != path.Dir(paths[i]) || len(path.Base(part)) > 255 || !strings.Contains(part, ".part") {
				t.Errorf("part of %q is %q", paths[i], part)
			}
		}
	}
}

func TestPartNamesAreUsuallyPlain(t *testing.T) {
	got := store.PartNames([]string{"t/a.iso", "t/dir/b"})
	if got[0] != "t/a.iso.part" || got[1] != "t/dir/b.part" {
		t.Errorf("got %q", got)
	}
}
