package torrentfile_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

const someHash = "14ffe5dd23188fd5cb53a1d47f1289db70abf31e"

func hash(t *testing.T, s string) infohash.T {
	t.Helper()
	h, err := infohash.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var magnets = []struct {
	name, in string
	want     torrentfile.Magnet // without the InfoHash, which is someHash in all
}{
	{"the shortest", "magnet:?xt=urn:btih:" + someHash, torrentfile.Magnet{}},
	{"capitals", "MAGNET:?XT=URN:BTIH:" + strings.ToUpper(someHash), torrentfile.Magnet{}},
	// BEP 9: "clients should also support the 32 character base32 encoded info-hash".
	{"base32", "magnet:?xt=urn:btih:CT76LXJDDCH5LS2TUHKH6EUJ3NYKX4Y6", torrentfile.Magnet{}},
	{"white space around it", " \n magnet:?xt=urn:btih:" + someHash + "\n", torrentfile.Magnet{}},
	{"Transmission's test", "magnet:?xt=urn:btih:" + someHash + "&dn=ubuntu_12_04_1_desktop_32_bit&tr=http%3A%2F%2Ftracker.publicbt.com%2Fannounce" +
		"&tr=udp%3A%2F%2Ftracker.publicbt.com%3A80&ws=http%3A%2F%2Ftransmissionbt.com",
		torrentfile.Magnet{Name: "ubuntu_12_04_1_desktop_32_bit", Trackers: []string{"http://tracker.publicbt.com/announce", "udp://tracker.publicbt.com:80"},
			WebSeeds: []string{"http://transmissionbt.com"}}},
	{"another order", "magnet:?dn=a+b&tr=udp://t.example:80&xt=urn:btih:" + someHash,
		torrentfile.Magnet{Name: "a b", Trackers: []string{"udp://t.example:80"}}},
	{"numbered keys", "magnet:?xt.1=urn:btih:" + someHash + "&tr.1=http://a.example/&tr.2=http://b.example/",
		torrentfile.Magnet{Trackers: []string{"http://a.example/", "http://b.example/"}}},
	{"copied from a page's source", "magnet:?xt=urn:btih:" + someHash + "&amp;dn=a&amp;tr=http://a.example/",
		torrentfile.Magnet{Name: "a", Trackers: []string{"http://a.example/"}}},
	{"a stray percent sign", "magnet:?xt=urn:btih:" + someHash + "&dn=100% real", torrentfile.Magnet{Name: "100% real"}},
	{"a Chinese name", "magnet:?xt=urn:btih:" + someHash + "&dn=%E6%95%B0%E6%8D%AE%20%26", torrentfile.Magnet{Name: "数据 &"}},
	// BEP 9: "hostname:port, ipv4-literal:port or [ipv6-literal]:port".
	{"peers", "magnet:?xt=urn:btih:" + someHash + "&x.pe=10.0.0.1:6881&x.pe=[::1]:1&x.pe=h.example:65535",
		torrentfile.Magnet{Peers: []string{"10.0.0.1:6881", "[::1]:1", "h.example:65535"}}},
	{"peers that cannot be", "magnet:?xt=urn:btih:" + someHash + "&x.pe=10.0.0.1&x.pe=h:0&x.pe=h:65536&x.pe=:1&x.pe=a%00b:1", torrentfile.Magnet{}},
	{"a length", "magnet:?xt=urn:btih:" + someHash + "&xl=10826029", torrentfile.Magnet{Length: 10826029}},
	{"lengths that cannot be", "magnet:?xt=urn:btih:" + someHash + "&xl=-5&xl=x&xl=99999999999999999999", torrentfile.Magnet{}},
	{"trackers that cannot be, and one twice", "magnet:?xt=urn:btih:" + someHash + "&tr=&tr=x&tr=http://a%0a.example/&tr=http://a/&tr=http://a/",
		torrentfile.Magnet{Trackers: []string{"http://a/"}}},
	{"other networks and unknown keys", "magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0&xt=urn:btih:" + someHash + "&kt=a&mt=b&&=&x",
		torrentfile.Magnet{}},
	{"a hybrid", "magnet:?xt=urn:btih:" + someHash + "&xt=urn:btmh:1220" + strings.Repeat("ab", 32), torrentfile.Magnet{}},
	{"the same hash twice", "magnet:?xt=urn:btih:" + someHash + "&xt=urn:btih:" + someHash, torrentfile.Magnet{}},
}

func TestMagnetLinksAreRead(t *testing.T) {
	for _, tt := range magnets {
		t.Run(tt.name, func(t *testing.T) {
			got, err := torrentfile.ParseMagnet(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.InfoHash = hash(t, someHash)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

var badMagnets = []struct{ name, in, says string }{
	{"nothing", "", `does not begin with "magnet:"`},
	{"a URL", "http://a.example/?xt=urn:btih:" + someHash, `does not begin with "magnet:"`},
	{"no parameters", "magnet:xt=urn:btih:" + someHash, "question mark"},
	{"no topic", "magnet:?dn=a", "no info-hash"},
	{"another network", "magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0", "no info-hash"},
	{"a hash that is too short", "magnet:?xt=urn:btih:" + someHash[:39], "39 characters"},
	{"a hash that is not hexadecimal", "magnet:?xt=urn:btih:" + someHash[:39] + "g", "xt: "},
	{"a hash that is not base32", "magnet:?xt=urn:btih:CT76LXJDDCH5LS2TUHKH6EUJ3NYKX4Y1", "xt: "},
	{"a hash with a broken escape", "magnet:?xt=urn:btih:%zz", "xt: "},
	{"a hash of zeros", "magnet:?xt=urn:btih:" + strings.Repeat("0", 40), "zero"},
	{"two torrents", "magnet:?xt=urn:btih:" + someHash + "&xt=urn:btih:" + strings.Repeat("1", 40), "two torrents"},
	{"v2 alone", "magnet:?xt=urn:btmh:1220" + strings.Repeat("ab", 32), "v2"},
	{"a link of 100 KB", "magnet:?xt=urn:btih:" + someHash + "&dn=" + strings.Repeat("a", 100_000), "longer than"},
}

func TestBadMagnetLinksAreRefusedWithAReason(t *testing.T) {
	for _, tt := range badMagnets {
		t.Run(tt.name, func(t *testing.T) {
			_, err := torrentfile.ParseMagnet(tt.in)
			if !errors.Is(err, torrentfile.ErrMagnet) {
				t.Fatalf("got %v, want ErrMagnet", err)
			}
			if !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 300 {
				t.Errorf("%q does not say %q", err, tt.says)
			}
			if errors.Is(err, torrentfile.ErrV2Only) != (tt.name == "v2 alone") {
				t.Errorf("%v is wrong about version 2", err)
			}
		})
	}
}

func TestMagnetLinksAreEscaped(t *testing.T) {
	m := torrentfile.Magnet{InfoHash: hash(t, someHash), Name: "a b&c=d+e%数", Length: 5, Trackers: []string{"http://t.example/a?x=1&y=2"},
		WebSeeds: []string{"http://w.example/"}, Peers: []string{"[::1]:6881"}}
	want := "magnet:?xt=urn:btih:" + someHash + "&dn=a%20b%26c%3Dd%2Be%25%E6%95%B0&xl=5&tr=http%3A%2F%2Ft.example%2Fa%3Fx%3D1%26y%3D2" +
		"&ws=http%3A%2F%2Fw.example%2F&x.pe=%5B%3A%3A1%5D%3A6881"
	if got := m.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := torrentfile.ParseMagnet(want); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("it is read as %+v, %v", got, err)
	}
}

func TestManyTrackersAndPeersInAMagnetAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("magnet:?xt=urn:btih:" + someHash)
	for i := range 1000 {
		n := string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		b.WriteString("&tr=u://" + n + "&x.pe=" + n + ":1")
	}
	m, err := torrentfile.ParseMagnet(b.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Trackers) != torrentfile.MaxTrackers || len(m.Peers) > 200 {
		t.Errorf("%d trackers, %d peers", len(m.Trackers), len(m.Peers))
	}
}
