package torrentfile

import (
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"p2p/torrentfile/benc"
)

// parseTiers reads the trackers. BEP 12: "if the 'announce-list' key is present,
// the client will ignore the 'announce' key and only use the URLs in
// 'announce-list'". A list that holds nothing usable counts as absent, and a
// flat list of URLs, which some programs write, as tiers of one each.
func parseTiers(announce, list []byte) [][]string {
	u := urlSet{most: MaxTrackers}
	var tiers [][]string
	if items, err := benc.Items(list, limits); err == nil {
		for item := range items {
			if tier := u.add(item); len(tier) > 0 {
				tiers = append(tiers, tier)
			}
		}
	}
	if len(tiers) == 0 {
		if tier := u.add(announce); len(tier) > 0 {
			tiers = append(tiers, tier)
		}
	}
	return tiers
}

// parseWebSeeds reads url-list. BEP 19: "this key will refer to a one or more
// URLs": a string or a list of strings.
func parseWebSeeds(list []byte) []string {
	u := urlSet{most: MaxWebSeeds}
	return u.add(list)
}

// urlSet collects URLs without repeating one.
type urlSet struct {
	most int
	seen map[string]bool
}

// add returns the new URLs in v, which is a bencoded string or list of strings.
// A string may hold several URLs in lines of their own, and end in a newline.
func (u *urlSet) add(v []byte) []string {
	var urls []string
	if s, ok := benc.String(v); ok {
		for line := range strings.SplitSeq(string(s), "\n") {
			urls = u.append(urls, line)
		}
		return urls
	}
	items, err := benc.Items(v, limits)
	if err != nil {
		return nil
	}
	for item := range items {
		if s, ok := benc.String(item); ok {
			urls = u.append(urls, string(s))
		}
	}
	return urls
}

// take reports whether url looks like one, is new, and has room.
func (u *urlSet) take(url string) bool {
	if len(u.seen) >= u.most || u.seen[url] || !plausibleURL(url) {
		return false
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[url] = true
	return true
}

// append adds url to list when it can be taken. A space inside it, which people
// forget to escape, is escaped.
func (u *urlSet) append(list []string, url string) []string {
	if url = strings.ReplaceAll(strings.TrimSpace(url), " ", "%20"); u.take(url) {
		return append(list, url)
	}
	return list
}

// plausibleURL keeps out what can only confuse a log or a terminal. Which
// schemes are spoken is for those to decide who dial.
func plausibleURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	return ok && scheme != "" && rest != "" && len(s) <= maxURL && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Z) })
}

// splitPeer splits the address of a peer or node. BEP 9: "x.pe ... a peer address
// expressed as hostname:port, ipv4-literal:port or [ipv6-literal]:port".
func splitPeer(s string) (host string, port uint16, ok bool) {
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return host, uint16(n), err == nil && n > 0 && plausibleHost(host)
}

func plausibleHost(s string) bool { return len(s) <= 255 && plausibleURL("host://"+s) }

// parseNodes reads the nodes of BEP 5: "nodes = [["<host>", <port>], ...]".
func parseNodes(list []byte) []string {
	const most = 100
	items, err := benc.Items(list, limits)
	if err != nil {
		return nil
	}
	var nodes []string
	for item := range items {
		pair, err := benc.Items(item, limits)
		if err != nil || len(nodes) == most {
			continue
		}
		var host string
		var port int64
		for v := range pair {
			if s, ok := benc.String(v); ok {
				host = string(s)
			} else if n, ok := benc.Int(v); ok {
				port = n
			}
		}
		if plausibleHost(host) && port > 0 && port <= 65535 {
			nodes = append(nodes, net.JoinHostPort(host, strconv.FormatInt(port, 10)))
		}
	}
	return nodes
}
