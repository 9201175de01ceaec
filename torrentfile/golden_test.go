package torrentfile_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"p2p/torrentfile"
)

// golden is what libtorrent read in a torrent, see testdata/torrents/make.py.
type golden struct {
	InfoHash    string     `json:"info_hash"`
	Name        string     `json:"name"`
	PieceLength int64      `json:"piece_length"`
	Pieces      int        `json:"pieces"`
	Private     bool       `json:"private"`
	Comment     string     `json:"comment"`
	CreatedBy   string     `json:"created_by"`
	Created     int64      `json:"created"`
	Announce    [][]string `json:"announce"`
	WebSeeds    []string   `json:"web_seeds"`
	Nodes       []string   `json:"nodes"`
	Files       []struct {
		Path           string `json:"path"`
		Length, Offset int64
		Pad            bool
	} `json:"files"`
}

func goldens(t *testing.T) map[string]golden {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpus, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]golden
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 {
		t.Fatalf("only %d golden torrents", len(all))
	}
	return all
}

func view(m *torrentfile.Metainfo) golden {
	g := golden{
		InfoHash: m.InfoHash.String(), Name: m.Info.Name, PieceLength: m.Info.PieceLength, Pieces: m.Info.Layout().Pieces(),
		Private: m.Info.Private, Comment: m.Comment, CreatedBy: m.CreatedBy,
		WebSeeds: m.WebSeeds, Nodes: m.Nodes,
	}
	for _, tier := range m.Announce { // libtorrent shuffles each tier, so golden.json has them sorted
		g.Announce = append(g.Announce, slices.Sorted(slices.Values(tier)))
	}
	if !m.Created.IsZero() {
		g.Created = m.Created.Unix()
	}
	g.Files = slices.Grow(g.Files, len(m.Info.Files))[:len(m.Info.Files)]
	for i, f := range m.Info.Files {
		g.Files[i].Path = strings.Join(append([]string{m.Info.Name}, f.Path...), "/")
		g.Files[i].Length, g.Files[i].Offset, g.Files[i].Pad = f.Length, f.Offset, f.Pad
	}
	return g
}

func TestParseSeesInRealTorrentsWhatLibtorrentSees(t *testing.T) {
	for file, want := range goldens(t) {
		t.Run(file, func(t *testing.T) {
			m, err := torrentfile.Load(filepath.Join(corpus, file))
			if err != nil {
				t.Fatal(err)
			}
			got := view(m)
			// "no web seeds" is [] there and nil here.
			if len(want.WebSeeds) == 0 {
				want.WebSeeds = nil
			}
			if len(want.Nodes) == 0 {
				want.Nodes = nil
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestHashesOfRealTorrentsFitTheirContents(t *testing.T) {
	contents := map[string][]byte{"single.bin": content(100000, 99)}
	for seed, f := range folderFiles {
		contents["folder/"+f.path] = content(f.size, seed)
	}
	for file := range goldens(t) {
		t.Run(file, func(t *testing.T) {
			m, err := torrentfile.Load(filepath.Join(corpus, file))
			if err != nil {
				t.Fatal(err)
			}
			var all []byte
			for i, p := range m.Info.OriginalPaths() {
				data, ok := contents[p]
				if m.Info.Files[i].Pad {
					data, ok = make([]byte, m.Info.Files[i].Length), true
				}
				if !ok {
					t.Fatalf("unexpected file %q", p)
				}
				all = append(all, data...)
			}
			l := m.Info.Layout()
			for n := range l.Pieces() {
				i := l.MustIndex(n)
				if sha1.Sum(all[l.Offset(i):][:l.Size(i)]) != m.Info.Hash(i) {
					t.Errorf("piece %d does not fit", n)
				}
			}
		})
	}
}

func TestEncodeKeepsWhatParseRead(t *testing.T) {
	for file := range goldens(t) {
		t.Run(file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(corpus, file))
			if err != nil {
				t.Fatal(err)
			}
			m := mustParse(t, b)
			out, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if again := mustParse(t, out); !reflect.DeepEqual(again, m) {
				t.Errorf("got  %+v\nwant %+v", again, m)
			}
			if strings.HasPrefix(file, "libtorrent-hybrid") && !bytes.Contains(out, []byte("12:piece layersd")) {
				t.Error("the piece layers are gone, without which v2 clients refuse a hybrid")
			}
			// Without the original bytes the dictionary is made anew; for torrents of
			// version 1 whose keys we know that gives the same one.
			if m.InfoBytes = nil; strings.HasPrefix(file, "mktorrent") {
				if out, err = m.Encode(); err != nil {
					t.Fatal(err)
				}
				if h := mustParse(t, out).InfoHash; h != m.InfoHash {
					t.Errorf("info-hash %v became %v", m.InfoHash, h)
				}
			}
		})
	}
}

func TestATorrentOfVersion2AloneSaysSo(t *testing.T) {
	_, err := torrentfile.Load(filepath.Join(corpus, "libtorrent-v2-folder.torrent"))
	var e *torrentfile.InvalidError
	if !errors.Is(err, torrentfile.ErrV2Only) || !errors.As(err, &e) {
		t.Fatalf("got %v, want an InvalidError that is ErrV2Only", err)
	}
	if !strings.Contains(err.Error(), "v2") || !strings.Contains(err.Error(), "libtorrent-v2-folder.torrent") {
		t.Errorf("%q does not help", err)
	}
}
