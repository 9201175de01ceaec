package torrentfile

import (
	"fmt"

	"p2p/torrentfile/benc"
)

// The dictionaries of a torrent file as they are written.
type (
	metainfoDict struct {
		Announce     string     `bencode:"announce,omitempty"`
		AnnounceList [][]string `bencode:"announce-list,omitempty"`
		Comment      string     `bencode:"comment,omitempty"`
		CreatedBy    string     `bencode:"created by,omitempty"`
		Created      int64      `bencode:"creation date,omitempty"`
		Info         benc.Raw   `bencode:"info"`
		Nodes        [][]any    `bencode:"nodes,omitempty"`
		Layers       benc.Raw   `bencode:"piece layers,omitempty"`
		WebSeeds     []string   `bencode:"url-list,omitempty"`
	}
	infoDict struct {
		Attr        string     `bencode:"attr,omitempty"`
		Files       []fileDict `bencode:"files,omitempty"`
		Length      *int64     `bencode:"length,omitempty"`
		Name        string     `bencode:"name"`
		PieceLength int64      `bencode:"piece length"`
		Pieces      []byte     `bencode:"pieces"`
		Private     bool       `bencode:"private,omitempty"`
		Source      string     `bencode:"source,omitempty"`
	}
	fileDict struct {
		Attr   string   `bencode:"attr,omitempty"`
		Length int64    `bencode:"length"`
		Path   []string `bencode:"path"`
	}
)

// Encode returns the torrent file. The info dictionary is written as it was
// read, so the info-hash stays; without InfoBytes it is made from Info.
func (m *Metainfo) Encode() ([]byte, error) {
	d := metainfoDict{Comment: m.Comment, CreatedBy: m.CreatedBy, Info: m.InfoBytes, Layers: m.layers, WebSeeds: m.WebSeeds}
	if len(d.Info) == 0 {
		info, err := m.Info.encode()
		if err != nil {
			return nil, err
		}
		d.Info = info
	}
	urls := 0
	for _, tier := range m.Announce {
		if len(tier) > 0 {
			urls += len(tier)
			d.AnnounceList = append(d.AnnounceList, tier)
		}
	}
	if urls > 0 {
		d.Announce = d.AnnounceList[0][0]
	}
	if urls == 1 {
		d.AnnounceList = nil
	}
	for _, node := range m.Nodes {
		if host, port, ok := splitPeer(node); ok {
			d.Nodes = append(d.Nodes, []any{host, port})
		}
	}
	if !m.Created.IsZero() {
		d.Created = m.Created.Unix()
	}
	b, err := benc.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write torrent: %w", err)
	}
	return b, nil
}

func (i *Info) encode() ([]byte, error) {
	d := infoDict{Name: i.Name, PieceLength: i.PieceLength, Pieces: i.Hashes, Private: i.Private, Source: i.Source}
	if len(i.Files) == 0 || i.Single && len(i.Files) != 1 {
		return nil, invalid("info", "%d files", len(i.Files))
	}
	if i.Single {
		d.Length = &i.Files[0].Length
		d.Attr = i.Files[0].attr()
	} else {
		for _, f := range i.Files {
			d.Files = append(d.Files, fileDict{f.attr(), f.Length, f.Path})
		}
	}
	b, err := benc.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write info: %w", err)
	}
	return b, nil
}

// attr returns the flags of BEP 47.
func (f *File) attr() string {
	s := ""
	if f.Pad {
		s += "p"
	}
	if f.Executable {
		s += "x"
	}
	return s
}
