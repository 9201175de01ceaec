package people_test

import (
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhoListensHearsFromHisCursorOn(t *testing.T) {
	alice, _ := two(t)
	alice.say("bob", "one")
	two := alice.say("bob", "two")
	alice.say("bob", "three")
	for _, test := range []struct {
		cursor  int64
		resumed bool
		want    []string
	}{
		{-1, true, []string{"one", "two", "three", "last"}}, {two.Number, true, []string{"three", "last"}},
		{0, false, []string{"last"}}, {1 << 40, false, []string{"last"}},
	} {
		hello, told := alice.hearsFrom(test.cursor)
		if hello.Resumed != test.resumed {
			t.Errorf("from %d: resumed is %v", test.cursor, hello.Resumed)
		}
		last := alice.say("bob", "last")
		var got []string
		eventually(t, "the last is told", func() bool {
			got = nil
			for _, e := range told() {
				if m := e.GetMessage(); e.Cursor > 0 && m.GetText() != "" && !slices.Contains(got, m.Text) {
					got = append(got, m.Text)
				}
			}
			return slices.Contains(got, "last")
		})
		if !slices.Equal(got, test.want) {
			t.Errorf("from %d on she hears %q, not %q", test.cursor, got, test.want)
		}
		ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: last.Id})
	}
}
