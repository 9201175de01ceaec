package terminal

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func TestALineOfTwoColumnsGoesOnBelowTheSecondOne(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"  /add NAME   ask somebody whom it knows", 28, "  /add NAME   ask somebody\n              whom it knows"},
		{"PgUp  滚动很多很多消息", 14, "PgUp  滚动很多\n      很多消息"},
		{"   one column that begins later", 16, "   one column\n   that begins\n   later"},
		{"a first column that is far too wide  second", 20, "a first column that\nis far too wide\nsecond"},
		{"no columns at all", 10, "no columns\nat all"},
	} {
		var got []string
		for _, l := range plainly(c.line, style{}).hang(c.width, ansi.WcWidth) {
			got = append(got, l.text())
		}
		if s := strings.Join(got, "\n"); s != c.want {
			t.Errorf("%q becomes\n%s\nwant\n%s", c.line, s, c.want)
		}
	}
}

func TestASearchShowsWhereItsWordStands(t *testing.T) {
	long := "one two three four five six seven "
	for _, c := range []struct{ text, query, want string }{
		{"a 100% e.mail@x.org", "mail@x", "a 100% e.[mail@x].org"},
		{long + "e.mail@x.org", "mail@x", "… five six seven e.[mail@x].org"},
		{long + "un Café noir", "cafe", "… six seven un [Café] noir"},
		{long + "STRASSE", "strasse", "… five six seven [STRASSE]"},
		{"nothing", "else", "nothing"},
	} {
		got := ""
		for _, s := range highlight(c.text, c.query) {
			if s.style.underline {
				got += "[" + s.text + "]"
			} else {
				got += s.text
			}
		}
		if got != c.want {
			t.Errorf("of %q it shows %q; want %q", c.text, got, c.want)
		}
	}
}

func TestInChineseNoBlankStandsBesideThePronoun(t *testing.T) {
	for want, n := range map[string]*p2pv1.Notice{
		"我加入了":           {Kind: p2pv1.Notice_KIND_JOINED},
		"alice 邀请了我":     {Kind: p2pv1.Notice_KIND_ADDED, Me: true},
		"我将 alice 移出了房间": {Kind: p2pv1.Notice_KIND_REMOVED, Name: "alice"},
	} {
		author := "我"
		if n.GetMe() {
			author = "alice"
		}
		if got := api.ExplainNotice(text.Chinese(), author, n); got != want {
			t.Errorf("it says %q; want %q", got, want)
		}
	}
	if got := api.ExplainNotice(text.English(), "you", &p2pv1.Notice{Kind: p2pv1.Notice_KIND_JOINED}); got != "you joined" {
		t.Errorf("it says %q", got)
	}
}

func TestHowAPersonIsReachedIsSaidWhileTheDirectoryIsAway(t *testing.T) {
	st := usual(t)
	st.in(&p2pv1.Event{What: &p2pv1.Event_Directory{Directory: &p2pv1.Directory{
		Url: "http://d", NextTry: at.UnixMilli() + 10_000, Problem: &p2pv1.Reason{Key: api.BadDirectory, With: map[string]string{"url": "http://d"}},
	}}})
	lines := strings.Split(st.text(), "\n")
	if status := lines[len(lines)-1]; !strings.Contains(status, "Anna direct 12 ms · directory away") {
		t.Errorf("the status is %q", status)
	}
}

func TestThatAFileIsPreparedIsSaidUntilItIsOffered(t *testing.T) {
	st := usual(t)
	st.hangs = true
	st.keys("'/send /tmp/x", "enter").shows("preparing /tmp/x")
	offer := st.waiting[len(st.waiting)-1]
	for _, r := range st.waiting {
		if _, ok := r.ask.(*p2pv1.OfferRequest); ok {
			offer = r
		}
	}
	m := st.node.add("c-anna", "mia", "", at, func(m *p2pv1.Message) { m.File = &p2pv1.File{Name: "x", InfoHash: "cc"} })
	if st.in(answer{offer, &p2pv1.OfferResponse{Message: m}, nil}); strings.Contains(st.text(), "preparing") {
		t.Errorf("it stays:\n%s", st.text())
	}
}
