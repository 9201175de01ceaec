//go:build interop && linux

package interop

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/drive"
	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

// trackerKind is a tracker and the way in which clients talk to it.
type trackerKind struct {
	program string // p2p or opentracker
	scheme  string // http or udp
	named   bool   // by a name for its IPv6 address
}

func (k trackerKind) String() string { return k.program + " over " + k.scheme }

var trackerKinds = []trackerKind{{"p2p", "http", false}, {"p2p", "udp", false}, {"opentracker", "http", false}, {"opentracker", "udp", false}}

// byName returns k for clients that understand no IPv6 address in a URL.
func (k trackerKind) byName() trackerKind { k.named = true; return k }

const trackerPort = 6969

// announceURL is what goes into torrents for a tracker of kind k at addr.
func (k trackerKind) announceURL(addr netip.Addr) string {
	if k.named {
		return fmt.Sprintf("%s://%s:%d/announce", k.scheme, nameOf(addr), trackerPort)
	}
	return fmt.Sprintf("%s://%v/announce", k.scheme, netip.AddrPortFrom(addr, trackerPort))
}

// start runs a tracker at addr, for torrent h alone.
func (k trackerKind) start(t *testing.T, addr netip.Addr, h infohash.T) *drive.Process {
	t.Helper()
	at := netip.AddrPortFrom(addr, trackerPort).String()
	c := drive.Command{Name: "tracker", Path: binary, Args: []string{"tracker", "--listen", at, "-v"}}
	if k.program == "opentracker" {
		need(t, "opentracker")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "hashes"), []byte(h.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		c = drive.Command{Name: "tracker", Path: "opentracker", Dir: dir, Args: []string{
			"-i", addr.String(), "-p", "6969", "-P", "6969", "-d", dir, "-w", "hashes"}}
	}
	p := drive.Start(t, c)
	drive.Eventually(t, patience, "the tracker does not listen", func() bool {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

// counts is what a tracker knows of a torrent.
type counts struct{ seeds, leeches, completed int }

// scrape asks the tracker at addr, over HTTP, which all of them speak.
func scrape(t *testing.T, addr netip.Addr, h infohash.T) (c counts) {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://%v/scrape?info_hash=%s",
		netip.AddrPortFrom(addr, trackerPort), url.QueryEscape(string(h[:]))))
	if err != nil {
		return c
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Files map[string]struct {
			Complete   int `bencode:"complete"`
			Incomplete int `bencode:"incomplete"`
			Downloaded int `bencode:"downloaded"`
		} `bencode:"files"`
	}
	if err := benc.Unmarshal(b, &answer, benc.Limits{}); err != nil {
		t.Fatalf("scrape: %v: %q", err, b)
	}
	f := answer.Files[string(h[:])]
	return counts{f.Complete, f.Incomplete, f.Downloaded}
}
