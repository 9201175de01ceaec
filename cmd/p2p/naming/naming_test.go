package naming_test

import (
	"slices"
	"strings"
	"testing"

	"p2p/cmd/p2p/naming"
)

func TestWhatANameMeans(t *testing.T) {
	is := func(name, id string, n int, r naming.Rank) naming.Candidate[int] {
		return naming.Candidate[int]{Name: name, ID: id, Is: n, Rank: r}
	}
	all := []naming.Candidate[int]{
		is("Ann", "abcdef11", 1, naming.Own), is("Anna", "abcdef22", 2, naming.Own), is("bob", "cafe0033", 3, naming.Own), is("bob", "cafe0033", 3, naming.Own),
		is("eve", "eeee0044", 4, naming.Own), is("eve-2", "eeee0055", 5, naming.Own), is("eve", "eeee0055", 5, naming.Elsewhere), is("Eva", "eeee0044", 4, naming.Elsewhere),
		is("bob", "aaaa0066", 6, naming.Group), is("eva", "aaaa0077", 7, naming.Group), // rooms called as people are
		is("lab", "aaaa0088", 8, naming.Group), is("lab", "aaaa0099", 9, naming.Former), is("lab", "aaaa00aa", 10, naming.Former), // of three two were left
		is("old", "aaaa00bb", 11, naming.Former), is("older", "aaaa00cc", 12, naming.Group), is("tmp", "aaaa00dd", 13, naming.Former), is("tmp", "aaaa00ee", 14, naming.Former),
		is("den", "bbbb0011", 15, naming.Group), is("den", "bbbb0022", 16, naming.Group), is("Denmark", "bbbb0033", 17, naming.Former),
	}
	for _, test := range []struct {
		s     string
		want  []int
		exact bool
	}{
		{"ann", []int{1}, true}, {"ANNA", []int{2}, true}, {"an", nil, false}, {"b", nil, false}, {"eve", []int{4}, true},
		{"eva", []int{4}, true}, {"cafe0033", []int{3}, false}, {"cafe00", []int{3}, false}, {"abcdef", []int{1, 2}, false}, {"cafe", nil, false},
		{"zoe", nil, false}, {" ", nil, false}, {"bob", []int{3}, true}, {"aaaa0066", []int{6}, false}, {"lab", []int{8}, true}, {"la", nil, false},
		{"old", []int{11}, true}, {"ol", nil, false}, {"tmp", []int{13, 14}, true}, {"tm", nil, false}, {"den", []int{15, 16}, true}, {"denm", nil, false},
	} {
		found, exact := naming.Pick(test.s, all)
		var got []int
		for _, c := range found {
			got = append(got, c.Is)
		}
		if !slices.Equal(got, test.want) || len(got) > 0 && exact != test.exact {
			t.Errorf("%q means %v, exactly %v, and not %v", test.s, got, exact, test.want)
		}
	}
}

func TestASignInFrontSaysWhetherItIsARoom(t *testing.T) {
	all := []naming.Candidate[string]{
		{Name: "bob", ID: "1", Is: "person", Rank: naming.Own}, {Name: "bob", ID: "2", Is: "room", Rank: naming.Group}, {Name: "#tag", ID: "3", Is: "room", Rank: naming.Group},
		{Name: "@home", ID: "4", Is: "room", Rank: naming.Group}, {Name: "al", ID: "5", Is: "person", Rank: naming.Own}, {Name: "@al", ID: "6", Is: "room", Rank: naming.Group},
	}
	for s, want := range map[string]string{"bob": "person", "@bob": "person", "#bob": "room", "#tag": "room", "##tag": "room", "@#tag": "",
		"@home": "room", "#@home": "room", "@@home": "", "@al": "person"} {
		got := ""
		if found, _ := naming.Place(s, all, func(is string) bool { return is == "room" }); len(found) == 1 {
			got = found[0].Is
		}
		if got != want {
			t.Errorf("%s means %q, want %q", s, got, want)
		}
	}
}

// Who looks sees what he has got; who sends does not.
func TestTheStartOfANameIsEnoughToLook(t *testing.T) {
	all := []naming.Candidate[string]{
		{Name: "Anna", ID: "1", Is: "Anna", Rank: naming.Own}, {Name: "bob", ID: "2", Is: "bob", Rank: naming.Own}, {Name: "bobsleigh", ID: "3", Is: "room", Rank: naming.Group},
		{Name: "lab", ID: "4", Is: "lab", Rank: naming.Group}, {Name: "label", ID: "5", Is: "label", Rank: naming.Former}, {Name: "old", ID: "6", Is: "old", Rank: naming.Former},
	}
	isRoom := func(is string) bool { return is == "room" || is == "lab" || is == "label" || is == "old" }
	for s, want := range map[string][]string{
		"an": {"Anna"}, "bo": {"bob", "room"}, "#bo": {"room"}, "@bo": {"bob"}, "bob": {"bob"}, "la": {"lab"}, "label": {"label"}, "o": {"old"}, "x": nil, "": nil, "@": nil,
	} {
		found, _ := naming.Look(s, all, isRoom)
		var got []string
		for _, c := range found {
			got = append(got, c.Is)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q shows %q, want %q", s, got, want)
		}
	}
	all = append(all, naming.Candidate[string]{Name: "@home", ID: "7", Is: "room", Rank: naming.Group})
	if found, _ := naming.Look("@ho", all, isRoom); len(found) != 1 || found[0].Is != "room" {
		t.Errorf("@ho shows %v", found)
	}
	if got := naming.Starting("@BO", all); !slices.Equal(got, []string{"bob", "bobsleigh"}) {
		t.Errorf("what begins with bo is %q", got)
	}
}

func TestNamesThatBeginSoAreSorted(t *testing.T) {
	var all []naming.Candidate[int]
	for i, name := range []string{"room18", "Room12", "room10", "other"} {
		all = append(all, naming.Candidate[int]{Name: name, ID: name, Is: i})
	}
	if got := strings.Join(naming.Starting("room1", all), " "); got != "room10 Room12 room18" {
		t.Errorf("they are %s", got)
	}
}

func TestAPersonMayBeCalledWithASignInFront(t *testing.T) {
	all := []naming.Candidate[int]{{Name: "al", ID: "1", Is: 1}, {Name: "@al", ID: "2", Is: 2}, {Name: "@bo", ID: "3", Is: 3}}
	for s, want := range map[string]int{"al": 1, "@al": 1, "@@al": 2, "@bo": 3, "@@bo": 3, "bo": 0} {
		got := 0
		if found, _ := naming.Person(s, all); len(found) == 1 {
			got = found[0].Is
		}
		if got != want {
			t.Errorf("%s is %d, want %d", s, got, want)
		}
	}
}
