package torrentfile

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"p2p/torrentfile/infohash"
)

// ErrMagnet is wrapped by every error of ParseMagnet.
var ErrMagnet = errors.New("bad magnet link")

// Limits on a magnet link.
const (
	maxMagnet      = 64 << 10 // bytes
	maxMagnetPeers = 200
)

// Magnet is a magnet link of a torrent: what is needed to find people who have
// it (BEP 9).
type Magnet struct {
	InfoHash infohash.T // xt=urn:btih:
	Name     string     // dn; any text; "" when not said
	Length   int64      // xl, in bytes; 0 when not said
	Trackers []string   // tr
	WebSeeds []string   // ws
	Peers    []string   // x.pe, "host:port"
}

// Magnet returns the link to m. Private torrents have one too, though only their
// trackers can help who follows it.
func (m *Metainfo) Magnet() Magnet {
	g := Magnet{InfoHash: m.InfoHash, Name: strings.ToValidUTF8(m.Info.Name, "\uFFFD"), Length: m.Info.Total(), WebSeeds: m.WebSeeds}
	for _, tier := range m.Announce {
		g.Trackers = append(g.Trackers, tier...)
	}
	return g
}

// String returns the link. All values are escaped, so it can stand in a shell's
// quotes, in HTML and in a QR code, and ParseMagnet gives back the same Magnet.
func (m Magnet) String() string {
	var b strings.Builder
	b.WriteString("magnet:?xt=urn:btih:" + m.InfoHash.String())
	add := func(key string, values ...string) {
		for _, v := range values {
			// BEP 9 shows spaces as %20; '+' is read as itself by some clients.
			b.WriteString("&" + key + "=" + strings.ReplaceAll(url.QueryEscape(v), "+", "%20"))
		}
	}
	if m.Name != "" {
		add("dn", m.Name)
	}
	if m.Length > 0 {
		add("xl", strconv.FormatInt(m.Length, 10))
	}
	add("tr", m.Trackers...)
	add("ws", m.WebSeeds...)
	add("x.pe", m.Peers...)
	return b.String()
}

// ParseMagnet reads a magnet link. Parameters that it does not know, and
// addresses that cannot be used, are ignored.
func ParseMagnet(s string) (Magnet, error) {
	m, err := parseMagnet(strings.TrimSpace(s))
	if err != nil {
		return Magnet{}, fmt.Errorf("%w: %w", ErrMagnet, err)
	}
	return m, nil
}

func parseMagnet(s string) (Magnet, error) {
	if len(s) > maxMagnet {
		return Magnet{}, fmt.Errorf("longer than %d bytes", maxMagnet)
	}
	const scheme = "magnet:"
	if len(s) < len(scheme) || !strings.EqualFold(s[:len(scheme)], scheme) {
		return Magnet{}, errors.New(`does not begin with "magnet:"`)
	}
	_, query, ok := strings.Cut(s, "?")
	if !ok {
		return Magnet{}, errors.New("has no parameters after a question mark")
	}
	p := magnetParser{trackers: urlSet{most: MaxTrackers}, webSeeds: urlSet{most: MaxWebSeeds}}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if err := p.take(strings.ToLower(key), value); err != nil {
			return Magnet{}, err
		}
	}
	switch {
	case p.found:
		return p.magnet, nil
	case p.v2:
		return Magnet{}, fmt.Errorf("%w: it has only a v2 info-hash (urn:btmh)", ErrV2Only)
	}
	return Magnet{}, errors.New("has no info-hash (xt=urn:btih:...)")
}

type magnetParser struct {
	magnet             Magnet
	found, v2          bool // an xt of version 1, of version 2
	trackers, webSeeds urlSet
}

// take reads one parameter. A key may be numbered, "tr.1", and begin with what is
// left of "&amp;" when the link was copied out of a page's source. A value with a
// stray percent sign, "dn=100% real", stands for itself.
func (p *magnetParser) take(key, value string) error {
	if unescaped, err := url.QueryUnescape(value); err == nil {
		value = unescaped
	}
	key = strings.TrimPrefix(key, "amp;")
	if base, _, numbered := strings.Cut(key, "."); numbered && base != "x" {
		key = base
	}
	m := &p.magnet
	switch key {
	case "xt":
		return p.topic(value)
	case "dn":
		m.Name = strings.ToValidUTF8(value, "\uFFFD")
	case "xl":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
			m.Length = n
		}
	case "tr":
		m.Trackers = p.trackers.append(m.Trackers, value)
	case "ws":
		m.WebSeeds = p.webSeeds.append(m.WebSeeds, value)
	case "x.pe":
		if _, _, ok := splitPeer(value); ok && len(m.Peers) < maxMagnetPeers {
			m.Peers = append(m.Peers, value)
		}
	}
	return nil
}

// topic reads xt. A link may name several topics of other networks, but not two
// torrents.
func (p *magnetParser) topic(value string) error {
	const v1, v2 = "urn:btih:", "urn:btmh:"
	lower := strings.ToLower(value)
	p.v2 = p.v2 || strings.HasPrefix(lower, v2)
	if !strings.HasPrefix(lower, v1) {
		return nil
	}
	h, err := infohash.Parse(value[len(v1):])
	switch {
	case err != nil:
		return fmt.Errorf("xt: %w", err)
	case h.IsZero():
		return errors.New("xt: the info-hash is zero")
	case p.found && h != p.magnet.InfoHash:
		return errors.New("xt: names two torrents")
	}
	p.magnet.InfoHash, p.found = h, true
	return nil
}
