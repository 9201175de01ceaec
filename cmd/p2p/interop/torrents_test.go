//go:build interop && linux

package interop

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"p2p/cmd/p2p/drive"
)

// seen is what a program sees in a torrent.
type seen struct {
	Hash, Name, Comment, Creator string
	Private                      bool
	PieceLength, Pieces          int64
	Files                        map[string]int64 // lengths, by path below the torrent's name; "" for its one file
	Tiers                        [][]string       // sorted within each
	WebSeeds                     []string
}

// weSee is what `p2p show -j` says.
func weSee(t *testing.T, torrent string) seen {
	t.Helper()
	var s struct {
		Hash        string     `json:"info_hash"`
		Name        string     `json:"name"`
		Comment     *string    `json:"comment"`
		Creator     *string    `json:"created_by"`
		Private     bool       `json:"private"`
		PieceLength int64      `json:"piece_size"`
		Pieces      int64      `json:"piece_count"`
		Tiers       [][]string `json:"announce_list"`
		WebSeeds    []string   `json:"web_seeds"`
		Files       []struct {
			Path   string `json:"path"`
			Length int64  `json:"length"`
		} `json:"file_list"`
	}
	if err := json.Unmarshal([]byte(p2p(t, "show", "-j", torrent)), &s); err != nil {
		t.Fatal(err)
	}
	v := seen{Hash: s.Hash, Name: s.Name, Private: s.Private, PieceLength: s.PieceLength, Pieces: s.Pieces,
		Files: map[string]int64{}, WebSeeds: slices.Sorted(slices.Values(s.WebSeeds))}
	if s.Comment != nil {
		v.Comment = *s.Comment
	}
	if s.Creator != nil {
		v.Creator = *s.Creator
	}
	for _, f := range s.Files {
		v.Files[f.Path] = f.Length
	}
	if _, single := v.Files[s.Name]; single && len(s.Files) == 1 {
		v.Files = map[string]int64{"": v.Files[s.Name]}
	}
	for _, tier := range s.Tiers {
		v.Tiers = append(v.Tiers, slices.Sorted(slices.Values(tier)))
	}
	return v
}

// libtorrentSees is what libtorrent says.
func libtorrentSees(t *testing.T, torrent string) seen {
	t.Helper()
	var s struct {
		Hash        string   `json:"info_hash"`
		Name        string   `json:"name"`
		Comment     string   `json:"comment"`
		Creator     string   `json:"creator"`
		Private     bool     `json:"private"`
		PieceLength int64    `json:"piece_length"`
		Pieces      int64    `json:"pieces"`
		Trackers    [][2]any `json:"trackers"`
		WebSeeds    []string `json:"web_seeds"`
		Files       []struct {
			Path string `json:"path"`
			Size int64  `json:"size"`
		} `json:"files"`
	}
	if err := json.Unmarshal([]byte(output(t, python, libtorrentScript, "show", torrent)), &s); err != nil {
		t.Fatal(err)
	}
	v := seen{Hash: s.Hash, Name: s.Name, Comment: s.Comment, Creator: s.Creator, Private: s.Private,
		PieceLength: s.PieceLength, Pieces: s.Pieces, Files: map[string]int64{}, WebSeeds: slices.Sorted(slices.Values(s.WebSeeds))}
	for _, f := range s.Files {
		v.Files[strings.TrimPrefix(strings.TrimPrefix(f.Path, s.Name), "/")] = f.Size
	}
	for _, tracker := range s.Trackers {
		tier := int(tracker[0].(float64))
		for len(v.Tiers) <= tier {
			v.Tiers = append(v.Tiers, nil)
		}
		v.Tiers[tier] = append(v.Tiers[tier], tracker[1].(string))
		slices.Sort(v.Tiers[tier])
	}
	return v
}

func TestOthersReadOurTorrents(t *testing.T) {
	for _, c := range contents {
		t.Run(c.title, func(t *testing.T) {
			t.Parallel()
			need(t, "transmission-show", "aria2c", python)
			dir := t.TempDir()
			drive.MakeTree(t, dir, 1, c.files...)
			torrent := filepath.Join(dir, "made.torrent")
			p2p(t, "create", filepath.Join(dir, c.name), "-o", torrent, "-a", "http://a.example/announce",
				"-a", "udp://b.example:6969/announce,http://c.example/announce",
				"--comment", "注释: a comment", "--webseed", "http://w.example/files/", "--private", "--source", "S")
			ours := weSee(t, torrent)
			if theirs := libtorrentSees(t, torrent); !reflect.DeepEqual(theirs, ours) {
				t.Errorf("libtorrent sees %+v,\nwe see %+v", theirs, ours)
			}
			says(t, output(t, "transmission-show", torrent), "Name: "+c.name, "Hash: "+ours.Hash, "Comment: 注释: a comment", "Private torrent",
				"Tier #1\n  http://a.example/announce", "Tier #2\n  udp://b.example:6969/announce\n  http://c.example/announce", "http://w.example/files/")
			says(t, output(t, "aria2c", "--no-conf", "-S", torrent), "Info Hash: "+ours.Hash, "Comment: 注释: a comment",
				" http://a.example/announce\n udp://b.example:6969/announce http://c.example/announce", "http://w.example/files/")
		})
	}
}

