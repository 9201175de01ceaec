package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

// summary is `p2p show -j`: the keys of `imdl torrent show --json`, and ours
// after them.
type summary struct {
	Name         string     `json:"name"`
	Comment      *string    `json:"comment"`
	CreationDate *int64     `json:"creation_date"` // seconds since 1970
	CreatedBy    *string    `json:"created_by"`
	Source       *string    `json:"source"`
	InfoHash     string     `json:"info_hash"`
	TorrentSize  int        `json:"torrent_size"`
	ContentSize  int64      `json:"content_size"`
	Private      bool       `json:"private"`
	Tracker      *string    `json:"tracker"`
	AnnounceList [][]string `json:"announce_list"`
	UpdateURL    *string    `json:"update_url"`
	DHTNodes     []string   `json:"dht_nodes"`
	PieceSize    int64      `json:"piece_size"`
	PieceCount   int        `json:"piece_count"`
	FileCount    int        `json:"file_count"`
	Files        []string   `json:"files"`

	Schema      int          `json:"schema"`
	InfoHashV2  *string      `json:"info_hash_v2"`
	Magnet      string       `json:"magnet"`
	MetaVersion int          `json:"meta_version"`
	WebSeeds    []string     `json:"web_seeds"`
	FileList    []fileObject `json:"file_list"`
	Torrent     string       `json:"torrent,omitempty"` // create: where it was written
}

type fileObject struct {
	Index  int    `json:"index"` // from 1, as --select takes it
	Path   string `json:"path"`
	Length int64  `json:"length"`
	Offset int64  `json:"offset"`
}

func summarise(t loaded, path string) summary {
	l := t.Info.Layout()
	s := summary{
		Name: t.Info.Name, Comment: optional(t.Comment), CreatedBy: optional(t.CreatedBy), Source: optional(t.Info.Source),
		InfoHash: t.InfoHash.String(), TorrentSize: t.size, ContentSize: l.Total(), Private: t.Info.Private,
		AnnounceList: orEmpty(t.Announce), DHTNodes: orEmpty(t.Nodes),
		PieceSize: l.PieceLen(), PieceCount: l.Pieces(), Files: []string{}, FileList: []fileObject{},
		Schema: schema, Magnet: t.Magnet().String(), MetaVersion: 1, WebSeeds: orEmpty(t.WebSeeds), Torrent: path,
	}
	if !t.Created.IsZero() {
		seconds := t.Created.Unix()
		s.CreationDate = &seconds
	}
	if len(t.Announce) > 0 {
		s.Tracker = &t.Announce[0][0]
	}
	if hash, ok := hybridHash(t.InfoBytes); ok {
		s.MetaVersion, s.InfoHashV2 = 2, optional(hash)
	}
	paths := displayPaths(t)
	for i, f := range t.Info.Files {
		if f.Pad {
			continue
		}
		s.Files = append(s.Files, paths[i])
		s.FileList = append(s.FileList, fileObject{i + 1, paths[i], f.Length, f.Offset})
	}
	s.FileCount = len(s.Files)
	return s
}

// hybridHash returns the version 2 info-hash (BEP 52) of an info dictionary that
// has one.
func hybridHash(info []byte) (string, bool) {
	const tokens = 1 << 24 // far beyond any torrent that was parsed
	found, err := benc.Pick(info, benc.Limits{Tokens: tokens}, "meta version")
	if err != nil || string(found[0]) != "i2e" {
		return "", false
	}
	return infohash.V2(sha256.Sum256(info)).String(), true
}

// displayPaths returns the paths of the files as the torrent spells them, below
// the torrent's name, which is the whole path of a single file.
func displayPaths(t loaded) []string {
	paths := make([]string, len(t.Info.Files))
	for i, f := range t.Info.Files {
		paths[i] = strings.Join(f.Path, "/")
		if t.Info.Single {
			paths[i] = t.Info.Name
		}
	}
	return paths
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orEmpty makes a list that JSON shows as [] and not as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show FILE",
		Aliases:           []string{"info"},
		Short:             a.text.Say("show.short"),
		Long:              a.text.Say("show.long"),
		Example:           "p2p show debian.torrent\np2p show debian.torrent -j | jq -r .info_hash\np2p create ./data -o - | p2p show -",
		Args:              a.one("FILE"),
		ValidArgsFunction: completeTorrents,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.load(cmd.Context(), args[0], netip.Addr{})
			if err != nil {
				return err
			}
			if a.globals.json {
				return a.emit(summarise(t, ""))
			}
			return a.show(t)
		},
	}
}

func (a *app) show(t loaded) error {
	say, l := a.text.Say, t.Info.Layout()
	rows := [][2]string{
		{say("show.name"), t.Info.Name},
		{say("show.info_hash"), t.InfoHash.String()},
	}
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, [2]string{say(key), value})
		}
	}
	if hash, ok := hybridHash(t.InfoBytes); ok {
		add("show.info_hash_v2", hash)
	}
	add("show.size", say("show.bytes", units.FormatBytes(l.Total()), l.Total()))
	add("show.pieces", say("show.pieces_of", l.Pieces(), units.FormatBytes(l.PieceLen())))
	if t.Info.Private {
		add("show.private", say("show.yes"))
	}
	add("show.source", t.Info.Source)
	for i, tier := range t.Announce {
		key := "show.trackers"
		if i > 0 {
			key = "show.then"
		}
		add(key, strings.Join(tier, "  "))
	}
	add("show.web_seeds", strings.Join(t.WebSeeds, "  "))
	add("show.nodes", strings.Join(t.Nodes, "  "))
	add("show.comment", t.Comment)
	if !t.Created.IsZero() {
		add("show.created", t.Created.UTC().Format(time.RFC3339))
	}
	add("show.created_by", t.CreatedBy)
	add("show.files", fmt.Sprint(stored(t.Metainfo)))
	if err := a.printRows(rows); err != nil {
		return err
	}
	return listFiles(a.out, t)
}

// listFiles writes the files with the numbers that --select takes.
func listFiles(out io.Writer, t loaded) error {
	digits := len(fmt.Sprint(len(t.Info.Files)))
	paths := displayPaths(t)
	for i, f := range t.Info.Files {
		if f.Pad {
			continue
		}
		_, err := fmt.Fprintf(out, "%*d  %10s  %s\n", digits+2, i+1, units.FormatBytes(f.Length), text.Printable(paths[i]))
		if err != nil {
			return err
		}
	}
	return nil
}
