package torrentfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"p2p/torrentfile"
)

func TestTrackersAreReadInTiers(t *testing.T) {
	const a, b, c = "http://a.example/announce", "udp://b.example:6969", "https://c.example/announce"
	tests := []struct {
		name           string
		announce, list any
		want           [][]string
	}{
		{"none", nil, nil, nil},
		{"one", a, nil, [][]string{{a}}},
		// BEP 12: "if the 'announce-list' key is present, the client will ignore the
		// 'announce' key and only use the URLs in 'announce-list'".
		{"a list", a, [][]string{{b, c}, {a}}, [][]string{{b, c}, {a}}},
		{"a list without announce", nil, [][]string{{b}}, [][]string{{b}}},
		{"an empty list", a, []string{}, [][]string{{a}}},
		{"a list of empty tiers", a, [][]string{{}, {""}, {" "}}, [][]string{{a}}},
		{"a flat list", a, []string{b, c}, [][]string{{b}, {c}}},
		{"a list of the wrong kind", a, "x", [][]string{{a}}},
		{"tiers of the wrong kind", a, []any{5, []any{6, b}, dict{}}, [][]string{{b}}},
		{"one tracker in two tiers", nil, [][]string{{a, a, b}, {b}, {c}}, [][]string{{a, b}, {c}}},
		{"white space (whitespace_url.torrent)", nil, [][]string{{" udp://test.com/announce \n"}}, [][]string{{"udp://test.com/announce"}}},
		{"no URL", "tracker", [][]string{{"://", "x://", "a b"}}, nil},
		{"control characters", "http://a\x1b.example/", nil, nil},
		{"invisible characters", "http://a\u202e.example/", nil, nil},
		{"invalid UTF-8", "http://a\xff.example/", nil, nil},
		{"too long", "http://" + strings.Repeat("a", 5000), nil, nil},
		{"schemes that we do not speak", nil, [][]string{{"wss://t.example"}}, [][]string{{"wss://t.example"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := dict{"info": single()}
			with(with(top, "announce", tt.announce), "announce-list", tt.list)
			m := mustParse(t, encode(t, top))
			if !reflect.DeepEqual(m.Announce, tt.want) {
				t.Errorf("got %q, want %q", m.Announce, tt.want)
			}
		})
	}
}

// The forms are those of aria2's and libtorrent's tests (url_list*.torrent,
// url_seed*.torrent) and of anacrolix/torrent's metainfo/testdata.
func TestWebSeedsAreReadInAllTheirForms(t *testing.T) {
	const a, b = "http://a.example/file", "http://b.example/"
	tests := []struct {
		name string
		in   any
		want []string
	}{
		{"none", nil, nil},
		{"a string", a, []string{a}},
		{"an empty string", "", nil},
		{"a list", []string{a, b}, []string{a, b}},
		{"an empty list", []string{}, nil},
		{"a newline at the end", a + "\n", []string{a}},
		{"lines", a + "\r\n" + b + "\n", []string{a, b}},
		{"spaces inside (url_seed_multi_space.torrent)", "http://test.com/test file/foo bar/", []string{"http://test.com/test%20file/foo%20bar/"}},
		{"one twice (duplicate_web_seeds.torrent)", []string{a, b, a}, []string{a, b}},
		{"a list of lists", []any{[]string{a}, b}, []string{b}},
		{"a number", 5, nil},
		{"another alphabet", "http://你好.com/", []string{"http://你好.com/"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mustParse(t, encode(t, with(dict{"info": single()}, "url-list", tt.in)))
			if !reflect.DeepEqual(m.WebSeeds, tt.want) {
				t.Errorf("got %q, want %q", m.WebSeeds, tt.want)
			}
		})
	}
}

func TestNodesAreRead(t *testing.T) {
	// BEP 5: nodes = [["<host>", <port>], ["<host>", <port>], ...]
	in := []any{[]any{"127.0.0.1", 6881}, []any{"your.router.node", 4804}, []any{"2001:db8:100:0:d5c8:db3f:995e:c0f7", 1941},
		[]any{"h", 0}, []any{"h", 65536}, []any{"", 1}, []any{"h"}, []any{}, "h:1", []any{"a\nb", 1}}
	m := mustParse(t, encode(t, dict{"info": single(), "nodes": in}))
	want := []string{"127.0.0.1:6881", "your.router.node:4804", "[2001:db8:100:0:d5c8:db3f:995e:c0f7]:1941"}
	if !reflect.DeepEqual(m.Nodes, want) {
		t.Errorf("got %q, want %q", m.Nodes, want)
	}
}

func TestListsOfAddressesAreBounded(t *testing.T) {
	var urls, nodes []any
	for i := range 10_000 {
		urls = append(urls, fmt.Sprintf("http://%d.example/", i))
		nodes = append(nodes, []any{fmt.Sprintf("%d.example", i), 1})
	}
	m := mustParse(t, encode(t, dict{"info": single(), "announce-list": []any{urls, urls}, "url-list": urls, "nodes": nodes}))
	if n := len(m.Announce[0]); n != torrentfile.MaxTrackers || len(m.Announce) != 1 {
		t.Errorf("%d trackers", n)
	}
	if n := len(m.WebSeeds); n != torrentfile.MaxWebSeeds {
		t.Errorf("%d web seeds", n)
	}
	if n := len(m.Nodes); n != 100 {
		t.Errorf("%d nodes", n)
	}
}

func TestEncodeWritesTrackersAsBEP12Says(t *testing.T) {
	m := mustParse(t, torrent(t, single()))
	tests := []struct {
		announce [][]string
		want     string
	}{
		{nil, "d4:info"},
		{[][]string{{}, {}}, "d4:info"},
		{[][]string{{"http://a/"}}, "d8:announce9:http://a/4:info"},
		{[][]string{{}, {"http://a/"}}, "d8:announce9:http://a/4:info"},
		{[][]string{{"http://a/"}, {"http://b/", "http://c/"}},
			"d8:announce9:http://a/13:announce-listll9:http://a/el9:http://b/9:http://c/ee4:info"},
	}
	for _, tt := range tests {
		m.Announce = tt.announce
		b, err := m.Encode()
		if err != nil || !strings.HasPrefix(string(b), tt.want) {
			t.Errorf("%q is written as %q, %v", tt.announce, b, err)
		}
	}
}