// says checks that all of parts are in text.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

func TestWeReadTheTorrentsOfOthers(t *testing.T) {
	const announce = "http://tracker.example/announce"
	for _, maker := range []struct {
		name string
		args func(path, torrent string) []string
	}{
		{"mktorrent", func(path, torrent string) []string {
			return []string{"mktorrent", "-a", announce, "-l", "15", "-c", "注释", "-o", torrent, path}
		}},
		{"transmission-create", func(path, torrent string) []string {
			return []string{"transmission-create", "-t", announce, "-s", "32", "-c", "注释", "-o", torrent, path}
		}},
		{"libtorrent v1", func(path, torrent string) []string {
			return []string{python, libtorrentScript, "create", path, torrent, "v1", "32768", announce}
		}},
		{"libtorrent hybrid", func(path, torrent string) []string {
			return []string{python, libtorrentScript, "create", path, torrent, "hybrid", "32768", announce}
		}},
	} {
		for _, c := range contents {
			t.Run(maker.name+", "+c.title, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				drive.MakeTree(t, dir, 1, c.files...)
				torrent := filepath.Join(dir, "made.torrent")
				args := maker.args(filepath.Join(dir, c.name), torrent)
				need(t, args[0], python)
				output(t, args[0], args[1:]...)
				ours, theirs := weSee(t, torrent), libtorrentSees(t, torrent)
				if !reflect.DeepEqual(ours, theirs) {
					t.Errorf("we see %+v,\nlibtorrent sees %+v", ours, theirs)
				}
				files := len(c.files)
				if maker.name == "transmission-create" { // it leaves out hidden and empty files
					files = len(ours.Files)
				}
				if ours.PieceLength != 32<<10 || len(ours.Files) != files || !slices.Equal(slices.Concat(ours.Tiers...), []string{announce}) {
					t.Errorf("we see %+v", ours)
				}
				p2p(t, "verify", torrent, "-o", dir)
			})
		}
	}
}

func TestATorrentOfVersion2AloneIsDeclined(t *testing.T) {
	t.Parallel()
	need(t, python)
	dir := t.TempDir()
	drive.MakeTree(t, dir, 1, contents[0].files...)
	torrent := filepath.Join(dir, "made.torrent")
	output(t, python, libtorrentScript, "create", filepath.Join(dir, contents[0].name), torrent, "v2", "32768", "http://t.example/")
	p := drive.Start(t, drive.Command{Path: binary, Args: []string{"get", torrent, "-o", dir}})
	p.WantExit(26, patience)
	says(t, p.Errs(), "v1")
}

// TestInfoHashesAreThoseOfMktorrent: the same files, name and piece length give
// the same info-hash, so whoever shares them joins the swarm that is there.
func TestInfoHashesAreThoseOfMktorrent(t *testing.T) {
	for _, c := range contents {
		for _, test := range []struct{ theirs, ours []string }{
			{[]string{"-l", "15"}, []string{"--piece-length", "32K"}},
			{[]string{"-l", "20"}, []string{"--piece-length", "1M"}},
			{[]string{"-l", "18", "-p"}, []string{"--piece-length", "256K", "--private"}},
			{[]string{"-l", "18", "-s", "SOURCE", "-n", "another name"}, []string{"--piece-length", "256K", "--source", "SOURCE", "--name", "another name"}},
		} {
			t.Run(c.title+" "+strings.Join(test.theirs, " "), func(t *testing.T) {
				t.Parallel()
				need(t, "mktorrent")
				dir := t.TempDir()
				drive.MakeTree(t, dir, 1, c.files...)
				path, theirs, ours := filepath.Join(dir, c.name), filepath.Join(dir, "theirs.torrent"), filepath.Join(dir, "ours.torrent")
				output(t, "mktorrent", append(test.theirs, "-a", "http://t.example/", "-o", theirs, path)...)
				p2p(t, append([]string{"create", path, "-o", ours}, test.ours...)...)
				if a, b := weSee(t, ours), weSee(t, theirs); a.Hash != b.Hash {
					t.Errorf("our torrent is %+v,\nmktorrent's %+v", a, b)
				}
			})
		}
	}
}
